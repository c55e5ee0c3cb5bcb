//! The convolution.

use std::mem::MaybeUninit;
use std::ops::Range;

use rayon::prelude::*;

use crate::geometry::{Geometry, split};
use crate::instruction_set::{Arithmetic, InstructionSet};
use crate::lanes::{LANES, Lanes};
use crate::prefetch::prefetch;
use crate::scratch::{Scratch, with_words};
use crate::shared::Shared;
use crate::simd::{Simd, Task};
use crate::weight::Weight;

/// Output channels of a task.
const CHANNELS: usize = 16;
/// Values of the patches of all pixels that are read again for each channel: they stay in the second-level cache.
const PATCHES: usize = 1 << 14;

/// Convolves; lengths are checked.
pub fn forward<'a, W: Weight>(
    geometry: &Geometry,
    input: &[f32],
    weights: &[W],
    output: &'a mut [MaybeUninit<f32>],
) -> &'a mut [f32] {
    let taps = geometry.taps();
    let pixels = geometry.batch * geometry.pixels();
    with_words([pixels * taps, 0], |[patches, _]| {
        let patches: &mut [f32] = bytemuck::cast_slice_mut(patches);
        gather(geometry, input, patches);
        let patches = &*patches;
        let shared = Shared::new(&mut *output);
        split(geometry.out_channels, CHANNELS)
            .into_par_iter()
            .for_each(|channels| {
                InstructionSet::best(Arithmetic::F32).run(Channels {
                    geometry,
                    patches,
                    weights,
                    output: shared,
                    channels,
                });
            });
    });
    // SAFETY: the tasks' channels are all that the output has, and each task wrote all of its own.
    unsafe { output.assume_init_mut() }
}

/// Copies the window of each output pixel of all images: `[pixel][tap]`.
fn gather(geometry: &Geometry, input: &[f32], patches: &mut [f32]) {
    let ([height, width], [_, columns]) = (geometry.input, geometry.output());
    let (kernel, before) = (geometry.kernel, geometry.padding[0]);
    let taps = geometry.taps();
    let each = patches.par_chunks_exact_mut(taps).enumerate();
    each.for_each(|(index, patch)| {
        let (image, pixel) = (index / geometry.pixels(), index % geometry.pixels());
        let [top, left] = [pixel / columns, pixel % columns].map(|place| place * geometry.stride);
        // of the window's columns, those inside the image
        let inside = before.saturating_sub(left).min(kernel)
            ..(width + before).saturating_sub(left).min(kernel);
        let planes = input[image * geometry.input_len()..].chunks_exact(height * width);
        for (window, plane) in patch.chunks_exact_mut(kernel * kernel).zip(planes) {
            for (y, line) in window.chunks_exact_mut(kernel).enumerate() {
                line.fill(0.0);
                let row = (top + y).checked_sub(before).filter(|&row| row < height);
                if let Some(row) = row.filter(|_| inside.start < inside.end) {
                    let from = &plane[row * width + left + inside.start - before..];
                    line[inside.clone()].copy_from_slice(&from[..inside.len()]);
                }
            }
        }
    });
}

/// Some output channels of all images.
struct Channels<'a, W> {
    geometry: &'a Geometry,
    patches: &'a [f32],
    weights: &'a [W],
    output: Shared<'a, MaybeUninit<f32>>,
    channels: Range<usize>,
}

impl<W: Weight> Task for Channels<'_, W> {
    #[inline(always)]
    fn run<M: Simd>(self, simd: M, scratch: &mut Scratch) {
        let pixels = self.geometry.pixels();
        let all = self.geometry.batch * pixels;
        let (_, _, sums) = scratch.take(0, 0, self.channels.len() * all);
        sums.fill([0.0; LANES]);
        let vectors = self.geometry.taps() / LANES;
        for part in split(vectors, (PATCHES / LANES / all).max(1)) {
            // as many sums as fit the registers
            if M::ROWS >= 12 {
                self.add_part::<M, 4, 4>(simd, part, sums);
            } else {
                self.add_part::<M, 2, 2>(simd, part, sums);
            }
        }
        for (channel, sums) in self.channels.clone().zip(sums.chunks_exact(all)) {
            for (pixel, sum) in sums.iter().enumerate() {
                let (image, pixel) = (pixel / pixels, pixel % pixels);
                let place = image * self.geometry.output_len() + channel * pixels + pixel;
                // SAFETY: each task has its own output channels.
                let to = unsafe { self.output.part(place..place + 1) };
                to[0].write(total(*sum));
            }
        }
    }
}

impl<W: Weight> Channels<'_, W> {
    /// Adds the products of some vectors of the taps to the sums `[channel][pixel]`, `C` channels and `P` pixels at a time.
    #[inline(always)]
    fn add_part<M: Simd, const C: usize, const P: usize>(
        &self,
        simd: M,
        part: Range<usize>,
        sums: &mut [[f32; LANES]],
    ) {
        let taps = self.geometry.taps();
        let count = self.channels.len();
        let all = sums.len() / count;
        let weights = &self.weights[self.channels.start * taps..];
        let groups = all.div_ceil(P);
        for channel in (0..count).step_by(C) {
            for (group, pixel) in (0..all).step_by(P).enumerate() {
                // beyond the last, the last one again
                let channels: [usize; C] = std::array::from_fn(|c| (channel + c).min(count - 1));
                let pixels: [usize; P] = std::array::from_fn(|p| (pixel + p).min(all - 1));
                let rows = channels.map(|c| &vectors(weights, c * taps, taps)[part.clone()]);
                let columns = pixels.map(|p| &vectors(self.patches, p * taps, taps)[part.clone()]);
                let mut tile = [[simd.zero(); P]; C];
                for (c, tile) in tile.iter_mut().enumerate() {
                    for (p, sum) in tile.iter_mut().enumerate() {
                        *sum = simd.load(&sums[channels[c] * all + pixels[p]]);
                    }
                }
                for step in 0..part.len() {
                    // the next channels' weights, which would be waited for while the first pixels are computed
                    for row in (group..C).step_by(groups) {
                        let next = (channel + C + row) * taps + (part.start + step) * LANES;
                        prefetch(weights, next);
                    }
                    let mut right = [simd.zero(); P];
                    for (right, column) in right.iter_mut().zip(&columns) {
                        *right = simd.load(&column[step]);
                    }
                    for (row, tile) in rows.iter().zip(&mut tile) {
                        let left = W::load(simd, &row[step]);
                        for (sum, right) in tile.iter_mut().zip(right) {
                            *sum = sum.multiply_add(left, right);
                        }
                    }
                }
                for (c, tile) in tile.into_iter().enumerate() {
                    for (p, sum) in tile.into_iter().enumerate() {
                        sum.store(&mut sums[channels[c] * all + pixels[p]]);
                    }
                }
            }
        }
    }
}

/// `length` values from `start`, as vectors.
#[inline(always)]
fn vectors<T>(values: &[T], start: usize, length: usize) -> &[[T; LANES]] {
    values[start..start + length].as_chunks().0
}

/// The sum of a vector's values, by halves.
#[inline(always)]
fn total(mut values: [f32; LANES]) -> f32 {
    let mut half = LANES / 2;
    while half > 0 {
        for at in 0..half {
            values[at] += values[at + half];
        }
        half /= 2;
    }
    values[0]
}
