//! Convolutions as matrix products with the patch matrix (im2col). Blocks of the matrix are made one at a time,
//! small enough for the second-level cache. Each thread calls the product of the `gemm` crate for its own blocks:
//! that crate's threading gains nothing on these shapes.

mod few_pixels;
mod forward;
mod input_gradient;
mod matrix;
mod mirrored;
mod patches;
mod weight_gradient;

use std::mem::MaybeUninit;

use crate::geometry::Geometry;
use crate::output::filled;
use crate::weight::{Weight, Weights, by_type};

/// Convolves: see [`crate::convolution::forward`].
///
/// # Panics
/// If a slice's length does not fit the geometry.
pub fn forward<'a>(
    geometry: &Geometry,
    input: &[f32],
    weights: Weights,
    output: &'a mut [MaybeUninit<f32>],
) -> &'a mut [f32] {
    geometry.check(input.len(), output.len(), weights.len());
    by_type!(weights => forward_by(geometry, input, weights, output))
}

fn forward_by<'a, W: Weight>(
    geometry: &Geometry,
    input: &[f32],
    weights: &[W],
    output: &'a mut [MaybeUninit<f32>],
) -> &'a mut [f32] {
    if few_pixels::suits(geometry) {
        return few_pixels::forward::forward(geometry, input, weights, output);
    }
    let weights = &*W::floats(weights);
    match mirrored::exchanged(geometry) {
        Some(other) => {
            let weights = mirrored::mirror(geometry, weights);
            input_gradient::direct(&other, input, &weights, output)
        }
        None => forward::direct(geometry, input, weights, output),
    }
}

/// Computes the gradient of the input: see [`crate::convolution::input_gradient`].
///
/// # Panics
/// If a slice's length does not fit the geometry.
pub fn input_gradient<'a>(
    geometry: &Geometry,
    gradient: &[f32],
    weights: Weights,
    input: &'a mut [MaybeUninit<f32>],
) -> &'a mut [f32] {
    geometry.check(input.len(), gradient.len(), weights.len());
    by_type!(weights => input_gradient_by(geometry, gradient, weights, input))
}

fn input_gradient_by<'a, W: Weight>(
    geometry: &Geometry,
    gradient: &[f32],
    weights: &[W],
    input: &'a mut [MaybeUninit<f32>],
) -> &'a mut [f32] {
    if few_pixels::input_gradient::suits(geometry) {
        return few_pixels::input_gradient::input_gradient(geometry, gradient, weights, input);
    }
    let weights = &*W::floats(weights);
    match mirrored::exchanged(geometry) {
        Some(other) => {
            let weights = mirrored::mirror(geometry, weights);
            forward::direct(&other, gradient, &weights, input)
        }
        None => input_gradient::direct(geometry, gradient, weights, input),
    }
}

/// Pictures that can be convolved together with the bits that each has alone.
pub(crate) fn pictures_at_once(alone: &Geometry) -> usize {
    match few_pixels::suits(alone) {
        true => few_pixels::PIXELS / alone.pixels(),
        false => 1,
    }
}

/// Pictures whose gradients of the input can be computed together with the bits that each has alone.
pub(crate) fn gradients_at_once(alone: &Geometry) -> usize {
    match few_pixels::input_gradient::suits(alone) {
        true => few_pixels::PIXELS / alone.pixels(),
        false => 1,
    }
}

/// Computes the gradient of the weights: see [`crate::convolution::weight_gradient`].
///
/// # Panics
/// If a slice's length does not fit the geometry.
pub fn weight_gradient<'a>(
    geometry: &Geometry,
    input: &[f32],
    gradient: &[f32],
    weights: &'a mut [MaybeUninit<f32>],
) -> &'a mut [f32] {
    geometry.check(input.len(), gradient.len(), weights.len());
    match mirrored::exchanged(geometry) {
        Some(other) => {
            let mirrored = filled(weights.len(), |weights| {
                weight_gradient::direct(&other, gradient, input, weights)
            });
            weights.write_copy_of_slice(&mirrored::mirror(&other, &mirrored))
        }
        None => weight_gradient::direct(geometry, input, gradient, weights),
    }
}
