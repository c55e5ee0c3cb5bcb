//! A matrix product of any number of rows, block by block.

use crate::machine::{COLUMNS, Factor, Machine};

/// Where a matrix lies in a slice: the distance of two rows and of two steps of the sum.
#[derive(Clone, Copy, Debug)]
pub struct Strides {
    /// From row to row.
    pub row: usize,
    /// From step to step.
    pub step: usize,
}

/// Writes, or with `add` adds, to the `rows` x [`COLUMNS`] values of `c`, whose rows are `c_row` apart,
/// the product of `a` and `b` over `steps` words; the rows of `b` are `b_step` apart.
#[inline(always)]
pub fn product<M: Machine>(
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
    // blocks of nearly the same height: a low last one would waste the most
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
        // SAFETY: the assertions above bound the last element of all three matrices, which is the
        // farthest; `c` is borrowed mutably.
        unsafe {
            match height {
                1 => M::block::<1>(steps, a, b, c, c_row, add),
                2 => M::block::<2>(steps, a, b, c, c_row, add),
                3 => M::block::<3>(steps, a, b, c, c_row, add),
                4 => M::block::<4>(steps, a, b, c, c_row, add),
                5 => M::block::<5>(steps, a, b, c, c_row, add),
                6 => M::block::<6>(steps, a, b, c, c_row, add),
                7 => M::block::<7>(steps, a, b, c, c_row, add),
                8 => M::block::<8>(steps, a, b, c, c_row, add),
                9 => M::block::<9>(steps, a, b, c, c_row, add),
                10 => M::block::<10>(steps, a, b, c, c_row, add),
                11 => M::block::<11>(steps, a, b, c, c_row, add),
                12 => M::block::<12>(steps, a, b, c, c_row, add),
                _ => unreachable!("no machine has blocks that high"),
            }
        }
        row += height;
    }
}
