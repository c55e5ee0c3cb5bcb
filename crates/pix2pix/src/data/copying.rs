//! Copies that tell what failed: a file that is read may be damaged, and a disk that is written to may be full.

use std::io::{self, ErrorKind, Read, Write};

use crate::error::{Error, Result};

/// Copies all bytes of `from` to `to`, and returns their number.
///
/// # Errors
/// What `unread` makes of an error of reading, or `unwritten` of one of writing.
pub fn copy(
    from: &mut impl Read,
    to: &mut impl Write,
    unread: impl Fn(io::Error) -> Error,
    unwritten: impl Fn(io::Error) -> Error,
) -> Result<u64> {
    let mut buffer = vec![0; 1 << 16];
    let mut copied = 0;
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(copied),
            Ok(count) => {
                to.write_all(&buffer[..count]).map_err(&unwritten)?;
                copied += count as u64;
            }
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(unread(e)),
        }
    }
}
