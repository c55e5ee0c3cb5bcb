//! Where a TIFF file stores the values of a tag.

use tiff_reader::{ByteOrder, Ifd, TiffError, TiffFile};

/// The values of a tag in a file.
pub struct TagValues {
    /// The code of their type.
    pub kind: u16,
    /// Their number.
    pub count: u64,
    /// Where the entry stores them itself, if they fit into it.
    inside: u64,
    /// Bytes that fit into the entry.
    room: u64,
}

impl TagValues {
    /// The place in the file where they begin, if they take `bytes` bytes.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn place(&self, file: &TiffFile, bytes: u64) -> Result<u64, TiffError> {
        match bytes <= self.room {
            true => Ok(self.inside),
            false => number(file, self.inside, self.room as usize),
        }
    }
}

/// Finds the values of the page's first tag with this code.
///
/// # Errors
/// When the file cannot be read.
pub fn values(file: &TiffFile, ifd: &Ifd, code: u16) -> Result<Option<TagValues>, TiffError> {
    // sizes of the number of entries, of an entry, and of a count or an offset in it
    let (head, entry, word) = match file.is_bigtiff() {
        true => (8, 20, 8),
        false => (2, 12, 4),
    };
    for index in 0..number(file, ifd.offset(), head)? {
        let at = ifd.offset() + head as u64 + index * entry;
        if number(file, at, 2)? == u64::from(code) {
            return Ok(Some(TagValues {
                kind: number(file, at + 2, 2)? as u16,
                count: number(file, at + 4, word)?,
                inside: at + 4 + word as u64,
                room: word as u64,
            }));
        }
    }
    Ok(None)
}

/// The number of `length` bytes at a place.
fn number(file: &TiffFile, at: u64, length: usize) -> Result<u64, TiffError> {
    let bytes = file.source().read_exact_at(at, length)?;
    let digits = |value: u64, byte: u8| value << 8 | u64::from(byte);
    Ok(match file.byte_order() {
        ByteOrder::BigEndian => bytes.into_iter().fold(0, digits),
        ByteOrder::LittleEndian => bytes.into_iter().rev().fold(0, digits),
    })
}
