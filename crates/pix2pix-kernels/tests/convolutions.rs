//! The kernels against the plain loops in f64, and the plain loops against finite differences.

use std::mem::MaybeUninit;

use pix2pix_kernels::winograd::{Form, Pass};
use pix2pix_kernels::{
    Arithmetic, Bf16, Geometry, InstructionSet, Weights, convolution, im2col, reference,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Shapes of the networks, and edge cases: odd sides, channels that fill no vector, batches, 1x1 kernels, uneven
/// padding, blocks of several rows.
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
        (2, [36, 70], [13, 20]),
        (2, [24, 1], [9, 11]),
        (4, [16, 32], [6, 5]),
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

/// An output in which an element left unwritten shows.
fn unwritten(length: usize) -> Vec<MaybeUninit<f32>> {
    vec![MaybeUninit::new(f32::NAN); length]
}

/// An algorithm for a convolution, and constants of its error.
#[derive(Clone, Copy, Debug)]
struct Way {
    /// `None` for the patch matrix.
    fast: Option<(InstructionSet, Form)>,
    /// Relative rounding error of a factor.
    factors: f64,
    /// The sum of all intermediate products, relative to that of the definition's (worst case, root mean square). Both
    /// follow from the matrices of the maps: with `b`, `g`, `a` the row sums of `data` and `kernel` and the entries of
    /// `output` (all as absolute values), the worst case along an axis is `max sum_p a_p g_p b_p`, over R; with squares
    /// instead of absolute values and `a` the column sums of `output`, the mean square is `sum_p a_p g_p b_p / (T R)`.
    magnified: (f64, f64),
}

impl Way {
    /// All algorithms for a geometry on this processor.
    fn all(g: &Geometry) -> Vec<Self> {
        let mut ways = vec![Self {
            fast: None,
            factors: 0.0,
            magnified: (1.0, 1.0),
        }];
        for arithmetic in [Arithmetic::F32, Arithmetic::Bf16] {
            for instructions in InstructionSet::available(arithmetic) {
                for &form in Form::all(instructions, g) {
                    ways.push(Self {
                        fast: Some((instructions, form)),
                        // 8 significant bits, to nearest
                        factors: match arithmetic {
                            Arithmetic::F32 => 0.0,
                            Arithmetic::Bf16 => f64::powi(2.0, -8),
                        },
                        magnified: match form {
                            Form::TwoTaps => ((6.0f64 / 2.0).powi(2), 10.0 / 6.0),
                            Form::TwoTapsWide => ((20.0f64 / 2.0).powi(2), 51.2 / 8.0),
                            Form::FourTaps => ((74.0f64 / 4.0).powi(2), 254.2 / 16.0),
                        },
                    });
                }
            }
        }
        ways
    }

    fn forward(self, g: &Geometry, input: &[f32], weights: &[f32]) -> Vec<f32> {
        self.forward_of(g, input, weights.into())
    }

    fn forward_of(self, g: &Geometry, input: &[f32], weights: Weights) -> Vec<f32> {
        let mut output = unwritten(g.batch * g.output_len());
        let output = match self.fast {
            Some((instructions, form)) => {
                form.forward(instructions, g, input, weights, &mut output)
            }
            None => im2col::forward(g, input, weights, &mut output),
        };
        output.to_vec()
    }

    fn input_gradient(self, g: &Geometry, gradient: &[f32], weights: &[f32]) -> Vec<f32> {
        self.input_gradient_of(g, gradient, weights.into())
    }

    fn input_gradient_of(self, g: &Geometry, gradient: &[f32], weights: Weights) -> Vec<f32> {
        let mut input = unwritten(g.batch * g.input_len());
        let input = match self.fast {
            Some((instructions, form)) => {
                form.input_gradient(instructions, g, gradient, weights, &mut input)
            }
            None => im2col::input_gradient(g, gradient, weights, &mut input),
        };
        input.to_vec()
    }

    fn weight_gradient(self, g: &Geometry, input: &[f32], gradient: &[f32]) -> Vec<f32> {
        let mut weights = unwritten(g.weights());
        let weights = match self.fast {
            Some((instructions, form)) => {
                form.weight_gradient(instructions, g, input, gradient, &mut weights)
            }
            None => im2col::weight_gradient(g, input, gradient, &mut weights),
        };
        weights.to_vec()
    }

    /// Checks sums of up to `terms` products of values up to 1.
    ///
    /// In the worst case each product is off by twice the rounding of its factors, and each step of the sum and of the maps
    /// (fewer than 16) by half an ulp (Higham 2002, section 3.1). Rounding errors are nearly independent, so the root of
    /// their mean square grows with the root of the number of steps only (Higham and Mary 2019). This bound would catch a
    /// wrong pixel.
    fn check(self, what: &str, g: &Geometry, ours: &[f32], theirs: &[f64], terms: usize) {
        assert_eq!(ours.len(), theirs.len());
        let half_ulp = f64::from(f32::EPSILON) / 2.0;
        let (terms, steps) = (terms as f64, terms as f64 + 16.0);
        let worst = self.magnified.0 * terms * (2.0 * self.factors + steps * half_ulp);
        let mut squares = (0.0, 0.0);
        for (ours, theirs) in ours.iter().zip(theirs) {
            let off = (f64::from(*ours) - theirs).abs();
            assert!(
                off <= worst,
                "{what} of {g:?}, {self:?}: {ours} instead of {theirs}"
            );
            squares = (squares.0 + off * off, squares.1 + theirs * theirs);
        }
        let relative = (squares.0 / squares.1.max(1e-300)).sqrt();
        let rounding = 2f64.sqrt() * self.factors + steps.sqrt() * half_ulp;
        let bound = 2.0 * self.magnified.1 * rounding;
        assert!(
            relative <= bound,
            "{what} of {g:?}, {self:?}: relative error {relative:.1e}, bound {bound:.1e}"
        );
    }
}

#[test]
fn every_way_agrees_with_the_plain_loops() {
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    let all = geometries();
    assert!(all.len() > 25);
    for g in &all {
        let [height, width] = g.output();
        let input = random(rng, g.batch * g.input_len());
        let weights = random(rng, g.weights());
        let gradient = random(rng, g.batch * g.output_len());
        let [wide_input, wide_weights, wide_gradient] =
            [&input, &weights, &gradient].map(|v| wide(v));
        let output = reference::forward(g, &wide_input, &wide_weights);
        let to_input = reference::input_gradient(g, &wide_gradient, &wide_weights);
        let to_weights = reference::weight_gradient(g, &wide_input, &wide_gradient);
        let window = g.kernel * g.kernel;
        for way in Way::all(g) {
            let ours = way.forward(g, &input, &weights);
            way.check("output", g, &ours, &output, g.in_channels * window);
            let ours = way.input_gradient(g, &gradient, &weights);
            way.check(
                "input gradient",
                g,
                &ours,
                &to_input,
                g.out_channels * window,
            );
            let ours = way.weight_gradient(g, &input, &gradient);
            let terms = g.batch * height * width;
            way.check("weight gradient", g, &ours, &to_weights, terms);
        }
    }
}

fn of(weights: &[f32]) -> Weights<'_> {
    weights.into()
}

/// Stored in 16 bits, weights are what they were rounded to, in every bit of the results.
#[test]
fn weights_in_16_bits_are_rounded_weights() {
    let rng = &mut ChaCha8Rng::seed_from_u64(5);
    for g in &geometries() {
        let input = random(rng, g.batch * g.input_len());
        let gradient = random(rng, g.batch * g.output_len());
        let stored = random(rng, g.weights()).into_iter().map(Bf16::of);
        let stored: Vec<Bf16> = stored.collect();
        let rounded: Vec<f32> = stored.iter().map(|&weight| weight.into()).collect();
        let stored = Weights::Bf16(&stored);
        for way in Way::all(g) {
            assert_eq!(
                way.forward_of(g, &input, stored),
                way.forward(g, &input, &rounded),
                "{way:?} of {g:?}"
            );
            assert_eq!(
                way.input_gradient_of(g, &gradient, stored),
                way.input_gradient(g, &gradient, &rounded),
                "{way:?} of {g:?}"
            );
        }
    }
}

/// The public functions compute what the form chosen for the geometry does.
#[test]
fn the_chosen_way_is_right() {
    let rng = &mut ChaCha8Rng::seed_from_u64(4);
    let (tiles, wide) = (Some(Form::TwoTaps), Some(Form::TwoTapsWide));
    // in browsers, no network has such windows
    let four = cfg!(not(target_arch = "wasm32")).then_some(Form::FourTaps);
    for (g, forms) in [
        (geometry([32, 40], [24, 24], 2), [tiles, wide, tiles]),
        (geometry([32, 40], [64, 64], 2), [wide; 3]),
        (geometry([32, 40], [24, 24], 1), [four; 3]),
        // of 8x8 outputs, only the gradient of the input is faster in tiles
        (geometry([32, 40], [16, 16], 2), [None, wide, None]),
        (geometry([32, 40], [8, 8], 2), [None; 3]),
        (geometry([8, 40], [24, 24], 2), [None; 3]),
    ] {
        let instructions = InstructionSet::best(Arithmetic::F32);
        let passes = [Pass::Forward, Pass::InputGradient, Pass::WeightGradient];
        let found = passes.map(|pass| Form::best(instructions, &g, pass));
        assert_eq!(found, forms, "{g:?}");
        let input = random(rng, g.input_len());
        let weights = random(rng, g.weights());
        let gradient = random(rng, g.output_len());
        let [to_output_way, to_input_way, to_weights_way] = forms.map(|form| {
            let fast = form.map(|form| (instructions, form));
            let way = Way::all(&g).into_iter().find(|way| way.fast == fast);
            way.expect("all ways include the chosen one")
        });
        let mut output = unwritten(gradient.len());
        let output = convolution::forward(instructions, &g, &input, of(&weights), &mut output);
        let mut to_input = unwritten(input.len());
        let to_input =
            convolution::input_gradient(instructions, &g, &gradient, of(&weights), &mut to_input);
        let mut to_weights = unwritten(weights.len());
        let to_weights =
            convolution::weight_gradient(instructions, &g, &input, &gradient, &mut to_weights);
        assert_eq!(output, to_output_way.forward(&g, &input, &weights));
        assert_eq!(
            to_input,
            to_input_way.input_gradient(&g, &gradient, &weights)
        );
        assert_eq!(
            to_weights,
            to_weights_way.weight_gradient(&g, &input, &gradient)
        );
    }
}

fn geometry([in_channels, out_channels]: [usize; 2], input: [usize; 2], stride: usize) -> Geometry {
    Geometry {
        batch: 1,
        in_channels,
        out_channels,
        input,
        kernel: 4,
        stride,
        padding: [1, 1],
    }
}

/// The same bits from run to run, on the same number of threads.
#[test]
fn kernels_repeat_themselves() {
    let rng = &mut ChaCha8Rng::seed_from_u64(2);
    for g in &geometries() {
        let input = random(rng, g.batch * g.input_len());
        let gradient = random(rng, g.batch * g.output_len());
        for way in Way::all(g) {
            let run = || way.weight_gradient(g, &input, &gradient);
            assert_eq!(run(), run());
        }
    }
}

/// The convolution is linear in both arguments, so a difference quotient is exact but for rounding.
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

/// A form must refuse a convolution it does not compute, for it would leave elements unwritten.
#[test]
fn a_form_refuses_other_convolutions() {
    let g = geometry([32, 40], [24, 24], 1);
    let instructions = InstructionSet::Portable(Arithmetic::F32);
    assert!(!Form::all(instructions, &g).contains(&Form::TwoTaps));
    let (input, weights) = (vec![0.0; g.input_len()], vec![0.0; g.weights()]);
    let run = |form: Form, length: usize| {
        std::panic::catch_unwind(|| {
            let mut output = unwritten(length);
            form.forward(instructions, &g, &input, of(&weights), &mut output);
        })
    };
    assert!(run(Form::FourTaps, g.output_len()).is_ok());
    assert!(run(Form::TwoTaps, g.output_len()).is_err());
    assert!(run(Form::FourTaps, g.output_len() + 1).is_err());
}

/// An empty sum is zero, and written.
#[test]
fn a_convolution_of_no_channels_is_zero() {
    let g = geometry([0, 3], [6, 6], 2);
    let mut output = unwritten(g.output_len());
    let output = im2col::forward(&g, &[], of(&[]), &mut output);
    assert_eq!(output, vec![0.0; g.output_len()]);
}
