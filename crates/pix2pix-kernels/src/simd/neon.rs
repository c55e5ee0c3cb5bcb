//! NEON, which every 64-bit ARM processor has. A vector is four registers of four values.

use std::arch::aarch64::*;
use std::arch::asm;

use super::portable::single_words;
use super::{COLUMNS, Factor, Simd, Task};
use crate::bf16::Bf16;
use crate::lanes::{LANES, Lanes};
use crate::scratch::Scratch;

/// Registers of a vector.
const PARTS: usize = LANES / 4;

/// NEON in 32-bit arithmetic. `ROUND`: factors are rounded to bfloat16.
#[derive(Clone, Copy)]
pub struct Neon<const ROUND: bool>;

/// NEON and the bfloat16 dot product: proof that the processor has it.
#[derive(Clone, Copy)]
pub struct NeonBf16(());

impl NeonBf16 {
    /// The proof, if this processor has the instructions.
    #[inline]
    pub fn detect() -> Option<Self> {
        std::arch::is_aarch64_feature_detected!("bf16").then_some(Self(()))
    }
}

/// A vector.
#[derive(Clone, Copy)]
pub struct Quad([float32x4_t; PARTS]);

impl Quad {
    #[inline(always)]
    fn zero() -> Self {
        // SAFETY: the target has NEON.
        Self(unsafe { [vdupq_n_f32(0.0); PARTS] })
    }

    #[inline(always)]
    fn load(from: &[f32; LANES]) -> Self {
        let mut parts = Self::zero();
        for (part, from) in parts.0.iter_mut().zip(from.as_chunks::<4>().0) {
            // SAFETY: the target has NEON; the pointer is that of four values.
            *part = unsafe { vld1q_f32(from.as_ptr()) };
        }
        parts
    }

    #[inline(always)]
    fn load_bf16(from: &[Bf16; LANES]) -> Self {
        let mut parts = Self::zero();
        for (part, from) in parts.0.iter_mut().zip(from.as_chunks::<4>().0) {
            // SAFETY: the target has NEON; the pointer is that of four 16-bit values.
            *part =
                unsafe { vreinterpretq_f32_u32(vshll_n_u16::<16>(vld1_u16(from.as_ptr().cast()))) };
        }
        parts
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
        for (part, to) in self.0.into_iter().zip(to.as_chunks_mut::<4>().0) {
            // SAFETY: the target has NEON; the pointer is that of four values.
            unsafe { vst1q_f32(to.as_mut_ptr(), part) }
        }
    }

    #[inline(always)]
    fn add(mut self, other: Self) -> Self {
        for (part, other) in self.0.iter_mut().zip(other.0) {
            // SAFETY: the target has NEON.
            *part = unsafe { vaddq_f32(*part, other) };
        }
        self
    }

    #[inline(always)]
    fn sub(mut self, other: Self) -> Self {
        for (part, other) in self.0.iter_mut().zip(other.0) {
            // SAFETY: the target has NEON.
            *part = unsafe { vsubq_f32(*part, other) };
        }
        self
    }

    #[inline(always)]
    fn scale(mut self, factor: f32) -> Self {
        for part in &mut self.0 {
            // SAFETY: the target has NEON.
            *part = unsafe { vmulq_n_f32(*part, factor) };
        }
        self
    }

    #[inline(always)]
    fn add_scaled(mut self, other: Self, factor: f32) -> Self {
        for (part, other) in self.0.iter_mut().zip(other.0) {
            // SAFETY: the target has NEON.
            *part = unsafe { vfmaq_n_f32(*part, other, factor) };
        }
        self
    }

    #[inline(always)]
    fn multiply_add(mut self, a: Self, b: Self) -> Self {
        for (part, (a, b)) in self.0.iter_mut().zip(a.0.into_iter().zip(b.0)) {
            // SAFETY: the target has NEON.
            *part = unsafe { vfmaq_f32(*part, a, b) };
        }
        self
    }

    #[inline(always)]
    fn transpose(rows: [Self; LANES]) -> [Self; LANES] {
        let mut columns = rows;
        for down in 0..PARTS {
            for right in 0..PARTS {
                let block = std::array::from_fn(|row| rows[4 * down + row].0[right]);
                for (column, values) in transposed(block).into_iter().enumerate() {
                    columns[4 * right + column].0[down] = values;
                }
            }
        }
        columns
    }
}

/// Transposes a 4x4 matrix, given and returned row by row.
#[inline(always)]
fn transposed([a, b, c, d]: [float32x4_t; 4]) -> [float32x4_t; 4] {
    // SAFETY: the target has NEON; the types of each reinterpretation have the same size.
    unsafe {
        let even = [vtrn1q_f32(a, b), vtrn1q_f32(c, d)].map(|pair| vreinterpretq_f64_f32(pair));
        let odd = [vtrn2q_f32(a, b), vtrn2q_f32(c, d)].map(|pair| vreinterpretq_f64_f32(pair));
        [
            vreinterpretq_f32_f64(vtrn1q_f64(even[0], even[1])),
            vreinterpretq_f32_f64(vtrn1q_f64(odd[0], odd[1])),
            vreinterpretq_f32_f64(vtrn2q_f64(even[0], even[1])),
            vreinterpretq_f32_f64(vtrn2q_f64(odd[0], odd[1])),
        ]
    }
}

/// The body of `block` for both arithmetics, which differ in the multiply-add alone: `$multiply_add(sum, right, left)`,
/// where `left` is the same for all lanes. Half of the columns at a time: six rows of sums and the right factor fit 32
/// registers.
macro_rules! block {
    ($steps:ident, $a:ident, $b:ident, $c:ident, $c_row:ident, $add:ident, $rows:ident, $multiply_add:expr) => {
        // SAFETY: the caller promises that all elements are inside the arrays; the target has NEON.
        unsafe {
            for half in (0..COLUMNS).step_by(LANES) {
                let mut sums = [Quad::zero().0; $rows];
                for step in 0..$steps {
                    let right = $b.start.add(step * $b.step + half).cast();
                    let right = Quad::load(&*right);
                    for (row, sums) in sums.iter_mut().enumerate() {
                        let left = $a.start.add(row * $a.row + step * $a.step).cast::<f32>();
                        for (sum, right) in sums.iter_mut().zip(right.0) {
                            *sum = $multiply_add(*sum, right, *left);
                        }
                    }
                }
                for (row, sums) in sums.into_iter().enumerate() {
                    for (part, mut sum) in sums.into_iter().enumerate() {
                        let to = $c.add(row * $c_row + half + 4 * part);
                        if $add {
                            sum = vaddq_f32(sum, vld1q_f32(to));
                        }
                        vst1q_f32(to, sum);
                    }
                }
            }
        }
    };
}

impl<const ROUND: bool> Simd for Neon<ROUND> {
    type Lanes = Quad;
    const ROWS: usize = 6;
    const VALUES: usize = 1;

    fn launch<T: Task>(self, task: T, scratch: &mut Scratch) {
        task.run(self, scratch);
    }

    #[inline(always)]
    fn zero(self) -> Quad {
        Quad::zero()
    }

    #[inline(always)]
    fn load(self, from: &[f32; LANES]) -> Quad {
        Quad::load(from)
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Quad {
        // SAFETY: the target has NEON.
        Quad(unsafe { [vdupq_n_f32(value); PARTS] })
    }

    #[inline(always)]
    fn load_bf16(self, from: &[Bf16; LANES]) -> Quad {
        Quad::load_bf16(from)
    }

    #[inline(always)]
    fn words(self, first: Quad, _second: Quad) -> [u32; LANES] {
        single_words::<ROUND>(first.array())
    }

    #[inline(always)]
    fn row_words(self, row: Quad) -> [u32; LANES] {
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
        block!(steps, a, b, c, c_row, add, R, vfmaq_n_f32);
    }
}

/// Adds the products of four pairs of bfloat16 values of `right` with the pair `left` to `sum`, two for each lane. The
/// standard library has no stable function for the instruction.
///
/// # Safety
/// The processor must have it, and the code around it must be compiled for it.
#[inline(always)]
unsafe fn dot(mut sum: float32x4_t, right: float32x4_t, left: f32) -> float32x4_t {
    // SAFETY: the caller promises the instruction; it reads and writes registers alone.
    unsafe {
        asm!(
            "bfdot {sum:v}.4s, {right:v}.8h, {left:v}.2h[0]",
            sum = inout(vreg) sum,
            right = in(vreg) right,
            left = in(vreg_low16) left,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sum
}

/// Rounds to bfloat16, to nearest, ties to even.
///
/// # Safety
/// As for [`dot`].
#[inline(always)]
unsafe fn rounded(values: float32x4_t) -> uint16x4_t {
    let halves: uint16x4_t;
    // SAFETY: the caller promises the instruction; it reads and writes registers alone.
    unsafe {
        asm!(
            "bfcvtn {halves:v}.4h, {values:v}.4s",
            halves = lateout(vreg) halves,
            values = in(vreg) values,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    halves
}

impl Simd for NeonBf16 {
    type Lanes = Quad;
    const ROWS: usize = 6;
    const VALUES: usize = 2;

    fn launch<T: Task>(self, task: T, scratch: &mut Scratch) {
        #[target_feature(enable = "bf16")]
        fn launched<T: Task>(simd: NeonBf16, task: T, scratch: &mut Scratch) {
            task.run(simd, scratch);
        }
        // SAFETY: `self` proves that the processor has it.
        unsafe { launched(self, task, scratch) }
    }

    #[inline(always)]
    fn zero(self) -> Quad {
        Quad::zero()
    }

    #[inline(always)]
    fn load(self, from: &[f32; LANES]) -> Quad {
        Quad::load(from)
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Quad {
        // SAFETY: the target has NEON.
        Quad(unsafe { [vdupq_n_f32(value); PARTS] })
    }

    #[inline(always)]
    fn load_bf16(self, from: &[Bf16; LANES]) -> Quad {
        Quad::load_bf16(from)
    }

    #[inline(always)]
    fn words(self, first: Quad, second: Quad) -> [u32; LANES] {
        let mut words = [0; LANES];
        for (part, to) in words.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            // SAFETY: `self` proves the instructions; the pointer is that of four words.
            unsafe {
                let low = vmovl_u16(rounded(first.0[part]));
                let high = vshll_n_u16::<16>(rounded(second.0[part]));
                vst1q_u32(to.as_mut_ptr(), vorrq_u32(low, high));
            }
        }
        words
    }

    #[inline(always)]
    fn row_words(self, row: Quad) -> [u32; LANES] {
        let mut words = [0; LANES];
        for (part, to) in words.as_chunks_mut::<2>().0[..PARTS].iter_mut().enumerate() {
            // SAFETY: `self` proves the instructions; the pointer is that of two words.
            unsafe {
                let pairs = vreinterpret_u32_u16(rounded(row.0[part]));
                vst1_u32(to.as_mut_ptr(), pairs);
            }
        }
        words
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
        block!(steps, a, b, c, c_row, add, R, dot);
    }
}
