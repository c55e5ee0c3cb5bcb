//! TIFF files that the reader sees with other bytes in some places.

use tiff_reader::TiffError;
use tiff_reader::source::{SharedSource, TiffSource};

/// A source that shows other bytes in some places.
pub struct Overlaid {
    /// The file.
    pub source: SharedSource,
    /// The places, and what is shown there.
    pub places: Vec<(u64, Vec<u8>)>,
}

impl TiffSource for Overlaid {
    fn len(&self) -> u64 {
        self.source.len()
    }

    fn read_exact_at(&self, offset: u64, length: usize) -> Result<Vec<u8>, TiffError> {
        let mut bytes = self.source.read_exact_at(offset, length)?;
        for (start, values) in &self.places {
            for (at, value) in (*start..).zip(values) {
                let place = at
                    .checked_sub(offset)
                    .and_then(|at| bytes.get_mut(at as usize));
                if let Some(byte) = place {
                    *byte = *value;
                }
            }
        }
        Ok(bytes)
    }
}
