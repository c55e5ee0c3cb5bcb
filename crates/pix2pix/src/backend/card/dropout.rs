//! Dropout: the mask of [`pix2pix_kernels::Dropout`], computed by each thread for its value.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Cube, TensorMetadata};
use burn::cubecl;
use burn::cubecl::prelude::*;

use super::pictures::{CardTensor, Order, buffer, dense, elementwise, integers, like};
use crate::backend::dropout::{DropoutBackend, Mask as Chosen};

/// Where the values of a picture are in the random sequence, and what decides on them.
#[derive(CubeType, CubeLaunch)]
struct Mask {
    /// The seed and the number of the sequence: two words each, the low one first.
    sequence: Box<[u32]>,
    /// The first value's call of the generator, and its place in it.
    block: (u32, u32),
    place: u32,
    dropped: u32,
    scale: f32,
    channels: u32,
    pixels: u32,
}

/// One of the four words of Philox 4x32-10: see [`pix2pix_kernels::philox`].
#[cube]
fn philox(counter: (u32, u32), stream: (u32, u32), key: (u32, u32), word: u32) -> u32 {
    let mut a = counter.0;
    let mut b = counter.1;
    let mut c = stream.0;
    let mut d = stream.1;
    let mut low = key.0;
    let mut high = key.1;
    #[unroll]
    for _ in 0..10u32 {
        let first = u32::mul_hi(a, 0xD251_1F53);
        let second = u32::mul_hi(c, 0xCD9E_8D57);
        let from_b = second ^ b ^ low;
        let from_d = first ^ d ^ high;
        b = c * 0xCD9E_8D57;
        d = a * 0xD251_1F53;
        a = from_b;
        c = from_d;
        low += 0x9E37_79B9;
        high += 0xBB67_AE85;
    }
    select(word < 2, select(word == 0, a, b), select(word == 2, c, d))
}

/// The factor of the value at an index in memory.
#[cube]
fn factor(mask: &Mask, index: usize, #[comptime] channels_last: bool) -> f32 {
    let at = index as u32;
    let in_order = if comptime!(channels_last) {
        let pixel = at / mask.channels;
        let channel = at % mask.channels;
        (pixel / mask.pixels * mask.channels + channel) * mask.pixels + pixel % mask.pixels
    } else {
        at
    };
    let place = mask.place + in_order;
    let block = mask.block.0 + place / 8;
    let carry = select(block < mask.block.0, 1u32, 0u32);
    let counter = (block, mask.block.1 + carry);
    let word = philox(
        counter,
        (mask.sequence[2], mask.sequence[3]),
        (mask.sequence[0], mask.sequence[1]),
        place % 8 / 2,
    );
    let number = (word >> (place % 2 * 16)) & 0xffff;
    select(number < mask.dropped, 0.0, mask.scale)
}

#[cube(launch_unchecked)]
fn drop(input: &[f32], output: &mut [f32], mask: Mask, #[comptime] channels_last: bool) {
    if ABSOLUTE_POS < output.len() {
        let factor = factor(&mask, ABSOLUTE_POS, channels_last);
        output[ABSOLUTE_POS] = input[ABSOLUTE_POS] * factor;
    }
}

/// Two numbers as two words each, the low one first.
pub fn words([first, second]: [u64; 2]) -> [u32; 4] {
    [
        first as u32,
        (first >> 32) as u32,
        second as u32,
        (second >> 32) as u32,
    ]
}

/// The mask of a picture, as the argument of a kernel.
fn launched(mask: Chosen, picture: &CardTensor) -> MaskLaunch {
    let Chosen { dropout, sequence } = mask;
    let [_, channels, height, width] = picture.shape().dims();
    let sequence = match sequence {
        Some(sequence) => integers(sequence).handle,
        None => {
            let words = words([dropout.seed, dropout.stream]);
            picture.client.create_from_slice(u32::as_bytes(&words))
        }
    };
    // SAFETY: it has four words.
    let sequence = unsafe { BufferArg::from_raw_parts(sequence, 4) };
    let block = dropout.first / 8;
    MaskLaunch::new(
        sequence,
        (block as u32, (block >> 32) as u32),
        (dropout.first % 8) as u32,
        dropout.dropped,
        dropout.scale,
        channels as u32,
        (height * width) as u32,
    )
}

impl DropoutBackend for Cube {
    fn dropout(input: FloatTensor<Self>, mask: Chosen) -> FloatTensor<Self> {
        let (input, order) = dense(input);
        let output = like(&input);
        let (count, dim) = elementwise(&output);
        let mask = launched(mask, &input);
        // SAFETY: each thread stays within the lengths, which are the same.
        unsafe {
            drop::launch_unchecked(
                &output.client,
                count,
                dim,
                buffer(&input),
                buffer(&output),
                mask,
                order == Order::ChannelsLast,
            );
        }
        output
    }
}
