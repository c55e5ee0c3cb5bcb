//! The matrix product, one thread: a safe wrapper of the `gemm` crate.

use crate::shared::Shared;
use gemm::Parallelism;

/// Where a matrix lies in a slice: element (row, column) at `offset + row * rows + column * columns`.
#[derive(Clone, Copy)]
pub struct Layout {
    /// Place of the first element.
    pub offset: usize,
    /// Distance of two neighbouring rows.
    pub rows: usize,
    /// Distance of two neighbouring columns.
    pub columns: usize,
}

impl Layout {
    /// The place after the last element of a matrix of `rows` x `columns`.
    fn end(&self, rows: usize, columns: usize) -> usize {
        self.offset + (rows - 1) * self.rows + (columns - 1) * self.columns + 1
    }
}

/// `c (+)= a b` for a `[m, n, k]` product: `a` is m x k, `b` k x n, `c` m x n. With `add` the product
/// is added to what `c` holds.
///
/// # Safety
/// No other thread may read or write the elements of `c` at the same time, and the slice that `c`
/// shares must be alive.
pub unsafe fn multiply(
    [m, n, k]: [usize; 3],
    (a, a_layout): (&[f32], Layout),
    (b, b_layout): (&[f32], Layout),
    (c, c_layout): (Shared<f32>, Layout),
    add: bool,
) {
    if m == 0 || n == 0 || k == 0 {
        return;
    }
    assert!(
        a_layout.end(m, k) <= a.len(),
        "the left matrix is inside its slice"
    );
    assert!(
        b_layout.end(k, n) <= b.len(),
        "the right matrix is inside its slice"
    );
    assert!(
        c_layout.end(m, n) <= c.len(),
        "the product is inside its slice"
    );
    // SAFETY: the assertions above bound every element of all three matrices, since strides are not
    // negative and the last element is the farthest; the caller keeps others from `c`.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c.start().add(c_layout.offset),
            c_layout.columns as isize,
            c_layout.rows as isize,
            add,
            a.as_ptr().add(a_layout.offset),
            a_layout.columns as isize,
            a_layout.rows as isize,
            b.as_ptr().add(b_layout.offset),
            b_layout.columns as isize,
            b_layout.rows as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}
