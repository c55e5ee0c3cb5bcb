//! The sum of each channel, as gradients of a bias are.

use burn::cubecl;
use burn::cubecl::prelude::*;

use super::cut::{Cut, channel, folded, lane, lanes, place, range};
use crate::backend::card::conv::added;
use crate::backend::card::pictures::{CardTensor, buffer, dense, sized};

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
