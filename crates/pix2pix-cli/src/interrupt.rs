//! Signals: Ctrl-C, SIGTERM or a closed terminal stops a training after the current step, a second one at once.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::io::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pix2pix::parallel::Shard;

#[cfg(unix)]
pub use unix::listen;
#[cfg(windows)]
pub use windows::listen;

use crate::failure::Failure;
use crate::output::tell;

/// What somebody outside wants of the process.
#[derive(Clone, Copy)]
pub enum Signal {
    /// That it stops: Ctrl-C or SIGTERM.
    Stop,
    /// SIGHUP: the terminal is closed, or a server is to read its files again. Windows has none.
    Hangup,
}

/// Installs the handler and returns the flag that it sets. Only rank 0 prints a message.
pub fn flag(Shard { rank, ranks }: Shard) -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let set = stop.clone();
    let failed = |e: Error| Failure::Runtime(format!("cannot listen for Ctrl-C: {e}"));
    let asked = move || {
        if set.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        match (rank, ranks) {
            (0, 1) => {
                tell("\nstopping after this step and saving; press Ctrl-C again to stop at once");
            }
            (0, _) => tell(
                "\nmpirun asks for a stop: stopping after this step if all processes are alive; otherwise, \
                 resume from the newest checkpoint with --resume",
            ),
            _ => {}
        }
    };
    listen(&[Signal::Stop, Signal::Hangup], asked).map_err(failed)?;
    Ok(stop)
}

/// Makes a file that reaches the limit on sizes (`ulimit -f`) an error like that of a full disk, instead of the end of the
/// program.
pub fn ignore_size_limit() {
    #[cfg(unix)]
    // SAFETY: to ignore a signal runs no code of this program.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}
