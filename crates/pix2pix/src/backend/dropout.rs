//! Dropout as an extension of Burn's backends. The mask is computed where it is used, from a seed and the places of the
//! values: it is the same on every device, and takes no memory.

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::{Int, Tensor};
use pix2pix_kernels::{self as kernels, Dropout};

use crate::backend::flex::{filled, values};
use crate::backend::unary::unary;

/// Dropout of pictures, whose values have places in the order of their shape: `[batch, channels, height, width]`.
#[backend_extension(Flex, Cube: cfg(feature = "_card"), Autodiff)]
pub trait DropoutBackend: Backend {
    /// Sets values to zero and scales the others.
    fn dropout(input: FloatTensor<Self>, mask: Mask) -> FloatTensor<Self>;
}

/// Which values are dropped.
#[derive(Clone, Debug)]
pub struct Mask {
    /// The decisions.
    pub dropout: Dropout,
    /// On a card that replays passes: the seed and the number of the sequence, each as two words, the low one first, instead
    /// of those of `dropout`. They are read when the pass runs.
    #[cfg_attr(
        not(feature = "_card"),
        expect(dead_code, reason = "only cards have one")
    )]
    pub sequence: Option<Tensor<1, Int>>,
}

impl From<Dropout> for Mask {
    fn from(dropout: Dropout) -> Self {
        Self {
            dropout,
            sequence: None,
        }
    }
}

/// Sets values of `x`, `[batch, channels, height, width]`, to zero and scales the others.
pub fn dropout(x: Tensor<4>, mask: impl Into<Mask>) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::dropout(x.into_dispatch(), mask.into()))
}

impl DropoutBackend for Flex {
    fn dropout(input: FloatTensor<Self>, mask: Mask) -> FloatTensor<Self> {
        let input = input.to_contiguous();
        filled(input.shape(), |output| {
            kernels::dropout(&mask.dropout, values(&input), output)
        })
    }
}

impl<B: DropoutBackend, C: CheckpointStrategy> DropoutBackend for Autodiff<B, C> {
    fn dropout(input: FloatTensor<Self>, mask: Mask) -> FloatTensor<Self> {
        let forward = |input| (B::dropout(input, mask.clone()), mask);
        unary::<B, C, _>(input, forward, |mask, gradient| B::dropout(gradient, mask))
    }
}
