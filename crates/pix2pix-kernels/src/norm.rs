//! Batch normalization with the batch's own statistics, and the activation after it, in one pass
//! forwards and two backwards. Images are `[batch, channels, pixels]`; channels are independent and
//! divided among the threads.

use rayon::prelude::*;

use crate::machine::wide;
use crate::shared::Shared;

/// The sizes of a normalization.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Norm {
    /// Images.
    pub batch: usize,
    /// Channels.
    pub channels: usize,
    /// Pixels of one channel of one image.
    pub pixels: usize,
    /// Added to the variance.
    pub epsilon: f32,
    /// Slope of the activation below zero: 1 for none, 0 for a ReLU, 0.2 for pix2pix' LeakyReLU.
    pub slope: f32,
}

/// Mean and (biased) variance of each channel: all means, then all variances.
///
/// Two passes, in vectors of partial sums, so that neither a large mean nor many pixels cost digits.
///
/// # Panics
/// When the slice does not fit the sizes.
pub fn norm_statistics(norm: &Norm, input: &[f32]) -> Vec<f32> {
    norm.check(input);
    let count = (norm.batch * norm.pixels) as f32;
    let (means, variances): (Vec<f32>, Vec<f32>) = (0..norm.channels)
        .into_par_iter()
        .map(|channel| {
            wide(
                #[inline(always)]
                || {
                    let mean = norm.sum(channel, |at| sum(&input[at], |x| x)) / count;
                    let square = |x: f32| (x - mean) * (x - mean);
                    let variance = norm.sum(channel, |at| sum(&input[at], square)) / count;
                    (mean, variance)
                },
            )
        })
        .unzip();
    [means, variances].concat()
}

/// Normalizes by `statistics`, scales by `gamma`, shifts by `beta`, and activates.
///
/// # Panics
/// When a slice does not fit the sizes.
pub fn norm_forward(
    norm: &Norm,
    input: &[f32],
    statistics: &[f32],
    [gamma, beta]: [&[f32]; 2],
    output: &mut [f32],
) {
    norm.check(input);
    norm.check(output);
    let slope_below = norm.slope;
    let shared = Shared::new(output);
    (0..norm.channels).into_par_iter().for_each(|channel| {
        let line = norm.line(channel, statistics, gamma, beta);
        for at in norm.places(channel) {
            // SAFETY: each channel's pixels belong to this job alone.
            let output = unsafe { shared.part(at.clone()) };
            let input = &input[at];
            wide(
                #[inline(always)]
                move || {
                    for (y, x) in output.iter_mut().zip(input) {
                        *y = activate(line.scale * x + line.shift, slope_below);
                    }
                },
            );
        }
    });
}

/// Gradients of `beta` and `gamma`: all sums of the gradient before the activation, then all sums of
/// its product with the normalized input.
///
/// # Panics
/// When a slice does not fit the sizes.
pub fn norm_parameter_gradients(
    norm: &Norm,
    input: &[f32],
    statistics: &[f32],
    [gamma, beta]: [&[f32]; 2],
    gradient: &[f32],
) -> Vec<f32> {
    norm.check(input);
    norm.check(gradient);
    let slope_below = norm.slope;
    let (betas, gammas): (Vec<f32>, Vec<f32>) = (0..norm.channels)
        .into_par_iter()
        .map(|channel| {
            let line = norm.line(channel, statistics, gamma, beta);
            let mut sums = (0.0, 0.0);
            for at in norm.places(channel) {
                let inner = move |x: f32, g: f32| {
                    let slope = slope(line.scale * x + line.shift, slope_below);
                    (slope * g, slope * g * (x - line.mean))
                };
                let (input, gradient) = (&input[at.clone()], &gradient[at]);
                let (plain, weighted) = wide(
                    #[inline(always)]
                    move || sum_pairs(input, gradient, inner),
                );
                sums = (sums.0 + plain, sums.1 + weighted);
            }
            (sums.0, sums.1 * line.inverse)
        })
        .unzip();
    [betas, gammas].concat()
}

/// Gradient of the input, through the statistics too; `sums` are the parameters' gradients (Ioffe and
/// Szegedy 2015, section 3).
///
/// # Panics
/// When a slice does not fit the sizes.
pub fn norm_input_gradient(
    norm: &Norm,
    input: &[f32],
    statistics: &[f32],
    [gamma, beta]: [&[f32]; 2],
    (gradient, sums): (&[f32], &[f32]),
    input_gradient: &mut [f32],
) {
    norm.check(input);
    norm.check(gradient);
    norm.check(input_gradient);
    let count = (norm.batch * norm.pixels) as f32;
    let slope_below = norm.slope;
    let shared = Shared::new(input_gradient);
    (0..norm.channels).into_par_iter().for_each(|channel| {
        let line = norm.line(channel, statistics, gamma, beta);
        let mean_gradient = sums[channel] / count;
        let mean_product = sums[norm.channels + channel] / count * line.inverse;
        for at in norm.places(channel) {
            // SAFETY: each channel's pixels belong to this job alone.
            let result = unsafe { shared.part(at.clone()) };
            let (input, gradient) = (&input[at.clone()], &gradient[at]);
            wide(
                #[inline(always)]
                move || {
                    for ((result, x), g) in result.iter_mut().zip(input).zip(gradient) {
                        let inner = slope(line.scale * x + line.shift, slope_below) * g;
                        *result =
                            line.scale * (inner - mean_gradient - (x - line.mean) * mean_product);
                    }
                },
            );
        }
    });
}

/// A channel's normalization as a straight line: `scale * x + shift`.
#[derive(Clone, Copy)]
struct Line {
    mean: f32,
    inverse: f32,
    scale: f32,
    shift: f32,
}

impl Norm {
    fn check(&self, values: &[f32]) {
        let length = self.batch * self.channels * self.pixels;
        assert_eq!(values.len(), length, "length of a normalized image");
    }

    /// Where a channel's pixels are, image by image.
    fn places(&self, channel: usize) -> impl Iterator<Item = std::ops::Range<usize>> + use<> {
        let (channels, pixels) = (self.channels, self.pixels);
        (0..self.batch).map(move |image| {
            let start = (image * channels + channel) * pixels;
            start..start + pixels
        })
    }

    #[inline(always)]
    fn sum(&self, channel: usize, part: impl Fn(std::ops::Range<usize>) -> f32) -> f32 {
        self.places(channel).map(part).sum()
    }

    fn line(&self, channel: usize, statistics: &[f32], gamma: &[f32], beta: &[f32]) -> Line {
        let (mean, variance) = (statistics[channel], statistics[self.channels + channel]);
        let inverse = 1.0 / (variance + self.epsilon).sqrt();
        let scale = gamma[channel] * inverse;
        Line {
            mean,
            inverse,
            scale,
            shift: beta[channel] - scale * mean,
        }
    }
}

#[inline(always)]
fn activate(x: f32, below: f32) -> f32 {
    slope(x, below) * x
}

/// The activation's derivative.
#[inline(always)]
fn slope(x: f32, below: f32) -> f32 {
    if x > 0.0 { 1.0 } else { below }
}

/// Partial sums side by side: a vector's worth, and a tree's accuracy at the end.
const LANES: usize = 32;

#[inline(always)]
fn sum(values: &[f32], term: impl Fn(f32) -> f32) -> f32 {
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for chunk in chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane += term(x);
        }
    }
    lanes.iter().sum::<f32>() + rest.iter().map(|&x| term(x)).sum::<f32>()
}

#[inline(always)]
fn sum_pairs(x: &[f32], g: &[f32], term: impl Fn(f32, f32) -> (f32, f32)) -> (f32, f32) {
    let ((x, x_rest), (g, g_rest)) = (x.as_chunks::<LANES>(), g.as_chunks::<LANES>());
    let (mut first, mut second) = ([0.0; LANES], [0.0; LANES]);
    for (x, g) in x.iter().zip(g) {
        for lane in 0..LANES {
            let (a, b) = term(x[lane], g[lane]);
            first[lane] += a;
            second[lane] += b;
        }
    }
    let (mut a, mut b) = (first.iter().sum::<f32>(), second.iter().sum::<f32>());
    for (&x, &g) in x_rest.iter().zip(g_rest) {
        let (rest_a, rest_b) = term(x, g);
        (a, b) = (a + rest_a, b + rest_b);
    }
    (a, b)
}
