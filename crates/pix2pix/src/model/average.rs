//! The mean of several checkpoints of a run (Izmailov et al. 2018, "Averaging weights leads to wider optima
//! and better generalization").

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::model::checkpoint::{self, Checkpoint};

/// Averages the weights of the last checkpoints of a run folder, at most `last` of them. Returns the mean and the
/// averaged files. The mean has the configuration and the step of the newest checkpoint.
///
/// # Errors
/// When there is no such folder, there are fewer than two checkpoints, one is damaged, or their networks differ.
pub fn average(run: &Path, last: usize) -> Result<(Checkpoint, Vec<PathBuf>)> {
    if !run.is_dir() {
        return Err(Error::file(
            run,
            "not a run folder",
            "give the folder of a training",
        ));
    }
    let mut files = checkpoint::in_folder(&run.join(checkpoint::CHECKPOINTS))?;
    files.drain(..files.len().saturating_sub(last));
    let Some((newest, older)) = files.split_last().filter(|(_, older)| !older.is_empty()) else {
        let remedy =
            "train with a larger `keep` or a smaller `save_every`, and give `last` 2 or more";
        return Err(Error::file(
            run,
            "averaging needs at least two checkpoints",
            remedy,
        ));
    };
    let mut mean = Checkpoint::load(newest)?.checked(newest)?;
    for (taken, file) in (1..).zip(older) {
        // a running mean: few checkpoints are in memory at a time
        let other = Checkpoint::load(file)?.checked(file)?;
        mean.move_towards(&other, 1.0 / (taken as f32 + 1.0))
            .map_err(|reason| Error::file(file, reason, "average checkpoints of one run"))?;
    }
    Ok((mean, files))
}
