//! Repeated descriptions in TIFF files: tifffile writes two tags ImageDescription where it is given a text, its own one behind it.
//! Other programs take the first; the reader refuses files with a tag twice.
//!
//! Here it sees a tag without a meaning in place of the second one.

use tiff_reader::TiffError;
use tiff_reader::source::SharedSource;

const IMAGE_DESCRIPTION: u16 = 270;

/// Codes from here on are free for any use (TIFF 6.0, section 2).
const FREE: u16 = 65_000;

/// Whether a file is refused because of repeated descriptions.
pub fn is_cause(error: &TiffError) -> bool {
    matches!(error, TiffError::InvalidTagValue { tag, reason } if *tag == IMAGE_DESCRIPTION && reason.contains("duplicate"))
}

/// The places of the codes of repeated descriptions in the first `pages` pages, and other bytes for them.
///
/// # Errors
/// When the file cannot be read.
pub fn overlay(source: &SharedSource, pages: usize) -> Result<Vec<(u64, Vec<u8>)>, TiffError> {
    let start = source.read_exact_at(0, 4)?;
    let is_big_endian = start.starts_with(b"MM");
    let number = |at: u64, length: usize| {
        let mut bytes = source.read_exact_at(at, length)?;
        if !is_big_endian {
            bytes.reverse();
        }
        let digits = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
        Ok::<u64, TiffError>(bytes.iter().fold(0, digits))
    };
    // where the first page is said, and sizes of the number of entries, of an entry, and of an offset
    let (first, head, entry, word) = match start.contains(&43) {
        true => (8, 8, 20, 8),
        false => (4, 2, 12, 4),
    };
    let mut places = Vec::new();
    let mut page = number(first, word)?;
    for _ in 0..pages {
        if page == 0 {
            break;
        }
        let count = number(page, head)?;
        let mut seen = 0;
        for index in 0..count.min(u64::from(u16::MAX)) {
            let at = page + head as u64 + index * entry;
            if number(at, 2)? != u64::from(IMAGE_DESCRIPTION) {
                continue;
            }
            if seen > 0 {
                let code = FREE.saturating_add(seen);
                let code = match is_big_endian {
                    true => code.to_be_bytes(),
                    false => code.to_le_bytes(),
                };
                places.push((at, code.to_vec()));
            }
            seen += 1;
        }
        page = number(page + head as u64 + count * entry, word)?;
    }
    Ok(places)
}
