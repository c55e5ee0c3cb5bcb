//! The lines of a run's log files.

use serde::{Deserialize, Serialize};

use super::log;
use crate::quality::Score;
use crate::train::losses::Losses;

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

/// Key of the curve of the L1 of training pairs if the targets are label maps: their planes are no amounts of 255.
pub const L1_OF_CLASSES: &str = "g_l1_classes";

/// Keys and titles of the losses' curves, in the order of display. Behind them are those of the scores.
pub const LOSSES: [(&str, &str); 5] = [
    ("g_l1", "Training pairs: L1 (of 255)"),
    (L1_OF_CLASSES, "Generator loss: L1 of the classes"),
    ("g_gan", "Generator loss: adversarial"),
    ("d_real", "Discriminator loss: real pairs"),
    ("d_fake", "Discriminator loss: generated pairs"),
];

/// Key of the curve in which the loss `g_l1` is shown, and what it is multiplied by there: of 255, or if the targets are label
/// maps, the loss itself.
pub fn l1_curve(is_of_labels: bool) -> (&'static str, f64) {
    match is_of_labels {
        true => (L1_OF_CLASSES, 1.0),
        false => ("g_l1", 127.5),
    }
}

impl Metrics {
    /// The L1 of the step's pairs as it is shown: of 255, or if the targets are label maps, whose planes are no amounts, the
    /// loss itself.
    pub fn shown_l1(&self, is_of_labels: bool) -> String {
        match is_of_labels {
            true => format!("{:.4}", self.losses.g_l1),
            false => format!("{:.2} of 255", 127.5 * self.losses.g_l1),
        }
    }
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
    /// L1: mean absolute difference, of 255; of label maps that of their one-hot planes.
    #[serde(deserialize_with = "log::exact")]
    pub l1: f64,
    /// Peak signal-to-noise ratio in dB; `None` in files of earlier versions if an output equals its target.
    #[serde(deserialize_with = "log::exact_or_none")]
    pub psnr: Option<f64>,
    /// Structural similarity; `None` if no pair has 11x11 pixels that all have data.
    #[serde(deserialize_with = "log::exact_or_none")]
    pub ssim: Option<f64>,
    /// Number of pairs that `ssim` is of, and of all that were scored; `None` if it is of all or of none, and in files of earlier
    /// versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssim_of: Option<[usize; 2]>,
    /// Sliced Wasserstein distance, in thousandths; `None` for pictures smaller than 16x16 pixels, and in files of earlier
    /// versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "log::exact_or_none")]
    pub swd: Option<f64>,
    /// Distance of the power spectra, in dB; `None` in files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "log::exact_or_none")]
    pub spectrum: Option<f64>,
    /// Number of pairs that `swd` and `spectrum` are of, those without gaps, and of all that were scored; `None` if they are of
    /// all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole: Option<[usize; 2]>,
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
    /// The scores to show, with their names: of label maps, pixel accuracy and IoU alone.
    pub fn named(&self) -> [(&'static str, Option<f64>); 8] {
        let shown = |score| self.value(score).filter(|_| self.shows(score));
        Score::ALL.map(|score| (score.name(), shown(score)))
    }

    /// Whether a score is one to show. The L1 of label maps is not: it is their accuracy again, and the smaller the more
    /// classes there are.
    pub fn shows(&self, score: Score) -> bool {
        score.is_of_labels() || self.accuracy.is_none()
    }

    /// The value of a score. Lines of earlier versions have no PSNR where an output equals its target.
    pub fn value(&self, score: Score) -> Option<f64> {
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
}

/// One line of `warnings.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Warning {
    /// Steps done.
    pub step: u64,
    /// The warning in plain language, with advice.
    pub warning: String,
}
