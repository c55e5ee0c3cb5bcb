//! What the program writes on its standard streams. A result must arrive, or the command fails. A note to the person who
//! started the command is dropped if nobody can read it: the work that it tells of goes on.

use std::io::{self, ErrorKind, IsTerminal, Write, stderr, stdout};

use crate::failure::Failure;

/// Writes a result to standard output: what the command was started for.
///
/// # Errors
/// If it cannot be written; if its reader has closed the pipe, the command ends quietly.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|e| unwritten(&e))
}

/// The failure of a command whose result cannot be written to standard output.
pub fn unwritten(reason: &io::Error) -> Failure {
    match reason.kind() {
        ErrorKind::BrokenPipe => Failure::ClosedPipe,
        _ => Failure::Runtime(format!("standard output: cannot write: {reason}")),
    }
}

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

/// Whether standard error is a terminal that shows colours.
pub fn has_colours() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    stderr().is_terminal() && !refused
}
