//! What a saved step still owes, if the run ended between saving it and the rest of its work.

use serde::{Deserialize, Serialize};

use super::file;
use super::folder::read_config;
use super::lines::{Metrics, Warning};
use super::{Training, agreement, log};
use crate::error::Result;

/// What follows the saving of a step: its contact sheet and score, if they are due, and its warning.
#[derive(Clone, Serialize, Deserialize)]
pub struct Owed {
    pub metrics: Metrics,
    pub warning: Option<String>,
}

impl Training<'_> {
    /// Whether a step has its contact sheet, and its score where pairs are held out; `scored` is the last step with a score.
    pub(super) fn is_whole(&self, step: u64, scored: Option<u64>) -> bool {
        self.folder.sheet(step).exists() && (self.data.val.is_none() || scored == Some(step))
    }

    /// Whether the last step of a run still owes its contact sheet, its score or its warning, or of one whose time is over, the
    /// number of steps in its configuration. Every process of a group must call this.
    pub(super) fn owes(&self, owed: Option<&Owed>, scored: Option<u64>) -> Result<bool> {
        let is_open = self.config.is_open() && read_config(self.folder.root())?.is_open();
        let owes = match owed {
            _ if is_open => true,
            None => false,
            Some(Owed { metrics, warning }) => {
                let warnings = log::read::<Warning>(&self.folder.path(file::WARNINGS))?.entries;
                let is_warned = || warnings.iter().any(|known| known.step == metrics.step);
                !self.is_whole(metrics.step, scored) || warning.is_some() && !is_warned()
            }
        };
        Ok(match &self.group {
            // the files may change meanwhile
            Some(group) => agreement::of_root(&*group.communicator, f64::from(owes)) > 0.0,
            None => owes,
        })
    }
}
