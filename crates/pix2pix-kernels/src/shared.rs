//! A slice that the threads of one parallel loop write together, each its own part.

use std::marker::PhantomData;
use std::ops::Range;

/// A slice that several threads write, each its own elements.
#[derive(Clone, Copy)]
pub struct Shared<'a, T> {
    start: *mut T,
    length: usize,
    borrowed: PhantomData<&'a mut [T]>,
}

// SAFETY: the pointer comes from a `&'a mut [T]` that is borrowed for as long as this exists; what is
// reached through it is bounds-checked and, as `part` demands, disjoint.
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

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.length
    }

    /// The first element's place.
    pub fn start(&self) -> *mut T {
        self.start
    }

    /// A part of the slice.
    ///
    /// # Safety
    /// Nothing else may use this part as long as it is in use.
    #[allow(clippy::mut_from_ref)] // parts of different threads do not overlap, as demanded above
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
