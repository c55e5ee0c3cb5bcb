//! The best score of a run on its held-out pairs, and whether the run still improves.

use serde::Serialize;

use super::lines::RunScores;
use crate::config::RunConfig;
use crate::quality::Score;

/// A best value and its step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Best {
    /// The value.
    pub value: f64,
    /// The step.
    pub step: u64,
}

/// The best score of a run with `keep_best`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Record {
    /// The score that counts.
    pub score: Score,
    /// The best value so far; `None` before the first sampling.
    pub best: Option<Best>,
    /// Number of samplings since then, of a generator that learns.
    since: u64,
    patience: u64,
}

impl Record {
    /// The record of a run after these lines of its `scores.jsonl`, without one of a stop; `None` if it does not keep its
    /// best checkpoint.
    pub fn of(config: &RunConfig, lines: &[RunScores]) -> Option<Self> {
        let mut record = Self {
            score: config.keep_best?,
            best: None,
            since: 0,
            patience: config.patience,
        };
        for line in lines {
            match (line.best, line.value(record.score)) {
                (_, None) => {}
                (true, Some(value)) => record.set(value, line.step),
                _ => record.since += u64::from(learns(config, line.step)),
            }
        }
        Some(record)
    }

    /// Counts a sampling, and marks it if it is the best so far. Those of steps at which the run was only stopped do not
    /// count: an uninterrupted run does not have them. Nor do those without the score, which say nothing of it.
    pub fn count(&mut self, config: &RunConfig, scores: &mut RunScores) {
        let value = scores.value(self.score);
        if value.is_none() || !counts(config, scores.step) {
            return;
        }
        let better = value.filter(|value| {
            self.best
                .is_none_or(|best| self.score.is_better(*value, best.value))
        });
        match better {
            Some(value) => {
                scores.best = true;
                self.set(value, scores.step);
            }
            None => self.since += u64::from(learns(config, scores.step)),
        }
    }

    fn set(&mut self, value: f64, step: u64) {
        self.best = Some(Best { value, step });
        self.since = 0;
    }

    /// Whether the score has not improved for so many samplings that the run ends.
    pub fn is_over(&self) -> bool {
        self.patience > 0 && self.since >= self.patience
    }
}

/// Whether the scores of a step count: those of regular samplings and of the last step.
pub fn counts(config: &RunConfig, step: u64) -> bool {
    step.is_multiple_of(config.sample_every) || step == config.steps
}

/// Whether a line is that of the step that is `done`, and there only because the run ended or was stopped at it: a run that
/// goes on does not have it. The best checkpoint, once kept, keeps its line.
pub fn is_of_stop(config: &RunConfig, done: u64, line: &RunScores) -> bool {
    line.step == done && !line.best && !counts(config, done)
}

/// Whether the scores of a step count as no better if they are not: while the generator is frozen, they are those of the
/// model that the run began from, which cannot improve.
pub fn learns(config: &RunConfig, step: u64) -> bool {
    step > config.optimizer.freeze_generator
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(step: u64, psnr: Option<f64>) -> RunScores {
        RunScores {
            step,
            l1: 5.0,
            psnr,
            ..RunScores::default()
        }
    }

    #[test]
    fn a_record_is_that_of_its_lines() {
        let config = RunConfig {
            keep_best: Some(Score::Psnr),
            patience: 2,
            sample_every: 10,
            steps: 95,
            ..RunConfig::default()
        };
        let mut record = Record::of(&config, &[]).unwrap();
        let mut lines = Vec::new();
        for (step, psnr, best, over) in [
            (10, Some(20.0), true, false),
            // the run was stopped here, and then resumed
            (17, Some(30.0), false, false),
            (20, Some(20.0), false, false),
            // not measured
            (30, None, false, false),
            (40, Some(99.0), true, false),
            (50, Some(99.0), false, false),
            (60, None, false, false),
            (95, Some(99.0), false, true),
        ] {
            let mut line = scores(step, psnr);
            record.count(&config, &mut line);
            assert_eq!((line.best, record.is_over()), (best, over), "{step}");
            if !is_of_stop(&config, step, &line) {
                lines.push(line);
            }
            assert_eq!(Record::of(&config, &lines), Some(record), "{step}");
        }
        assert_eq!(lines.len(), 7);
        assert_eq!(record.best.map(|best| best.step), Some(40));
        assert!(Record::of(&RunConfig::default(), &lines).is_none());
    }

    /// Samplings every 10 steps, and from then on every 30.
    #[test]
    fn lines_of_another_interval_count() {
        let mut config = RunConfig {
            keep_best: Some(Score::Psnr),
            patience: 4,
            sample_every: 10,
            steps: 100,
            ..RunConfig::default()
        };
        let mut record = Record::of(&config, &[]).unwrap();
        let mut lines: Vec<RunScores> = (1..=5).map(|n| scores(10 * n, Some(20.0))).collect();
        for line in &mut lines {
            record.count(&config, line);
        }
        assert!(record.is_over());
        config.sample_every = 30;
        assert_eq!(Record::of(&config, &lines), Some(record));
    }

    /// Frozen for steps 1 to 35: the first samplings that can be better are those of 40 and 50.
    #[test]
    fn a_frozen_generator_has_no_patience_to_lose() {
        let mut config = RunConfig {
            keep_best: Some(Score::Psnr),
            patience: 2,
            sample_every: 10,
            steps: 100,
            ..RunConfig::default()
        };
        config.optimizer.freeze_generator = 35;
        let mut record = Record::of(&config, &[]).unwrap();
        let mut lines = Vec::new();
        for (step, best, over) in [
            (10, true, false),
            (20, false, false),
            (30, false, false),
            (40, false, false),
            (50, false, true),
        ] {
            let mut line = scores(step, Some(20.0));
            record.count(&config, &mut line);
            assert_eq!((line.best, record.is_over()), (best, over), "{step}");
            lines.push(line);
            assert_eq!(Record::of(&config, &lines), Some(record), "{step}");
        }
        assert_eq!(record.best.map(|best| best.step), Some(10));
    }

    #[test]
    fn lower_distances_and_higher_similarities_are_better() {
        let better = Score::ALL.map(|score| score.is_better(1.0, 2.0));
        assert_eq!(better, [true, false, false, true, true, true, false, false]);
    }
}
