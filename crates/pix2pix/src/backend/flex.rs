//! Tensors of Burn's CPU backend (Flex) as plain slices, and back.

use std::mem::MaybeUninit;

use burn::backend::Flex;
use burn::backend::tensor::FloatTensor;
use burn::tensor::{Shape, TensorData};
use pix2pix_kernels as kernels;

/// The values of a contiguous tensor.
pub fn values(tensor: &FloatTensor<Flex>) -> &[f32] {
    tensor
        .as_slice()
        .expect("contiguous, and f32 as all our tensors")
}

/// A tensor of these values, without a copy.
pub fn tensor(values: Vec<f32>, shape: impl Into<Shape>) -> FloatTensor<Flex> {
    FloatTensor::<Flex>::from_data(TensorData::new(values, shape))
}

/// A new tensor whose memory `fill` initializes and returns: see [`kernels::filled`].
pub fn filled(
    shape: impl Into<Shape>,
    fill: impl FnOnce(&mut [MaybeUninit<f32>]) -> &mut [f32],
) -> FloatTensor<Flex> {
    let shape = shape.into();
    tensor(kernels::filled(shape.num_elements(), fill), shape)
}
