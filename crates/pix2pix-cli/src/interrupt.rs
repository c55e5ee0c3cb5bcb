//! Signals: Ctrl-C, SIGTERM or a closed terminal stops a training after the current step, a second one at once.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::io::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

#[cfg(unix)]
pub use unix::listen;
#[cfg(windows)]
pub use windows::listen;

use pix2pix::for_threads;

use crate::failure::Failure;
use crate::output::{self, tell};

/// What somebody outside wants of the process.
#[derive(Clone, Copy)]
pub enum Signal {
    /// That it stops: Ctrl-C or SIGTERM.
    Stop,
    /// SIGHUP: the terminal is closed, or a server is to read its files again. Windows has none.
    Hangup,
    /// SIGCONT: it goes on after Ctrl-Z or SIGSTOP. Windows has none.
    Continue,
}

/// Time after a signal in which others are the same wish: a closing terminal may send SIGHUP twice, and `timeout` sends its
/// signal to the process and to its group.
const SAME_WISH: Duration = Duration::from_millis(500);

/// Time within which a signal to stop and one to go on are sent together, in either order.
const TOGETHER: Duration = Duration::from_millis(100);

/// Tells the wishes that signals bring from their repetitions.
#[derive(Default)]
pub struct Wishes {
    last: Option<Instant>,
}

impl Wishes {
    /// Whether the signal that comes now is a wish of its own.
    pub fn is_new(&mut self) -> bool {
        let is_new = self.last.is_none_or(|last| last.elapsed() >= SAME_WISH);
        if is_new {
            self.last = Some(Instant::now());
        }
        is_new
    }
}

/// Installs the handler, in one of so many processes, and returns the flag that it sets. Prints a message unless `is_quiet`. From
/// now on, no note waits for its reader: a step that waited would not see the flag, and the handler no second signal.
pub fn flag(processes: usize, is_quiet: bool) -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    output::detach(stop.clone()).map_err(|e| deaf(&e))?;
    let set = stop.clone();
    let mut wishes = Wishes::default();
    let asked = move || {
        if !wishes.is_new() {
            return;
        }
        if set.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        if !is_quiet {
            tell(match processes {
                1 => "\nstopping after this step and saving; press Ctrl-C again to stop at once",
                _ => {
                    "\nmpirun asks for a stop: stopping after this step if all processes are alive; otherwise, \
                     resume from the newest checkpoint with --resume"
                }
            });
        }
    };
    listen(&[Signal::Stop, Signal::Hangup], asked).map_err(|e| deaf(&e))?;
    Ok(stop)
}

/// Prints a note whenever the process goes on after it was suspended, unless `stop` is set: who stops a process may let it go on
/// too, in case it is suspended, as `timeout`, systemd and Slurm do.
pub fn note_suspension(note: &'static str, stop: &Arc<AtomicBool>) -> Result<(), Failure> {
    let stop = stop.clone();
    let goes_on = move || {
        thread::sleep(TOGETHER);
        if !stop.load(Ordering::Relaxed) {
            tell(note);
        }
    };
    listen(&[Signal::Continue], goes_on).map_err(|e| deaf(&e))
}

/// The failure to listen for signals.
fn deaf(error: &Error) -> Failure {
    let remedy = for_threads(error);
    Failure::Runtime(format!("cannot listen for Ctrl-C: {error}; {remedy}"))
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
