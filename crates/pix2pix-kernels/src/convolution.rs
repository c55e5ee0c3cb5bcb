//! The convolution and its gradients: for each geometry the faster of two ways.

use crate::geometry::Geometry;
use crate::im2col;
use crate::machine::Path;
use crate::winograd::Form;

/// Convolves `input` with `weights` into `output`, whose old content is lost.
///
/// # Panics
/// When a slice's length does not fit the geometry.
pub fn forward(
    path: Path,
    geometry: &Geometry,
    input: &[f32],
    weights: &[f32],
    output: &mut [f32],
) {
    geometry.check(input.len(), output.len(), weights.len());
    match Form::best(path, geometry) {
        Some(form) => form.forward(path, geometry, input, weights, output),
        None => im2col::forward(geometry, input, weights, output),
    }
}

/// Takes the gradient of the output back to the input: `input_gradient`'s old content is lost.
///
/// # Panics
/// When a slice's length does not fit the geometry.
pub fn input_gradient(
    path: Path,
    geometry: &Geometry,
    output_gradient: &[f32],
    weights: &[f32],
    input_gradient: &mut [f32],
) {
    geometry.check(input_gradient.len(), output_gradient.len(), weights.len());
    match Form::best(path, geometry) {
        Some(form) => form.input_gradient(path, geometry, output_gradient, weights, input_gradient),
        None => im2col::input_gradient(geometry, output_gradient, weights, input_gradient),
    }
}

/// Takes the gradient of the output back to the weights, summed over the batch:
/// `weight_gradient`'s old content is lost.
///
/// # Panics
/// When a slice's length does not fit the geometry.
pub fn weight_gradient(
    path: Path,
    geometry: &Geometry,
    input: &[f32],
    output_gradient: &[f32],
    weight_gradient: &mut [f32],
) {
    geometry.check(input.len(), output_gradient.len(), weight_gradient.len());
    match Form::best(path, geometry) {
        Some(form) => form.weight_gradient(path, geometry, input, output_gradient, weight_gradient),
        None => im2col::weight_gradient(geometry, input, output_gradient, weight_gradient),
    }
}
