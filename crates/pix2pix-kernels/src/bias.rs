//! Adding a value to each channel of pictures, and its gradient.

use std::mem::MaybeUninit;

use rayon::prelude::*;

/// Adds a bias to each channel of `input`, `[batch, channels, pixels]`.
///
/// # Panics
/// If a slice's length does not fit, or if there are no pixels.
pub fn add_bias<'a>(
    pixels: usize,
    input: &[f32],
    bias: &[f32],
    output: &'a mut [MaybeUninit<f32>],
) -> &'a mut [f32] {
    assert_eq!(input.len(), output.len(), "output length");
    assert!(
        input.len().is_multiple_of(pixels * bias.len()),
        "input length"
    );
    let planes = output.par_chunks_mut(pixels).zip(input.par_chunks(pixels));
    planes.enumerate().for_each(|(plane, (output, input))| {
        let bias = bias[plane % bias.len()];
        for (output, x) in output.iter_mut().zip(input) {
            output.write(x + bias);
        }
    });
    // SAFETY: the planes cover the output, and each task writes all of its plane.
    unsafe { output.assume_init_mut() }
}

/// Adds a bias to each channel of one picture, `[channels, pixels]`, where it is.
///
/// # Panics
/// If the length does not fit, or if there are no pixels.
pub fn add_bias_to(bias: &[f32], values: &mut [f32]) {
    assert!(values.len().is_multiple_of(bias.len()), "values' length");
    let planes = values.par_chunks_exact_mut(values.len() / bias.len());
    planes.zip(bias).for_each(|(plane, bias)| {
        for value in plane {
            *value += bias;
        }
    });
}

/// The sum of each channel of `gradient`, `[batch, channels, pixels]`: the gradient of a bias. The same with any number of
/// threads.
///
/// # Panics
/// If the length does not fit.
pub fn channel_sums(channels: usize, pixels: usize, gradient: &[f32]) -> Vec<f32> {
    assert!(
        gradient.len().is_multiple_of(channels * pixels),
        "gradient length"
    );
    let planes = gradient.par_chunks(pixels);
    let sums: Vec<f64> = planes
        .map(|plane| plane.iter().map(|&x| f64::from(x)).sum())
        .collect();
    let of_channel = |channel| sums.iter().skip(channel).step_by(channels).sum::<f64>() as f32;
    (0..channels).map(of_channel).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filled;

    /// Two pictures of two channels with two pixels.
    #[test]
    fn channels_by_hand() {
        let input = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
        assert_eq!(
            filled(8, |output| add_bias(2, &input, &[0.5, -1.0], output)),
            [1.5, 2.5, 2.0, 3.0, 5.5, 6.5, 6.0, 7.0]
        );
        let mut picture = input;
        add_bias_to(&[0.5, -1.0], &mut picture);
        assert_eq!(picture, [1.5, 2.5, 3.5, 4.5, 4.0, 5.0, 6.0, 7.0]);
        assert_eq!(channel_sums(2, 2, &input), [14.0, 22.0]);
    }
}
