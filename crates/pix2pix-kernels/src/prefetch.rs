//! Requests for memory that is read soon.

/// Asks for the cache line of `values[index]` in the second-level cache. It may be beyond the end: a request reads nothing.
#[inline(always)]
pub fn prefetch<T>(values: &[T], index: usize) {
    let place = values.as_ptr().wrapping_add(index);
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a request neither reads nor writes memory that the program sees, at any address.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T1>(place.cast());
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as above.
    unsafe {
        std::arch::asm!("prfm pldl2keep, [{}]", in(reg) place, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = place;
}

/// Asks for all cache lines of `length` values from `values[start]`.
#[inline(always)]
pub fn prefetch_run<T>(values: &[T], start: usize, length: usize) {
    for index in (start..start + length).step_by(64 / size_of::<T>()) {
        prefetch(values, index);
    }
}
