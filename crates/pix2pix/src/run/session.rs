//! A session of a run: its steps from where it was saved to its end, or until it is stopped.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::books::{Books, is_logged};
use super::event::{Event, Outcome};
use super::lines::Metrics;
use super::owed::Owed;
use super::saved::{self, Progress, Saved};
use super::{Training, agreement};
use crate::config::RunConfig;
use crate::data::cache::Cache;
use crate::data::loader::{self, Batches, HostBatch, KnownPixels, LoaderConfig, Walk};
use crate::error::Result;
use crate::parallel::Shard;
use crate::train::losses::StepLosses;
use crate::train::schedule::Schedule;
use crate::train::trainer::{Batch, Trainer};

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

/// Steps after which the pace of a run is known.
const KNOWN: u64 = 10;

/// A sentence on a run of a length of time, once its pace is known, if its generator stays frozen for all that time.
fn freeze_of_all(config: &RunConfig, step: u64, seconds: f64) -> Option<String> {
    let frozen = config.optimizer.freeze_generator;
    let needed = seconds * frozen as f64 / step as f64;
    (step == KNOWN && needed >= config.time?).then(|| {
        format!(
            "at this pace, the time ends within the first {frozen} steps, for which `freeze_generator` holds the generator: it \
             would never learn; stop the run, and begin another with a smaller `freeze_generator` or a longer `time`"
        )
    })
}

/// The warning at the last step of a run of a length of time whose generator was frozen in all steps.
fn never_learned(config: &RunConfig, step: u64) -> Option<String> {
    let frozen = config.optimizer.freeze_generator;
    let is_end = config.time.is_some() && step == config.steps;
    (is_end && step <= frozen).then(|| {
        format!(
            "the time is over, and the generator has not learned: `freeze_generator` holds it for the first {frozen} steps; \
             resume the run with a longer `time`"
        )
    })
}

/// A session of a run.
pub struct Session<'a, 'b> {
    training: Training<'a>,
    /// That of the training; the number of steps of a run of a length of time is known at its end.
    config: RunConfig,
    trainer: Trainer,
    /// `None` but for rank 0.
    books: Option<Books>,
    /// Where the session begins.
    begun: Progress,
    walk: Walk,
    stop: &'b AtomicBool,
    tell: &'b mut dyn FnMut(Event),
}

/// The batches of a step on their way to the device.
#[derive(Default)]
struct Waiting {
    batches: Vec<Batch>,
    masks: Vec<Option<KnownPixels>>,
}

/// A step that the device has been given.
struct Given {
    step: u64,
    losses: StepLosses,
    lr: f32,
    augment: Option<f32>,
}

/// What is due after a step.
#[derive(Clone, Copy)]
struct Due {
    last: bool,
    save: bool,
    sample: bool,
}

impl<'a, 'b> Session<'a, 'b> {
    /// Goes on where a run was saved, to its last step or until `stop` is set.
    pub fn run(
        training: Training<'a>,
        saved: Saved,
        stop: &'b AtomicBool,
        tell: &'b mut dyn FnMut(Event),
    ) -> Result<Outcome> {
        let Saved {
            trainer,
            done,
            owed,
            as_logged,
        } = saved;
        let mut config = training.config.clone();
        if done.out_of_time(&config).is_some() && config.steps != done.step {
            // the run ended between its last checkpoint and the rest of its work
            config.steps = done.step;
            if training.is_root() {
                training.folder.use_for(&config)?;
            }
        }
        let books = match training.is_root() {
            true => Some(Books::open(&training, done, &as_logged, tell)?),
            false => None,
        };
        let (trainer, shard) = match &training.group {
            Some(group) => (trainer.in_group(group.clone()), group.shard()),
            None => (trainer, Shard::default()),
        };
        let walk = config.walk(training.data.train.len(), shard, done.position);
        let mut session = Self {
            training,
            config,
            trainer,
            books,
            begun: done,
            walk,
            stop,
            tell,
        };
        let is_last = done.is_last(&session.config);
        if let Some(owed) = owed {
            session.settle(owed, is_last)?;
        }
        session.set_rate();
        if is_last || session.is_over() {
            return Ok(session.outcome(done.step));
        }
        let step = session.go()?;
        Ok(session.outcome(step))
    }

    /// Trains, and returns the number of steps that are done.
    fn go(&mut self) -> Result<u64> {
        let device = self.training.training_device();
        let mut step = self.begun.step;
        let (mut waiting, mut skipped) = (Waiting::default(), HashSet::new());
        let may_have_gaps = self.training.data.train.may_have_gaps();
        for batch in self.load()? {
            let batch: HostBatch = match batch {
                Ok(batch) => batch,
                Err(broken) => {
                    // the file could be read when the run began: save the steps since the last checkpoint
                    if step > 0 {
                        self.save(step, None)?;
                    }
                    return Err(broken);
                }
            };
            for reason in &batch.skipped {
                // every epoch comes to the pair again
                if skipped.insert(reason.clone()) {
                    (self.tell)(Event::Skipped(reason));
                }
            }
            if may_have_gaps {
                waiting.masks.push(batch.mask(&device));
            }
            waiting.batches.push(batch.into_tensors(&device));
            if waiting.batches.len() < self.config.optimizer.accumulate {
                continue;
            }
            let given = self.step(step + 1, std::mem::take(&mut waiting))?;
            step += 1;
            self.look_at_the_clock(step)?;
            if self.follow(given)? {
                break;
            }
        }
        Ok(step)
    }

    /// Starts the threads that read the pairs of the steps that remain.
    fn load(&self) -> Result<Batches> {
        let config = &self.config;
        loader::start(
            self.training.data.train.clone(),
            LoaderConfig {
                walk: self.walk,
                jitter: config.jitter.clone(),
                domains: [config.source.clone(), config.target.clone()],
                direction: config.direction,
                seed: config.seed,
                batches: (config.steps - self.begun.step) * config.optimizer.accumulate as u64,
                workers: workers(config),
                on_error: config.on_error,
                cache: Cache::new(config.cache, self.training.folder.root())?,
            },
        )
    }

    /// Does a step, one update of each network.
    fn step(&mut self, step: u64, waiting: Waiting) -> Result<Given> {
        if let Some(time) = self.config.time {
            let share = self.seconds() / time;
            self.trainer.set_done(share);
            if let Some(books) = &mut self.books {
                books.rate(step, self.trainer.rate())?;
            }
        }
        let trainer = &mut self.trainer;
        trainer.mask(waiting.masks);
        let (lr, augment) = (trainer.rate() as f32, trainer.augment_probability());
        let work = || trainer.step(&waiting.batches);
        let stepped = self.training.on_device(step, work)?;
        let losses = stepped.map_err(|diverged| self.training.diverged(step, &diverged))?;
        Ok(Given {
            step,
            losses,
            lr,
            augment,
        })
    }

    /// Makes the step the last one of a run whose time is over, and reports the time that is left before that.
    fn look_at_the_clock(&mut self, step: u64) -> Result<()> {
        let Some(time) = self.config.time else {
            return Ok(());
        };
        let seconds = self.seconds();
        if seconds >= time {
            self.config.steps = step;
        } else if self.training.is_root() {
            (self.tell)(Event::Left(Duration::from_secs_f64(time - seconds)));
            if let Some(note) = freeze_of_all(&self.config, step, seconds) {
                (self.tell)(Event::Noted(&note));
            }
        }
        Ok(())
    }

    /// Makes the step at which a run ends its last one if its time is over meanwhile: nothing is left to resume. Every process
    /// of a group must call this.
    fn end_if_over(&mut self, step: u64) {
        if self.config.time.is_some_and(|time| self.seconds() >= time) {
            self.config.steps = step;
        }
    }

    /// Does what follows a step: logs, saves and samples what is due. Returns whether it was the last one.
    fn follow(&mut self, given: Given) -> Result<bool> {
        let step = given.step;
        let mut due = self.due(step);
        let seen = self.read(given, due)?;
        let books = self.books.as_mut().zip(seen);
        let ill = books.and_then(|(books, metrics)| books.ill(&metrics, &self.config));
        let mut warned = never_learned(&self.config, step).or(ill);
        // who listens to the events may stop the run at any of this step's, which is then its last
        if self.is_stopped(seen) {
            due = Due {
                last: true,
                save: true,
                sample: true,
            };
        }
        if due.last {
            self.end_if_over(step);
        }
        self.check_weights(step, due)?;
        if due.save {
            let warning = warned.clone();
            self.save(step, seen.map(|metrics| Owed { metrics, warning }))?;
        }
        if let Some(metrics) = seen.filter(|_| due.sample) {
            let ill = self.look(metrics)?;
            warned = warned.or(ill);
        }
        self.warn(step, warned)?;
        if due.sample {
            self.set_rate();
        }
        let over = due.sample && self.is_over();
        let stopped = self.is_stopped(seen);
        if (over || stopped) && !due.save {
            self.end_if_over(step);
            self.save(step, None)?;
        }
        if let Some(metrics) = seen.filter(|_| stopped && !due.sample) {
            let ill = self.look(metrics)?;
            self.warn(step, ill)?;
        }
        Ok(due.last || over || stopped)
    }

    /// What is due after a step. Every process of a group must call this.
    fn due(&self, step: u64) -> Due {
        let asked = self.stop.load(Ordering::Relaxed);
        let asked = match &self.training.group {
            Some(group) => agreement::any(&*group.communicator, asked),
            None => asked,
        };
        let last = step == self.config.steps || asked;
        let is_due = |every| last || step.is_multiple_of(every);
        Due {
            last,
            save: is_due(self.config.save_every),
            sample: is_due(self.config.sample_every),
        }
    }

    /// Reads the losses of a step, where they are due, and reports them.
    fn read(&mut self, given: Given, due: Due) -> Result<Option<Metrics>> {
        let Given {
            step,
            losses,
            lr,
            augment,
        } = given;
        let logged = is_logged(&self.config, step);
        // on a GPU, reading the losses waits for the step to end and delays the launch of the next one
        if self.config.device.is_card() && !(logged || due.save || due.sample) {
            return Ok(None);
        }
        let read = self.training.on_device(step, || losses.read())?;
        let losses = read.map_err(|diverged| self.training.diverged(step, &diverged))?;
        let Some(books) = &mut self.books else {
            return Ok(None);
        };
        let batches = (step - self.begun.step) * self.config.optimizer.accumulate as u64;
        let metrics = Metrics {
            step,
            epoch: self.walk.epoch(batches - 1) + 1,
            losses,
            lr: Some(lr),
            augment,
        };
        books.step(metrics, logged, self.tell)?;
        Ok(Some(metrics))
    }

    /// Whether an event of the step that is `seen` has stopped the run.
    fn is_stopped(&self, seen: Option<Metrics>) -> bool {
        seen.is_some() && self.training.group.is_none() && self.stop.load(Ordering::Relaxed)
    }

    /// Checks that the processes of a group have the same weights, if that is due.
    fn check_weights(&self, step: u64, due: Due) -> Result<()> {
        let checked = due.last || step.is_multiple_of(self.config.check_every);
        let Some(group) = self.training.group.as_ref().filter(|_| checked) else {
            return Ok(());
        };
        let (g, d) = (self.trainer.generator(), self.trainer.discriminator());
        agreement::check_weights(&*group.communicator, g, d)
            .map_err(|reason| self.training.apart(step, &reason))
    }

    /// Translates, draws and scores the samples of a step. Returns a warning if they show signs of failure.
    fn look(&mut self, metrics: Metrics) -> Result<Option<String>> {
        let Some(books) = &mut self.books else {
            return Ok(None);
        };
        books.look(
            &self.training,
            &self.config,
            &self.trainer,
            metrics,
            self.tell,
        )
    }

    /// Looks again at the samples of a step that has been seen before.
    fn look_again(&mut self, step: u64) {
        if let Some(books) = &mut self.books {
            books.look_again(&self.training, &self.config, &self.trainer, step);
        }
    }

    /// Writes and reports the warning of a step, unless it has one.
    fn warn(&mut self, step: u64, warning: Option<String>) -> Result<()> {
        let books = self.books.as_mut();
        match books
            .filter(|books| books.warned != Some(step))
            .zip(warning)
        {
            Some((books, warning)) => books.warn(step, warning, self.tell),
            None => Ok(()),
        }
    }

    /// Saves a step, and removes older ones.
    fn save(&mut self, step: u64, owed: Option<Owed>) -> Result<()> {
        let Some(books) = &mut self.books else {
            return Ok(());
        };
        let batches = (step - self.begun.step) * self.config.optimizer.accumulate as u64;
        let progress = Progress {
            step,
            position: self.walk.position(batches),
            seconds: books.seconds(),
            health: Some(books.health),
        };
        books.sync()?;
        let folder = &self.training.folder;
        let path = saved::write(folder, &self.config, progress, owed, &self.trainer)?;
        if self.config.time.is_some() && step == self.config.steps {
            // not before: a run whose last step is lost has time left
            folder.use_for(&self.config)?;
        }
        saved::remove_older(folder, &self.config, step)?;
        (self.tell)(Event::Saved(&path));
        books.newest = path;
        Ok(())
    }

    /// Does what the saved step still owes, if the run ended between saving it and the rest of its work.
    fn settle(&mut self, owed: Owed, is_last: bool) -> Result<()> {
        let Some(books) = &self.books else {
            return Ok(());
        };
        let Owed { metrics, warning } = owed;
        let step = metrics.step;
        let is_regular = step.is_multiple_of(self.config.sample_every);
        let ill = match self.training.is_whole(step, books.scored) {
            true if is_regular && !is_last => {
                self.look_again(step);
                None
            }
            false if is_regular || is_last => self.look(metrics)?,
            _ => None,
        };
        saved::remove_older(&self.training.folder, &self.config, step)?;
        self.warn(step, warning.or(ill))
    }

    /// Seconds of training so far, the same in all processes of a group, which must all call this.
    fn seconds(&self) -> f64 {
        let own = self.books.as_ref().map_or(0.0, Books::seconds);
        self.of_root(own)
    }

    /// The value of rank 0. Every process of a group must call this.
    fn of_root(&self, own: f64) -> f64 {
        match &self.training.group {
            Some(group) => agreement::of_root(&*group.communicator, own),
            None => own,
        }
    }

    /// Whether the score of the held-out pairs no longer improves. Every process of a group must call this.
    fn is_over(&self) -> bool {
        let record = self.books.as_ref().and_then(|books| books.record);
        let over = record.is_some_and(|record| record.is_over());
        match &self.training.group {
            Some(group) if self.config.patience > 0 => agreement::any(&*group.communicator, over),
            _ => over,
        }
    }

    /// Sets the learning rate that the score of the held-out pairs asks for, if the schedule follows it. Every process of a
    /// group must call this.
    fn set_rate(&mut self) {
        if self.config.optimizer.schedule == Schedule::Plateau {
            let plateau = self.books.as_ref().and_then(|books| books.plateau);
            let factor = self.of_root(plateau.map_or(1.0, |plateau| plateau.factor()));
            self.trainer.set_rate_factor(factor);
        }
    }

    /// How the run ended, after `steps` steps.
    fn outcome(self, steps: u64) -> Outcome {
        let over = self.is_over();
        let record = self.books.as_ref().and_then(|books| books.record);
        Outcome {
            steps,
            interrupted: steps < self.config.steps && !over,
            checkpoint: self.books.map(|books| books.newest).unwrap_or_default(),
            record,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::thread;

    use super::*;
    use crate::backend::device::Device;
    use crate::data::earth;
    use crate::data::jitter::JitterConfig;
    use crate::model::checkpoint;
    use crate::network::patch_gan::PatchGanConfig;
    use crate::run::folder::{RunFolder, read_config};
    use crate::run::{resume, train};
    use pix2pix_runtime::network::UnetConfig;
    use pix2pix_runtime::picture::Size;

    /// A run of small networks.
    fn small(steps: u64) -> RunConfig {
        RunConfig {
            data: earth::NAME.to_string(),
            steps,
            generator: UnetConfig {
                filters: 2,
                depth: 6,
                ..UnetConfig::default()
            }
            .into(),
            discriminator: PatchGanConfig {
                filters: 2,
                ..PatchGanConfig::default()
            },
            jitter: JitterConfig {
                load_size: Size::square(72),
                crop_size: Size::square(64),
                multiple: 64,
                ..JitterConfig::default()
            },
            ..RunConfig::default()
        }
    }

    type Start = fn(Training, &AtomicBool, &mut dyn FnMut(Event)) -> Result<Outcome>;

    /// Begins or resumes a run in a folder; it is stopped when `is_enough` says so of an event.
    fn go(
        start: Start,
        config: &RunConfig,
        root: &Path,
        is_enough: impl Fn(&Event) -> bool,
    ) -> Outcome {
        let training = Training {
            config,
            data: &earth::earth(),
            device: Device::flex(),
            folder: RunFolder::lock(root).unwrap(),
            group: None,
        };
        let stop = AtomicBool::new(false);
        let mut tell = |event: Event| {
            if is_enough(&event) {
                stop.store(true, Ordering::Relaxed);
            }
        };
        start(training, &stop, &mut tell).unwrap()
    }

    /// The samples of its first step take the rest of the time.
    #[test]
    fn a_run_that_is_stopped_when_its_time_is_over_is_done() {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path().join("run");
        let mut config = small(1);
        config.sample_every = 1;
        config.train_for(1.0);
        let outcome = go(train, &config, &root, |event| {
            let is_sampled = matches!(event, Event::Sampled { .. });
            if is_sampled {
                thread::sleep(Duration::from_secs(1));
            }
            is_sampled
        });
        assert_eq!((outcome.steps, outcome.interrupted), (1, false));
        assert_eq!(read_config(&root).unwrap().steps, 1);
    }

    #[test]
    fn a_run_in_parts_keeps_the_checkpoints_of_a_whole_one() {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path().join("run");
        let mut config = small(6);
        (config.save_every, config.keep) = (2, 2);
        let parts: [(Start, u64, [u64; 2]); 3] =
            [(train, 3, [2, 3]), (resume, 5, [4, 5]), (resume, 6, [4, 6])];
        for (start, last, kept) in parts {
            let is_enough = |event: &Event| matches!(event, Event::Step(step) if step.step == last);
            assert_eq!(go(start, &config, &root, is_enough).steps, last);
            let found = checkpoint::steps_in(&root.join("checkpoints")).unwrap();
            let steps: Vec<u64> = found.iter().map(|(step, _)| *step).collect();
            assert_eq!(steps, kept);
        }
        // the end of a course that goes on stays among the newest
        config.keep = 3;
        for (steps, kept) in [(7, [4, 6, 7]), (8, [6, 7, 8])] {
            config.steps = steps;
            go(resume, &config, &root, |_| false);
            let found = checkpoint::steps_in(&root.join("checkpoints")).unwrap();
            assert!(found.iter().map(|(step, _)| *step).eq(kept));
        }
    }

    /// Frozen for 100 steps, of which 10 took a second.
    #[test]
    fn a_generator_that_stays_frozen_is_told() {
        let mut config = RunConfig::default();
        config.optimizer.freeze_generator = 100;
        assert_eq!(freeze_of_all(&config, 10, 1.0), None);
        for (time, step, told) in [(10.0, 10, true), (10.0, 11, false), (10.1, 10, false)] {
            config.train_for(time);
            assert_eq!(freeze_of_all(&config, step, 1.0).is_some(), told, "{time}");
        }
        assert_eq!(never_learned(&config, 100), None);
        for (steps, told) in [(100, true), (101, false)] {
            config.steps = steps;
            assert_eq!(never_learned(&config, steps).is_some(), told, "{steps}");
            assert_eq!(never_learned(&config, steps - 1), None);
        }
        (config.time, config.steps) = (None, 100);
        assert_eq!(never_learned(&config, 100), None);
    }
}
