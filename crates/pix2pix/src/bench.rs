//! Measures how fast this machine trains and translates, with the paper's networks on random pictures.
//!
//! Read [`run`] first; [`data`] measures the loader. `pix2pix bench` prints both.
//!
//! ```
//! use pix2pix::bench::{self, BenchConfig, Mode};
//! use pix2pix::device::{Device, Precision};
//!
//! let config = BenchConfig {
//!     mode: Mode::Infer,
//!     batch: 1,
//!     size: 64,
//!     warmup: 1,
//!     steps: 2,
//!     precision: Precision::F32,
//!     recompute: false,
//!     moments: Default::default(),
//! };
//! let result = bench::run(&config, &Device::flex(), &mut |_| ())?;
//! println!("{:.1} pictures per second", result.images_per_s);
//! # Ok::<(), pix2pix::Error>(())
//! ```

mod estimate;

use std::time::{Duration, Instant};

use burn::tensor::{Device, Tensor, TensorData};
use pix2pix_runtime::engine::{Cpu, Engine};
use pix2pix_runtime::network::{GeneratorConfig, LayerGraph, Op, UnetConfig};
use pix2pix_runtime::picture::{Domain, Size};
use pix2pix_runtime::plan;
use pix2pix_runtime::weights::{Array, Weights};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use crate::backend::device::{self, Precision, placed};
use crate::backend::limits::MOST_THREADS;
use crate::data::cache::Cache;
use crate::data::dataset::Pairs;
use crate::data::dataset::survey::OnError;
use crate::data::earth::earth;
use crate::data::jitter::JitterConfig;
use crate::data::loader::{self, LoaderConfig, Walk};
use crate::data::pair::Direction;
use crate::error::{Result, within};
use crate::model::tensors::Tensors;
use crate::network::init::{Init, STD};
use crate::network::patch_gan::PatchGanConfig;
use crate::parallel::Shard;
use crate::train::config::{OptimizerConfig, TrainerConfig};
use crate::train::losses::Diverged;
use crate::train::moments::MomentFormat;
use crate::train::trainer::{Parts, Trainer};

pub use estimate::{Estimate, estimate, step_time};

/// What to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// A full training step: forward pass, backward pass and update of both networks.
    Train,
    /// A forward pass of the generator, with dropout and batch statistics.
    Infer,
}

/// Options of a measurement.
#[derive(Clone, Copy, Debug)]
pub struct BenchConfig {
    /// What to measure.
    pub mode: Mode,
    /// Pictures per batch.
    pub batch: usize,
    /// Side of the pictures, in pixels.
    pub size: usize,
    /// Number of steps before the measurement.
    pub warmup: usize,
    /// Number of measured steps, at least 1.
    pub steps: usize,
    /// Precision of the convolutions.
    pub precision: Precision,
    /// Whether the backward pass recomputes activations to save memory (gradient checkpointing).
    pub recompute: bool,
    /// Number format of Adam's moments, on the CPU.
    pub moments: MomentFormat,
}

/// Result of a measurement. Times are in seconds.
#[derive(Clone, Debug, Serialize)]
pub struct BenchResult {
    /// Median time of a step.
    pub median_s: f64,
    /// Shortest time of a step.
    pub min_s: f64,
    /// Pictures per second, at the median.
    pub images_per_s: f64,
    /// Floating-point operations of the convolutions per second, at the median, in 10^9 (GFLOP/s).
    pub gflops: f64,
    /// Multiply-accumulates of the convolutions per step, in 10^9 (GMAC).
    pub gmacs: f64,
    /// Mean time of each part of a training step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parts_s: Option<Parts>,
    /// Time for one thread to decode, resize and augment the pairs of a training step. This happens in parallel with
    /// the step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_s: Option<f64>,
}

/// Speed of decoding and augmenting pairs.
#[derive(Clone, Debug, Serialize)]
pub struct DataResult {
    /// Pairs per second, from all threads of the loader.
    pub pairs_per_s: f64,
    /// Pictures per second, two for each pair.
    pub images_per_s: f64,
    /// Shortest time of one thread for one pair, in seconds.
    pub pair_s: f64,
    /// Number of threads.
    pub workers: usize,
}

/// Runs a measurement on `device` (without autodiff). `after_step` is called after each step with its number, from 1;
/// warm-up steps count too.
///
/// # Errors
/// When the networks do not accept pictures of that size, or the device does not keep moments in that format.
pub fn run(
    config: &BenchConfig,
    device: &Device,
    after_step: &mut dyn FnMut(usize),
) -> Result<BenchResult> {
    config.moments.check(device::is_card(device))?;
    let side = config.size;
    let generator = GeneratorConfig::Unet(UnetConfig {
        depth: UnetConfig::depth_for([side; 2])?,
        ..UnetConfig::default()
    });
    let discriminator = PatchGanConfig::default();
    generator.check_size(side, side)?;
    discriminator.check_size(side, side)?;
    let (times, parts, macs) = match config.mode {
        Mode::Train => train(config, &generator, &discriminator, device, after_step)?,
        Mode::Infer => infer(config, &generator, device, after_step)?,
    };
    let data_s = match config.mode {
        Mode::Train => Some(
            pair_time(&earth().train, &jitter(config), &[Domain::RGB8; 2])? * config.batch as f64,
        ),
        Mode::Infer => None,
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
        data_s,
    })
}

/// The paper's jitter, scaled to the size of the measurement.
fn jitter(config: &BenchConfig) -> JitterConfig {
    let size = config.size as u32;
    JitterConfig {
        load_size: JitterConfig::usual_load_size(Size::square(size)),
        crop_size: Size::square(size),
        ..JitterConfig::default()
    }
}

/// Measures how fast pairs are decoded, resized and augmented, over `steps` batches after `warmup` batches.
///
/// # Errors
/// When a pair cannot be read.
pub fn data(
    config: &BenchConfig,
    pairs: &Pairs,
    domains: [Domain; 2],
    workers: usize,
) -> Result<DataResult> {
    within("workers", workers, 1..=MOST_THREADS)?;
    let pair_s = pair_time(pairs, &jitter(config), &domains)?;
    let mut batches = loader::start(
        pairs.clone(),
        LoaderConfig {
            walk: Walk {
                pairs: pairs.len(),
                batch_size: config.batch,
                shard: Shard::default(),
                start: 0,
            },
            jitter: jitter(config),
            domains,
            direction: Direction::AToB,
            seed: 0,
            batches: (config.warmup + config.steps) as u64,
            workers,
            on_error: OnError::Stop,
            cache: Cache::Off,
        },
    )?;
    for batch in batches.by_ref().take(config.warmup) {
        batch?;
    }
    let (start, mut count) = (Instant::now(), 0);
    for batch in batches {
        count += batch?.len();
    }
    let pairs_per_s = count as f64 / start.elapsed().as_secs_f64();
    Ok(DataResult {
        pairs_per_s,
        images_per_s: 2.0 * pairs_per_s,
        pair_s,
        workers,
    })
}

/// Shortest time of this thread for one of the first pairs, in seconds.
fn pair_time(pairs: &Pairs, jitter: &JitterConfig, domains: &[Domain; 2]) -> Result<f64> {
    let mut least = f64::INFINITY;
    for sample in 0..3 * pairs.len().min(16) {
        let start = Instant::now();
        let pair = jitter.load(pairs.read(sample % pairs.len().min(16))?);
        for (picture, domain) in jitter.vary(&pair, 0, sample as u64).iter().zip(domains) {
            std::hint::black_box(domain.target_planes(picture));
        }
        least = least.min(start.elapsed().as_secs_f64());
    }
    Ok(least)
}

type Measured = (Vec<Duration>, Option<Parts>, usize);

fn train(
    config: &BenchConfig,
    generator: &GeneratorConfig,
    discriminator: &PatchGanConfig,
    device: &Device,
    after_step: &mut dyn FnMut(usize),
) -> Result<Measured> {
    let device = device::for_training(device, config.recompute);
    let of_trainer = TrainerConfig {
        precision: config.precision,
        recompute: config.recompute,
        optimizer: OptimizerConfig {
            moments: config.moments,
            ..OptimizerConfig::default()
        },
        ..TrainerConfig::default()
    };
    let mut trainer = Trainer::new(generator, discriminator, of_trainer, &device)?;
    let picture = [3, config.size, config.size];
    let g = multiply_accumulates(&trainer.generator().layers(picture));
    let d = multiply_accumulates(&trainer.discriminator().layers(picture, picture));
    let [source, target] = [0, 1].map(|seed| random(shape(config), seed, &device));
    let mut times = Vec::new();
    let mut parts = Parts::default();
    for step in 0..config.warmup + config.steps {
        let start = Instant::now();
        let stepped = trainer.step(&[[source.clone(), target.clone()]]);
        let losses = stepped.map_err(Diverged::error)?;
        losses.read().map_err(Diverged::error)?; // on a GPU, this waits for the step to end
        if step >= config.warmup {
            times.push(start.elapsed());
            parts.add(trainer.parts(), config.steps);
        }
        after_step(step + 1);
    }
    Ok((times, Some(parts), of_step(g, d)))
}

/// Multiply-accumulates of a training step, from those of a forward pass of both networks.
fn of_step(generator: usize, discriminator: usize) -> usize {
    // one forward pass, and a backward pass of twice the work
    let of_generator = 3 * generator;
    // three forward passes, two backward passes of twice the work for its own weights, and one to the generated image only
    let of_discriminator = (3 + 2 * 2 + 1) * discriminator;
    of_generator + of_discriminator
}

fn infer(
    config: &BenchConfig,
    generator: &GeneratorConfig,
    device: &Device,
    after_step: &mut dyn FnMut(usize),
) -> Result<Measured> {
    let layers = generator.layers([3, config.size, config.size]);
    let macs = multiply_accumulates(&layers);
    let engine: Box<dyn Engine> = match device::is_card(device) {
        false => {
            let arithmetic = config.precision.arithmetic();
            Box::new(Cpu::new(generator, random_weights(&layers), arithmetic)?)
        }
        true => {
            let network = generator.init(device)?;
            let network = network.with_precision(config.precision);
            Box::new(Tensors::new(network, device.clone()).replayed())
        }
    };
    let sources: Vec<f32> = random(shape(config), 0, &Device::flex())
        .into_data()
        .try_into_vec()
        .expect("all our tensors are f32");
    let pass = |stream| {
        let noise = Some(plan::Noise { seed: 0, stream });
        let pictures = sources.chunks_exact(sources.len() / config.batch);
        let inputs: Vec<_> = pictures
            .map(|source| plan::Input { source, noise })
            .collect();
        engine.run(&inputs, [config.size; 2], None);
    };
    let mut times = Vec::new();
    for step in 0..config.warmup + config.steps {
        let start = Instant::now();
        pass(step as u64);
        if step >= config.warmup {
            times.push(start.elapsed());
        }
        after_step(step + 1);
    }
    Ok((times, None, macs))
}

/// Random tensors of a generator, as large as initial weights.
fn random_weights(layers: &LayerGraph) -> Weights {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let tensors = layers.tensors().into_iter();
    tensors
        .map(|(name, shape)| {
            let center = if name.ends_with("weight") { 0.0 } else { 1.0 };
            let spread = center - STD..center + STD;
            let length = shape.iter().product();
            let values = (0..length).map(|_| rng.random_range(spread.clone()));
            (name, Array::new(&shape, values.collect()))
        })
        .collect()
}

/// The shape of a batch.
fn shape(config: &BenchConfig) -> [usize; 4] {
    [config.batch, 3, config.size, config.size]
}

/// Pictures of uniform noise in [-1, 1].
fn random(shape: [usize; 4], seed: u64, device: &Device) -> Tensor<4> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let length = shape.iter().product();
    let values: Vec<f32> = (0..length).map(|_| rng.random_range(-1.0..1.0)).collect();
    placed(TensorData::new(values, shape), device)
}

/// Multiply-accumulates of the convolutions in the forward pass of one picture. Each weight is applied once per pixel
/// of the layer's input or output, whichever is smaller.
fn multiply_accumulates(graph: &LayerGraph) -> usize {
    let pixels = |[_, height, width]: [usize; 3]| height * width;
    let layers = graph.layers.iter();
    layers
        .filter(|layer| matches!(layer.op, Op::Conv(_) | Op::ConvTranspose(_)))
        .map(|layer| {
            let input = pixels(graph.layers[layer.inputs[0]].output);
            layer.weights * input.min(pixels(layer.output))
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The design's numbers: 6.05 GMAC for the generator's forward pass, 43.75 for a training step.
    #[test]
    fn the_work_is_counted_as_the_design_counts_it() {
        let device = Device::flex();
        let picture = [3, 256, 256];
        let g = UnetConfig::default().init(&device).unwrap();
        let d = PatchGanConfig::default().init(&device).unwrap();
        let g = multiply_accumulates(&g.layers(picture));
        let d = multiply_accumulates(&d.layers(picture, picture));
        let [of_g, of_d, step] = [g, d, of_step(g, d)].map(|count| count as f64 / 1e9);
        assert!((of_g - 6.05).abs() < 0.005, "{of_g}");
        assert!((of_d - 3.20).abs() < 0.005, "{of_d}");
        // the design adds up rounded numbers
        assert!((step - 43.75).abs() < 11.0 * 0.005, "{step}");
    }

    #[test]
    fn a_measurement_adds_up() {
        let config = BenchConfig {
            mode: Mode::Infer,
            batch: 2,
            size: 64,
            warmup: 0,
            steps: 2,
            precision: Precision::F32,
            recompute: false,
            moments: MomentFormat::F32,
        };
        let mut seen = Vec::new();
        let result = run(&config, &Device::flex(), &mut |step| seen.push(step)).unwrap();
        assert_eq!(seen, [1, 2]);
        assert!(result.min_s > 0.0 && result.min_s <= result.median_s);
        assert!((result.images_per_s * result.median_s - 2.0).abs() < 1e-9);
        assert!((result.gflops * result.median_s - 2.0 * result.gmacs).abs() < 1e-9);
    }
}
