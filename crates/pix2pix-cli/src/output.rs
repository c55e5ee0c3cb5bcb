//! Notes to the person who started the command. A note is dropped if nobody can read it: the work that it tells of goes on.
//! A result must arrive, or the command fails: see `failure::print`.

use std::io::{Write, stderr, stdout};

/// Writes a note to standard output: the results themselves are files.
pub fn say(text: &str) {
    let mut out = stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Writes a line to standard error.
pub fn tell(line: &str) {
    // in one piece, so that lines of several processes do not mix
    let _ = stderr().lock().write_all(format!("{line}\n").as_bytes());
}
