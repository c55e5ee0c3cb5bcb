//! The weights of a resize by two fused with a 3x3 convolution: see [`pix2pix_kernels::four_taps`].

use burn::backend::tensor::FloatTensor;
use burn::backend::{Cube, TensorMetadata};
use burn::cubecl;
use burn::cubecl::prelude::*;

use super::pictures::{Order, buffer, elementwise, ordered, picture};
use crate::backend::taps::{TapsBackend, TapsGradient};

/// Both have channels last: the last dimension of the weight is its inputs, that of the kernel its outputs.
#[cube(launch_unchecked)]
fn four(weight: &[f32], kernel: &mut [f32], inputs: u32, outputs: u32) {
    if ABSOLUTE_POS < kernel.len() {
        let inputs = inputs as usize;
        let outputs = outputs as usize;
        let output = ABSOLUTE_POS % outputs;
        let x = ABSOLUTE_POS / outputs % 4;
        let y = ABSOLUTE_POS / outputs / 4 % 4;
        let input = ABSOLUTE_POS / outputs / 16;
        let mut sum = 0.0f32;
        // tap 0 of four is tap 2 of three, tap 1 is 1 and 2, tap 2 is 0 and 1, tap 3 is 0
        for i in 0..3usize {
            for j in 0..3usize {
                if (y + i == 2 || y + i == 3) && (x + j == 2 || x + j == 3) {
                    sum += weight[((output * 3 + i) * 3 + j) * inputs + input];
                }
            }
        }
        kernel[ABSOLUTE_POS] = sum;
    }
}

#[cube(launch_unchecked)]
fn three(gradient: &[f32], to_weight: &mut [f32], inputs: u32, outputs: u32) {
    if ABSOLUTE_POS < to_weight.len() {
        let inputs = inputs as usize;
        let outputs = outputs as usize;
        let input = ABSOLUTE_POS % inputs;
        let j = ABSOLUTE_POS / inputs % 3;
        let i = ABSOLUTE_POS / inputs / 3 % 3;
        let output = ABSOLUTE_POS / inputs / 9;
        let mut sum = 0.0f32;
        for y in 2..4usize {
            for x in 2..4usize {
                sum += gradient[((input * 4 + y - i) * 4 + x - j) * outputs + output];
            }
        }
        to_weight[ABSOLUTE_POS] = sum;
    }
}

impl TapsBackend for Cube {
    fn four_taps(weight: FloatTensor<Self>) -> FloatTensor<Self> {
        let weight = ordered(weight, Order::ChannelsLast);
        let [outputs, inputs, ..] = weight.shape().dims::<4>();
        let kernel = picture(&weight, [inputs, outputs, 4, 4]);
        let (count, dim) = elementwise(&kernel);
        // SAFETY: each thread writes its own tap, and reads taps of its channels.
        unsafe {
            four::launch_unchecked(
                &kernel.client,
                count,
                dim,
                buffer(&weight),
                buffer(&kernel),
                inputs as u32,
                outputs as u32,
            );
        }
        kernel
    }
}

impl TapsGradient for Cube {
    fn three_taps(gradient: FloatTensor<Self>) -> FloatTensor<Self> {
        let gradient = ordered(gradient, Order::ChannelsLast);
        let [inputs, outputs, ..] = gradient.shape().dims::<4>();
        let to_weight = picture(&gradient, [outputs, inputs, 3, 3]);
        let (count, dim) = elementwise(&to_weight);
        // SAFETY: each thread writes its own tap, and reads taps of its channels.
        unsafe {
            three::launch_unchecked(
                &to_weight.client,
                count,
                dim,
                buffer(&gradient),
                buffer(&to_weight),
                inputs as u32,
                outputs as u32,
            );
        }
        to_weight
    }
}
