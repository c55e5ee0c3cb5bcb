//! How fast this machine trains and translates: the paper's networks on random pictures.

use std::time::{Duration, Instant};

use burn::tensor::{Device, Tensor, TensorData};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use crate::device::in_pool;
use crate::error::Result;
use crate::init::WeightInit;
use crate::layer_graph::LayerGraph;
use crate::noise::Noise;
use crate::patch_gan::PatchGanConfig;
use crate::trainer::{OptimizerConfig, Parts, Trainer};
use crate::unet::UnetConfig;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// A full training step: both networks forwards, backwards and updated.
    Train,
    /// A forward pass of the generator, dropout and batch statistics on.
    Infer,
}

/// A measurement to make.
#[derive(Clone, Copy, Debug)]
pub struct BenchConfig {
    /// What is measured.
    pub mode: Mode,
    /// Pictures at once.
    pub batch: usize,
    /// Side of the pictures, in pixels.
    pub size: usize,
    /// Steps that are not counted, first.
    pub warmup: usize,
    /// Steps that are counted; at least 1.
    pub steps: usize,
}

/// What was measured. Times are in seconds.
#[derive(Clone, Debug, Serialize)]
pub struct BenchResult {
    /// Median time of a step.
    pub median_s: f64,
    /// Least time of a step.
    pub min_s: f64,
    /// Pictures in a second, at the median.
    pub images_per_s: f64,
    /// Multiplications and additions of the convolutions in a second, at the median, in 10^9.
    pub gflops: f64,
    /// Multiply-accumulates of the convolutions of one step, in 10^9.
    pub gmacs: f64,
    /// Mean time of a training step's parts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parts_s: Option<Parts>,
}

/// Measures on `device` (without autodiff).
///
/// # Errors
/// When the networks do not take pictures of that size.
pub fn run(config: &BenchConfig, device: &Device) -> Result<BenchResult> {
    let side = config.size;
    let generator = UnetConfig {
        depth: UnetConfig::depth_for(side)?,
        ..UnetConfig::default()
    };
    let discriminator = PatchGanConfig::default();
    generator.check_size(side, side)?;
    discriminator.check_size(side, side)?;
    let (times, parts, macs) = match config.mode {
        Mode::Train => train(config, &generator, &discriminator, device)?,
        Mode::Infer => infer(config, &generator, device)?,
    };
    let mut sorted: Vec<f64> = times.iter().map(Duration::as_secs_f64).collect();
    sorted.sort_by(f64::total_cmp);
    let median = sorted[sorted.len() / 2];
    let gmacs = (macs * config.batch) as f64 / 1e9;
    Ok(BenchResult {
        median_s: median,
        min_s: sorted[0],
        images_per_s: config.batch as f64 / median,
        gflops: 2.0 * gmacs / median,
        gmacs,
        parts_s: parts,
    })
}

type Measured = (Vec<Duration>, Option<Parts>, usize);

fn train(
    config: &BenchConfig,
    generator: &UnetConfig,
    discriminator: &PatchGanConfig,
    device: &Device,
) -> Result<Measured> {
    let device = device.clone().autodiff();
    let optimizer = OptimizerConfig::default();
    let mut trainer = Trainer::new(generator, discriminator, optimizer, 0, &device)?;
    let picture = [3, config.size, config.size];
    let g = multiply_accumulates(&trainer.generator.layers(picture));
    let d = multiply_accumulates(&trainer.discriminator.layers(picture, picture));
    let (source, target) = (random(config, 0, &device), random(config, 1, &device));
    let mut times = Vec::new();
    let mut parts = Parts::default();
    for step in 0..config.warmup + config.steps {
        let start = Instant::now();
        (trainer, _) = trainer.step(source.clone(), target.clone());
        if step >= config.warmup {
            times.push(start.elapsed());
            parts.add(trainer.parts(), config.steps);
        }
    }
    // G forwards and twice as much backwards; D forwards three times, backwards twice for its own
    // weights, and once through it to the generated image
    Ok((times, Some(parts), 3 * g + 3 * d + 4 * d + d))
}

fn infer(config: &BenchConfig, generator: &UnetConfig, device: &Device) -> Result<Measured> {
    let network = generator.init(&mut WeightInit::new(0, 0), device)?;
    let macs = multiply_accumulates(&network.layers([3, config.size, config.size]));
    let source = random(config, 0, device);
    let mut times = Vec::new();
    for step in 0..config.warmup + config.steps {
        let start = Instant::now();
        in_pool(|| {
            let output = network.forward(source.clone(), &mut Noise::seeded(0, step as u64));
            // reading the result waits for it
            output.into_data();
        });
        if step >= config.warmup {
            times.push(start.elapsed());
        }
    }
    Ok((times, None, macs))
}

/// Pictures of uniform noise in [-1, 1].
fn random(config: &BenchConfig, seed: u64, device: &Device) -> Tensor<4> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let shape = [config.batch, 3, config.size, config.size];
    let length = shape.iter().product();
    let values: Vec<f32> = (0..length).map(|_| rng.random_range(-1.0..1.0)).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Multiply-accumulates of one picture's convolutions, forwards: each weight meets each pixel of the
/// smaller side of its layer.
fn multiply_accumulates(graph: &LayerGraph) -> usize {
    let pixels = |[_, height, width]: [usize; 3]| height * width;
    let layers = graph.layers.iter();
    layers
        .filter(|layer| layer.kind == "Conv2d" || layer.kind == "ConvTranspose2d")
        .map(|layer| {
            let input = pixels(graph.layers[layer.inputs[0]].output);
            layer.weights * input.min(pixels(layer.output))
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The design's numbers: 6.05 GMACs forwards, 43.75 for a step.
    #[test]
    fn the_work_is_counted_as_the_design_counts_it() {
        let device = Device::flex();
        let picture = [3, 256, 256];
        let init = &mut WeightInit::new(0, 0);
        let g = UnetConfig::default().init(init, &device).unwrap();
        let d = PatchGanConfig::default().init(init, &device).unwrap();
        let g = multiply_accumulates(&g.layers(picture)) as f64 / 1e9;
        let d = multiply_accumulates(&d.layers(picture, picture)) as f64 / 1e9;
        assert!((g - 6.05).abs() < 0.005, "{g}");
        assert!((d - 3.20).abs() < 0.005, "{d}");
        // the design adds up rounded numbers
        assert!((3.0 * g + 8.0 * d - 43.75).abs() < 11.0 * 0.005);
    }

    #[test]
    fn a_measurement_adds_up() {
        let config = BenchConfig {
            mode: Mode::Infer,
            batch: 2,
            size: 64,
            warmup: 0,
            steps: 2,
        };
        let result = run(&config, &Device::flex()).unwrap();
        assert!(result.min_s > 0.0 && result.min_s <= result.median_s);
        assert!((result.images_per_s * result.median_s - 2.0).abs() < 1e-9);
        assert!((result.gflops * result.median_s - 2.0 * result.gmacs).abs() < 1e-9);
    }
}
