//! Memory that a thread keeps between tasks.

use std::cell::RefCell;

use crate::lanes::LANES;

/// A thread's scratch memory. A task finds the values of earlier tasks in it.
#[derive(Default)]
pub struct Scratch {
    floats: Vec<f32>,
    words: Vec<u32>,
    band: Vec<[f32; LANES]>,
}

impl Scratch {
    /// Borrows `floats` numbers, `words` words and `band` vectors, with arbitrary values.
    pub fn take(
        &mut self,
        floats: usize,
        words: usize,
        band: usize,
    ) -> (&mut [f32], &mut [u32], &mut [[f32; LANES]]) {
        grow(&mut self.floats, floats, 0.0);
        grow(&mut self.words, words, 0);
        grow(&mut self.band, band, [0.0; LANES]);
        (
            &mut self.floats[..floats],
            &mut self.words[..words],
            &mut self.band[..band],
        )
    }
}

fn grow<T: Clone>(memory: &mut Vec<T>, length: usize, value: T) {
    if memory.len() < length {
        memory.resize(length, value);
    }
}

/// Calls `task` with this thread's scratch memory. `task` must not start a parallel loop: while it waits, its
/// thread could start another task, which would find the memory borrowed and panic.
pub fn with_scratch<T>(task: impl FnOnce(&mut Scratch) -> T) -> T {
    thread_local! {
        static SCRATCH: RefCell<Scratch> = RefCell::default();
    }
    SCRATCH.with_borrow_mut(task)
}

/// Calls `work` with two slices of words, of arbitrary values, that this thread keeps for its next call.
/// `work` may start parallel loops.
pub fn with_words<T>(lengths: [usize; 2], work: impl FnOnce([&mut [u32]; 2]) -> T) -> T {
    thread_local! {
        static WORDS: RefCell<[Vec<u32>; 2]> = RefCell::default();
    }
    // taken out, not borrowed: another convolution may start on this thread while `work` waits
    let mut words = WORDS.take();
    for (words, length) in words.iter_mut().zip(lengths) {
        grow(words, length, 0);
    }
    let [first, second] = &mut words;
    let result = work([&mut first[..lengths[0]], &mut second[..lengths[1]]]);
    WORDS.set(words);
    result
}
