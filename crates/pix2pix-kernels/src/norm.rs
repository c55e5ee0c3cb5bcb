//! Batch normalization by the batch's own statistics, fused with the activation after it: one pass forward, two
//! backward. A batch may have several equal parts, each of which is normalized by itself. Images are
//! `[batch, channels, pixels]`, statistics `[parts, 2, channels]` (means, then variances), `gamma` and `beta`
//! `[channels]`. Each channel of each part is a task.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use crate::instruction_set::wide;
use crate::shared::Shared;

/// Sizes and constants of a normalization.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Norm {
    /// Number of images, a multiple of `parts`.
    pub batch: usize,
    /// Number of equal parts of the batch that are normalized by themselves: 1 for one batch.
    pub parts: usize,
    /// Number of channels.
    pub channels: usize,
    /// Pixels per channel and image.
    pub pixels: usize,
    /// Added to the variance.
    pub epsilon: f32,
    /// Slope of the activation for negative values: 1 for none, 0 for a ReLU, 0.2 for the LeakyReLU of pix2pix.
    pub slope: f32,
}

/// Computes the mean and the biased variance of each channel of each part, `[parts, 2, channels]`.
///
/// Two passes and vectors of partial sums keep the precision with large means and many pixels.
///
/// # Panics
/// If the slice's length does not fit.
pub fn norm_statistics(norm: &Norm, input: &[f32]) -> Vec<f32> {
    norm.check(input);
    let count = norm.count();
    norm.pairs(|channel| {
        wide(
            #[inline(always)]
            || {
                let mean = norm.sum(channel, |at| sum(&input[at], |x| x)) / count;
                let square = |x: f32| (x - mean) * (x - mean);
                let variance = norm.sum(channel, |at| sum(&input[at], square)) / count;
                [mean, variance]
            },
        )
    })
}

/// Normalizes `input` by `statistics`, scales it by `gamma`, shifts it by `beta`, and applies the activation.
///
/// # Panics
/// If a slice's length does not fit.
pub fn norm_forward<'a>(
    norm: &Norm,
    input: &[f32],
    statistics: &[f32],
    [gamma, beta]: [&[f32]; 2],
    output: &'a mut [MaybeUninit<f32>],
) -> &'a mut [f32] {
    norm.check(input);
    norm.check(output);
    let slope_below = norm.slope;
    let shared = Shared::new(&mut *output);
    norm.channels().for_each(|channel| {
        let line = norm.line(channel, statistics, gamma, beta);
        for at in norm.places(channel) {
            // SAFETY: each task has its own channel.
            let output = unsafe { shared.part(at.clone()) };
            let input = &input[at];
            wide(
                #[inline(always)]
                move || {
                    for (y, x) in output.iter_mut().zip(input) {
                        y.write(activate(line.scale * x + line.shift, slope_below));
                    }
                },
            );
        }
    });
    // SAFETY: the channels are all that the output has, and each task wrote its own.
    unsafe { output.assume_init_mut() }
}

/// Computes the gradients of `beta` and `gamma` by each part, `[parts, 2, channels]`: sums of the gradient before the
/// activation, then sums of its products with the normalized input.
///
/// # Panics
/// If a slice's length does not fit.
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
    norm.pairs(|channel| {
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
        [sums.0, sums.1 * line.inverse]
    })
}

/// Computes the gradient of the input, statistics included (Ioffe and Szegedy 2015, section 3). `sums` are the
/// gradients of [`norm_parameter_gradients`].
///
/// # Panics
/// If a slice's length does not fit.
pub fn norm_input_gradient<'a>(
    norm: &Norm,
    input: &[f32],
    statistics: &[f32],
    [gamma, beta]: [&[f32]; 2],
    (gradient, sums): (&[f32], &[f32]),
    input_gradient: &'a mut [MaybeUninit<f32>],
) -> &'a mut [f32] {
    norm.check(input);
    norm.check(gradient);
    norm.check(input_gradient);
    let count = norm.count();
    let slope_below = norm.slope;
    let shared = Shared::new(&mut *input_gradient);
    norm.channels().for_each(|channel| {
        let line = norm.line(channel, statistics, gamma, beta);
        let [sum, sum_of_products] = norm.pair(channel, sums);
        let mean_gradient = sum / count;
        let mean_product = sum_of_products / count * line.inverse;
        for at in norm.places(channel) {
            // SAFETY: each task has its own channel.
            let result = unsafe { shared.part(at.clone()) };
            let (input, gradient) = (&input[at.clone()], &gradient[at]);
            wide(
                #[inline(always)]
                move || {
                    for ((result, x), g) in result.iter_mut().zip(input).zip(gradient) {
                        let inner = slope(line.scale * x + line.shift, slope_below) * g;
                        result.write(
                            line.scale * (inner - mean_gradient - (x - line.mean) * mean_product),
                        );
                    }
                },
            );
        }
    });
    // SAFETY: the channels are all that the input has, and each task wrote its own.
    unsafe { input_gradient.assume_init_mut() }
}

/// A channel's normalization as a linear function, `scale * x + shift`.
#[derive(Clone, Copy)]
struct Line {
    mean: f32,
    inverse: f32,
    scale: f32,
    shift: f32,
}

/// A channel of a part.
#[derive(Clone, Copy)]
struct Channel {
    part: usize,
    index: usize,
}

impl Norm {
    fn check<T>(&self, values: &[T]) {
        let length = self.batch * self.channels * self.pixels;
        assert_eq!(values.len(), length, "length of a normalized image");
    }

    /// Number of images in a part.
    fn images(&self) -> usize {
        self.batch / self.parts
    }

    /// Number of values in a channel of a part.
    fn count(&self) -> f32 {
        (self.images() * self.pixels) as f32
    }

    /// The channels of all parts.
    fn channels(&self) -> impl IndexedParallelIterator<Item = Channel> + use<> {
        let channels = self.channels;
        (0..self.parts * channels)
            .into_par_iter()
            .map(move |place| Channel {
                part: place / channels,
                index: place % channels,
            })
    }

    /// Two values of each channel, `[parts, 2, channels]`.
    fn pairs(&self, of: impl Fn(Channel) -> [f32; 2] + Send + Sync) -> Vec<f32> {
        let pairs: Vec<[f32; 2]> = self.channels().map(of).collect();
        let parts = pairs.chunks_exact(self.channels);
        let rows = parts.flat_map(|part| [0, 1].map(|row| part.iter().map(move |pair| pair[row])));
        rows.flatten().collect()
    }

    /// The two values of a channel in `[parts, 2, channels]`.
    fn pair(&self, Channel { part, index }: Channel, pairs: &[f32]) -> [f32; 2] {
        [0, 1].map(|row| pairs[(2 * part + row) * self.channels + index])
    }

    /// The indices of a channel's pixels, image by image.
    fn places(&self, channel: Channel) -> impl Iterator<Item = std::ops::Range<usize>> + use<> {
        let (channels, pixels, images) = (self.channels, self.pixels, self.images());
        (0..images).map(move |image| {
            let image = channel.part * images + image;
            let start = (image * channels + channel.index) * pixels;
            start..start + pixels
        })
    }

    #[inline(always)]
    fn sum(&self, channel: Channel, part: impl Fn(std::ops::Range<usize>) -> f32) -> f32 {
        self.places(channel).map(part).sum()
    }

    fn line(&self, channel: Channel, statistics: &[f32], gamma: &[f32], beta: &[f32]) -> Line {
        let [mean, variance] = self.pair(channel, statistics);
        let inverse = 1.0 / (variance + self.epsilon).sqrt();
        let scale = gamma[channel.index] * inverse;
        Line {
            mean,
            inverse,
            scale,
            shift: beta[channel.index] - scale * mean,
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

/// Number of partial sums: enough to fill vectors, and more accurate than one sum.
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
