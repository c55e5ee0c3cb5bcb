//! Ctrl-C: the first stops after the current step, the second stops at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pix2pix::parallel::Shard;

use crate::failure::Failure;

/// Installs the handler and returns the flag that it sets. Only rank 0 prints a message.
pub fn flag(Shard { rank, ranks }: Shard) -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let set = stop.clone();
    ctrlc::set_handler(move || {
        if set.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        match (rank, ranks) {
            (0, 1) => {
                eprintln!("\nstopping after this step and saving; press Ctrl-C again to stop at once");
            }
            (0, _) => eprintln!(
                "\nmpirun asks for a stop: stopping after this step if all processes are alive; otherwise, resume \
                 from the newest checkpoint with --resume"
            ),
            _ => {}
        }
    })
    .map_err(|e| Failure::Runtime(format!("cannot listen for Ctrl-C: {e}")))?;
    Ok(stop)
}
