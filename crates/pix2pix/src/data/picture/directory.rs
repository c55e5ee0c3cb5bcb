//! The directories of a TIFF file: one for each page, with an entry for each tag and the place of the next one.

use tiff_reader::TiffError;
use tiff_reader::source::TiffSource;

use super::fault::Fault;

/// Most tags of all pages together. Each takes 80 bytes in memory, and 12 in the file.
const TAGS: u64 = 1 << 18;

/// How a file writes its numbers.
#[derive(Clone, Copy)]
pub struct Numbers {
    is_big_endian: bool,
    /// Where the place of the first directory is.
    first: u64,
    /// Bytes of a directory's number of entries.
    head: u64,
    /// Bytes of an entry.
    entry: u64,
    /// Bytes of a place, and of the number of a tag's values.
    pub word: u64,
}

impl Numbers {
    /// Those of this file: in BigTIFF, whose mark is 43, they are longer.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn of(source: &dyn TiffSource) -> Result<Self, TiffError> {
        let start = source.read_exact_at(0, 4)?;
        let (first, head, entry, word) = match start.contains(&43) {
            true => (8, 8, 20, 8),
            false => (4, 2, 12, 4),
        };
        Ok(Self {
            is_big_endian: start.starts_with(b"MM"),
            first,
            head,
            entry,
            word,
        })
    }

    /// The number in these bytes.
    fn value(self, bytes: &[u8]) -> u64 {
        let digits = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
        match self.is_big_endian {
            true => bytes.iter().fold(0, digits),
            false => bytes.iter().rev().fold(0, digits),
        }
    }

    /// The number of `length` bytes at a place.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn at(self, source: &dyn TiffSource, place: u64, length: u64) -> Result<u64, TiffError> {
        Ok(self.value(&source.read_exact_at(place, length as usize)?))
    }

    /// The bytes of a tag's code.
    pub fn code(self, code: u16) -> [u8; 2] {
        match self.is_big_endian {
            true => code.to_be_bytes(),
            false => code.to_le_bytes(),
        }
    }
}

/// An entry of a directory.
pub struct Entry {
    /// Its place in the file.
    pub place: u64,
    /// The tag's code.
    pub code: u16,
    /// The code of the type of its values.
    pub kind: u16,
    /// Their number.
    pub count: u64,
}

/// A directory.
pub struct Directory {
    numbers: Numbers,
    /// Place of the first entry.
    start: u64,
    /// Number of entries.
    tags: u64,
}

impl Directory {
    /// The directory at a place.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn at(source: &dyn TiffSource, numbers: Numbers, place: u64) -> Result<Self, TiffError> {
        Ok(Self {
            numbers,
            start: place.saturating_add(numbers.head),
            tags: numbers.at(source, place, numbers.head)?,
        })
    }

    /// Its entries.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn entries(&self, source: &dyn TiffSource) -> Result<Vec<Entry>, TiffError> {
        let numbers = self.numbers;
        let bytes = source.read_exact_at(self.start, self.length() as usize)?;
        let places = (self.start..).step_by(numbers.entry as usize);
        let entries = places.zip(bytes.chunks_exact(numbers.entry as usize));
        let read = |(place, bytes): (u64, &[u8])| Entry {
            place,
            code: numbers.value(&bytes[..2]) as u16,
            kind: numbers.value(&bytes[2..4]) as u16,
            count: numbers.value(&bytes[4..][..numbers.word as usize]),
        };
        Ok(entries.map(read).collect())
    }

    /// Bytes of its entries.
    fn length(&self) -> u64 {
        self.tags.saturating_mul(self.numbers.entry)
    }

    /// The place of the next directory; 0 for none.
    fn next(&self, source: &dyn TiffSource) -> Result<u64, TiffError> {
        let end = self.start.saturating_add(self.length());
        self.numbers.at(source, end, self.numbers.word)
    }
}

/// Finds the first `most` directories of a file, up to one that cannot be read, of which the reader tells. Nothing but their
/// lengths is read.
///
/// # Errors
/// When they have too many tags. A small file could have any number: in a directory's entries, others may begin.
pub fn chain(source: &dyn TiffSource, most: usize) -> Result<Vec<Directory>, Fault> {
    let mut found = Vec::new();
    let Ok(numbers) = Numbers::of(source) else {
        return Ok(found);
    };
    let mut next = numbers.at(source, numbers.first, numbers.word);
    let (mut bytes, mut tags) = (0u64, 0u64);
    while let Ok(place) = next
        && place != 0
        && found.len() < most
    {
        let Ok(directory) = Directory::at(source, numbers, place) else {
            break;
        };
        let length = numbers.head + numbers.word;
        bytes = bytes.saturating_add(directory.length().saturating_add(length));
        tags = tags.saturating_add(directory.tags);
        if bytes > source.len() {
            return Err("its directories together are larger than the file".into());
        }
        if tags > TAGS {
            let what = format!("more than {TAGS} tags");
            return Err(Fault::kind(what, "split it into files of fewer pages"));
        }
        next = directory.next(source);
        found.push(directory);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tiff_reader::source::FileSource;

    use super::*;

    /// A file of two directories, of one and of two entries, and the place of the second one. The last bytes are the place of a
    /// third one: `next`, or 0 for none.
    fn file(is_big_endian: bool, is_bigtiff: bool, next: u64) -> (Vec<u8>, usize) {
        let number = |value: u64, length: usize| match is_big_endian {
            true => value.to_be_bytes()[8 - length..].to_vec(),
            false => value.to_le_bytes()[..length].to_vec(),
        };
        let mark = match is_big_endian {
            true => b"MM",
            false => b"II",
        };
        let (head, word, start) = match is_bigtiff {
            true => (8, 8, [number(43, 2), number(8, 2), number(0, 2)].concat()),
            false => (2, 4, number(42, 2)),
        };
        let first = (2 + start.len() + word) as u64;
        let second = first + (head + 4 + 2 * word + word) as u64;
        let entry = |code| {
            [
                number(code, 2),
                number(3, 2),
                number(5, word),
                number(0, word),
            ]
            .concat()
        };
        let file = [
            mark.to_vec(),
            start,
            number(first, word),
            number(1, head),
            entry(256),
            number(second, word),
            number(2, head),
            entry(257),
            entry(270),
            number(next, word),
        ];
        (file.concat(), second as usize)
    }

    #[test]
    fn directories_are_found_in_files_of_every_kind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.tif");
        let source = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            FileSource::open(&path).unwrap()
        };
        for (is_big_endian, is_bigtiff) in
            [(false, false), (true, false), (false, true), (true, true)]
        {
            let (bytes, second) = file(is_big_endian, is_bigtiff, 0);
            let whole = source(&bytes);
            let found = chain(&whole, 9).unwrap();
            let codes = |directory: &Directory| -> Vec<(u16, u16, u64)> {
                let entries = directory.entries(&whole).unwrap().into_iter();
                let said = entries.map(|entry| (entry.code, entry.kind, entry.count));
                said.collect()
            };
            let codes: Vec<_> = found.iter().map(codes).collect();
            assert_eq!(codes, [vec![(256, 3, 5)], vec![(257, 3, 5), (270, 3, 5)]]);
            let [head, entry, word] = if is_bigtiff { [8, 20, 8] } else { [2, 12, 4] };
            let places: Vec<u64> = found[1]
                .entries(&whole)
                .unwrap()
                .into_iter()
                .map(|entry| entry.place)
                .collect();
            assert_eq!(
                places,
                [second + head, second + head + entry].map(|place| place as u64)
            );
            assert_eq!(chain(&whole, 1).unwrap().len(), 1);
            // the reader tells of one that is not there
            assert_eq!(chain(&source(&bytes[..second]), 9).unwrap().len(), 1);
            // a circle, of which each round is longer than the header
            let first = second - head - entry - word;
            let (circle, _) = file(is_big_endian, is_bigtiff, first as u64);
            let Err(Fault::Damaged(reason)) = chain(&source(&circle), 9) else {
                panic!("it is refused");
            };
            assert!(reason.contains("larger than the file"), "{reason}");
        }
    }
}
