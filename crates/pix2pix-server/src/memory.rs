//! The memory that requests may take together.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes are counted in units of this many.
const UNIT: u64 = 1024;

/// The memory for bodies, pictures and results of all requests.
pub struct Memory {
    free: Arc<Semaphore>,
    /// All of it, in bytes.
    pub bytes: u64,
}

/// The part that a request holds; dropping it frees the part.
#[derive(Debug)]
pub struct Held {
    free: Arc<Semaphore>,
    units: OwnedSemaphorePermit,
}

impl Memory {
    /// Memory of this many bytes.
    pub fn new(bytes: u64) -> Self {
        Self {
            free: Arc::new(Semaphore::new((bytes / UNIT) as usize)),
            bytes,
        }
    }

    /// A part of 0 bytes.
    pub fn held(&self) -> Held {
        let none = self.free.clone().try_acquire_many_owned(0);
        Held {
            free: self.free.clone(),
            units: none.expect("nothing is always free"),
        }
    }
}

impl Held {
    /// Grows to `bytes`, and returns whether that much is free. It never shrinks here.
    #[must_use]
    pub fn grow_to(&mut self, bytes: u64) -> bool {
        let more = bytes
            .div_ceil(UNIT)
            .saturating_sub(self.units.num_permits() as u64);
        let Ok(more) = u32::try_from(more) else {
            return false;
        };
        match self.free.clone().try_acquire_many_owned(more) {
            Ok(more) => {
                self.units.merge(more);
                true
            }
            Err(_) => false,
        }
    }

    /// Frees what is held beyond `bytes`.
    pub fn shrink_to(&mut self, bytes: u64) {
        let over = (self.units.num_permits() as u64).saturating_sub(bytes.div_ceil(UNIT));
        drop(self.units.split(over as usize));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_held_than_there_is() {
        let memory = Memory::new(10 * UNIT);
        let (mut one, mut two) = (memory.held(), memory.held());
        assert!(one.grow_to(6 * UNIT) && two.grow_to(4 * UNIT));
        assert!(!two.grow_to(5 * UNIT) && !two.grow_to(u64::MAX));
        one.shrink_to(5 * UNIT);
        assert!(two.grow_to(5 * UNIT) && !one.grow_to(6 * UNIT));
        drop(two);
        assert!(one.grow_to(10 * UNIT));
    }
}
