//! Describes the machine of a run in `machine.json`, for later comparisons of runs.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::atomic_file;
use crate::backend::device;
use crate::error::Result;

const NAME: &str = "machine.json";

/// Writes a description of this machine.
///
/// # Errors
/// When the file cannot be written.
pub fn write(root: &Path) -> Result<()> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let entries = BTreeMap::from([
        ("cores", cores.to_string()),
        ("processor", device::processor()),
        ("program", format!("pix2pix {}", env!("CARGO_PKG_VERSION"))),
        (
            "started",
            jiff::ZonedDateTime::now()
                .strftime("%Y-%m-%d %H:%M:%S %z")
                .to_string(),
        ),
        (
            "system",
            format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        ),
    ]);
    let json = serde_json::to_string_pretty(&entries).expect("entries are plain data") + "\n";
    atomic_file::write(&root.join(NAME), json.as_bytes())
}

/// Reads the description of a run's machine; empty if it is not known.
pub fn read(root: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(root.join(NAME)).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}
