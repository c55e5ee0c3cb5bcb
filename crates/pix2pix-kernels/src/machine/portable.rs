//! What every processor has: arrays and loops, which the compiler vectorizes as far as it can.

use super::{COLUMNS, Factor, Job, LANES, Lanes, Machine, bf16_bits};
use crate::scratch::Scratch;

/// No special instructions. `ROUND`: factors are rounded to bfloat16.
#[derive(Clone, Copy)]
pub struct Portable<const ROUND: bool>;

impl Lanes for [f32; LANES] {
    #[inline(always)]
    fn zero() -> Self {
        [0.0; LANES]
    }

    #[inline(always)]
    fn load(from: &[f32; LANES]) -> Self {
        *from
    }

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
    fn transpose(rows: [Self; LANES]) -> [Self; LANES] {
        std::array::from_fn(|column| std::array::from_fn(|row| rows[row][column]))
    }
}

/// The words of values that are stored as f32, rounded to bfloat16 or not.
#[inline(always)]
pub fn single_words<const ROUND: bool>(values: [f32; LANES]) -> [u32; LANES] {
    values.map(|x| if ROUND { bf16_bits(x) } else { x.to_bits() })
}

impl<const ROUND: bool> Machine for Portable<ROUND> {
    type Lanes = [f32; LANES];
    const ROWS: usize = 2;
    const VALUES: usize = 1;

    fn launch<J: Job>(job: J, scratch: &mut Scratch) {
        job.run::<Self>(scratch);
    }

    #[inline(always)]
    fn words(first: Self::Lanes, _second: Self::Lanes) -> [u32; LANES] {
        single_words::<ROUND>(first)
    }

    #[inline(always)]
    fn row_words(row: Self::Lanes) -> [u32; LANES] {
        single_words::<ROUND>(row)
    }

    #[inline(always)]
    unsafe fn block<const R: usize>(
        steps: usize,
        a: Factor,
        b: Factor,
        c: *mut f32,
        c_row: usize,
        add: bool,
    ) {
        // a quarter of the columns at a time stays in 128-bit registers
        const PART: usize = COLUMNS / 4;
        for part in (0..COLUMNS).step_by(PART) {
            let mut sums = [[0.0f32; PART]; R];
            for step in 0..steps {
                // SAFETY: the caller promises that these places are inside the arrays.
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
