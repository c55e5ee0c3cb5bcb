//! The history of a run, read from its folder.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::file;
use super::folder::{is_locked, read_config};
use super::lines::{Metrics, RunScores, Timing, Warning};
use super::log;
use super::record::{self, Best, Record};
use crate::config::RunConfig;
use crate::error::Result;
use crate::model::checkpoint;
use crate::quality::Score;
use crate::train::config::OptimizerConfig;

/// State of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// A process is training it.
    Running,
    /// All its steps are done, or its score no longer improves.
    Done,
    /// Steps remain and no process is training it; it can be resumed.
    Stopped,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Stopped => "stopped",
        })
    }
}

/// The history of a run.
pub struct History {
    /// Its folder.
    pub root: PathBuf,
    /// Its configuration.
    pub config: RunConfig,
    /// Its state.
    pub state: State,
    /// The lines of `metrics.jsonl`.
    pub metrics: Vec<Metrics>,
    /// The lines of `timings.jsonl`.
    pub timings: Vec<Timing>,
    /// The lines of `scores.jsonl`.
    pub scores: Vec<RunScores>,
    /// The lines of `warnings.jsonl`.
    pub warnings: Vec<Warning>,
    /// Description of its machine (`machine.json`).
    pub machine: BTreeMap<String, String>,
    /// Its best score, if it keeps its best checkpoint.
    pub record: Option<Record>,
    /// Sentences on what cannot be read of its files.
    pub unread: Vec<String>,
    /// Step of the newest checkpoint.
    saved: u64,
}

impl History {
    /// What to say of runs whose scores do not compare: that hold out different pairs of one data set or have another one, that
    /// measure at different sizes, translate in different directions, or have other targets. `None` if they compare, as runs without
    /// scores do.
    pub fn apart(runs: &[&History]) -> Option<String> {
        /// How two runs differ, and in what words.
        type Difference = (fn(&RunConfig, &RunConfig) -> bool, &'static str);
        const DIFFERENCES: [Difference; 5] = [
            (
                RunConfig::holds_out_others_than,
                "hold out different pairs of the same data",
            ),
            (
                |one, other| {
                    let are_known = !one.data_digest.is_empty() && !other.data_digest.is_empty();
                    are_known && one.data != other.data && one.data_digest != other.data_digest
                },
                "have different data",
            ),
            (
                |one, other| {
                    let crop = |RunConfig { jitter, .. }: &RunConfig| {
                        jitter.resize.makes_crops().then_some(jitter.crop_size)
                    };
                    // others have the sizes of the data
                    let crops = crop(one).zip(crop(other));
                    crops.is_some_and(|(one, other)| one != other)
                },
                "have pictures of different sizes",
            ),
            (
                |one, other| one.direction != other.direction,
                "translate in different directions",
            ),
            (
                |one, other| !one.target.is_scored_as(&other.target),
                "have other targets",
            ),
        ];
        let scored = runs.iter().filter(|run| !run.scores.is_empty());
        let configs: Vec<&RunConfig> = scored.map(|run| &run.config).collect();
        let is_found = |differ: fn(&RunConfig, &RunConfig) -> bool| {
            let mut pairs = configs
                .iter()
                .enumerate()
                .flat_map(|(index, one)| configs[..index].iter().map(move |other| (*one, *other)));
            pairs.any(|(one, other)| differ(one, other))
        };
        let found = DIFFERENCES.iter().filter(|(differ, _)| is_found(*differ));
        let found: Vec<&str> = found.map(|(_, words)| *words).collect();
        let remedy = match found.first() {
            None => return None,
            Some(words) if *words == DIFFERENCES[0].1 => {
                "; split the data once, with `pix2pix prepare split`"
            }
            Some(_) => "",
        };
        Some(format!(
            "some of these runs {}, so their scores do not compare{remedy}",
            found.join(", and some ")
        ))
    }

    /// Reads a run's folder.
    ///
    /// # Errors
    /// When it is not a run folder, or a file cannot be read.
    pub fn read(root: &Path) -> Result<Self> {
        let config = read_config(root)?;
        let newest = checkpoint::steps_in(&root.join(file::CHECKPOINTS))?.pop();
        let saved = newest.map_or(0, |(step, _)| step);
        let metrics = log::read(&root.join(file::METRICS))?;
        let timings = log::read(&root.join(file::TIMINGS))?;
        let scores = log::read(&root.join(file::SCORES))?;
        let warnings = log::read(&root.join(file::WARNINGS))?;
        let (machine, unread) = super::machine::read(root);
        let unread = [
            metrics.unread,
            timings.unread,
            scores.unread,
            warnings.unread,
            unread,
        ];
        let mut counted = scores.entries.clone();
        counted.retain(|line| !record::is_of_stop(&config, saved, line));
        let record = Record::of(&config, &counted);
        let over = record.is_some_and(|record| record.is_over());
        Ok(Self {
            state: if is_locked(root) {
                State::Running
            } else if saved >= config.steps || over {
                State::Done
            } else {
                State::Stopped
            },
            config,
            metrics: metrics.entries,
            timings: timings.entries,
            scores: scores.entries,
            warnings: warnings.entries,
            machine,
            record,
            unread: unread.into_iter().flatten().collect(),
            root: root.to_path_buf(),
            saved,
        })
    }

    /// The newest known step.
    pub fn step(&self) -> u64 {
        self.metrics
            .last()
            .map_or(0, |line| line.step)
            .max(self.saved)
    }

    /// The learning rate of a logged step. In files of earlier versions, it is that of the schedule over the run's present
    /// number of steps.
    fn rate(&self, line: &Metrics) -> f64 {
        let OptimizerConfig {
            lr,
            schedule,
            decay_steps,
            ..
        } = self.config.optimizer;
        match line.lr {
            Some(rate) => f64::from(rate),
            None => {
                lr * schedule.share(line.step.saturating_sub(1), self.config.steps, decay_steps)
            }
        }
    }

    /// The values of `key` over the steps, as (step, value): `epoch`, `lr`, `augment`, a loss, `seconds` or a score.
    pub fn series(&self, key: &str) -> Vec<(u64, f64)> {
        let metric = |line: &Metrics| {
            let losses = line.losses.named();
            let loss = losses.iter().find(|(name, _)| *name == key);
            Some((line.step, f64::from(loss?.1)))
        };
        let score = |line: &RunScores| {
            let scores = line.named();
            let score = scores.iter().find(|(name, _)| *name == key);
            Some((line.step, score?.1?))
        };
        match key {
            "epoch" => self
                .metrics
                .iter()
                .map(|line| (line.step, line.epoch as f64))
                .collect(),
            "lr" => self
                .metrics
                .iter()
                .map(|line| (line.step, self.rate(line)))
                .collect(),
            "augment" => {
                let metrics = self.metrics.iter();
                metrics
                    .filter_map(|line| Some((line.step, f64::from(line.augment?))))
                    .collect()
            }
            "seconds" => self
                .timings
                .iter()
                .map(|line| (line.step, line.seconds))
                .collect(),
            _ => {
                let metrics = self.metrics.iter().filter_map(metric);
                metrics
                    .chain(self.scores.iter().filter_map(score))
                    .collect()
            }
        }
    }

    /// The best value of each score on held-out pairs: L1 (of 255), PSNR (dB), SSIM, SWD (in thousandths), spectrum (dB)
    /// and LPIPS, or of label maps pixel accuracy and mean IoU.
    pub fn best(&self) -> BTreeMap<&'static str, Best> {
        let mut best = BTreeMap::new();
        for score in Score::ALL {
            let series = self.series(score.name()).into_iter();
            // of equal values, the first
            let found = series.reduce(|old, new| match score.is_better(new.1, old.1) {
                true => new,
                false => old,
            });
            if let Some((step, value)) = found {
                best.insert(score.label(), Best { value, step });
            }
        }
        best
    }
}
