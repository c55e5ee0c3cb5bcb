//! Weights for a nearest-neighbor resize by two and a 3x3 convolution in one. The resize repeats every pixel along
//! each axis, so two of the three taps along an axis see the same pixel. The result is a transposed convolution of
//! stride 2 with four taps along each axis, each one of the three or the sum of two neighbors.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use crate::instruction_set::wide;

/// Input channels of a task: their weights share cache lines.
const BLOCK: usize = 16;

/// Computes `kernel`, `[inputs, outputs, 4, 4]`, from `weight`, `[outputs, inputs, 3, 3]`; `inputs` and `outputs` are
/// numbers of channels.
///
/// # Panics
/// If a slice's length does not fit, or if `outputs` is 0.
pub fn four_taps<'a>(
    [inputs, outputs]: [usize; 2],
    weight: &[f32],
    kernel: &'a mut [MaybeUninit<f32>],
) -> &'a mut [f32] {
    assert_eq!(weight.len(), outputs * inputs * 9, "weight's length");
    assert_eq!(kernel.len(), inputs * outputs * 16, "kernel's length");
    let blocks = kernel.par_chunks_mut(BLOCK * outputs * 16);
    blocks.enumerate().for_each(|(block, kernel)| {
        let first = block * BLOCK;
        wide(
            #[inline(always)]
            move || {
                let rows = kernel.len() / (outputs * 16);
                for output in 0..outputs {
                    let row = &weight[(output * inputs + first) * 9..][..rows * 9];
                    for (input, three) in row.as_chunks::<9>().0.iter().enumerate() {
                        let at = (input * outputs + output) * 16;
                        kernel[at..at + 16].write_copy_of_slice(&four(three));
                    }
                }
            },
        );
    });
    // SAFETY: the blocks are all that the kernel has, and each task wrote every pair of channels of its own.
    unsafe { kernel.assume_init_mut() }
}

/// Computes the gradient of `weight` from that of `kernel`, with the shapes of [`four_taps`]: its transpose.
///
/// # Panics
/// If a slice's length does not fit, or if `inputs` is 0.
pub fn three_taps<'a>(
    [inputs, outputs]: [usize; 2],
    gradient: &[f32],
    to_weight: &'a mut [MaybeUninit<f32>],
) -> &'a mut [f32] {
    assert_eq!(gradient.len(), inputs * outputs * 16, "gradient's length");
    assert_eq!(to_weight.len(), outputs * inputs * 9, "weight's length");
    let rows = to_weight.par_chunks_mut(inputs * 9);
    rows.enumerate().for_each(|(output, row)| {
        wide(
            #[inline(always)]
            move || {
                for (input, three) in row.as_chunks_mut::<9>().0.iter_mut().enumerate() {
                    let at = (input * outputs + output) * 16;
                    let four = gradient[at..at + 16].as_array().expect("16 values");
                    three.write_copy_of_slice(&transposed(four));
                }
            },
        );
    });
    // SAFETY: the rows are all that the weight has, and each task wrote every input channel of its own.
    unsafe { to_weight.assume_init_mut() }
}

#[inline(always)]
fn four(three: &[f32; 9]) -> [f32; 16] {
    let mut rows = [0.0; 12];
    for x in 0..3 {
        let [a, b, c] = [three[x], three[3 + x], three[6 + x]];
        [rows[x], rows[3 + x], rows[6 + x], rows[9 + x]] = [c, b + c, a + b, a];
    }
    let mut taps = [0.0; 16];
    for y in 0..4 {
        let [a, b, c] = [rows[3 * y], rows[3 * y + 1], rows[3 * y + 2]];
        taps[4 * y..4 * y + 4].copy_from_slice(&[c, b + c, a + b, a]);
    }
    taps
}

#[inline(always)]
fn transposed(four: &[f32; 16]) -> [f32; 9] {
    let mut rows = [0.0; 12];
    for x in 0..4 {
        let [a, b, c, d] = [four[x], four[4 + x], four[8 + x], four[12 + x]];
        [rows[x], rows[4 + x], rows[8 + x]] = [c + d, b + c, a + b];
    }
    let mut taps = [0.0; 9];
    for y in 0..3 {
        let [a, b, c, d] = [
            rows[4 * y],
            rows[4 * y + 1],
            rows[4 * y + 2],
            rows[4 * y + 3],
        ];
        taps[3 * y..3 * y + 3].copy_from_slice(&[c + d, b + c, a + b]);
    }
    taps
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Along an axis, the taps of a transposed convolution are in reverse order.
    #[test]
    fn taps_by_hand() {
        let mut kernel = [MaybeUninit::new(f32::NAN); 16];
        let kernel = four_taps(
            [1, 1],
            &[1.0, 2.0, 4.0, 0.0, 0.0, 0.0, 10.0, 20.0, 40.0],
            &mut kernel,
        );
        let [below, above] = [[40.0, 60.0, 30.0, 10.0], [4.0, 6.0, 3.0, 1.0]];
        assert_eq!(kernel, [below, below, above, above].concat());
    }

    /// Scalar products of any weight and gradient agree on both sides. There are more input channels than in a block.
    #[test]
    fn the_gradient_is_the_transposed_map() {
        let channels = [19, 3];
        let count = 19 * 3;
        let value = |i: usize| ((i * 7919) % 13) as f32 - 6.0;
        let weight: Vec<f32> = (0..count * 9).map(value).collect();
        let gradient: Vec<f32> = (0..count * 16).map(|i| value(i + 5)).collect();
        let unwritten = |length| vec![MaybeUninit::new(f32::NAN); length];
        let (mut kernel, mut back) = (unwritten(count * 16), unwritten(count * 9));
        let kernel = four_taps(channels, &weight, &mut kernel);
        let back = three_taps(channels, &gradient, &mut back);
        let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        assert_eq!(product(kernel, &gradient), product(&weight, back));
        assert_ne!(product(&weight, back), 0.0);
        // input and output channels are exchanged
        assert_eq!(kernel[(17 * 3 + 2) * 16 + 15], weight[(2 * 19 + 17) * 9]);
    }
}
