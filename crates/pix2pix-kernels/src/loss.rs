//! Losses that are means over all values, and their gradients.

use std::mem::MaybeUninit;

use rayon::prelude::*;

/// Values of a task.
const CHUNK: usize = 1 << 14;

/// The loss of one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Curve {
    /// `log(1 + exp(z))`: binary cross-entropy of a logit.
    Softplus,
    /// `z^2`.
    Square,
    /// `max(z, 0)`.
    Positive,
    /// `z`.
    Linear,
    /// `|z|`.
    Absolute,
}

impl Curve {
    #[inline(always)]
    fn at(self, z: f32) -> f32 {
        match self {
            // neither overflows nor loses small values
            Self::Softplus => z.max(0.0) + (-z.abs()).exp().ln_1p(),
            Self::Square => z * z,
            Self::Positive => z.max(0.0),
            Self::Linear => z,
            Self::Absolute => z.abs(),
        }
    }

    /// Its slope; 0 where it has a corner.
    #[inline(always)]
    fn slope(self, z: f32) -> f32 {
        match self {
            Self::Softplus => 1.0 / (1.0 + (-z).exp()),
            Self::Square => 2.0 * z,
            Self::Positive => f32::from(u8::from(z > 0.0)),
            Self::Linear => 1.0,
            Self::Absolute => f32::from(u8::from(z > 0.0)) - f32::from(u8::from(z < 0.0)),
        }
    }
}

/// The loss of a value `x`: a curve at `sign * x + offset`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Loss {
    /// The curve.
    pub curve: Curve,
    /// 1 or -1.
    pub sign: f32,
    /// Added to the value.
    pub offset: f32,
}

impl Loss {
    /// The mean over all values.
    pub fn mean(&self, values: &[f32]) -> f32 {
        mean(values.par_chunks(CHUNK), values.len(), |chunk| {
            let losses = chunk
                .iter()
                .map(|x| self.curve.at(self.sign * x + self.offset));
            losses.map(f64::from).sum()
        })
    }

    /// The gradient of the values from that of the mean.
    ///
    /// # Panics
    /// If the slices differ in length.
    pub fn gradient<'a>(
        &self,
        values: &[f32],
        gradient: f32,
        to_values: &'a mut [MaybeUninit<f32>],
    ) -> &'a mut [f32] {
        assert_eq!(values.len(), to_values.len());
        let share = self.sign * gradient / values.len() as f32;
        let tasks = to_values
            .par_chunks_mut(CHUNK)
            .zip(values.par_chunks(CHUNK));
        tasks.for_each(|(to_values, values)| {
            for (to_value, x) in to_values.iter_mut().zip(values) {
                to_value.write(self.curve.slope(self.sign * x + self.offset) * share);
            }
        });
        // SAFETY: the chunks cover the output, and each task writes all of its chunk.
        unsafe { to_values.assume_init_mut() }
    }
}

/// The mean absolute difference.
///
/// # Panics
/// If the slices differ in length.
pub fn mean_distance(first: &[f32], second: &[f32]) -> f32 {
    assert_eq!(first.len(), second.len());
    let chunks = first.par_chunks(CHUNK).zip(second.par_chunks(CHUNK));
    mean(chunks, first.len(), |(first, second)| {
        let both = first.iter().zip(second);
        both.map(|(a, b)| f64::from((a - b).abs())).sum()
    })
}

/// The gradient of `first` from that of [`mean_distance`].
///
/// # Panics
/// If the slices differ in length.
pub fn mean_distance_gradient<'a>(
    first: &[f32],
    second: &[f32],
    gradient: f32,
    to_first: &'a mut [MaybeUninit<f32>],
) -> &'a mut [f32] {
    assert!(first.len() == second.len() && first.len() == to_first.len());
    let share = gradient / first.len() as f32;
    let chunks = first.par_chunks(CHUNK).zip(second.par_chunks(CHUNK));
    let tasks = to_first.par_chunks_mut(CHUNK).zip(chunks);
    tasks.for_each(|(to_first, (first, second))| {
        for (to_value, (a, b)) in to_first.iter_mut().zip(first.iter().zip(second)) {
            to_value.write(Curve::Absolute.slope(a - b) * share);
        }
    });
    // SAFETY: the chunks cover the output, and each task writes all of its chunk.
    unsafe { to_first.assume_init_mut() }
}

/// The mean of `length` values from the sums of their chunks, which are added in order: the same with any number of
/// threads.
fn mean<T: Send>(
    chunks: impl IndexedParallelIterator<Item = T>,
    length: usize,
    sum: impl Fn(T) -> f64 + Sync + Send,
) -> f32 {
    let sums: Vec<f64> = chunks.map(sum).collect();
    (sums.iter().sum::<f64>() / length as f64) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filled;

    const CURVES: [Curve; 5] = [
        Curve::Softplus,
        Curve::Square,
        Curve::Positive,
        Curve::Linear,
        Curve::Absolute,
    ];

    /// The cells 2, -0.5 and 3, by hand.
    #[test]
    fn means_by_hand() {
        let softplus = |z: f64| (1.0 + z.exp()).ln();
        for (curve, expected) in CURVES.into_iter().zip([
            (softplus(-1.0) + softplus(1.5) + softplus(-2.0)) / 3.0,
            (1.0 + 2.25 + 4.0) / 3.0,
            0.5,
            -0.5,
            1.5,
        ]) {
            let loss = Loss {
                curve,
                sign: -1.0,
                offset: 1.0,
            };
            let found = loss.mean(&[2.0, -0.5, 3.0]);
            assert!(
                (f64::from(found) - expected).abs() < 1e-6,
                "{curve:?}: {found}"
            );
        }
        assert_eq!(mean_distance(&[1.0, -2.0], &[0.5, 1.0]), 1.75);
    }

    /// Large logits neither overflow nor vanish.
    #[test]
    fn cross_entropy_of_large_logits() {
        assert_eq!(Curve::Softplus.at(200.0), 200.0);
        assert_eq!(Curve::Softplus.at(-30.0), (-30f32).exp());
        assert_eq!(Curve::Softplus.slope(-200.0), 0.0);
        assert_eq!(Curve::Softplus.slope(200.0), 1.0);
    }

    /// Against differences of the means themselves, away from the corners.
    #[test]
    fn gradients_are_slopes() {
        let values = [1.5f32, -0.75, 0.25, 3.0];
        let step = 1e-3;
        for curve in CURVES {
            for sign in [1.0, -1.0] {
                let loss = Loss {
                    curve,
                    sign,
                    offset: 0.5,
                };
                let found = filled(4, |out| loss.gradient(&values, 2.0, out));
                for (index, found) in found.into_iter().enumerate() {
                    let [more, less] = [step, -step].map(|step| {
                        let mut values = values;
                        values[index] += step;
                        loss.mean(&values)
                    });
                    let expected = 2.0 * (more - less) / (2.0 * step);
                    assert!(
                        (found - expected).abs() < 1e-3,
                        "{curve:?}: {found}, {expected}"
                    );
                }
            }
        }
        let found = filled(3, |out| {
            mean_distance_gradient(&[1.0, 2.0, 3.0], &[2.0, 2.0, 1.0], 3.0, out)
        });
        assert_eq!(found, [-1.0, 0.0, 1.0]);
    }
}
