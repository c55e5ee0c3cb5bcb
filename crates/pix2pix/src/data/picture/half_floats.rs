//! 16-bit floats in TIFF files, which the reader takes only with a feature that needs an older `half` than Burn.
//!
//! Here it sees them as 16-bit integers: in the bytes that it reads, the tag SampleFormat says so. Their bits are then
//! those of the floats.

use tiff_reader::{ByteOrder, Ifd, TiffError, TiffFile};

use super::entry;

const SAMPLE_FORMAT: u16 = 339;
const FLOAT: u16 = 3;

/// Whether a page holds 16-bit floats.
pub fn are_in(ifd: &Ifd) -> bool {
    let all = |values: Result<Vec<u16>, TiffError>, wanted| {
        values.is_ok_and(|values| values.iter().all(|value| *value == wanted))
    };
    all(ifd.sample_format(), FLOAT) && all(ifd.bits_per_sample(), 16)
}

/// The places of a file that tell of 16-bit floats, and bytes that tell of integers.
///
/// # Errors
/// When the file cannot be read.
pub fn overlay(file: &TiffFile) -> Result<Vec<(u64, Vec<u8>)>, TiffError> {
    let floats = file.ifds().iter().filter(|ifd| are_in(ifd));
    let places = floats.filter_map(|ifd| format_tag(file, ifd).transpose());
    places.collect()
}

/// Position of the values of a page's SampleFormat in the file, and the bytes of as many "unsigned integer".
fn format_tag(file: &TiffFile, ifd: &Ifd) -> Result<Option<(u64, Vec<u8>)>, TiffError> {
    let Some(values) = entry::values(file, ifd, SAMPLE_FORMAT)? else {
        return Ok(None);
    };
    let size = match values.kind {
        1 => 1, // BYTE
        3 => 2, // SHORT
        _ => 4, // LONG: the reader takes no other
    };
    let place = values.place(file, values.count * size)?;
    let mut unsigned = vec![0; size as usize];
    let lowest = match file.byte_order() {
        ByteOrder::BigEndian => size as usize - 1,
        ByteOrder::LittleEndian => 0,
    };
    unsigned[lowest] = 1;
    Ok(Some((place, unsigned.repeat(values.count as usize))))
}
