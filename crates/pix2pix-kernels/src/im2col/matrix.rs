//! The matrix product on one thread.

use gemm_common::Parallelism;
#[cfg(target_arch = "x86_64")]
use gemm_common::{gemm::gemm_basic_generic, simd::MixedSimd, simd::V3};

#[cfg(target_arch = "x86_64")]
use crate::limit::Limit;
use crate::limit::limit;
#[cfg(target_arch = "x86_64")]
use crate::simd::Avx2;

/// Layout of a matrix in a slice: element (row, column) is at `offset + row * rows + column * columns`.
#[derive(Clone, Copy)]
pub struct Layout {
    /// Index of the first element.
    pub offset: usize,
    /// Elements from row to row.
    pub rows: usize,
    /// Elements from column to column.
    pub columns: usize,
}

impl Layout {
    fn index(&self, row: usize, column: usize) -> usize {
        self.offset + row * self.rows + column * self.columns
    }

    fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            ..self
        }
    }

    /// Whether a slice of `length` elements holds a matrix of `rows` x `columns`, neither of them 0.
    fn fits(&self, [rows, columns]: [usize; 2], length: usize) -> bool {
        self.index(rows - 1, columns - 1) < length
    }
}

/// Writes the product of `a` (m x k) and `b` (k x n) to all elements of `c` (m x n), or adds it if `add`.
///
/// # Panics
/// If a matrix exceeds its slice.
///
/// # Safety
/// `c` must be valid for writes, and its elements in the layout must be initialized if `add`. No other thread may
/// access them.
pub unsafe fn multiply(
    [m, n, k]: [usize; 3],
    (a, a_layout): (&[f32], Layout),
    (b, b_layout): (&[f32], Layout),
    (c, c_layout): (*mut [f32], Layout),
    add: bool,
) {
    if m == 0 || n == 0 {
        return;
    }
    let fits = |layout: Layout, size, length| k == 0 || layout.fits(size, length);
    assert!(fits(a_layout, [m, k], a.len()), "left matrix in its slice");
    assert!(fits(b_layout, [k, n], b.len()), "right matrix in its slice");
    assert!(c_layout.fits([m, n], c.len()), "product in its slice");
    let multiply = match limit() {
        #[cfg(target_arch = "x86_64")]
        None if has_few_columns(n, b_layout) && Avx2::<false>::detect().is_some() => with_avx2,
        None => gemm_f32::gemm::f32::get_gemm_fn(),
        #[cfg(target_arch = "x86_64")]
        Some(Limit::Avx2) => with_avx2,
        // SAFETY: the caller's promise is the same.
        Some(_) => unsafe {
            return in_order([m, n, k], (a, a_layout), (b, b_layout), (c, c_layout), add);
        },
    };
    // the product of the exchanged and transposed matrices is the transposed product; gemm's kernels write columns
    let ([m, n], (a, a_layout), (b, b_layout), c_layout) = match c_layout.columns < c_layout.rows {
        false => ([m, n], (a, a_layout), (b, b_layout), c_layout),
        true => (
            [n, m],
            (b, b_layout.transposed()),
            (a, a_layout.transposed()),
            c_layout.transposed(),
        ),
    };
    // an empty matrix may start anywhere
    let (a_start, b_start) = (a_layout.offset.min(a.len()), b_layout.offset.min(b.len()));
    // SAFETY: the assertions above bound every element of all three matrices: strides are not negative, so the last
    // element has the largest index. Without `add`, gemm writes all of `c` and reads none of it; the caller keeps
    // other threads from it.
    unsafe {
        multiply(
            m,
            n,
            k,
            c.cast::<f32>().add(c_layout.offset),
            c_layout.columns as isize,
            c_layout.rows as isize,
            add,
            a.as_ptr().add(a_start),
            a_layout.columns as isize,
            a_layout.rows as isize,
            b.as_ptr().add(b_start),
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

/// Whether gemm's kernel for AVX-512 takes twice as long as that for AVX2: it packs 64 columns of `b` at a time, of which there
/// are few, with the values of each side by side. So it is for the gradient of the weights of up to six channels.
#[cfg(target_arch = "x86_64")]
fn has_few_columns(n: usize, b: Layout) -> bool {
    n <= 96 && b.rows == 1
}

/// The product with AVX2, also where `gemm` would choose AVX-512.
///
/// # Safety
/// As for [`multiply`]; the order of the arguments is gemm's.
#[cfg(target_arch = "x86_64")]
#[allow(clippy::too_many_arguments)]
unsafe fn with_avx2(
    m: usize,
    n: usize,
    k: usize,
    c: *mut f32,
    c_columns: isize,
    c_rows: isize,
    add: bool,
    a: *const f32,
    a_columns: isize,
    a_rows: isize,
    b: *const f32,
    b_columns: isize,
    b_rows: isize,
    scale_c: f32,
    scale_product: f32,
    conjugate_c: bool,
    conjugate_a: bool,
    conjugate_b: bool,
    parallelism: Parallelism,
) {
    use gemm_f32::microkernel::fma::f32::{H_M, H_N, H_UKR, MR_DIV_N, NR, UKR};
    /// Values in a vector.
    const N: usize = 8;
    let simd = <V3 as MixedSimd<f32, f32, f32, f32>>::try_new();
    // SAFETY: the caller's promise is the same.
    unsafe {
        gemm_basic_generic::<_, f32, N, { MR_DIV_N * N }, NR, MR_DIV_N, H_M, H_N>(
            simd.expect("the limit has been checked"),
            m,
            n,
            k,
            c,
            c_columns,
            c_rows,
            add,
            a,
            a_columns,
            a_rows,
            b,
            b_columns,
            b_rows,
            scale_c,
            scale_product,
            conjugate_c,
            conjugate_a,
            conjugate_b,
            |a, b, c| a * b + c,
            &UKR,
            &H_UKR,
            false,
            parallelism,
        );
    }
}

/// The same product with every sum in the order of its terms. The `gemm` crate chooses instructions and the order
/// by the processor.
///
/// # Safety
/// As for [`multiply`], and `c` must hold the product.
unsafe fn in_order(
    [m, n, k]: [usize; 3],
    (a, a_layout): (&[f32], Layout),
    (b, b_layout): (&[f32], Layout),
    (c, c_layout): (*mut [f32], Layout),
    add: bool,
) {
    let c = c.cast::<f32>();
    for row in 0..m {
        for column in 0..n {
            if !add {
                // SAFETY: the caller promises that the product is inside `c`, which is valid for writes.
                unsafe { c.add(c_layout.index(row, column)).write(0.0) };
            }
        }
        for step in 0..k {
            let left = a[a_layout.index(row, step)];
            for column in 0..n {
                let right = b[b_layout.index(step, column)];
                // SAFETY: as above; the element is initialized, by the caller if `add`, else above.
                unsafe { *c.add(c_layout.index(row, column)) += left * right };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Product =
        unsafe fn([usize; 3], (&[f32], Layout), (&[f32], Layout), (*mut [f32], Layout), bool);

    /// Integers, whose sums are exact in any order.
    #[test]
    fn both_products_are_exact_in_every_layout() {
        let row_major = |offset, columns| Layout {
            offset,
            rows: columns,
            columns: 1,
        };
        let column_major = |offset, rows| Layout {
            offset,
            rows: 1,
            columns: rows,
        };
        for [m, n, k] in [[5, 7, 3], [1, 40, 9], [33, 1, 2], [4, 4, 0], [2, 3, 1]] {
            let a: Vec<f32> = (0..m * k + 1).map(|i| (i * 7 % 11) as f32 - 5.0).collect();
            let b: Vec<f32> = (0..n * k + 2).map(|i| (i * 5 % 13) as f32 - 6.0).collect();
            for (a_layout, b_layout) in [
                (row_major(1, k), row_major(2, n)),
                (column_major(1, m), column_major(2, k)),
            ] {
                for (add, before) in [(false, f32::NAN), (true, 2.0)] {
                    for product in [multiply as Product, in_order] {
                        let mut c = vec![before; m * (n + 1)];
                        // SAFETY: `c` is initialized and this thread's own; it holds the product.
                        unsafe {
                            let c = (&raw mut *c, row_major(0, n + 1));
                            product([m, n, k], (&a, a_layout), (&b, b_layout), c, add);
                        }
                        for row in 0..m {
                            let sum = |column| -> f32 {
                                let term = |step| {
                                    a[a_layout.index(row, step)] * b[b_layout.index(step, column)]
                                };
                                (0..k).map(term).sum()
                            };
                            let line = &c[row * (n + 1)..][..n + 1];
                            for (column, &value) in line[..n].iter().enumerate() {
                                let start = if add { before } else { 0.0 };
                                assert_eq!(value, start + sum(column), "{:?}", [m, n, k]);
                            }
                            // between rows nothing is written
                            assert_eq!(line[n].to_bits(), before.to_bits());
                        }
                    }
                }
            }
        }
    }
}
