//! The networks, compared with the numbers in the paper and in the Keras tutorial.

use burn::tensor::{Device, Distribution, Tensor};
use pix2pix::network::receptive_field::{receptive_field, table};
use pix2pix::network::{
    GeneratorConfig, Init, LayerGraph, Noise, Norm, Patch, PatchGan, PatchGanConfig, ResnetConfig,
    Unet, UnetConfig, Upsample, WeightInit, weights,
};
use pix2pix::train::{Composite, Gan};

fn unet(config: &UnetConfig, device: &Device) -> Unet {
    config
        .init_with(&mut WeightInit::generator(1), device)
        .unwrap()
}

fn patch_gan(config: &PatchGanConfig, device: &Device) -> PatchGan {
    config
        .init_with(&mut WeightInit::discriminator(1), device)
        .unwrap()
}

/// Total and trainable parameters.
fn parameters(graph: &LayerGraph) -> (usize, usize) {
    (graph.trainable() + graph.non_trainable(), graph.trainable())
}

const PICTURE: [usize; 3] = [3, 256, 256];

#[test]
fn unet_parameter_counts_are_those_of_both_conventions() {
    let device = Device::flex();
    let tutorial = UnetConfig {
        bias_before_norm: true,
        ..UnetConfig::default()
    };
    let graph = unet(&tutorial, &device).layers(PICTURE);
    assert_eq!(parameters(&graph), (54_429_315, 54_419_459));
    let paper = unet(&UnetConfig::default(), &device);
    assert_eq!(paper.layers(PICTURE).trainable(), 54_413_955);
    // the layer graph counts the actual parameters
    let stored: usize = weights::collect(&paper)
        .values()
        .map(|array| array.values.len())
        .sum();
    assert_eq!(stored, parameters(&paper.layers(PICTURE)).0);
}

#[test]
fn patch_gan_parameter_counts_are_those_of_both_conventions() {
    let device = Device::flex();
    let graph = |patch, bias_before_norm| {
        let config = PatchGanConfig {
            patch,
            bias_before_norm,
            ..PatchGanConfig::default()
        };
        patch_gan(&config, &device).layers(PICTURE, PICTURE)
    };
    assert_eq!(graph(Patch::P70, false).trainable(), 2_768_705);
    assert_eq!(graph(Patch::P70, true).trainable(), 2_769_601);
    assert_eq!(
        parameters(&graph(Patch::Tutorial, true)),
        (6_968_257, 6_965_441)
    );
    assert_eq!(graph(Patch::P70, false).output(), [1, 30, 30]);
    assert_eq!(graph(Patch::Tutorial, true).output(), [1, 16, 16]);
}

#[test]
fn composite_trains_the_generator_alone() {
    let device = Device::flex();
    let generator = unet(
        &UnetConfig {
            bias_before_norm: true,
            ..UnetConfig::default()
        },
        &device,
    );
    let config = PatchGanConfig {
        patch: Patch::Tutorial,
        bias_before_norm: true,
        ..PatchGanConfig::default()
    };
    let (generator, discriminator) = (generator.into(), patch_gan(&config, &device));
    let composite = Composite::new(&generator, &discriminator);
    let graph = composite.layers(PICTURE, PICTURE);
    assert_eq!(parameters(&graph), (54_429_315 + 6_968_257, 54_419_459));
}

/// Channels of the encoder, and of the decoder after the skip, as the paper writes them.
#[test]
fn unet_has_the_papers_widths() {
    let graph = unet(&UnetConfig::default(), &Device::flex()).layers(PICTURE);
    let of = |kind: &str, prefix: &str| -> Vec<[usize; 3]> {
        let layers = graph.layers.iter();
        layers
            .filter(|l| l.op.name() == kind && l.name.starts_with(prefix))
            .map(|l| l.output)
            .collect()
    };
    let widths = |shapes: Vec<[usize; 3]>| -> Vec<usize> { shapes.iter().map(|s| s[0]).collect() };
    assert_eq!(
        widths(of("Conv2d", "encoder")),
        [64, 128, 256, 512, 512, 512, 512, 512]
    );
    assert_eq!(
        widths(of("Concatenate", "decoder")),
        [1024, 1024, 1024, 1024, 512, 256, 128]
    );
    assert_eq!(of("Conv2d", "encoder")[7], [512, 1, 1]);
    assert_eq!(
        of("Dropout", "decoder"),
        [[512, 2, 2], [512, 4, 4], [512, 8, 8]]
    );
    let normless = ["encoder.0", "encoder.7", "output"];
    let normed: Vec<&str> = graph
        .layers
        .iter()
        .filter(|l| l.op.name() == "BatchNorm")
        .map(|l| l.name.as_str())
        .collect();
    assert_eq!(normed.len(), 6 + 7);
    assert!(
        normless
            .iter()
            .all(|name| !normed.iter().any(|n| n.starts_with(name)))
    );
    assert_eq!(graph.output(), PICTURE);
}

#[test]
fn descriptions_have_the_shapes_of_the_forward_pass() {
    let device = Device::flex();
    for (depth, side, channels) in [(2, 8, [1, 4]), (3, 24, [16, 3]), (6, 64, [3, 1])] {
        let config = UnetConfig {
            in_channels: channels[0],
            out_channels: channels[1],
            filters: 2,
            depth,
            ..UnetConfig::default()
        };
        let shape = [channels[0], side, 2 * side];
        let network = unet(&config, &device);
        let input = Tensor::<4>::zeros([2, shape[0], shape[1], shape[2]], &device);
        let output = network.forward(input, &mut Noise::seeded(0, 0)).dims();
        assert_eq!(output, [2, channels[1], side, 2 * side]);
        assert_eq!(network.layers(shape).output(), output[1..]);
    }
    for patch in Patch::ALL {
        let config = PatchGanConfig {
            filters: 2,
            patch,
            source_channels: 1,
            ..PatchGanConfig::default()
        };
        let network = patch_gan(&config, &device);
        let (source, target) = ([1, 96, 128], [3, 96, 128]);
        let tensor = |s: [usize; 3]| Tensor::<4>::zeros([1, s[0], s[1], s[2]], &device);
        let map = network.forward(tensor(source), tensor(target)).dims();
        assert_eq!(
            network.layers(source, target).output(),
            map[1..],
            "{patch:?}"
        );
    }
}

#[test]
fn receptive_fields_are_the_papers() {
    let device = Device::flex();
    let graph = |patch| {
        let config = PatchGanConfig {
            filters: 1,
            patch,
            ..PatchGanConfig::default()
        };
        patch_gan(&config, &device).layers(PICTURE, PICTURE)
    };
    let fields: Vec<usize> = Patch::ALL
        .iter()
        .map(|&patch| receptive_field(&graph(patch)))
        .collect();
    assert_eq!(fields, [1, 16, 70, 286, 142]);
    let back: Vec<usize> = table(&graph(Patch::P70))
        .iter()
        .rev()
        .map(|s| s.from_output)
        .collect();
    assert_eq!(back, [4, 7, 16, 34, 70]);
    let on: Vec<usize> = table(&graph(Patch::P70))
        .iter()
        .map(|s| s.from_input)
        .collect();
    assert_eq!(on, [4, 10, 22, 46, 70]);
}

/// The layer graphs of discriminators with several decisions have the real shapes and parameters, also for odd sides.
#[test]
fn several_decisions_are_described() {
    let device = Device::flex();
    let plain = PatchGanConfig {
        filters: 4,
        ..PatchGanConfig::default()
    };
    let scales = PatchGanConfig {
        scales: 3,
        patch: Patch::P16,
        ..plain.clone()
    };
    let unet = PatchGanConfig {
        unet: true,
        ..plain
    };
    let three = ["output", "coarser.0.output", "coarser.1.output"];
    let both = ["output", "decoder.output"];
    for (config, [height, width], outputs) in [
        (scales.clone(), [61, 90], &three[..]),
        (unet.clone(), [48, 72], &both[..]),
    ] {
        for spectral_norm in [false, true] {
            let config = PatchGanConfig {
                spectral_norm,
                ..config.clone()
            };
            config.check_size(height, width).unwrap();
            let network = patch_gan(&config, &device);
            let graph = network.layers([3, height, width], [3, height, width]);
            let picture = || Tensor::<4>::zeros([1, 3, height, width], &device);
            let maps = network.judge(picture(), picture());
            let shapes = maps.0.iter().map(|map| map.dims());
            let described = outputs.iter().map(|name| {
                let layer = graph.layers.iter().find(|layer| layer.name == *name);
                let [channels, height, width] = layer.unwrap().output;
                [1, channels, height, width]
            });
            assert!(shapes.eq(described), "{config:?}");
            let stored = weights::collect(&network).into_values();
            let stored: usize = stored.map(|array| array.values.len()).sum();
            assert_eq!(stored, parameters(&graph).0, "{config:?}");
        }
    }
    // the last map of the graph is the finest, and that of pixels
    let last = |config: &PatchGanConfig| {
        patch_gan(config, &device)
            .layers([3, 64, 64], [3, 64, 64])
            .output()
    };
    assert_eq!(last(&scales), [1, 30, 30]);
    assert_eq!(last(&unet), [1, 64, 64]);
}

/// Checks the computed receptive field: the gradient of one cell of the map is non-zero on exactly that many input
/// pixels. The networks have no norms, since statistics depend on all pixels, and positive weights, so that nothing
/// cancels.
#[test]
fn gradient_of_one_cell_covers_its_receptive_field() {
    let device = Device::flex().autodiff();
    for (patch, field) in Patch::ALL.into_iter().zip([1, 16, 70, 286, 142]) {
        let config = PatchGanConfig {
            filters: 1,
            patch,
            norm: Norm::None,
            ..PatchGanConfig::default()
        };
        let network = patch_gan(&config, &device);
        let positive = weights::collect(&network)
            .into_iter()
            .map(|(name, mut array)| {
                array.values.fill(0.1);
                (name, array)
            })
            .collect();
        let network = weights::restore(network, positive).unwrap();
        let side = 320 + 64;
        let source = Tensor::<4>::ones([1, 3, side, side], &device).require_grad();
        let map = network.forward(source.clone(), Tensor::ones([1, 3, side, side], &device));
        let [.., height, width] = map.dims();
        let cell = map.slice([
            0..1,
            0..1,
            height / 2..height / 2 + 1,
            width / 2..width / 2 + 1,
        ]);
        let gradient = source.grad(&cell.sum().backward()).unwrap().into_data();
        let gradient = gradient.as_slice::<f32>().unwrap();
        let seen: Vec<usize> = (0..side * side).filter(|&at| gradient[at] != 0.0).collect();
        let rows = seen.last().unwrap() / side - seen[0] / side + 1;
        let columns = seen.iter().map(|at| at % side);
        let columns = columns.clone().max().unwrap() - columns.min().unwrap() + 1;
        assert_eq!((rows, columns), (field, field), "{patch:?}");
        assert_eq!(
            seen.len(),
            field * field,
            "{patch:?}: the field has no hole"
        );
    }
}

#[test]
fn sizes_that_do_not_fit_name_the_nearest_that_does() {
    let config = GeneratorConfig::default();
    assert!(config.check_size(512, 256).is_ok());
    let message = config.check_size(256, 300).unwrap_err().to_string();
    assert!(
        message.contains("300") && message.contains("nearest size that works is 256"),
        "{message}"
    );
    let message = config.check_size(40, 256).unwrap_err().to_string();
    assert!(
        message.contains("nearest size that works is 256"),
        "{message}"
    );
    let depths =
        [64, 128, 256, 512, 1024, 2048, 320].map(|side| UnetConfig::depth_for([side; 2]).unwrap());
    assert_eq!(depths, [6, 7, 8, 9, 10, 10, 6]);
    let message = UnetConfig::depth_for([100; 2]).unwrap_err().to_string();
    assert!(
        message.contains("nearest size that works is 128"),
        "{message}"
    );
    let small = PatchGanConfig {
        patch: Patch::P286,
        ..PatchGanConfig::default()
    };
    assert!(small.check_size(256, 256).is_ok());
    let message = small.check_size(64, 256).unwrap_err().to_string();
    assert!(message.contains("at least 96"), "{message}");
}

#[test]
fn invalid_configurations_are_named() {
    let device = Device::flex();
    for (config, word) in [
        (
            UnetConfig {
                in_channels: 0,
                ..UnetConfig::default()
            },
            "`in_channels` is 0; it must be from 1 to 256",
        ),
        (
            UnetConfig {
                out_channels: 257,
                ..UnetConfig::default()
            },
            "`out_channels` is 257; it must be from 1 to 256",
        ),
        (
            UnetConfig {
                depth: 11,
                ..UnetConfig::default()
            },
            "`depth` is 11; it must be from 2 to 10",
        ),
        (
            UnetConfig {
                dropout: 1.0,
                ..UnetConfig::default()
            },
            "`dropout` is 1; it must be from 0 to 0.99999",
        ),
    ] {
        let error = config.init(&device).unwrap_err().to_string();
        assert_eq!(error, word);
    }
    let error = |sides| UnetConfig::depth_for(sides).unwrap_err().to_string();
    assert_eq!(
        error([48, 64]),
        "an image side of 48 pixels does not fit 6 halvings: it must be a multiple of 64; the nearest size that works is 64, \
         or choose `depth` 4"
    );
    assert!(error([64, 40]).ends_with("the nearest size that works is 64"));
    let resnet = ResnetConfig {
        in_channels: 3,
        out_channels: 3,
        filters: 64,
        halvings: 2,
        blocks: 33,
        dropout: 0.5,
        norm: Norm::Batch,
        bias_before_norm: false,
        upsample: Upsample::Transposed,
    };
    let error = resnet.init(&device).unwrap_err().to_string();
    assert_eq!(error, "`blocks` is 33; it must be from 1 to 32");
    let judge = PatchGanConfig {
        filters: 1025,
        ..PatchGanConfig::default()
    };
    let error = judge.init(&device).unwrap_err().to_string();
    assert_eq!(error, "`filters` is 1025; it must be from 1 to 1024");
}

#[test]
fn initial_weights_follow_the_paper_and_the_seed() {
    let device = Device::flex();
    let config = UnetConfig {
        filters: 16,
        ..UnetConfig::default()
    };
    let make = |seed| {
        weights::collect(
            &config
                .init_with(&mut WeightInit::generator(seed), &device)
                .unwrap(),
        )
    };
    let (first, again, other) = (make(5), make(5), make(6));
    assert!(first == again);
    assert!(first != other);
    for (name, mean) in [
        ("encoder.3.conv.weight", 0.0),
        ("decoder.2.norm.gamma", 1.0),
    ] {
        let values: Vec<f32> = first[name].values.clone();
        let n = values.len() as f64;
        let average = values.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
        let spread = values
            .iter()
            .map(|&v| (f64::from(v) - average).powi(2))
            .sum::<f64>()
            / (n - 1.0);
        // within five standard errors of each estimate
        assert!(
            (average - mean).abs() < 5.0 * 0.02 / n.sqrt(),
            "{name}: mean {average}"
        );
        assert!(
            (spread.sqrt() - 0.02).abs() < 5.0 * 0.02 / (2.0 * n).sqrt(),
            "{name}: {spread}"
        );
    }
    assert!(
        first["decoder.2.norm.beta"]
            .values
            .iter()
            .all(|&v| v == 0.0)
    );
}

/// Also at inference, dropout is active, and each image's result depends on its own statistics.
#[test]
fn inference_keeps_dropout_and_batch_statistics() {
    let device = Device::flex();
    let config = UnetConfig {
        filters: 4,
        depth: 4,
        ..UnetConfig::default()
    };
    let network = unet(&config, &device);
    let x = Tensor::<4>::random([1, 3, 32, 32], Distribution::Uniform(-1.0, 1.0), &device);
    let run = |x: &Tensor<4>, mut noise: Noise| network.forward(x.clone(), &mut noise).into_data();
    assert!(run(&x, Noise::seeded(1, 0)) == run(&x, Noise::seeded(1, 0)));
    assert!(run(&x, Noise::seeded(1, 0)) != run(&x, Noise::seeded(2, 0)));
    assert!(run(&x, Noise::seeded(1, 0)) != run(&x, Noise::seeded(1, 1)));
    assert!(run(&x, Noise::off()) != run(&x, Noise::seeded(1, 0)));
    // batch statistics: the same image gives a different result beside another image
    let both = Tensor::cat(vec![x.clone(), x.clone() * 0.1 + 0.5], 0);
    let alone = run(&x, Noise::off());
    let beside = run(&both, Noise::off());
    let (alone, beside) = (
        alone.as_slice::<f32>().unwrap(),
        beside.as_slice::<f32>().unwrap(),
    );
    assert!(alone.iter().zip(beside).any(|(a, b)| (a - b).abs() > 1e-3));
}

#[test]
fn dropout_keeps_the_expectation() {
    let device = Device::flex();
    let x = Tensor::<4>::ones([1, 10, 100, 100], &device);
    let y = Noise::seeded(3, 0).dropout(x, 0.5).into_data();
    let y = y.as_slice::<f32>().unwrap();
    assert!(y.iter().all(|&v| v == 0.0 || v == 2.0));
    let mean = y.iter().sum::<f32>() / y.len() as f32;
    assert!((mean - 1.0).abs() < 5.0 / (y.len() as f32).sqrt(), "{mean}");
}

/// Computed by hand: logits 0 and ln 3 have the probabilities 1/2 and 3/4.
#[test]
fn objective_matches_hand_computed_values() {
    let device = Device::flex();
    let logits = Tensor::<4>::from_floats([[[[0.0, 3f32.ln()]]]], &device);
    let scalar = |t: Tensor<1>| t.into_scalar::<f32>();
    let real = scalar(Gan::Bce.discriminator(logits.clone(), true));
    let fake = scalar(Gan::Bce.discriminator(logits.clone(), false));
    assert!(
        (real - (2f32.ln() + (4.0 / 3f32).ln()) / 2.0).abs() < 1e-6,
        "{real}"
    );
    assert!(
        (fake - (2f32.ln() + 4f32.ln()) / 2.0).abs() < 1e-6,
        "{fake}"
    );
    let extreme = Tensor::<4>::from_floats([[[[-1000.0, 1000.0]]]], &device);
    assert_eq!(scalar(Gan::Bce.discriminator(extreme, true)), 500.0);
}
