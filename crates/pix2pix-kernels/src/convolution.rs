//! Convolution and its gradients, by the faster of two algorithms for each geometry.
//!
//! Every function overwrites its last argument and returns it initialized. Shapes are those of [`Geometry`].
//!
//! The order of summation, and so the last bits of a result, may depend on the number of pictures, but not for
//! [`forward_each`] and [`input_gradient_each`].

use std::mem::MaybeUninit;

use crate::geometry::{Geometry, split};
use crate::im2col;
use crate::instruction_set::InstructionSet;
use crate::weight::Weights;
use crate::winograd::{Form, Pass};

/// Convolves `input` with `weights`.
///
/// # Panics
/// If a slice's length does not fit the geometry, or if this processor does not support the instructions.
pub fn forward<'a>(
    instructions: InstructionSet,
    geometry: &Geometry,
    input: &[f32],
    weights: Weights,
    output: &'a mut [MaybeUninit<f32>],
) -> &'a mut [f32] {
    match Form::best(instructions, geometry, Pass::Forward) {
        Some(form) => form.forward(instructions, geometry, input, weights, output),
        None => im2col::forward(geometry, input, weights, output),
    }
}

/// As [`forward`], with the bits that each picture has alone.
///
/// # Panics
/// As [`forward`] does.
pub fn forward_each<'a>(
    instructions: InstructionSet,
    geometry: &Geometry,
    input: &[f32],
    weights: Weights,
    output: &'a mut [MaybeUninit<f32>],
) -> &'a mut [f32] {
    geometry.check(input.len(), output.len(), weights.len());
    let alone = alone(geometry);
    let form = Form::best(instructions, &alone, Pass::Forward);
    let at_once = match form {
        Some(_) => together(geometry),
        None => im2col::pictures_at_once(&alone),
    };
    let (input, output) = (
        (input, geometry.input_len()),
        (output, geometry.output_len()),
    );
    in_groups(
        geometry,
        at_once,
        input,
        output,
        |geometry, input, output| {
            match form {
                Some(form) => form.forward(instructions, geometry, input, weights, output),
                None => im2col::forward(geometry, input, weights, output),
            };
        },
    )
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
    weights: Weights,
    input_gradient: &'a mut [MaybeUninit<f32>],
) -> &'a mut [f32] {
    match Form::best(instructions, geometry, Pass::InputGradient) {
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

/// As [`input_gradient`], with the bits that each picture has alone.
///
/// # Panics
/// As [`input_gradient`] does.
pub fn input_gradient_each<'a>(
    instructions: InstructionSet,
    geometry: &Geometry,
    gradient: &[f32],
    weights: Weights,
    input: &'a mut [MaybeUninit<f32>],
) -> &'a mut [f32] {
    geometry.check(input.len(), gradient.len(), weights.len());
    let alone = alone(geometry);
    let form = Form::best(instructions, &alone, Pass::InputGradient);
    let at_once = match form {
        Some(_) => together(geometry),
        None => im2col::gradients_at_once(&alone),
    };
    let (gradient, input) = (
        (gradient, geometry.output_len()),
        (input, geometry.input_len()),
    );
    in_groups(
        geometry,
        at_once,
        gradient,
        input,
        |geometry, gradient, input| {
            match form {
                Some(form) => form.input_gradient(instructions, geometry, gradient, weights, input),
                None => im2col::input_gradient(geometry, gradient, weights, input),
            };
        },
    )
}

/// The geometry of one picture.
fn alone(geometry: &Geometry) -> Geometry {
    Geometry {
        batch: 1,
        ..*geometry
    }
}

/// Computes `at_once` pictures at a time, the last time perhaps fewer. `compute` writes all pictures of its geometry from
/// those that it reads; slices stand with the number of values of a picture.
fn in_groups<'a>(
    geometry: &Geometry,
    at_once: usize,
    (from, from_length): (&[f32], usize),
    (to, to_length): (&'a mut [MaybeUninit<f32>], usize),
    compute: impl Fn(&Geometry, &[f32], &mut [MaybeUninit<f32>]),
) -> &'a mut [f32] {
    let groups = split(geometry.batch, at_once).into_iter();
    let read = from.chunks(at_once * from_length);
    let written = to.chunks_mut(at_once * to_length);
    for ((pictures, from), to) in groups.zip(read).zip(written) {
        let geometry = Geometry {
            batch: pictures.len(),
            ..*geometry
        };
        compute(&geometry, from, to);
    }
    // SAFETY: the groups have all pictures, and kernels write the whole of what they are given.
    unsafe { to.assume_init_mut() }
}

/// Pictures that the fast forms compute together: pictures share the maps of the weights, which pays where there are more
/// weights than pixels. Many pixels at once would leave the caches.
fn together(geometry: &Geometry) -> usize {
    let pixels = geometry.input_len().max(geometry.output_len());
    (geometry.weights() / pixels.max(1)).max(1)
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
    match Form::best(instructions, geometry, Pass::WeightGradient) {
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
