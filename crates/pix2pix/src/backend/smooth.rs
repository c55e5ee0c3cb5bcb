//! The binomial filter 1-2-1 as an extension of Burn's backends. It is its own transpose, so one operation is the forward
//! pass and the gradient: one parallel pass on the CPU (Flex), a few of Burn's operations on cards (Cube).

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::Tensor;
use pix2pix_kernels as kernels;

use crate::backend::flex::{filled, values};
use crate::backend::unary::unary;

/// The filter on pictures, `[batch, channels, height, width]`.
#[backend_extension(Flex, Cube: cfg(feature = "_card"), Autodiff)]
pub trait SmoothBackend: Backend {
    /// Smooths each plane; the shape is unchanged.
    fn smooth(input: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// Smooths `x`, `[batch, channels, height, width]`, with the filter 1-2-1 in each direction; pixels at a border count as
/// their own neighbors beyond it.
pub fn smooth(x: Tensor<4>) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::smooth(x.into_dispatch()))
}

impl SmoothBackend for Flex {
    fn smooth(input: FloatTensor<Self>) -> FloatTensor<Self> {
        let input = input.to_contiguous();
        let [.., height, width] = input.shape().dims::<4>();
        filled(input.shape(), |output| {
            kernels::smooth([height, width], values(&input), output)
        })
    }
}

impl<B: SmoothBackend, C: CheckpointStrategy> SmoothBackend for Autodiff<B, C> {
    fn smooth(input: FloatTensor<Self>) -> FloatTensor<Self> {
        let forward = |input| (B::smooth(input), ());
        unary::<B, C, _>(input, forward, |(), gradient| B::smooth(gradient))
    }
}
