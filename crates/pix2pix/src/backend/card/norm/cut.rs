//! The cut of pictures among groups of threads, and the place of each thread in it.

use burn::backend::TensorMetadata;
use burn::cubecl;
use burn::cubecl::prelude::*;

use crate::backend::card::pictures::{CardTensor, Order};

/// Threads of a group that read neighboring values.
const NEAR: u32 = 32;
/// Rows of such threads in a group.
const FAR: u32 = 8;
/// Maximum number of groups: more than the largest cards run at once.
const GROUPS: usize = 512;
/// Maximum number of pixels of which one group sums the values, and then applies the sums if they are those of the batch.
const SMALL: usize = 512;

/// The memory order of pictures, and the part that one group of threads sums.
#[derive(Clone, Copy)]
pub struct Cut {
    /// Parts of the batch, one after the other in memory.
    pub parts: usize,
    /// Pixels of a part.
    pub pixels: usize,
    pub channels: usize,
    /// Number of neighboring values of one channel: 1 for channels last.
    pub inner: usize,
    /// Pixels of each channel of a part that one group sums.
    pub slice: usize,
    order: Order,
}

impl Cut {
    pub fn of(pictures: &CardTensor, order: Order, parts: usize) -> Self {
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

    pub fn slices(&self) -> usize {
        self.pixels.div_ceil(self.slice)
    }

    /// Whether one launch is enough.
    pub fn is_small(&self) -> bool {
        self.is_one_part() && self.pixels <= SMALL
    }

    /// Whether the part is the batch. The running statistics of several are updated one after the other.
    pub fn is_one_part(&self) -> bool {
        self.parts == 1
    }

    /// Whether neighboring threads process neighboring channels, rather than neighboring pixels.
    pub fn channels_near(&self) -> bool {
        self.order == Order::ChannelsLast
    }

    pub fn groups(&self) -> (CubeCount, CubeDim) {
        let together = if self.channels_near() { NEAR } else { FAR };
        let across = self.channels.div_ceil(together as usize);
        let count = CubeCount::Static(across as u32, self.slices() as u32, self.parts as u32);
        (count, CubeDim::new_2d(NEAR, FAR))
    }

    /// The size of a launch with one thread for each channel.
    pub fn channelwise(&self) -> (CubeCount, CubeDim) {
        let count = self.channels.div_ceil(NEAR as usize) as u32;
        (CubeCount::Static(count, 1, 1), CubeDim::new_1d(NEAR))
    }
}

/// The channel of this thread.
#[cube]
pub fn channel(#[comptime] channels_near: bool) -> usize {
    if comptime!(channels_near) {
        (CUBE_POS_X * NEAR + UNIT_POS_X) as usize
    } else {
        (CUBE_POS_X * FAR + UNIT_POS_Y) as usize
    }
}

/// The index of this thread among those of its channel.
#[cube]
pub fn lane(#[comptime] channels_near: bool) -> u32 {
    if comptime!(channels_near) {
        UNIT_POS_Y
    } else {
        UNIT_POS_X
    }
}

/// Number of threads for each channel of a group.
pub fn lanes(channels_near: bool) -> u32 {
    if channels_near { FAR } else { NEAR }
}

/// The pixels that this group sums, the first and the one after the last.
#[cube]
pub fn range(pixels: u32, slice: u32) -> (u32, u32) {
    let first = CUBE_POS_Z * pixels;
    let begin = first + CUBE_POS_Y * slice;
    (begin, min(begin + slice, first + pixels))
}

/// The index of the first of two rows that this group writes in `[slices, parts, 2, channels]`.
#[cube]
pub fn row() -> usize {
    (CUBE_POS_Y * CUBE_COUNT_Z + CUBE_POS_Z) as usize * 2
}

/// Two values of a channel in `[parts, 2, channels]`: statistics, or the gradients of shift and scale.
#[cube]
pub fn pair(values: &[f32], part: usize, channel: usize, channels: usize) -> (f32, f32) {
    let at = part * 2 * channels + channel;
    (values[at], values[at + channels])
}

/// The index of a sample in memory.
#[cube]
pub fn place(
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
pub fn folded(value: f32, #[comptime] channels_near: bool) -> f32 {
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
