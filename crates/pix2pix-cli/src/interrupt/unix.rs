//! Signals of Unix.

use std::io::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::Signal;

/// Calls `action` at each of these signals, on a thread of its own.
///
/// # Errors
/// Those of the operating system.
pub fn listen(signals: &[Signal], mut action: impl FnMut() + Send + 'static) -> Result<(), Error> {
    let numbers = signals.iter().flat_map(|signal| match signal {
        Signal::Stop => &[SIGINT, SIGTERM][..],
        Signal::Hangup => &[SIGHUP],
        Signal::Continue => &[SIGCONT],
    });
    let mut signals = Signals::new(numbers.filter(|&signal| is_heeded(*signal)))?;
    let started = thread::Builder::new().name("signals".to_string());
    started.spawn(move || {
        for _ in signals.forever() {
            // a failure is told by the hook, and the next signal comes all the same
            let _ = catch_unwind(AssertUnwindSafe(&mut action));
        }
    })?;
    Ok(())
}

/// Whether a signal is for this process: one that it was started to ignore stays ignored, as with `nohup`, or Ctrl-C in a
/// background job of a script.
fn is_heeded(signal: i32) -> bool {
    // SAFETY: without a new action, sigaction only fills in the present one, for which zeros are valid.
    unsafe {
        let mut present: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &mut present) != 0
            || present.sa_sigaction != libc::SIG_IGN
    }
}
