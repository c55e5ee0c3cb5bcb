//! Describes the machine of a run in `machine.json`, for later comparisons of runs.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use jiff::ZonedDateTime;
use pix2pix_runtime::regular_file;

use super::file;
use crate::atomic_file;
use crate::backend::device;
use crate::error::{Result, shown};

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
            ZonedDateTime::now()
                .strftime("%Y-%m-%d %H:%M:%S %z")
                .to_string(),
        ),
        (
            "system",
            format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        ),
    ]);
    let json = serde_json::to_string_pretty(&entries).expect("entries are plain data") + "\n";
    atomic_file::write_own(&root.join(file::MACHINE), json.as_bytes())
}

/// Reads the description of a run's machine; empty if it is not known. If the file is there but cannot be read, returns a
/// sentence on that too.
pub fn read(root: &Path) -> (BTreeMap<String, String>, Option<String>) {
    let path = root.join(file::MACHINE);
    let told = |reason: String| Some(format!("{}: cannot be read: {reason}", shown(&path)));
    match regular_file::read_to_string(&path) {
        Ok(text) => match serde_json::from_str(&text) {
            Ok(entries) => (entries, None),
            Err(e) => (BTreeMap::new(), told(e.to_string())),
        },
        Err(e) if e.kind() == ErrorKind::NotFound => (BTreeMap::new(), None),
        Err(e) => (BTreeMap::new(), told(e.to_string())),
    }
}
