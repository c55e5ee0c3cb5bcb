//! Weights mapped to points.

use super::scheme::{Scheme, both};
use super::tiling::Tiling;
use crate::machine::{LANES, Lanes, Machine};

/// Taps of a 4x4 window: as many as a vector has lanes, so that sixteen windows are a square.
pub const TAPS: usize = LANES;

/// The windows of sixteen pairs of channels, tap by tap: vector `t` holds tap `t` of all of them.
/// `place` gives the window's index, or nothing where a channel does not exist.
#[inline(always)]
pub fn taps<M: Machine>(
    weights: &[f32],
    place: impl Fn(usize) -> Option<usize>,
) -> [M::Lanes; TAPS] {
    let mut windows = [M::Lanes::zero(); LANES];
    for (lane, window) in windows.iter_mut().enumerate() {
        if let Some(index) = place(lane) {
            let window16 = weights[index * TAPS..].first_chunk::<TAPS>();
            *window = M::Lanes::load(window16.expect("a whole window"));
        }
    }
    M::Lanes::transpose(windows)
}

/// Maps windows to points: calls `sink` with phase, point and words, which pair `first` and `second`.
#[inline(always)]
pub fn map_kernel<
    M: Machine,
    S: Scheme<R, P, T>,
    const R: usize,
    const P: usize,
    const T: usize,
>(
    tiling: Tiling,
    [first, second]: [[M::Lanes; TAPS]; 2],
    mut sink: impl FnMut(usize, usize, [u32; LANES]),
) {
    for (q, down, right) in tiling.each_phase() {
        let one = phase_points::<M, S, R, P, T>(tiling, (down, right), &first);
        let two = if M::VALUES == 2 {
            phase_points::<M, S, R, P, T>(tiling, (down, right), &second)
        } else {
            one
        };
        for y in 0..P {
            for x in 0..P {
                sink(q, y * P + x, M::words(one[y][x], two[y][x]));
            }
        }
    }
}

/// The points of one phase of sixteen windows.
#[inline(always)]
fn phase_points<M: Machine, S: Scheme<R, P, T>, const R: usize, const P: usize, const T: usize>(
    tiling: Tiling,
    phase: (usize, usize),
    taps: &[M::Lanes; TAPS],
) -> [[M::Lanes; P]; P] {
    let mut square = [[M::Lanes::zero(); R]; R];
    for y in 0..R {
        for x in 0..R {
            square[y][x] = taps[tap(tiling, phase, (y, x))];
        }
    }
    both(
        square,
        #[inline(always)]
        |line| S::kernel(line),
    )
}

/// The adjoint: from the points, given by phase and point, to the taps of sixteen windows, which
/// are returned window by window.
#[inline(always)]
pub fn map_kernel_adjoint<
    M: Machine,
    S: Scheme<R, P, T>,
    const R: usize,
    const P: usize,
    const T: usize,
>(
    tiling: Tiling,
    point: impl Fn(usize, usize) -> M::Lanes,
) -> [M::Lanes; LANES] {
    let mut taps = [M::Lanes::zero(); TAPS];
    for (q, down, right) in tiling.each_phase() {
        let mut square = [[M::Lanes::zero(); P]; P];
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

/// The window's tap of a phase's.
#[inline(always)]
fn tap(tiling: Tiling, (down, right): (usize, usize), (y, x): (usize, usize)) -> usize {
    let place = |s: usize, q: usize| s * tiling.step + q * tiling.shift;
    place(y, down) * 4 + place(x, right)
}
