//! A training that the page shows while it goes on: its curves, its contact sheets and its log.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use pix2pix::quality::Score;
use pix2pix::run::{Event, History, LOSSES, Metrics, RunScores, file, l1_curve, thinned};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Largest number of points of a curve in an answer.
const POINTS: usize = 300;
/// Largest number of lines of the log in an answer, the newest ones.
const LINES: usize = 200;

/// A training in this process: it is told every event and every line, and answers what clients ask.
pub struct LiveTraining {
    run: String,
    /// Steps of the whole run; `None` if it ends after a length of time.
    steps: Option<u64>,
    /// Whether the targets are label maps.
    is_of_labels: bool,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    step: u64,
    epoch: u64,
    /// Time and number of this process's first step.
    first: Option<(Instant, u64)>,
    /// Time left of a run that ends after a length of time.
    left: Option<Duration>,
    metrics: Vec<Metrics>,
    scores: Vec<RunScores>,
    sheets: BTreeMap<u64, PathBuf>,
    log: VecDeque<LogLine>,
}

/// A training as clients see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TrainingInfo {
    /// Name of the run's folder.
    pub run: String,
    /// Steps done.
    pub step: u64,
    /// Steps of the whole run; of one that ends after a length of time, about as many as will fit, and null until its pace is
    /// known.
    pub steps: Option<u64>,
    /// Epoch of the newest step, from 1; 0 before the first.
    pub epoch: u64,
    /// Steps per second since this process began; null before the second step.
    pub pace: Option<f64>,
    /// Losses and scores with at least one value, in the order of display.
    pub curves: Vec<Curve>,
    /// Steps whose contact sheets are there, the oldest first.
    pub sheets: Vec<u64>,
    /// The newest lines of the log, the oldest first.
    pub log: Vec<LogLine>,
}

/// A curve over the steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Curve {
    /// Name of a loss of the metrics (`g_l1`, of 255, or of label maps `g_l1_classes`; `g_gan`, `d_real`, `d_fake`) or of a
    /// score of held-out pairs (`l1`, of 255; `psnr` and `spectrum`, in dB; `ssim`, `swd`, `lpips`, and of label maps
    /// `accuracy`, `iou`).
    pub key: String,
    /// What it shows, with the unit, as a heading.
    pub title: String,
    /// Whether its values scatter, and a smoothed line says more: losses are of single pairs, scores of all held-out pairs.
    pub noisy: bool,
    /// Step and value. Of a long run, losses are means over neighboring steps, and scores are left out evenly.
    pub points: Vec<(u64, f64)>,
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogLine {
    /// Seconds since 1970.
    pub time: u64,
    /// The line.
    pub text: String,
}

impl LiveTraining {
    /// The run in a folder, of which nothing has been seen; `steps` is `None` for one that ends after a length of time.
    pub fn new(root: &Path, steps: Option<u64>) -> Self {
        let full = std::path::absolute(root);
        let name = full.as_deref().unwrap_or(root).file_name();
        Self {
            run: name
                .unwrap_or(root.as_os_str())
                .to_string_lossy()
                .into_owned(),
            steps,
            is_of_labels: false,
            seen: Mutex::default(),
        }
    }

    /// Sets whether the run's targets are label maps, whose L1 is not shown in units of 255.
    pub fn with_labels(self, is_of_labels: bool) -> Self {
        Self {
            is_of_labels,
            ..self
        }
    }

    /// Name of the run's folder.
    pub fn run(&self) -> &str {
        &self.run
    }

    /// Takes over what earlier processes of the run have left in its folder. What cannot be read is missing in the curves: the
    /// run itself tells of it.
    pub fn recall(&self, root: &Path) {
        let Ok(history) = History::read(root) else {
            return;
        };
        let mut seen = self.seen();
        seen.step = history.step();
        seen.epoch = history.metrics.last().map_or(0, |line| line.epoch);
        (seen.metrics, seen.scores) = (history.metrics, history.scores);
        seen.sheets.extend(file::sheets(root).into_iter().flatten());
    }

    /// Takes note of an event.
    pub fn saw(&self, event: &Event) {
        let mut seen = self.seen();
        match event {
            Event::Left(time) => seen.left = Some(*time),
            Event::Step(metrics) => {
                (seen.step, seen.epoch) = (metrics.step, metrics.epoch);
                seen.first.get_or_insert((Instant::now(), metrics.step));
            }
            // a resumed run comes to some of its steps again
            Event::Logged(metrics) => {
                seen.metrics.retain(|line| line.step < metrics.step);
                seen.metrics.push(*metrics);
            }
            Event::Scored(scores) => {
                seen.scores.retain(|line| line.step < scores.step);
                seen.scores.push(*scores);
            }
            Event::Sampled { step, path, .. } => {
                seen.sheets.insert(*step, path.to_path_buf());
            }
            _ => {}
        }
    }

    /// Takes note of a line that the training prints.
    pub fn said(&self, text: &str) {
        let time = SystemTime::now().duration_since(UNIX_EPOCH);
        let mut seen = self.seen();
        seen.log.push_back(LogLine {
            time: time.map_or(0, |time| time.as_secs()),
            text: text.to_string(),
        });
        if seen.log.len() > LINES {
            seen.log.pop_front();
        }
    }

    /// The training as clients see it.
    pub fn info(&self) -> TrainingInfo {
        let seen = self.seen();
        let mut found: BTreeMap<&'static str, Vec<(u64, f64)>> = BTreeMap::new();
        for line in &seen.metrics {
            for (key, value) in line.losses.named() {
                let (key, unit) = match key {
                    "g_l1" => l1_curve(self.is_of_labels),
                    key => (key, 1.0),
                };
                let point = (line.step, f64::from(value) * unit);
                found.entry(key).or_default().push(point);
            }
        }
        for points in found.values_mut() {
            *points = thinned::means(points, POINTS);
        }
        for line in &seen.scores {
            for (key, value) in line.named() {
                if let Some(value) = value {
                    found.entry(key).or_default().push((line.step, value));
                }
            }
        }
        let losses = LOSSES.map(|(key, title)| (key, title.to_string(), true));
        let scores = Score::ALL.map(|score| (score.name(), score.title(), false));
        let curves = losses.into_iter().chain(scores);
        let curves = curves.filter_map(|(key, title, noisy)| {
            Some(Curve {
                key: key.to_string(),
                title,
                noisy,
                points: thinned::some(&found.remove(key)?, POINTS, &[]),
            })
        });
        let pace = seen.first.and_then(|(time, first)| {
            let steps = seen.step.checked_sub(first).filter(|steps| *steps > 0)?;
            Some(steps as f64 / time.elapsed().as_secs_f64())
        });
        TrainingInfo {
            run: self.run.clone(),
            step: seen.step,
            steps: self.steps.or_else(|| {
                let fit = pace? * seen.left?.as_secs_f64();
                Some(seen.step + fit as u64)
            }),
            epoch: seen.epoch,
            pace,
            curves: curves.collect(),
            sheets: seen.sheets.keys().copied().collect(),
            log: seen.log.iter().cloned().collect(),
        }
    }

    /// The file of a step's contact sheet.
    pub fn sheet(&self, step: u64) -> Option<PathBuf> {
        self.seen().sheets.get(&step).cloned()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pix2pix::train::Losses;

    fn logged(step: u64, g_l1: f32) -> Metrics {
        Metrics {
            step,
            epoch: 1,
            losses: Losses {
                d_real: 0.5,
                d_fake: 0.5,
                g_gan: 1.0,
                g_l1,
            },
            lr: Some(2e-4),
            augment: None,
        }
    }

    #[test]
    fn a_resumed_run_draws_its_steps_once() {
        let training = LiveTraining::new(Path::new("runs/run"), Some(9));
        for (step, value) in [(1, 0.5), (2, 0.25), (3, 0.125), (2, 0.75)] {
            training.saw(&Event::Logged(logged(step, value)));
        }
        let info = training.info();
        let curve = |key: &str| info.curves.iter().find(|curve| curve.key == key).unwrap();
        // of 255
        assert_eq!(curve("g_l1").points, [(1, 63.75), (2, 95.625)]);
        assert_eq!(curve("g_gan").points, [(1, 1.0), (2, 1.0)]);
    }

    /// The planes of label maps are no amounts of 255, and their L1 is the accuracy again.
    #[test]
    fn label_maps_have_no_l1_of_255() {
        let training = LiveTraining::new(Path::new("runs/run"), Some(9)).with_labels(true);
        training.saw(&Event::Logged(logged(1, 0.5)));
        training.saw(&Event::Scored(RunScores {
            step: 1,
            l1: 12.0,
            accuracy: Some(0.25),
            iou: Some(0.125),
            ..RunScores::default()
        }));
        let curves = training.info().curves;
        let l1 = curves
            .iter()
            .find(|curve| curve.key == pix2pix::run::L1_OF_CLASSES)
            .unwrap();
        assert_eq!(l1.points, [(1, 0.5)]);
        let has = |key: &str| curves.iter().any(|curve| curve.key == key);
        assert!(has("accuracy") && has("iou") && !has("g_l1") && !has("l1"));
    }

    #[test]
    fn curves_have_titles_and_the_order_of_display() {
        let curves = |scores: RunScores| -> Vec<(String, bool)> {
            let is_of_labels = scores.accuracy.is_some();
            let training = LiveTraining::new(Path::new("runs/run"), Some(9));
            let training = training.with_labels(is_of_labels);
            training.saw(&Event::Logged(logged(1, 0.5)));
            training.saw(&Event::Scored(scores));
            let curves = training.info().curves.into_iter();
            curves.map(|curve| (curve.title, curve.noisy)).collect()
        };
        let expected = |titles: &[&str]| -> Vec<(String, bool)> {
            let titles = titles.iter().map(|title| title.to_string());
            let is_loss = |title: &String| !title.starts_with("Held-out");
            titles
                .map(|title| (title.clone(), is_loss(&title)))
                .collect()
        };
        let of_pictures = RunScores {
            psnr: Some(12.0),
            ssim: Some(0.5),
            swd: Some(9.0),
            spectrum: Some(3.0),
            lpips: Some(0.25),
            ..RunScores::default()
        };
        assert_eq!(
            curves(of_pictures),
            expected(&[
                "Training pairs: L1 (of 255)",
                "Generator loss: adversarial",
                "Discriminator loss: real pairs",
                "Discriminator loss: generated pairs",
                "Held-out pairs: L1 (of 255)",
                "Held-out pairs: PSNR (dB)",
                "Held-out pairs: SSIM",
                "Held-out pairs: sliced Wasserstein distance (x1000)",
                "Held-out pairs: distance of the spectra (dB)",
                "Held-out pairs: LPIPS",
            ])
        );
        let of_labels = RunScores {
            accuracy: Some(0.25),
            iou: Some(0.125),
            ..RunScores::default()
        };
        assert_eq!(
            curves(of_labels),
            expected(&[
                "Generator loss: L1 of the classes",
                "Generator loss: adversarial",
                "Discriminator loss: real pairs",
                "Discriminator loss: generated pairs",
                "Held-out pairs: pixel accuracy",
                "Held-out pairs: mean IoU",
            ])
        );
    }

    /// Nobody knows how many steps fit into a length of time before there is a pace.
    #[test]
    fn a_run_of_a_length_of_time_has_no_steps_at_first() {
        let training = LiveTraining::new(Path::new("runs/run"), None);
        assert_eq!(training.info().steps, None);
        // the API's description promises fields that are null, not fields that are missing
        let sent = serde_json::to_value(training.info()).unwrap();
        for field in ["steps", "pace"] {
            assert_eq!(sent.get(field), Some(&serde_json::Value::Null), "{sent}");
        }
        training.saw(&Event::Left(Duration::from_secs(3600)));
        training.saw(&Event::Step(logged(1, 0.5)));
        assert_eq!(training.info().steps, None);
        std::thread::sleep(Duration::from_millis(2));
        training.saw(&Event::Step(logged(2, 0.5)));
        assert!(training.info().steps > Some(2));
        let known = LiveTraining::new(Path::new("runs/run"), Some(9));
        assert_eq!(known.info().steps, Some(9));
    }

    #[test]
    fn long_curves_are_thinned_and_long_logs_cut() {
        let training = LiveTraining::new(Path::new("runs/run"), Some(9));
        for step in 1..=599 {
            training.saw(&Event::Logged(logged(step, 0.5)));
            training.saw(&Event::Scored(RunScores {
                step,
                l1: step as f64,
                ..RunScores::default()
            }));
        }
        let curves = training.info().curves;
        let curve = |key: &str| &curves.iter().find(|curve| curve.key == key).unwrap().points;
        assert_eq!((curve("g_l1").len(), curve("l1").len()), (POINTS, POINTS));
        assert_eq!((curve("g_l1")[0], curve("l1")[0]), ((2, 63.75), (2, 2.0)));
        for number in 0..LINES + 5 {
            training.said(&format!("line {number}"));
        }
        let log = training.info().log;
        assert_eq!((log.len(), log[0].text.as_str()), (LINES, "line 5"));
    }
}
