//! Convolution and its gradients, by the faster of two algorithms for each geometry.
//!
//! Every function overwrites its last argument and returns it initialized. Shapes are those of [`Geometry`].

use std::mem::MaybeUninit;

use crate::geometry::Geometry;
use crate::im2col;
use crate::instruction_set::InstructionSet;
use crate::winograd::Form;

/// Convolves `input` with `weights`.
///
/// # Panics
/// If a slice's length does not fit the geometry, or if this processor does not support the instructions.
pub fn forward<'a>(
    instructions: InstructionSet,
    geometry: &Geometry,
    input: &[f32],
    weights: &[f32],
    output: &'a mut [MaybeUninit<f32>],
) -> &'a mut [f32] {
    match Form::best(instructions, geometry) {
        Some(form) => form.forward(instructions, geometry, input, weights, output),
        None => im2col::forward(geometry, input, weights, output),
    }
}

/// Computes the gradient of the input from that of the output: the transposed convolution of
/// `output_gradient`.
///
/// # Panics
/// If a slice's length does not fit the geometry, or if this processor does not support the instructions.
pub fn input_gradient<'a>(
    instructions: InstructionSet,
    geometry: &Geometry,
    output_gradient: &[f32],
    weights: &[f32],
    input_gradient: &'a mut [MaybeUninit<f32>],
) -> &'a mut [f32] {
    match Form::best(instructions, geometry) {
        Some(form) => form.input_gradient(
            instructions,
            geometry,
            output_gradient,
            weights,
            input_gradient,
        ),
        None => im2col::input_gradient(geometry, output_gradient, weights, input_gradient),
    }
}

/// Computes the gradient of the weights, summed over the batch, from that of the output.
///
/// # Panics
/// If a slice's length does not fit the geometry, or if this processor does not support the instructions.
pub fn weight_gradient<'a>(
    instructions: InstructionSet,
    geometry: &Geometry,
    input: &[f32],
    output_gradient: &[f32],
    weight_gradient: &'a mut [MaybeUninit<f32>],
) -> &'a mut [f32] {
    match Form::best(instructions, geometry) {
        Some(form) => form.weight_gradient(
            instructions,
            geometry,
            input,
            output_gradient,
            weight_gradient,
        ),
        None => im2col::weight_gradient(geometry, input, output_gradient, weight_gradient),
    }
}
