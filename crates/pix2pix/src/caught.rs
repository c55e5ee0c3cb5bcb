//! Panics of other people's code as errors: decoders and Burn report some failures by a panic.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

thread_local! {
    /// Number of callers on this thread that expect a panic.
    static HERE: Cell<usize> = const { Cell::new(0) };
}

/// Number of callers that expect a panic on any thread.
static ANYWHERE: AtomicUsize = AtomicUsize::new(0);

/// Runs `work`, and returns the message of a panic on this thread as the error. The caller reports it, so the panic
/// prints nothing.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    HERE.set(HERE.get() + 1);
    let done = quietly(work);
    HERE.set(HERE.get() - 1);
    done
}

/// As [`caught`], for work that is done on other threads too and passes their panics on.
pub(crate) fn caught_anywhere<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    ANYWHERE.fetch_add(1, Ordering::Relaxed);
    let done = quietly(work);
    ANYWHERE.fetch_sub(1, Ordering::Relaxed);
    done
}

/// Runs `work` with a hook before the program's own, which leaves out expected panics.
fn quietly<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let hook = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if HERE.get() == 0 && ANYWHERE.load(Ordering::Relaxed) == 0 {
                hook(panic);
            }
        }));
    });
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        let said = payload.downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| payload.downcast_ref::<&str>().copied());
        said.unwrap_or("it failed").to_string()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_with_its_message() {
        assert_eq!(caught(|| 3), Ok(3));
        let said: Result<(), _> = caught(|| panic!("on purpose"));
        assert_eq!(said, Err("on purpose".to_string()));
        let number = 7;
        let said: Result<(), _> = caught_anywhere(|| rayon::scope(|_| panic!("number {number}")));
        assert_eq!(said, Err("number 7".to_string()));
    }
}
