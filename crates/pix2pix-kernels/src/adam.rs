//! Adam (Kingma and Ba 2015, algorithm 1) in one pass: parameters, gradient and both moments are read once, and
//! updated in place.

use rayon::prelude::*;

use crate::instruction_set::wide;

/// Values of a task: the chunks of all four arrays fit the second-level cache.
const CHUNK: usize = 1 << 14;

/// Parameters of one update.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// Learning rate.
    pub lr: f32,
    /// Decay of the first moment, in [0, 1).
    pub beta1: f32,
    /// Decay of the second moment, in [0, 1).
    pub beta2: f32,
    /// Added to the square root of the second moment.
    pub epsilon: f32,
    /// Number of this update, counted from 1.
    pub step: u64,
}

impl Adam {
    /// The step size and the factor of the second moment's square root, both corrected for bias.
    pub fn corrected(&self) -> (f32, f32) {
        let correction = |beta: f32| 1.0 - f64::from(beta).powf(self.step as f64);
        let size = f64::from(self.lr) / correction(self.beta1);
        (size as f32, (1.0 / correction(self.beta2).sqrt()) as f32)
    }
}

/// Updates `parameters` and the moments of their gradient, all flat. Returns whether the second moment is finite:
/// it is not if a gradient is infinite, NaN, or its square overflows.
///
/// # Panics
/// If the slices differ in length.
pub fn adam(
    adam: &Adam,
    parameters: &mut [f32],
    gradient: &[f32],
    first_moment: &mut [f32],
    second_moment: &mut [f32],
) -> bool {
    let length = parameters.len();
    assert_eq!(gradient.len(), length, "gradient length");
    assert_eq!(first_moment.len(), length, "first moment's length");
    assert_eq!(second_moment.len(), length, "second moment's length");
    let largest = parameters
        .par_chunks_mut(CHUNK)
        .zip(gradient.par_chunks(CHUNK))
        .zip(first_moment.par_chunks_mut(CHUNK))
        .zip(second_moment.par_chunks_mut(CHUNK))
        .map(|(((parameters, gradient), first), second)| {
            wide(
                #[inline(always)]
                move || update(adam, parameters, gradient, first, second),
            )
        });
    f32::from_bits(largest.reduce(|| 0, u32::max)).is_finite()
}

/// Updates a chunk. Returns the bits of its largest second moment. For numbers that are not negative, the order of the
/// bits is that of the numbers, with infinity and NaN above; the maximum of integers vectorizes.
#[inline(always)]
fn update(adam: &Adam, p: &mut [f32], g: &[f32], m: &mut [f32], v: &mut [f32]) -> u32 {
    let (size, root) = adam.corrected();
    let (keep1, keep2) = (adam.beta1, adam.beta2);
    let (take1, take2) = (1.0 - keep1, 1.0 - keep2);
    let mut largest = 0;
    for (((p, g), m), v) in p.iter_mut().zip(g).zip(m).zip(v) {
        *m = keep1 * *m + take1 * g;
        *v = keep2 * *v + take2 * g * g;
        *p -= size * *m / (v.sqrt() * root + adam.epsilon);
        largest = largest.max(v.to_bits() & 0x7fff_ffff);
    }
    largest
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADAM: Adam = Adam {
        lr: 2e-4,
        beta1: 0.5,
        beta2: 0.999,
        epsilon: 1e-8,
        step: 3,
    };

    fn arrays(length: usize) -> [Vec<f32>; 4] {
        let wave = |factor: f32| (0..length).map(move |i| (i as f32 * factor).sin());
        [
            wave(0.7).collect(),
            wave(1.3).collect(),
            wave(0.1).collect(),
            wave(0.3).map(f32::abs).collect(),
        ]
    }

    /// The paper's formulas in f64.
    #[test]
    fn the_update_is_the_papers() {
        let [mut p, g, mut m, mut v] = arrays(40_000);
        let [p0, _, m0, v0] = arrays(40_000);
        adam(&ADAM, &mut p, &g, &mut m, &mut v);
        for i in 0..p.len() {
            let g = f64::from(g[i]);
            let m1 = 0.5 * f64::from(m0[i]) + 0.5 * g;
            let v1 = 0.999 * f64::from(v0[i]) + 0.001 * g * g;
            let (m_hat, v_hat) = (m1 / (1.0 - 0.5f64.powi(3)), v1 / (1.0 - 0.999f64.powi(3)));
            let p1 = f64::from(p0[i]) - 2e-4 * m_hat / (v_hat.sqrt() + 1e-8);
            // 0.999 in f32 is off by 1e-8, and the correction of the second moment magnifies this
            assert!((f64::from(m[i]) - m1).abs() <= 1e-7, "first moment {i}");
            assert!((f64::from(v[i]) - v1).abs() <= 1e-7, "second moment {i}");
            let step = (p1 - f64::from(p0[i])).abs();
            let rounding = f64::from(f32::EPSILON) * f64::from(p0[i]).abs();
            assert!(
                (f64::from(p[i]) - p1).abs() <= 1e-4 * step + rounding,
                "parameter {i}"
            );
        }
    }

    #[test]
    fn a_gradient_that_is_not_finite_is_reported() {
        for (value, finite) in [
            (1.0, true),
            (1e19, true),
            (1e30, false),
            (f32::INFINITY, false),
            (f32::NEG_INFINITY, false),
            (f32::NAN, false),
            (-f32::NAN, false),
        ] {
            let [mut p, mut g, mut m, mut v] = arrays(40_000);
            g[39_999] = value;
            assert_eq!(adam(&ADAM, &mut p, &g, &mut m, &mut v), finite, "{value}");
        }
    }

    #[test]
    fn every_width_gives_the_same_bits() {
        let [mut p, g, mut m, mut v] = arrays(1003);
        let mut wide = [p.clone(), m.clone(), v.clone()];
        let [wide_p, wide_m, wide_v] = &mut wide;
        adam(&ADAM, wide_p, &g, wide_m, wide_v);
        update(&ADAM, &mut p, &g, &mut m, &mut v);
        assert_eq!(wide, [p, m, v]);
    }
}
