//! LeakyReLU, tanh and the concatenation with a skip: one launch forward and one backward.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Cube, TensorMetadata};
use burn::cubecl;
use burn::cubecl::client::Client;
use burn::cubecl::prelude::*;

use super::pictures::{CardTensor, Order, buffer, dense, elementwise, like, ordered, picture};
use crate::backend::activation::{ActivationBackend, ActivationGradients};

/// LeakyReLU.
#[cube]
pub fn activate(x: f32, slope: f32) -> f32 {
    select(x > 0.0, x, x * slope)
}

#[cube(launch_unchecked)]
fn activation(input: &[f32], output: &mut [f32], slope: f32) {
    if ABSOLUTE_POS < output.len() {
        output[ABSOLUTE_POS] = activate(input[ABSOLUTE_POS], slope);
    }
}

/// The output of an activation has the sign of its input.
#[cube(launch_unchecked)]
fn activation_gradient(output: &[f32], gradient: &[f32], to_input: &mut [f32], slope: f32) {
    if ABSOLUTE_POS < to_input.len() {
        let g = gradient[ABSOLUTE_POS];
        to_input[ABSOLUTE_POS] = select(output[ABSOLUTE_POS] > 0.0, g, g * slope);
    }
}

#[cube(launch_unchecked)]
fn tanh(input: &[f32], output: &mut [f32]) {
    if ABSOLUTE_POS < output.len() {
        output[ABSOLUTE_POS] = input[ABSOLUTE_POS].tanh();
    }
}

#[cube(launch_unchecked)]
fn tanh_gradient(output: &[f32], gradient: &[f32], to_input: &mut [f32]) {
    if ABSOLUTE_POS < to_input.len() {
        let y = output[ABSOLUTE_POS];
        to_input[ABSOLUTE_POS] = gradient[ABSOLUTE_POS] * (1.0 - y * y);
    }
}

/// Channels last: every pixel of the output has the `first_channels` channels of `first`, then those of `second`.
#[cube(launch_unchecked)]
fn join(
    first: &[f32],
    second: &[f32],
    output: &mut [f32],
    first_channels: u32,
    channels: u32,
    slope: f32,
) {
    if ABSOLUTE_POS < output.len() {
        let all = channels as usize;
        let of_first = first_channels as usize;
        let pixel = ABSOLUTE_POS / all;
        let channel = ABSOLUTE_POS % all;
        if channel < of_first {
            output[ABSOLUTE_POS] = first[pixel * of_first + channel];
        } else {
            let x = second[pixel * (all - of_first) + channel - of_first];
            output[ABSOLUTE_POS] = activate(x, slope);
        }
    }
}

#[cube(launch_unchecked)]
fn join_gradients(
    output: &[f32],
    gradient: &[f32],
    to_first: &mut [f32],
    to_second: &mut [f32],
    first_channels: u32,
    channels: u32,
    slope: f32,
) {
    if ABSOLUTE_POS < output.len() {
        let all = channels as usize;
        let of_first = first_channels as usize;
        let pixel = ABSOLUTE_POS / all;
        let channel = ABSOLUTE_POS % all;
        let g = gradient[ABSOLUTE_POS];
        if channel < of_first {
            to_first[pixel * of_first + channel] = g;
        } else {
            let at = pixel * (all - of_first) + channel - of_first;
            to_second[at] = select(output[ABSOLUTE_POS] > 0.0, g, g * slope);
        }
    }
}

/// The arguments of an elementwise launch, without its tensors.
type Launch<'a> = (&'a Client, CubeCount, CubeDim);

/// The output of an elementwise operation on `input`.
fn pass(input: CardTensor, launch: impl FnOnce(Launch, BufferArg, BufferArg)) -> CardTensor {
    let (input, _) = dense(input);
    let output = like(&input);
    let (count, dim) = elementwise(&output);
    launch(
        (&output.client, count, dim),
        buffer(&input),
        buffer(&output),
    );
    output
}

/// The gradient of an input, computed elementwise from the `output` and its `gradient`.
fn gradient_pass(
    output: CardTensor,
    gradient: CardTensor,
    launch: impl FnOnce(Launch, [BufferArg; 3]),
) -> CardTensor {
    let (output, order) = dense(output);
    let gradient = ordered(gradient, order);
    let to_input = like(&output);
    let (count, dim) = elementwise(&to_input);
    let buffers = [&output, &gradient, &to_input].map(buffer);
    launch((&to_input.client, count, dim), buffers);
    to_input
}

impl ActivationBackend for Cube {
    fn activation(input: FloatTensor<Self>, slope: f32) -> FloatTensor<Self> {
        pass(input, |(client, count, dim), input, output| {
            // SAFETY: each thread stays within the lengths, which are the same.
            unsafe { activation::launch_unchecked(client, count, dim, input, output, slope) };
        })
    }

    fn join(first: FloatTensor<Self>, second: FloatTensor<Self>, slope: f32) -> FloatTensor<Self> {
        let [first, second] = [first, second].map(|part| ordered(part, Order::ChannelsLast));
        let [batch, channels, height, width] = first.shape().dims();
        let [_, more, ..] = second.shape().dims::<4>();
        let output = picture(&first, [batch, channels + more, height, width]);
        let (count, dim) = elementwise(&output);
        // SAFETY: each thread writes its own sample, and reads the one that it comes from.
        unsafe {
            join::launch_unchecked(
                &output.client,
                count,
                dim,
                buffer(&first),
                buffer(&second),
                buffer(&output),
                channels as u32,
                (channels + more) as u32,
                slope,
            );
        }
        output
    }

    fn fast_tanh(input: FloatTensor<Self>) -> FloatTensor<Self> {
        pass(input, |(client, count, dim), input, output| {
            // SAFETY: each thread stays within the lengths, which are the same.
            unsafe { tanh::launch_unchecked(client, count, dim, input, output) };
        })
    }
}

impl ActivationGradients for Cube {
    fn activation_gradient(
        output: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        slope: f32,
    ) -> FloatTensor<Self> {
        gradient_pass(
            output,
            gradient,
            |(client, count, dim), [output, gradient, to_input]| {
                // SAFETY: each thread stays within the lengths, which are the same.
                unsafe {
                    activation_gradient::launch_unchecked(
                        client, count, dim, output, gradient, to_input, slope,
                    );
                }
            },
        )
    }

    fn fast_tanh_gradient(
        output: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        gradient_pass(
            output,
            gradient,
            |(client, count, dim), [output, gradient, to_input]| {
                // SAFETY: each thread stays within the lengths, which are the same.
                unsafe {
                    tanh_gradient::launch_unchecked(client, count, dim, output, gradient, to_input);
                }
            },
        )
    }

    fn join_gradients(
        output: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        channels: usize,
        slope: f32,
    ) -> [FloatTensor<Self>; 2] {
        let [output, gradient] = [output, gradient].map(|part| ordered(part, Order::ChannelsLast));
        let [batch, all, height, width] = output.shape().dims();
        let [to_first, to_second] =
            [channels, all - channels].map(|part| picture(&output, [batch, part, height, width]));
        let (count, dim) = elementwise(&output);
        // SAFETY: each thread reads its own sample, and writes the one that it came from.
        unsafe {
            join_gradients::launch_unchecked(
                &output.client,
                count,
                dim,
                buffer(&output),
                buffer(&gradient),
                buffer(&to_first),
                buffer(&to_second),
                channels as u32,
                all as u32,
                slope,
            );
        }
        [to_first, to_second]
    }
}
