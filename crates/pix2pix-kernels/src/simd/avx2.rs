//! AVX2 with fused multiply-add. A vector is a pair of registers of eight values.

use std::arch::x86_64::*;

use super::portable::single_words;
use super::{COLUMNS, Factor, Simd, Task};
use crate::bf16::Bf16;
use crate::lanes::{LANES, Lanes};
use crate::scratch::Scratch;

/// AVX2 and FMA: proof that the processor has both. `ROUND`: factors are rounded to bfloat16.
#[derive(Clone, Copy)]
pub struct Avx2<const ROUND: bool>(());

impl<const ROUND: bool> Avx2<ROUND> {
    /// The proof, if this processor has the instructions.
    #[inline]
    pub fn detect() -> Option<Self> {
        let detected = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        detected.then_some(Self(()))
    }
}

/// A vector. The field is private, and only methods of [`Avx2`] and of this type make one: it is a proof too.
#[derive(Clone, Copy)]
pub struct Pair([__m256; 2]);

impl Pair {
    #[inline(always)]
    fn array(self) -> [f32; LANES] {
        let mut values = [0.0; LANES];
        self.store(&mut values);
        values
    }
}

// SAFETY of the intrinsics in this file: they need AVX2 and FMA, and `self` (an `Avx2` or a `Pair`) proves
// that the processor has both. Pointers come from arrays of sixteen values unless noted.
impl Lanes for Pair {
    #[inline(always)]
    fn store(self, to: &mut [f32; LANES]) {
        let to = to.as_mut_ptr();
        // SAFETY: see above.
        unsafe {
            _mm256_storeu_ps(to, self.0[0]);
            _mm256_storeu_ps(to.add(8), self.0[1]);
        }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe {
            Self([
                _mm256_add_ps(self.0[0], other.0[0]),
                _mm256_add_ps(self.0[1], other.0[1]),
            ])
        }
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: see above.
        unsafe {
            Self([
                _mm256_sub_ps(self.0[0], other.0[0]),
                _mm256_sub_ps(self.0[1], other.0[1]),
            ])
        }
    }

    #[inline(always)]
    fn scale(self, factor: f32) -> Self {
        // SAFETY: see above.
        Self(
            self.0
                .map(|half| unsafe { _mm256_mul_ps(half, _mm256_set1_ps(factor)) }),
        )
    }

    #[inline(always)]
    fn add_scaled(self, other: Self, factor: f32) -> Self {
        // SAFETY: see above.
        unsafe {
            let factor = _mm256_set1_ps(factor);
            Self([
                _mm256_fmadd_ps(other.0[0], factor, self.0[0]),
                _mm256_fmadd_ps(other.0[1], factor, self.0[1]),
            ])
        }
    }

    #[inline(always)]
    fn multiply_add(self, a: Self, b: Self) -> Self {
        // SAFETY: see above.
        unsafe {
            Self([
                _mm256_fmadd_ps(a.0[0], b.0[0], self.0[0]),
                _mm256_fmadd_ps(a.0[1], b.0[1], self.0[1]),
            ])
        }
    }

    #[inline(always)]
    fn transpose(rows: [Self; LANES]) -> [Self; LANES] {
        let mut columns = rows;
        // no closures: they would not be inlined, and with them the instructions
        for down in 0..2 {
            for right in 0..2 {
                let mut square = [rows[0].0[0]; 8];
                for row in 0..8 {
                    square[row] = rows[8 * down + row].0[right];
                }
                // SAFETY: see above; `rows` are the proof.
                let square = unsafe { transposed(square) };
                for column in 0..8 {
                    columns[8 * right + column].0[down] = square[column];
                }
            }
        }
        columns
    }
}

/// Transposes an 8x8 matrix, given and returned row by row.
///
/// # Safety
/// The processor must have AVX2.
#[inline(always)]
unsafe fn transposed(rows: [__m256; 8]) -> [__m256; 8] {
    // SAFETY: the caller's promise.
    unsafe {
        // 4x4 blocks within the 128-bit halves
        let mut x = rows;
        let mut y = rows;
        for i in (0..8).step_by(2) {
            y[i] = _mm256_unpacklo_ps(x[i], x[i + 1]);
            y[i + 1] = _mm256_unpackhi_ps(x[i], x[i + 1]);
        }
        for i in (0..8).step_by(4) {
            for c in 0..2 {
                let (top, bottom) = (_mm256_castps_pd(y[i + c]), _mm256_castps_pd(y[i + 2 + c]));
                x[i + 2 * c] = _mm256_castpd_ps(_mm256_unpacklo_pd(top, bottom));
                x[i + 2 * c + 1] = _mm256_castpd_ps(_mm256_unpackhi_pd(top, bottom));
            }
        }
        // then the halves: x[4 b + c] holds column 4 h + c of rows 4 b.. in half h
        for c in 0..4 {
            y[c] = _mm256_permute2f128_ps::<0x20>(x[c], x[4 + c]);
            y[4 + c] = _mm256_permute2f128_ps::<0x31>(x[c], x[4 + c]);
        }
        y
    }
}

impl<const ROUND: bool> Simd for Avx2<ROUND> {
    type Lanes = Pair;
    const ROWS: usize = 6;
    const VALUES: usize = 1;

    fn launch<T: Task>(self, task: T, scratch: &mut Scratch) {
        #[target_feature(enable = "avx2,fma")]
        fn launched<M: Simd, T: Task>(simd: M, task: T, scratch: &mut Scratch) {
            task.run(simd, scratch);
        }
        // SAFETY: `self` proves that the processor has both.
        unsafe { launched(self, task, scratch) }
    }

    #[inline(always)]
    fn zero(self) -> Pair {
        // SAFETY: see above.
        unsafe { Pair([_mm256_setzero_ps(); 2]) }
    }

    #[inline(always)]
    fn load(self, from: &[f32; LANES]) -> Pair {
        let from = from.as_ptr();
        // SAFETY: see above.
        unsafe { Pair([_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))]) }
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Pair {
        // SAFETY: see above.
        unsafe { Pair([_mm256_set1_ps(value); 2]) }
    }

    #[inline(always)]
    fn load_bf16(self, from: &[Bf16; LANES]) -> Pair {
        let from: *const __m128i = from.as_ptr().cast();
        // SAFETY: see above.
        unsafe {
            let halves = [_mm_loadu_si128(from), _mm_loadu_si128(from.add(1))];
            Pair(halves.map(|half| {
                let words = _mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(half));
                _mm256_castsi256_ps(words)
            }))
        }
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
        // SAFETY: the caller promises that all elements are inside the arrays; for the intrinsics see above.
        unsafe {
            for half in (0..COLUMNS).step_by(LANES) {
                let mut sums = [[_mm256_setzero_ps(); 2]; R];
                for step in 0..steps {
                    let right = b.start.add(step * b.step + half).cast::<f32>();
                    let right = [_mm256_loadu_ps(right), _mm256_loadu_ps(right.add(8))];
                    for (row, sums) in sums.iter_mut().enumerate() {
                        let left = a.start.add(row * a.row + step * a.step).cast::<f32>();
                        let left = _mm256_set1_ps(*left);
                        sums[0] = _mm256_fmadd_ps(left, right[0], sums[0]);
                        sums[1] = _mm256_fmadd_ps(left, right[1], sums[1]);
                    }
                }
                for (row, sums) in sums.into_iter().enumerate() {
                    for (part, mut sum) in sums.into_iter().enumerate() {
                        let to = c.add(row * c_row + half + 8 * part);
                        if add {
                            sum = _mm256_add_ps(sum, _mm256_loadu_ps(to));
                        }
                        _mm256_storeu_ps(to, sum);
                    }
                }
            }
        }
    }
}
