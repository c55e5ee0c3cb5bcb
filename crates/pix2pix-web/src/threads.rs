//! Several threads, where the browser shares memory between workers. Each thread is an instance of the module in a worker of
//! its own, on one memory: the first has the calls of `lib.rs`, the others wait in [`pix2pix_help`].

use std::sync::{Condvar, Mutex, PoisonError};

use rayon::{ThreadBuilder, ThreadPoolBuilder};

/// Threads of the pool that no worker runs yet.
static OPEN: Mutex<Vec<ThreadBuilder>> = Mutex::new(Vec::new());
static OPENED: Condvar = Condvar::new();

/// Makes the calling thread the first of `count`. Waits until the others are there. Returns false if it was called before.
#[unsafe(no_mangle)]
pub extern "C" fn pix2pix_gather(count: usize) -> bool {
    let pool = ThreadPoolBuilder::new().num_threads(count);
    let pool = pool.use_current_thread().spawn_handler(|thread| {
        OPEN.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(thread);
        OPENED.notify_one();
        Ok(())
    });
    super::told(
        false,
        pool.build_global()
            .map(|()| true)
            .map_err(|e| e.to_string()),
    )
}

/// Makes the calling thread one of the others, until its worker ends.
#[unsafe(no_mangle)]
pub extern "C" fn pix2pix_help() {
    let open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut open = OPENED
        .wait_while(open, |open| open.is_empty())
        .unwrap_or_else(PoisonError::into_inner);
    let thread = open.pop();
    drop(open);
    if let Some(thread) = thread {
        thread.run();
    }
}
