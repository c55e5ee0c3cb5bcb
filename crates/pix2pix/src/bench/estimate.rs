//! What a planned run needs, before it begins: parameters, memory, and the time of a step, which is measured.

use std::time::{Duration, Instant};

use burn::tensor::Device;

use super::random;
use crate::backend::device;
use crate::config::RunConfig;
use crate::data::dataset::Dataset;
use crate::error::Result;
use crate::network::init::WeightInit;
use crate::run::fit;
use crate::train::losses::Diverged;
use crate::train::trainer::Trainer;

/// Number of measured steps, after one that is not measured.
const STEPS: usize = 3;
/// After a first step that takes longer, no other is done: it is slow, but not that much slower than others.
const LONG: Duration = Duration::from_secs(10);

/// What a run needs.
#[derive(Clone, Copy, Debug)]
pub struct Estimate {
    /// Number of parameters of the generator.
    pub generator: usize,
    /// Number of parameters of the discriminator.
    pub discriminator: usize,
    /// Memory in bytes, estimated, with the pairs that are kept there; less with `recompute`.
    pub memory: u64,
}

/// Estimates what a run with this data needs for pictures of this size (width, height). That it fits into memory,
/// [`check_train`](crate::run::check_train) or [`check_resume`](crate::run::check_resume) has to say before.
///
/// # Errors
/// When the networks cannot be built.
pub fn estimate(config: &RunConfig, data: &Dataset, size: [u32; 2]) -> Result<Estimate> {
    let [from, to] = shapes(config, size);
    let blank = &mut WeightInit::blank();
    let judge = config.discriminator.init_with(blank, &Device::flex())?;
    let sides = size.map(|side| side as usize);
    let of_run = fit::of_run(config, sides, config.batch_size);
    Ok(Estimate {
        generator: config.generator.layers(from).trainable(),
        discriminator: judge.layers(from, to).trainable(),
        memory: fit::cached(config, data) + of_run.expect("the networks can be built"),
    })
}

/// Measures steps of a run with random pictures of this size (width, height) on `device` (without autodiff), without reading
/// pairs, samples and checkpoints. Returns their median time; of steps that take longer than ten seconds, the first one's.
///
/// # Errors
/// When the networks do not accept pictures of that size, or a weight file cannot be read.
pub fn step_time(config: &RunConfig, size: [u32; 2], device: &Device) -> Result<Duration> {
    let training = device::for_training(device, config.recompute);
    let (g, d) = (&config.generator, &config.discriminator);
    let mut trainer = Trainer::new(g, d, config.trainer(), &training)?;
    let [from, to] = shapes(config, size);
    let batches: Vec<_> = (0..config.optimizer.accumulate as u64)
        .map(|batch| {
            [(from, 2 * batch), (to, 2 * batch + 1)].map(|([channels, height, width], seed)| {
                let shape = [config.batch_size, channels, height, width];
                random(shape, seed, &training)
            })
        })
        .collect();
    let mut step = || {
        let start = Instant::now();
        let losses = trainer.step(&batches).map_err(Diverged::error)?;
        losses.read().map_err(Diverged::error)?; // on a GPU, this waits for the step to end
        Ok(start.elapsed())
    };
    let first = step()?;
    if first > LONG {
        return Ok(first);
    }
    let times: Result<Vec<Duration>> = (0..STEPS).map(|_| step()).collect();
    let mut times = times?;
    times.sort_unstable();
    Ok(times[STEPS / 2])
}

/// The shapes of a source and a target of this size.
fn shapes(config: &RunConfig, [width, height]: [u32; 2]) -> [[usize; 3]; 2] {
    [config.source.planes(), config.target.planes()]
        .map(|channels| [channels, height as usize, width as usize])
}
