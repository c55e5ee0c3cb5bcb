//! AVX-512. A vector is one of 32 registers of sixteen values.

use std::arch::x86_64::*;

use super::{Factor, Simd, Task};
use crate::bf16::Bf16;
use crate::lanes::{LANES, Lanes};
use crate::scratch::Scratch;

/// AVX-512 F, BW, DQ and VL, and FMA, in 32-bit arithmetic: proof that the processor has them.
#[derive(Clone, Copy)]
pub struct Avx512(());

/// The same and the bfloat16 dot product: proof that the processor has them.
#[derive(Clone, Copy)]
pub struct Avx512Bf16(Avx512);

impl Avx512 {
    /// The proof, if this processor has the instructions.
    #[inline]
    pub fn detect() -> Option<Self> {
        let detected = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("fma");
        detected.then_some(Self(()))
    }
}

impl Avx512Bf16 {
    /// The proof, if this processor has the instructions.
    #[inline]
    pub fn detect() -> Option<Self> {
        let avx512 = Avx512::detect()?;
        is_x86_feature_detected!("avx512bf16").then_some(Self(avx512))
    }
}

/// A vector. The field is private, and only methods of [`Avx512`], [`Avx512Bf16`] and this type make one: it
/// proves what [`Avx512`] proves.
#[derive(Clone, Copy)]
pub struct Zmm(__m512);

// SAFETY of the intrinsics in this file: they need AVX-512 F, BW, DQ and VL, and some BF16. `self` (an
// `Avx512`, `Avx512Bf16` or `Zmm`) proves that the processor has the former, an `Avx512Bf16` the latter too.
// Pointers come from arrays of sixteen values unless noted.
impl Lanes for Zmm {
    #[inline(always)]
    fn store(self, to: &mut [f32; LANES]) {
        // SAFETY: see above.
        unsafe { _mm512_storeu_ps(to.as_mut_ptr(), self.0) }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { Self(_mm512_add_ps(self.0, other.0)) }
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe { Self(_mm512_sub_ps(self.0, other.0)) }
    }

    #[inline(always)]
    fn scale(self, factor: f32) -> Self {
        // SAFETY: see above.
        unsafe { Self(_mm512_mul_ps(self.0, _mm512_set1_ps(factor))) }
    }

    #[inline(always)]
    fn add_scaled(self, other: Self, factor: f32) -> Self {
        // SAFETY: see above.
        unsafe { Self(_mm512_fmadd_ps(other.0, _mm512_set1_ps(factor), self.0)) }
    }

    #[inline(always)]
    fn multiply_add(self, a: Self, b: Self) -> Self {
        // SAFETY: see above.
        unsafe { Self(_mm512_fmadd_ps(a.0, b.0, self.0)) }
    }

    #[inline(always)]
    fn transpose(rows: [Self; LANES]) -> [Self; LANES] {
        // no closures: they would not be inlined, and with them the instructions
        // SAFETY: see above; `rows` are the proof.
        unsafe {
            // 4x4 blocks within the 128-bit quarters
            let mut x = rows;
            let mut y = rows;
            for i in (0..LANES).step_by(2) {
                y[i].0 = _mm512_unpacklo_ps(x[i].0, x[i + 1].0);
                y[i + 1].0 = _mm512_unpackhi_ps(x[i].0, x[i + 1].0);
            }
            for i in (0..LANES).step_by(4) {
                for c in 0..2 {
                    let (top, bottom) = (
                        _mm512_castps_pd(y[i + c].0),
                        _mm512_castps_pd(y[i + 2 + c].0),
                    );
                    x[i + 2 * c].0 = _mm512_castpd_ps(_mm512_unpacklo_pd(top, bottom));
                    x[i + 2 * c + 1].0 = _mm512_castpd_ps(_mm512_unpackhi_pd(top, bottom));
                }
            }
            // then the quarters: x[4 b + c] holds column 4 q + c of rows 4 b.. in quarter q
            for c in 0..4 {
                let even = _mm512_shuffle_f32x4::<0x88>(x[c].0, x[4 + c].0);
                let odd = _mm512_shuffle_f32x4::<0xdd>(x[c].0, x[4 + c].0);
                let even2 = _mm512_shuffle_f32x4::<0x88>(x[8 + c].0, x[12 + c].0);
                let odd2 = _mm512_shuffle_f32x4::<0xdd>(x[8 + c].0, x[12 + c].0);
                y[c].0 = _mm512_shuffle_f32x4::<0x88>(even, even2);
                y[4 + c].0 = _mm512_shuffle_f32x4::<0x88>(odd, odd2);
                y[8 + c].0 = _mm512_shuffle_f32x4::<0xdd>(even, even2);
                y[12 + c].0 = _mm512_shuffle_f32x4::<0xdd>(odd, odd2);
            }
            y
        }
    }
}

impl Zmm {
    #[inline(always)]
    fn bits(self) -> [u32; LANES] {
        // SAFETY: both are 64 bytes without padding.
        unsafe { std::mem::transmute(self.0) }
    }
}

/// The body of `block` for both arithmetics, which differ in the multiply-add alone.
macro_rules! block {
    ($steps:ident, $a:ident, $b:ident, $c:ident, $c_row:ident, $add:ident, $rows:ident, $multiply_add:expr) => {
        // SAFETY: the caller promises that all elements are inside the arrays; for the intrinsics see above.
        unsafe {
            let mut sums = [[_mm512_setzero_ps(); 2]; $rows];
            for step in 0..$steps {
                let right = $b.start.add(step * $b.step).cast::<f32>();
                let right = [_mm512_loadu_ps(right), _mm512_loadu_ps(right.add(LANES))];
                for (row, sums) in sums.iter_mut().enumerate() {
                    let left = $a.start.add(row * $a.row + step * $a.step).cast::<f32>();
                    let left = _mm512_set1_ps(*left);
                    sums[0] = $multiply_add(left, right[0], sums[0]);
                    sums[1] = $multiply_add(left, right[1], sums[1]);
                }
            }
            for (row, sums) in sums.into_iter().enumerate() {
                for (part, mut sum) in sums.into_iter().enumerate() {
                    let to = $c.add(row * $c_row + part * LANES);
                    if $add {
                        sum = _mm512_add_ps(sum, _mm512_loadu_ps(to));
                    }
                    _mm512_storeu_ps(to, sum);
                }
            }
        }
    };
}

impl Simd for Avx512 {
    type Lanes = Zmm;
    const ROWS: usize = 12;
    const VALUES: usize = 1;

    fn launch<T: Task>(self, task: T, scratch: &mut Scratch) {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,fma")]
        fn launched<T: Task>(simd: Avx512, task: T, scratch: &mut Scratch) {
            task.run(simd, scratch);
        }
        // SAFETY: `self` proves that the processor has them.
        unsafe { launched(self, task, scratch) }
    }

    #[inline(always)]
    fn zero(self) -> Zmm {
        // SAFETY: see above.
        unsafe { Zmm(_mm512_setzero_ps()) }
    }

    #[inline(always)]
    fn load(self, from: &[f32; LANES]) -> Zmm {
        // SAFETY: see above.
        unsafe { Zmm(_mm512_loadu_ps(from.as_ptr())) }
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Zmm {
        // SAFETY: see above.
        unsafe { Zmm(_mm512_set1_ps(value)) }
    }

    #[inline(always)]
    fn load_bf16(self, from: &[Bf16; LANES]) -> Zmm {
        // SAFETY: see above.
        unsafe {
            let halves = _mm256_loadu_si256(from.as_ptr().cast());
            let words = _mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(halves));
            Zmm(_mm512_castsi512_ps(words))
        }
    }

    #[inline(always)]
    fn words(self, first: Zmm, _second: Zmm) -> [u32; LANES] {
        first.bits()
    }

    #[inline(always)]
    fn row_words(self, row: Zmm) -> [u32; LANES] {
        row.bits()
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
        block!(steps, a, b, c, c_row, add, R, |a, b, c| _mm512_fmadd_ps(
            a, b, c
        ));
    }
}

/// Adds the products of sixteen pairs of bfloat16 values to `sum`, two for each lane.
///
/// # Safety
/// The processor must have AVX-512 BF16.
#[inline(always)]
unsafe fn dot(a: __m512, b: __m512, sum: __m512) -> __m512 {
    // SAFETY: the caller promises the instruction; the types have the same size.
    unsafe {
        let a = std::mem::transmute::<__m512, __m512bh>(a);
        let b = std::mem::transmute::<__m512, __m512bh>(b);
        _mm512_dpbf16_ps(sum, a, b)
    }
}

impl Simd for Avx512Bf16 {
    type Lanes = Zmm;
    const ROWS: usize = 12;
    const VALUES: usize = 2;

    fn launch<T: Task>(self, task: T, scratch: &mut Scratch) {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,fma")]
        fn launched<T: Task>(simd: Avx512Bf16, task: T, scratch: &mut Scratch) {
            task.run(simd, scratch);
        }
        // SAFETY: `self` proves that the processor has them.
        unsafe { launched(self, task, scratch) }
    }

    #[inline(always)]
    fn zero(self) -> Zmm {
        self.0.zero()
    }

    #[inline(always)]
    fn load(self, from: &[f32; LANES]) -> Zmm {
        self.0.load(from)
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Zmm {
        self.0.splat(value)
    }

    #[inline(always)]
    fn load_bf16(self, from: &[Bf16; LANES]) -> Zmm {
        self.0.load_bf16(from)
    }

    #[inline(always)]
    fn words(self, first: Zmm, second: Zmm) -> [u32; LANES] {
        // SAFETY: see above; the types of each transmutation have the same size.
        unsafe {
            let low: __m256i = std::mem::transmute(_mm512_cvtneps_pbh(first.0));
            let high: __m256i = std::mem::transmute(_mm512_cvtneps_pbh(second.0));
            let high = _mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(high));
            let words = _mm512_or_si512(_mm512_cvtepu16_epi32(low), high);
            std::mem::transmute(words)
        }
    }

    #[inline(always)]
    fn row_words(self, row: Zmm) -> [u32; LANES] {
        // SAFETY: see above; the types of each transmutation have the same size.
        unsafe {
            let half: __m256i = std::mem::transmute(_mm512_cvtneps_pbh(row.0));
            std::mem::transmute(_mm512_castsi256_si512(half))
        }
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
