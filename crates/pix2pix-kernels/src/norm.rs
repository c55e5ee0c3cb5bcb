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
/// Two passes keep the precision with large means, and sums of chunks that are added in 64 bits with many pixels. The second
/// pass also corrects the mean (Chan, Golub and LeVeque 1983).
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
                let mut values = 0.0;
                for at in norm.places(channel) {
                    values += sum(&input[at]);
                }
                let mean = (values / count) as f32;
                let apart = |x: f32, _: f32| (x - mean, (x - mean) * (x - mean));
                let [apart, squares] = norm.sums(
                    channel,
                    #[inline(always)]
                    |at| sum_pairs(&input[at.clone()], &input[at], apart),
                );
                let apart = apart / count;
                let variance = squares / count - apart * apart;
                [(f64::from(mean) + apart) as f32, variance.max(0.0) as f32]
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

/// Multiplies each channel of one picture, `[channels, pixels]`, by its scale, adds its shift, and applies the activation
/// with this slope: a normalization whose statistics are known.
///
/// # Panics
/// If a slice's length does not fit, or if there are no pixels.
pub fn scale_and_shift<'a>(
    lines: &[[f32; 2]],
    slope: f32,
    input: &[f32],
    output: &'a mut [MaybeUninit<f32>],
) -> &'a mut [f32] {
    assert_eq!(input.len(), output.len(), "output length");
    assert!(input.len().is_multiple_of(lines.len()), "input length");
    let pixels = input.len() / lines.len();
    let planes = output
        .par_chunks_exact_mut(pixels)
        .zip(input.par_chunks_exact(pixels));
    planes
        .zip(lines)
        .for_each(|((output, input), &[scale, shift])| {
            wide(
                #[inline(always)]
                move || {
                    for (y, x) in output.iter_mut().zip(input) {
                        y.write(activate(scale * x + shift, slope));
                    }
                },
            );
        });
    // SAFETY: the planes cover the output, and each task writes all of its plane.
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
        let inner = move |x: f32, g: f32| {
            let slope = slope(line.scale * x + line.shift, slope_below);
            (slope * g, slope * g * (x - line.mean))
        };
        let [plain, weighted] = norm.sums(channel, |at| {
            let (input, gradient) = (&input[at.clone()], &gradient[at]);
            wide(
                #[inline(always)]
                move || sum_pairs(input, gradient, inner),
            )
        });
        [plain as f32, (weighted * f64::from(line.inverse)) as f32]
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
    let count = norm.count() as f32;
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
    fn count(&self) -> f64 {
        (self.images() * self.pixels) as f64
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

    /// Two sums over a channel, from those of the pixels of each image.
    #[inline(always)]
    fn sums(
        &self,
        channel: Channel,
        part: impl Fn(std::ops::Range<usize>) -> [f64; 2],
    ) -> [f64; 2] {
        let mut sums = [0.0; 2];
        for at in self.places(channel) {
            let [first, second] = part(at);
            sums = [sums[0] + first, sums[1] + second];
        }
        sums
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

/// Values whose partial sums are added in 32 bits, without rounding more than their sixth digit; the sums of these chunks are
/// added in 64.
const CHUNK: usize = 4096;

#[inline(always)]
fn sum(values: &[f32]) -> f64 {
    let mut all = 0.0;
    for chunk in values.chunks(CHUNK) {
        let (rows, rest) = chunk.as_chunks::<LANES>();
        let mut lanes = [0.0; LANES];
        for row in rows {
            for (lane, x) in lanes.iter_mut().zip(row) {
                *lane += x;
            }
        }
        all += f64::from(lanes.iter().sum::<f32>() + rest.iter().sum::<f32>());
    }
    all
}

/// The sums of both values that `term` gives for each pair.
#[inline(always)]
fn sum_pairs(x: &[f32], g: &[f32], term: impl Fn(f32, f32) -> (f32, f32)) -> [f64; 2] {
    let mut all = [0.0; 2];
    for (x, g) in x.chunks(CHUNK).zip(g.chunks(CHUNK)) {
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
        all = [all[0] + f64::from(a), all[1] + f64::from(b)];
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filled;

    #[test]
    fn lines_by_hand() {
        let lines = [[2.0, 1.0], [-1.0, 0.5]];
        let found = filled(4, |output| {
            scale_and_shift(&lines, 0.5, &[1.0, -2.0, 3.0, -4.0], output)
        });
        assert_eq!(found, [3.0, -1.5, -1.25, 4.5]);
    }
}
