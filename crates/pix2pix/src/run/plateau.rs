//! The learning rate of a run whose schedule is [`Plateau`](Schedule::Plateau): it falls when the score of the held-out
//! pairs no longer improves.
//!
//! The rule is that of PyTorch's `ReduceLROnPlateau` with the arguments of the public port (factor 0.2, threshold 0.01,
//! patience 5). The port feeds it with a metric that is always 0; here it watches a score of the held-out pairs, once each
//! sampling. As the record of the best score, it follows from the lines of `scores.jsonl`, so that a resumed run goes on
//! exactly.

use super::lines::RunScores;
use super::record;
use crate::config::RunConfig;
use crate::quality::Score;
use crate::train::schedule::Schedule;

/// By what the rate is multiplied.
const FACTOR: f64 = 0.2;
/// Relative improvement below which a score counts as no better.
const THRESHOLD: f64 = 0.01;
/// Number of samplings in sequence that may be no better.
const PATIENCE: u64 = 5;
/// Number of samplings in sequence without a better score after which the rate falls.
pub const PLATEAU: u64 = PATIENCE + 1;
/// A smaller fall of the rate is not made.
const LEAST: f64 = 1e-8;

/// The state of the schedule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plateau {
    score: Score,
    /// The rate that the run began with.
    lr: f64,
    best: Option<f64>,
    bad: u64,
    factor: f64,
}

impl Plateau {
    /// The state after these lines of `scores.jsonl`, without one of a stop; `None` for a run with another schedule.
    pub fn of(config: &RunConfig, lines: &[RunScores]) -> Option<Self> {
        if config.optimizer.schedule != Schedule::Plateau {
            return None;
        }
        let mut plateau = Self {
            score: config.keep_best.unwrap_or(Score::L1),
            lr: config.optimizer.lr,
            best: None,
            bad: 0,
            factor: 1.0,
        };
        for line in lines {
            plateau.add(config, line);
        }
        Some(plateau)
    }

    /// Counts a sampling; those that an uninterrupted run does not have do not count. Returns a sentence if the rate falls.
    pub fn count(&mut self, config: &RunConfig, scores: &RunScores) -> Option<String> {
        match record::counts(config, scores.step) {
            true => self.add(config, scores),
            false => None,
        }
    }

    /// Adds a sampling; those without the score do not count, and those of a frozen generator are no worse than the first. Returns
    /// a sentence if the rate falls.
    fn add(&mut self, config: &RunConfig, scores: &RunScores) -> Option<String> {
        let value = scores.value(self.score)?;
        if self.best.is_none_or(|best| self.improves(value, best)) {
            (self.best, self.bad) = (Some(value), 0);
            return None;
        }
        self.bad += u64::from(record::learns(config, scores.step));
        if self.bad <= PATIENCE {
            return None;
        }
        let samplings = std::mem::take(&mut self.bad);
        let (old, new) = (self.lr * self.factor, self.lr * self.factor * FACTOR);
        (old - new > LEAST).then(|| {
            self.factor *= FACTOR;
            format!(
                "step {}: {} has not improved by 1% for {samplings} samplings; the learning rate falls to {new:.3e}",
                scores.step,
                self.score.label()
            )
        })
    }

    /// Whether a score is better by more than the threshold.
    fn improves(&self, new: f64, best: f64) -> bool {
        match self.score.measure().higher {
            true => new > best * (1.0 + THRESHOLD),
            false => new < best * (1.0 - THRESHOLD),
        }
    }

    /// The factor of the learning rate.
    pub fn factor(&self) -> f64 {
        self.factor
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(step: u64, l1: f64, ssim: f64) -> RunScores {
        RunScores {
            step,
            l1,
            ssim: Some(ssim),
            ..RunScores::default()
        }
    }

    /// `torch.optim.lr_scheduler.ReduceLROnPlateau(mode, factor=0.2, threshold=0.01, patience=5)` of PyTorch 2, fed with
    /// the same values, by `tools/make_plateau_fixture.py`.
    #[test]
    fn the_rate_falls_where_pytorchs_does() {
        let fixture: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/fixtures/plateau.json")).unwrap();
        let cases = fixture.as_array().unwrap();
        let mut falls = 0;
        for case in cases {
            let config = RunConfig {
                keep_best: (case["mode"] == "max").then_some(Score::Ssim),
                sample_every: 1,
                steps: 1000,
                optimizer: crate::train::OptimizerConfig {
                    lr: case["lr"].as_f64().unwrap(),
                    schedule: Schedule::Plateau,
                    ..Default::default()
                },
                ..RunConfig::default()
            };
            let values = case["values"].as_array().unwrap().iter();
            let lines: Vec<RunScores> = (1..)
                .zip(values.map(|value| value.as_f64().unwrap()))
                .map(|(step, value)| line(step, value, value))
                .collect();
            let mut plateau = Plateau::of(&config, &[]).unwrap();
            for (index, expected) in case["rates"].as_array().unwrap().iter().enumerate() {
                let told = plateau.count(&config, &lines[index]);
                let rate = config.optimizer.lr * plateau.factor();
                let expected = expected.as_f64().unwrap();
                assert!(
                    (rate - expected).abs() <= 1e-12 * expected,
                    "{index}: {rate}"
                );
                falls += usize::from(told.is_some());
                // what the lines say is what was counted
                assert_eq!(Plateau::of(&config, &lines[..=index]), Some(plateau));
            }
        }
        assert!(falls > 5, "the fixture tests falls of the rate");
    }

    #[test]
    fn samplings_of_an_interrupted_run_do_not_count() {
        let mut config = RunConfig {
            sample_every: 10,
            steps: 1000,
            ..RunConfig::default()
        };
        assert_eq!(Plateau::of(&config, &[]), None);
        config.optimizer.schedule = Schedule::Plateau;
        let whole: Vec<RunScores> = (1..=7).map(|n| line(10 * n, 5.0, 0.5)).collect();
        let whole = Plateau::of(&config, &whole).unwrap();
        assert_eq!(whole.factor(), 0.2);
        let mut stopped = whole;
        assert_eq!(stopped.count(&config, &line(77, 1.0, 0.5)), None);
        assert_eq!(stopped, whole);
    }

    /// The rate does not rise again because samplings are rarer from now on.
    #[test]
    fn samplings_of_another_interval_count() {
        let mut config = RunConfig {
            sample_every: 10,
            steps: 1000,
            ..RunConfig::default()
        };
        config.optimizer.schedule = Schedule::Plateau;
        let lines: Vec<RunScores> = (1..=8).map(|n| line(10 * n, 5.0, 0.5)).collect();
        let before = Plateau::of(&config, &lines).unwrap();
        assert_eq!(before.factor(), 0.2);
        config.sample_every = 30;
        assert_eq!(Plateau::of(&config, &lines), Some(before));
    }

    /// No sampling is worse because nobody has measured it.
    #[test]
    fn samplings_without_the_score_do_not_count() {
        let mut config = RunConfig {
            keep_best: Some(Score::Ssim),
            sample_every: 10,
            steps: 1000,
            ..RunConfig::default()
        };
        config.optimizer.schedule = Schedule::Plateau;
        let measured: Vec<RunScores> = (1..=6).map(|n| line(10 * n, 5.0, 0.5)).collect();
        let unknown = (7..=20).map(|n| RunScores {
            ssim: None,
            ..line(10 * n, 5.0, 0.5)
        });
        let with: Vec<RunScores> = measured.iter().copied().chain(unknown).collect();
        let [without, mut with] =
            [measured, with].map(|lines| Plateau::of(&config, &lines).unwrap());
        assert_eq!(with, without);
        assert_eq!(with.factor(), 1.0);
        assert!(with.count(&config, &line(210, 5.0, 0.5)).is_some());
    }

    /// The rate falls at the sixth sampling of a generator that has learned, and no sooner.
    #[test]
    fn a_frozen_generator_keeps_the_rate() {
        let mut config = RunConfig {
            sample_every: 10,
            steps: 1000,
            ..RunConfig::default()
        };
        config.optimizer.schedule = Schedule::Plateau;
        config.optimizer.freeze_generator = 200;
        let lines: Vec<RunScores> = (1..=26).map(|n| line(10 * n, 5.0, 0.5)).collect();
        let mut plateau = Plateau::of(&config, &[]).unwrap();
        let told = lines.iter().map(|line| plateau.count(&config, line));
        let falls: Vec<bool> = told.map(|told| told.is_some()).collect();
        assert_eq!(falls.iter().position(|fell| *fell), Some(25));
        assert_eq!(plateau.factor(), 0.2);
        assert_eq!(Plateau::of(&config, &lines), Some(plateau));
    }
}
