//! A limit on what a tar says of a file before its content, such as its name: the library that reads tars holds all of that in
//! memory.

use std::cell::Cell;
use std::io::{self, Read, Seek, SeekFrom};
use std::rc::Rc;

/// Most bytes that a tar may say of a file. A path has 4096 on Linux.
const MOST: u64 = 1 << 20;

/// A reader of a tar that fails within what is said of a file once that has more than 1 MiB.
pub struct Limited<R> {
    tar: R,
    left: Rc<Cell<u64>>,
}

/// Tells a [`Limited`] reader where it is in the tar.
pub struct Place {
    left: Rc<Cell<u64>>,
}

/// A reader from the start of a tar.
pub fn limited<R>(tar: R) -> (Limited<R>, Place) {
    let left = Rc::new(Cell::new(MOST));
    let place = Place { left: left.clone() };
    (Limited { tar, left }, place)
}

impl Place {
    /// The content of a file is read from here on: not into memory, so it may have any length.
    #[cfg(any(feature = "download", test))]
    pub fn in_content(&self) {
        self.left.set(u64::MAX);
    }

    /// The content of a file was read or is skipped without reading; what is said of the next one follows.
    pub fn behind_content(&self) {
        self.left.set(MOST);
    }
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let left = self.left.get();
        if left == 0 {
            return Err(io::Error::other("a name of more than 1 MiB"));
        }
        let count = left.min(bytes.len() as u64) as usize;
        let read = self.tar.read(&mut bytes[..count])?;
        self.left.set(left - read as u64);
        Ok(read)
    }
}

impl<R: Seek> Seek for Limited<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.tar.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_limited_and_contents_are_not() {
        let (mut tar, place) = limited(io::repeat(b'a'));
        let mut read = |bytes: u64| io::copy(&mut tar.by_ref().take(bytes), &mut io::sink());
        read(MOST).unwrap();
        let error = read(1).unwrap_err().to_string();
        assert_eq!(error, "a name of more than 1 MiB");
        place.in_content();
        read(3 * MOST).unwrap();
        place.behind_content();
        read(MOST).unwrap();
        read(1).unwrap_err();
    }
}
