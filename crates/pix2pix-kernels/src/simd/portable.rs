//! Instructions of every processor: arrays and loops, which the compiler vectorizes for the target's baseline.

use super::{COLUMNS, Factor, Simd, Task};
use crate::bf16::{Bf16, bf16_bits};
use crate::lanes::{LANES, Lanes};
use crate::scratch::Scratch;

/// The target's baseline. `ROUND`: factors are rounded to bfloat16.
#[derive(Clone, Copy)]
pub struct Portable<const ROUND: bool>;

impl Lanes for [f32; LANES] {
    #[inline(always)]
    fn store(self, to: &mut [f32; LANES]) {
        *to = self;
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        std::array::from_fn(|i| self[i] + other[i])
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        std::array::from_fn(|i| self[i] - other[i])
    }

    #[inline(always)]
    fn scale(self, factor: f32) -> Self {
        self.map(|x| x * factor)
    }

    #[inline(always)]
    fn add_scaled(self, other: Self, factor: f32) -> Self {
        std::array::from_fn(|i| self[i] + other[i] * factor)
    }

    #[inline(always)]
    fn multiply_add(self, a: Self, b: Self) -> Self {
        std::array::from_fn(|i| self[i] + a[i] * b[i])
    }

    #[inline(always)]
    fn transpose(rows: [Self; LANES]) -> [Self; LANES] {
        std::array::from_fn(|column| std::array::from_fn(|row| rows[row][column]))
    }
}

/// The words of values that are stored as f32: with `ROUND`, rounded to bfloat16.
#[inline(always)]
pub fn single_words<const ROUND: bool>(values: [f32; LANES]) -> [u32; LANES] {
    let mut words = [0; LANES];
    for (word, value) in words.iter_mut().zip(values) {
        *word = if ROUND {
            bf16_bits(value)
        } else {
            value.to_bits()
        };
    }
    words
}

impl<const ROUND: bool> Simd for Portable<ROUND> {
    type Lanes = [f32; LANES];
    const ROWS: usize = 2;
    const VALUES: usize = 1;

    fn launch<T: Task>(self, task: T, scratch: &mut Scratch) {
        task.run(self, scratch);
    }

    #[inline(always)]
    fn zero(self) -> Self::Lanes {
        [0.0; LANES]
    }

    #[inline(always)]
    fn load(self, from: &[f32; LANES]) -> Self::Lanes {
        *from
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Self::Lanes {
        [value; LANES]
    }

    #[inline(always)]
    fn load_bf16(self, from: &[Bf16; LANES]) -> Self::Lanes {
        from.map(f32::from)
    }

    #[inline(always)]
    fn words(self, first: Self::Lanes, _second: Self::Lanes) -> [u32; LANES] {
        single_words::<ROUND>(first)
    }

    #[inline(always)]
    fn row_words(self, row: Self::Lanes) -> [u32; LANES] {
        single_words::<ROUND>(row)
    }

    #[inline(always)]
    unsafe fn block<const R: usize>(
        self,
        steps: usize,
        a: Factor,
        b: Factor,
        c: *mut f32,
        c_row: usize,
        add: bool,
    ) {
        // a quarter of the columns at a time fits 128-bit registers
        const PART: usize = COLUMNS / 4;
        for part in (0..COLUMNS).step_by(PART) {
            let mut sums = [[0.0f32; PART]; R];
            for step in 0..steps {
                // SAFETY: the caller promises that these elements are inside the arrays.
                let right = unsafe { *b.start.add(step * b.step + part).cast::<[f32; PART]>() };
                for (row, sums) in sums.iter_mut().enumerate() {
                    // SAFETY: as above.
                    let left = f32::from_bits(unsafe { *a.start.add(row * a.row + step * a.step) });
                    for (sum, right) in sums.iter_mut().zip(right) {
                        *sum += left * right;
                    }
                }
            }
            for (row, sums) in sums.into_iter().enumerate() {
                for (column, sum) in sums.into_iter().enumerate() {
                    // SAFETY: as above.
                    let to = unsafe { &mut *c.add(row * c_row + part + column) };
                    *to = if add { *to + sum } else { sum };
                }
            }
        }
    }
}
