//! The gradient of the weights.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use crate::geometry::Geometry;
use crate::im2col::matrix::{Layout, multiply};
use crate::im2col::patches;
use crate::output::zeroed;
use crate::scratch::with_scratch;
use crate::shared::Shared;

/// Output pixels of a block and input channels of a task.
const PIXELS: usize = 1024;
const CHANNELS: usize = 16;

/// Computes the gradient of the weights; lengths are checked.
pub fn direct<'a>(
    geometry: &Geometry,
    input: &[f32],
    output_gradient: &[f32],
    weight_gradient: &'a mut [MaybeUninit<f32>],
) -> &'a mut [f32] {
    let (taps, pixels, width) = (geometry.taps(), geometry.pixels(), geometry.output()[1]);
    let window = geometry.kernel * geometry.kernel;
    let blocks = geometry.row_blocks(PIXELS);
    if geometry.batch * blocks.len() == 0 {
        return zeroed(weight_gradient);
    }
    let parts = geometry.channel_parts(CHANNELS);
    let shared = Shared::new(&mut *weight_gradient);
    parts.into_par_iter().for_each(|part| {
        let height = part.len() * window;
        let widest = blocks.iter().map(|rows| rows.len() * width).max();
        with_scratch(|scratch| {
            let (scratch, _, _) = scratch.take(height * widest.unwrap_or(0), 0, 0);
            for image in 0..geometry.batch {
                let image_values = &input[image * geometry.input_len()..][..geometry.input_len()];
                for rows in &blocks {
                    let block = rows.len() * width;
                    let matrix = &mut scratch[..height * block];
                    patches::gather(geometry, image_values, part.clone(), rows.clone(), matrix);
                    let left = Layout {
                        offset: image * geometry.output_len() + rows.start * width,
                        rows: pixels,
                        columns: 1,
                    };
                    // the transposed patch matrix: a column for each tap
                    let right = Layout {
                        offset: 0,
                        rows: 1,
                        columns: block,
                    };
                    let product = Layout {
                        offset: part.start * window,
                        rows: taps,
                        columns: 1,
                    };
                    let first = image == 0 && rows.start == 0;
                    // SAFETY: each task has its own input channels, and so its own columns of the weights. The
                    // first block writes all of them, the others add.
                    unsafe {
                        multiply(
                            [geometry.out_channels, height, block],
                            (output_gradient, left),
                            (matrix, right),
                            (shared.as_ptr() as *mut [f32], product),
                            !first,
                        );
                    }
                }
            }
        });
    });
    // SAFETY: the tasks' columns are all that the weights have, there is a first block, and it wrote them.
    unsafe { weight_gradient.assume_init_mut() }
}
