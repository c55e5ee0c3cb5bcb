//! The convolution's gradient with respect to its input, which is the transposed convolution.

use std::ops::Range;

use rayon::prelude::*;

use crate::geometry::{Geometry, split};
use crate::im2col::matrix::{Layout, multiply};
use crate::im2col::patches;
use crate::scratch::with_scratch;
use crate::shared::Shared;

/// Output pixels of a block, and input channels of a job: together a block of the patch matrix that
/// fits the second-level cache, for 4x4 kernels.
const PIXELS: usize = 512;
const CHANNELS: usize = 16;

/// Rows of the input in a job, where there are too few channels for all threads: the output rows
/// that two neighbours share are computed twice.
const BAND: usize = 32;

/// Takes the gradient of the output back to the input.
pub fn direct(
    geometry: &Geometry,
    output_gradient: &[f32],
    weights: &[f32],
    input_gradient: &mut [f32],
) {
    let height = geometry.input[0];
    let few = geometry.in_channels < 4 * rayon::current_num_threads();
    let (parts, bands) = if few {
        // not a whole picture of channels for each thread: bands of rows of all channels
        (split(geometry.in_channels, CHANNELS), split(height, BAND))
    } else {
        (geometry.channel_parts(CHANNELS), split(height, height))
    };
    let mut jobs = Vec::new();
    for image in 0..geometry.batch {
        for part in &parts {
            jobs.extend(bands.iter().map(|band| (image, part.clone(), band.clone())));
        }
    }
    let shared = Shared::new(input_gradient);
    jobs.into_par_iter().for_each(|(image, part, band)| {
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
}

/// Some rows of some channels of an image.
struct Band<'a> {
    geometry: &'a Geometry,
    output_gradient: &'a [f32],
    weights: &'a [f32],
    input: Shared<'a, f32>,
    image: usize,
    part: Range<usize>,
    band: Range<usize>,
}

impl Band<'_> {
    /// The output rows whose windows touch the band.
    fn output_rows(&self) -> Range<usize> {
        let g = self.geometry;
        // row r touches the rows from r * stride - before to that and the kernel
        let first = (self.band.start + g.padding[0] + 1)
            .saturating_sub(g.kernel)
            .div_ceil(g.stride);
        let last = (self.band.end - 1 + g.padding[0]) / g.stride + 1;
        let end = last.min(g.output()[0]);
        first.min(end)..end
    }

    /// Adds up its blocks in order.
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
                // SAFETY: each job has its own rows of its own channels of an image.
                let to = unsafe { self.input.part(start..start + pixels_of_band) };
                to.copy_from_slice(values);
            }
        });
    }

    /// The product of the weights, transposed, and some rows of the gradient: a row for each tap.
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
        // SAFETY: the product goes to this thread's own scratch memory.
        unsafe {
            multiply(
                [self.part.len() * window, block, g.out_channels],
                (self.weights, left),
                (self.output_gradient, right),
                (Shared::new(matrix), product),
                false,
            );
        }
    }
}
