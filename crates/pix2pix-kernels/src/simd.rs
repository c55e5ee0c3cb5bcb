//! The instructions of a processor: vectors, blocks of a matrix product, and code compiled for an
//! instruction set.
//!
//! A value of a type that implements [`Simd`] proves that the processor has its instructions: for those beyond the
//! target's baseline, `detect` is the only way to get one. Everything that executes such instructions takes the value, or a vector made with
//! it, so safe code cannot execute an unsupported instruction.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;

#[cfg(target_arch = "x86_64")]
pub use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub use avx512::{Avx512, Avx512Bf16};
#[cfg(target_arch = "aarch64")]
pub use neon::{Neon, NeonBf16};
pub use portable::Portable;

use crate::bf16::Bf16;
use crate::lanes::{LANES, Lanes};
use crate::scratch::Scratch;

/// Columns of a block of a matrix product: two vectors.
pub const COLUMNS: usize = 2 * LANES;

/// Work that is compiled once for each instruction set.
pub trait Task {
    /// Does the work. Implementations, and everything they call, are `#[inline(always)]`: code is compiled
    /// for the instruction set only where it is inlined into [`Simd::launch`].
    fn run<M: Simd>(self, simd: M, scratch: &mut Scratch);
}

/// An instruction set and an arithmetic. Matrices are stored in 32-bit words: one f32, or two bfloat16 values
/// that are neighbors along the dimension that the product sums over.
pub trait Simd: Copy {
    /// A vector.
    type Lanes: Lanes;
    /// Rows of the largest block of a matrix product that fits the registers.
    const ROWS: usize;
    /// Values in a word: 1 or 2.
    const VALUES: usize;

    /// Runs a task compiled for these instructions.
    fn launch<T: Task>(self, task: T, scratch: &mut Scratch);

    /// A vector of zeros.
    fn zero(self) -> Self::Lanes;

    /// Reads a vector.
    fn load(self, from: &[f32; LANES]) -> Self::Lanes;

    /// A vector with this value in every lane.
    fn splat(self, value: f32) -> Self::Lanes;

    /// Reads a vector of bfloat16 values.
    fn load_bf16(self, from: &[Bf16; LANES]) -> Self::Lanes;

    /// One word for each lane: that of `first`, paired with that of `second` if a word holds two values.
    fn words(self, first: Self::Lanes, second: Self::Lanes) -> [u32; LANES];

    /// The `LANES / VALUES` words of one vector, followed by arbitrary ones. If a word holds two values, they
    /// are those of neighboring lanes.
    fn row_words(self, row: Self::Lanes) -> [u32; LANES];

    /// Computes a block of a matrix product, `R` rows by [`COLUMNS`] columns: the sum over `steps` words of
    /// `a[row * a.row + step * a.step] * b[step * b.step + column]` is written to `c[row * c_row + column]`,
    /// or added to it if `add`.
    ///
    /// # Safety
    /// All these elements must lie inside the three arrays, and no other thread may access those of `c`.
    unsafe fn block<const R: usize>(
        self,
        steps: usize,
        a: Factor,
        b: Factor,
        c: *mut f32,
        c_row: usize,
        add: bool,
    );
}

/// A factor of a block: its first word and its strides.
#[derive(Clone, Copy)]
pub struct Factor {
    /// The first word.
    pub start: *const u32,
    /// Words from row to row. Unused for the right factor, whose rows are the steps.
    pub row: usize,
    /// Words from step to step.
    pub step: usize,
}
