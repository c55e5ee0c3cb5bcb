//! The mean of several checkpoints of a run (Izmailov et al. 2018, "Averaging weights leads to wider optima
//! and better generalization").

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::model::checkpoint::{self, Checkpoint};

/// Averages the last checkpoints of a run folder, at most `last`, and returns the mean and their files. Of the
/// whole number of steps behind it, that of the newest is kept.
///
/// # Errors
/// When there are fewer than two, or one is damaged or of other networks.
pub fn average(run: &Path, last: usize) -> Result<(Checkpoint, Vec<PathBuf>)> {
    let folder = run.join("checkpoints");
    let mut files = if folder.is_dir() {
        checkpoint::in_folder(&folder)?
    } else {
        Vec::new()
    };
    files.drain(..files.len().saturating_sub(last));
    let Some((newest, older)) = files.split_last().filter(|(_, older)| !older.is_empty()) else {
        let remedy =
            "train with a larger --keep or a smaller --save-every, and give --last 2 at least";
        return Err(Error::file(
            run,
            "it takes two checkpoints to average",
            remedy,
        ));
    };
    let mut mean = Checkpoint::load(newest)?;
    for (taken, file) in (1..).zip(older) {
        // each one moves the mean by its share, so that two checkpoints are in memory at a time
        let other = Checkpoint::load(file)?;
        mean.move_towards(&other, 1.0 / (taken as f32 + 1.0))
            .map_err(|reason| Error::file(file, reason, "average checkpoints of one run"))?;
    }
    Ok((mean, files))
}
