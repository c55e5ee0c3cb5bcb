//! The fused normalization against the definition in f64.

use std::mem::MaybeUninit;

use pix2pix_kernels::{
    Norm, norm_forward, norm_input_gradient, norm_parameter_gradients, norm_statistics,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const EPSILON: f32 = 1e-5;

fn sizes() -> Vec<Norm> {
    let mut all = Vec::new();
    for (batch, parts, channels, pixels) in [
        (1, 1, 5, 64),
        (3, 1, 7, 33),
        (2, 1, 1, 1),
        (4, 1, 2, 1000),
        (1, 1, 64, 4),
        (2, 2, 5, 64),
        (6, 3, 4, 33),
    ] {
        for slope in [1.0, 0.2, 0.0] {
            all.push(Norm {
                batch,
                parts,
                channels,
                pixels,
                epsilon: EPSILON,
                slope,
            });
        }
    }
    all
}

fn random(rng: &mut ChaCha8Rng, length: usize, range: std::ops::Range<f32>) -> Vec<f32> {
    (0..length)
        .map(|_| rng.random_range(range.clone()))
        .collect()
}

/// An output in which an element left unwritten shows.
fn unwritten(length: usize) -> Vec<MaybeUninit<f32>> {
    vec![MaybeUninit::new(f32::NAN); length]
}

/// The output in f64, with the statistics of `input` itself.
fn reference(norm: &Norm, input: &[f64], gamma: &[f64], beta: &[f64]) -> Vec<f64> {
    let mut output = vec![0.0; input.len()];
    let images = norm.batch / norm.parts;
    for (part, channel) in (0..norm.parts).flat_map(|p| (0..norm.channels).map(move |c| (p, c))) {
        let places: Vec<usize> = (part * images..(part + 1) * images)
            .flat_map(|image| {
                let start = (image * norm.channels + channel) * norm.pixels;
                start..start + norm.pixels
            })
            .collect();
        let count = places.len() as f64;
        let mean = places.iter().map(|&at| input[at]).sum::<f64>() / count;
        let variance = places
            .iter()
            .map(|&at| (input[at] - mean).powi(2))
            .sum::<f64>()
            / count;
        let deviation = (variance + f64::from(EPSILON)).sqrt();
        for at in places {
            let scaled = gamma[channel] * (input[at] - mean) / deviation;
            let y = scaled + beta[channel];
            output[at] = if y > 0.0 {
                y
            } else {
                f64::from(norm.slope) * y
            };
        }
    }
    output
}

/// Inputs with a mean fifty times their spread cost two digits of f32's seven.
#[test]
fn forward_is_the_definition_even_far_from_zero() {
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    for norm in sizes() {
        for offset in [0.0, 50.0] {
            let length = norm.batch * norm.channels * norm.pixels;
            let input = random(rng, length, offset - 1.0..offset + 1.0);
            let gamma = random(rng, norm.channels, 0.5..1.5);
            let beta = random(rng, norm.channels, -1.0..1.0);
            let statistics = norm_statistics(&norm, &input);
            let mut output = unwritten(length);
            let output = norm_forward(&norm, &input, &statistics, [&gamma, &beta], &mut output);
            let expected = reference(&norm, &wide(&input), &wide(&gamma), &wide(&beta));
            let bound = if offset == 0.0 { 1e-5 } else { 1e-3 };
            for (ours, theirs) in output.iter().zip(expected) {
                let off = (f64::from(*ours) - theirs).abs();
                assert!(
                    off < bound,
                    "{norm:?} at {offset}: {ours} instead of {theirs}"
                );
            }
        }
    }
}

/// A large even area rounds every 32-bit sum in one direction: a strip of 0.9 above 2048x1792 pixels of 0.1, and both far
/// from zero.
#[test]
fn sums_of_many_pixels_are_exact() {
    let pixels = 2048 * 2048;
    let norm = Norm {
        batch: 1,
        parts: 1,
        channels: 1,
        pixels,
        epsilon: EPSILON,
        slope: 1.0,
    };
    let off = |found: f32, exact: f64| (f64::from(found) / exact - 1.0).abs();
    for offset in [0.0, 100.0] {
        let levels = [offset + 0.9, offset + 0.1];
        let value = |at: usize| levels[usize::from(at >= pixels / 8)];
        let input: Vec<f32> = (0..pixels).map(value).collect();
        let [high, low] = levels.map(f64::from);
        let mean = (high + 7.0 * low) / 8.0;
        let variance = (high - low).powi(2) * 7.0 / 64.0;
        let statistics = norm_statistics(&norm, &input);
        let gap = (f64::from(statistics[0]) - mean).abs();
        assert!(gap < 1e-5, "{offset}: {statistics:?}");
        assert!(
            off(statistics[1], variance) < 5e-6,
            "{offset}: {statistics:?}"
        );
        if offset > 0.0 {
            continue;
        }
        // the gradient is the input: its products with the normalized input are the variance over the deviation
        let sums = norm_parameter_gradients(&norm, &input, &statistics, [&[1.0], &[0.0]], &input);
        let deviation = (variance + f64::from(EPSILON)).sqrt();
        let count = pixels as f64;
        assert!(off(sums[0], count * mean) < 1e-5, "{sums:?}");
        assert!(
            off(sums[1], count * variance / deviation) < 1e-5,
            "{sums:?}"
        );
    }
}

/// Against central differences of the f64 reference.
#[test]
fn gradients_are_finite_differences() {
    let rng = &mut ChaCha8Rng::seed_from_u64(2);
    for norm in sizes() {
        let length = norm.batch * norm.channels * norm.pixels;
        let input = random(rng, length, -1.0..1.0);
        let gamma = random(rng, norm.channels, 0.5..1.5);
        let beta = random(rng, norm.channels, -1.0..1.0);
        let gradient = random(rng, length, -1.0..1.0);
        let statistics = norm_statistics(&norm, &input);
        let parameters = [gamma.as_slice(), beta.as_slice()];
        let sums = norm_parameter_gradients(&norm, &input, &statistics, parameters, &gradient);
        let mut to_input = unwritten(length);
        let given = (gradient.as_slice(), sums.as_slice());
        let to_input =
            norm_input_gradient(&norm, &input, &statistics, parameters, given, &mut to_input);

        let values = [wide(&input), wide(&gamma), wide(&beta)];
        let slope_at = |which: usize, at: usize| -> f64 {
            let loss = |by: f64| -> f64 {
                let mut values = values.clone();
                values[which][at] += by;
                let output = reference(&norm, &values[0], &values[1], &values[2]);
                let products = output.iter().zip(&gradient).map(|(y, &g)| y * f64::from(g));
                products.sum()
            };
            (loss(1e-6) - loss(-1e-6)) / 2e-6
        };
        // a channel of few values may have almost no variance, and slopes in the hundreds
        let close = |ours: f32, theirs: f64| {
            let off = (f64::from(ours) - theirs).abs();
            assert!(
                off < 1e-3 * theirs.abs().max(1.0),
                "{norm:?}: {ours} instead of {theirs}"
            );
        };
        for _ in 0..5 {
            let at = rng.random_range(0..length);
            close(to_input[at], slope_at(0, at));
            let channel = rng.random_range(0..norm.channels);
            // over all parts
            let sum = |row: usize| {
                let parts = sums.chunks(2 * norm.channels);
                parts.map(|part| part[row * norm.channels + channel]).sum()
            };
            close(sum(1), slope_at(1, channel));
            close(sum(0), slope_at(2, channel));
        }
    }
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&v| f64::from(v)).collect()
}
