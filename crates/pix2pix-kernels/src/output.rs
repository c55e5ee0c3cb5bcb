//! Output memory that kernels initialize.
//!
//! Clearing an output first can take as long as the kernel itself. A kernel that overwrites its whole output
//! therefore takes `&mut [MaybeUninit<f32>]` and returns the same memory as `&mut [f32]`: the return value
//! proves that every element is initialized.

use std::mem::MaybeUninit;

/// Allocates `length` values for `fill` to initialize.
///
/// # Panics
/// If `fill` returns other memory than it was given.
pub fn filled(length: usize, fill: impl FnOnce(&mut [MaybeUninit<f32>]) -> &mut [f32]) -> Vec<f32> {
    let mut memory = Box::new_uninit_slice(length);
    let start = memory.as_ptr().cast();
    let filled = fill(&mut memory);
    assert!(
        std::ptr::eq(filled.as_ptr(), start) && filled.len() == length,
        "fill returns the memory it was given"
    );
    // SAFETY: `filled` is all of this memory as `&mut [f32]`, so it is initialized.
    unsafe { memory.assume_init() }.into_vec()
}

/// Overwrites `memory` by a kernel. If `fill` panics, the memory is all zeros.
///
/// # Panics
/// If `fill` returns other memory than it was given.
pub fn refilled(memory: &mut [f32], fill: impl FnOnce(&mut [MaybeUninit<f32>]) -> &mut [f32]) {
    let (start, length) = (memory.as_mut_ptr(), memory.len());
    let unfinished = Unfinished { start, length };
    // SAFETY: the types have the same layout. What `fill` returns is all of the memory as initialized; if it returns
    // nothing or another part, `unfinished` initializes the memory.
    let unwritten = unsafe { std::slice::from_raw_parts_mut(start.cast(), length) };
    let filled = fill(unwritten);
    assert!(
        std::ptr::eq(filled.as_ptr(), start) && filled.len() == length,
        "fill returns the memory it was given"
    );
    std::mem::forget(unfinished);
}

/// Memory that may have uninitialized values. It is zeroed when dropped.
struct Unfinished {
    start: *mut f32,
    length: usize,
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // SAFETY: it is the memory that `refilled` borrows, and the slice that `fill` had is gone.
        unsafe { self.start.write_bytes(0, self.length) };
    }
}

/// Sets every element to zero.
pub fn zeroed(memory: &mut [MaybeUninit<f32>]) -> &mut [f32] {
    memory.fill(MaybeUninit::new(0.0));
    // SAFETY: every element has just been written.
    unsafe { memory.assume_init_mut() }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn filled_memory_keeps_its_values() {
        assert_eq!(filled(3, |memory| zeroed(memory)), [0.0; 3]);
        assert_eq!(filled(0, |memory| zeroed(memory)), []);
    }

    #[test]
    #[should_panic(expected = "fill returns the memory it was given")]
    fn a_part_does_not_pass_for_the_whole() {
        filled(3, |memory| zeroed(&mut memory[..2]));
    }

    #[test]
    #[cfg_attr(panic = "abort", ignore = "nothing runs after a panic")]
    fn no_value_stays_uninitialized_after_a_panic() {
        let mut memory = [1.0; 3];
        let failed = catch_unwind(AssertUnwindSafe(|| {
            refilled(&mut memory, |memory| {
                memory[0] = MaybeUninit::uninit();
                panic!("on purpose")
            });
        }));
        assert!(failed.is_err());
        assert_eq!(memory, [0.0; 3]);
    }

    #[test]
    fn memory_is_filled_again() {
        let mut memory = [1.0; 3];
        refilled(&mut memory, |memory| zeroed(memory));
        assert_eq!(memory, [0.0; 3]);
    }

    #[test]
    #[should_panic(expected = "fill returns the memory it was given")]
    fn other_memory_does_not_pass_for_the_whole() {
        filled(3, |_| vec![0.0; 3].leak());
    }
}
