//! The matrix product, one thread: a safe wrapper of the `gemm` crate.

use std::cell::RefCell;
use std::ops::Range;

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

/// A matrix that several threads write, each its own elements.
#[derive(Clone, Copy)]
pub struct Shared {
    start: *mut f32,
    length: usize,
}

// SAFETY: the pointer comes from a `&mut [f32]` that `Shared::new`'s caller borrows for as long as its
// threads run; what they write through it is bounds-checked and, as `multiply` and `part` demand,
// disjoint.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    /// Shares a slice among the threads of one parallel loop, which must end before the slice is used
    /// again.
    pub fn new(slice: &mut [f32]) -> Self {
        Self {
            start: slice.as_mut_ptr(),
            length: slice.len(),
        }
    }

    /// A part of the slice.
    ///
    /// # Safety
    /// No other thread may use this part at the same time, and the slice must be alive as long as the
    /// part is used.
    #[allow(clippy::mut_from_ref)] // parts of different threads do not overlap, as demanded above
    pub unsafe fn part(&self, range: Range<usize>) -> &mut [f32] {
        assert!(
            range.start <= range.end && range.end <= self.length,
            "the part is inside the slice"
        );
        // SAFETY: the assertion bounds the part; the caller keeps others from it.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
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
    (c, c_layout): (Shared, Layout),
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
        c_layout.end(m, n) <= c.length,
        "the product is inside its slice"
    );
    // SAFETY: the assertions above bound every element of all three matrices, since strides are not
    // negative and the last element is the farthest; the caller keeps others from `c`.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c.start.add(c_layout.offset),
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

/// Calls `work` with this thread's scratch memory of `length` values, whatever they are.
pub fn with_scratch<T>(length: usize, work: impl FnOnce(&mut [f32]) -> T) -> T {
    thread_local! {
        static SCRATCH: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
    }
    SCRATCH.with_borrow_mut(|scratch| {
        if scratch.len() < length {
            scratch.resize(length, 0.0);
        }
        work(&mut scratch[..length])
    })
}
