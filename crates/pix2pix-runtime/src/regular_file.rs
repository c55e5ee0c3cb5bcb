//! Reading files that must be there as a whole: a pipe would wait for its writer, and a device may never end.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::Path;

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
