//! Where a TIFF file stores the values of a tag.

use tiff_reader::{Ifd, TiffError, TiffFile};

use super::directory::{Directory, Numbers};

/// The values of a tag in a file.
pub struct TagValues {
    numbers: Numbers,
    /// The code of their type.
    pub kind: u16,
    /// Their number.
    pub count: u64,
    /// Where the entry stores them itself, if they fit into it.
    inside: u64,
}

impl TagValues {
    /// The place in the file where they begin, if they take `bytes` bytes.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn place(&self, file: &TiffFile, bytes: u64) -> Result<u64, TiffError> {
        let room = self.numbers.word;
        match bytes <= room {
            true => Ok(self.inside),
            false => self.numbers.at(file.source(), self.inside, room),
        }
    }
}

/// Finds the values of the page's first tag with this code.
///
/// # Errors
/// When the file cannot be read.
pub fn values(file: &TiffFile, ifd: &Ifd, code: u16) -> Result<Option<TagValues>, TiffError> {
    let numbers = Numbers::of(file.source())?;
    let directory = Directory::at(file.source(), numbers, ifd.offset())?;
    let mut entries = directory.entries(file.source())?.into_iter();
    let found = entries.find(|entry| entry.code == code);
    Ok(found.map(|entry| TagValues {
        numbers,
        kind: entry.kind,
        count: entry.count,
        inside: entry.place + 4 + numbers.word, // behind code, type and number
    }))
}
