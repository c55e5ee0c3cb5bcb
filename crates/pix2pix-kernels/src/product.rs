//! The matrix product: any number of rows by [`COLUMNS`] columns, block by block.

use crate::simd::{COLUMNS, Factor, Simd};

/// Strides of the left factor.
#[derive(Clone, Copy, Debug)]
pub struct Strides {
    /// Words from row to row.
    pub row: usize,
    /// Words from step to step of the sum.
    pub step: usize,
}

/// Writes the product of `a` (`rows` x `steps` words) and `b` (`steps` x [`COLUMNS`] words) to `c` (`rows` x
/// [`COLUMNS`] values), or adds it if `add`. Rows of `b` are `b_step` words apart, those of `c` `c_row` values.
///
/// # Panics
/// If a matrix exceeds its slice, or if `steps` is 0 without `add`.
#[inline(always)]
pub fn product<M: Simd>(
    simd: M,
    [rows, steps]: [usize; 2],
    (a, a_strides): (&[u32], Strides),
    (b, b_step): (&[u32], usize),
    (c, c_row): (&mut [f32], usize),
    add: bool,
) {
    if rows == 0 || steps == 0 {
        assert!(add || rows == 0, "an empty sum has nothing to write");
        return;
    }
    let end = (rows - 1) * a_strides.row + (steps - 1) * a_strides.step;
    assert!(end < a.len(), "the left matrix is inside its slice");
    let end = (steps - 1) * b_step + COLUMNS;
    assert!(end <= b.len(), "the right matrix is inside its slice");
    let end = (rows - 1) * c_row + COLUMNS;
    assert!(end <= c.len(), "the product is inside its slice");
    // blocks of nearly equal height: a low block is the least efficient
    let blocks = rows.div_ceil(M::ROWS);
    let (height, higher) = (rows / blocks, rows % blocks);
    let mut row = 0;
    for block in 0..blocks {
        let height = height + usize::from(block < higher);
        let a = Factor {
            start: a[row * a_strides.row..].as_ptr(),
            row: a_strides.row,
            step: a_strides.step,
        };
        let b = Factor {
            start: b.as_ptr(),
            row: 0,
            step: b_step,
        };
        let c = c[row * c_row..].as_mut_ptr();
        // SAFETY: the assertions above bound the last element of each matrix, which has the largest index; `c`
        // is borrowed mutably. The guards keep higher blocks than an instruction set has out of the program.
        unsafe {
            match height {
                1 => simd.block::<1>(steps, a, b, c, c_row, add),
                2 if M::ROWS >= 2 => simd.block::<2>(steps, a, b, c, c_row, add),
                3 if M::ROWS >= 3 => simd.block::<3>(steps, a, b, c, c_row, add),
                4 if M::ROWS >= 4 => simd.block::<4>(steps, a, b, c, c_row, add),
                5 if M::ROWS >= 5 => simd.block::<5>(steps, a, b, c, c_row, add),
                6 if M::ROWS >= 6 => simd.block::<6>(steps, a, b, c, c_row, add),
                7 if M::ROWS >= 7 => simd.block::<7>(steps, a, b, c, c_row, add),
                8 if M::ROWS >= 8 => simd.block::<8>(steps, a, b, c, c_row, add),
                9 if M::ROWS >= 9 => simd.block::<9>(steps, a, b, c, c_row, add),
                10 if M::ROWS >= 10 => simd.block::<10>(steps, a, b, c, c_row, add),
                11 if M::ROWS >= 11 => simd.block::<11>(steps, a, b, c, c_row, add),
                12 if M::ROWS >= 12 => simd.block::<12>(steps, a, b, c, c_row, add),
                _ => unreachable!("no instruction set has blocks that high"),
            }
        }
        row += height;
    }
}
