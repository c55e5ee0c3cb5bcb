//! Log files with one JSON object per line. They grow during a run, and are cut back when it is resumed.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::atomic_file;
use crate::error::{Error, Result};

/// An open log file.
pub struct Log {
    path: PathBuf,
    file: File,
}

impl Log {
    /// Opens a file to append lines. Removes incomplete lines and lines that `keep` rejects; returns the others too. A
    /// missing file counts as empty.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn open<T: DeserializeOwned + Serialize>(
        path: PathBuf,
        keep: impl Fn(&T) -> bool,
    ) -> Result<(Self, Vec<T>)> {
        let mut kept = read(&path)?;
        kept.retain(keep);
        let text: String = kept.iter().map(line).collect();
        atomic_file::write(&path, text.as_bytes())?;
        let file = File::options().append(true).open(&path);
        let file = file.map_err(|e| Error::io(&path, "write the file", e))?;
        Ok((Self { path, file }, kept))
    }

    /// Appends a line.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&mut self, entry: &impl Serialize) -> Result<()> {
        let written = self.file.write_all(line(entry).as_bytes());
        written.map_err(|e| Error::io(&self.path, "write the file", e))
    }

    /// Flushes the file to disk.
    ///
    /// # Errors
    /// When that fails.
    pub fn sync(&self) -> Result<()> {
        let synced = self.file.sync_data();
        synced.map_err(|e| Error::io(&self.path, "write the file", e))
    }
}

fn line(entry: &impl Serialize) -> String {
    serde_json::to_string(entry).expect("an entry is plain data") + "\n"
}

/// Reads the lines of a file, up to the first incomplete one (left by a killed process). A missing file counts as
/// empty.
///
/// # Errors
/// When the file exists but cannot be read.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == ErrorKind::NotFound => String::new(),
        Err(e) => return Err(Error::io(path, "read the file", e)),
    };
    let lines = text
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'));
    Ok(lines
        .map_while(|line| serde_json::from_str(line).ok())
        .collect())
}
