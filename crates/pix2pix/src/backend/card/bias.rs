//! Adding a value to each channel: one launch forward, and for its gradient one or two.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Cube, TensorMetadata};
use burn::cubecl;
use burn::cubecl::prelude::*;

use super::norm::channel_sums;
use super::pictures::{Order, buffer, dense, elementwise, like};
use crate::backend::bias::{BiasBackend, BiasGradient};

#[cube(launch_unchecked)]
fn add(input: &[f32], bias: &[f32], output: &mut [f32], inner: u32) {
    if ABSOLUTE_POS < output.len() {
        let channel = ABSOLUTE_POS / inner as usize % bias.len();
        output[ABSOLUTE_POS] = input[ABSOLUTE_POS] + bias[channel];
    }
}

impl BiasBackend for Cube {
    fn add_bias(input: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self> {
        let (input, order) = dense(input);
        let output = like(&input);
        let (count, dim) = elementwise(&output);
        let [_, _, height, width] = input.shape().dims();
        let inner = match order {
            Order::ChannelsFirst => height * width,
            Order::ChannelsLast => 1,
        };
        // SAFETY: each thread stays within the lengths, and channels within theirs.
        unsafe {
            add::launch_unchecked(
                &output.client,
                count,
                dim,
                buffer(&input),
                buffer(&bias),
                buffer(&output),
                inner as u32,
            );
        }
        output
    }
}

impl BiasGradient for Cube {
    fn channel_sums(gradient: FloatTensor<Self>) -> FloatTensor<Self> {
        channel_sums(gradient)
    }
}
