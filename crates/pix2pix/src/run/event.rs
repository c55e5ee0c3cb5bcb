//! What a run reports: its events, and how it ended.

use std::path::{Path, PathBuf};
use std::time::Duration;

use image::RgbImage;

use super::lines::{Metrics, RunScores, Warning};
use super::record::{Best, Record};
use crate::data::pair::Pair;
use crate::data::picture::Picture;
use crate::draw::contact_sheet::Row;
use crate::quality::Score;

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
    /// A pair, trained with or held out, was skipped because it could not be read or has no data, for the first time in this
    /// session; the text is the reason.
    Skipped(&'a str),
    /// The training shows signs of failure.
    Warned(&'a Warning),
    /// Something of the run's files, its learning rate or this machine that the user should know; the run goes on.
    Noted(&'a str),
}

/// What is left of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Remaining {
    /// Steps; the largest number, if a length of time ends the run.
    pub steps: u64,
    /// Seconds of training, of a run that ends after a length of time.
    pub seconds: Option<f64>,
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
