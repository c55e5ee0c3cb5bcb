//! The names of the pairs that a run holds out by `val_fraction`. Which ones these are follows from the seed and the number of
//! pairs: once the data set has grown, they are known by their names alone.

use std::path::{Path, absolute};

use pix2pix_runtime::regular_file;

use super::file;
use super::folder::RunFolder;
use crate::atomic_file;
use crate::config::RunConfig;
use crate::data::dataset::Dataset;
use crate::error::Result;

/// Writes the names of a run that holds pairs out, unless they are there.
///
/// # Errors
/// When the file cannot be written.
pub fn write(folder: &RunFolder, config: &RunConfig, data: &Dataset) -> Result<()> {
    let path = folder.path(file::HELD_OUT);
    let Some(pairs) = data.val.as_ref().filter(|_| config.val_fraction > 0.0) else {
        return Ok(());
    };
    if path.exists() {
        return Ok(());
    }
    let names: Vec<&str> = (0..pairs.len()).map(|index| pairs.name(index)).collect();
    let json = serde_json::to_string_pretty(&names).expect("names are plain data") + "\n";
    atomic_file::write_own(&path, json.as_bytes())
}

/// The names of the pairs that the run of a model holds out by `val_fraction`. The model is a run's folder or a checkpoint in it.
/// `None` where they are not known, as of a checkpoint that lies elsewhere, and of runs of earlier versions.
pub fn names(model: &Path) -> Option<Vec<String>> {
    let model = absolute(model).ok()?;
    // a run, its folder of checkpoints, or a file there
    let mut folders = model.ancestors().take(3);
    let run = folders.find(|folder| file::is_run(folder))?;
    let text = regular_file::read_to_string(&run.join(file::HELD_OUT)).ok()?;
    serde_json::from_str(&text).ok()
}
