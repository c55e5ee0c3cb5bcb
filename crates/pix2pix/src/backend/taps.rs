//! The weights of a resize by two fused with a 3x3 convolution, as an extension of Burn's backends: one parallel pass
//! on the CPU (Flex), one launch on cards (Cube).

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::Tensor;
use pix2pix_kernels as kernels;

use crate::backend::flex::{filled, values};
use crate::backend::unary::unary;

/// Operation of the forward pass.
#[backend_extension(Flex, Cube: cfg(feature = "_card"), Autodiff)]
pub trait TapsBackend: Backend {
    /// The fused weights, `[channels in, channels out, 4, 4]`, of `weight`, `[channels out, channels in, 3, 3]`.
    fn four_taps(weight: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// Additional operation of the backward pass.
pub trait TapsGradient: TapsBackend {
    /// The gradient of `weight` from that of the fused weights.
    fn three_taps(gradient: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// Fuses a resize by two and a convolution with `weight`, `[channels out, channels in, 3, 3]`. Returns the weights of
/// the equal transposed convolution of stride 2 and padding 1, `[channels in, channels out, 4, 4]`.
pub fn four_taps(weight: Tensor<4>) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::four_taps(weight.into_dispatch()))
}

impl TapsBackend for Flex {
    fn four_taps(weight: FloatTensor<Self>) -> FloatTensor<Self> {
        let weight = weight.to_contiguous();
        let [outputs, inputs, ..] = weight.shape().dims::<4>();
        filled([inputs, outputs, 4, 4], |kernel| {
            kernels::four_taps([inputs, outputs], values(&weight), kernel)
        })
    }
}

impl TapsGradient for Flex {
    fn three_taps(gradient: FloatTensor<Self>) -> FloatTensor<Self> {
        let gradient = gradient.to_contiguous();
        let [inputs, outputs, ..] = gradient.shape().dims::<4>();
        filled([outputs, inputs, 3, 3], |to_weight| {
            kernels::three_taps([inputs, outputs], values(&gradient), to_weight)
        })
    }
}

impl<B: TapsGradient, C: CheckpointStrategy> TapsBackend for Autodiff<B, C> {
    fn four_taps(weight: FloatTensor<Self>) -> FloatTensor<Self> {
        let forward = |weight| (B::four_taps(weight), ());
        unary::<B, C, _>(weight, forward, |(), gradient| B::three_taps(gradient))
    }
}
