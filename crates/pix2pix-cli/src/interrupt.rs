//! Ctrl-C: the first asks for a stop after this step, the second stops at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::failure::Failure;

/// Installs the handler and returns the flag that it sets.
pub fn flag() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let set = stop.clone();
    ctrlc::set_handler(move || {
        if set.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        eprintln!("\nstopping after this step and saving; press Ctrl-C again to stop at once");
    })
    .map_err(|e| Failure::Runtime(format!("cannot listen for Ctrl-C: {e}")))?;
    Ok(stop)
}
