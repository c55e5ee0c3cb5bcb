//! WebAssembly's SIMD128. A vector is four registers of four values.
//!
//! Its values prove nothing: where the instructions are missing, a module that has them is refused as a whole. So they are
//! WebAssembly's baseline. As in that of other targets, products are not fused with sums; relaxed SIMD, which can fuse them,
//! made a picture only 4% faster.

use std::arch::wasm32::*;

use super::{COLUMNS, Factor, Simd, Task, single_words};
use crate::lanes::{LANES, Lanes};
use crate::scratch::Scratch;

/// SIMD128. `ROUND`: factors are rounded to bfloat16.
#[derive(Clone, Copy)]
pub struct Simd128<const ROUND: bool>;

/// A vector.
#[derive(Clone, Copy)]
pub struct Quad([v128; 4]);

impl Quad {
    #[inline(always)]
    fn read(from: &[f32; LANES]) -> Self {
        let from = from.as_ptr().cast::<v128>();
        // SAFETY: the array has four times four values.
        unsafe {
            Self([
                v128_load(from),
                v128_load(from.add(1)),
                v128_load(from.add(2)),
                v128_load(from.add(3)),
            ])
        }
    }

    #[inline(always)]
    fn array(self) -> [f32; LANES] {
        let mut values = [0.0; LANES];
        self.store(&mut values);
        values
    }
}

impl Lanes for Quad {
    #[inline(always)]
    fn store(self, to: &mut [f32; LANES]) {
        let to = to.as_mut_ptr().cast::<v128>();
        for quarter in 0..4 {
            // SAFETY: the array has four times four values.
            unsafe { v128_store(to.add(quarter), self.0[quarter]) };
        }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        let (a, b) = (self.0, other.0);
        Self([
            f32x4_add(a[0], b[0]),
            f32x4_add(a[1], b[1]),
            f32x4_add(a[2], b[2]),
            f32x4_add(a[3], b[3]),
        ])
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        let (a, b) = (self.0, other.0);
        Self([
            f32x4_sub(a[0], b[0]),
            f32x4_sub(a[1], b[1]),
            f32x4_sub(a[2], b[2]),
            f32x4_sub(a[3], b[3]),
        ])
    }

    #[inline(always)]
    fn scale(self, factor: f32) -> Self {
        let (a, factor) = (self.0, f32x4_splat(factor));
        Self([
            f32x4_mul(a[0], factor),
            f32x4_mul(a[1], factor),
            f32x4_mul(a[2], factor),
            f32x4_mul(a[3], factor),
        ])
    }

    #[inline(always)]
    fn transpose(rows: [Self; LANES]) -> [Self; LANES] {
        let mut columns = rows;
        for quarter in 0..4 {
            for block in 0..4 {
                // a square of 4x4 values
                let [a, b, c, d] = [0, 1, 2, 3].map(
                    #[inline(always)]
                    |row| rows[4 * block + row].0[quarter],
                );
                let (ab, cd) = (
                    i32x4_shuffle::<0, 4, 1, 5>(a, b),
                    i32x4_shuffle::<0, 4, 1, 5>(c, d),
                );
                columns[4 * quarter].0[block] = i64x2_shuffle::<0, 2>(ab, cd);
                columns[4 * quarter + 1].0[block] = i64x2_shuffle::<1, 3>(ab, cd);
                let (ab, cd) = (
                    i32x4_shuffle::<2, 6, 3, 7>(a, b),
                    i32x4_shuffle::<2, 6, 3, 7>(c, d),
                );
                columns[4 * quarter + 2].0[block] = i64x2_shuffle::<0, 2>(ab, cd);
                columns[4 * quarter + 3].0[block] = i64x2_shuffle::<1, 3>(ab, cd);
            }
        }
        columns
    }
}

/// Columns that are computed at once: with the rows of a block, as much as 16 registers hold.
const PART: usize = 8;
/// Steps between two ends of the loop.
const UNROLLED: usize = 4;

/// Adds some steps to the sums of [`PART`] columns.
///
/// # Safety
/// As for [`Simd::block`].
#[inline(always)]
unsafe fn add_steps<const R: usize>(count: usize, a: Factor, b: Factor, sums: &mut [[v128; 2]; R]) {
    for step in 0..count {
        // SAFETY: the caller promises that these elements are inside the arrays.
        unsafe {
            let right = b.start.add(step * b.step).cast::<v128>();
            let right = [v128_load(right), v128_load(right.add(1))];
            for row in 0..R {
                let left = v128_load32_splat(a.start.add(row * a.row + step * a.step));
                sums[row][0] = f32x4_add(sums[row][0], f32x4_mul(left, right[0]));
                sums[row][1] = f32x4_add(sums[row][1], f32x4_mul(left, right[1]));
            }
        }
    }
}

impl<const ROUND: bool> Simd for Simd128<ROUND> {
    type Lanes = Quad;
    const ROWS: usize = 4;
    const VALUES: usize = 1;

    fn launch<T: Task>(self, task: T, scratch: &mut Scratch) {
        #[target_feature(enable = "simd128")]
        fn launched<M: Simd, T: Task>(simd: M, task: T, scratch: &mut Scratch) {
            task.run(simd, scratch);
        }
        launched(self, task, scratch);
    }

    #[inline(always)]
    fn zero(self) -> Quad {
        Quad([f32x4_splat(0.0); 4])
    }

    #[inline(always)]
    fn load(self, from: &[f32; LANES]) -> Quad {
        Quad::read(from)
    }

    #[inline(always)]
    fn words(self, first: Self::Lanes, _second: Self::Lanes) -> [u32; LANES] {
        single_words::<ROUND>(first.array())
    }

    #[inline(always)]
    fn row_words(self, row: Self::Lanes) -> [u32; LANES] {
        single_words::<ROUND>(row.array())
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
        for part in (0..COLUMNS).step_by(PART) {
            let mut sums = [[f32x4_splat(0.0); 2]; R];
            // SAFETY: the caller promises that all elements are inside the arrays.
            unsafe {
                let (mut left, mut right) = (a, b);
                right.start = right.start.add(part);
                let mut rest = steps;
                // constant strides become constant offsets of the loads
                if a.step == 1 && b.step == COLUMNS {
                    (left.step, right.step) = (1, COLUMNS);
                    while rest >= UNROLLED {
                        add_steps(UNROLLED, left, right, &mut sums);
                        left.start = left.start.add(UNROLLED);
                        right.start = right.start.add(UNROLLED * COLUMNS);
                        rest -= UNROLLED;
                    }
                }
                add_steps(rest, left, right, &mut sums);
                for (row, sums) in sums.into_iter().enumerate() {
                    let to = c.add(row * c_row + part).cast::<v128>();
                    for (half, mut sum) in sums.into_iter().enumerate() {
                        if add {
                            sum = f32x4_add(sum, v128_load(to.add(half)));
                        }
                        v128_store(to.add(half), sum);
                    }
                }
            }
        }
    }
}
