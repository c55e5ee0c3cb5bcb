//! Training in bfloat16 beside training in 32 bits.

use burn::tensor::{Device, Tensor, TensorData};
use pix2pix::device::Precision;
use pix2pix::network::weights::{self, Weights};
use pix2pix::network::{PatchGanConfig, UnetConfig};
use pix2pix::train::{Batch, Trainer, TrainerConfig};

fn trainer(precision: Precision) -> Trainer {
    let generator = UnetConfig {
        filters: 16,
        depth: 6,
        ..UnetConfig::default()
    };
    let discriminator = PatchGanConfig {
        filters: 16,
        ..PatchGanConfig::default()
    };
    let config = TrainerConfig {
        seed: 3,
        precision,
        ..TrainerConfig::default()
    };
    let device = Device::flex().autodiff();
    Trainer::new(&generator.into(), &discriminator, config, &device).unwrap()
}

/// A source and a target like waves, in [-1, 1].
fn batch() -> Batch {
    [0.37, 0.11].map(|frequency| {
        let values = (0..3 * 64 * 64).map(|i| (i as f32 * frequency).sin());
        let data = TensorData::new(values.collect::<Vec<_>>(), [1, 3, 64, 64]);
        Tensor::from_data(data, &Device::flex().autodiff())
    })
}

/// The differences of all weights, flat.
fn change(after: &Weights, before: &Weights) -> Vec<f64> {
    let values = |weights: &Weights| -> Vec<f32> {
        let tensors = weights.values();
        tensors
            .flat_map(|array| array.values.iter().copied())
            .collect()
    };
    let pairs = values(after).into_iter().zip(values(before));
    pairs
        .map(|(after, before)| f64::from(after) - f64::from(before))
        .collect()
}

#[test]
fn a_bf16_step_is_near_an_f32_step_and_does_not_disturb_it() {
    let precisions = [Precision::F32, Precision::Bf16];
    let begin = weights::collect(trainer(Precision::F32).generator());
    let step = |trainer: &mut Trainer| trainer.step(&[batch()]).unwrap().read().unwrap();
    let mut alone = trainer(Precision::F32);
    let mut in_turns = precisions.map(trainer);
    for _ in 0..2 {
        step(&mut alone);
        let [f32, bf16] = in_turns.each_mut().map(step);
        for ((name, f32), (_, bf16)) in f32.named().into_iter().zip(bf16.named()) {
            assert!(
                (f32 - bf16).abs() < 0.01 * f32,
                "{name}: {bf16} beside {f32}"
            );
        }
    }
    let [f32, bf16] = in_turns
        .each_ref()
        .map(|trainer| weights::collect(trainer.generator()));
    assert!(f32 == weights::collect(alone.generator()), "bit for bit");
    let (f32, bf16) = (change(&f32, &begin), change(&bf16, &begin));
    assert!(f32 != bf16, "bfloat16 rounds");
    let dot = |x: &[f64], y: &[f64]| -> f64 { x.iter().zip(y).map(|(x, y)| x * y).sum() };
    let cosine = dot(&f32, &bf16) / (dot(&f32, &f32) * dot(&bf16, &bf16)).sqrt();
    assert!(cosine > 0.9, "{cosine}");
}
