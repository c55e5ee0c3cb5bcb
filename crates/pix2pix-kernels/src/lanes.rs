//! Vectors of sixteen values.

use std::mem::MaybeUninit;

/// Values in a vector, with every instruction set: AVX-512 holds them in one register, AVX2 in two.
pub const LANES: usize = 16;

/// A vector of [`LANES`] values. Vectors come from [`Simd::zero`](crate::simd::Simd::zero) and
/// [`Simd::load`](crate::simd::Simd::load) alone, so a vector proves, as the `Simd` value does, that the
/// processor supports the instructions below.
pub trait Lanes: Copy {
    /// Overwrites `to`.
    fn store(self, to: &mut [f32; LANES]);
    /// Initializes `to`.
    #[inline(always)]
    fn write(self, to: &mut [MaybeUninit<f32>; LANES]) {
        let mut values = [0.0; LANES];
        self.store(&mut values);
        to.write_copy_of_slice(&values);
    }
    /// Lane-wise sum.
    fn add(self, other: Self) -> Self;
    /// Lane-wise difference.
    fn sub(self, other: Self) -> Self;
    /// Every lane times `factor`.
    fn scale(self, factor: f32) -> Self;
    /// This plus `factor` times `other`.
    fn add_scaled(self, other: Self, factor: f32) -> Self;
    /// This plus the product of `a` and `b`.
    fn multiply_add(self, a: Self, b: Self) -> Self;
    /// Transposes a 16x16 matrix, given and returned row by row.
    fn transpose(rows: [Self; LANES]) -> [Self; LANES];
}
