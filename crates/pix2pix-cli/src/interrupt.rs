//! Signals: Ctrl-C, SIGTERM or a closed terminal stops a training after the current step, a second one at once.

use std::io::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use pix2pix::parallel::Shard;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::failure::Failure;
use crate::output::tell;

/// Installs the handler and returns the flag that it sets. Only rank 0 prints a message.
pub fn flag(Shard { rank, ranks }: Shard) -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let set = stop.clone();
    let failed = |e: Error| Failure::Runtime(format!("cannot listen for Ctrl-C: {e}"));
    let heeded = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(is_heeded);
    let mut signals = Signals::new(heeded).map_err(failed)?;
    let wait = move || {
        for _ in signals.forever() {
            if set.swap(true, Ordering::Relaxed) {
                std::process::exit(130);
            }
            match (rank, ranks) {
                (0, 1) => tell(
                    "\nstopping after this step and saving; press Ctrl-C again to stop at once",
                ),
                (0, _) => tell(
                    "\nmpirun asks for a stop: stopping after this step if all processes are alive; otherwise, \
                     resume from the newest checkpoint with --resume",
                ),
                _ => {}
            }
        }
    };
    let started = thread::Builder::new().name("signals".to_string());
    started.spawn(wait).map_err(failed)?;
    Ok(stop)
}

/// Whether a signal is for this process: one that it was started to ignore stays ignored, as with `nohup`, or Ctrl-C in a
/// background job of a script.
pub fn is_heeded(signal: &i32) -> bool {
    // SAFETY: without a new action, sigaction only fills in the present one, for which zeros are valid.
    unsafe {
        let mut present: libc::sigaction = std::mem::zeroed();
        libc::sigaction(*signal, std::ptr::null(), &mut present) != 0
            || present.sa_sigaction != libc::SIG_IGN
    }
}
