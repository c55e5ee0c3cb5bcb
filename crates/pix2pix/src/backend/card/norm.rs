//! Batch normalization with the activation after it: one or two launches sum over the pixels of each channel of each part
//! of the batch, and one more applies the sums. For small pictures of one part, one launch does both.

use std::sync::Arc;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Cube, TensorMetadata};
use burn::cubecl;
use burn::cubecl::prelude::*;
use burn::tensor::{Device, Tensor, TensorData};

use super::activation::activate;
use super::conv::added;
use super::pictures::{
    CardTensor, Order, buffer, dense, elementwise, like, ordered, primitive, sized,
};
use crate::backend::norm::{Constants, NormBackend, NormGradients, Running, Saved};
use crate::parallel::{Communicator, means};

/// Threads of a group that read neighbouring values.
const NEAR: u32 = 32;
/// Rows of such threads in a group.
const FAR: u32 = 8;
/// Maximum number of groups: more than the largest cards run at once.
const GROUPS: usize = 512;
/// Maximum number of pixels of which one group sums the values, and then applies the sums if they are those of the batch.
const SMALL: usize = 512;

/// The memory order of pictures, and the part that one group of threads sums.
#[derive(Clone, Copy)]
struct Cut {
    /// Parts of the batch, one after the other in memory.
    parts: usize,
    /// Pixels of a part.
    pixels: usize,
    channels: usize,
    /// Number of neighbouring values of one channel: 1 for channels last.
    inner: usize,
    /// Pixels of each channel of a part that one group sums.
    slice: usize,
    order: Order,
}

impl Cut {
    fn of(pictures: &CardTensor, order: Order, parts: usize) -> Self {
        let [batch, channels, height, width] = pictures.shape().dims();
        let pixels = batch / parts * height * width;
        let (inner, together, lanes) = match order {
            Order::ChannelsFirst => (height * width, FAR, NEAR),
            Order::ChannelsLast => (1, NEAR, FAR),
        };
        let across = channels.div_ceil(together as usize) * parts;
        let slices = match pixels {
            ..=SMALL => 1,
            // as many slices, whose sums are added one after the other, as pixels that a thread adds
            _ => (pixels / lanes as usize).isqrt(),
        };
        let slices = slices.clamp(1, (GROUPS / across).max(1));
        Self {
            parts,
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

    /// Whether one launch is enough.
    fn is_small(&self) -> bool {
        self.is_one_part() && self.pixels <= SMALL
    }

    /// Whether the part is the batch. The running statistics of several are updated one after the other.
    fn is_one_part(&self) -> bool {
        self.parts == 1
    }

    /// Whether neighbouring threads process neighbouring channels, rather than neighbouring pixels.
    fn channels_near(&self) -> bool {
        self.order == Order::ChannelsLast
    }

    fn groups(&self) -> (CubeCount, CubeDim) {
        let together = if self.channels_near() { NEAR } else { FAR };
        let across = self.channels.div_ceil(together as usize);
        let count = CubeCount::Static(across as u32, self.slices() as u32, self.parts as u32);
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

/// The pixels that this group sums, the first and the one after the last.
#[cube]
fn range(pixels: u32, slice: u32) -> (u32, u32) {
    let first = CUBE_POS_Z * pixels;
    let begin = first + CUBE_POS_Y * slice;
    (begin, min(begin + slice, first + pixels))
}

/// The index of the first of two rows that this group writes in `[slices, parts, 2, channels]`.
#[cube]
fn row() -> usize {
    (CUBE_POS_Y * CUBE_COUNT_Z + CUBE_POS_Z) as usize * 2
}

/// Two values of a channel in `[parts, 2, channels]`: statistics, or the gradients of shift and scale.
#[cube]
fn pair(values: &[f32], part: usize, channel: usize, channels: usize) -> (f32, f32) {
    let at = part * 2 * channels + channel;
    (values[at], values[at + channels])
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
    // the next sum may be given the same memory
    sync_cube();
    sum
}

/// Mean and biased variance of `pixels` samples, from the sums of the samples and of their squares, after `start` is
/// subtracted from each sample.
#[cube]
fn mean_and_variance(sums: (f32, f32), start: f32, pixels: u32) -> (f32, f32) {
    let shift = sums.0 / pixels as f32;
    let variance = max(sums.1 / pixels as f32 - shift * shift, 0.0);
    (start + shift, variance)
}

/// Writes mean and variance of a channel of a part, and moves the channel's running statistics towards them.
#[cube]
fn keep(
    statistics: &mut [f32],
    running: &mut ComptimeOption<Moving>,
    part: usize,
    channel: usize,
    channels: usize,
    moments: (f32, f32),
) {
    let (mean, variance) = moments;
    let at = part * 2 * channels + channel;
    statistics[at] = mean;
    statistics[at + channels] = variance;
    #[comptime]
    match running {
        ComptimeOption::Some(running) => {
            let before = running.means[channel];
            running.means[channel] = before + (mean - before) * running.share;
            let before = running.variances[channel];
            let newest = variance * running.unbiased;
            running.variances[channel] = before + (newest - before) * running.share;
        }
        ComptimeOption::None => {}
    }
}

/// Running statistics, as [`Running`].
#[derive(CubeType, CubeLaunch)]
struct Moving {
    means: Box<[f32]>,
    variances: Box<[f32]>,
    share: f32,
    unbiased: f32,
}

/// The sums of a channel's samples from pixel `begin` to `end`, and of their squares, after the sample at pixel `origin` is
/// subtracted from each, so that no digits cancel (Chan, Golub and LeVeque 1983, section 3); and that sample.
#[cube]
fn centred_sums(
    input: &[f32],
    channel: usize,
    channels: usize,
    inner: usize,
    origin: u32,
    begin: u32,
    end: u32,
    #[comptime] channels_near: bool,
) -> (f32, f32, f32) {
    let mut first = 0.0f32;
    let mut second = 0.0f32;
    let mut start = 0.0f32;
    if channel < channels {
        start = input[place(origin, channel, channels, inner, channels_near)];
        let mut pixel = begin + lane(channels_near);
        while pixel < end {
            let x = input[place(pixel, channel, channels, inner, channels_near)] - start;
            first += x;
            second += x * x;
            pixel += comptime!(lanes(channels_near));
        }
    }
    let first = folded(first, channels_near);
    let second = folded(second, channels_near);
    (first, second, start)
}

/// The [`centred_sums`] of each channel of each slice, `[slices, parts, 2, channels]`. If all is one slice of one part: mean
/// and variance.
#[cube(launch_unchecked)]
fn moments(
    input: &[f32],
    sums: &mut [f32],
    running: &mut ComptimeOption<Moving>,
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
    let (begin, end) = range(pixels, slice);
    let (first, second, start) = centred_sums(
        input,
        channel,
        channels,
        inner,
        CUBE_POS_Z * pixels,
        begin,
        end,
        channels_near,
    );
    if lane(channels_near) == 0 && channel < channels {
        if comptime!(whole) {
            let moments = mean_and_variance((first, second), start, pixels);
            keep(sums, running, 0usize, channel, channels, moments);
        } else {
            let row = row();
            sums[row * channels + channel] = first;
            sums[(row + 1) * channels + channel] = second;
        }
    }
}

/// Mean and variance of each channel of each part from the sums of [`moments`].
#[cube(launch_unchecked)]
fn moments_of_slices(
    input: &[f32],
    sums: &[f32],
    statistics: &mut [f32],
    running: &mut ComptimeOption<Moving>,
    pixels: u32,
    channels: u32,
    inner: u32,
    slices: u32,
    parts: u32,
) {
    let channels = channels as usize;
    if ABSOLUTE_POS < channels {
        let channel = ABSOLUTE_POS;
        for part in 0..parts {
            let mut first = 0.0f32;
            let mut second = 0.0f32;
            for slice in 0..slices {
                let (a, b) = pair(sums, (slice * parts + part) as usize, channel, channels);
                first += a;
                second += b;
            }
            let before = (part * pixels) as usize * channels;
            let start = input[before + channel * inner as usize];
            let moments = mean_and_variance((first, second), start, pixels);
            keep(
                statistics,
                running,
                part as usize,
                channel,
                channels,
                moments,
            );
        }
    }
}

/// What a norm knows of a channel: its mean, its reciprocal deviation, its scale and its shift.
#[derive(Clone, Copy, CubeType)]
struct OfChannel {
    mean: f32,
    inverse: f32,
    gamma: f32,
    beta: f32,
}

/// `moments` are mean and variance of the channel.
#[cube]
fn of_channel(
    moments: (f32, f32),
    gamma: &[f32],
    beta: &[f32],
    channel: usize,
    epsilon: f32,
) -> OfChannel {
    OfChannel {
        mean: moments.0,
        inverse: 1.0 / (moments.1 + epsilon).sqrt(),
        gamma: gamma[channel],
        beta: beta[channel],
    }
}

/// A sample normalized, scaled, shifted and activated.
#[cube]
fn normalized(x: f32, of: &OfChannel, slope: f32) -> f32 {
    activate((x - of.mean) * (of.gamma * of.inverse) + of.beta, slope)
}

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

#[cube(launch_unchecked)]
fn apply(
    input: &[f32],
    statistics: &[f32],
    gamma: &[f32],
    beta: &[f32],
    output: &mut [f32],
    pixels: u32,
    channels: u32,
    inner: u32,
    epsilon: f32,
    slope: f32,
) {
    if ABSOLUTE_POS < output.len() {
        let channels = channels as usize;
        let channel = ABSOLUTE_POS / inner as usize % channels;
        let part = ABSOLUTE_POS / (pixels as usize * channels);
        let moments = pair(statistics, part, channel, channels);
        let of = of_channel(moments, gamma, beta, channel, epsilon);
        output[ABSOLUTE_POS] = normalized(input[ABSOLUTE_POS], &of, slope);
    }
}

/// Statistics of a small picture, and its samples normalized by them.
#[cube(launch_unchecked)]
fn whole(
    input: &[f32],
    gamma: &[f32],
    beta: &[f32],
    statistics: &mut [f32],
    running: &mut ComptimeOption<Moving>,
    output: &mut [f32],
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
    let (first, second, start) = centred_sums(
        input,
        channel,
        channels,
        inner,
        0u32,
        0u32,
        pixels,
        channels_near,
    );
    if channel < channels {
        let moments = mean_and_variance((first, second), start, pixels);
        if lane == 0 {
            keep(statistics, running, 0usize, channel, channels, moments);
        }
        let of = of_channel(moments, gamma, beta, channel, epsilon);
        let mut pixel = lane;
        while pixel < pixels {
            let at = place(pixel, channel, channels, inner, channels_near);
            output[at] = normalized(input[at], &of, slope);
            pixel += comptime!(lanes(channels_near));
        }
    }
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

/// The sum of each channel of each slice, `[slices, channels]`.
#[cube(launch_unchecked)]
fn plain_sums(
    input: &[f32],
    sums: &mut [f32],
    pixels: u32,
    channels: u32,
    inner: u32,
    slice: u32,
    #[comptime] channels_near: bool,
) {
    let channels = channels as usize;
    let inner = inner as usize;
    let channel = channel(channels_near);
    let lane = lane(channels_near);
    let mut sum = 0.0f32;
    if channel < channels {
        let (begin, end) = range(pixels, slice);
        let mut pixel = begin + lane;
        while pixel < end {
            sum += input[place(pixel, channel, channels, inner, channels_near)];
            pixel += comptime!(lanes(channels_near));
        }
    }
    let sum = folded(sum, channels_near);
    if lane == 0 && channel < channels {
        sums[CUBE_POS_Y as usize * channels + channel] = sum;
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

/// The sum of each channel of a picture, `[channels]`.
pub fn channel_sums(picture: CardTensor) -> CardTensor {
    let (picture, order) = dense(picture);
    let cut = Cut::of(&picture, order, 1);
    let slices = cut.slices();
    let sums = sized(&picture, [slices * cut.channels]);
    let (count, dim) = cut.groups();
    // SAFETY: threads beyond the channels do nothing, and slices end with the pixels.
    unsafe {
        plain_sums::launch_unchecked(
            &picture.client,
            count,
            dim,
            buffer(&picture),
            buffer(&sums),
            cut.pixels as u32,
            cut.channels as u32,
            cut.inner as u32,
            cut.slice as u32,
            cut.channels_near(),
        );
    }
    match slices {
        1 => sums,
        _ => added(&sums, sized(&picture, [cut.channels])),
    }
}

/// Running statistics as the argument of a kernel.
fn moving(running: Option<&Running>) -> ComptimeOptionArgs<Moving> {
    let running = running.map(|running| {
        let [means, variances] = running.values.clone().map(primitive);
        MovingLaunch::new(
            buffer(&means),
            buffer(&variances),
            running.share,
            running.unbiased,
        )
    });
    running.into()
}

/// Mean and biased variance of each channel of each part of a dense picture, `[2 * parts, channels]`.
fn statistics(input: &CardTensor, cut: Cut, running: Option<Running>) -> CardTensor {
    let client = &input.client;
    let slices = cut.slices();
    let whole = slices == 1 && cut.is_one_part();
    let sums = sized(input, [2 * slices * cut.parts, cut.channels]);
    let (count, dim) = cut.groups();
    // SAFETY: threads beyond the channels do nothing, and slices end with the pixels of their part.
    unsafe {
        moments::launch_unchecked(
            client,
            count,
            dim,
            buffer(input),
            buffer(&sums),
            moving(running.as_ref().filter(|_| whole)),
            cut.pixels as u32,
            cut.channels as u32,
            cut.inner as u32,
            cut.slice as u32,
            cut.channels_near(),
            whole,
        );
    }
    if whole {
        return sums;
    }
    let statistics = sized(input, [2 * cut.parts, cut.channels]);
    let (count, dim) = cut.channelwise();
    // SAFETY: threads beyond the channels do nothing.
    unsafe {
        moments_of_slices::launch_unchecked(
            client,
            count,
            dim,
            buffer(input),
            buffer(&sums),
            buffer(&statistics),
            moving(running.as_ref()),
            cut.pixels as u32,
            cut.channels as u32,
            cut.inner as u32,
            slices as u32,
            cut.parts as u32,
        );
    }
    statistics
}

impl NormBackend for Cube {
    fn norm_statistics(input: FloatTensor<Self>, parts: usize) -> FloatTensor<Self> {
        let (input, order) = dense(input);
        statistics(&input, Cut::of(&input, order, parts), None)
    }

    fn norm_by_own(
        input: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        constants: Constants,
        running: Option<Running>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let (input, order) = dense(input);
        let cut = Cut::of(&input, order, constants.parts);
        if !cut.is_small() {
            let statistics = statistics(&input, cut, running);
            let output =
                Self::norm_forward(input, statistics.clone(), gamma, beta, constants, None);
            return (output, statistics);
        }
        let statistics = sized(&input, [2, cut.channels]);
        let output = like(&input);
        let (count, dim) = cut.groups();
        // SAFETY: threads beyond the channels do nothing, and pixels end with the picture.
        unsafe {
            whole::launch_unchecked(
                &output.client,
                count,
                dim,
                buffer(&input),
                buffer(&gamma),
                buffer(&beta),
                buffer(&statistics),
                moving(running.as_ref()),
                buffer(&output),
                cut.pixels as u32,
                cut.channels as u32,
                cut.inner as u32,
                constants.epsilon,
                constants.slope,
                cut.channels_near(),
            );
        }
        (output, statistics)
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
        let cut = Cut::of(&input, order, constants.parts);
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
                cut.pixels as u32,
                cut.channels as u32,
                cut.inner as u32,
                constants.epsilon,
                constants.slope,
            );
        }
        output
    }
}

/// Gradients of beta and gamma by each part, `[2 * parts, channels]`.
fn parameter_gradients(
    saved: &Saved<Cube>,
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
    saved: &Saved<Cube>,
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
        saved: &Saved<Self>,
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
