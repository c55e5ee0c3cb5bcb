//! How fast this machine trains and translates: the paper's networks on random pictures.

use std::time::{Duration, Instant};

use burn::tensor::{Device, Tensor, TensorData};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use crate::backend::device::{self, Precision, in_pool};
use crate::data::cache::Cache;
use crate::data::dataset::Pairs;
use crate::data::dataset::survey::OnError;
use crate::data::domain::Domain;
use crate::data::earth::earth;
use crate::data::jitter::{JitterConfig, Size};
use crate::data::loader::{self, LoaderConfig, Walk};
use crate::data::pair::Direction;
use crate::error::{Error, Result};
use crate::network::generator::GeneratorConfig;
use crate::network::init::WeightInit;
use crate::network::layer_graph::{LayerGraph, Op};
use crate::network::noise::Noise;
use crate::network::patch_gan::PatchGanConfig;
use crate::network::unet::UnetConfig;
use crate::parallel::Shard;
use crate::train::config::TrainerConfig;
use crate::train::losses::Diverged;
use crate::train::trainer::{Parts, Trainer};

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
    /// The arithmetic of the convolutions.
    pub precision: Precision,
    /// Whether backward passes compute again what would take memory to keep.
    pub recompute: bool,
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
    /// Time of one thread to decode, resize and vary a training step's pairs, which it does beside the
    /// step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_s: Option<f64>,
}

/// How fast pairs are decoded and varied.
#[derive(Clone, Debug, Serialize)]
pub struct DataResult {
    /// Pairs in a second, from the loader and all its threads.
    pub pairs_per_s: f64,
    /// Images in a second, two to a pair.
    pub images_per_s: f64,
    /// Least time of one thread for one pair, in seconds.
    pub pair_s: f64,
    /// Threads.
    pub workers: usize,
}

/// Measures on `device` (without autodiff). `after_step` is called after each step with its number, from
/// 1, those of the warm-up counted.
///
/// # Errors
/// When the networks do not take pictures of that size.
pub fn run(
    config: &BenchConfig,
    device: &Device,
    after_step: &mut dyn FnMut(usize),
) -> Result<BenchResult> {
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
            pair_time(&earth().train, &jitter(config), [Domain::RGB8; 2])? * config.batch as f64,
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

/// The paper's jitter at the size of a measurement.
fn jitter(config: &BenchConfig) -> JitterConfig {
    let size = config.size as u32;
    JitterConfig {
        load_size: Size::square(size * 286 / 256),
        crop_size: Size::square(size),
        ..JitterConfig::default()
    }
}

/// Measures how fast pairs are decoded, resized and varied: `steps` batches after `warmup` ones.
///
/// # Errors
/// When a pair cannot be read.
pub fn data(
    config: &BenchConfig,
    pairs: &Pairs,
    domains: [Domain; 2],
    workers: usize,
) -> Result<DataResult> {
    let pair_s = pair_time(pairs, &jitter(config), domains)?;
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
    );
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

/// Least time of this thread for one of the first pairs.
fn pair_time(pairs: &Pairs, jitter: &JitterConfig, domains: [Domain; 2]) -> Result<f64> {
    let mut least = f64::INFINITY;
    for sample in 0..3 * pairs.len().min(16) {
        let start = Instant::now();
        let pair = jitter.load(pairs.read(sample % pairs.len().min(16))?);
        for (picture, domain) in jitter.vary(&pair, 0, sample as u64).iter().zip(domains) {
            std::hint::black_box(picture.to_planes(domain.range_of(picture.depth())));
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
        ..TrainerConfig::default()
    };
    let mut trainer = Trainer::new(generator, discriminator, of_trainer, &device)?;
    let picture = [3, config.size, config.size];
    let g = multiply_accumulates(&trainer.generator().layers(picture));
    let d = multiply_accumulates(&trainer.discriminator().layers(picture, picture));
    let (source, target) = (random(config, 0, &device), random(config, 1, &device));
    let mut times = Vec::new();
    let mut parts = Parts::default();
    for step in 0..config.warmup + config.steps {
        let start = Instant::now();
        let stepped = trainer.step(&[[source.clone(), target.clone()]]);
        let diverged = |diverged: Diverged| Error::Config(diverged.to_string());
        let losses = stepped.map_err(diverged)?;
        losses.read().map_err(diverged)?; // on a card, the step ends here
        if step >= config.warmup {
            times.push(start.elapsed());
            parts.add(trainer.parts(), config.steps);
        }
        after_step(step + 1);
    }
    // G forwards and twice as much backwards; D forwards three times, backwards twice for its own
    // weights, and once through it to the generated image
    Ok((times, Some(parts), 3 * g + 3 * d + 4 * d + d))
}

fn infer(
    config: &BenchConfig,
    generator: &GeneratorConfig,
    device: &Device,
    after_step: &mut dyn FnMut(usize),
) -> Result<Measured> {
    let network = generator.init(&mut WeightInit::new(0, 0), device)?;
    let network = network.with_precision(config.precision, device);
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
        after_step(step + 1);
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
            precision: Precision::F32,
            recompute: false,
        };
        let mut seen = Vec::new();
        let result = run(&config, &Device::flex(), &mut |step| seen.push(step)).unwrap();
        assert_eq!(seen, [1, 2]);
        assert!(result.min_s > 0.0 && result.min_s <= result.median_s);
        assert!((result.images_per_s * result.median_s - 2.0).abs() < 1e-9);
        assert!((result.gflops * result.median_s - 2.0 * result.gmacs).abs() < 1e-9);
    }
}
