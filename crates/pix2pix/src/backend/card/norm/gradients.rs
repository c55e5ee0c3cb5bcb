//! The backward pass.

use burn::backend::Cube;
use burn::backend::tensor::FloatTensor;
use burn::cubecl;
use burn::cubecl::prelude::*;
use burn::tensor::{Device, Tensor, TensorData};

use super::cut::{Cut, channel, folded, lane, lanes, pair, place, range, row};
use super::of_channel::{OfChannel, of_channel};
use crate::backend::card::conv::added;
use crate::backend::card::pictures::{
    CardTensor, buffer, dense, elementwise, like, ordered, sized,
};
use crate::backend::norm::{NormGradients, SavedNorm};
use crate::parallel::{Communicator, means};

/// A sample's normalized value, and the gradient before the activation.
#[cube]
fn before_activation(x: f32, gradient: f32, of: &OfChannel, slope: f32) -> (f32, f32) {
    let x = (x - of.mean) * of.inverse;
    let positive = x * of.gamma + of.beta > 0.0;
    (x, select(positive, gradient, gradient * slope))
}

/// The gradient of a sample: that of its normalized value, minus the mean over the `pixels`, minus the projection on the
/// normalized values (Ioffe and Szegedy 2015, section 3). `sums` are the gradients of the channel's shift and scale.
#[cube]
fn sample_gradient(
    x: f32,
    gradient: f32,
    of: &OfChannel,
    sums: (f32, f32),
    pixels: u32,
    slope: f32,
) -> f32 {
    let (x, g) = before_activation(x, gradient, of, slope);
    let mean = sums.0 / pixels as f32;
    let along = sums.1 / pixels as f32;
    of.inverse * of.gamma * (g - mean - x * along)
}

/// The gradients of a channel's shift and scale, from pixel `begin` to `end`.
#[cube]
fn shift_and_scale(
    input: &[f32],
    gradient: &[f32],
    of: &OfChannel,
    channel: usize,
    channels: usize,
    inner: usize,
    begin: u32,
    end: u32,
    slope: f32,
    #[comptime] channels_near: bool,
) -> (f32, f32) {
    let mut first = 0.0f32;
    let mut second = 0.0f32;
    if channel < channels {
        let mut pixel = begin + lane(channels_near);
        while pixel < end {
            let at = place(pixel, channel, channels, inner, channels_near);
            let (x, g) = before_activation(input[at], gradient[at], of, slope);
            first += g;
            second += g * x;
            pixel += comptime!(lanes(channels_near));
        }
    }
    let first = folded(first, channels_near);
    let second = folded(second, channels_near);
    (first, second)
}

/// Gradients of shift and scale of each channel of each slice, `[slices, parts, 2, channels]`.
#[cube(launch_unchecked)]
fn gradient_sums(
    input: &[f32],
    statistics: &[f32],
    gamma: &[f32],
    beta: &[f32],
    gradient: &[f32],
    sums: &mut [f32],
    pixels: u32,
    channels: u32,
    inner: u32,
    slice: u32,
    epsilon: f32,
    slope: f32,
    #[comptime] channels_near: bool,
) {
    let channels = channels as usize;
    let inner = inner as usize;
    let channel = channel(channels_near);
    // threads beyond the channels read the last one's, and do nothing with it
    let known = min(channel, channels - 1);
    let moments = pair(statistics, CUBE_POS_Z as usize, known, channels);
    let of = of_channel(moments, gamma, beta, known, epsilon);
    let (begin, end) = range(pixels, slice);
    let (first, second) = shift_and_scale(
        input,
        gradient,
        &of,
        channel,
        channels,
        inner,
        begin,
        end,
        slope,
        channels_near,
    );
    if lane(channels_near) == 0 && channel < channels {
        let row = row();
        sums[row * channels + channel] = first;
        sums[(row + 1) * channels + channel] = second;
    }
}

/// Gradients of shift and scale of a small picture, `[2, channels]`, and the [`sample_gradient`]s.
#[cube(launch_unchecked)]
fn whole_gradients(
    input: &[f32],
    statistics: &[f32],
    gamma: &[f32],
    beta: &[f32],
    gradient: &[f32],
    sums: &mut [f32],
    to_input: &mut [f32],
    pixels: u32,
    channels: u32,
    inner: u32,
    epsilon: f32,
    slope: f32,
    #[comptime] channels_near: bool,
) {
    let channels = channels as usize;
    let inner = inner as usize;
    let channel = channel(channels_near);
    let lane = lane(channels_near);
    let known = min(channel, channels - 1);
    let moments = pair(statistics, 0usize, known, channels);
    let of = of_channel(moments, gamma, beta, known, epsilon);
    let (first, second) = shift_and_scale(
        input,
        gradient,
        &of,
        channel,
        channels,
        inner,
        0u32,
        pixels,
        slope,
        channels_near,
    );
    if channel < channels {
        if lane == 0 {
            sums[channel] = first;
            sums[channels + channel] = second;
        }
        let sums = (first, second);
        let mut pixel = lane;
        while pixel < pixels {
            let at = place(pixel, channel, channels, inner, channels_near);
            to_input[at] = sample_gradient(input[at], gradient[at], &of, sums, pixels, slope);
            pixel += comptime!(lanes(channels_near));
        }
    }
}

/// The [`sample_gradient`] of each sample. `sums` are the gradients of shift and scale by each part, `[parts, 2, channels]`.
#[cube(launch_unchecked)]
fn input_gradient(
    input: &[f32],
    statistics: &[f32],
    gamma: &[f32],
    beta: &[f32],
    gradient: &[f32],
    sums: &[f32],
    to_input: &mut [f32],
    pixels: u32,
    channels: u32,
    inner: u32,
    epsilon: f32,
    slope: f32,
) {
    if ABSOLUTE_POS < to_input.len() {
        let channels = channels as usize;
        let channel = ABSOLUTE_POS / inner as usize % channels;
        let part = ABSOLUTE_POS / (pixels as usize * channels);
        let moments = pair(statistics, part, channel, channels);
        let of = of_channel(moments, gamma, beta, channel, epsilon);
        let sums = pair(sums, part, channel, channels);
        let (x, g) = (input[ABSOLUTE_POS], gradient[ABSOLUTE_POS]);
        to_input[ABSOLUTE_POS] = sample_gradient(x, g, &of, sums, pixels, slope);
    }
}

/// Gradients of beta and gamma by each part, `[2 * parts, channels]`.
fn parameter_gradients(
    saved: &SavedNorm<Cube>,
    input: &CardTensor,
    gradient: &CardTensor,
    cut: Cut,
) -> CardTensor {
    let client = &input.client;
    let slices = cut.slices();
    let sums = sized(input, [2 * slices * cut.parts, cut.channels]);
    let (count, dim) = cut.groups();
    // SAFETY: threads beyond the channels do nothing, and slices end with the pixels of their part.
    unsafe {
        gradient_sums::launch_unchecked(
            client,
            count,
            dim,
            buffer(input),
            buffer(&saved.statistics),
            buffer(&saved.gamma),
            buffer(&saved.beta),
            buffer(gradient),
            buffer(&sums),
            cut.pixels as u32,
            cut.channels as u32,
            cut.inner as u32,
            cut.slice as u32,
            saved.constants.epsilon,
            saved.constants.slope,
            cut.channels_near(),
        );
    }
    match slices {
        1 => sums,
        _ => added(&sums, sized(input, [2 * cut.parts, cut.channels])),
    }
}

/// Gradient of the input; `sums` are the parameters' gradients by each part.
fn gradient_of_input(
    saved: &SavedNorm<Cube>,
    input: &CardTensor,
    gradient: &CardTensor,
    sums: &CardTensor,
    cut: Cut,
) -> CardTensor {
    let to_input = like(input);
    let (count, dim) = elementwise(&to_input);
    // SAFETY: each thread stays within the lengths, and channels within theirs.
    unsafe {
        input_gradient::launch_unchecked(
            &to_input.client,
            count,
            dim,
            buffer(input),
            buffer(&saved.statistics),
            buffer(&saved.gamma),
            buffer(&saved.beta),
            buffer(gradient),
            buffer(sums),
            buffer(&to_input),
            cut.pixels as u32,
            cut.channels as u32,
            cut.inner as u32,
            saved.constants.epsilon,
            saved.constants.slope,
        );
    }
    to_input
}

/// Means of `sums` over a group.
fn means_over(sums: CardTensor, group: &dyn Communicator) -> CardTensor {
    let sums = Tensor::<2>::from_primitive::<Cube>(sums);
    let (shape, device): (_, Device) = (sums.shape(), sums.device());
    let own = sums.into_data().convert::<f32>();
    let means = means(group, own.as_slice().expect("converted"));
    let means = Tensor::<2>::from_data(TensorData::new(means, shape), &device);
    means.try_into_primitive::<Cube>().expect("of this backend")
}

impl NormGradients for Cube {
    fn norm_gradients(
        saved: &SavedNorm<Self>,
        gradient: FloatTensor<Self>,
        group: Option<&dyn Communicator>,
    ) -> [FloatTensor<Self>; 2] {
        let (input, order) = dense(saved.input.clone());
        let gradient = ordered(gradient, order);
        let cut = Cut::of(&input, order, saved.constants.parts);
        if !cut.is_small() || group.is_some() {
            let own = parameter_gradients(saved, &input, &gradient, cut);
            let sums = match group {
                Some(group) => means_over(own.clone(), group),
                None => own.clone(),
            };
            let total = match cut.is_one_part() {
                true => own,
                false => added(&own, sized(&input, [2, cut.channels])),
            };
            return [
                gradient_of_input(saved, &input, &gradient, &sums, cut),
                total,
            ];
        }
        let sums = sized(&input, [2, cut.channels]);
        let to_input = like(&input);
        let (count, dim) = cut.groups();
        // SAFETY: threads beyond the channels do nothing, and pixels end with the picture.
        unsafe {
            whole_gradients::launch_unchecked(
                &to_input.client,
                count,
                dim,
                buffer(&input),
                buffer(&saved.statistics),
                buffer(&saved.gamma),
                buffer(&saved.beta),
                buffer(&gradient),
                buffer(&sums),
                buffer(&to_input),
                cut.pixels as u32,
                cut.channels as u32,
                cut.inner as u32,
                saved.constants.epsilon,
                saved.constants.slope,
                cut.channels_near(),
            );
        }
        [to_input, sums]
    }
}
