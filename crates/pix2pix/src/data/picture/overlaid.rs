//! TIFF files that the reader sees with other bytes in some places.

use tiff_reader::TiffError;
use tiff_reader::source::{SharedSource, TiffSource};

/// A source that shows other bytes in some places.
pub struct Overlaid {
    source: SharedSource,
    /// The places, and what is shown there. They ascend and do not overlap, so that those of a read are found at once: there can
    /// be as many as reads.
    places: Vec<(u64, Vec<u8>)>,
}

impl Overlaid {
    /// The source with other bytes in these places.
    pub fn new(source: SharedSource, mut places: Vec<(u64, Vec<u8>)>) -> Self {
        places.sort_unstable();
        let mut end = 0u64;
        for (start, bytes) in &mut places {
            let before = end.saturating_sub(*start).min(bytes.len() as u64);
            bytes.drain(..before as usize);
            *start += before;
            end = end.max(*start + bytes.len() as u64);
        }
        places.retain(|(_, bytes)| !bytes.is_empty());
        Self { source, places }
    }
}

impl TiffSource for Overlaid {
    fn len(&self) -> u64 {
        self.source.len()
    }

    fn read_exact_at(&self, offset: u64, length: usize) -> Result<Vec<u8>, TiffError> {
        let mut read = self.source.read_exact_at(offset, length)?;
        let is_before = |(start, bytes): &(u64, Vec<u8>)| start + bytes.len() as u64 <= offset;
        let first = self.places.partition_point(is_before);
        let end = offset + length as u64;
        let shown = self.places[first..].iter();
        for (start, bytes) in shown.take_while(|(start, _)| *start < end) {
            for (at, value) in (*start..).zip(bytes) {
                let place = at.checked_sub(offset);
                if let Some(byte) = place.and_then(|place| read.get_mut(place as usize)) {
                    *byte = *value;
                }
            }
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// A file of this many dots.
    struct Dots(usize);

    impl TiffSource for Dots {
        fn len(&self) -> u64 {
            self.0 as u64
        }

        fn read_exact_at(&self, _: u64, length: usize) -> Result<Vec<u8>, TiffError> {
            Ok(vec![b'.'; length])
        }
    }

    #[test]
    fn every_part_of_a_file_is_shown_with_the_other_bytes() {
        let place = |start: u64, bytes: &str| (start, bytes.as_bytes().to_vec());
        let places = [
            place(12, "end"),
            place(2, "abcd"),
            place(2, "ab"),  // the same bytes again
            place(3, "bc"),  // inside
            place(5, "def"), // longer
            place(9, "x"),
        ];
        let shown = b"..abcdef.x..end.";
        let file = Overlaid::new(Arc::new(Dots(shown.len())), places.to_vec());
        for start in 0..shown.len() {
            for end in start..=shown.len() {
                let read = file.read_exact_at(start as u64, end - start).unwrap();
                assert_eq!(read, shown[start..end], "{start}..{end}");
            }
        }
    }
}
