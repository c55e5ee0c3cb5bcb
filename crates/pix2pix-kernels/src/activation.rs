//! LeakyReLU (without a normalization before it), tanh, and the concatenation of a decoder block with the ReLU of its
//! skip connection.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use crate::instruction_set::wide;

/// Values of a task.
const CHUNK: usize = 1 << 14;

/// Computes the LeakyReLU of `input`; with a `slope` of 0, the ReLU.
///
/// # Panics
/// If the slices differ in length.
pub fn activation<'a>(
    slope: f32,
    input: &[f32],
    output: &'a mut [MaybeUninit<f32>],
) -> &'a mut [f32] {
    pass(
        input,
        output,
        #[inline(always)]
        move |x| x * if x > 0.0 { 1.0 } else { slope },
    )
}

/// Computes the gradient of an [`activation`]'s input from that of its output. The slope follows from the sign of
/// `output`, which is that of the input.
///
/// # Panics
/// If the slices differ in length.
pub fn activation_gradient<'a>(
    slope: f32,
    output: &[f32],
    gradient: &[f32],
    to_input: &'a mut [MaybeUninit<f32>],
) -> &'a mut [f32] {
    gradient_pass(
        output,
        gradient,
        to_input,
        #[inline(always)]
        move |y, g| g * if y > 0.0 { 1.0 } else { slope },
    )
}

/// Computes tanh of `input` with a relative error of at most 2e-7.
///
/// # Panics
/// If the slices differ in length.
pub fn tanh<'a>(input: &[f32], output: &'a mut [MaybeUninit<f32>]) -> &'a mut [f32] {
    pass(input, output, tanh_of)
}

/// tanh without branches, for vectorization: an odd polynomial near zero, where the formula for larger values would
/// cancel digits (both from `tanhf` and `expf` of the Cephes library, Moshier 1989).
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
    // above 10 the result rounds to 1
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
    // the polynomial keeps NaN
    if x.abs() >= 0.625 { large } else { small }
}

/// Computes the gradient of a [`tanh`]'s input from that of its `output`.
///
/// # Panics
/// If the slices differ in length.
pub fn tanh_gradient<'a>(
    output: &[f32],
    gradient: &[f32],
    to_input: &'a mut [MaybeUninit<f32>],
) -> &'a mut [f32] {
    gradient_pass(
        output,
        gradient,
        to_input,
        #[inline(always)]
        |y, g| g * (1.0 - y * y),
    )
}

/// Concatenates `first` and the LeakyReLU of `second` along the channels, for each image; with a `slope` of 0, its ReLU,
/// with 1, `second` itself. `lengths` are the values per image of each.
///
/// # Panics
/// If a slice's length does not fit, or if the first length is 0.
pub fn join<'a>(
    lengths: [usize; 2],
    slope: f32,
    first: &[f32],
    second: &[f32],
    output: &'a mut [MaybeUninit<f32>],
) -> &'a mut [f32] {
    let [one, two] = lengths;
    let images = first.len() / one;
    assert_eq!(first.len(), images * one, "first length");
    assert_eq!(second.len(), images * two, "second length");
    assert_eq!(output.len(), images * (one + two), "output length");
    for (image, output) in output.chunks_exact_mut(one + two).enumerate() {
        let (to_first, to_second) = output.split_at_mut(one);
        copy(&first[image * one..][..one], to_first);
        activation(slope, &second[image * two..][..two], to_second);
    }
    // SAFETY: both parts of every image were written.
    unsafe { output.assume_init_mut() }
}

/// Computes the gradient of the first part of a [`join`] from that of its output.
///
/// # Panics
/// If a slice's length does not fit, or if the first length is 0.
pub fn join_first_gradient<'a>(
    lengths: [usize; 2],
    gradient: &[f32],
    to_first: &'a mut [MaybeUninit<f32>],
) -> &'a mut [f32] {
    let [one, two] = lengths;
    let images = to_first.len() / one;
    assert_eq!(to_first.len(), images * one, "first length");
    assert_eq!(gradient.len(), images * (one + two), "gradient length");
    let parts = gradient.chunks_exact(one + two);
    for (gradient, to_first) in parts.zip(to_first.chunks_exact_mut(one)) {
        copy(&gradient[..one], to_first);
    }
    // SAFETY: every image was written.
    unsafe { to_first.assume_init_mut() }
}

/// Computes the gradient of the second part of a [`join`] from its `output` and that of its output.
///
/// # Panics
/// If a slice's length does not fit, or if the second length is 0.
pub fn join_second_gradient<'a>(
    lengths: [usize; 2],
    slope: f32,
    output: &[f32],
    gradient: &[f32],
    to_second: &'a mut [MaybeUninit<f32>],
) -> &'a mut [f32] {
    let [one, two] = lengths;
    let images = to_second.len() / two;
    assert_eq!(to_second.len(), images * two, "second length");
    assert_eq!(output.len(), images * (one + two), "output length");
    assert_eq!(gradient.len(), output.len(), "gradient length");
    for (image, to_second) in to_second.chunks_exact_mut(two).enumerate() {
        let second = image * (one + two) + one..(image + 1) * (one + two);
        activation_gradient(slope, &output[second.clone()], &gradient[second], to_second);
    }
    // SAFETY: every image was written.
    unsafe { to_second.assume_init_mut() }
}

fn copy<'a>(from: &[f32], to: &'a mut [MaybeUninit<f32>]) -> &'a mut [f32] {
    pass(
        from,
        to,
        #[inline(always)]
        |x| x,
    )
}

/// Applies `map` to every value, on all threads, in wide vectors.
fn pass<'a>(
    from: &[f32],
    to: &'a mut [MaybeUninit<f32>],
    map: impl Fn(f32) -> f32 + Copy + Sync,
) -> &'a mut [f32] {
    assert_eq!(from.len(), to.len(), "output length");
    to.par_chunks_mut(CHUNK)
        .zip(from.par_chunks(CHUNK))
        .for_each(|(to, from)| {
            wide(
                #[inline(always)]
                move || {
                    for (to, &x) in to.iter_mut().zip(from) {
                        to.write(map(x));
                    }
                },
            );
        });
    // SAFETY: the slices have the same length, so each chunk was written as a whole.
    unsafe { to.assume_init_mut() }
}

/// Applies `map` to every output and its gradient, on all threads, in wide vectors.
fn gradient_pass<'a>(
    output: &[f32],
    gradient: &[f32],
    to_input: &'a mut [MaybeUninit<f32>],
    map: impl Fn(f32, f32) -> f32 + Copy + Sync,
) -> &'a mut [f32] {
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
                        to.write(map(y, g));
                    }
                },
            );
        });
    // SAFETY: the slices have the same length, so each chunk was written as a whole.
    unsafe { to_input.assume_init_mut() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Memory in which a value left unwritten shows.
    fn unwritten(length: usize) -> Vec<MaybeUninit<f32>> {
        vec![MaybeUninit::new(f32::NAN); length]
    }

    #[test]
    fn an_activation_and_its_gradient() {
        let input = [-2.0, -0.0, 0.0, 3.0];
        let (mut output, mut gradient) = (unwritten(4), unwritten(4));
        let output = activation(0.2, &input, &mut output);
        assert_eq!(output, [-0.4, 0.0, 0.0, 3.0]);
        let gradient = activation_gradient(0.2, output, &[1.0, 2.0, 3.0, 4.0], &mut gradient);
        assert_eq!(gradient, [0.2, 0.4, 0.6, 4.0]);
    }

    #[test]
    fn tanh_and_its_gradient() {
        let input: Vec<f32> = (-120_000..=120_000).map(|i| i as f32 * 1e-4).collect();
        let mut output = unwritten(input.len());
        let output = tanh(&input, &mut output);
        for (&x, &y) in input.iter().zip(&*output) {
            let exact = f64::from(x).tanh();
            assert!(
                (f64::from(y) - exact).abs() <= 2e-7 * exact.abs(),
                "tanh({x})"
            );
        }
        assert!(tanh_of(f32::NAN).is_nan());
        assert_eq!(tanh_of(f32::NEG_INFINITY), -1.0);
        let mut gradient = unwritten(2);
        let gradient = tanh_gradient(&[0.0, 0.5], &[3.0, 4.0], &mut gradient);
        assert_eq!(gradient, [3.0, 3.0]);
    }

    /// Two images: two channels and one channel of one pixel each.
    #[test]
    fn a_joint_and_its_gradients() {
        let (first, second) = ([-1.0, 2.0, 3.0, -4.0], [-5.0, 6.0]);
        let mut output = unwritten(6);
        let output = join([2, 1], 0.0, &first, &second, &mut output);
        assert_eq!(output, [-1.0, 2.0, 0.0, 3.0, -4.0, 6.0]);
        let (mut to_first, mut to_second) = (unwritten(4), unwritten(2));
        let gradient = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let to_first = join_first_gradient([2, 1], &gradient, &mut to_first);
        assert_eq!(to_first, [1.0, 2.0, 4.0, 5.0]);
        let to_second = join_second_gradient([2, 1], 0.0, output, &gradient, &mut to_second);
        assert_eq!(to_second, [0.0, 6.0]);
    }
}
