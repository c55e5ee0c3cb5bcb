//! Adam (Kingma and Ba 2015, algorithm 1) in one pass: parameters, gradient and both moments are read once, and
//! updated in place.

use rayon::prelude::*;

use crate::bf16::Bf16;
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

/// A number in which a moment is kept.
trait Moment: Copy + Send + Sync {
    fn read(self) -> f32;

    /// Rounds a value, with 16 random bits.
    fn round(value: f32, noise: u32) -> Self;
}

impl Moment for f32 {
    #[inline(always)]
    fn read(self) -> f32 {
        self
    }

    #[inline(always)]
    fn round(value: f32, _: u32) -> Self {
        value
    }
}

impl Moment for Bf16 {
    #[inline(always)]
    fn read(self) -> f32 {
        self.into()
    }

    #[inline(always)]
    fn round(value: f32, noise: u32) -> Self {
        Self::at_random(value, noise)
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
    updated(adam, parameters, gradient, first_moment, second_moment)
}

/// As [`adam()`], with moments that are rounded at random to bfloat16 (stochastic rounding, Gupta et al. 2015, section
/// 3.1). Rounded to the nearest number, the second moment would not change any more: a step changes it by a thousandth,
/// and its neighbors are 1/128 or 1/256 of it away. The random bits follow from the step and the position.
///
/// # Panics
/// If the slices differ in length.
pub fn adam_bf16(
    adam: &Adam,
    parameters: &mut [f32],
    gradient: &[f32],
    first_moment: &mut [Bf16],
    second_moment: &mut [Bf16],
) -> bool {
    updated(adam, parameters, gradient, first_moment, second_moment)
}

fn updated<M: Moment>(
    adam: &Adam,
    parameters: &mut [f32],
    gradient: &[f32],
    first_moment: &mut [M],
    second_moment: &mut [M],
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
        .enumerate()
        .map(|(index, (((parameters, gradient), first), second))| {
            let begin = (index * CHUNK) as u32;
            wide(
                #[inline(always)]
                move || update(adam, begin, parameters, gradient, first, second),
            )
        });
    f32::from_bits(largest.reduce(|| 0, u32::max)).is_finite()
}

/// Updates a chunk that begins at position `begin`. Returns the bits of its largest second moment. For numbers that are not
/// negative, the order of the bits is that of the numbers, with infinity and NaN above; the maximum of integers vectorizes.
#[inline(always)]
fn update<M: Moment>(
    adam: &Adam,
    begin: u32,
    p: &mut [f32],
    g: &[f32],
    m: &mut [M],
    v: &mut [M],
) -> u32 {
    let (size, root) = adam.corrected();
    let (keep1, keep2) = (adam.beta1, adam.beta2);
    let (take1, take2) = (1.0 - keep1, 1.0 - keep2);
    let key = mixed(adam.step as u32);
    let mut largest = 0;
    let values = p.iter_mut().zip(g).zip(m).zip(v);
    for (position, (((p, g), m), v)) in (begin..).zip(values) {
        let first = keep1 * m.read() + take1 * g;
        let second = keep2 * v.read() + take2 * g * g;
        *p -= size * first / (second.sqrt() * root + adam.epsilon);
        largest = largest.max(second.to_bits() & 0x7fff_ffff);
        let noise = mixed(position ^ key);
        *m = M::round(first, noise);
        *v = M::round(second, noise >> 16);
    }
    largest
}

/// A hash of 32 bits (`lowbias32` of Wellons 2018, "Prospecting for Hash Functions"): in two multiplications, a change of
/// one bit changes each other with a probability of nearly one half.
#[inline(always)]
fn mixed(mut x: u32) -> u32 {
    x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
    x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
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
        update(&ADAM, 0, &mut p, &g, &mut m, &mut v);
        assert_eq!(wide, [p, m, v]);
    }

    /// Each moment is one of the two numbers around the exact one, and the mean of many is the exact one.
    #[test]
    fn moments_in_16_bits_are_rounded_at_random() {
        let length = 40_000;
        let gradient = vec![1.0 / 3.0; length];
        let [start1, start2] = [0.7, 0.011].map(Bf16::of);
        let (mut m, mut v) = (vec![start1; length], vec![start2; length]);
        let mut parameters = vec![1.0; length];
        let finite = adam_bf16(&ADAM, &mut parameters, &gradient, &mut m, &mut v);
        assert!(finite);
        let exact = [
            0.5 * f64::from(f32::from(start1)) + 0.5 / 3.0,
            0.999 * f64::from(f32::from(start2)) + 0.001 / 9.0,
        ];
        for (moments, exact) in [m, v].iter().zip(exact) {
            let unit = exact.log2().floor().exp2() / 128.0;
            let below = (exact / unit).floor() * unit;
            let mut sum = 0.0;
            for value in moments {
                let value = f64::from(f32::from(*value));
                assert!(
                    value == below || value == below + unit,
                    "{value} of {exact}"
                );
                sum += value;
            }
            // five standard deviations of the mean of so many
            let error = (sum / length as f64 - exact).abs();
            assert!(error < 5.0 * 0.5 * unit / (length as f64).sqrt(), "{error}");
        }
        // the step itself is that of exact moments
        let [mut p, mut m, mut v] = [[1.0], [start1.into()], [start2.into()]];
        adam(&ADAM, &mut p, &gradient[..1], &mut m, &mut v);
        assert!(parameters.iter().all(|parameter| *parameter == p[0]));
    }

    /// A second moment of 16 bits follows gradients that have become smaller, which the nearest number would not.
    #[test]
    fn a_second_moment_in_16_bits_decays() {
        let length = 1000;
        let gradient = vec![0.0; length];
        let mut parameters = vec![1.0; length];
        let (mut m, mut v) = (vec![Bf16::of(0.0); length], vec![Bf16::of(1.0); length]);
        for step in 1..=1000 {
            let adam = Adam { step, ..ADAM };
            adam_bf16(&adam, &mut parameters, &gradient, &mut m, &mut v);
        }
        let mean = v.iter().map(|v| f64::from(f32::from(*v))).sum::<f64>() / length as f64;
        let exact = 0.999f64.powi(1000);
        assert!((mean - exact).abs() < 0.01 * exact, "{mean} of {exact}");
    }

    #[test]
    fn every_width_rounds_alike() {
        let [p, g, m, v] = arrays(1003);
        let [m, v] = [m, v].map(|values| values.into_iter().map(Bf16::of).collect::<Vec<_>>());
        let (mut one, mut other) = ((p.clone(), m.clone(), v.clone()), (p, m, v));
        adam_bf16(&ADAM, &mut one.0, &g, &mut one.1, &mut one.2);
        update(&ADAM, 0, &mut other.0, &g, &mut other.1, &mut other.2);
        assert_eq!(one, other);
    }
}
