//! What an evaluation finds.

use std::collections::BTreeMap;

use pix2pix_runtime::picture::Outside;
use serde::{Deserialize, Serialize};

use crate::draw::contact_sheet::Row;
use crate::quality::interval::Mean;
use crate::quality::{ClassScore, Confidence, Point, RealismScores};
use crate::report::by_channel::ChannelScores;
use crate::report::scores::PictureScores;

/// Scores of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// The model.
    pub model: String,
    /// Number of training steps done.
    pub step: u64,
    /// The evaluated split.
    pub split: String,
    /// Mean of each score over the pictures that have it, with 95% confidence intervals.
    pub means: BTreeMap<String, Mean>,
    /// The measures of realism, of all outputs and all targets.
    #[serde(default)]
    pub realism: RealismScores,
    /// The Fréchet Inception distance between all outputs and all targets, if requested.
    pub fid: Option<f64>,
    /// Whether the pictures are crops, as the networks saw in training.
    #[serde(default)]
    pub crops: bool,
    /// The kernel Inception distance between them, if requested.
    #[serde(default)]
    pub kid: Option<f64>,
    /// Whether the deviation of several samples predicts their error, if requested.
    #[serde(default)]
    pub confidence: Option<Confidence>,
    /// Share of the pixels of all pictures that have the target's class, if the targets are label maps. In `means`, each picture
    /// counts alike, however few of its pixels have data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
    /// Mean intersection over union of the classes, over the pixels of all pictures, if the targets are label maps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_iou: Option<f64>,
    /// How well each class is found in the pixels of all pictures, if the targets are label maps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<ClassScore>,
    /// Scores of each channel, means over the pictures, if the targets have two channels, or five or more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<ChannelScores>,
    /// Scores of every picture.
    pub pictures: Vec<PictureScores>,
}

impl Evaluation {
    /// The sizes at which the pictures were measured, e.g. "256x256", "256x256 (crops)" or "256x256 to
    /// 512x384".
    pub fn sizes(&self) -> String {
        let mut sizes: Vec<[usize; 2]> = self.pictures.iter().map(|found| found.size).collect();
        sizes.sort_unstable_by_key(|[width, height]| (width * height, *width));
        sizes.dedup();
        let shown = |[width, height]: [usize; 2]| format!("{width}x{height}");
        let shown = match sizes[..] {
            [] => String::new(),
            [size] => shown(size),
            [first, .., last] => format!("{} to {}", shown(first), shown(last)),
        };
        shown + if self.crops { " (crops)" } else { "" }
    }
}

/// An evaluation with its best and worst pictures.
pub struct Evaluated {
    /// The numbers.
    pub evaluation: Evaluation,
    /// The pictures with the smallest L1, smallest first, or of label maps the largest accuracy; the rows' names contain their
    /// scores.
    pub best: Vec<Row>,
    /// The pictures with the largest L1, largest first, or the smallest accuracy.
    pub worst: Vec<Row>,
    /// The power spectra of all outputs and all targets.
    pub spectra: Vec<Point>,
    /// The values of all sources and of all targets outside of the model's ranges, which were clipped.
    pub outside: [Outside; 2],
    /// Names of the pairs that were left out, as they have no pixel with data.
    pub empty: Vec<String>,
}
