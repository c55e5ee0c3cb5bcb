//! The gradient of the input: the transposed convolution.

use std::mem::MaybeUninit;
use std::ops::Range;

use rayon::prelude::*;

use crate::geometry::{Geometry, split, threads};
use crate::im2col::matrix::{Layout, multiply};
use crate::im2col::patches;
use crate::instruction_set::{Arithmetic, InstructionSet};
use crate::prefetch::prefetch_run;
use crate::scratch::with_scratch;
use crate::shared::Shared;

/// Output pixels of a block and input channels of a task: with 4x4 kernels, their block of the patch matrix fits
/// the second-level cache.
const PIXELS: usize = 512;
const CHANNELS: usize = 16;

/// Output channels whose weights are requested before they are copied.
const AHEAD: usize = 8;

/// Input rows of a task if there are too few channels for all threads. Output rows that two tasks share are
/// computed twice.
const BAND: usize = 32;

/// Computes the gradient of the input; lengths are checked.
pub fn direct<'a>(
    geometry: &Geometry,
    output_gradient: &[f32],
    weights: &[f32],
    input_gradient: &'a mut [MaybeUninit<f32>],
) -> &'a mut [f32] {
    let height = geometry.input[0];
    let few = geometry.in_channels < 4 * threads();
    let (parts, bands) = if few {
        (split(geometry.in_channels, CHANNELS), split(height, BAND))
    } else {
        (geometry.channel_parts(CHANNELS), split(height, height))
    };
    let mut tasks = Vec::new();
    for image in 0..geometry.batch {
        for part in &parts {
            tasks.extend(bands.iter().map(|band| (image, part.clone(), band.clone())));
        }
    }
    let shared = Shared::new(&mut *input_gradient);
    tasks.into_par_iter().for_each(|(image, part, band)| {
        let band = Band {
            geometry,
            output_gradient,
            weights,
            input: shared,
            image,
            part,
            band,
        };
        band.run();
    });
    // SAFETY: the tasks' rows and channels are all that the input has, and each task wrote all of its own.
    unsafe { input_gradient.assume_init_mut() }
}

/// Whether gemm packs the weights: with other instructions than AVX-512, from 33 pixels on. It reads them in runs of six values,
/// whose distance is a power of two in most layers, so that they share few sets of the cache. A copy is read faster.
fn packs() -> bool {
    InstructionSet::best(Arithmetic::F32) != InstructionSet::Avx512
}

/// Some rows of some channels of an image.
struct Band<'a> {
    geometry: &'a Geometry,
    output_gradient: &'a [f32],
    weights: &'a [f32],
    input: Shared<'a, MaybeUninit<f32>>,
    image: usize,
    part: Range<usize>,
    band: Range<usize>,
}

impl Band<'_> {
    /// The output rows with windows that touch the band.
    fn output_rows(&self) -> Range<usize> {
        let g = self.geometry;
        // output row r reads `kernel` input rows from r * stride - padding[0]
        let first = (self.band.start + g.padding[0] + 1)
            .saturating_sub(g.kernel)
            .div_ceil(g.stride);
        let last = (self.band.end - 1 + g.padding[0]) / g.stride + 1;
        let end = last.min(g.output()[0]);
        first.min(end)..end
    }

    /// Sums the contributions of the output rows, block by block.
    fn run(self) {
        let g = self.geometry;
        let width = g.output()[1];
        let (window, columns) = (g.kernel * g.kernel, g.input[1]);
        let rows = self.output_rows();
        let at_once = (PIXELS / width.max(1)).max(1);
        let height = self.part.len() * window;
        let pixels_of_band = self.band.len() * columns;
        with_scratch(|scratch| {
            let lengths = [
                height * at_once * width,
                self.part.len() * pixels_of_band,
                if packs() { height * g.out_channels } else { 0 },
            ];
            let (scratch, _, _) = scratch.take(lengths.iter().sum(), 0, 0);
            let (matrix, scratch) = scratch.split_at_mut(lengths[0]);
            let (planes, copy) = scratch.split_at_mut(lengths[1]);
            let weights = match packs() {
                true => self.copied(copy),
                false => self.in_place(),
            };
            planes.fill(0.0);
            for start in rows.clone().step_by(at_once) {
                let rows = start..(start + at_once).min(rows.end);
                let matrix = &mut matrix[..height * rows.len() * width];
                self.multiply(weights, rows.clone(), matrix);
                let (part, band) = (self.part.clone(), self.band.clone());
                patches::scatter_add(g, matrix, part, rows, band, planes);
            }
            let plane = g.input[0] * columns;
            for (channel, values) in self.part.clone().zip(planes.chunks_exact(pixels_of_band)) {
                let start =
                    self.image * g.input_len() + channel * plane + self.band.start * columns;
                // SAFETY: each task has its own rows and channels of an image.
                let to = unsafe { self.input.part(start..start + pixels_of_band) };
                to.write_copy_of_slice(values);
            }
        });
    }

    /// The weights of the task's channels, transposed, where they are.
    fn in_place(&self) -> (&[f32], Layout) {
        let window = self.geometry.kernel * self.geometry.kernel;
        let layout = Layout {
            offset: self.part.start * window,
            rows: 1,
            columns: self.geometry.taps(),
        };
        (self.weights, layout)
    }

    /// The same in a copy, without those of other channels between them.
    fn copied<'a>(&self, copy: &'a mut [f32]) -> (&'a [f32], Layout) {
        let (
            weights,
            Layout {
                offset, columns, ..
            },
        ) = self.in_place();
        let height = copy.len() / self.geometry.out_channels.max(1);
        for (output, to) in copy.chunks_exact_mut(height).enumerate() {
            let start = |output: usize| offset + output * columns;
            prefetch_run(weights, start(output + AHEAD), height);
            to.copy_from_slice(&weights[start(output)..][..height]);
        }
        let layout = Layout {
            offset: 0,
            rows: 1,
            columns: height,
        };
        (copy, layout)
    }

    /// Multiplies the transposed weights by some rows of the gradient: a block of the patch matrix.
    fn multiply(&self, weights: (&[f32], Layout), rows: Range<usize>, matrix: &mut [f32]) {
        let g = self.geometry;
        let (window, width) = (g.kernel * g.kernel, g.output()[1]);
        let block = rows.len() * width;
        let right = Layout {
            offset: self.image * g.output_len() + rows.start * width,
            rows: g.pixels(),
            columns: 1,
        };
        let product = Layout {
            offset: 0,
            rows: block,
            columns: 1,
        };
        // SAFETY: `matrix` is borrowed mutably.
        unsafe {
            multiply(
                [self.part.len() * window, block, g.out_channels],
                weights,
                (self.output_gradient, right),
                (matrix, product),
                false,
            );
        }
    }
}
