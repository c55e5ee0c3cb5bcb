//! The convolution's gradient with respect to its input, which is the transposed convolution.

use rayon::prelude::*;

use crate::geometry::Geometry;
use crate::im2col::matrix::{Layout, multiply};
use crate::im2col::patches;
use crate::scratch::with_scratch;
use crate::shared::Shared;

/// Output pixels of a block, and input channels of a job: together a block of the patch matrix that
/// fits the second-level cache, for 4x4 kernels.
const PIXELS: usize = 512;
const CHANNELS: usize = 16;

/// Takes the gradient of the output back to the input.
pub fn direct(
    geometry: &Geometry,
    output_gradient: &[f32],
    weights: &[f32],
    input_gradient: &mut [f32],
) {
    let (taps, pixels, width) = (geometry.taps(), geometry.pixels(), geometry.output()[1]);
    let (window, plane) = (
        geometry.kernel * geometry.kernel,
        geometry.input[0] * geometry.input[1],
    );
    let blocks = geometry.row_blocks(PIXELS);
    let parts = geometry.channel_parts(CHANNELS);
    // each job owns some channels of one image, and adds up its blocks in order
    let jobs = input_gradient
        .chunks_exact_mut(geometry.input_len())
        .enumerate()
        .flat_map(|(image, mut rest)| {
            let parts = parts.clone();
            parts.into_iter().map(move |part| {
                let planes;
                (planes, rest) = std::mem::take(&mut rest).split_at_mut(part.len() * plane);
                (image, part, planes)
            })
        });
    let jobs: Vec<_> = jobs.collect();
    jobs.into_par_iter().for_each(|(image, part, planes)| {
        planes.fill(0.0);
        let height = part.len() * window;
        let widest = blocks.iter().map(|rows| rows.len() * width).max();
        with_scratch(|scratch| {
            let (scratch, _, _) = scratch.take(height * widest.unwrap_or(0), 0, 0);
            for rows in &blocks {
                let block = rows.len() * width;
                let matrix = &mut scratch[..height * block];
                // the weights, transposed: a row for each tap
                let left = Layout {
                    offset: part.start * window,
                    rows: 1,
                    columns: taps,
                };
                let right = Layout {
                    offset: image * geometry.output_len() + rows.start * width,
                    rows: pixels,
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
                        [height, block, geometry.out_channels],
                        (weights, left),
                        (output_gradient, right),
                        (Shared::new(matrix), product),
                        false,
                    );
                }
                patches::scatter_add(geometry, matrix, part.clone(), rows.clone(), planes);
            }
        });
    });
}
