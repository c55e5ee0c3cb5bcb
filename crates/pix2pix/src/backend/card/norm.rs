//! Batch normalization with the activation after it: one or two launches sum over the pixels of each channel, and one
//! more applies the sums.

use std::sync::Arc;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Cube, TensorMetadata};
use burn::cubecl;
use burn::cubecl::prelude::*;
use burn::tensor::{Device, Tensor, TensorData};

use super::activation::activate;
use super::pictures::{CardTensor, Order, buffer, dense, elementwise, like, ordered, sized};
use crate::backend::norm::{Constants, NormBackend, NormGradients, Saved};
use crate::parallel::{Communicator, means};

/// Threads of a group that read neighbouring values.
const NEAR: u32 = 32;
/// Rows of such threads in a group.
const FAR: u32 = 8;
/// Minimum number of pixels in a slice: smaller ones do not make up for the second launch.
const SLICE: usize = 1024;
/// Maximum number of groups: more than the largest cards run at once.
const GROUPS: usize = 512;

/// The memory order of pictures, and the part that one group of threads sums.
#[derive(Clone, Copy)]
struct Cut {
    pixels: usize,
    channels: usize,
    /// Number of neighbouring values of one channel: 1 for channels last.
    inner: usize,
    /// Pixels of each channel that one group sums.
    slice: usize,
    order: Order,
}

impl Cut {
    fn of(pictures: &CardTensor, order: Order) -> Self {
        let [batch, channels, height, width] = pictures.shape().dims();
        let pixels = batch * height * width;
        let (inner, together) = match order {
            Order::ChannelsFirst => (height * width, FAR),
            Order::ChannelsLast => (1, NEAR),
        };
        let across = channels.div_ceil(together as usize);
        let slices = (pixels / SLICE).clamp(1, (GROUPS / across).max(1));
        Self {
            pixels,
            channels,
            inner,
            slice: pixels.div_ceil(slices),
            order,
        }
    }

    fn slices(&self) -> usize {
        self.pixels.div_ceil(self.slice)
    }

    /// Whether neighbouring threads process neighbouring channels, rather than neighbouring pixels.
    fn channels_near(&self) -> bool {
        self.order == Order::ChannelsLast
    }

    fn groups(&self) -> (CubeCount, CubeDim) {
        let together = if self.channels_near() { NEAR } else { FAR };
        let across = self.channels.div_ceil(together as usize);
        let count = CubeCount::Static(across as u32, self.slices() as u32, 1);
        (count, CubeDim::new_2d(NEAR, FAR))
    }

    /// The size of a launch with one thread for each channel.
    fn channelwise(&self) -> (CubeCount, CubeDim) {
        let count = self.channels.div_ceil(NEAR as usize) as u32;
        (CubeCount::Static(count, 1, 1), CubeDim::new_1d(NEAR))
    }
}

/// The channel of this thread.
#[cube]
fn channel(#[comptime] channels_near: bool) -> usize {
    if comptime!(channels_near) {
        (CUBE_POS_X * NEAR + UNIT_POS_X) as usize
    } else {
        (CUBE_POS_X * FAR + UNIT_POS_Y) as usize
    }
}

/// The index of this thread among those of its channel.
#[cube]
fn lane(#[comptime] channels_near: bool) -> u32 {
    if comptime!(channels_near) {
        UNIT_POS_Y
    } else {
        UNIT_POS_X
    }
}

/// Number of threads for each channel of a group.
fn lanes(channels_near: bool) -> u32 {
    if channels_near { FAR } else { NEAR }
}

/// The index of a sample in memory.
#[cube]
fn place(
    pixel: u32,
    channel: usize,
    channels: usize,
    inner: usize,
    #[comptime] channels_near: bool,
) -> usize {
    let pixel = pixel as usize;
    if comptime!(channels_near) {
        pixel * channels + channel
    } else {
        (pixel / inner * channels + channel) * inner + pixel % inner
    }
}

/// The sum of `value` over the threads of this thread's channel.
#[cube]
fn folded(value: f32, #[comptime] channels_near: bool) -> f32 {
    let mut values = Shared::new_slice(comptime!((NEAR * FAR) as usize));
    values[UNIT_POS as usize] = value;
    sync_cube();
    let mut sum = 0.0f32;
    for other in 0..comptime!(lanes(channels_near)) {
        if comptime!(channels_near) {
            sum += values[(other * NEAR + UNIT_POS_X) as usize];
        } else {
            sum += values[(UNIT_POS_Y * NEAR + other) as usize];
        }
    }
    sum
}

/// Mean and biased variance of `pixels` samples, from the sums of the samples and of their squares, after `start` is
/// subtracted from each sample.
#[cube]
fn finish(
    statistics: &mut [f32],
    channel: usize,
    channels: usize,
    sums: (f32, f32),
    start: f32,
    pixels: u32,
) {
    let mean = sums.0 / pixels as f32;
    statistics[channel] = start + mean;
    statistics[channels + channel] = max(sums.1 / pixels as f32 - mean * mean, 0.0);
}

/// For each channel of each slice, `[slices, 2, channels]`: the sums of the samples and of their squares, after the
/// channel's first sample is subtracted from each, so that no digits cancel (Chan, Golub and LeVeque 1983, section 3).
/// With one slice: mean and variance.
#[cube(launch_unchecked)]
fn moments(
    input: &[f32],
    sums: &mut [f32],
    pixels: u32,
    channels: u32,
    inner: u32,
    slice: u32,
    #[comptime] channels_near: bool,
    #[comptime] whole: bool,
) {
    let channels = channels as usize;
    let inner = inner as usize;
    let channel = channel(channels_near);
    let lane = lane(channels_near);
    let mut first = 0.0f32;
    let mut second = 0.0f32;
    let mut start = 0.0f32;
    if channel < channels {
        start = input[place(0, channel, channels, inner, channels_near)];
        let mut pixel = CUBE_POS_Y * slice + lane;
        let end = min((CUBE_POS_Y + 1) * slice, pixels);
        while pixel < end {
            let x = input[place(pixel, channel, channels, inner, channels_near)] - start;
            first += x;
            second += x * x;
            pixel += comptime!(lanes(channels_near));
        }
    }
    let first = folded(first, channels_near);
    let second = folded(second, channels_near);
    if lane == 0 && channel < channels {
        if comptime!(whole) {
            finish(sums, channel, channels, (first, second), start, pixels);
        } else {
            let row = CUBE_POS_Y as usize * 2;
            sums[row * channels + channel] = first;
            sums[(row + 1) * channels + channel] = second;
        }
    }
}

/// Both sums of a channel over all slices.
#[cube]
fn over_slices(sums: &[f32], channel: usize, channels: usize, slices: u32) -> (f32, f32) {
    let mut first = 0.0f32;
    let mut second = 0.0f32;
    for slice in 0..slices {
        let row = slice as usize * 2;
        first += sums[row * channels + channel];
        second += sums[(row + 1) * channels + channel];
    }
    (first, second)
}

/// Mean and variance of each channel from the sums of [`moments`].
#[cube(launch_unchecked)]
fn moments_of_slices(
    input: &[f32],
    sums: &[f32],
    statistics: &mut [f32],
    pixels: u32,
    channels: u32,
    inner: u32,
    slices: u32,
) {
    let channels = channels as usize;
    if ABSOLUTE_POS < channels {
        let sums = over_slices(sums, ABSOLUTE_POS, channels, slices);
        let start = input[ABSOLUTE_POS * inner as usize];
        finish(statistics, ABSOLUTE_POS, channels, sums, start, pixels);
    }
}

/// The reciprocal standard deviation of a channel.
#[cube]
fn inverse_deviation(statistics: &[f32], channel: usize, channels: usize, epsilon: f32) -> f32 {
    1.0 / (statistics[channels + channel] + epsilon).sqrt()
}

#[cube(launch_unchecked)]
fn apply(
    input: &[f32],
    statistics: &[f32],
    gamma: &[f32],
    beta: &[f32],
    output: &mut [f32],
    channels: u32,
    inner: u32,
    epsilon: f32,
    slope: f32,
) {
    if ABSOLUTE_POS < output.len() {
        let channels = channels as usize;
        let channel = ABSOLUTE_POS / inner as usize % channels;
        let scale = gamma[channel] * inverse_deviation(statistics, channel, channels, epsilon);
        let x = (input[ABSOLUTE_POS] - statistics[channel]) * scale + beta[channel];
        output[ABSOLUTE_POS] = activate(x, slope);
    }
}

/// A sample's normalized value, and the gradient before the activation.
#[cube]
fn before_activation(
    x: f32,
    gradient: f32,
    scale: (f32, f32),
    shift: f32,
    slope: f32,
) -> (f32, f32) {
    let normalized = x * scale.0;
    let positive = normalized * scale.1 + shift > 0.0;
    (normalized, select(positive, gradient, gradient * slope))
}

/// Gradients of shift and scale of each channel of each slice, `[slices, 2, channels]`.
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
    let lane = lane(channels_near);
    let mut first = 0.0f32;
    let mut second = 0.0f32;
    if channel < channels {
        let mean = statistics[channel];
        let inverse = inverse_deviation(statistics, channel, channels, epsilon);
        let mut pixel = CUBE_POS_Y * slice + lane;
        let end = min((CUBE_POS_Y + 1) * slice, pixels);
        while pixel < end {
            let at = place(pixel, channel, channels, inner, channels_near);
            let scale = (inverse, gamma[channel]);
            let (x, g) =
                before_activation(input[at] - mean, gradient[at], scale, beta[channel], slope);
            first += g;
            second += g * x;
            pixel += comptime!(lanes(channels_near));
        }
    }
    let first = folded(first, channels_near);
    let second = folded(second, channels_near);
    if lane == 0 && channel < channels {
        let row = CUBE_POS_Y as usize * 2;
        sums[row * channels + channel] = first;
        sums[(row + 1) * channels + channel] = second;
    }
}

#[cube(launch_unchecked)]
fn sums_of_slices(sums: &[f32], total: &mut [f32], channels: u32, slices: u32) {
    let channels = channels as usize;
    if ABSOLUTE_POS < channels {
        let (first, second) = over_slices(sums, ABSOLUTE_POS, channels, slices);
        total[ABSOLUTE_POS] = first;
        total[channels + ABSOLUTE_POS] = second;
    }
}

/// The gradient of the input: that of the normalized values, minus its mean, minus its projection on the normalized
/// values (Ioffe and Szegedy 2015, section 3).
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
        let inverse = inverse_deviation(statistics, channel, channels, epsilon);
        let scale = (inverse, gamma[channel]);
        let x = input[ABSOLUTE_POS] - statistics[channel];
        let (x, g) = before_activation(x, gradient[ABSOLUTE_POS], scale, beta[channel], slope);
        let mean = sums[channel] / pixels as f32;
        let along = sums[channels + channel] / pixels as f32;
        to_input[ABSOLUTE_POS] = inverse * gamma[channel] * (g - mean - x * along);
    }
}

impl NormBackend for Cube {
    fn norm_statistics(input: FloatTensor<Self>) -> FloatTensor<Self> {
        let (input, order) = dense(input);
        let cut = Cut::of(&input, order);
        let client = &input.client;
        let slices = cut.slices();
        let sums = sized(&input, [2 * slices, cut.channels]);
        let (count, dim) = cut.groups();
        // SAFETY: threads beyond the channels do nothing, and slices end with the pixels.
        unsafe {
            moments::launch_unchecked(
                client,
                count,
                dim,
                buffer(&input),
                buffer(&sums),
                cut.pixels as u32,
                cut.channels as u32,
                cut.inner as u32,
                cut.slice as u32,
                cut.channels_near(),
                slices == 1,
            );
        }
        if slices == 1 {
            return sums;
        }
        let statistics = sized(&input, [2, cut.channels]);
        let (count, dim) = cut.channelwise();
        // SAFETY: threads beyond the channels do nothing.
        unsafe {
            moments_of_slices::launch_unchecked(
                client,
                count,
                dim,
                buffer(&input),
                buffer(&sums),
                buffer(&statistics),
                cut.pixels as u32,
                cut.channels as u32,
                cut.inner as u32,
                slices as u32,
            );
        }
        statistics
    }

    fn norm_forward(
        input: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        constants: Constants,
        _group: Option<Arc<dyn Communicator>>,
    ) -> FloatTensor<Self> {
        let (input, order) = dense(input);
        let cut = Cut::of(&input, order);
        let output = like(&input);
        let (count, dim) = elementwise(&output);
        // SAFETY: each thread stays within the lengths, and channels within theirs.
        unsafe {
            apply::launch_unchecked(
                &output.client,
                count,
                dim,
                buffer(&input),
                buffer(&statistics),
                buffer(&gamma),
                buffer(&beta),
                buffer(&output),
                cut.channels as u32,
                cut.inner as u32,
                constants.epsilon,
                constants.slope,
            );
        }
        output
    }
}

impl NormGradients for Cube {
    fn norm_parameter_gradients(
        saved: &Saved<Self>,
        gradient: &FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let (input, order) = dense(saved.input.clone());
        let cut = Cut::of(&input, order);
        let client = &input.client;
        let slices = cut.slices();
        let sums = sized(&input, [2 * slices, cut.channels]);
        let (count, dim) = cut.groups();
        // SAFETY: threads beyond the channels do nothing, and slices end with the pixels.
        unsafe {
            gradient_sums::launch_unchecked(
                client,
                count,
                dim,
                buffer(&input),
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
        if slices == 1 {
            return sums;
        }
        let total = sized(&input, [2, cut.channels]);
        let (count, dim) = cut.channelwise();
        // SAFETY: threads beyond the channels do nothing.
        unsafe {
            sums_of_slices::launch_unchecked(
                client,
                count,
                dim,
                buffer(&sums),
                buffer(&total),
                cut.channels as u32,
                slices as u32,
            );
        }
        total
    }

    fn norm_input_gradient(
        saved: &Saved<Self>,
        gradient: &FloatTensor<Self>,
        sums: &FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let (input, order) = dense(saved.input.clone());
        let cut = Cut::of(&input, order);
        let to_input = like(&input);
        let (count, dim) = elementwise(&to_input);
        // SAFETY: each thread stays within the lengths, and channels within theirs.
        unsafe {
            input_gradient::launch_unchecked(
                &to_input.client,
                count,
                dim,
                buffer(&input),
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

    fn arranged(saved: &Saved<Self>, gradient: FloatTensor<Self>) -> FloatTensor<Self> {
        let (_, order) = dense(saved.input.clone());
        ordered(gradient, order)
    }

    fn means(sums: FloatTensor<Self>, group: &dyn Communicator) -> FloatTensor<Self> {
        let sums = Tensor::<2>::from_primitive::<Self>(sums);
        let (shape, device): (_, Device) = (sums.shape(), sums.device());
        let own = sums.into_data().convert::<f32>();
        let means = means(group, own.as_slice().expect("converted"));
        let means = Tensor::<2>::from_data(TensorData::new(means, shape), &device);
        means.try_into_primitive::<Self>().expect("of this backend")
    }
}
