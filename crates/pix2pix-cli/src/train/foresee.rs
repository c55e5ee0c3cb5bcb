//! What a training would do and need: `--dry-run`.

use std::path::Path;
use std::time::Duration;

use indicatif::HumanDuration;
use pix2pix::RunConfig;
use pix2pix::bench::estimate;
use pix2pix::data::survey::Survey;
use pix2pix::device::Device;
use pix2pix::network::summary;
use pix2pix::run::RunFolder;

use crate::failure::{Failure, print};
use crate::words::count;

/// Prints what a training would do and need. `root` is the folder of a new run.
pub fn foresee(
    config: &RunConfig,
    device: &Device,
    survey: &Survey,
    root: Option<&Path>,
) -> Result<(), Failure> {
    if let Some(root) = root {
        RunFolder::lock(root)?.check_empty()?;
    }
    let seen = survey.sizes.keys();
    let seen = seen.filter_map(|size| config.jitter.seen(*size).ok());
    let largest = seen.max_by_key(|[width, height]| u64::from(*width) * u64::from(*height));
    let size = largest.unwrap_or(config.jitter.crop_size.0);
    let found = estimate(config, size, device)?;
    let seconds = found.step.as_secs_f64();
    let [width, height] = size;
    let pairs = config.batch_size * config.optimizer.accumulate * config.ranks;
    let (about, steps) = match config.time {
        Some(time) => ("about ", (time / seconds) as u64),
        None => ("", config.steps),
    };
    print(&format!(
        "steps: {about}{steps} on {} with {} threads, each of {} of {width}x{height} pixels\n\
         parameters: {} of the generator, {} of the discriminator\n\
         memory: about {}{}\n\
         time: {seconds:.3} s a step, {} for all steps without samples and checkpoints\n\
         nothing was written; without --dry-run, the training begins\n",
        config.device,
        config.threads,
        count(pairs as u64, "pair"),
        summary::thousands(found.generator),
        summary::thousands(found.discriminator),
        summary::memory(found.memory),
        match config.recompute {
            true => " without --recompute, and less with it",
            false => "",
        },
        HumanDuration(Duration::from_secs_f64(
            found.step.as_secs_f64() * steps as f64
        )),
    ))
}
