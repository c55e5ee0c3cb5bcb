//! Limits of devices.

/// Largest number of CPU threads that compute, or that load pairs.
pub(crate) const MOST_THREADS: usize = 4096;

/// Largest number of values of a tensor on a card: kernels number them with 32 bits, and up to a tile beyond the last one.
pub(crate) const MOST_VALUES: u64 = (1 << 32) - (1 << 16);
