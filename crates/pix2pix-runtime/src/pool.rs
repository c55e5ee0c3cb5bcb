//! The threads that compute: those of rayon's global pool. A process that was forked from one with these threads does not have
//! them, and gets as many of its own.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

/// The process that has the threads of the global pool; 0 before they start.
static OWNER: AtomicU32 = AtomicU32::new(0);

/// The pool of a forked process, and that process. Pools are never freed: a process that is forked again finds the one of its
/// parent, whose threads it could not end.
static FORKED: Mutex<Option<(u32, &ThreadPool)>> = Mutex::new(None);

/// Starts the threads of the global pool, 0 for all cores.
///
/// # Errors
/// When they have started, maybe in the process that this one was forked from: see [`is_forked`]. When the system does not
/// start so many.
pub fn start(threads: usize) -> Result<(), ThreadPoolBuildError> {
    let pool = ThreadPoolBuilder::new().num_threads(threads);
    let started = pool.build_global();
    match started {
        Ok(()) if cfg!(unix) => OWNER.store(std::process::id(), Ordering::Relaxed),
        _ => note(),
    }
    started
}

/// Runs `work` on a thread of the pool, which avoids a handover for each of its parallel loops. Inside of a pool of the
/// caller's, it is that pool.
pub fn in_pool<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    if rayon::current_thread_index().is_none() {
        note();
        if is_forked() {
            return of_forked().install(work);
        }
    }
    rayon::scope(|_| work())
}

/// Whether this process was forked from one in which the threads of the global pool had started: they are not here, so work
/// that is given to that pool would never be done.
pub fn is_forked() -> bool {
    // other systems do not fork, and in a browser there is no process to ask for
    cfg!(unix) && ![0, std::process::id()].contains(&OWNER.load(Ordering::Relaxed))
}

/// Notes that the threads of the global pool are this process's, if they have not started before.
fn note() {
    if cfg!(unix) {
        let this = std::process::id();
        // a value other than 0 stays
        let _ = OWNER.compare_exchange(0, this, Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// The pool of this process, which was forked. It has as many threads as the one before, so that sums have the same last bits.
fn of_forked() -> &'static ThreadPool {
    let this = std::process::id();
    let mut forked = FORKED.lock().unwrap_or_else(PoisonError::into_inner);
    match *forked {
        Some((process, pool)) if process == this => pool,
        _ => {
            let threads = rayon::current_num_threads();
            let pool = ThreadPoolBuilder::new().num_threads(threads).build();
            let pool: &ThreadPool = Box::leak(Box::new(pool.expect("the system starts threads")));
            *forked = Some((this, pool));
            pool
        }
    }
}
