//! Agreement with PyTorch: `tools/make_fixtures.py` made the fixture.

mod common;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use common::devices;
use pix2pix::network::weights::{self, Array, Weights};
use pix2pix::network::{Init, Noise, PatchGan, PatchGanConfig, Unet, UnetConfig};
use pix2pix::train::{Losses, Trainer, TrainerConfig};
use safetensors::{Dtype, SafeTensors};

const ORACLE: &[u8] = include_bytes!("fixtures/oracle.safetensors");

fn oracle() -> SafeTensors<'static> {
    SafeTensors::deserialize(ORACLE).unwrap()
}

fn data(name: &str) -> TensorData {
    let oracle = oracle();
    let view = oracle.tensor(name).unwrap();
    let values: Vec<f32> = match view.dtype() {
        Dtype::U8 => view
            .data()
            .iter()
            .map(|&v| f32::from(v) / 127.5 - 1.0)
            .collect(),
        Dtype::F32 => view
            .data()
            .as_chunks::<4>()
            .0
            .iter()
            .map(|&bytes| f32::from_le_bytes(bytes))
            .collect(),
        other => panic!("unexpected type {other:?}"),
    };
    TensorData::new(values, view.shape().to_vec())
}

fn values(data: &TensorData) -> Vec<f32> {
    data.as_slice::<f32>().unwrap().to_vec()
}

/// A network's weights after `step` steps in PyTorch.
fn state(step: usize, network: &str) -> Weights {
    let prefix = format!("{step}.{network}.");
    oracle()
        .names()
        .into_iter()
        .filter_map(|name| {
            let ours = name.strip_prefix(&prefix)?.to_string();
            Some((ours, weights::array(data(name))))
        })
        .collect()
}

/// Both networks with PyTorch's initial weights.
fn networks(device: &Device) -> (Unet, PatchGan) {
    let generator = UnetConfig {
        filters: 4,
        dropout: 0.0,
        ..UnetConfig::default()
    };
    let discriminator = PatchGanConfig {
        filters: 4,
        ..PatchGanConfig::default()
    };
    (
        weights::restore(generator.init(device).unwrap(), state(0, "generator")).unwrap(),
        weights::restore(
            discriminator.init(device).unwrap(),
            state(0, "discriminator"),
        )
        .unwrap(),
    )
}

fn image(name: &str, device: &Device) -> Tensor<4> {
    Tensor::from_data(data(name), device)
}

fn largest_difference(ours: &[f32], theirs: &[f32]) -> f32 {
    assert_eq!(ours.len(), theirs.len());
    ours.iter()
        .zip(theirs)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max)
}

#[test]
fn forward_passes_agree_to_1e_4() {
    for device in devices() {
        let (generator, discriminator) = networks(&device);
        let (source, target) = (image("source", &device), image("target", &device));
        let made = generator
            .forward(source.clone(), &mut Noise::off())
            .into_data();
        let logits = discriminator.forward(source, target).into_data();
        for (ours, name) in [(made, "image"), (logits, "logits")] {
            let theirs = data(name);
            assert_eq!(ours.shape(), theirs.shape());
            let difference = largest_difference(&values(&ours), &values(&theirs));
            assert!(
                difference < 1e-4,
                "{name} differs by {difference} on {device:?}"
            );
        }
    }
}

/// The losses of both steps agree to 1e-3 relative. For the weights, each tensor's *change* since the start is
/// compared as a vector: its direction (cosine) and its size (ratio of lengths). Adam's first step moves every weight
/// by the learning rate in the direction of its gradient's sign, so rounding can reverse single weights whose gradient
/// is near zero. A test of exact equality would fail from rounding; a comparison of the weights themselves would miss
/// a wrong update, because their initial values dominate.
#[test]
fn two_training_steps_agree() {
    for device in devices() {
        two_steps_agree(&device.autodiff());
    }
}

fn two_steps_agree(device: &Device) {
    let (generator, discriminator) = networks(device);
    let mut trainer =
        Trainer::from_networks(generator, discriminator, TrainerConfig::default(), device).unwrap();
    let (_, metadata) = SafeTensors::read_metadata(ORACLE).unwrap();
    let theirs: Vec<Losses> =
        serde_json::from_str(&metadata.metadata().as_ref().unwrap()["losses"]).unwrap();

    for (step, theirs) in (1..).zip(theirs) {
        let batch = [image("source", device), image("target", device)];
        let ours = trainer.step(&[batch]).unwrap().read().unwrap();
        for (ours, theirs) in [
            (ours.d_real, theirs.d_real),
            (ours.d_fake, theirs.d_fake),
            (ours.g_gan, theirs.g_gan),
            (ours.g_l1, theirs.g_l1),
        ] {
            let relative = (ours - theirs).abs() / theirs;
            assert!(relative < 1e-3, "step {step}: {ours} instead of {theirs}");
        }
        compare_changes(step, "generator", trainer.generator());
        compare_changes(step, "discriminator", trainer.discriminator());
    }
}

fn compare_changes<M: Module>(step: usize, network: &str, ours: &M) {
    let (ours, before, theirs) = (
        weights::collect(ours),
        state(0, network),
        state(step, network),
    );
    assert_eq!(ours.len(), theirs.len());
    for (name, theirs) in &theirs {
        let before = &before[name].values;
        let change = |after: &Array| -> Vec<f64> {
            after
                .values
                .iter()
                .zip(before)
                .map(|(a, b)| f64::from(a - b))
                .collect()
        };
        let (ours, theirs) = (change(&ours[name]), change(theirs));
        let dot = |x: &[f64], y: &[f64]| -> f64 { x.iter().zip(y).map(|(x, y)| x * y).sum() };
        let length = |x: &[f64]| dot(x, x).sqrt();
        let cosine = dot(&ours, &theirs) / (length(&ours) * length(&theirs));
        let ratio = length(&ours) / length(&theirs);
        assert!(
            cosine > 0.995 && (0.99..1.01).contains(&ratio),
            "step {step}, {network}.{name}: cosine {cosine}, ratio {ratio}"
        );
    }
}

/// The error of a diverged step names the tensor, and the trainer keeps its networks.
#[test]
fn a_step_that_diverges_names_the_tensor() {
    let device = Device::flex().autodiff();
    let step = |lambda: f64, source: Tensor<4>| {
        let (generator, discriminator) = networks(&device);
        let names = [
            weights::collect(&generator),
            weights::collect(&discriminator),
        ];
        let mut config = TrainerConfig::default();
        config.objective.lambda = lambda;
        let mut trainer =
            Trainer::from_networks(generator, discriminator, config, &device).unwrap();
        let diverged = trainer.step(&[[source, image("target", &device)]]).err();
        let after = [
            weights::collect(trainer.generator()),
            weights::collect(trainer.discriminator()),
        ];
        for (names, after) in names.iter().zip(&after) {
            assert!(names.keys().eq(after.keys()));
        }
        diverged.map(|diverged| diverged.to_string())
    };
    let source = image("source", &device);
    assert_eq!(step(100.0, source.clone()), None);
    let nan = source.clone() * f32::NAN;
    assert_eq!(step(100.0, nan).unwrap(), "the loss d_real is not finite");
    // the losses are finite, but the square of the gradient is not
    let named = step(1e30, source).unwrap();
    assert!(named.starts_with("the gradient of generator."), "{named}");
}
