//! The binomial filter 1-2-1 as an extension of Burn's backends. It is its own transpose, so one operation is the forward
//! pass and the gradient: one parallel pass on the CPU (Flex), a few of Burn's operations on cards (Cube).

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::Tensor;
use pix2pix_kernels as kernels;

use crate::backend::flex::{filled, values};

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
        #[derive(Debug)]
        struct Smooth;

        impl<B: SmoothBackend> Backward<B, 1> for Smooth {
            type State = ();

            fn backward(
                self,
                ops: Ops<Self::State, 1>,
                grads: &mut Gradients,
                _checkpointer: &mut Checkpointer,
            ) {
                let [node] = ops.parents;
                let gradient = grads.consume::<B>(&ops.node);
                if let Some(node) = node {
                    grads.register::<B>(node.id, B::smooth(gradient));
                }
            }
        }

        let prepared = Smooth
            .prepare::<C>([input.node()])
            .compute_bound()
            .stateful();
        let output = B::smooth(input.into_primitive());
        match prepared {
            OpsKind::Tracked(prep) => prep.finish((), output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }
}
