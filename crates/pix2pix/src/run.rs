//! A training run in its run folder: `config.toml`, `machine.json`, `metrics.jsonl`, `timings.jsonl`, `rates.jsonl`,
//! `scores.jsonl`, `warnings.jsonl`, `samples/`, `checkpoints/`.
//!
//! Read [`Training`], [`train`] and [`resume`] first; [`Event`] is what they report. [`RunFolder`] is the folder with its
//! lock, [`History`] reads it back. [`RunConfig`] has every setting.
//!
//! ```
//! use std::sync::atomic::AtomicBool;
//!
//! use pix2pix::RunConfig;
//! use pix2pix::data::{JitterConfig, Size, earth};
//! use pix2pix::network::{PatchGanConfig, UnetConfig};
//! use pix2pix::run::{self, Event, RunFolder, Training};
//!
//! let config = RunConfig {
//!     data: earth::NAME.to_string(),
//!     steps: 2,
//!     generator: UnetConfig { filters: 2, depth: 6, ..UnetConfig::default() }.into(),
//!     discriminator: PatchGanConfig { filters: 2, ..PatchGanConfig::default() },
//!     jitter: JitterConfig {
//!         load_size: Size::square(72),
//!         crop_size: Size::square(64),
//!         multiple: 64,
//!         ..JitterConfig::default()
//!     },
//!     ..RunConfig::default()
//! };
//! let folder = std::env::temp_dir().join(format!("run-{}", std::process::id()));
//! let training = Training {
//!     config: &config,
//!     data: &earth::earth(),
//!     device: config.device.open(config.precision)?,
//!     folder: RunFolder::lock(&folder)?,
//!     group: None,
//! };
//! let stop = AtomicBool::new(false); // another thread may set it
//! let outcome = run::train(training, &stop, &mut |event| {
//!     if let Event::Step(metrics) = event {
//!         println!("step {}: L1 {:.3}", metrics.step, metrics.losses.g_l1);
//!     }
//! })?;
//! assert_eq!(outcome.steps, 2);
//! assert!(outcome.checkpoint.exists());
//! # std::fs::remove_dir_all(&folder).unwrap();
//! # Ok::<(), pix2pix::Error>(())
//! ```

pub mod agreement;
mod beginning;
pub(crate) mod fit;
pub(crate) mod folder;
pub(crate) mod health;
pub(crate) mod history;
mod kept;
pub(crate) mod log;
mod machine;
mod plateau;
pub(crate) mod record;
mod samples;

use std::cell::OnceCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use burn::tensor::Device;
use image::RgbImage;
use serde::{Deserialize, Serialize};

use crate::backend::device;
use crate::config::RunConfig;
use crate::data::cache::Cache;
use crate::data::dataset::Dataset;
use crate::data::loader::{self, LoaderConfig};
use crate::data::pair::Pair;
use crate::data::picture::{self, Picture};
use crate::draw::contact_sheet::{self, Row};
use crate::error::{Error, Result};
use crate::model::checkpoint::{self, Checkpoint};
use crate::model::translate::Translator;
use crate::parallel::{Group, Shard};
use crate::quality::Score;
use crate::train::config::OptimizerConfig;
use crate::train::losses::{Diverged, Losses};
use crate::train::objective::Gan;
use crate::train::schedule::Schedule;
use crate::train::trainer::Trainer;
use crate::weights_file::tensor_file::{self, FileKind};
pub use beginning::Beginning;
pub use folder::{RunFolder, read_config};
use health::Health;
pub use history::{Best, History, State};
use log::Log;
use plateau::Plateau;
pub use record::Record;
use samples::Samples;

/// The state of the optimizers, stored beside a checkpoint.
const STATE: FileKind = FileKind {
    format: "pix2pix-state-1",
    name: "training state",
    action: "read the file",
    remedy: "put a copy of the file back, or start a new run; no state of an earlier one is kept, but whole checkpoints \
             still translate",
};

/// Name of the file of the scores.
const SCORES: &str = "scores.jsonl";
/// Name of the file of the warnings.
const WARNINGS: &str = "warnings.jsonl";

/// Advice for losses or gradients that are not finite.
const ADVICE: &str =
    "start again with a lower `lr`, or check `range` if the pictures are floating-point";

/// One line of `metrics.jsonl`. Repeating a run gives the same lines.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Steps done, from 1.
    pub step: u64,
    /// Epoch of this step, from 1.
    pub epoch: u64,
    /// This step's losses; L1 is in units of [-1, 1].
    #[serde(flatten)]
    pub losses: Losses,
    /// The step's learning rate; `None` in files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lr: Option<f32>,
    /// The probability with which each augmentation was applied to a pair, if it is adaptive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub augment: Option<f32>,
}

/// One line of `timings.jsonl`, for each line of the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// Steps done.
    pub step: u64,
    /// Seconds of training so far, over all sessions of the run.
    #[serde(deserialize_with = "log::exact")]
    pub seconds: f64,
}

/// One line of `rates.jsonl`, for each step of a run that ends after a length of time: only the clock knew it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// Steps done, with this one.
    pub step: u64,
    /// Learning rate of the step.
    #[serde(deserialize_with = "log::exact")]
    pub lr: f64,
}

/// One line of `scores.jsonl`, for each contact sheet: means over the held-out pairs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunScores {
    /// Steps done.
    pub step: u64,
    /// L1: mean absolute difference, of 255.
    #[serde(deserialize_with = "log::exact")]
    pub l1: f64,
    /// Peak signal-to-noise ratio in dB; `None` if an output equals its target.
    #[serde(deserialize_with = "log::exact_or_none")]
    pub psnr: Option<f64>,
    /// Structural similarity; `None` for pictures smaller than 11x11 pixels.
    #[serde(deserialize_with = "log::exact_or_none")]
    pub ssim: Option<f64>,
    /// Sliced Wasserstein distance, in thousandths; `None` for pictures smaller than 16x16 pixels, and in files of earlier
    /// versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "log::exact_or_none")]
    pub swd: Option<f64>,
    /// Distance of the power spectra, in dB; `None` in files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "log::exact_or_none")]
    pub spectrum: Option<f64>,
    /// LPIPS, if the run keeps its best checkpoint by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "log::exact_or_none")]
    pub lpips: Option<f64>,
    /// Share of the pixels that have the target's class, if the targets are label maps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "log::exact_or_none")]
    pub accuracy: Option<f64>,
    /// Mean intersection over union of the classes, if the targets are label maps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "log::exact_or_none")]
    pub iou: Option<f64>,
    /// Whether this was the best step so far, whose checkpoint was kept.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub best: bool,
}

impl RunScores {
    /// The scores with their names.
    pub fn named(&self) -> [(&'static str, Option<f64>); 8] {
        Score::ALL.map(|score| (score.name(), self.written(score)))
    }

    /// The value of a score as the line has it.
    fn written(&self, score: Score) -> Option<f64> {
        match score {
            Score::L1 => Some(self.l1),
            Score::Psnr => self.psnr,
            Score::Ssim => self.ssim,
            Score::Swd => self.swd,
            Score::Spectrum => self.spectrum,
            Score::Lpips => self.lpips,
            Score::Accuracy => self.accuracy,
            Score::Iou => self.iou,
        }
    }

    /// The value of a score; that of PSNR is infinite if an output equals its target, and label maps have none.
    pub fn value(&self, score: Score) -> Option<f64> {
        let is_infinite = score == Score::Psnr && self.psnr.is_none() && self.accuracy.is_none();
        match is_infinite {
            true => Some(f64::INFINITY),
            false => self.written(score),
        }
    }
}

/// One line of `warnings.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Warning {
    /// Steps done.
    pub step: u64,
    /// The warning in plain language, with advice.
    pub warning: String,
}

/// Events that a run reports during training.
pub enum Event<'a> {
    /// The folder of a new run is there, and no step is done.
    Begun,
    /// So much time of training is left, of a run that ends after a length of time. Comes before its step.
    Left(Duration),
    /// A step is done. On a card, only steps whose losses are logged, saved or sampled are reported: reading them waits for
    /// the card.
    Step(Metrics),
    /// The losses of this step were written to the metrics.
    Logged(Metrics),
    /// A contact sheet was written.
    Sampled {
        /// Steps done.
        step: u64,
        /// The sheet's file.
        path: &'a Path,
        /// The sheet.
        sheet: &'a RgbImage,
        /// Its rows.
        rows: &'a [Row],
        /// All pairs that were translated, at the input size of the networks, in the order of the rows.
        pairs: &'a [Pair],
        /// Their outputs.
        outputs: &'a [Picture],
        /// Whether they are held out.
        held_out: bool,
    },
    /// The held-out pairs were scored.
    Scored(RunScores),
    /// A checkpoint was written.
    Saved(&'a Path),
    /// The held-out pairs have their best score so far, and the checkpoint was kept.
    Improved {
        /// The checkpoint's file.
        path: &'a Path,
        /// The score.
        score: Score,
        /// Its value and the step.
        best: Best,
    },
    /// A pair was skipped because it could not be read; the text is the reason.
    Skipped(&'a str),
    /// The training shows signs of failure.
    Warned(&'a Warning),
    /// Something of the run's files, its learning rate or this machine that the user should know; the run goes on.
    Noted(&'a str),
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Steps done.
    pub steps: u64,
    /// Whether it was stopped before the last step.
    pub interrupted: bool,
    /// The newest checkpoint.
    pub checkpoint: PathBuf,
    /// Its best score, if it keeps its best checkpoint; a run whose record [is over](Record::is_over) has ended early.
    pub record: Option<Record>,
}

/// Everything that a run needs.
pub struct Training<'a> {
    /// Its configuration.
    pub config: &'a RunConfig,
    /// Its data set, already checked by [`survey::checked`](crate::data::dataset::survey::checked).
    pub data: &'a Dataset,
    /// Its device, without autodiff.
    pub device: Device,
    /// Its run folder. In a group of processes, only rank 0 writes there.
    pub folder: RunFolder,
    /// The group of processes that train together; `None` for a single process.
    pub group: Option<Group>,
}

/// Trains a new run from the first step to the last, or until `stop` is set. It then finishes the step in progress and
/// saves everything. The folder must be empty. `tell` receives the events, and may set `stop`: without a group, the step
/// of the event, whatever its kind, is then the last.
///
/// # Errors
/// When the configuration is invalid, a pair has become unreadable, a loss or a gradient is not finite, or a file
/// cannot be written. Checkpoints saved before are kept.
pub fn train(
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
    config.check_pixels(data)?;
    config.check_held_out(data)?;
    training.check_memory(tell)?;
    let trainer = new_trainer(config, &training.training_device())?;
    if training.is_root() {
        folder.begin(config)?;
        machine::write(folder.root())?;
    }
    tell(Event::Begun);
    training.go(trainer, Progress::default(), None, stop, tell)
}

/// Resumes the run of a folder from its newest checkpoint, or from the start if there is none yet. After the last step,
/// weights, optimizers and metrics are bit for bit those of an uninterrupted run. With another number of processes, the
/// run continues with the next pairs. The configuration must be that of the folder, except for the numbers of steps and
/// processes.
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
    config.check_pixels(data)?;
    config.check_held_out(data)?;
    training.check_memory(tell)?;
    let training_device = training.training_device();
    let (trainer, done, owed) = match folder.newest()? {
        None => {
            let trainer = new_trainer(config, &training_device)?;
            (trainer, Progress::default(), None)
        }
        Some((step, path)) => {
            let saved = Checkpoint::load(&path).map_err(to_resume)?;
            kept::check(&folder.path(folder::CONFIG), config, &saved.config)?;
            let networks = saved.networks(&path, &training_device);
            let (g, d) = networks.map_err(to_resume)?;
            let begun = Trainer::from_networks(g, d, config.trainer(), &training_device)?;
            let path = folder.state(step);
            let (header, state) = pix2pix_runtime::tensor_file::read::<StateHeader>(&path, STATE)?;
            if header.step != step {
                let reason = format!("the training state of step {}, not {step}", header.step);
                return Err(Error::file(&path, reason, STATE.remedy));
            }
            let StateHeader {
                position,
                owed,
                seconds,
                ..
            } = header;
            let trainer = begun
                .resume(step, state, &training_device)
                .map_err(|reason| Error::file(&path, reason, STATE.remedy))?;
            // files of earlier versions have no position; their runs had one process
            let walk = config.walk(data.train.len(), Shard::default(), 0);
            let batches = step * config.optimizer.accumulate as u64;
            let position = position.unwrap_or_else(|| walk.position(batches));
            let done = Progress {
                step,
                position,
                seconds,
            };
            (trainer, done, owed)
        }
    };
    let scores = log::read::<RunScores>(&folder.path(SCORES))?
        .entries
        .into_iter();
    let scores: Vec<RunScores> = scores.filter(|line| line.step <= done.step).collect();
    let scored = scores.last().map(|scores| scores.step);
    if done.is_last(config) && !training.owes(owed.as_ref(), scored)? {
        let folder = folder.root().display();
        return Err(Error::Config(match done.out_of_time(config) {
            Some([seconds, time]) => format!(
                "{folder}: the run is done: it has trained for {seconds:.1} of {time:.1} seconds; to train longer, give a \
                 larger `time`"
            ),
            None => format!(
                "{folder}: the run is done ({} of {} steps); to train longer, give a larger `steps`",
                done.step, config.steps
            ),
        }));
    }
    if Record::of(config, &scores).is_some_and(|record| record.is_over()) {
        return Err(Error::Config(format!(
            "{}: the run is done: its score has not improved for {} samplings; to train longer, give a larger \
             `patience`",
            folder.root().display(),
            config.patience
        )));
    }
    if training.is_root() {
        let before = read_config(folder.root())?;
        if let Some(restart) = schedule_restart(&before, config, done.step) {
            tell(Event::Noted(&restart));
        }
        if let Some(other) = best_of_another_course(folder, [&before, config], done.step) {
            tell(Event::Noted(&other));
        }
        folder.use_for(config)?;
    }
    training.go(trainer, done, owed, stop, tell)
}

/// A sentence on the learning rate, if a run of another number of steps has another at the step from which it resumes.
fn schedule_restart(before: &RunConfig, now: &RunConfig, done: u64) -> Option<String> {
    let rate = |config: &RunConfig| {
        let OptimizerConfig {
            lr,
            schedule,
            decay_steps,
            ..
        } = config.optimizer;
        lr * schedule.share(done, config.steps, decay_steps)
    };
    let [old, new] = [before, now].map(rate);
    ((old - new).abs() > 1e-9 * now.optimizer.lr).then(|| {
        format!(
            "the {} schedule of the learning rate now spans {} steps instead of {}: after step {done}, the rate is \
             {new:.3e} instead of {old:.3e}",
            now.optimizer.schedule, now.steps, before.steps
        )
    })
}

/// A sentence on the best checkpoint, if a run of another length leaves the course that reached it: a process that was
/// killed had kept it after the last checkpoint.
fn best_of_another_course(
    folder: &RunFolder,
    [before, now]: [&RunConfig; 2],
    done: u64,
) -> Option<String> {
    let path = folder.checkpoints().join(checkpoint::BEST);
    if now.keep_best.is_none() || (before.steps, before.time) == (now.steps, now.time) {
        return None;
    }
    // if it cannot be read, it is as good as none
    let step = Checkpoint::load(&path).ok()?.step;
    (step > done).then(|| {
        format!(
            "{} is of step {step} of the course that the run leaves at step {done}; the next best \
             step replaces it: copy it to keep it",
            path.display()
        )
    })
}

/// The error for a checkpoint from which a run cannot be resumed.
fn to_resume(error: Error) -> Error {
    match error {
        Error::File { path, reason, .. } => Error::file(&path, reason, STATE.remedy),
        other => other,
    }
}

/// Threads that decode for a card: one takes longer for a pair than a card for a step.
const WORKERS: usize = 8;

/// Threads that decode and augment pairs.
fn workers(config: &RunConfig) -> usize {
    match config.workers {
        0 if config.device.is_card() => WORKERS.min(rayon::current_num_threads()),
        0 => 1,
        given => given,
    }
}

/// A trainer before its first step.
fn new_trainer(config: &RunConfig, device: &Device) -> Result<Trainer> {
    let (generator, discriminator) = beginning::networks(config, device)?;
    Trainer::from_networks(generator, discriminator, config.trainer(), device)
}

#[derive(Serialize, Deserialize)]
struct StateHeader {
    step: u64,
    /// Position of the next pair, counted over all epochs.
    position: Option<u64>,
    /// Seconds of training so far, of a run that ends after a length of time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seconds: Option<f64>,
    /// What the run still has to do for this step.
    #[serde(default)]
    owed: Option<Owed>,
}

/// What follows the saving of a step: its contact sheet and score, if they are due, and its warning.
#[derive(Clone, Serialize, Deserialize)]
struct Owed {
    metrics: Metrics,
    warning: Option<String>,
}

/// Progress of a run.
#[derive(Clone, Copy, Default)]
struct Progress {
    /// Steps done.
    step: u64,
    /// Position of the next pair, counted over all epochs.
    position: u64,
    /// Seconds of training so far, of a run that ends after a length of time.
    seconds: Option<f64>,
}

impl Progress {
    /// Whether the run has done its last step.
    fn is_last(&self, config: &RunConfig) -> bool {
        self.step >= config.steps || self.out_of_time(config).is_some()
    }

    /// The seconds of training and those that the run was given, if they are over.
    fn out_of_time(&self, config: &RunConfig) -> Option<[f64; 2]> {
        let (seconds, time) = self.seconds.zip(config.time)?;
        (seconds >= time).then_some([seconds, time])
    }
}

/// Records of a run, which only rank 0 keeps: the log files, and the samples that it translates and scores.
struct Books {
    samples: Samples,
    metrics: Log,
    timings: Log,
    /// The learning rates of a run that ends after a length of time.
    rates: Option<Log>,
    scores: Log,
    warnings: Log,
    /// Seconds of training before this session.
    past: f64,
    start: Instant,
    health: Health,
    newest: PathBuf,
    /// The newest step that has a score, and the newest that has a warning.
    scored: Option<u64>,
    warned: Option<u64>,
    record: Option<Record>,
    plateau: Option<Plateau>,
}

impl Books {
    /// Opens the log files, cut back to the step that is `done`.
    fn open(training: &Training, done: Progress, tell: &mut dyn FnMut(Event)) -> Result<Self> {
        let Progress {
            step: done,
            seconds,
            ..
        } = done;
        let Training {
            config,
            data,
            folder,
            ..
        } = training;
        // drop a line that was written only because the run ended at that step: a longer run does not have it
        let kept = |step: u64| step <= done && is_logged(config, step);
        let (metrics, m) = Log::open(folder.path("metrics.jsonl"), |m: &Metrics| kept(m.step))?;
        let (timings, t) = Log::open(folder.path("timings.jsonl"), |t: &Timing| kept(t.step))?;
        let (warnings, w) = Log::open(folder.path(WARNINGS), |w: &Warning| w.step <= done)?;
        let (scores, s) = Log::open(folder.path(SCORES), |s: &RunScores| {
            // the best checkpoint, once kept, keeps its line
            s.step <= done && (record::counts(config, s.step) || s.best)
        })?;
        let rates = config.time.map(|_| {
            let path = folder.path("rates.jsonl");
            Log::open(path, |rate: &Rate| rate.step <= done)
        });
        let (rates, r) = rates.transpose()?.unzip();
        let r = r.and_then(|rates| rates.unread);
        for unread in [m.unread, t.unread, r, w.unread, s.unread].iter().flatten() {
            tell(Event::Noted(unread));
        }
        let mut health = Health::default();
        for line in &m.entries {
            // what it warns of has been told
            health.step(line.step, &line.losses);
        }
        let logged = t.entries.last().map_or(0.0, |timing| timing.seconds);
        let past = seconds.unwrap_or(logged);
        Ok(Self {
            samples: Samples::read(data, config, &training.device)?,
            metrics,
            timings,
            rates,
            scores,
            warnings,
            past,
            start: Instant::now(),
            health,
            newest: match done {
                0 => PathBuf::new(),
                _ => folder.checkpoints().join(checkpoint::file_name(done)),
            },
            scored: s.entries.last().map(|scores| scores.step),
            warned: w.entries.last().map(|warning| warning.step),
            record: Record::of(config, &s.entries),
            plateau: Plateau::of(config, &s.entries),
        })
    }

    /// Flushes all log files to disk.
    fn sync(&self) -> Result<()> {
        let logs = [&self.metrics, &self.timings, &self.scores, &self.warnings];
        let mut logs = logs.into_iter().chain(&self.rates);
        logs.try_for_each(Log::sync)
    }

    /// Seconds of training so far, over all sessions of the run.
    fn seconds(&self) -> f64 {
        self.past + self.start.elapsed().as_secs_f64()
    }

    /// Reports a step, and writes its losses if the step is `logged`.
    fn step(&mut self, metrics: Metrics, logged: bool, tell: &mut dyn FnMut(Event)) -> Result<()> {
        tell(Event::Step(metrics));
        if logged {
            let step = metrics.step;
            let seconds = self.seconds();
            self.metrics.write(&metrics)?;
            self.timings.write(&Timing { step, seconds })?;
            tell(Event::Logged(metrics));
        }
        Ok(())
    }

    /// Writes and reports a warning.
    fn warn(&mut self, step: u64, warning: String, tell: &mut dyn FnMut(Event)) -> Result<()> {
        let warning = Warning { step, warning };
        self.warnings.write(&warning)?;
        self.warned = Some(step);
        tell(Event::Warned(&warning));
        Ok(())
    }
}

/// Whether a run logs the losses of this step.
fn is_logged(config: &RunConfig, step: u64) -> bool {
    step == 1 || step.is_multiple_of(config.log_every) || step == config.steps
}

impl Training<'_> {
    /// Whether this process writes files and reports events for the group: rank 0, or the only process.
    fn is_root(&self) -> bool {
        self.group
            .as_ref()
            .is_none_or(|group| group.shard().is_root())
    }

    /// Checks that the training fits into memory, as far as that can be known.
    fn check_memory(&self, tell: &mut dyn FnMut(Event)) -> Result<()> {
        if let Some(warning) = fit::check_here(self.config)?
            && self.is_root()
        {
            tell(Event::Noted(&warning));
        }
        Ok(())
    }

    /// The device with autodiff.
    fn training_device(&self) -> Device {
        device::for_training(&self.device, self.config.recompute)
    }

    /// Seconds of training so far, the same in all processes of a group, which must all call this.
    fn seconds(&self, books: Option<&Books>) -> f64 {
        let own = books.map_or(0.0, Books::seconds);
        match &self.group {
            Some(group) => agreement::of_root(&*group.communicator, own),
            None => own,
        }
    }

    /// Trains from step `done`, which may owe something, to the last step.
    fn go(
        self,
        mut trainer: Trainer,
        done: Progress,
        owed: Option<Owed>,
        stop: &AtomicBool,
        tell: &mut dyn FnMut(Event),
    ) -> Result<Outcome> {
        // a run of a length of time knows its number of steps at the end
        let ended = OnceCell::new();
        let mut this = self;
        let (config, data) = (this.config, this.data);
        let mut books = match this.is_root() {
            true => Some(Books::open(&this, done, tell)?),
            false => None,
        };
        let is_last = done.is_last(config);
        if let (Some(books), Some(owed)) = (&mut books, owed) {
            this.settle(owed, is_last, &trainer, books, tell)?;
        }
        this.set_rate(&mut trainer, books.as_ref());
        if is_last || this.is_over(books.as_ref()) {
            return Ok(this.outcome(done.step, books));
        }
        let mut shard = Shard::default();
        if let Some(group) = &this.group {
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
                domains: [config.source.clone(), config.target.clone()],
                direction: config.direction,
                seed: config.seed,
                batches: (config.steps - done.step) * accumulate,
                workers: workers(config),
                on_error: config.on_error,
                cache: Cache::new(config.cache, this.folder.root())?,
            },
        )?;
        let training_device = this.training_device();
        let mut step = done.step;
        let (mut waiting, mut masks) = (Vec::new(), Vec::new());
        let progress = |step: u64, books: &Books| Progress {
            step,
            position: walk.position((step - done.step) * accumulate),
            seconds: config.time.map(|_| books.seconds()),
        };
        for batch in batches {
            match batch {
                Ok(batch) => {
                    for reason in &batch.skipped {
                        tell(Event::Skipped(reason));
                    }
                    masks.push(batch.mask(&training_device));
                    waiting.push(batch.into_tensors(&training_device));
                }
                Err(broken) => {
                    // the file could be read when the run began: save the steps since the last checkpoint
                    if let Some(books) = books.as_mut().filter(|_| step > 0) {
                        let progress = progress(step, books);
                        this.save(progress, None, &trainer, books, tell)?;
                    }
                    return Err(broken);
                }
            }
            if waiting.len() < config.optimizer.accumulate {
                continue;
            }
            let batches = std::mem::take(&mut waiting);
            if let Some(time) = config.time {
                trainer.set_done(this.seconds(books.as_ref()) / time);
                if let Some(books) = &mut books {
                    let (step, lr) = (step + 1, trainer.rate());
                    books
                        .rates
                        .iter_mut()
                        .try_for_each(|log| log.write(&Rate { step, lr }))?;
                }
            }
            trainer.mask(std::mem::take(&mut masks));
            let (lr, augment) = (trainer.rate() as f32, trainer.augment_probability());
            let stepped = this.on_device(step + 1, || trainer.step(&batches))?;
            let losses = stepped.map_err(|diverged| this.diverged(step + 1, &diverged))?;
            step += 1;
            if let Some(time) = config.time {
                let seconds = this.seconds(books.as_ref());
                if seconds >= time {
                    this.config = ended.get_or_init(|| RunConfig {
                        steps: step,
                        ..config.clone()
                    });
                    if this.is_root() {
                        this.folder.use_for(this.config)?;
                    }
                } else if this.is_root() {
                    tell(Event::Left(Duration::from_secs_f64(time - seconds)));
                }
            }
            let asked = stop.load(Ordering::Relaxed);
            let asked = match &this.group {
                Some(group) => agreement::any(&*group.communicator, asked),
                None => asked,
            };
            let config = this.config;
            let mut last = step == config.steps || asked;
            let [mut saved, mut sampled] = [config.save_every, config.sample_every]
                .map(|every| last || step.is_multiple_of(every));
            let logged = is_logged(config, step);
            let (mut warned, mut seen) = (None, None);
            // on a GPU, reading the losses waits for the step to end and delays the launch of the next one
            if !config.device.is_card() || logged || saved || sampled {
                let read = this.on_device(step, || losses.read())?;
                let losses = read.map_err(|diverged| this.diverged(step, &diverged))?;
                if let Some(books) = &mut books {
                    let epoch = walk.epoch((step - done.step) * accumulate - 1) + 1;
                    let metrics = Metrics {
                        step,
                        epoch,
                        losses,
                        lr: Some(lr),
                        augment,
                    };
                    seen = Some(metrics);
                    books.step(metrics, logged, tell)?;
                    // Wasserstein losses do not approach 0 when the discriminator wins
                    if config.objective.gan != Gan::WassersteinPenalty {
                        warned = books.health.step(step, &losses);
                    }
                }
            }
            // who listens to the events may stop the run at any of this step's, which is then its last
            let is_stopped =
                || seen.is_some() && this.group.is_none() && stop.load(Ordering::Relaxed);
            if is_stopped() {
                [last, saved, sampled] = [true; 3];
            }
            let checked = last || step.is_multiple_of(config.check_every);
            if let Some(group) = this.group.as_ref().filter(|_| checked) {
                let (g, d) = (trainer.generator(), trainer.discriminator());
                agreement::check_weights(&*group.communicator, g, d)
                    .map_err(|reason| this.apart(step, &reason))?;
            }
            if let Some(books) = &mut books {
                if saved {
                    let warning = warned.clone();
                    let owed = seen.map(|metrics| Owed { metrics, warning });
                    this.save(progress(step, books), owed, &trainer, books, tell)?;
                }
                if let Some(metrics) = seen.filter(|_| sampled) {
                    let ill = this.look(metrics, &trainer, books, tell)?;
                    warned = warned.or(ill);
                }
                if let Some(warning) = warned {
                    books.warn(step, warning, tell)?;
                }
            }
            if sampled {
                this.set_rate(&mut trainer, books.as_ref());
            }
            let over = sampled && this.is_over(books.as_ref());
            let stopped = is_stopped();
            if let Some(books) = books.as_mut().filter(|_| (over || stopped) && !saved) {
                this.save(progress(step, books), None, &trainer, books, tell)?;
            }
            let unseen = seen.filter(|_| stopped && !sampled);
            if let (Some(books), Some(metrics)) = (&mut books, unseen)
                && let Some(ill) = this.look(metrics, &trainer, books, tell)?
                && books.warned != Some(step)
            {
                books.warn(step, ill, tell)?;
            }
            if last || over || stopped {
                break;
            }
        }
        Ok(this.outcome(step, books))
    }

    /// Whether the score of the held-out pairs no longer improves. Every process of a group must call this.
    fn is_over(&self, books: Option<&Books>) -> bool {
        let record = books.and_then(|books| books.record);
        let over = record.is_some_and(|record| record.is_over());
        match &self.group {
            Some(group) if self.config.patience > 0 => agreement::any(&*group.communicator, over),
            _ => over,
        }
    }

    /// Sets the learning rate that the score of the held-out pairs asks for, if the schedule follows it. Every process of a
    /// group must call this.
    fn set_rate(&self, trainer: &mut Trainer, books: Option<&Books>) {
        if self.config.optimizer.schedule != Schedule::Plateau {
            return;
        }
        let plateau = books.and_then(|books| books.plateau);
        let own = plateau.map_or(1.0, |plateau| plateau.factor());
        trainer.set_rate_factor(match &self.group {
            Some(group) => agreement::of_root(&*group.communicator, own),
            None => own,
        });
    }

    /// How the run ended, after `steps` steps.
    fn outcome(&self, steps: u64, books: Option<Books>) -> Outcome {
        let over = self.is_over(books.as_ref());
        let record = books.as_ref().and_then(|books| books.record);
        Outcome {
            steps,
            interrupted: steps < self.config.steps && !over,
            checkpoint: books.map_or_else(PathBuf::new, |books| books.newest),
            record,
        }
    }

    /// Runs the work of a step on the device, and converts a failure of the device to an error.
    fn on_device<T>(&self, step: u64, work: impl FnOnce() -> T) -> Result<T> {
        let name = self.config.device;
        device::guarded(name, work).map_err(|reason| {
            let reason = match reason.to_lowercase().contains("memory") {
                true => {
                    let advice = fit::advice(self.config, device::card_memory(&self.device));
                    format!("out of memory; {advice}")
                }
                false => format!("{reason}; check its driver, or use `device` cpu"),
            };
            Error::Device(format!("device {name}: step {step}: {reason}"))
        })
    }

    /// Translates, draws and scores the samples. Returns a warning if they show signs of failure.
    fn look(
        &self,
        metrics: Metrics,
        trainer: &Trainer,
        books: &mut Books,
        tell: &mut dyn FnMut(Event),
    ) -> Result<Option<String>> {
        let Self { config, device, .. } = self;
        let generator = trainer.generator_for_inference();
        let translator = Translator::of_network(&generator, config, metrics.step, device);
        let outputs = books.samples.translate(&translator);
        let rows = books.samples.rows(&outputs, &translator)?;
        // of what the networks see: rows may have whole pictures
        let range = config.target.range;
        let seen = outputs.iter().take(rows.len());
        let seen: Vec<_> = seen.map(|output| output.to_rgb8(range)).collect();
        let still = books.samples.translate_still(&translator);
        let health = &mut books.health;
        let warned = health
            .outputs(&seen)
            .or_else(|| still.and_then(|still| health.still(&still)));
        let scores = books.samples.score(metrics.step, &outputs, config);
        if let Some(mut scores) = scores.filter(|scores| books.scored != Some(scores.step)) {
            if let Some(record) = &mut books.record {
                record.count(config, &mut scores);
                if let (true, Some(best)) = (scores.best, record.best) {
                    // before the line that says so
                    let path = self.folder.checkpoints().join(checkpoint::BEST);
                    let kept = (*config).clone();
                    Checkpoint::new(kept, scores.step, &generator, trainer.discriminator())
                        .save(&path)?;
                    tell(Event::Improved {
                        path: &path,
                        score: record.score,
                        best,
                    });
                }
            }
            books.scores.write(&scores)?;
            books.scored = Some(scores.step);
            tell(Event::Scored(scores));
            let plateau = books.plateau.as_mut();
            if let Some(fall) = plateau.and_then(|plateau| plateau.count(config, &scores)) {
                tell(Event::Noted(&fall));
            }
        }
        let (pairs, held_out) = books.samples.pairs();
        self.draw(metrics, &rows, (pairs, &outputs, held_out), tell)?;
        Ok(warned)
    }

    /// Whether a step has its contact sheet, and its score where pairs are held out; `scored` is the last step with a score.
    fn is_whole(&self, step: u64, scored: Option<u64>) -> bool {
        self.sheet(step).exists() && (self.data.val.is_none() || scored == Some(step))
    }

    /// Whether the last step of a run still owes its contact sheet, its score or its warning. Every process of a group must
    /// call this.
    fn owes(&self, owed: Option<&Owed>, scored: Option<u64>) -> Result<bool> {
        let owes = match owed {
            None => false,
            Some(Owed { metrics, warning }) => {
                let warnings = log::read::<Warning>(&self.folder.path(WARNINGS))?.entries;
                let is_warned = || warnings.iter().any(|known| known.step == metrics.step);
                !self.is_whole(metrics.step, scored) || warning.is_some() && !is_warned()
            }
        };
        Ok(match &self.group {
            // the files may change meanwhile
            Some(group) => agreement::of_root(&*group.communicator, f64::from(owes)) > 0.0,
            None => owes,
        })
    }

    /// Does what the saved step still owes, if the run ended between saving it and the rest of its work.
    fn settle(
        &self,
        Owed { metrics, warning }: Owed,
        is_last: bool,
        trainer: &Trainer,
        books: &mut Books,
        tell: &mut dyn FnMut(Event),
    ) -> Result<()> {
        let step = metrics.step;
        let is_due = is_last || step.is_multiple_of(self.config.sample_every);
        let ill = match is_due && !self.is_whole(step, books.scored) {
            true => self.look(metrics, trainer, books, tell)?,
            false => None,
        };
        self.remove_older(step)?;
        match warning.or(ill).filter(|_| books.warned != Some(step)) {
            Some(warning) => books.warn(step, warning, tell),
            None => Ok(()),
        }
    }

    /// Writes a checkpoint and its state, and removes old ones. The state is written first, because a checkpoint
    /// without one cannot be resumed.
    fn save(
        &self,
        Progress {
            step,
            position,
            seconds,
        }: Progress,
        owed: Option<Owed>,
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
                seconds,
                owed,
            },
            &trainer.state(),
        )?;
        let path = self.folder.checkpoints().join(checkpoint::file_name(step));
        Checkpoint::new(
            self.config.clone(),
            step,
            &trainer.generator_for_inference(),
            trainer.discriminator(),
        )
        .save(&path)?;
        self.remove_older(step)?;
        tell(Event::Saved(&path));
        books.newest = path;
        Ok(())
    }

    /// Removes checkpoints and states older than those of this step that the run does not keep.
    fn remove_older(&self, step: u64) -> Result<()> {
        let remove = |old: &Path| {
            fs::remove_file(old).map_err(|e| Error::io(old, "remove the old checkpoint", e))
        };
        let mut all = checkpoint::steps_in(&self.folder.checkpoints())?;
        all.retain(|(other, _)| *other <= step);
        for (_, old) in &all[..all.len().saturating_sub(self.config.keep)] {
            remove(old)?;
        }
        // one state is enough to resume, and a state is twice as large as a checkpoint
        for old in self.folder.states()? {
            if old != self.folder.state(step) {
                remove(&old)?;
            }
        }
        Ok(())
    }

    /// Writes the contact sheet.
    fn draw(
        &self,
        metrics: Metrics,
        rows: &[Row],
        (pairs, outputs, held_out): (&[Pair], &[Picture], bool),
        tell: &mut dyn FnMut(Event),
    ) -> Result<()> {
        let title = format!(
            "pix2pix, step {}{}, training L1 {:.2} of 255",
            metrics.step,
            match self.config.is_open() {
                true => String::new(),
                false => format!(" of {}", self.config.steps),
            },
            127.5 * metrics.losses.g_l1
        );
        let sheet = contact_sheet::draw(&title, rows);
        let path = self.sheet(metrics.step);
        picture::write_png(&path, &sheet)?;
        tell(Event::Sampled {
            step: metrics.step,
            path: &path,
            sheet: &sheet,
            rows,
            pairs,
            outputs,
            held_out,
        });
        Ok(())
    }

    /// File of a step's contact sheet.
    fn sheet(&self, step: u64) -> PathBuf {
        self.folder.samples().join(format!("step_{step:07}.png"))
    }

    fn diverged(&self, step: u64, Diverged { quantity }: &Diverged) -> Error {
        let reason = format!("step {step}: {quantity} is no longer finite");
        self.cannot_go_on(&reason, ADVICE)
    }

    /// The error for processes of a group whose weights differ.
    fn apart(&self, step: u64, reason: &str) -> Error {
        let advice = "check the machines for faulty memory and for different kinds of processors, then continue \
                      with `run::resume`";
        self.cannot_go_on(&format!("step {step}: {reason}"), advice)
    }

    /// The error for training that cannot continue. It names the newest checkpoint.
    fn cannot_go_on(&self, reason: &str, advice: &str) -> Error {
        let remedy = match self.folder.newest() {
            Ok(Some((_, good))) => {
                format!("the last good checkpoint is {}; {advice}", good.display())
            }
            _ => format!("there is no checkpoint yet; {advice}"),
        };
        Error::file(self.folder.root(), reason, remedy)
    }
}
