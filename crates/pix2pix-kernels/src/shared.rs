//! A slice that the threads of a parallel loop write together.

use std::marker::PhantomData;
use std::ops::Range;

/// A mutable slice, divided among threads by the indices they use.
#[derive(Clone, Copy)]
pub struct Shared<'a, T> {
    start: *mut T,
    length: usize,
    borrowed: PhantomData<&'a mut [T]>,
}

// SAFETY: the slice is mutably borrowed for `'a`, and elements are reached by unsafe code alone, which keeps
// the threads' elements disjoint.
unsafe impl<T: Send> Send for Shared<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Shared<'_, T> {}

impl<'a, T> Shared<'a, T> {
    /// Shares a slice.
    pub fn new(slice: &'a mut [T]) -> Self {
        Self {
            start: slice.as_mut_ptr(),
            length: slice.len(),
            borrowed: PhantomData,
        }
    }

    /// The whole slice, as a pointer.
    pub fn as_ptr(&self) -> *mut [T] {
        std::ptr::slice_from_raw_parts_mut(self.start, self.length)
    }

    /// Some elements of the slice.
    ///
    /// # Panics
    /// If the range exceeds the slice.
    ///
    /// # Safety
    /// While the result is in use, nothing else may access these elements.
    #[allow(clippy::mut_from_ref)] // the caller keeps the parts disjoint
    #[inline(always)]
    pub unsafe fn part(&self, range: Range<usize>) -> &mut [T] {
        assert!(
            range.start <= range.end && range.end <= self.length,
            "the part is inside the slice"
        );
        // SAFETY: the assertion bounds the part; the caller keeps others from it.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
    }
}
