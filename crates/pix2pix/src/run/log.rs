//! Log files with one JSON object per line. They grow during a run, and are cut back when it is resumed. A line that
//! cannot be read is told, and stays as it is.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use pix2pix_runtime::regular_file;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::atomic_file;
use crate::error::{Error, Result, shown};

/// An open log file.
pub struct Log {
    path: PathBuf,
    file: File,
}

/// The content of a log file.
pub struct LogContent<T> {
    /// What its lines say.
    pub entries: Vec<T>,
    /// A sentence on the lines that cannot be read, if there are any.
    pub unread: Option<String>,
}

impl Log {
    /// Opens a file to append lines. Removes an incomplete last line and lines that `keep` rejects; returns the others
    /// too. A missing file counts as empty.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn open<T: DeserializeOwned>(
        path: PathBuf,
        keep: impl Fn(&T) -> bool,
    ) -> Result<(Self, LogContent<T>)> {
        let bytes = bytes(&path)?;
        let mut kept = Vec::with_capacity(bytes.len());
        let (mut entries, mut unread) = (Vec::new(), Vec::new());
        for (number, line) in lines(&bytes) {
            match serde_json::from_slice(line) {
                Ok(entry) if !keep(&entry) => continue,
                Ok(entry) => entries.push(entry),
                // a killed process was writing it, and the run comes to its step again
                Err(_) if !line.ends_with(b"\n") => continue,
                Err(_) => unread.push(number),
            }
            // as it was written
            kept.extend(line);
            if !line.ends_with(b"\n") {
                kept.push(b'\n');
            }
        }
        if kept != bytes || !path.exists() {
            atomic_file::write(&path, &kept)?;
        }
        let file = File::options().append(true).open(&path);
        let file = file.map_err(|e| Error::io(&path, "write the file", e))?;
        let unread = told(&path, &unread);
        Ok((Self { path, file }, LogContent { entries, unread }))
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

/// Reads the lines of a file, without an incomplete last one, which a process may be writing. A missing file counts as
/// empty.
///
/// # Errors
/// When the file exists but cannot be read.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<LogContent<T>> {
    let bytes = bytes(path)?;
    let (mut entries, mut unread) = (Vec::new(), Vec::new());
    for (number, line) in lines(&bytes) {
        match serde_json::from_slice(line) {
            Ok(entry) => entries.push(entry),
            Err(_) if line.ends_with(b"\n") => unread.push(number),
            Err(_) => {}
        }
    }
    let unread = told(path, &unread);
    Ok(LogContent { entries, unread })
}

fn bytes(path: &Path) -> Result<Vec<u8>> {
    match regular_file::read(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        read => read.map_err(|e| Error::io(path, "read the file", e)),
    }
}

/// The lines with their numbers, from 1, and their ends.
fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    (1..).zip(bytes.split_inclusive(|byte| *byte == b'\n'))
}

/// A sentence on lines that cannot be read.
fn told(path: &Path, unread: &[usize]) -> Option<String> {
    let path = shown(path);
    match unread {
        [] => None,
        [line] => Some(format!(
            "{path}: line {line} cannot be read and is left as it is"
        )),
        [first, rest @ ..] => Some(format!(
            "{path}: line {first} and {} more cannot be read and are left as they are",
            rest.len()
        )),
    }
}

/// Reads a number as it was written; by itself, `serde_json` may take its neighbor.
pub fn exact<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<f64, D::Error> {
    let text = Box::<RawValue>::deserialize(from)?;
    text.get().parse().map_err(serde::de::Error::custom)
}

/// As [`exact`], for a number that may be `null`.
pub fn exact_or_none<'de, D: Deserializer<'de>>(
    from: D,
) -> std::result::Result<Option<f64>, D::Error> {
    let text = Box::<RawValue>::deserialize(from)?;
    match text.get() {
        "null" => Ok(None),
        number => number.parse().map(Some).map_err(serde::de::Error::custom),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::run::{RunScores, Timing};

    #[test]
    fn what_cannot_be_read_stays_where_it_is() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("timings.jsonl");
        let line = |step: u64| format!("{{\"step\":{step},\"seconds\":0.5}}\n");
        let mut text = line(1).into_bytes();
        text.extend(b"\xff\xfe\n\0\0\0{\"step\":2}\n");
        text.extend((line(3) + &line(4)).into_bytes());
        let (kept, whole) = (text.len() - line(4).len(), text.clone());
        text.extend(b"{\"step\":5,\"sec");
        fs::write(&path, &text).unwrap();

        let found = read::<Timing>(&path).unwrap();
        let steps = |found: &LogContent<Timing>| -> Vec<u64> {
            found.entries.iter().map(|entry| entry.step).collect()
        };
        assert_eq!(steps(&found), [1, 3, 4]);
        let told = found.unread.unwrap();
        assert!(told.contains("timings.jsonl: line 2 and 1 more"), "{told}");

        let (_, found) = Log::open(path.clone(), |timing: &Timing| timing.step < 4).unwrap();
        assert_eq!(steps(&found), [1, 3]);
        assert_eq!(fs::read(&path).unwrap(), whole[..kept]);
        // a last line without an end, but whole
        fs::write(&path, line(1).trim_end()).unwrap();
        let (_, found) = Log::open(path.clone(), |_: &Timing| true).unwrap();
        assert_eq!(steps(&found), [1]);
        assert_eq!(fs::read_to_string(&path).unwrap(), line(1));
    }

    #[test]
    fn numbers_are_read_as_they_were_written() {
        for digits in ["74.28164062500001", "0.1234567890123456", "1e-7", "5.0"] {
            let text = format!("{{\"step\":1,\"l1\":{digits},\"psnr\":null,\"ssim\":{digits}}}");
            let scores: RunScores = serde_json::from_str(&text).unwrap();
            assert_eq!(serde_json::to_string(&scores).unwrap(), text);
        }
    }
}
