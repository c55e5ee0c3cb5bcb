//! Passes over the planes of one picture, `[channels, height, width]`: padding, upsampling, halving, smoothing, and sums of
//! two pictures.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use crate::instruction_set::wide;

/// Values of a task.
const CHUNK: usize = 1 << 14;

/// The place in a row of `side` values, at least one, that a place before or behind it mirrors, as often as needed; the values
/// at the ends are not repeated.
#[inline]
pub fn mirrored(at: isize, side: usize) -> usize {
    // the first value mirrors by itself
    let (at, last) = (at.unsigned_abs(), side - 1);
    if at <= last {
        return at;
    }
    let at = at % (2 * last).max(1);
    at.min(2 * last - at)
}

/// Extends planes of `side` pixels (height, width) by reflection at every border; border pixels are not repeated.
///
/// # Panics
/// If the margin is not smaller than both sides, or if a slice's length does not fit.
pub fn reflection_pad<'a>(
    [height, width]: [usize; 2],
    margin: usize,
    input: &[f32],
    output: &'a mut [MaybeUninit<f32>],
) -> &'a mut [f32] {
    assert!(margin < height.min(width), "the margin is inside");
    let [tall, wide] = [height, width].map(|side| side + 2 * margin);
    check(input, height * width, output, tall * wide);
    let mirrored = |at: usize, side: usize| mirrored(at as isize - margin as isize, side);
    let planes = output.par_chunks_exact_mut(tall * wide);
    planes
        .zip(input.par_chunks_exact(height * width))
        .for_each(|(output, input)| {
            for (y, line) in output.chunks_exact_mut(wide).enumerate() {
                let from = &input[mirrored(y, height) * width..][..width];
                for (x, to) in line[..margin].iter_mut().enumerate() {
                    to.write(from[mirrored(x, width)]);
                }
                line[margin..margin + width].write_copy_of_slice(from);
                for (x, to) in line.iter_mut().enumerate().skip(margin + width) {
                    to.write(from[mirrored(x, width)]);
                }
            }
        });
    // SAFETY: the planes cover the output, and each task writes all of its plane.
    unsafe { output.assume_init_mut() }
}

/// Repeats every pixel of planes of `side` pixels (height, width) twice in each direction.
///
/// # Panics
/// If a slice's length does not fit.
pub fn upsample<'a>(
    [height, width]: [usize; 2],
    input: &[f32],
    output: &'a mut [MaybeUninit<f32>],
) -> &'a mut [f32] {
    check(input, height * width, output, 4 * height * width);
    let planes = output.par_chunks_exact_mut(4 * height * width);
    planes
        .zip(input.par_chunks_exact(height * width))
        .for_each(|(output, input)| {
            for (y, line) in output.chunks_exact_mut(2 * width).enumerate() {
                let from = &input[y / 2 * width..][..width];
                for (x, to) in line.iter_mut().enumerate() {
                    to.write(from[x / 2]);
                }
            }
        });
    // SAFETY: the planes cover the output, and each task writes all of its plane.
    unsafe { output.assume_init_mut() }
}

/// Halves planes of `side` pixels (height, width): means of 3x3 pixels around every second one, at the borders of those that
/// are there. Odd sides are rounded up.
///
/// # Panics
/// If a slice's length does not fit.
pub fn halve<'a>(
    [height, width]: [usize; 2],
    input: &[f32],
    output: &'a mut [MaybeUninit<f32>],
) -> &'a mut [f32] {
    let [low, narrow] = [height, width].map(|side| side.div_ceil(2));
    check(input, height * width, output, low * narrow);
    let around = |at: usize, side: usize| (2 * at).saturating_sub(1)..(2 * at + 2).min(side);
    let planes = output.par_chunks_exact_mut(low * narrow);
    planes
        .zip(input.par_chunks_exact(height * width))
        .for_each(|(output, input)| {
            for (y, line) in output.chunks_exact_mut(narrow).enumerate() {
                let rows = around(y, height);
                for (x, to) in line.iter_mut().enumerate() {
                    let columns = around(x, width);
                    let count = rows.len() * columns.len();
                    let lines = rows.clone().map(|row| &input[row * width..][..width]);
                    let sum: f32 = lines.flat_map(|line| &line[columns.clone()]).sum();
                    to.write(sum / count as f32);
                }
            }
        });
    // SAFETY: the planes cover the output, and each task writes all of its plane.
    unsafe { output.assume_init_mut() }
}

/// Smooths planes of `side` pixels (height, width) with the binomial filter 1-2-1 in each direction; pixels at a border
/// count as their own neighbors beyond it. The filter is its own transpose, so this is its gradient too.
///
/// # Panics
/// If a side is 0, or if a slice's length does not fit.
pub fn smooth<'a>(
    [height, width]: [usize; 2],
    input: &[f32],
    output: &'a mut [MaybeUninit<f32>],
) -> &'a mut [f32] {
    let plane = height * width;
    check(input, plane, output, plane);
    let at_once = (CHUNK / plane).max(1) * plane;
    let chunks = output.par_chunks_mut(at_once);
    chunks
        .zip(input.par_chunks(at_once))
        .for_each(|(output, input)| {
            wide(
                #[inline(always)]
                move || {
                    // a row of sums down the columns, and its border pixels once more
                    let mut sums = vec![0.0; width + 2];
                    for (output, input) in output
                        .chunks_exact_mut(plane)
                        .zip(input.chunks_exact(plane))
                    {
                        let row = |y: usize| &input[y * width..][..width];
                        for (y, line) in output.chunks_exact_mut(width).enumerate() {
                            let middle = row(y);
                            let (above, below) =
                                (row(y.saturating_sub(1)), row((y + 1).min(height - 1)));
                            let (sum, ends) = (&mut sums[1..], [0, width - 1]);
                            for ((to, b), (a, c)) in
                                sum.iter_mut().zip(middle).zip(above.iter().zip(below))
                            {
                                *to = (a + c + (b + b)) * 0.0625;
                            }
                            let ends = ends.map(|x| sum[x]);
                            (sums[0], sums[width + 1]) = (ends[0], ends[1]);
                            let (before, after) = (&sums[..width], &sums[2..]);
                            let around = before.iter().zip(after);
                            for ((to, b), (a, c)) in line.iter_mut().zip(&sums[1..]).zip(around) {
                                to.write(a + c + (b + b));
                            }
                        }
                    }
                },
            );
        });
    // SAFETY: the chunks cover the output, and each task writes all lines of its planes.
    unsafe { output.assume_init_mut() }
}

/// Adds two pictures.
///
/// # Panics
/// If the slices differ in length.
pub fn sum<'a>([first, second]: [&[f32]; 2], output: &'a mut [MaybeUninit<f32>]) -> &'a mut [f32] {
    assert_eq!(first.len(), output.len(), "output length");
    assert_eq!(second.len(), output.len(), "output length");
    let pairs = first.par_chunks(CHUNK).zip(second.par_chunks(CHUNK));
    let chunks = output.par_chunks_mut(CHUNK).zip(pairs);
    chunks.for_each(|(output, (first, second))| {
        for ((to, a), b) in output.iter_mut().zip(first).zip(second) {
            to.write(a + b);
        }
    });
    // SAFETY: the slices have the same length, so each chunk was written as a whole.
    unsafe { output.assume_init_mut() }
}

/// Checks that input and output hold the same number of planes of these lengths.
fn check(input: &[f32], from: usize, output: &[MaybeUninit<f32>], to: usize) {
    assert!(input.len().is_multiple_of(from), "input length");
    assert_eq!(output.len(), input.len() / from * to, "output length");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filled;

    /// Two planes, the second ten times the first.
    fn planes(plane: &[f32]) -> Vec<f32> {
        let second = plane.iter().map(|x| 10.0 * x);
        plane.iter().copied().chain(second).collect()
    }

    /// Places before and behind rows of three values, of two and of one, by hand.
    #[test]
    fn ends_are_mirrored_without_repeating_them() {
        let places = |places: std::ops::Range<isize>, side| -> Vec<usize> {
            places.map(|at| mirrored(at, side)).collect()
        };
        assert_eq!(places(-5..8, 3), [1, 0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2, 1]);
        assert_eq!(places(-3..5, 2), [1, 0, 1, 0, 1, 0, 1, 0]);
        assert_eq!(places(-2..3, 1), [0; 5]);
    }

    #[test]
    fn padding_by_hand() {
        let plane = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let found = filled(40, |output| {
            reflection_pad([3, 2], 1, &planes(&plane), output)
        });
        let padded = [
            [4.0, 3.0, 4.0, 3.0],
            [2.0, 1.0, 2.0, 1.0],
            [4.0, 3.0, 4.0, 3.0],
            [6.0, 5.0, 6.0, 5.0],
            [4.0, 3.0, 4.0, 3.0],
        ];
        assert_eq!(found, planes(&padded.concat()));
    }

    #[test]
    fn smoothing_by_hand() {
        let smoothed = |side: [usize; 2], plane: &[f32]| {
            let found = filled(2 * plane.len(), |output| {
                smooth(side, &planes(plane), output)
            });
            assert_eq!(
                found[plane.len()..],
                found[..plane.len()]
                    .iter()
                    .map(|x| 10.0 * x)
                    .collect::<Vec<_>>()
            );
            found[..plane.len()].to_vec()
        };
        let point = [
            0.0, 0.0, 0.0, 0.0, //
            0.0, 0.0, 16.0, 0.0, //
            0.0, 0.0, 0.0, 0.0,
        ];
        let spread = [
            0.0, 1.0, 2.0, 1.0, //
            0.0, 2.0, 4.0, 2.0, //
            0.0, 1.0, 2.0, 1.0,
        ];
        assert_eq!(smoothed([3, 4], &point), spread);
        // three quarters of a corner stay in each direction
        assert_eq!(
            smoothed([2, 2], &[16.0, 0.0, 0.0, 0.0]),
            [9.0, 3.0, 3.0, 1.0]
        );
        assert_eq!(smoothed([1, 1], &[5.0]), [5.0]);
        assert_eq!(smoothed([1, 3], &[4.0, 0.0, 8.0]), [3.0, 3.0, 6.0]);
    }

    /// The sum of `b * smooth(a)` is that of `a * smooth(b)`: the filter is its own transpose, borders included.
    #[test]
    fn smoothing_is_its_own_transpose() {
        for side in [[1, 1], [1, 7], [5, 1], [2, 2], [6, 9], [33, 40]] {
            let length = side[0] * side[1];
            let noise = |seed: usize| -> Vec<f32> {
                let value = |i: usize| ((i * 7919 + seed * 104_729) % 1009) as f32 / 1009.0 - 0.5;
                (0..length).map(value).collect()
            };
            let (a, b) = (noise(1), noise(2));
            let product = |a: &[f32], b: &[f32]| -> f64 {
                let smoothed = filled(length, |output| smooth(side, b, output));
                let pairs = a.iter().zip(&smoothed);
                pairs.map(|(a, b)| f64::from(a * b)).sum()
            };
            let gap = product(&a, &b) - product(&b, &a);
            assert!(gap.abs() < 1e-5, "{side:?}: {gap}");
        }
    }

    /// As PyTorch's `AvgPool2d(3, stride=2, padding=1, count_include_pad=False)`.
    #[test]
    fn halving_by_hand() {
        let plane: Vec<f32> = (0..12).map(|value| value as f32).collect(); // 3 rows of 4, and 4 rows of 3
        for (side, halved) in [
            ([3_usize, 4], [2.5, 4.0, 6.5, 8.0]),
            ([4, 3], [2.0, 3.0, 6.5, 7.5]),
            ([1, 12], [0.5, 2.0, 4.0, 6.0]),
        ] {
            let length = side[0].div_ceil(2) * side[1].div_ceil(2);
            let found = filled(2 * length, |output| halve(side, &planes(&plane), output));
            assert_eq!(found[..halved.len()], halved, "{side:?}");
            let second: Vec<f32> = halved.iter().map(|value| 10.0 * value).collect();
            assert_eq!(found[length..][..halved.len()], second, "{side:?}");
        }
        assert_eq!(
            filled(2, |output| halve([1, 1], &[3.0, 4.0], output)),
            [3.0, 4.0]
        );
    }

    #[test]
    fn upsampling_and_sums_by_hand() {
        let found = filled(16, |output| upsample([1, 2], &planes(&[1.0, 2.0]), output));
        let doubled = [1.0, 1.0, 2.0, 2.0, 1.0, 1.0, 2.0, 2.0];
        assert_eq!(found, planes(&doubled));
        let found = filled(2, |output| sum([&[1.0, 2.0], &[0.5, -2.0]], output));
        assert_eq!(found, [1.5, 0.0]);
    }
}
