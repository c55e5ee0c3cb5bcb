//! The gradient of the input for outputs of few pixels, as in the innermost levels of a U-Net. Reading the weights
//! takes most of the time; here each weight is read once, in long runs.

use std::mem::MaybeUninit;
use std::ops::Range;

use rayon::prelude::*;

use super::patches;
use crate::geometry::{Geometry, split};
use crate::instruction_set::{Arithmetic, InstructionSet};
use crate::output::zeroed;
use crate::product::{Strides, product};
use crate::scratch::Scratch;
use crate::shared::Shared;
use crate::simd::{COLUMNS, Simd, Task};

/// Largest number of output pixels in a batch.
pub const PIXELS: usize = 32;
/// Taps of a task, those of some input channels: 2 KB of each output channel's weights.
const TAPS: usize = 16 * COLUMNS;
/// Output channels to read side by side: as many as the processor prefetches.
const STEPS: usize = 16;

/// Whether the output has few pixels and the weights divide into whole blocks.
pub fn suits(geometry: &Geometry) -> bool {
    let window = geometry.kernel * geometry.kernel;
    geometry.batch * geometry.pixels() <= PIXELS
        && TAPS.is_multiple_of(window)
        && geometry.taps().is_multiple_of(COLUMNS)
}

/// Computes the gradient of the input; lengths are checked.
pub fn input_gradient<'a>(
    geometry: &Geometry,
    gradient: &[f32],
    weights: &[f32],
    input: &'a mut [MaybeUninit<f32>],
) -> &'a mut [f32] {
    let (pixels, outputs) = (geometry.pixels(), geometry.out_channels);
    // [output channel][pixel of all images]
    let all = geometry.batch * pixels;
    let mut columns = vec![0.0; outputs * all];
    for (image, values) in gradient.chunks_exact(geometry.output_len()).enumerate() {
        for (channel, values) in values.chunks_exact(pixels).enumerate() {
            columns[channel * all + image * pixels..][..pixels].copy_from_slice(values);
        }
    }
    let channels = TAPS / (geometry.kernel * geometry.kernel);
    let shared = Shared::new(&mut *input);
    split(geometry.in_channels, channels)
        .into_par_iter()
        .for_each(|channels| {
            InstructionSet::best(Arithmetic::F32).run(Channels {
                geometry,
                gradient: bytemuck::cast_slice(&columns),
                weights,
                input: shared,
                channels,
            });
        });
    // SAFETY: the tasks' channels are all that the input has, and each task wrote all of its own.
    unsafe { input.assume_init_mut() }
}

/// Some input channels of all images.
struct Channels<'a> {
    geometry: &'a Geometry,
    gradient: &'a [u32],
    weights: &'a [f32],
    input: Shared<'a, MaybeUninit<f32>>,
    channels: Range<usize>,
}

impl Task for Channels<'_> {
    #[inline(always)]
    fn run<M: Simd>(self, simd: M, scratch: &mut Scratch) {
        let geometry = self.geometry;
        let window = geometry.kernel * geometry.kernel;
        let pixels = geometry.pixels();
        let all = geometry.batch * pixels;
        let taps = self.channels.len() * window;
        let (floats, _, _) = scratch.take(all * TAPS + taps * pixels, 0, 0);
        let (products, matrix) = floats.split_at_mut(all * TAPS);
        let weights = bytemuck::cast_slice(self.weights);
        for outputs in split(geometry.out_channels, STEPS) {
            let start = outputs.start * geometry.taps() + self.channels.start * window;
            for column in (0..taps).step_by(COLUMNS) {
                product(
                    simd,
                    [all, outputs.len()],
                    (
                        &self.gradient[outputs.start * all..],
                        Strides { row: 1, step: all },
                    ),
                    (&weights[start + column..], geometry.taps()),
                    (&mut products[column..], TAPS),
                    outputs.start > 0,
                );
            }
        }
        let plane = geometry.input[0] * geometry.input[1];
        let rows = 0..geometry.output()[0];
        for image in 0..geometry.batch {
            for (tap, line) in matrix.chunks_exact_mut(pixels).enumerate() {
                for (pixel, value) in line.iter_mut().enumerate() {
                    *value = products[(image * pixels + pixel) * TAPS + tap];
                }
            }
            let start = image * geometry.input_len() + self.channels.start * plane;
            // SAFETY: each task has its own input channels.
            let planes = unsafe { self.input.part(start..start + self.channels.len() * plane) };
            let planes = zeroed(planes);
            patches::scatter_add(
                geometry,
                matrix,
                self.channels.clone(),
                rows.clone(),
                0..geometry.input[0],
                planes,
            );
        }
    }
}
