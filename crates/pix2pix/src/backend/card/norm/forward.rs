//! The forward pass.

use std::sync::Arc;

use burn::backend::Cube;
use burn::backend::tensor::FloatTensor;
use burn::cubecl;
use burn::cubecl::prelude::*;

use super::cut::{Cut, channel, lane, lanes, pair, place};
use super::of_channel::{OfChannel, of_channel};
use super::statistics::{Moving, centered_sums, keep, mean_and_variance, moving, statistics};
use crate::backend::card::activation::activate;
use crate::backend::card::pictures::{buffer, dense, elementwise, like, sized};
use crate::backend::norm::{Constants, NormBackend, Running};
use crate::parallel::Communicator;

/// A sample normalized, scaled, shifted and activated.
#[cube]
fn normalized(x: f32, of: &OfChannel, slope: f32) -> f32 {
    activate((x - of.mean) * (of.gamma * of.inverse) + of.beta, slope)
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
    let (first, second, start) = centered_sums(
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
