//! Adding a value to each channel, as an extension of Burn's backends, with its gradient.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::Tensor;
use pix2pix_kernels as kernels;

use crate::backend::flex::{filled, tensor, values};

/// Pictures are `[batch, channels, height, width]`, biases `[channels]`.
#[backend_extension(Flex, Cube: cfg(feature = "_card"), Autodiff)]
pub trait BiasBackend: Backend {
    /// Adds a bias to each channel.
    fn add_bias(input: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// Additional operation of the backward pass.
pub trait BiasGradient: BiasBackend {
    /// The sum of each channel, `[channels]`.
    fn channel_sums(gradient: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// Adds `bias`, `[channels]`, to the channels of `x`, `[batch, channels, height, width]`.
pub fn add_bias(x: Tensor<4>, bias: Tensor<1>) -> Tensor<4> {
    let (x, bias) = (x.into_dispatch(), bias.into_dispatch());
    Tensor::from_dispatch(Dispatch::add_bias(x, bias))
}

fn pixels(picture: &FloatTensor<Flex>) -> usize {
    let [_, _, height, width] = picture.shape().dims();
    height * width
}

impl BiasBackend for Flex {
    fn add_bias(input: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self> {
        let (input, bias) = (input.to_contiguous(), bias.to_contiguous());
        filled(input.shape(), |output| {
            kernels::add_bias(pixels(&input), values(&input), values(&bias), output)
        })
    }
}

impl BiasGradient for Flex {
    fn channel_sums(gradient: FloatTensor<Self>) -> FloatTensor<Self> {
        let gradient = gradient.to_contiguous();
        let [_, channels, ..] = gradient.shape().dims::<4>();
        let sums = kernels::channel_sums(channels, pixels(&gradient), values(&gradient));
        tensor(sums, [channels])
    }
}

impl<B: BiasGradient, C: CheckpointStrategy> BiasBackend for Autodiff<B, C> {
    fn add_bias(input: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct Bias;

        impl<B: BiasGradient> Backward<B, 2> for Bias {
            type State = ();

            fn backward(
                self,
                ops: Ops<Self::State, 2>,
                grads: &mut Gradients,
                _checkpointer: &mut Checkpointer,
            ) {
                let [to_input, to_bias] = ops.parents;
                let gradient = grads.consume::<B>(&ops.node);
                if let Some(node) = to_bias {
                    grads.register::<B>(node.id, B::channel_sums(gradient.clone()));
                }
                if let Some(node) = to_input {
                    grads.register::<B>(node.id, gradient);
                }
            }
        }

        let prepared = Bias
            .prepare::<C>([input.node(), bias.node()])
            .compute_bound()
            .stateful();
        let output = B::add_bias(input.into_primitive(), bias.into_primitive());
        match prepared {
            OpsKind::Tracked(prep) => prep.finish((), output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }
}
