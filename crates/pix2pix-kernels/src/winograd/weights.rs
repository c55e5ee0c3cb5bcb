//! Maps of the weights.

use super::scheme::{Scheme, both, column, rows};
use super::tiling::Tiling;
use crate::lanes::{LANES, Lanes};
use crate::simd::Simd;
use crate::weight::Weight;

/// Taps of a 4x4 window. A vector has as many lanes, so sixteen windows are a square.
pub const TAPS: usize = LANES;

/// Reads the windows of sixteen pairs of channels. Vector `t` of the result holds tap `t` of all of them. `place`
/// maps a lane to the index of its window, or to `None` for a window of zeros.
#[inline(always)]
pub fn taps<M: Simd, W: Weight>(
    simd: M,
    weights: &[W],
    place: impl Fn(usize) -> Option<usize>,
) -> [M::Lanes; TAPS] {
    let mut windows = [simd.zero(); LANES];
    for (lane, window) in windows.iter_mut().enumerate() {
        if let Some(index) = place(lane) {
            let window16 = weights[index * TAPS..].first_chunk::<TAPS>();
            *window = W::load(simd, window16.expect("a whole window"));
        }
    }
    M::Lanes::transpose(windows)
}

/// Maps windows to points. Calls `sink` with phase, point and words, which pair values of `first` and `second`.
#[inline(always)]
pub fn map_kernel<M: Simd, S: Scheme<R, P, T>, const R: usize, const P: usize, const T: usize>(
    simd: M,
    tiling: Tiling,
    [first, second]: [[M::Lanes; TAPS]; 2],
    mut sink: impl FnMut(usize, usize, [u32; LANES]),
) {
    for (q, down, right) in tiling.each_phase() {
        let one = phase_rows::<M, S, R, P, T>(simd, tiling, (down, right), &first);
        let two = if M::VALUES == 2 {
            phase_rows::<M, S, R, P, T>(simd, tiling, (down, right), &second)
        } else {
            one
        };
        for x in 0..P {
            let one = column(
                &one,
                x,
                #[inline(always)]
                |line| S::kernel(line),
            );
            let two = if M::VALUES == 2 {
                column(
                    &two,
                    x,
                    #[inline(always)]
                    |line| S::kernel(line),
                )
            } else {
                one
            };
            for y in 0..P {
                sink(q, y * P + x, simd.words(one[y], two[y]));
            }
        }
    }
}

/// Maps the rows of one phase of sixteen windows.
#[inline(always)]
fn phase_rows<M: Simd, S: Scheme<R, P, T>, const R: usize, const P: usize, const T: usize>(
    simd: M,
    tiling: Tiling,
    phase: (usize, usize),
    taps: &[M::Lanes; TAPS],
) -> [[M::Lanes; P]; R] {
    let mut square = [[simd.zero(); R]; R];
    for y in 0..R {
        for x in 0..R {
            square[y][x] = taps[tap(tiling, phase, (y, x))];
        }
    }
    rows(
        square,
        #[inline(always)]
        |line| S::kernel(line),
    )
}

/// The adjoint of [`map_kernel`]: maps points to sixteen windows, a vector each. `point` reads a phase and point.
#[inline(always)]
pub fn map_kernel_adjoint<
    M: Simd,
    S: Scheme<R, P, T>,
    const R: usize,
    const P: usize,
    const T: usize,
>(
    simd: M,
    tiling: Tiling,
    point: impl Fn(usize, usize) -> M::Lanes,
) -> [M::Lanes; LANES] {
    let mut taps = [simd.zero(); TAPS];
    for (q, down, right) in tiling.each_phase() {
        let mut square = [[simd.zero(); P]; P];
        for p in 0..P * P {
            square[p / P][p % P] = point(q, p);
        }
        let window = both(
            square,
            #[inline(always)]
            |line| S::kernel_adjoint(line),
        );
        for y in 0..R {
            for x in 0..R {
                taps[tap(tiling, (down, right), (y, x))] = window[y][x];
            }
        }
    }
    M::Lanes::transpose(taps)
}

/// Index in the window of tap (`y`, `x`) of a phase.
#[inline(always)]
fn tap(tiling: Tiling, (down, right): (usize, usize), (y, x): (usize, usize)) -> usize {
    let place = |s: usize, q: usize| s * tiling.step + q * tiling.shift;
    place(y, down) * 4 + place(x, right)
}
