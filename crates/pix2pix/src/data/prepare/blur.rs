//! The Gaussian blur of pairs.

use image::{ImageBuffer, Luma};
use imageproc::filter::separable_filter_equal;

/// Samples of one channel.
pub type Plane = ImageBuffer<Luma<f32>, Vec<f32>>;

/// Standard deviations from the middle of the kernel to its ends, as SciPy's `gaussian_filter` has them. The blur of imageproc
/// ends at two, and is up to a tenth narrower than it says.
const REACH: f32 = 4.0;

/// Blurs a plane with a Gaussian of standard deviation `sigma`, in pixels. Beyond the edges, the last pixel is repeated.
pub fn blurred(plane: &Plane, sigma: f32) -> Plane {
    separable_filter_equal(plane, &kernel(sigma))
}

/// The weights along one axis; their sum is 1.
fn kernel(sigma: f32) -> Vec<f32> {
    let radius = (REACH * sigma).round() as i32;
    let weight = |at: i32| (-0.5 * (f64::from(at) / f64::from(sigma)).powi(2)).exp();
    let sum: f64 = (-radius..=radius).map(weight).sum();
    let weights = (-radius..=radius).map(|at| (weight(at) / sum) as f32);
    weights.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `scipy.ndimage.gaussian_filter` makes of a single pixel, from its middle outward.
    #[test]
    fn weights_are_scipys() {
        for (sigma, half) in [
            (
                1.0,
                vec![
                    0.398_943_47,
                    0.241_971_45,
                    0.053_991_13,
                    0.004_431_86,
                    0.000_133_83,
                ],
            ),
            (0.6, vec![0.663_818_33, 0.165_524_57, 0.002_566_27]),
        ] {
            let weights = kernel(sigma);
            assert_eq!(weights.len(), 2 * half.len() - 1);
            let (before, after) = weights.split_at(half.len() - 1);
            assert!(before.iter().eq(after[1..].iter().rev()));
            for (weight, wanted) in after.iter().zip(half) {
                assert!(
                    (f64::from(*weight) - wanted).abs() < 1e-6,
                    "{weight}, not {wanted}"
                );
            }
        }
    }

    #[test]
    fn sigma_is_the_standard_deviation_of_a_point() {
        for sigma in [1.0, 2.0, 5.0f32] {
            let side = 101;
            let point = Plane::from_fn(side, side, |x, y| {
                Luma([f32::from(u8::from([x, y] == [50; 2]))])
            });
            let spread = blurred(&point, sigma);
            let all: f32 = spread.iter().sum();
            assert!((all - 1.0).abs() < 1e-4, "{all}");
            for axis in 0..2 {
                let square = |(x, y, value): (u32, u32, &Luma<f32>)| {
                    let away = [x, y][axis] as f32 - 50.0;
                    value[0] * away * away
                };
                let deviation = spread.enumerate_pixels().map(square).sum::<f32>().sqrt();
                assert!(
                    (deviation / sigma - 1.0).abs() < 2e-3,
                    "{deviation}, not {sigma}"
                );
            }
        }
    }

    #[test]
    fn a_kernel_may_be_wider_than_the_picture() {
        let flat = Plane::from_pixel(16, 17, Luma([0.5]));
        let blurred = blurred(&flat, 100.0);
        assert!(blurred.iter().all(|value| (value - 0.5).abs() < 1e-4));
    }
}
