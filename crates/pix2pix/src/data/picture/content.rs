//! The bytes of a picture file: in memory, or on disk and read where they are needed.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A reader of a picture file.
pub trait Source: BufRead + Seek {}
impl<T: BufRead + Seek + ?Sized> Source for T {}

/// The bytes of a picture file.
#[derive(Clone, Debug)]
pub enum Content {
    /// In memory.
    Memory(Arc<[u8]>),
    /// On disk.
    Disk(PathBuf),
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Memory(bytes.into())
    }
}

impl From<&Path> for Content {
    fn from(file: &Path) -> Self {
        Self::Disk(file.to_path_buf())
    }
}

impl Content {
    /// A reader from the start.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn reader(&self) -> io::Result<Box<dyn Source>> {
        Ok(match self {
            Self::Memory(bytes) => Box::new(Cursor::new(bytes.clone())),
            Self::Disk(path) => Box::new(BufReader::new(File::open(path)?)),
        })
    }

    /// The first bytes, by which the format is detected.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn starts(&self) -> io::Result<Vec<u8>> {
        starts(&mut *self.reader()?)
    }

    /// All bytes.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn bytes(&self) -> io::Result<Arc<[u8]>> {
        match self {
            Self::Memory(bytes) => Ok(bytes.clone()),
            Self::Disk(path) => Ok(fs::read(path)?.into()),
        }
    }
}

/// The first bytes of a file. The reader is then at the start again.
pub fn starts(file: &mut dyn Source) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    file.take(64).read_to_end(&mut start)?;
    file.rewind()?;
    Ok(start)
}

/// Length of a file in bytes. The reader is then at the start.
pub fn length(file: &mut dyn Source) -> io::Result<u64> {
    let length = file.seek(SeekFrom::End(0))?;
    file.rewind()?;
    Ok(length)
}
