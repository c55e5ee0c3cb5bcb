//! The gradient of the input: the transposed convolution.

use std::mem::MaybeUninit;
use std::ops::Range;

use rayon::prelude::*;

use crate::geometry::{Geometry, split, threads};
use crate::im2col::matrix::{Layout, multiply};
use crate::im2col::patches;
use crate::scratch::with_scratch;
use crate::shared::Shared;

/// Output pixels of a block and input channels of a task: with 4x4 kernels, their block of the patch matrix fits
/// the second-level cache.
const PIXELS: usize = 512;
const CHANNELS: usize = 16;

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
            let matrix_length = height * at_once * width;
            let length = matrix_length + self.part.len() * pixels_of_band;
            let (scratch, _, _) = scratch.take(length, 0, 0);
            let (matrix, planes) = scratch.split_at_mut(matrix_length);
            planes.fill(0.0);
            for start in rows.clone().step_by(at_once) {
                let rows = start..(start + at_once).min(rows.end);
                let matrix = &mut matrix[..height * rows.len() * width];
                self.multiply(rows.clone(), matrix);
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

    /// Multiplies the transposed weights by some rows of the gradient: a block of the patch matrix.
    fn multiply(&self, rows: Range<usize>, matrix: &mut [f32]) {
        let g = self.geometry;
        let (window, width) = (g.kernel * g.kernel, g.output()[1]);
        let block = rows.len() * width;
        let left = Layout {
            offset: self.part.start * window,
            rows: 1,
            columns: g.taps(),
        };
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
                (self.weights, left),
                (self.output_gradient, right),
                (matrix, product),
                false,
            );
        }
    }
}
