//! The convolution.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use crate::geometry::{Geometry, split, threads};
use crate::im2col::matrix::{Layout, multiply};
use crate::im2col::patches;
use crate::scratch::with_scratch;
use crate::shared::Shared;

/// Output pixels of a block: enough to make packing the weights cheap, few enough to keep the block of the patch
/// matrix in the second-level cache.
const PIXELS: usize = 512;

/// Convolves; lengths are checked.
pub fn direct<'a>(
    geometry: &Geometry,
    input: &[f32],
    weights: &[f32],
    output: &'a mut [MaybeUninit<f32>],
) -> &'a mut [f32] {
    let (taps, pixels, width) = (geometry.taps(), geometry.pixels(), geometry.output()[1]);
    let blocks = geometry.row_blocks(PIXELS);
    // if there are fewer blocks than threads, divide the weights too
    let parts = threads().div_ceil((geometry.batch * blocks.len()).max(1));
    let channels = split(
        geometry.out_channels,
        geometry.out_channels.div_ceil(parts).max(1),
    );
    let tasks: Vec<_> = (0..geometry.batch)
        .flat_map(|image| blocks.iter().map(move |rows| (image, rows)))
        .flat_map(|(image, rows)| channels.iter().map(move |part| (image, rows, part)))
        .collect();
    let shared = Shared::new(&mut *output);
    tasks.into_par_iter().for_each(|(image, rows, part)| {
        let block = rows.len() * width;
        with_scratch(|scratch| {
            let (matrix, _, _) = scratch.take(taps * block, 0, 0);
            let image_values = &input[image * geometry.input_len()..][..geometry.input_len()];
            patches::gather(
                geometry,
                image_values,
                0..geometry.in_channels,
                rows.clone(),
                matrix,
            );
            let left = Layout {
                offset: part.start * taps,
                rows: taps,
                columns: 1,
            };
            let right = Layout {
                offset: 0,
                rows: block,
                columns: 1,
            };
            let product = Layout {
                offset: image * geometry.output_len() + part.start * pixels + rows.start * width,
                rows: pixels,
                columns: 1,
            };
            // SAFETY: each task has its own images, output rows and output channels.
            unsafe {
                multiply(
                    [part.len(), block, taps],
                    (weights, left),
                    (matrix, right),
                    (shared.as_ptr() as *mut [f32], product),
                    false,
                );
            }
        });
    });
    // SAFETY: the tasks' rows and channels are all that the output has, and each task wrote its whole product.
    unsafe { output.assume_init_mut() }
}
