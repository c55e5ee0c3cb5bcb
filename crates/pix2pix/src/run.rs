//! A training run in its folder: `config.toml`, `machine.json`, `metrics.jsonl`, `timings.jsonl`,
//! `scores.jsonl`, `warnings.jsonl`, `samples/`, `checkpoints/`.

pub mod agreement;
pub(crate) mod fit;
pub(crate) mod folder;
pub(crate) mod health;
pub(crate) mod history;
pub(crate) mod log;
mod machine;
mod samples;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use burn::tensor::Device;
use image::RgbImage;
use serde::{Deserialize, Serialize};

use crate::backend::device;
use crate::config::RunConfig;
use crate::data::cache::Cache;
use crate::data::dataset::Dataset;
use crate::data::loader::{self, LoaderConfig};
use crate::data::picture;
use crate::draw::contact_sheet::{self, Row};
use crate::error::{Error, Result};
use crate::model::checkpoint::{self, Checkpoint};
use crate::parallel::{Group, Shard};
use crate::train::losses::{Diverged, Losses};
use crate::train::objective::Gan;
use crate::train::trainer::Trainer;
use crate::weights_file::tensor_file::{self, Kind};
pub use folder::{RunFolder, read_config};
use health::Health;
pub use history::{Best, History, State};
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

/// What a run is made of.
pub struct Training<'a> {
    /// Its configuration.
    pub config: &'a RunConfig,
    /// Its pairs, which have been checked ([`survey::checked`](crate::data::dataset::survey::checked)).
    pub data: &'a Dataset,
    /// Its device, without autodiff.
    pub device: Device,
    /// Its folder. Of a group of processes, the first alone writes there.
    pub folder: RunFolder,
    /// The processes that train together, if there are several.
    pub group: Option<Group>,
}

/// Trains a new run from the first step to the last, or until `stop` is set: then the step in progress is
/// finished and everything saved. The folder must be empty.
///
/// # Errors
/// When the configuration cannot be, a pair has become unreadable, a loss or a gradient is not finite, or
/// a file cannot be written. What was saved before stays.
pub fn train(
    training: Training,
    stop: &AtomicBool,
    tell: &mut dyn FnMut(Event),
) -> Result<Outcome> {
    let Training { config, folder, .. } = &training;
    config.validate()?;
    let trainer = new_trainer(config, &training.training_device())?;
    if training.is_root() {
        folder.begin(config)?;
        machine::write(folder.root())?;
    }
    training.go(trainer, Progress::default(), stop, tell)
}

/// Goes on with the run of a folder from its newest checkpoint, or from the start where there is none yet.
/// After the last step, weights, optimizers and metrics are those of a run that was never stopped, bit for
/// bit; where another number of processes goes on, it goes on with the pairs that come next. The configuration is the
/// folder's own, but for the numbers of steps and processes.
///
/// # Errors
/// As [`train`], and when a file of the run is damaged.
pub fn resume(
    training: Training,
    stop: &AtomicBool,
    tell: &mut dyn FnMut(Event),
) -> Result<Outcome> {
    let Training {
        config,
        data,
        folder,
        ..
    } = &training;
    config.validate()?;
    let training_device = training.training_device();
    let (trainer, done) = match folder.newest_step()? {
        None => (new_trainer(config, &training_device)?, Progress::default()),
        Some(step) => {
            let path = folder.checkpoints().join(checkpoint::file_name(step));
            let (g, d) = Checkpoint::load(&path)?.networks(&path, &training_device)?;
            let begun = Trainer::from_networks(g, d, config.trainer(), &training_device)?;
            let path = folder.state(step);
            let (StateHeader { position, .. }, state) = tensor_file::read(&path, STATE)?;
            let trainer = begun
                .resume(step, state, &training_device)
                .map_err(|reason| Error::file(&path, reason, STATE.remedy))?;
            // a run of an earlier version had one process
            let walk = config.walk(data.train.len(), Shard::default(), 0);
            let batches = step * config.optimizer.accumulate as u64;
            let position = position.unwrap_or_else(|| walk.position(batches));
            (trainer, Progress { step, position })
        }
    };
    if done.step >= config.steps {
        return Err(Error::Config(format!(
            "{}: the run is done: it has {} steps of {}; give more with --steps",
            folder.root().display(),
            done.step,
            config.steps
        )));
    }
    if training.is_root() {
        folder.write_config(config)?;
    }
    training.go(trainer, done, stop, tell)
}

/// A trainer before its first step.
fn new_trainer(config: &RunConfig, device: &Device) -> Result<Trainer> {
    let (generator, discriminator) = (&config.generator, &config.discriminator);
    Trainer::new(generator, discriminator, config.trainer(), device)
}

#[derive(Serialize, Deserialize)]
struct StateHeader {
    step: u64,
    /// Of the pair that comes next, in the order of all epochs.
    position: Option<u64>,
}

/// How far a run has come.
#[derive(Clone, Copy, Default)]
struct Progress {
    /// Steps done.
    step: u64,
    /// Of the pair that comes next, in the order of all epochs.
    position: u64,
}

/// What one process writes for all: the folder's growing files, and the samples that it looks at.
struct Books {
    samples: Samples,
    metrics: Log,
    timings: Log,
    scores: Log,
    warnings: Log,
    /// Seconds of training before this sitting.
    past: f64,
    start: Instant,
    health: Health,
    newest: PathBuf,
}

impl Books {
    /// Opens them after step `done`.
    fn open(training: &Training, done: u64) -> Result<Self> {
        let Training {
            config,
            data,
            folder,
            ..
        } = training;
        // a step that was logged only because a run ended there is none of a longer run
        let kept = |step: u64| step <= done && is_logged(config, step);
        let (metrics, _) = Log::open(folder.path("metrics.jsonl"), |m: &Metrics| kept(m.step))?;
        let (timings, past) = Log::open(folder.path("timings.jsonl"), |t: &Timing| kept(t.step))?;
        let (warnings, _) = Log::open(folder.path("warnings.jsonl"), |w: &Warning| w.step <= done)?;
        let (scores, _) = Log::open(folder.path("scores.jsonl"), |s: &RunScores| {
            s.step <= done && (s.step.is_multiple_of(config.sample_every) || s.step == config.steps)
        })?;
        Ok(Self {
            samples: Samples::read(data, config)?,
            metrics,
            timings,
            scores,
            warnings,
            past: past.last().map_or(0.0, |timing: &Timing| timing.seconds),
            start: Instant::now(),
            health: Health::default(),
            newest: PathBuf::new(),
        })
    }

    /// Waits until all that was written is on the disk.
    fn sync(&self) -> Result<()> {
        let logs = [&self.metrics, &self.timings, &self.scores, &self.warnings];
        logs.into_iter().try_for_each(Log::sync)
    }

    /// Writes a step's losses down, if it is one that is logged.
    fn step(&mut self, metrics: Metrics, logged: bool, tell: &mut dyn FnMut(Event)) -> Result<()> {
        tell(Event::Step(metrics));
        if logged {
            let step = metrics.step;
            let seconds = self.past + self.start.elapsed().as_secs_f64();
            self.metrics.write(&metrics)?;
            self.timings.write(&Timing { step, seconds })?;
            tell(Event::Logged(metrics));
        }
        Ok(())
    }

    /// Writes down what a person should look at.
    fn warn(&mut self, step: u64, warning: String, tell: &mut dyn FnMut(Event)) -> Result<()> {
        let warning = Warning { step, warning };
        self.warnings.write(&warning)?;
        tell(Event::Warned(&warning));
        Ok(())
    }
}

/// Whether a run writes a line of metrics at a step.
fn is_logged(config: &RunConfig, step: u64) -> bool {
    step == 1 || step.is_multiple_of(config.log_every) || step == config.steps
}

impl Training<'_> {
    /// Whether this process writes and tells for all.
    fn is_root(&self) -> bool {
        self.group
            .as_ref()
            .is_none_or(|group| group.shard().is_root())
    }

    /// The device with autodiff.
    fn training_device(&self) -> Device {
        device::for_training(&self.device, self.config.recompute)
    }

    /// Trains from a step on.
    fn go(
        self,
        mut trainer: Trainer,
        done: Progress,
        stop: &AtomicBool,
        tell: &mut dyn FnMut(Event),
    ) -> Result<Outcome> {
        let Self { config, data, .. } = self;
        let mut books = match self.is_root() {
            true => Some(Books::open(&self, done.step)?),
            false => None,
        };
        let mut shard = Shard::default();
        if let Some(group) = &self.group {
            trainer = trainer.in_group(group.clone());
            shard = group.shard();
        }
        let accumulate = config.optimizer.accumulate as u64;
        let walk = config.walk(data.train.len(), shard, done.position);
        let batches = loader::start(
            data.train.clone(),
            LoaderConfig {
                walk,
                jitter: config.jitter.clone(),
                domains: [config.source, config.target],
                direction: config.direction,
                seed: config.seed,
                batches: (config.steps - done.step) * accumulate,
                workers: config.workers,
                on_error: config.on_error,
                cache: Cache::new(config.cache, self.folder.root())?,
            },
        );
        let training_device = self.training_device();
        let mut step = done.step;
        let mut waiting = Vec::new();
        let progress = |step: u64| Progress {
            step,
            position: walk.position((step - done.step) * accumulate),
        };
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
                    if let Some(books) = books.as_mut().filter(|_| step > 0) {
                        self.save(progress(step), &trainer, books, tell)?;
                    }
                    return Err(broken);
                }
            }
            if waiting.len() < config.optimizer.accumulate {
                continue;
            }
            let batches = std::mem::take(&mut waiting);
            let stepped = self.on_device(step + 1, || trainer.step(&batches))?;
            let losses = stepped.map_err(|diverged| self.diverged(step + 1, &diverged))?;
            step += 1;
            let asked = stop.load(Ordering::Relaxed);
            let asked = match &self.group {
                Some(group) => agreement::any(&*group.communicator, asked),
                None => asked,
            };
            let last = step == config.steps || asked;
            let due = |every: u64| last || step.is_multiple_of(every);
            let [saved, sampled] = [config.save_every, config.sample_every].map(due);
            let logged = is_logged(config, step);
            let (mut warned, mut seen) = (None, None);
            // on a card, reading waits for the step to end, while the next one could be handed over
            if !config.device.is_card() || logged || saved || sampled {
                let read = self.on_device(step, || losses.read())?;
                let losses = read.map_err(|diverged| self.diverged(step, &diverged))?;
                if let Some(books) = &mut books {
                    let epoch = walk.epoch((step - done.step) * accumulate - 1) + 1;
                    let metrics = Metrics {
                        step,
                        epoch,
                        losses,
                    };
                    seen = Some(metrics);
                    books.step(metrics, logged, tell)?;
                    // Wasserstein losses have no zero to come near to
                    if config.objective.gan != Gan::WassersteinPenalty {
                        warned = books.health.step(&losses);
                    }
                }
            }
            if let Some(group) = self.group.as_ref().filter(|_| due(config.check_every)) {
                let (g, d) = (trainer.generator(), trainer.discriminator());
                agreement::check_weights(&*group.communicator, g, d)
                    .map_err(|reason| self.apart(step, &reason))?;
            }
            if let Some(books) = &mut books {
                if saved {
                    self.save(progress(step), &trainer, books, tell)?;
                }
                if let Some(metrics) = seen.filter(|_| sampled) {
                    let ill = self.look(metrics, &trainer, books, tell)?;
                    warned = warned.or(ill);
                }
                if let Some(warning) = warned {
                    books.warn(step, warning, tell)?;
                }
            }
            if last {
                break;
            }
        }
        Ok(Outcome {
            steps: step,
            interrupted: step < config.steps,
            checkpoint: books.map_or_else(PathBuf::new, |books| books.newest),
        })
    }

    /// Does a step's work on the device, which may fail in the middle of it.
    fn on_device<T>(&self, step: u64, work: impl FnOnce() -> T) -> Result<T> {
        let name = self.config.device;
        device::guarded(name, work).map_err(|reason| {
            let reason = match reason.to_lowercase().contains("memory") {
                true => {
                    let advice = fit::advice(self.config, device::card_memory(&self.device));
                    format!("out of memory; {advice}")
                }
                false => format!("{reason}; look at its driver, or use --device cpu"),
            };
            Error::Device(format!("device {name}: step {step}: {reason}"))
        })
    }

    /// Draws and scores the samples; says what is wrong with them.
    fn look(
        &self,
        metrics: Metrics,
        trainer: &Trainer,
        books: &mut Books,
        tell: &mut dyn FnMut(Event),
    ) -> Result<Option<String>> {
        let Self { config, device, .. } = self;
        let generator = trainer.generator_for_inference();
        let outputs = books.samples.translate(&generator, config, device);
        let rows = books.samples.rows(&outputs, config);
        let drawn: Vec<_> = rows.iter().map(|row| &row.output).collect();
        let still = books.samples.translate_still(&generator, config, device);
        let health = &mut books.health;
        let warned = health
            .outputs(&drawn)
            .or_else(|| still.and_then(|still| health.still(&still)));
        self.draw(metrics, &rows, tell)?;
        if let Some(scores) = books.samples.score(metrics.step, &outputs, config) {
            books.scores.write(&scores)?;
            tell(Event::Scored(scores));
        }
        Ok(warned)
    }

    /// Writes a checkpoint and the state beside it, and removes those that are too old. The state comes
    /// first: a checkpoint without one is not gone on from.
    fn save(
        &self,
        Progress { step, position }: Progress,
        trainer: &Trainer,
        books: &mut Books,
        tell: &mut dyn FnMut(Event),
    ) -> Result<()> {
        books.sync()?;
        tensor_file::write(
            &self.folder.state(step),
            STATE,
            &StateHeader {
                step,
                position: Some(position),
            },
            &trainer.state(),
        )?;
        let checkpoints = self.folder.checkpoints();
        let path = checkpoints.join(checkpoint::file_name(step));
        Checkpoint::new(
            self.config.clone(),
            step,
            &trainer.generator_for_inference(),
            trainer.discriminator(),
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
        books.newest = path;
        Ok(())
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

    fn diverged(&self, step: u64, Diverged { quantity }: &Diverged) -> Error {
        let reason = format!("step {step}: {quantity} is not a finite number any more");
        self.cannot_go_on(&reason, ADVICE)
    }

    /// Processes that train together have come apart.
    fn apart(&self, step: u64, reason: &str) -> Error {
        let advice = "look for a machine with broken memory, or other processors than the others, and go on with \
                      --resume";
        self.cannot_go_on(&format!("step {step}: {reason}"), advice)
    }

    /// Training has to end; the checkpoints that are there stay.
    fn cannot_go_on(&self, reason: &str, advice: &str) -> Error {
        let remedy = match self.folder.newest_step() {
            Ok(Some(good)) => format!(
                "the last good checkpoint is {}; {advice}",
                self.folder
                    .checkpoints()
                    .join(checkpoint::file_name(good))
                    .display()
            ),
            _ => format!("there is no checkpoint yet; {advice}"),
        };
        Error::file(self.folder.root(), reason, remedy)
    }
}
