//! The bytes of a picture file: in memory, or on disk and read where they are needed.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use flate2::read::MultiGzDecoder;
use pix2pix_runtime::regular_file;

use super::nifti_header;
use crate::error::{Error, Result};

/// The first bytes of a file that gzip packed (RFC 1952, section 2.3.1).
const PACKED: [u8; 3] = [0x1f, 0x8b, 8];

/// A packed file may unpack to this many times its size plus 1 GiB; more is treated as a decompression bomb.
pub(crate) const MAX_GROWTH: u64 = 64;

/// Maximum number of bytes to unpack from `packed` compressed bytes.
pub(crate) fn most_unpacked(packed: u64) -> u64 {
    packed.saturating_mul(MAX_GROWTH).saturating_add(1 << 30)
}

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
    /// A part of a file on disk.
    Part(Part),
}

/// An unnamed temporary file, which disappears when the program ends.
///
/// # Errors
/// When it cannot be created.
pub(crate) fn temporary() -> Result<Arc<Mutex<File>>> {
    let file = tempfile::tempfile();
    let file = file.map_err(|e| Error::io(&std::env::temp_dir(), "create a temporary file", e))?;
    Ok(Arc::new(Mutex::new(file)))
}

/// A part of a file that readers on several threads share: packed files are unpacked into one, one behind the other.
#[derive(Clone, Debug)]
pub struct Part {
    file: Arc<Mutex<File>>,
    start: u64,
    length: u64,
}

impl Part {
    /// The bytes of a file from `start` on.
    pub fn new(file: &Arc<Mutex<File>>, start: u64, length: u64) -> Self {
        Self {
            file: file.clone(),
            start,
            length,
        }
    }

    /// Number of bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Identifies these bytes among those of all open files.
    pub fn place(&self) -> (usize, u64) {
        (Arc::as_ptr(&self.file) as usize, self.start)
    }

    /// Reads `length` bytes from `offset` on.
    ///
    /// # Errors
    /// When the part has fewer, or they cannot be read.
    pub fn read_at(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        if offset.saturating_add(length as u64) > self.length {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        let mut bytes = vec![0; length];
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(self.start + offset))?;
        file.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Appends at most `most` bytes to a file, and returns them as a part of it. At most `rest` bytes behind them are read too:
    /// at the end of what gzip packed, its checksum is compared.
    ///
    /// # Errors
    /// When they cannot be read or written. The file is then as it was.
    pub fn append(
        file: &Arc<Mutex<File>>,
        mut from: impl Read,
        most: u64,
        rest: u64,
    ) -> io::Result<Self> {
        let mut end = file.lock().unwrap_or_else(PoisonError::into_inner);
        let start = end.seek(SeekFrom::End(0))?;
        let copied = io::copy(&mut from.by_ref().take(most), &mut *end);
        let copied = copied.and_then(|length| {
            io::copy(&mut from.take(rest), &mut io::sink())?;
            Ok(length)
        });
        if copied.is_err() {
            end.set_len(start)?;
        }
        Ok(Self {
            file: file.clone(),
            start,
            length: copied?,
        })
    }
}

/// A reader of a part of a file.
struct PartReader {
    part: Part,
    at: u64,
}

impl Read for PartReader {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let left = self.part.length.saturating_sub(self.at);
        let count = left.min(bytes.len() as u64) as usize;
        let mut file = self
            .part
            .file
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(self.part.start + self.at))?;
        let read = file.read(&mut bytes[..count])?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for PartReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(place) => i128::from(place),
            SeekFrom::Current(by) => i128::from(self.at) + i128::from(by),
            SeekFrom::End(by) => i128::from(self.part.length) + i128::from(by),
        };
        self.at = u64::try_from(place).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
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
            Self::Disk(path) => Box::new(BufReader::new(regular_file::open(path)?)),
            Self::Part(part) => {
                let part = part.clone();
                Box::new(BufReader::new(PartReader { part, at: 0 }))
            }
        })
    }

    /// Whether gzip packed it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn is_packed(&self) -> io::Result<bool> {
        let mut start = Vec::new();
        self.reader()?
            .take(PACKED.len() as u64)
            .read_to_end(&mut start)?;
        Ok(start == PACKED)
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
            Self::Disk(path) => Ok(regular_file::read(path)?.into()),
            Self::Part(_) => {
                let mut bytes = Vec::new();
                self.reader()?.read_to_end(&mut bytes)?;
                Ok(bytes.into())
            }
        }
    }
}

/// Number of bytes by which the format is detected.
const START: u64 = 132;

/// The first bytes of a file, of the volume in it if gzip packed one. The reader is then at the start again.
pub fn starts(file: &mut dyn Source) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    file.take(START).read_to_end(&mut start)?;
    file.rewind()?;
    if start.starts_with(&PACKED) {
        let mut inside = Vec::new();
        let unpacked = MultiGzDecoder::new(&mut *file)
            .take(START)
            .read_to_end(&mut inside);
        file.rewind()?;
        // other formats are not read packed
        if unpacked.is_ok() && nifti_header::is(&inside) {
            return Ok(inside);
        }
    }
    Ok(start)
}

/// Length of a file in bytes. The reader is then at the start.
pub fn length(file: &mut dyn Source) -> io::Result<u64> {
    let length = file.seek(SeekFrom::End(0))?;
    file.rewind()?;
    Ok(length)
}
