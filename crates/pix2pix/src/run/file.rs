//! The names of a run's files and folders.

use std::fs;
use std::path::{Path, PathBuf};

use pix2pix_runtime::checkpoint::named_step;

use crate::error::{Error, Result};

pub use pix2pix_runtime::checkpoint::{CHECKPOINTS, CONFIG};

/// The lock, which a process holds while it trains.
pub const LOCK: &str = "run.lock";
/// The names of the pairs that the run holds out by `val_fraction`.
pub const HELD_OUT: &str = "held_out.json";
/// The description of the run's machine.
pub const MACHINE: &str = "machine.json";
/// The lines of [`Metrics`](super::Metrics).
pub const METRICS: &str = "metrics.jsonl";
/// The lines of [`Timing`](super::Timing).
pub const TIMINGS: &str = "timings.jsonl";
/// The lines of [`Rate`](super::Rate), of a run of a length of time.
pub const RATES: &str = "rates.jsonl";
/// The lines of [`RunScores`](super::RunScores).
pub const SCORES: &str = "scores.jsonl";
/// The lines of [`Warning`](super::Warning).
pub const WARNINGS: &str = "warnings.jsonl";
/// The files that grow with the run.
pub const LOGS: [&str; 5] = [METRICS, TIMINGS, RATES, SCORES, WARNINGS];
/// The folder of the contact sheets; that of the checkpoints is [`CHECKPOINTS`].
pub const SAMPLES: &str = "samples";

/// Whether this is a run's folder.
pub fn is_run(folder: &Path) -> bool {
    folder.join(CONFIG).is_file()
}

/// Name of a step's contact sheet.
pub fn sheet(step: u64) -> String {
    format!("step_{step:07}.png")
}

/// The step in a contact sheet's name; `None` of any other file.
pub fn step_of_sheet(name: &str) -> Option<u64> {
    let step = name.strip_prefix("step_")?.strip_suffix(".png")?;
    step.parse().ok()
}

/// The contact sheets of a run's folder with their steps, the oldest first. A folder without samples has none.
///
/// # Errors
/// When the folder of the samples cannot be read.
pub fn sheets(root: &Path) -> Result<Vec<(u64, PathBuf)>> {
    let folder = root.join(SAMPLES);
    let mut sheets = Vec::new();
    if folder.is_dir() {
        let failed = |e| Error::io(&folder, "read the samples", e);
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if let Some(step) = step_of_sheet(&name) {
                sheets.push((step, path));
            }
        }
    }
    sheets.sort();
    Ok(sheets)
}

/// Name of the optimizers' state that belongs to a step's checkpoint.
pub fn state(step: u64) -> String {
    format!("state_{step:07}.safetensors")
}

/// Whether a file of this name is the state of a step.
pub fn is_state(name: &str) -> bool {
    name.starts_with("state_") && name.ends_with(".safetensors")
}

/// Whether a file of this name is the checkpoint of a step, or its state.
pub fn is_of_step(name: &str) -> bool {
    named_step(Path::new(name)).is_some() || is_state(name)
}
