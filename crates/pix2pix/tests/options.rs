//! Additions to the paper, compared with PyTorch (`tools/make_option_fixtures.py` made the fixture), and training
//! steps with them.

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use pix2pix::device;
use pix2pix::network::weights::{self, Array, Weights};
use pix2pix::network::{
    Generator, GeneratorConfig, HdConfig, Init, Noise, Norm, Patch, PatchGan, PatchGanConfig,
    ResnetConfig, UnetConfig, Upsample, WeightInit,
};
use pix2pix::train::{
    Composite, DiffAugment, Gan, Objective, ObjectiveConfig, OptimizerConfig, Schedule, Trainer,
    TrainerConfig, feature_matching, gradient_penalty,
};

use safetensors::View;

use crate::tensors::read;

fn fixture() -> Weights {
    fixture_of("options")
}

fn fixture_of(name: &str) -> Weights {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
    read(format!("{folder}/{name}.safetensors").as_ref())
}

/// The tensors whose names begin with a prefix and a dot, under their names without these.
fn take(fixture: &Weights, prefix: &str) -> Weights {
    let named = fixture.iter().filter_map(|(name, data)| {
        let rest = name.strip_prefix(prefix)?.strip_prefix('.')?;
        Some((rest.to_string(), data.clone()))
    });
    named.collect()
}

fn host<const D: usize>(tensor: &Tensor<D>) -> Vec<f32> {
    tensor.to_data().try_into_vec().unwrap()
}

/// Checks that values are equal within a fraction `share` of the largest expected value.
fn close(found: &[f32], expected: &Array, share: f32, what: &str) {
    let expected = &expected.values;
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected
        .iter()
        .fold(0.0f32, |most, value| most.max(value.abs()));
    assert!(scale > 1e-3, "{what}: the reference is zero");
    for (found, expected) in found.iter().zip(expected) {
        let gap = (found - expected).abs();
        assert!(
            gap <= share * scale,
            "{what}: {found} instead of {expected}, of up to {scale}"
        );
    }
}

fn unet(norm: Norm, upsample: Upsample) -> GeneratorConfig {
    GeneratorConfig::Unet(UnetConfig {
        filters: 4,
        depth: 4,
        dropout: 0.0,
        norm,
        upsample,
        ..UnetConfig::default()
    })
}

fn resnet(norm: Norm, upsample: Upsample) -> GeneratorConfig {
    GeneratorConfig::Resnet(ResnetConfig {
        in_channels: 3,
        out_channels: 3,
        filters: 4,
        halvings: 2,
        blocks: 2,
        dropout: 0.0,
        norm,
        bias_before_norm: false,
        upsample,
    })
}

fn patch_gan(norm: Norm, spectral_norm: bool) -> PatchGanConfig {
    PatchGanConfig {
        filters: 4,
        patch: Patch::P16,
        norm,
        spectral_norm,
        ..PatchGanConfig::default()
    }
}

#[test]
fn generators_agree_with_pytorch() {
    let networks = [
        ("unet-instance", unet(Norm::Instance, Upsample::Transposed)),
        ("unet-group", unet(Norm::Group, Upsample::Transposed)),
        ("unet-resize", unet(Norm::Batch, Upsample::Resize)),
        ("resnet-batch", resnet(Norm::Batch, Upsample::Transposed)),
        (
            "resnet-instance",
            resnet(Norm::Instance, Upsample::Transposed),
        ),
        ("resnet-group", resnet(Norm::Group, Upsample::Transposed)),
    ];
    agree_with_pytorch(&fixture(), &networks);
}

/// Of PyTorch's fixture by `tools/make_sampling_fixture.py`.
#[test]
fn bilinear_upsampling_agrees_with_pytorch() {
    let fixture = fixture_of("sampling");
    let plane = &fixture["plane"];
    let [_, channels, height, width] = plane.shape[..] else {
        panic!("{:?}", plane.shape)
    };
    let doubled = pix2pix_kernels::filled(4 * plane.values.len(), |doubled| {
        pix2pix_kernels::upsample([height, width], &plane.values, doubled)
    });
    let found = pix2pix_kernels::filled(channels * 4 * height * width, |smoothed| {
        pix2pix_kernels::smooth([2 * height, 2 * width], &doubled, smoothed)
    });
    close(&found, &fixture["bilinear"], 1e-6, "a plane");
    let networks = [
        ("unet-bilinear", unet(Norm::Batch, Upsample::Bilinear)),
        (
            "resnet-bilinear",
            resnet(Norm::Instance, Upsample::Bilinear),
        ),
    ];
    agree_with_pytorch(&fixture, &networks);
}

/// Of PyTorch's fixture by `tools/make_input_skip_fixture.py`.
#[test]
fn a_source_joined_to_the_last_layer_agrees_with_pytorch() {
    let mut config = unet(Norm::Batch, Upsample::Transposed);
    if let GeneratorConfig::Unet(config) = &mut config {
        config.input_skip = true;
    }
    agree_with_pytorch(&fixture_of("input-skip"), &[("unet-input-skip", config)]);
}

/// Checks outputs and the gradients of the first layers.
fn agree_with_pytorch(fixture: &Weights, networks: &[(&str, GeneratorConfig)]) {
    let device = Device::flex().autodiff();
    for (name, config) in networks {
        let network = config.init(&device).unwrap();
        let saved = take(fixture, &format!("{name}.weights"));
        let network = weights::restore(network, saved).unwrap_or_else(|e| panic!("{name}: {e}"));
        let source = Tensor::from_data(weights::data(fixture["source"].clone()), &device);
        let output = network.forward(source, &mut Noise::off());
        close(
            &host(&output),
            &fixture[&format!("{name}.output")],
            1e-4,
            name,
        );
        let gradients = output.square().sum().backward();
        let first = match &network {
            Generator::Unet(network) => network.encoder[0].conv.weight.val(),
            Generator::Resnet(network) => network.first.conv.weight.val(),
            Generator::Hd(_) => unreachable!("none of these"),
        };
        let gradient = first.grad(&gradients).unwrap();
        close(
            &host(&gradient),
            &fixture[&format!("{name}.gradient")],
            1e-3,
            name,
        );
    }
}

#[test]
fn discriminators_agree_with_pytorch() {
    let fixture = fixture();
    let device = Device::flex().autodiff();
    for (name, config) in [
        ("patch-spectral", patch_gan(Norm::None, true)),
        ("patch-instance", patch_gan(Norm::Instance, false)),
    ] {
        let network = config.init(&device).unwrap();
        let saved = take(&fixture, &format!("{name}.weights"));
        let network = weights::restore(network, saved).unwrap_or_else(|e| panic!("{name}: {e}"));
        let [source, image] = ["source", "image"]
            .map(|part| Tensor::from_data(weights::data(fixture[part].clone()), &device));
        let output = network.forward(source, image);
        close(
            &host(&output),
            &fixture[&format!("{name}.output")],
            1e-4,
            name,
        );
        let gradients = output.square().sum().backward();
        let gradient = network.blocks[0]
            .conv
            .weight
            .val()
            .grad(&gradients)
            .unwrap();
        close(
            &host(&gradient),
            &fixture[&format!("{name}.gradient")],
            1e-3,
            name,
        );
        if let Some(spectral) = &network.blocks[0].conv.spectral {
            close(
                &host(&spectral.u.value()),
                &fixture[&format!("{name}.u")],
                1e-4,
                "u",
            );
        }
    }
}

/// Compared with JAX's gradients of gradients in 64 bits (`tools/make_penalty_fixtures.py`): of pictures that are judged alone,
/// and with batch normalization together.
#[test]
fn penalties_have_the_gradients_of_gradients() {
    let fixture = fixture_of("penalties");
    let device = Device::flex().autodiff();
    let [source, image] = ["source", "image"]
        .map(|part| Tensor::<4>::from_data(weights::data(fixture[part].clone()), &device));
    for (name, norm) in [("instance", Norm::Instance), ("batch", Norm::Batch)] {
        let network = patch_gan(norm, false).init(&device);
        let saved = take(&fixture, &format!("{name}.weights"));
        let network = weights::restore(network.unwrap(), saved).unwrap();
        let check = |kind: &str, penalty: Tensor<1>| {
            let gradients = penalty.backward();
            for (layer, weight) in [
                ("blocks.0.conv", &network.blocks[0].conv.weight),
                ("blocks.1.conv", &network.blocks[1].conv.weight),
                ("output", &network.output.weight),
            ] {
                let name = format!("{name}.{kind}.{layer}.weight");
                let found = host(&weight.val().grad(&gradients).unwrap());
                close(&found, &fixture[&name], 3e-3, &name);
            }
        };
        let [source, image] = [&source, &image].map(Tensor::clone);
        let r1 = gradient_penalty::r1(&network, source.clone(), image.clone(), 10.0);
        check("r1", r1);
        check(
            "wgan-gp",
            gradient_penalty::wgan_gp(&network, source, image),
        );
    }
}

/// The penalty is halved with the discriminator's losses, so that their ratio is that of its paper.
#[test]
fn a_penalty_has_its_weight_against_the_losses() {
    let gradient = |r1: f64| {
        let objective = ObjectiveConfig {
            r1,
            ..ObjectiveConfig::default()
        };
        let mut trainer = trainer(OptimizerConfig::default(), objective, Norm::Instance);
        let network = trainer.discriminator().clone();
        trainer.step(&[batch()]).unwrap();
        // Adam's first moment is half of the gradient
        let state = trainer.state();
        let name = "discriminator.first.output.weight";
        let (_, moment) = state.iter().find(|(found, _)| found == name).unwrap();
        let moment = bytemuck::pod_collect_to_vec::<u8, f32>(&moment.data());
        let gradient: Vec<f32> = moment.iter().map(|half| 2.0 * half).collect();
        (network, gradient)
    };
    let gamma = 1e4;
    let (network, with) = gradient(gamma);
    let (_, without) = gradient(0.0);
    let [source, image] = batch();
    let gradients = gradient_penalty::r1(&network, source, image, gamma).backward();
    let penalty = host(&network.output.weight.val().grad(&gradients).unwrap());
    let half = penalty.iter().map(|value| 0.5 * value).collect();
    let difference = with
        .iter()
        .zip(&without)
        .map(|(with, without)| with - without);
    let shape = vec![penalty.len()];
    let half = Array {
        shape,
        values: half,
    };
    close(&difference.collect::<Vec<_>>(), &half, 1e-2, "R1");
}

/// Maps, summed losses, feature matching and gradients of three discriminators at scales, and of a U-Net
/// (`tools/make_discriminator_fixtures.py`).
#[test]
fn several_decisions_agree_with_pytorch() {
    let fixture = fixture_of("discriminators");
    let device = Device::flex().autodiff();
    let scales = PatchGanConfig {
        filters: 2,
        scales: 3,
        ..patch_gan(Norm::Instance, false)
    };
    let unet = PatchGanConfig {
        filters: 2,
        unet: true,
        ..PatchGanConfig::default()
    };
    for (name, config, gan) in [
        ("scales", scales, Gan::LeastSquares),
        ("unet", unet, Gan::Bce),
    ] {
        let of = |part: &str| &fixture[&format!("{name}.{part}")];
        let network = config.init(&device).unwrap();
        let saved = take(&fixture, &format!("{name}.weights"));
        let network = weights::restore(network, saved).unwrap_or_else(|e| panic!("{name}: {e}"));
        let [source, image, target] = ["source", "generated", "target"]
            .map(|part| Tensor::<4>::from_data(weights::data(of(part).clone()), &device));
        let objective = ObjectiveConfig {
            gan,
            lambda: 0.0,
            feature_matching: 10.0,
            ..ObjectiveConfig::default()
        };
        let objective = Objective::new(objective, &device).unwrap();
        let single = |loss: Tensor<1>| loss.into_scalar::<f32>();

        let pairs = [&target, &image].map(|picture| [source.clone(), picture.clone()]);
        let [real, fake] = network.judge_both(pairs);
        let count = fake.0.len();
        for (index, map) in fake.0.iter().enumerate() {
            close(&host(map), of(&format!("map.{index}")), 1e-4, name);
        }
        let losses = objective.discriminator(real, fake);
        let expected = &of("losses").values;
        let gradients = GradientsParams::from_grads(losses.total.clone().backward(), &network);
        let ids = weights::ids(&network);
        for (tensor, expected) in take(&fixture, &format!("{name}.gradient")) {
            let found = gradients.get::<4>(ids[&tensor].0).unwrap();
            close(&host(&found), &expected, 1e-3, &tensor);
        }

        let image = image.require_grad();
        let (maps, features) = network.judge_with_features(source.clone(), image.clone());
        let (_, real) = network.judge_with_features(source, target.clone());
        let distance = feature_matching::distance(features.clone(), real.clone());
        let found = objective.generator(maps, image.clone(), target, Some([features, real]));
        // sums are trained on, means are told
        let [d_real, d_fake] = [losses.real, losses.fake].map(|mean| single(mean) * count as f32);
        let told = single(found.adversarial.clone()) * count as f32;
        let found_losses = [d_real, d_fake, told, single(distance)];
        for (found, expected) in found_losses.iter().zip(expected) {
            assert!(
                (found - expected).abs() < 1e-4 * expected.abs(),
                "{found} instead of {expected}"
            );
        }
        let total = single(losses.total);
        assert!(
            (total - (expected[0] + expected[1]) / 2.0).abs() < 1e-4,
            "{total}"
        );
        let gradient = image.grad(&found.total.backward()).unwrap();
        close(&host(&gradient), of("image"), 1e-3, name);
    }
}

/// L1 at each scale and the gradient of all, by kornia's filters and PyTorch (`tools/make_alignment_fixtures.py`), for two
/// pictures with odd and even sides.
#[test]
fn l1_of_a_pyramid_agrees_with_the_authors_code() {
    let fixture = fixture_of("pyramid");
    let device = Device::flex().autodiff();
    let [image, target] = ["image", "target"]
        .map(|name| Tensor::<4>::from_data(weights::data(fixture[name].clone()), &device));
    let image = image.require_grad();
    let losses = &fixture["losses"].values;
    let map = || Tensor::<4>::zeros([2, 1, 3, 3], &device);
    for levels in 0..=3 {
        let config = ObjectiveConfig {
            l1_pyramid: levels,
            ..ObjectiveConfig::default()
        };
        let objective = Objective::new(config, &device).unwrap();
        let found = objective.generator(map(), image.clone(), target.clone(), None);
        // what is told as L1 stays that of the pictures
        let l1 = found.l1.into_scalar::<f32>();
        assert!(
            (l1 - losses[0]).abs() < 1e-6,
            "{l1} instead of {}",
            losses[0]
        );
        let near = (found.total - found.adversarial).into_scalar::<f32>();
        let expected = losses[..=levels].iter().sum::<f32>() * 100.0 / (levels + 1) as f32;
        assert!(
            (near - expected).abs() < 1e-4,
            "{levels}: {near} instead of {expected}"
        );
    }
    let config = ObjectiveConfig {
        l1_pyramid: 3,
        ..ObjectiveConfig::default()
    };
    let objective = Objective::new(config, &device).unwrap();
    let found = objective.generator(map(), image.clone(), target, None);
    let gradient = image.grad(&found.total.backward()).unwrap();
    close(&host(&gradient), &fixture["gradient"], 1e-4, "pyramid");
}

/// The gradient of a training step is that of its parts, with the updated discriminator: half of it is Adam's first moment.
#[test]
fn a_step_matches_the_features_of_real_pairs() {
    let device = Device::flex().autodiff();
    let config = PatchGanConfig {
        scales: 2,
        ..patch_gan(Norm::Batch, false)
    };
    let generator = unet(Norm::Batch, Upsample::Transposed);
    let objective = ObjectiveConfig {
        feature_matching: 10.0,
        lambda: 0.0,
        ..ObjectiveConfig::default()
    };
    let of_trainer = TrainerConfig {
        objective: objective.clone(),
        ..TrainerConfig::default()
    };
    let mut trainer = Trainer::new(&generator, &config, of_trainer, &device).unwrap();
    let [source, target] = batch();
    trainer.step(&[[source.clone(), target.clone()]]).unwrap();

    let before = generator.init(&device).unwrap();
    let judge = trainer.discriminator().clone();
    let image = before.forward(source.clone(), &mut Noise::off());
    let composite = Composite::new(&before, &judge);
    let (output, features) = composite.judge_with_features(source.clone(), image.clone(), image);
    let (_, real) = judge.judge_with_features(source, target.clone());
    let losses = output.losses(target, &Objective::new(objective, &device).unwrap());
    let matching = feature_matching::distance(features, real) * 10.0;
    let gradients = (losses.total + matching).backward();
    let gradients = GradientsParams::from_grads(gradients, &before);
    let state = trainer.state();
    let ids = weights::ids(&before).into_iter();
    let convs: Vec<_> = ids.filter(|(name, _)| name.ends_with(".weight")).collect();
    assert_eq!(convs.len(), 8);
    for (tensor, (id, _)) in convs {
        let expected = gradients.get::<4>(id).unwrap();
        let name = format!("generator.first.{tensor}");
        let (_, moment) = state.iter().find(|(found, _)| *found == name).unwrap();
        let found: Vec<f32> = bytemuck::pod_collect_to_vec(&safetensors::View::data(&moment));
        let found: Vec<f32> = found.iter().map(|moment| 2.0 * moment).collect();
        let expected = Array::new(&expected.dims(), host(&expected));
        close(&found, &expected, 1e-3, &name);
    }
}

fn trainer(optimizer: OptimizerConfig, objective: ObjectiveConfig, norm: Norm) -> Trainer {
    let config = TrainerConfig {
        optimizer,
        objective,
        seed: 5,
        steps: 10,
        ..TrainerConfig::default()
    };
    let device = Device::flex().autodiff();
    Trainer::new(
        &unet(norm, Upsample::Transposed),
        &patch_gan(norm, false),
        config,
        &device,
    )
    .unwrap()
}

/// Two pairs of 32x32 pixels.
fn batch() -> [Tensor<4>; 2] {
    let fixture = fixture();
    let device = Device::flex().autodiff();
    ["source", "image"].map(|part| Tensor::from_data(weights::data(fixture[part].clone()), &device))
}

fn all_weights<M: Module>(network: &M) -> Vec<f32> {
    let tensors = weights::collect(network).into_values();
    tensors.flat_map(|array| array.values).collect()
}

/// The distance of `a` and `b`, relative to that of `a` and `c`.
fn distance(a: &[f32], b: &[f32], c: &[f32]) -> f32 {
    let length = |a: &[f32], b: &[f32]| {
        a.iter()
            .zip(b)
            .map(|(a, b)| (a - b).powi(2))
            .sum::<f32>()
            .sqrt()
    };
    length(a, b) / length(a, c)
}

/// With statistics that do not depend on other pictures, two batches of one equal a batch of two.
#[test]
fn accumulated_batches_are_one_large_batch() {
    let mut whole = trainer(
        OptimizerConfig::default(),
        ObjectiveConfig::default(),
        Norm::Instance,
    );
    let before = [
        all_weights(whole.generator()),
        all_weights(whole.discriminator()),
    ];
    whole.step(&[batch()]).unwrap();
    let accumulate = OptimizerConfig {
        accumulate: 2,
        ..OptimizerConfig::default()
    };
    let mut parts = trainer(accumulate, ObjectiveConfig::default(), Norm::Instance);
    let part = |index: usize| batch().map(|side| side.narrow(0, index, 1));
    parts.step(&[part(0), part(1)]).unwrap();
    let pairs = [
        (
            all_weights(whole.generator()),
            all_weights(parts.generator()),
        ),
        (
            all_weights(whole.discriminator()),
            all_weights(parts.discriminator()),
        ),
    ];
    for ((whole, parts), before) in pairs.iter().zip(&before) {
        // Adam's first step is the sign of the gradient, which rounding flips in places
        let gap = distance(whole, parts, before);
        assert!(gap < 0.05, "{gap}");
    }
}

/// Recomputed values equal the original ones: for all generators, with every norm, dropout included.
#[test]
fn recomputing_changes_nothing() {
    let generators = [
        unet(Norm::Batch, Upsample::Transposed),
        unet(Norm::Group, Upsample::Resize),
        resnet(Norm::Instance, Upsample::Bilinear),
        match resnet(Norm::Batch, Upsample::Transposed) {
            GeneratorConfig::Resnet(coarse) => HdConfig::around(coarse).into(),
            other => other,
        },
    ];
    for (generator, r1) in generators.into_iter().zip([0.0, 0.0, 1.0, 0.0]) {
        let generator = match generator {
            GeneratorConfig::Unet(unet) => GeneratorConfig::Unet(UnetConfig {
                dropout: 0.5,
                ..unet
            }),
            other => other,
        };
        let train = |recompute| {
            let config = TrainerConfig {
                objective: ObjectiveConfig {
                    r1,
                    ..ObjectiveConfig::default()
                },
                recompute,
                ..TrainerConfig::default()
            };
            let device = device::for_training(&Device::flex(), recompute);
            let discriminator = patch_gan(Norm::Batch, true);
            let mut trainer = Trainer::new(&generator, &discriminator, config, &device).unwrap();
            let batches = [batch().map(|side| Tensor::from_data(side.into_data(), &device))];
            for _ in 0..3 {
                trainer.step(&batches).unwrap();
            }
            [
                all_weights(trainer.generator()),
                all_weights(trainer.discriminator()),
            ]
        };
        assert!(train(true) == train(false), "{generator:?}");
    }
}

/// Training works with every option, and every option changes the weights.
#[test]
fn every_objective_learns() {
    let lpips = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/lpips.safetensors"
    );
    let of = |change: fn(&mut ObjectiveConfig)| {
        let mut objective = ObjectiveConfig::default();
        change(&mut objective);
        objective
    };
    let mut perceptual = of(|o| o.perceptual = 10.0);
    perceptual.perceptual_weights = lpips.to_string();
    let plain = ObjectiveConfig::default();
    let mut seen: Vec<(Vec<f32>, Vec<f32>)> = Vec::new();
    for objective in [
        plain,
        of(|o| o.gan = Gan::LeastSquares),
        of(|o| o.gan = Gan::Hinge),
        of(|o| o.gan = Gan::WassersteinPenalty),
        of(|o| o.r1 = 10.0),
        of(|o| o.diff_augment = DiffAugment::ALL.to_vec()),
        of(|o| o.pool = 2),
        of(|o| {
            o.diff_augment = DiffAugment::ALL.to_vec();
            (o.augment_target, o.augment_pairs) = (0.1, 40);
        }),
        of(|o| o.l1_pyramid = 3),
        of(|o| o.feature_matching = 10.0),
        perceptual,
    ] {
        let name = format!("{objective:?}");
        let optimizer = OptimizerConfig {
            lr: 2e-3,
            ..OptimizerConfig::default()
        };
        let mut trainer = trainer(optimizer, objective, Norm::Batch);
        let mut l1 = Vec::new();
        for _ in 0..40 {
            let losses = trainer.step(&[batch()]).unwrap();
            l1.push(losses.read().unwrap().g_l1);
        }
        assert!(
            l1[39] < 0.95 * l1[0],
            "{name}: L1 went from {} to {}",
            l1[0],
            l1[39]
        );
        let learnt = (
            all_weights(trainer.generator()),
            all_weights(trainer.discriminator()),
        );
        assert!(!seen.contains(&learnt), "{name} changes nothing");
        seen.push(learnt);
    }
}

#[test]
fn the_average_is_what_translates() {
    let optimizer = OptimizerConfig {
        ema: 0.5,
        ..OptimizerConfig::default()
    };
    let mut trainer = trainer(optimizer, ObjectiveConfig::default(), Norm::Batch);
    let mut expected: Vec<f64> = all_weights(trainer.generator())
        .into_iter()
        .map(f64::from)
        .collect();
    for step in 1..=4 {
        trainer.step(&[batch()]).unwrap();
        let decay = 0.5f64.min(step as f64 / (step as f64 + 9.0));
        for (average, newest) in expected.iter_mut().zip(all_weights(trainer.generator())) {
            *average = decay * *average + (1.0 - decay) * f64::from(newest);
        }
    }
    let found = all_weights(&trainer.generator_for_inference());
    let newest = all_weights(trainer.generator());
    let mut moved = 0;
    for ((found, expected), newest) in found.iter().zip(&expected).zip(&newest) {
        assert!(
            (f64::from(*found) - expected).abs() < 1e-6,
            "{found} instead of {expected}"
        );
        moved += usize::from((found - newest).abs() > 1e-5);
    }
    assert!(moved > found.len() / 2, "{moved} of {}", found.len());
}

/// The last steps of a run are small when the learning rate has fallen to nearly zero.
#[test]
fn a_schedule_slows_the_steps_down() {
    let moved = |schedule: Schedule| {
        let optimizer = OptimizerConfig {
            schedule,
            ..OptimizerConfig::default()
        };
        // no batch normalization: its running statistics change at any learning rate
        let mut trainer = trainer(optimizer, ObjectiveConfig::default(), Norm::Instance);
        let mut steps = Vec::new();
        for _ in 0..10 {
            let before = all_weights(trainer.generator());
            trainer.step(&[batch()]).unwrap();
            let after = all_weights(trainer.generator());
            let squares = before.iter().zip(&after).map(|(a, b)| (a - b).powi(2));
            steps.push(squares.sum::<f32>().sqrt());
        }
        steps
    };
    let [constant, linear, cosine] =
        [Schedule::Constant, Schedule::Linear, Schedule::Cosine].map(moved);
    assert_eq!(constant[..5], linear[..5]);
    assert!(linear[9] < 0.5 * constant[9], "{linear:?} {constant:?}");
    assert!(cosine[9] < 0.2 * constant[9], "{cosine:?} {constant:?}");
}

/// Tensor names follow the layers: norms without parameters add none, and spectral normalization adds its vector.
#[test]
fn names_of_tensors_are_those_of_the_structure() {
    let device = Device::flex();
    let names = |config: GeneratorConfig| -> Vec<String> {
        let network = config.init_with(&mut WeightInit::blank(), &device).unwrap();
        weights::collect(&network).into_keys().collect()
    };
    let unet = names(unet(Norm::Batch, Upsample::Resize));
    assert!(
        unet.contains(&"decoder.0.conv.weight".to_string()),
        "{unet:?}"
    );
    assert!(
        unet.contains(&"decoder.0.norm.running_mean".to_string()),
        "{unet:?}"
    );
    let resnet = names(resnet(Norm::Instance, Upsample::Bilinear));
    assert!(
        resnet.contains(&"blocks.1.second.conv.weight".to_string()),
        "{resnet:?}"
    );
    assert!(
        !resnet.iter().any(|name| name.contains("norm")),
        "{resnet:?}"
    );
    let spectral: PatchGan = patch_gan(Norm::None, true)
        .init_with(&mut WeightInit::blank(), &device)
        .unwrap();
    assert!(weights::collect(&spectral).contains_key("output.spectral.u"));
}
