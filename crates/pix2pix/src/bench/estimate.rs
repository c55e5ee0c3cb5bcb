//! What a planned run needs, before it begins: parameters, memory, and the time of a step, which is measured.

use std::time::{Duration, Instant};

use burn::tensor::Device;

use super::random;
use crate::backend::device;
use crate::config::RunConfig;
use crate::data::dataset::Dataset;
use crate::error::{Error, Result};
use crate::run::fit;
use crate::train::losses::Diverged;
use crate::train::trainer::Trainer;

/// Number of measured steps, after one that is not measured.
const STEPS: usize = 3;

/// What a run needs.
#[derive(Clone, Copy, Debug)]
pub struct Estimate {
    /// Number of parameters of the generator.
    pub generator: usize,
    /// Number of parameters of the discriminator.
    pub discriminator: usize,
    /// Memory in bytes, estimated, with the pairs that are kept there; less with `recompute`.
    pub memory: u64,
    /// Median time of a step on `device`, without reading pairs, samples and checkpoints.
    pub step: Duration,
}

/// Estimates what a run with this data needs for pictures of this size (width, height), and measures some of its steps with
/// random pictures on `device` (without autodiff). That it fits into memory, [`check_train`](crate::run::check_train) or
/// [`check_resume`](crate::run::check_resume) has to say before.
///
/// # Errors
/// When the networks do not accept pictures of that size, or a weight file cannot be read.
pub fn estimate(
    config: &RunConfig,
    data: &Dataset,
    [width, height]: [u32; 2],
    device: &Device,
) -> Result<Estimate> {
    let [from, to] = [config.source.planes(), config.target.planes()]
        .map(|channels| [channels, height as usize, width as usize]);
    let training = device::for_training(device, config.recompute);
    let (g, d) = (&config.generator, &config.discriminator);
    let mut trainer = Trainer::new(g, d, config.trainer(), &training)?;
    let batches: Vec<_> = (0..config.optimizer.accumulate as u64)
        .map(|batch| {
            [(from, 2 * batch), (to, 2 * batch + 1)].map(|([channels, height, width], seed)| {
                let shape = [config.batch_size, channels, height, width];
                random(shape, seed, &training)
            })
        })
        .collect();
    let mut times = Vec::new();
    for _ in 0..1 + STEPS {
        let start = Instant::now();
        let diverged = |diverged: Diverged| Error::Config(diverged.to_string());
        let losses = trainer.step(&batches).map_err(diverged)?;
        losses.read().map_err(diverged)?; // on a GPU, this waits for the step to end
        times.push(start.elapsed());
    }
    times.remove(0);
    times.sort_unstable();
    Ok(Estimate {
        generator: trainer.generator().layers(from).trainable(),
        discriminator: trainer.discriminator().layers(from, to).trainable(),
        memory: fit::cached(config, data)
            + fit::bytes(
                config,
                [width, height].map(|side| side as usize),
                config.batch_size,
            )
            .expect("the networks have just been built"),
        step: times[STEPS / 2],
    })
}
