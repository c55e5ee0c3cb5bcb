//! Passes over the planes of one picture, `[channels, height, width]`: padding, upsampling, and sums of two pictures.

use std::mem::MaybeUninit;

use rayon::prelude::*;

/// Values of a task.
const CHUNK: usize = 1 << 14;

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
    let mirrored = |at: usize, side: usize| {
        let distance = at.abs_diff(margin);
        distance.min(2 * (side - 1) - distance)
    };
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
    fn upsampling_and_sums_by_hand() {
        let found = filled(16, |output| upsample([1, 2], &planes(&[1.0, 2.0]), output));
        let doubled = [1.0, 1.0, 2.0, 2.0, 1.0, 1.0, 2.0, 2.0];
        assert_eq!(found, planes(&doubled));
        let found = filled(2, |output| sum([&[1.0, 2.0], &[0.5, -2.0]], output));
        assert_eq!(found, [1.5, 0.0]);
    }
}
