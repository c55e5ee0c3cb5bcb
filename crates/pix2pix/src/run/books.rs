//! The books of a run: its log files, and the samples that it translates and scores.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::Training;
use super::event::Event;
use super::file;
use super::health::Health;
use super::lines::{Metrics, Rate, RunScores, Timing, Warning};
use super::log::Log;
use super::plateau::Plateau;
use super::record::{self, Record};
use super::samples::SamplePairs;
use super::saved::Progress;
use crate::atomic_file;
use crate::config::RunConfig;
use crate::data::picture::{self, Picture};
use crate::draw::contact_sheet::{self, Row};
use crate::error::Result;
use crate::model::checkpoint::{self, Checkpoint};
use crate::model::translate::Translator;
use crate::train::objective::Gan;
use crate::train::trainer::Trainer;

/// The books of a run, which only rank 0 keeps.
pub struct Books {
    samples: SamplePairs,
    metrics: Log,
    timings: Log,
    /// The learning rates of a run that ends after a length of time.
    rates: Option<Log>,
    scores: Log,
    warnings: Log,
    /// Seconds of training before this session.
    past: f64,
    start: Instant,
    pub health: Health,
    /// The newest checkpoint; empty before the first.
    pub newest: PathBuf,
    /// The newest step that has a score, and the newest that has a warning.
    pub scored: Option<u64>,
    pub warned: Option<u64>,
    pub record: Option<Record>,
    pub plateau: Option<Plateau>,
}

impl Books {
    /// Opens the log files, cut back to the step that is `done`. `as_logged` is the run's configuration with the intervals of
    /// the lines until then.
    pub fn open(
        training: &Training,
        done: Progress,
        as_logged: &RunConfig,
        tell: &mut dyn FnMut(Event),
    ) -> Result<Self> {
        let Progress {
            step: done,
            seconds,
            health,
            ..
        } = done;
        let Training {
            config,
            data,
            folder,
            ..
        } = training;
        // drop a line that was written only because the run ended at its last step: a longer run does not have it
        let kept = |step: u64| step < done || step == done && is_logged(as_logged, step);
        let (metrics, m) = Log::open(folder.path(file::METRICS), |m: &Metrics| kept(m.step))?;
        let (timings, t) = Log::open(folder.path(file::TIMINGS), |t: &Timing| kept(t.step))?;
        let (warnings, w) = Log::open(folder.path(file::WARNINGS), |w: &Warning| w.step <= done)?;
        let (scores, s) = Log::open(folder.path(file::SCORES), |s: &RunScores| {
            s.step <= done && !record::is_of_stop(as_logged, done, s)
        })?;
        let rates = config.time.map(|_| {
            let path = folder.path(file::RATES);
            Log::open(path, |rate: &Rate| rate.step <= done)
        });
        let (rates, r) = rates.transpose()?.unzip();
        let r = r.and_then(|rates| rates.unread);
        for unread in [m.unread, t.unread, r, w.unread, s.unread].iter().flatten() {
            tell(Event::Noted(unread));
        }
        let mut health = health.unwrap_or_else(|| of_lines(&m.entries, &w.entries));
        // of samples that are there only because the run ended at that step
        if !done.is_multiple_of(config.sample_every) {
            let last = w.entries.iter().filter(|warning| warning.step == done);
            last.for_each(|warning| health.has_told(warning));
        }
        Ok(Self {
            samples: SamplePairs::read(data, config, &training.device, &mut |reason| {
                tell(Event::Skipped(reason));
            })?,
            metrics,
            timings,
            rates,
            scores,
            warnings,
            past: seconds,
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
    pub fn sync(&self) -> Result<()> {
        let logs = [&self.metrics, &self.timings, &self.scores, &self.warnings];
        let mut logs = logs.into_iter().chain(&self.rates);
        logs.try_for_each(Log::sync)
    }

    /// Seconds of training so far, over all sessions of the run.
    pub fn seconds(&self) -> f64 {
        self.past + self.start.elapsed().as_secs_f64()
    }

    /// Reports a step, and writes its losses if the step is `logged`.
    pub fn step(
        &mut self,
        metrics: Metrics,
        logged: bool,
        tell: &mut dyn FnMut(Event),
    ) -> Result<()> {
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

    /// Writes the learning rate of a step, if only the clock knows it.
    pub fn rate(&mut self, step: u64, lr: f64) -> Result<()> {
        let mut rates = self.rates.iter_mut();
        rates.try_for_each(|log| log.write(&Rate { step, lr }))
    }

    /// A warning if the losses of a step show signs of failure.
    pub fn ill(&mut self, metrics: &Metrics, config: &RunConfig) -> Option<String> {
        // Wasserstein losses do not approach 0 when the discriminator wins
        match config.objective.gan {
            Gan::WassersteinPenalty => None,
            _ => self.health.step(metrics.step, &metrics.losses),
        }
    }

    /// Writes and reports a warning.
    pub fn warn(&mut self, step: u64, warning: String, tell: &mut dyn FnMut(Event)) -> Result<()> {
        let warning = Warning { step, warning };
        self.warnings.write(&warning)?;
        self.warned = Some(step);
        tell(Event::Warned(&warning));
        Ok(())
    }
    /// Translates, draws and scores the samples of a step with its weights. Returns a warning if they show signs of failure.
    pub fn look(
        &mut self,
        training: &Training,
        config: &RunConfig,
        trainer: &Trainer,
        metrics: Metrics,
        tell: &mut dyn FnMut(Event),
    ) -> Result<Option<String>> {
        let generator = trainer.generator_for_inference();
        let translator = Translator::of_network(&generator, config, metrics.step, &training.device);
        let outputs = self.samples.translate(&translator);
        let rows = self.samples.rows(&outputs, &translator)?;
        // of what the networks see: rows may have whole pictures
        let warned = self.judge(&self.samples.shown_of(&outputs), &translator);
        let scores = self.samples.score(metrics.step, &outputs, config);
        if let Some(scores) = scores.filter(|scores| self.scored != Some(scores.step)) {
            let keep = || {
                let path = training.folder.checkpoints().join(checkpoint::BEST);
                atomic_file::check_own(&path)?;
                let discriminator = trainer.discriminator();
                Checkpoint::new(config.clone(), metrics.step, &generator, discriminator)
                    .save(&path)?;
                Ok(path)
            };
            self.score(scores, config, keep, tell)?;
        }
        let path = training.folder.sheet(metrics.step);
        self.draw(config, metrics, &rows, &outputs, &path, tell)?;
        Ok(warned)
    }

    /// Looks again at the samples of a step that has its contact sheet and score. What they show has been told; whether it
    /// lasts, the next ones show.
    pub fn look_again(
        &mut self,
        training: &Training,
        config: &RunConfig,
        trainer: &Trainer,
        step: u64,
    ) {
        let generator = trainer.generator_for_inference();
        let translator = Translator::of_network(&generator, config, step, &training.device);
        let outputs = self.samples.translate_shown(&translator);
        self.judge(&outputs, &translator);
    }

    /// A warning if the outputs of the contact sheet's pairs show signs of failure.
    fn judge(&mut self, shown: &[Picture], translator: &Translator) -> Option<String> {
        let target = &translator.config.target;
        let shown: Vec<_> = shown.iter().map(|output| target.shown(output)).collect();
        let still = self.samples.translate_still(translator);
        self.health
            .outputs(&shown)
            .or_else(|| still.and_then(|still| self.health.still(&still)))
    }

    /// Writes and reports the scores of a step; `keep` saves its checkpoint if they are the best so far.
    fn score(
        &mut self,
        mut scores: RunScores,
        config: &RunConfig,
        keep: impl FnOnce() -> Result<PathBuf>,
        tell: &mut dyn FnMut(Event),
    ) -> Result<()> {
        if let Some(record) = &mut self.record {
            record.count(config, &mut scores);
            if let (true, Some(best)) = (scores.best, record.best) {
                // before the line that says so
                tell(Event::Improved {
                    path: &keep()?,
                    score: record.score,
                    best,
                });
            }
        }
        self.scores.write(&scores)?;
        self.scored = Some(scores.step);
        tell(Event::Scored(scores));
        let plateau = self.plateau.as_mut();
        if let Some(fall) = plateau.and_then(|plateau| plateau.count(config, &scores)) {
            tell(Event::Noted(&fall));
        }
        Ok(())
    }

    /// Writes and reports the contact sheet.
    fn draw(
        &self,
        config: &RunConfig,
        metrics: Metrics,
        rows: &[Row],
        outputs: &[Picture],
        path: &Path,
        tell: &mut dyn FnMut(Event),
    ) -> Result<()> {
        let of = match config.is_open() {
            true => String::new(),
            false => format!(" of {}", config.steps),
        };
        let step = metrics.step;
        let l1 = metrics.shown_l1(config.target.labels.is_some());
        let title = format!("pix2pix, step {step}{of}, training L1 {l1}");
        let title = contact_sheet::titled(title, [&config.source, &config.target]);
        let sheet = contact_sheet::draw(&title, rows);
        atomic_file::check_own(path)?;
        picture::write_png(path, &sheet)?;
        let (pairs, held_out) = self.samples.pairs();
        tell(Event::Sampled {
            step,
            path,
            sheet: &sheet,
            rows,
            pairs,
            outputs,
            held_out,
        });
        Ok(())
    }
}

/// The health of a run of an earlier version, as far as its lines tell it.
fn of_lines(metrics: &[Metrics], warnings: &[Warning]) -> Health {
    let mut health = Health::default();
    for line in metrics {
        // what it warns of has been told
        health.step(line.step, &line.losses);
    }
    warnings.iter().for_each(|warning| health.has_told(warning));
    health
}

/// Whether a run logs the losses of this step.
pub fn is_logged(config: &RunConfig, step: u64) -> bool {
    step == 1 || step.is_multiple_of(config.log_every) || step == config.steps
}
