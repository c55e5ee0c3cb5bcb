//! Laplacian pyramids (Burt and Adelson 1983): a plane split into bands of frequencies, each an octave wide.

use pix2pix_kernels::mirrored;

/// The binomial kernel that smooths before every halving, as in OpenCV's `pyrDown`.
const KERNEL: [f32; 5] = [1.0 / 16.0, 4.0 / 16.0, 6.0 / 16.0, 4.0 / 16.0, 1.0 / 16.0];

/// A plane of values, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Level {
    /// `[height, width]`, row by row.
    pub values: Vec<f32>,
    /// Width and height in pixels.
    pub size: [usize; 2],
}

/// The pyramid of a plane, the finest level first: each level is what the next one, enlarged, does not have. The last one
/// is the rest, the plane smoothed and halved `levels - 1` times; odd sides are rounded up.
pub fn laplacian(plane: &[f32], size: [usize; 2], levels: usize) -> Vec<Level> {
    let mut pyramid = Vec::with_capacity(levels);
    let mut rest = Level {
        values: plane.to_vec(),
        size,
    };
    for _ in 1..levels {
        let smaller = halved(&rest);
        let enlarged = doubled(&smaller, rest.size);
        for (value, smooth) in rest.values.iter_mut().zip(enlarged) {
            *value -= smooth;
        }
        pyramid.push(std::mem::replace(&mut rest, smaller));
    }
    pyramid.push(rest);
    pyramid
}

/// A plane smoothed, and every second pixel of every second row of it.
fn halved(plane: &Level) -> Level {
    let [width, _] = plane.size;
    let smooth = smoothed(&plane.values, plane.size);
    let rows = smooth.chunks_exact(width).step_by(2);
    Level {
        values: rows
            .flat_map(|row| row.iter().copied().step_by(2))
            .collect(),
        size: plane.size.map(|side| side.div_ceil(2)),
    }
}

/// A plane enlarged to twice its size, or a pixel less: zeros between its pixels, smoothed.
fn doubled(plane: &Level, size: [usize; 2]) -> Vec<f32> {
    let mut spread = vec![0.0; size[0] * size[1]];
    for (row, from) in spread
        .chunks_exact_mut(size[0])
        .step_by(2)
        .zip(plane.values.chunks_exact(plane.size[0]))
    {
        for (value, from) in row.iter_mut().step_by(2).zip(from) {
            // the zeros are three quarters of all
            *value = 4.0 * from;
        }
    }
    smoothed(&spread, size)
}

/// A plane smoothed in both directions, and mirrored at its edges, whose pixels are not repeated.
fn smoothed(plane: &[f32], [width, height]: [usize; 2]) -> Vec<f32> {
    let place = |at: usize, side: usize| mirrored(at as isize - 2, side);
    let mut across = Vec::with_capacity(plane.len());
    for row in plane.chunks_exact(width) {
        across.extend((0..width).map(|x| -> f32 {
            let taps = KERNEL.iter().enumerate();
            taps.map(|(tap, weight)| weight * row[place(x + tap, width)])
                .sum()
        }));
    }
    let mut both = vec![0.0; plane.len()];
    for (y, row) in both.chunks_exact_mut(width).enumerate() {
        for (tap, weight) in KERNEL.iter().enumerate() {
            let from = &across[place(y + tap, height) * width..][..width];
            for (to, from) in row.iter_mut().zip(from) {
                *to += weight * from;
            }
        }
    }
    both
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// SciPy's convolutions, with sides that are odd and even.
    #[test]
    fn levels_agree() {
        let fixture: Value =
            serde_json::from_str(include_str!("../../tests/fixtures/realism.json")).unwrap();
        let levels = fixture["pyramid"].as_array().unwrap();
        // the formula of the fixture's picture, its second channel
        let value = |x: usize, y: usize| {
            let smooth = (x * 4 + y * 2) / 4 + 40 * ((x / 16 + y / 16) % 2);
            (smooth * 7 / 8 + 9 + (x * x * 3 + y * y * 5 + x * y) % 13) % 256
        };
        let plane: Vec<f32> = (0..18)
            .flat_map(|y| (0..21).map(move |x| value(x, y) as f32))
            .collect();
        let found = laplacian(&plane, [21, 18], levels.len());
        assert_eq!(found.len(), 2);
        for (found, expected) in found.iter().zip(levels) {
            let size: [usize; 2] = serde_json::from_value(expected["size"].clone()).unwrap();
            assert_eq!(found.size, size);
            let expected = expected["values"].as_array().unwrap();
            assert_eq!(found.values.len(), expected.len());
            for (found, expected) in found.values.iter().zip(expected) {
                let gap = f64::from(*found) - expected.as_f64().unwrap();
                assert!(gap.abs() < 1e-4, "{found} instead of {expected}");
            }
        }
    }
}
