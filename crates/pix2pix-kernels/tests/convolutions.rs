//! The kernels against the plain loops in f64, and those against finite differences.

use pix2pix_kernels::{Geometry, forward, input_gradient, reference, weight_gradient};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Shapes of the networks and awkward ones: odd sides, channels that fill no vector, batches, 1x1
/// kernels, uneven padding, blocks of several rows.
fn geometries() -> Vec<Geometry> {
    let mut all = Vec::new();
    for (batch, channels, input) in [
        (1, [3, 8], [32, 32]),
        (2, [17, 5], [9, 14]),
        (1, [1, 1], [5, 7]),
        (3, [33, 19], [4, 4]),
        (4, [2, 3], [2, 2]),
        (1, [40, 31], [2, 2]),
        (1, [2, 6], [70, 90]),
    ] {
        for (kernel, stride, padding) in [
            (4, 2, [1, 1]),
            (4, 1, [1, 1]),
            (4, 1, [1, 2]),
            (1, 1, [0, 0]),
            (3, 3, [2, 0]),
        ] {
            let geometry = Geometry {
                batch,
                in_channels: channels[0],
                out_channels: channels[1],
                input,
                kernel,
                stride,
                padding,
            };
            if geometry.output().iter().all(|&side| side > 0) {
                all.push(geometry);
            }
        }
    }
    all
}

fn random(rng: &mut ChaCha8Rng, length: usize) -> Vec<f32> {
    (0..length).map(|_| rng.random_range(-1.0..1.0)).collect()
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&v| f64::from(v)).collect()
}

/// A sum of `terms` products of values up to 1, each step rounded to f32, is off by at most
/// `terms * EPSILON * sum of the products' sizes`, itself at most `terms` (Higham 2002, section 3.1).
fn close(what: &str, geometry: &Geometry, ours: &[f32], theirs: &[f64], terms: usize) {
    assert_eq!(ours.len(), theirs.len());
    let bound = (terms * terms) as f64 * f64::from(f32::EPSILON);
    for (ours, theirs) in ours.iter().zip(theirs) {
        let off = (f64::from(*ours) - theirs).abs();
        assert!(
            off <= bound,
            "{what} of {geometry:?}: {ours} instead of {theirs}"
        );
    }
}

#[test]
fn kernels_agree_with_the_plain_loops() {
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    let all = geometries();
    assert!(all.len() > 25);
    for g in &all {
        let [height, width] = g.output();
        let input = random(rng, g.batch * g.input_len());
        let weights = random(rng, g.weights());
        let gradient = random(rng, g.batch * g.output_len());
        // stale content must not show
        let [mut output, mut to_input, mut to_weights] =
            [gradient.len(), input.len(), weights.len()].map(|length| vec![f32::NAN; length]);
        forward(g, &input, &weights, &mut output);
        input_gradient(g, &gradient, &weights, &mut to_input);
        weight_gradient(g, &input, &gradient, &mut to_weights);

        let [input, weights, gradient] = [&input, &weights, &gradient].map(|v| wide(v));
        let window = g.kernel * g.kernel;
        let expected = reference::forward(g, &input, &weights);
        close("output", g, &output, &expected, g.in_channels * window);
        let expected = reference::input_gradient(g, &gradient, &weights);
        close(
            "input gradient",
            g,
            &to_input,
            &expected,
            g.out_channels * window,
        );
        let expected = reference::weight_gradient(g, &input, &gradient);
        close(
            "weight gradient",
            g,
            &to_weights,
            &expected,
            g.batch * height * width,
        );
    }
}

/// The same bits from run to run, on the same number of threads.
#[test]
fn kernels_repeat_themselves() {
    let rng = &mut ChaCha8Rng::seed_from_u64(2);
    for g in &geometries() {
        let input = random(rng, g.batch * g.input_len());
        let gradient = random(rng, g.batch * g.output_len());
        let run = || {
            let mut result = vec![0.0; g.weights()];
            weight_gradient(g, &input, &gradient, &mut result);
            result
        };
        assert_eq!(run(), run());
    }
}

/// The convolution is linear in both arguments, so that a difference quotient is exact but for
/// rounding.
#[test]
fn plain_gradients_are_finite_differences() {
    let rng = &mut ChaCha8Rng::seed_from_u64(3);
    let small = |g: &&Geometry| g.weights() * g.batch * g.output_len() < 100_000;
    for g in geometries().iter().filter(small) {
        let input = wide(&random(rng, g.batch * g.input_len()));
        let weights = wide(&random(rng, g.weights()));
        let gradient = wide(&random(rng, g.batch * g.output_len()));
        let loss = |input: &[f64], weights: &[f64]| -> f64 {
            let output = reference::forward(g, input, weights);
            output.iter().zip(&gradient).map(|(o, g)| o * g).sum()
        };
        let nudged = |values: &[f64], at: usize, by: f64| {
            let mut values = values.to_vec();
            values[at] += by;
            values
        };
        let to_input = reference::input_gradient(g, &gradient, &weights);
        let to_weights = reference::weight_gradient(g, &input, &gradient);
        for _ in 0..5 {
            let at = rng.random_range(0..input.len());
            let slope = (loss(&nudged(&input, at, 0.5), &weights)
                - loss(&nudged(&input, at, -0.5), &weights))
                / 1.0;
            assert!((slope - to_input[at]).abs() < 1e-9, "{g:?}");
            let at = rng.random_range(0..weights.len());
            let slope = (loss(&input, &nudged(&weights, at, 0.5))
                - loss(&input, &nudged(&weights, at, -0.5)))
                / 1.0;
            assert!((slope - to_weights[at]).abs() < 1e-9, "{g:?}");
        }
    }
}
