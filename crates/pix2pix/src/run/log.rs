//! Files of one JSON object a line, which grow while a run goes on and are cut back when it is resumed.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::atomic_file;
use crate::error::{Error, Result};

/// A growing file.
pub struct Log {
    path: PathBuf,
    file: File,
}

impl Log {
    /// Opens a file for more lines after those of its lines that are whole and that `keep` keeps; returns
    /// these too. A file that is not there is an empty one.
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

    /// Adds a line.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&mut self, entry: &impl Serialize) -> Result<()> {
        let written = self.file.write_all(line(entry).as_bytes());
        written.map_err(|e| Error::io(&self.path, "write the file", e))
    }

    /// Waits until what was written is on the disk.
    ///
    /// # Errors
    /// When it cannot get there.
    pub fn sync(&self) -> Result<()> {
        let synced = self.file.sync_data();
        synced.map_err(|e| Error::io(&self.path, "write the file", e))
    }
}

fn line(entry: &impl Serialize) -> String {
    serde_json::to_string(entry).expect("an entry is plain data") + "\n"
}

/// Reads the lines of a file up to the first that is not whole (a process was killed in it).
///
/// # Errors
/// When it is there and cannot be read.
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
