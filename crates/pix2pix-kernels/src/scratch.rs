//! Memory that a thread keeps from job to job.

use std::cell::RefCell;

use crate::machine::LANES;

/// A thread's scratch memory. What it holds at the start of a job is left over from earlier ones.
#[derive(Default)]
pub struct Scratch {
    floats: Vec<f32>,
    words: Vec<u32>,
    band: Vec<[f32; LANES]>,
}

impl Scratch {
    /// So many numbers, words and vectors, whatever they are.
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

/// Calls `job` with this thread's scratch memory. A job starts no parallel loop: while it waited, its
/// thread could take another job.
pub fn with_scratch<T>(job: impl FnOnce(&mut Scratch) -> T) -> T {
    thread_local! {
        static SCRATCH: RefCell<Scratch> = RefCell::default();
    }
    SCRATCH.with_borrow_mut(job)
}

/// Calls `work` with words that this thread keeps for its next call; `work` may start parallel loops.
pub fn with_words<T>(lengths: [usize; 2], work: impl FnOnce([&mut [u32]; 2]) -> T) -> T {
    thread_local! {
        static WORDS: RefCell<[Vec<u32>; 2]> = RefCell::default();
    }
    // taken out, not borrowed: a job of another convolution may run on this thread meanwhile
    let mut words = WORDS.take();
    for (words, length) in words.iter_mut().zip(lengths) {
        grow(words, length, 0);
    }
    let [first, second] = &mut words;
    let result = work([&mut first[..lengths[0]], &mut second[..lengths[1]]]);
    WORDS.set(words);
    result
}
