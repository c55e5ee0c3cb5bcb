//! What a run saves to go on later: a checkpoint of the networks, and beside it the state of the optimizers with the
//! progress of the run.

use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use pix2pix_runtime::tensor_file as written;
use serde::{Deserialize, Serialize};

use super::file;
use super::folder::RunFolder;
use super::health::Health;
use super::lines::Timing;
use super::owed::Owed;
use super::{beginning, kept, log};
use crate::atomic_file;
use crate::config::RunConfig;
use crate::error::{Error, Result};
use crate::model::checkpoint::{self, Checkpoint};
use crate::parallel::Shard;
use crate::train::trainer::Trainer;
use crate::weights_file::tensor_file::{self, FileKind};

/// The state of the optimizers, stored beside a checkpoint.
const STATE: FileKind = FileKind {
    format: "pix2pix-state-1",
    name: "training state",
    action: "read the file",
    remedy: "put a copy of the file back, or start a new run; no state of an earlier one is kept, but whole checkpoints \
             still translate",
};

#[derive(Serialize, Deserialize)]
struct StateHeader {
    step: u64,
    /// Position of the next pair, counted over all epochs.
    position: Option<u64>,
    /// Seconds of training so far, of a run that ends after a length of time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seconds: Option<f64>,
    /// Missing in files of earlier versions.
    #[serde(default)]
    health: Option<Health>,
    /// What the run still has to do for this step.
    #[serde(default)]
    owed: Option<Owed>,
}

/// Progress of a run.
#[derive(Clone, Copy, Default)]
pub struct Progress {
    /// Steps done.
    pub step: u64,
    /// Position of the next pair, counted over all epochs.
    pub position: u64,
    /// Seconds of training so far.
    pub seconds: f64,
    /// State of the checks of its health, before the samples of the step are translated; `None` if it is not known.
    pub health: Option<Health>,
}

impl Progress {
    /// Whether the run has done its last step.
    pub fn is_last(&self, config: &RunConfig) -> bool {
        self.step >= config.steps || self.out_of_time(config).is_some()
    }

    /// The seconds of training and those that the run was given, if they are over.
    pub fn out_of_time(&self, config: &RunConfig) -> Option<[f64; 2]> {
        let time = config.time?;
        (self.seconds >= time).then_some([self.seconds, time])
    }
}

/// A run as it was saved, or before its first step.
pub struct Saved {
    pub trainer: Trainer,
    pub done: Progress,
    pub owed: Option<Owed>,
    /// The run's configuration with the intervals of the lines that it has, since those of its file may have been edited, and the
    /// number of steps of a run whose time is over.
    pub as_logged: RunConfig,
}

impl Saved {
    /// A run before its first step.
    pub fn begin(config: &RunConfig, device: &Device) -> Result<Self> {
        let (generator, discriminator) = beginning::networks(config, device)?;
        Ok(Self {
            trainer: Trainer::from_networks(generator, discriminator, config.trainer(), device)?,
            done: Progress::default(),
            owed: None,
            as_logged: config.clone(),
        })
    }

    /// The run of a folder with so many training pairs at its newest checkpoint, or before its first step if there is none
    /// yet.
    pub fn load(
        folder: &RunFolder,
        config: &RunConfig,
        pairs: usize,
        device: &Device,
    ) -> Result<Self> {
        let Some((step, path)) = folder.newest()? else {
            return Self::begin(config, device);
        };
        let saved = Checkpoint::load(&path).map_err(to_resume)?;
        kept::check(&folder.path(file::CONFIG), config, &saved.config)?;
        let mut as_logged = RunConfig {
            log_every: saved.config.log_every,
            sample_every: saved.config.sample_every,
            ..config.clone()
        };
        let (g, d) = saved.networks(&path, device).map_err(to_resume)?;
        let begun = Trainer::from_networks(g, d, config.trainer(), device)?;
        let path = folder.state(step);
        let (header, state) = written::read::<StateHeader>(&path, STATE)?;
        if header.step != step {
            let reason = format!("the training state of step {}, not {step}", header.step);
            return Err(Error::file(&path, reason, STATE.remedy));
        }
        // files of earlier versions have no position; their runs had one process
        let walk = config.walk(pairs, Shard::default(), 0);
        let batches = step * config.optimizer.accumulate as u64;
        let seconds = match header.seconds {
            Some(seconds) => seconds,
            None => logged_seconds(folder, step)?,
        };
        let done = Progress {
            step,
            position: header.position.unwrap_or_else(|| walk.position(batches)),
            seconds,
            health: header.health,
        };
        if done.out_of_time(config).is_some() {
            as_logged.steps = step;
        }
        Ok(Self {
            trainer: begun
                .resume(step, state, device)
                .map_err(|reason| Error::file(&path, reason, STATE.remedy))?,
            done,
            owed: header.owed,
            as_logged,
        })
    }
}

/// Seconds of training until a step, as the newest line of `timings.jsonl` until then has them.
fn logged_seconds(folder: &RunFolder, step: u64) -> Result<f64> {
    let timings = log::read::<Timing>(&folder.path(file::TIMINGS))?.entries;
    let mut until = timings.iter().filter(|timing| timing.step <= step);
    Ok(until.next_back().map_or(0.0, |timing| timing.seconds))
}

/// The error for a checkpoint from which a run cannot be resumed.
fn to_resume(error: Error) -> Error {
    match error {
        Error::File { path, reason, .. } => Error::file(&path, reason, STATE.remedy),
        other => other,
    }
}

/// Writes a checkpoint, whose path it returns, and its state. The state is written first, because a checkpoint without one
/// cannot be resumed.
pub fn write(
    folder: &RunFolder,
    config: &RunConfig,
    progress: Progress,
    owed: Option<Owed>,
    trainer: &Trainer,
) -> Result<PathBuf> {
    let Progress {
        step,
        position,
        seconds,
        health,
    } = progress;
    let header = StateHeader {
        step,
        position: Some(position),
        // without a clock, equal runs have equal files
        seconds: config.time.map(|_| seconds),
        health,
        owed,
    };
    let (state, path) = (
        folder.state(step),
        folder.checkpoints().join(checkpoint::file_name(step)),
    );
    atomic_file::check_own(&state)?;
    atomic_file::check_own(&path)?;
    tensor_file::write(&state, STATE, &header, &trainer.state())?;
    let (generator, discriminator) = (trainer.generator_for_inference(), trainer.discriminator());
    Checkpoint::new(config.clone(), step, &generator, discriminator).save(&path)?;
    Ok(path)
}

/// Removes checkpoints and states older than those of this step that the run does not keep: also those of steps at which it was
/// only stopped, so that it keeps the checkpoints of an uninterrupted run.
pub fn remove_older(folder: &RunFolder, config: &RunConfig, step: u64) -> Result<()> {
    let remove = |old: &Path| {
        fs::remove_file(old).map_err(|e| Error::io(old, "remove the old checkpoint", e))
    };
    let mut all = checkpoint::steps_in(&folder.checkpoints())?;
    all.retain(|(other, _)| *other <= step);
    let is_regular = |other: u64| other == step || other.is_multiple_of(config.save_every);
    let (kept, stopped): (Vec<_>, Vec<_>) = all
        .into_iter()
        .partition(|(other, path)| is_regular(*other) || !is_of_stop(*other, path));
    let surplus = kept.len().saturating_sub(config.keep);
    for (_, old) in stopped.iter().chain(&kept[..surplus]) {
        remove(old)?;
    }
    // one state is enough to resume, and a state is twice as large as a checkpoint
    for old in folder.states()? {
        if old != folder.state(step) {
            remove(&old)?;
        }
    }
    Ok(())
}

/// Whether a checkpoint is there only because the run was stopped at its step. It says so itself: the run may have another
/// length and other intervals since.
fn is_of_stop(step: u64, path: &Path) -> bool {
    let own = checkpoint::config(path);
    own.is_ok_and(|own| !step.is_multiple_of(own.save_every) && step != own.steps)
}
