//! A training run in its run folder: `config.toml`, `held_out.json`, `machine.json`, `metrics.jsonl`, `timings.jsonl`,
//! `rates.jsonl`, `scores.jsonl`, `warnings.jsonl`, `samples/`, `checkpoints/`.
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
mod books;
mod course;
mod event;
mod failure;
pub mod file;
pub(crate) mod fit;
pub(crate) mod folder;
pub(crate) mod health;
mod held_out;
pub(crate) mod history;
mod kept;
mod lines;
pub(crate) mod log;
mod machine;
mod owed;
mod plateau;
pub(crate) mod record;
mod samples;
mod saved;
mod session;
mod stray;
pub mod thinned;

use std::sync::atomic::AtomicBool;

use burn::tensor::Device;

use crate::backend::device;
use crate::config::RunConfig;
use crate::data::dataset::Dataset;
use crate::error::{Error, Result};
use crate::parallel::Group;
pub use beginning::Beginning;
pub use event::{Event, Outcome, Remaining};
pub use folder::{RunFolder, read_config, read_config_file};
pub use held_out::names as held_out;
pub use history::{History, State};
pub use lines::{L1_OF_CLASSES, LOSSES, Metrics, Rate, RunScores, Timing, Warning, l1_curve};
pub use plateau::PLATEAU;
pub use record::{Best, Record};
use saved::Saved;
use session::Session;

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

impl Training<'_> {
    /// Checks what can be known before the first step: the configuration, the data, and whether both fit into memory.
    fn check(&self, tell: &mut dyn FnMut(Event)) -> Result<()> {
        self.config.validate()?;
        self.config.check_pixels(self.data)?;
        self.config.check_held_out(self.data)?;
        if let Some(warning) = fit::check_here(self.config, self.data)?
            && self.is_root()
        {
            tell(Event::Noted(&warning));
        }
        Ok(())
    }

    /// Checks that the first checkpoint fits on the disk of the run.
    fn check_disk(&self) -> Result<()> {
        match self.is_root() {
            true => fit::check_disk(self.config, &self.folder.checkpoints()),
            false => Ok(()),
        }
    }

    /// Whether this process writes files and reports events for the group: rank 0, or the only process.
    fn is_root(&self) -> bool {
        self.group
            .as_ref()
            .is_none_or(|group| group.shard().is_root())
    }

    /// The device with autodiff.
    fn training_device(&self) -> Device {
        device::for_training(&self.device, self.config.recompute)
    }
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
    check_train(&training, tell)?;
    let (config, folder) = (training.config, &training.folder);
    let begun = Saved::begin(config, &training.training_device())?;
    if training.is_root() {
        folder.begin(config)?;
    }
    // as early as can be: who listens marks the run as one that has a report
    tell(Event::Begun);
    if training.is_root() {
        held_out::write(folder, config, training.data)?;
        machine::write(folder.root())?;
    }
    Session::run(training, begun, stop, tell)
}

/// Resumes the run of a folder from its newest checkpoint, or from the start if it has not come to its first. After the last
/// step, weights, optimizers and metrics are bit for bit those of an uninterrupted run. With another number of processes, the
/// run continues with the next pairs. The configuration must be that of the folder, except for the numbers of steps and
/// processes, for the machine (device, precision, threads and the like), with which the result is that of an uninterrupted run
/// but for the last bits, and for the intervals of what it writes from now on.
///
/// # Errors
/// As [`train`], and when a file of the run is damaged, or its checkpoints are gone.
pub fn resume(
    training: Training,
    stop: &AtomicBool,
    tell: &mut dyn FnMut(Event),
) -> Result<Outcome> {
    let saved = to_go_on(&training, tell);
    if matches!(saved, Err(Error::Done(_))) && training.is_root() {
        // a process that was killed after the last step, in its report, has left it; else it would stay for good
        training.folder.remove_unfinished()?;
    }
    let saved = saved?;
    if training.is_root() {
        training.folder.use_for(training.config)?;
        held_out::write(&training.folder, training.config, training.data)?;
    }
    Session::run(training, saved, stop, tell)
}

/// Checks what [`train`] checks before the first step, and writes nothing. `tell` receives notes.
///
/// # Errors
/// When the configuration is invalid or does not fit the data, both do not fit into memory, or a checkpoint does not fit on the
/// disk.
pub fn check_train(training: &Training, tell: &mut dyn FnMut(Event)) -> Result<()> {
    training.config.check_course()?;
    training.config.check_effects()?;
    training.check(tell)?;
    training.check_disk()
}

/// Checks what [`resume`] checks before the first step, and writes nothing. `tell` receives notes. Returns what is left of the
/// run.
///
/// # Errors
/// As [`check_train`]; when the run is done, or a file of it is damaged.
pub fn check_resume(training: &Training, tell: &mut dyn FnMut(Event)) -> Result<Remaining> {
    let done = to_go_on(training, tell)?.done;
    let config = training.config;
    Ok(Remaining {
        steps: config.steps.saturating_sub(done.step),
        seconds: config.time.map(|time| (time - done.seconds).max(0.0)),
    })
}

/// The run of a folder as it was saved, if nothing refuses to go on with it.
fn to_go_on(training: &Training, tell: &mut dyn FnMut(Event)) -> Result<Saved> {
    training.check(tell)?;
    let (config, folder) = (training.config, &training.folder);
    let pairs = training.data.train.len();
    let saved = Saved::load(folder, config, pairs, &training.training_device())?;
    let done = saved.done;
    if done.step == 0 {
        course::check_never_saved(folder)?;
    }
    let mut scores = log::read::<RunScores>(&folder.path(file::SCORES))?.entries;
    scores.retain(|line| {
        line.step <= done.step && !record::is_of_stop(&saved.as_logged, done.step, line)
    });
    let scored = scores.last().map(|scores| scores.step);
    // only the last step of this very course may owe something: a shorter one has passed its own
    let is_end =
        done.step == config.steps || config.is_open() && done.out_of_time(config).is_some();
    if !(is_end && training.owes(saved.owed.as_ref(), scored)?) {
        course::check_unfinished(folder, config, done)?;
        config.check_learning()?;
    }
    course::check_improving(folder, config, &scores)?;
    if !is_end {
        training.check_disk()?;
    }
    if training.is_root() {
        let before = read_config(folder.root())?;
        let notes = [
            course::new_beginning(folder, done),
            course::schedule_restart(&before, config, done),
            course::best_of_another_course(folder, [&before, config], done.step),
            machine::change(folder.root(), config),
        ];
        for note in notes.iter().flatten() {
            tell(Event::Noted(note));
        }
    }
    Ok(saved)
}
