//! Reading files that must be there as a whole: a pipe would wait for its writer, and a device may never end.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::Path;
use std::time::SystemTime;

use crate::error::{Error, Result};

/// Why a pipe, a socket or a device is not read.
pub const SPECIAL: &str = "it is no regular file";

/// Whether something is a pipe, a socket or a device.
pub fn is_special(found: &Metadata) -> bool {
    !found.is_file() && !found.is_dir()
}

/// Opens a file.
///
/// # Errors
/// When it cannot be opened, or is a pipe, a socket or a device.
pub fn open(path: &Path) -> io::Result<File> {
    match is_special(&fs::metadata(path)?) {
        true => Err(io::Error::other(SPECIAL)),
        false => File::open(path),
    }
}

/// Opens a file and gives it to `work`, whose result counts only if the file is the same behind it: one that is overwritten
/// meanwhile may be half of one model and half of another.
///
/// # Errors
/// Those of `work`; when the file cannot be opened, or has changed.
pub fn unchanged<T>(
    path: &Path,
    action: &'static str,
    work: impl FnOnce(&File) -> Result<T>,
) -> Result<T> {
    let failed = |e| Error::io(path, action, e);
    let file = open(path).map_err(failed)?;
    let before = state(&file).map_err(failed)?;
    let result = work(&file);
    match state(&file).map_err(failed)? == before {
        true => result,
        false => Err(changed(path)),
    }
}

/// The error of a file that changes while it is read.
pub fn changed(path: &Path) -> Error {
    let remedy = "try again when it is written whole";
    Error::file(path, "it was changed while it was read", remedy)
}

/// What a change of a file changes too. Some systems do not tell the time.
fn state(file: &File) -> io::Result<(u64, Option<SystemTime>)> {
    let found = file.metadata()?;
    Ok((found.len(), found.modified().ok()))
}

/// Reads a file.
///
/// # Errors
/// As [`open`].
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The longest text that is read, in bytes: far longer than a configuration, an options file or a palette.
const LONGEST: u64 = 16 << 20;

/// Reads a text.
///
/// # Errors
/// As [`open`], and when it is not UTF-8 or longer than 16 MiB.
pub fn read_to_string(path: &Path) -> io::Result<String> {
    let file = open(path)?;
    if file.metadata()?.len() > LONGEST {
        let reason = "it has more than 16 MiB";
        return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
    }
    io::read_to_string(file.take(LONGEST))
}
