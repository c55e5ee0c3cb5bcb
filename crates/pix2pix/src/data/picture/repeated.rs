//! Repeated descriptions in TIFF files: tifffile writes two tags ImageDescription where it is given a text, its own one behind it.
//! Other programs take the first; the reader refuses files with a tag twice.
//!
//! Here it sees tags without a meaning in place of the others.

use tiff_reader::TiffError;
use tiff_reader::source::TiffSource;

use super::directory::{Directory, Numbers};

const IMAGE_DESCRIPTION: u16 = 270;

/// Codes behind this one are free for any use (TIFF 6.0, section 2).
const FREE: u16 = 65_000;

/// Whether a file is refused because of repeated descriptions.
pub fn is_cause(error: &TiffError) -> bool {
    matches!(error, TiffError::InvalidTagValue { tag, reason } if *tag == IMAGE_DESCRIPTION && reason.contains("duplicate"))
}

/// The places of the codes of repeated descriptions in these directories, and other bytes for them.
///
/// # Errors
/// When the file cannot be read.
pub fn overlay(
    source: &dyn TiffSource,
    directories: &[Directory],
) -> Result<Vec<(u64, Vec<u8>)>, TiffError> {
    let numbers = Numbers::of(source)?;
    let mut places = Vec::new();
    for directory in directories {
        let entries = directory.entries(source)?.into_iter();
        let described = entries.filter(|entry| entry.code == IMAGE_DESCRIPTION);
        let free = FREE + 1..=u16::MAX;
        places.extend(
            described
                .skip(1)
                .zip(free)
                .map(|(entry, code)| (entry.place, numbers.code(code).to_vec())),
        );
    }
    Ok(places)
}
