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
    pub fn open<T: DeserializeOwned>(
        path: PathBuf,
        keep: impl Fn(&T) -> bool,
    ) -> Result<(Self, Vec<T>)> {
        let text = text(&path)?;
        let kept = entries::<T>(&text).filter(|(_, entry)| keep(entry));
        // as they were written: a number may read as its neighbour
        let (lines, kept): (Vec<&str>, Vec<T>) = kept.unzip();
        atomic_file::write(&path, lines.concat().as_bytes())?;
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
    let text = text(path)?;
    Ok(entries(&text).map(|(_, entry)| entry).collect())
}

fn text(path: &Path) -> Result<String> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(String::new()),
        Err(e) => Err(Error::io(path, "read the file", e)),
    }
}

/// The complete lines and what they say, up to the first that says nothing.
fn entries<T: DeserializeOwned>(text: &str) -> impl Iterator<Item = (&str, T)> {
    let lines = text
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'));
    lines.map_while(|line| Some((line, serde_json::from_str(line).ok()?)))
}
