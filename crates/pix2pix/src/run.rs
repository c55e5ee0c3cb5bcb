//! A training run in its folder: `config.toml`, `machine.json`, `metrics.jsonl`, `timings.jsonl`,
//! `scores.jsonl`, `warnings.jsonl`, `samples/`, `checkpoints/`.

pub mod folder;
pub mod health;
pub mod history;
pub mod log;
mod machine;
mod samples;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use burn::tensor::Device;
use image::RgbImage;
use serde::{Deserialize, Serialize};

use crate::cache::Cache;
use crate::checkpoint::{self, Checkpoint};
use crate::config::RunConfig;
use crate::contact_sheet::{self, Row};
use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::loader::{self, LoaderConfig};
use crate::objective::Gan;
use crate::picture;
use crate::tensor_file::{self, Kind};
use crate::trainer::{Diverged, Losses, Trainer};
use folder::RunFolder;
use health::Health;
use log::Log;
use samples::Samples;

/// The optimizers' state beside a checkpoint.
const STATE: Kind = Kind {
    format: "pix2pix-state-1",
    name: "training state",
    action: "read the file",
    remedy: "remove it with its checkpoint to go on from an earlier one, or start a new run",
};

/// What to do about numbers that are not finite.
const ADVICE: &str =
    "start again with a lower --lr, or look at --range where pictures hold floating-point numbers";

/// One line of `metrics.jsonl`. A run and its repetition have the same lines.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Steps done, from 1.
    pub step: u64,
    /// Epoch of this step, from 1.
    pub epoch: u64,
    /// This step's losses.
    #[serde(flatten)]
    pub losses: Losses,
}

/// One line of `timings.jsonl`, beside each line of the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// Steps done.
    pub step: u64,
    /// Seconds of training so far, of all sittings of the run.
    pub seconds: f64,
}

/// One line of `scores.jsonl`: means over the held-out pairs, beside each contact sheet.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunScores {
    /// Steps done.
    pub step: u64,
    /// Mean absolute difference, of 255.
    pub l1: f64,
    /// Peak signal-to-noise ratio, in dB; nothing where outputs equal their targets.
    pub psnr: Option<f64>,
    /// Structural similarity; nothing for pictures below 11x11 pixels.
    pub ssim: Option<f64>,
}

impl RunScores {
    /// The scores with their names.
    pub fn named(&self) -> [(&'static str, Option<f64>); 3] {
        [
            ("l1", Some(self.l1)),
            ("psnr", self.psnr),
            ("ssim", self.ssim),
        ]
    }
}

/// One line of `warnings.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Warning {
    /// Steps done.
    pub step: u64,
    /// What a person should look at, in words.
    pub warning: String,
}

/// What a run tells while it goes on.
pub enum Event<'a> {
    /// A step is done.
    Step(Metrics),
    /// It is also a line of the metrics.
    Logged(Metrics),
    /// A contact sheet is written.
    Sampled {
        /// Steps done.
        step: u64,
        /// The sheet's file.
        path: &'a Path,
        /// The sheet.
        sheet: &'a RgbImage,
        /// Its rows.
        rows: &'a [Row],
    },
    /// The held-out pairs are measured.
    Scored(RunScores),
    /// A checkpoint is written.
    Saved(&'a Path),
    /// A pair could not be read and was left out, for this reason.
    Skipped(&'a str),
    /// The training looks ill.
    Warned(&'a Warning),
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Steps done.
    pub steps: u64,
    /// Whether it was asked to stop before the last step.
    pub interrupted: bool,
    /// The newest checkpoint.
    pub checkpoint: PathBuf,
}

/// Trains a new run from the first step to the last, or until `stop` is set: then the step in progress is
/// finished and everything saved. `folder` must be empty; `data` has been checked
/// ([`survey::checked`](crate::dataset::survey::checked)).
///
/// # Errors
/// When the configuration cannot be, a pair has become unreadable, a loss or a gradient is not finite, or
/// a file cannot be written. What was saved before stays.
pub fn train(
    config: &RunConfig,
    data: &Dataset,
    folder: RunFolder,
    stop: &AtomicBool,
    tell: &mut dyn FnMut(Event),
) -> Result<Outcome> {
    config.validate()?;
    let device = config.device.open(config.precision)?;
    let trainer = new_trainer(config, &device.clone().autodiff())?;
    folder.begin(config)?;
    machine::write(folder.root())?;
    Run::open(config, data, folder, device)?.go(trainer, 0, stop, tell)
}

/// Goes on with the run of a folder from its newest checkpoint, or from the start where there is none yet.
/// After the last step, weights, optimizers and metrics are those of a run that was never stopped, bit for
/// bit. `config` is the folder's own, but for the number of steps.
///
/// # Errors
/// As [`train`], and when a file of the run is damaged.
pub fn resume(
    config: &RunConfig,
    data: &Dataset,
    folder: RunFolder,
    stop: &AtomicBool,
    tell: &mut dyn FnMut(Event),
) -> Result<Outcome> {
    config.validate()?;
    let device = config.device.open(config.precision)?;
    let training_device = device.clone().autodiff();
    let (trainer, done) = match folder.newest_step()? {
        None => (new_trainer(config, &training_device)?, 0),
        Some(step) => {
            let path = folder.checkpoints().join(checkpoint::file_name(step));
            let (g, d) = Checkpoint::load(&path)?.networks(&path, &training_device)?;
            let begun = Trainer::from_networks(g, d, config.trainer(), &training_device)?;
            let path = folder.state(step);
            let (StateHeader { .. }, state) = tensor_file::read(&path, STATE)?;
            let trainer = begun
                .resume(step, state, &training_device)
                .map_err(|reason| Error::file(&path, reason, STATE.remedy))?;
            (trainer, step)
        }
    };
    if done >= config.steps {
        return Err(Error::Config(format!(
            "{}: the run is done: it has {done} steps of {}; give more with --steps",
            folder.root().display(),
            config.steps
        )));
    }
    folder.write_config(config)?;
    Run::open(config, data, folder, device)?.go(trainer, done, stop, tell)
}

/// A trainer before its first step.
fn new_trainer(config: &RunConfig, device: &Device) -> Result<Trainer> {
    let (generator, discriminator) = (&config.generator, &config.discriminator);
    Trainer::new(generator, discriminator, config.trainer(), device)
}

#[derive(Serialize, Deserialize)]
struct StateHeader {
    step: u64,
}

/// A run whose folder is ready.
struct Run<'a> {
    config: &'a RunConfig,
    data: &'a Dataset,
    folder: RunFolder,
    samples: Samples,
    device: Device,
}

/// The files that grow.
struct Logs {
    metrics: Log,
    timings: Log,
    scores: Log,
    warnings: Log,
}

impl<'a> Run<'a> {
    fn open(
        config: &'a RunConfig,
        data: &'a Dataset,
        folder: RunFolder,
        device: Device,
    ) -> Result<Self> {
        let samples = Samples::read(data, config)?;
        Ok(Self {
            config,
            data,
            folder,
            samples,
            device,
        })
    }

    /// Whether the run writes a line of metrics at a step.
    fn is_logged(&self, step: u64) -> bool {
        let Self { config, .. } = self;
        step == 1 || step.is_multiple_of(config.log_every) || step == config.steps
    }

    /// Trains from step `done` on.
    fn go(
        self,
        mut trainer: Trainer,
        done: u64,
        stop: &AtomicBool,
        tell: &mut dyn FnMut(Event),
    ) -> Result<Outcome> {
        let Self { config, data, .. } = self;
        // a step that was logged only because a run ended there is none of a longer run
        let kept = |step: u64| step <= done && self.is_logged(step);
        let (metrics, _) = Log::open(self.folder.path("metrics.jsonl"), |m: &Metrics| {
            kept(m.step)
        })?;
        let (timings, past) =
            Log::open(self.folder.path("timings.jsonl"), |t: &Timing| kept(t.step))?;
        let (warnings, _) = Log::open(self.folder.path("warnings.jsonl"), |w: &Warning| {
            w.step <= done
        })?;
        let (scores, _) = Log::open(self.folder.path("scores.jsonl"), |s: &RunScores| {
            s.step <= done && (s.step.is_multiple_of(config.sample_every) || s.step == config.steps)
        })?;
        let past = past.last().map_or(0.0, |timing: &Timing| timing.seconds);
        let mut logs = Logs {
            metrics,
            timings,
            scores,
            warnings,
        };
        let accumulate = config.optimizer.accumulate as u64;
        let batches = loader::start(
            data.train.clone(),
            LoaderConfig {
                batch_size: config.batch_size,
                jitter: config.jitter.clone(),
                domains: [config.source, config.target],
                direction: config.direction,
                seed: config.seed,
                steps: config.steps * accumulate,
                done: done * accumulate,
                workers: config.workers,
                on_error: config.on_error,
                cache: Cache::new(config.cache, self.folder.root())?,
            },
        );
        let batches_per_epoch = loader::steps_per_epoch(data.train.len(), config.batch_size);
        let training_device = self.device.clone().autodiff();

        let start = Instant::now();
        let mut health = Health::default();
        let mut step = done;
        let mut newest = PathBuf::new();
        let mut waiting = Vec::new();
        for batch in batches {
            match batch {
                Ok(batch) => {
                    for reason in &batch.skipped {
                        tell(Event::Skipped(reason));
                    }
                    waiting.push(batch.to_device(&training_device));
                }
                Err(broken) => {
                    // the file was whole when the run began: keep what was learnt since the last save
                    if step > 0 {
                        self.save(step, &trainer, &logs, tell)?;
                    }
                    return Err(broken);
                }
            }
            if waiting.len() < config.optimizer.accumulate {
                continue;
            }
            let losses;
            (trainer, losses) = trainer
                .step(std::mem::take(&mut waiting))
                .map_err(|diverged| self.diverged(step + 1, &diverged))?;
            step += 1;
            let metrics = Metrics {
                step,
                epoch: (step * accumulate - 1) / batches_per_epoch + 1,
                losses,
            };
            tell(Event::Step(metrics));
            if self.is_logged(step) {
                let seconds = past + start.elapsed().as_secs_f64();
                logs.metrics.write(&metrics)?;
                logs.timings.write(&Timing { step, seconds })?;
                tell(Event::Logged(metrics));
            }
            // Wasserstein losses have no zero to come near to
            let mut warned = match config.objective.gan {
                Gan::WassersteinPenalty => None,
                _ => health.step(&losses),
            };
            let last = step == config.steps || stop.load(Ordering::Relaxed);
            let due = |every: u64| last || step.is_multiple_of(every);
            if due(config.save_every) {
                newest = self.save(step, &trainer, &logs, tell)?;
            }
            if due(config.sample_every) {
                let generator = trainer.generator_for_inference();
                let outputs = self.samples.translate(&generator, config, &self.device);
                let rows = self.samples.rows(&outputs, config);
                let drawn: Vec<_> = rows.iter().map(|row| &row.output).collect();
                let still = self
                    .samples
                    .translate_still(&generator, config, &self.device);
                warned = warned
                    .or_else(|| health.outputs(&drawn))
                    .or_else(|| still.and_then(|still| health.still(&still)));
                self.draw(metrics, &rows, tell)?;
                if let Some(scores) = self.samples.score(step, &outputs, config) {
                    logs.scores.write(&scores)?;
                    tell(Event::Scored(scores));
                }
            }
            if let Some(warning) = warned {
                let warning = Warning { step, warning };
                logs.warnings.write(&warning)?;
                tell(Event::Warned(&warning));
            }
            if last {
                break;
            }
        }
        Ok(Outcome {
            steps: step,
            interrupted: step < config.steps,
            checkpoint: newest,
        })
    }

    /// Writes a checkpoint and the state beside it, and removes those that are too old. The state comes
    /// first: a checkpoint without one is not gone on from.
    fn save(
        &self,
        step: u64,
        trainer: &Trainer,
        logs: &Logs,
        tell: &mut dyn FnMut(Event),
    ) -> Result<PathBuf> {
        let Logs {
            metrics,
            timings,
            scores,
            warnings,
        } = logs;
        for log in [metrics, timings, scores, warnings] {
            log.sync()?;
        }
        tensor_file::write(
            &self.folder.state(step),
            STATE,
            &StateHeader { step },
            &trainer.state(),
        )?;
        let checkpoints = self.folder.checkpoints();
        let path = checkpoints.join(checkpoint::file_name(step));
        Checkpoint::new(
            self.config.clone(),
            step,
            &trainer.generator_for_inference(),
            &trainer.discriminator,
        )
        .save(&path)?;
        let remove = |old: &Path| {
            fs::remove_file(old).map_err(|e| Error::io(old, "remove the old checkpoint", e))
        };
        let all = checkpoint::in_folder(&checkpoints)?;
        for old in &all[..all.len().saturating_sub(self.config.keep)] {
            remove(old)?;
        }
        // one state is enough to go on, and it is twice as large as a checkpoint
        for old in self.folder.states()? {
            if old != self.folder.state(step) {
                remove(&old)?;
            }
        }
        tell(Event::Saved(&path));
        Ok(path)
    }

    /// Writes the contact sheet.
    fn draw(&self, metrics: Metrics, rows: &[Row], tell: &mut dyn FnMut(Event)) -> Result<()> {
        let title = format!(
            "pix2pix, step {} of {}, L1 {:.3}",
            metrics.step, self.config.steps, metrics.losses.g_l1
        );
        let sheet = contact_sheet::draw(&title, rows);
        let name = format!("step_{:07}.png", metrics.step);
        let path = self.folder.samples().join(name);
        picture::write_png(&path, &sheet)?;
        tell(Event::Sampled {
            step: metrics.step,
            path: &path,
            sheet: &sheet,
            rows,
        });
        Ok(())
    }

    fn diverged(&self, step: u64, Diverged(what): &Diverged) -> Error {
        let remedy = match self.folder.newest_step() {
            Ok(Some(good)) => format!(
                "the last good checkpoint is {}; {ADVICE}",
                self.folder
                    .checkpoints()
                    .join(checkpoint::file_name(good))
                    .display()
            ),
            _ => format!("there is no checkpoint yet; {ADVICE}"),
        };
        let reason = format!("step {step}: {what} is not a finite number any more");
        Error::file(self.folder.root(), reason, remedy)
    }
}
