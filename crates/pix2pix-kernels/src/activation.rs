//! LeakyReLU where no normalization precedes it, tanh, and the joint of a decoder block and its skip, whose
//! ReLU is taken on the way. A slope of 0 is a ReLU.

use rayon::prelude::*;

use crate::machine::wide;

/// Values that a thread takes at once.
const CHUNK: usize = 1 << 14;

/// `output` = LeakyReLU of `input`.
///
/// # Panics
/// When the slices differ in length.
pub fn activation(slope: f32, input: &[f32], output: &mut [f32]) {
    pass(
        input,
        output,
        #[inline(always)]
        move |x| x * if x > 0.0 { 1.0 } else { slope },
    );
}

/// The gradient of an activation's input, from its `output`, which has its input's sign.
///
/// # Panics
/// When the slices differ in length.
pub fn activation_gradient(slope: f32, output: &[f32], gradient: &[f32], to_input: &mut [f32]) {
    gradient_pass(
        output,
        gradient,
        to_input,
        #[inline(always)]
        move |y, g| g * if y > 0.0 { 1.0 } else { slope },
    );
}

/// `output` = tanh of `input`, within 2e-7.
///
/// # Panics
/// When the slices differ in length.
pub fn tanh(input: &[f32], output: &mut [f32]) {
    pass(input, output, tanh_of);
}

/// tanh without branches, so that it becomes vectors: an odd polynomial around zero, where the formula
/// beyond would lose digits (both from the Cephes library's `tanhf` and `expf`, Moshier 1989).
#[inline(always)]
fn tanh_of(x: f32) -> f32 {
    let square = x * x;
    let small = ((((-5.704_988_7e-3 * square + 2.063_909e-2) * square - 5.373_971_4e-2) * square
        + 1.333_144_2e-1)
        * square
        - 3.333_328e-1)
        * square
        * x
        + x;
    // beyond 10 the result is 1 in f32
    let double = 2.0 * x.abs().min(10.0);
    // exp(double) = 2^whole * exp(rest)
    let whole = (double * std::f32::consts::LOG2_E + 0.5) as i32;
    let rest = double - whole as f32 * 0.693_359_4 + whole as f32 * 2.121_944_4e-4;
    let tail = ((((1.987_569_1e-4 * rest + 1.398_2e-3) * rest + 8.333_452e-3) * rest
        + 4.166_579_6e-2)
        * rest
        + 1.666_666_5e-1)
        * rest
        + 0.5;
    let exponential =
        (tail * rest * rest + rest + 1.0) * f32::from_bits(((whole + 127) << 23) as u32);
    let large = (1.0 - 2.0 / (exponential + 1.0)).copysign(x);
    // NaN takes the polynomial, which keeps it
    if x.abs() >= 0.625 { large } else { small }
}

/// The gradient of a tanh's input, from its `output`.
///
/// # Panics
/// When the slices differ in length.
pub fn tanh_gradient(output: &[f32], gradient: &[f32], to_input: &mut [f32]) {
    gradient_pass(
        output,
        gradient,
        to_input,
        #[inline(always)]
        |y, g| g * (1.0 - y * y),
    );
}

/// Joins images of `lengths` values each on their channels, the second's ReLU: `[first | relu(second)]`
/// for each image.
///
/// # Panics
/// When a slice's length does not fit.
pub fn join(lengths: [usize; 2], first: &[f32], second: &[f32], output: &mut [f32]) {
    let [one, two] = lengths;
    let images = first.len() / one;
    assert_eq!(first.len(), images * one, "first length");
    assert_eq!(second.len(), images * two, "second length");
    assert_eq!(output.len(), images * (one + two), "output length");
    for (image, output) in output.chunks_exact_mut(one + two).enumerate() {
        let (to_first, to_second) = output.split_at_mut(one);
        copy(&first[image * one..][..one], to_first);
        activation(0.0, &second[image * two..][..two], to_second);
    }
}

/// The gradients of both parts of a [`join`], from its output.
///
/// # Panics
/// When a slice's length does not fit.
pub fn join_gradients(
    lengths: [usize; 2],
    output: &[f32],
    gradient: &[f32],
    to_first: &mut [f32],
    to_second: &mut [f32],
) {
    let [one, two] = lengths;
    let images = to_first.len() / one;
    assert_eq!(to_first.len(), images * one, "first length");
    assert_eq!(to_second.len(), images * two, "second length");
    assert_eq!(output.len(), images * (one + two), "output length");
    assert_eq!(gradient.len(), output.len(), "gradient length");
    for image in 0..images {
        let place = image * (one + two);
        let gradient = &gradient[place..][..one + two];
        copy(&gradient[..one], &mut to_first[image * one..][..one]);
        activation_gradient(
            0.0,
            &output[place + one..][..two],
            &gradient[one..],
            &mut to_second[image * two..][..two],
        );
    }
}

fn copy(from: &[f32], to: &mut [f32]) {
    pass(
        from,
        to,
        #[inline(always)]
        |x| x,
    );
}

/// `map` of every value, on all threads, in wide vectors.
fn pass(from: &[f32], to: &mut [f32], map: impl Fn(f32) -> f32 + Copy + Sync) {
    assert_eq!(from.len(), to.len(), "output length");
    to.par_chunks_mut(CHUNK)
        .zip(from.par_chunks(CHUNK))
        .for_each(|(to, from)| {
            wide(
                #[inline(always)]
                move || {
                    for (to, &x) in to.iter_mut().zip(from) {
                        *to = map(x);
                    }
                },
            );
        });
}

/// `map` of every output and its gradient, on all threads, in wide vectors.
fn gradient_pass(
    output: &[f32],
    gradient: &[f32],
    to_input: &mut [f32],
    map: impl Fn(f32, f32) -> f32 + Copy + Sync,
) {
    assert_eq!(output.len(), to_input.len(), "output length");
    assert_eq!(gradient.len(), to_input.len(), "gradient length");
    to_input
        .par_chunks_mut(CHUNK)
        .zip(output.par_chunks(CHUNK))
        .zip(gradient.par_chunks(CHUNK))
        .for_each(|((to, output), gradient)| {
            wide(
                #[inline(always)]
                move || {
                    for ((to, &y), &g) in to.iter_mut().zip(output).zip(gradient) {
                        *to = map(y, g);
                    }
                },
            );
        });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_activation_and_its_gradient() {
        let input = [-2.0, -0.0, 0.0, 3.0];
        let mut output = [f32::NAN; 4];
        activation(0.2, &input, &mut output);
        assert_eq!(output, [-0.4, 0.0, 0.0, 3.0]);
        let mut gradient = [f32::NAN; 4];
        activation_gradient(0.2, &output, &[1.0, 2.0, 3.0, 4.0], &mut gradient);
        assert_eq!(gradient, [0.2, 0.4, 0.6, 4.0]);
    }

    #[test]
    fn tanh_and_its_gradient() {
        let input: Vec<f32> = (-120_000..=120_000).map(|i| i as f32 * 1e-4).collect();
        let mut output = vec![f32::NAN; input.len()];
        tanh(&input, &mut output);
        for (&x, &y) in input.iter().zip(&output) {
            let exact = f64::from(x).tanh();
            assert!(
                (f64::from(y) - exact).abs() <= 2e-7 * exact.abs(),
                "tanh({x})"
            );
        }
        assert!(tanh_of(f32::NAN).is_nan());
        assert_eq!(tanh_of(f32::NEG_INFINITY), -1.0);
        let mut gradient = [f32::NAN; 2];
        tanh_gradient(&[0.0, 0.5], &[3.0, 4.0], &mut gradient);
        assert_eq!(gradient, [3.0, 3.0]);
    }

    /// Two images of two and one channels of one pixel.
    #[test]
    fn a_joint_and_its_gradients() {
        let (first, second) = ([-1.0, 2.0, 3.0, -4.0], [-5.0, 6.0]);
        let mut output = [f32::NAN; 6];
        join([2, 1], &first, &second, &mut output);
        assert_eq!(output, [-1.0, 2.0, 0.0, 3.0, -4.0, 6.0]);
        let (mut to_first, mut to_second) = ([f32::NAN; 4], [f32::NAN; 2]);
        let gradient = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        join_gradients([2, 1], &output, &gradient, &mut to_first, &mut to_second);
        assert_eq!(to_first, [1.0, 2.0, 4.0, 5.0]);
        assert_eq!(to_second, [0.0, 6.0]);
    }
}
