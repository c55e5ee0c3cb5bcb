//! Mean and variance of each channel.

use burn::cubecl;
use burn::cubecl::prelude::*;

use super::cut::{Cut, channel, folded, lane, lanes, pair, place, range, row};
use crate::backend::card::pictures::{CardTensor, buffer, primitive, sized};
use crate::backend::norm::Running;

/// Mean and biased variance of `pixels` samples, from the sums of the samples and of their squares, after `start` is
/// subtracted from each sample.
#[cube]
pub fn mean_and_variance(sums: (f32, f32), start: f32, pixels: u32) -> (f32, f32) {
    let shift = sums.0 / pixels as f32;
    let variance = max(sums.1 / pixels as f32 - shift * shift, 0.0);
    (start + shift, variance)
}

/// Writes mean and variance of a channel of a part, and moves the channel's running statistics towards them.
#[cube]
pub fn keep(
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
pub struct Moving {
    means: Box<[f32]>,
    variances: Box<[f32]>,
    share: f32,
    unbiased: f32,
}

/// The sums of a channel's samples from pixel `begin` to `end`, and of their squares, after the sample at pixel `origin` is
/// subtracted from each, so that no digits cancel (Chan, Golub and LeVeque 1983, section 3); and that sample.
#[cube]
pub fn centered_sums(
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

/// The [`centered_sums`] of each channel of each slice, `[slices, parts, 2, channels]`. If all is one slice of one part: mean
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
    let (first, second, start) = centered_sums(
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

/// Running statistics as the argument of a kernel.
pub fn moving(running: Option<&Running>) -> ComptimeOptionArgs<Moving> {
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
pub fn statistics(input: &CardTensor, cut: Cut, running: Option<Running>) -> CardTensor {
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
