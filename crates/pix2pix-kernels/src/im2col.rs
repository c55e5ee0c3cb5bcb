//! Convolutions as matrix products with the patch matrix, which is made block by block, small enough
//! for the second-level cache, and never exists as a whole. The inner product is the `gemm` crate's,
//! one call a thread, because its own threading gains nothing on these shapes.

mod few_pixels;
mod forward;
mod input_gradient;
mod matrix;
mod mirrored;
mod patches;
mod weight_gradient;

use crate::geometry::Geometry;

/// Convolves: see [`crate::forward`].
pub fn forward(geometry: &Geometry, input: &[f32], weights: &[f32], output: &mut [f32]) {
    match mirrored::exchanged(geometry) {
        Some(other) => {
            let weights = mirrored::mirror(geometry, weights);
            input_gradient::direct(&other, input, &weights, output);
        }
        None => forward::direct(geometry, input, weights, output),
    }
}

/// Takes a gradient back to the input: see [`crate::input_gradient`].
pub fn input_gradient(geometry: &Geometry, gradient: &[f32], weights: &[f32], input: &mut [f32]) {
    if few_pixels::suits(geometry) {
        return few_pixels::input_gradient(geometry, gradient, weights, input);
    }
    match mirrored::exchanged(geometry) {
        Some(other) => {
            let weights = mirrored::mirror(geometry, weights);
            forward::direct(&other, gradient, &weights, input);
        }
        None => input_gradient::direct(geometry, gradient, weights, input),
    }
}

/// Takes a gradient back to the weights: see [`crate::weight_gradient`].
pub fn weight_gradient(geometry: &Geometry, input: &[f32], gradient: &[f32], weights: &mut [f32]) {
    match mirrored::exchanged(geometry) {
        Some(other) => {
            let mut mirrored = vec![0.0; weights.len()];
            weight_gradient::direct(&other, gradient, input, &mut mirrored);
            weights.copy_from_slice(&mirrored::mirror(&other, &mirrored));
        }
        None => weight_gradient::direct(geometry, input, gradient, weights),
    }
}
