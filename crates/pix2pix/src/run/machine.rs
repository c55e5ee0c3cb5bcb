//! Describes the machine of a run in `machine.json`, for later comparisons of runs.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use jiff::ZonedDateTime;
use pix2pix_runtime::regular_file;

use super::file;
use crate::atomic_file;
use crate::backend::device;
use crate::config::RunConfig;
use crate::error::{Result, shown};

/// Entries of the description.
const CORES: &str = "cores";
const PROCESSOR: &str = "processor";

/// Writes a description of this machine.
///
/// # Errors
/// When the file cannot be written.
pub fn write(root: &Path) -> Result<()> {
    let entries = BTreeMap::from([
        (CORES, device::cores().to_string()),
        (PROCESSOR, device::processor()),
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

/// A sentence on a run that goes on on another machine than that on which it began, as far as that is known.
pub fn change(root: &Path, config: &RunConfig) -> Option<String> {
    let (before, _) = read(root);
    let here = [
        (PROCESSOR, device::processor()),
        (CORES, device::cores().to_string()),
    ];
    // a number of threads that was asked for does not depend on that of cores
    let counted = if config.threads == 0 { 2 } else { 1 };
    let mut here = here.into_iter().take(counted);
    let is_other = here.any(|(key, here)| before.get(key).is_some_and(|then| *then != here));
    is_other.then(|| {
        format!(
            "the run began on another machine ({}, cores: {}): the result is no longer bit for bit that of an uninterrupted run",
            before.get(PROCESSOR).map_or("unknown", String::as_str),
            before.get(CORES).map_or("unknown", String::as_str),
        )
    })
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_run_on_another_machine_is_told() {
        let scratch = tempfile::tempdir().unwrap();
        let of = |threads| RunConfig {
            threads,
            ..RunConfig::default()
        };
        let changed = |threads| change(scratch.path(), &of(threads));
        // of an earlier version
        assert_eq!(changed(0), None);
        write(scratch.path()).unwrap();
        assert_eq!(changed(0), None);
        let path = scratch.path().join(file::MACHINE);
        let own = fs::read_to_string(&path).unwrap();
        let edited = |from: String, to: &str| {
            assert!(own.contains(&from), "{own}");
            fs::write(&path, own.replace(&from, to)).unwrap();
        };
        edited(
            format!("\"cores\": \"{}\"", device::cores()),
            "\"cores\": \"999\"",
        );
        let told = changed(0).unwrap();
        assert!(told.contains("cores: 999"), "{told}");
        // so many threads were asked for, here and there
        assert_eq!(changed(2), None);
        edited(device::processor(), "an abacus");
        let told = changed(2).unwrap();
        assert!(told.contains("(an abacus, cores: "), "{told}");
    }
}
