//! Dropout: values are set to zero at random, and the others scaled so that the expectation stays the same.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use crate::philox::philox;

/// Values that share a call of the generator: four words, of which each decides on two.
const TOGETHER: u64 = 8;
/// Values of a task; divisible by [`TOGETHER`].
const CHUNK: usize = 1 << 14;

/// Which values are dropped: a part of a sequence of random decisions, which depends on nothing but these numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    /// The key of the generator.
    pub seed: u64,
    /// The number of the sequence under this seed.
    pub stream: u64,
    /// The place of the first value in the sequence.
    pub first: u64,
    /// Values that are dropped, of 65,536.
    pub dropped: u32,
    /// The factor of the others.
    pub scale: f32,
}

impl Dropout {
    /// Dropout at a `rate` below 1, rounded to 1/65536: a rate of one half is exact. The scale is that of the rounded rate, so
    /// that the expectation stays the same.
    pub fn new(seed: u64, stream: u64, first: u64, rate: f64) -> Self {
        let dropped = (rate * 65536.0).round();
        Self {
            seed,
            stream,
            first,
            dropped: dropped as u32,
            scale: (65536.0 / (65536.0 - dropped)) as f32,
        }
    }

    /// The factors of the values from `TOGETHER * block` on.
    fn factors(&self, block: u64) -> [f32; TOGETHER as usize] {
        let [stream, seed] = [self.stream, self.seed].map(halves);
        let [low, high] = halves(block);
        let words = philox([low, high, stream[0], stream[1]], seed);
        std::array::from_fn(|index| {
            let word = words[index / 2];
            let number = if index % 2 == 0 {
                word & 0xffff
            } else {
                word >> 16
            };
            if number < self.dropped {
                0.0
            } else {
                self.scale
            }
        })
    }
}

fn halves(number: u64) -> [u32; 2] {
    [number as u32, (number >> 32) as u32]
}

/// Applies dropout to `input`. The gradient of the input is the dropout of the output's gradient.
///
/// # Panics
/// If the slices differ in length.
pub fn dropout<'a>(
    dropout: &Dropout,
    input: &[f32],
    output: &'a mut [MaybeUninit<f32>],
) -> &'a mut [f32] {
    assert_eq!(input.len(), output.len());
    let tasks = input.par_chunks(CHUNK).zip(output.par_chunks_mut(CHUNK));
    tasks.enumerate().for_each(|(task, (input, output))| {
        let first = dropout.first + (task * CHUNK) as u64;
        let mut factors = dropout.factors(first / TOGETHER);
        for (place, (output, input)) in (first..).zip(output.iter_mut().zip(input)) {
            let index = place % TOGETHER;
            if index == 0 {
                factors = dropout.factors(place / TOGETHER);
            }
            output.write(input * factors[index as usize]);
        }
    });
    // SAFETY: the chunks cover the output, and each task writes all of its chunk.
    unsafe { output.assume_init_mut() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filled;

    fn of_ones(first: u64, length: usize) -> Vec<f32> {
        let mask = Dropout::new(7, 3, first, 0.5);
        filled(length, |output| dropout(&mask, &vec![1.0; length], output))
    }

    /// The first words of the generator by hand: 16 bits a value, the low half first.
    #[test]
    fn bits_decide() {
        let mask = Dropout::new(0, 0, 0, 0.5);
        let found = filled(8, |output| dropout(&mask, &[1.0; 8], output));
        // words 6627e8d5 e169c58d bc57ac4c 9b00dbd8: a number below 8000 is dropped
        assert_eq!(found, [2.0, 0.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0]);
    }

    /// Of 65536 numbers, as many as are kept times the scale are 65536.
    #[test]
    fn the_expectation_stays() {
        for rate in [0.0, 1e-9, 0.1, 0.5, 0.9, 0.9999, 0.99999] {
            let mask = Dropout::new(0, 0, 0, rate);
            let sum = f64::from(65536 - mask.dropped) * f64::from(mask.scale);
            assert!((sum / 65536.0 - 1.0).abs() < 1e-7, "{rate}: {sum}");
        }
    }

    #[test]
    fn a_part_is_that_of_the_whole() {
        let whole = of_ones(0, 3 * CHUNK);
        for (first, length) in [(5, 40), (CHUNK + 3, CHUNK), (8, 0)] {
            assert_eq!(of_ones(first as u64, length), whole[first..first + length]);
        }
        let kept = whole.iter().filter(|&&x| x == 2.0).count();
        let expected = whole.len() / 2;
        // 5 standard deviations
        assert!(kept.abs_diff(expected) < 555, "{kept} of {}", whole.len());
    }
}
