//! Signals of Windows: Ctrl-C, Ctrl-Break, and the end of the console window or the session.

use std::io::Error;

use super::Signal;

/// Calls `action` when the process is asked to stop, on a thread of its own. Once for a process.
///
/// # Errors
/// Those of the operating system.
pub fn listen(signals: &[Signal], action: impl FnMut() + Send + 'static) -> Result<(), Error> {
    match signals.iter().any(|signal| matches!(signal, Signal::Stop)) {
        true => ctrlc::set_handler(action).map_err(Error::other),
        false => Ok(()),
    }
}
