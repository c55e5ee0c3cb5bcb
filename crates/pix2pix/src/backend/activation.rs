//! LeakyReLU, tanh and the concatenation of a decoder block with its skip, as an extension of Burn's backends: each is
//! one parallel pass on the CPU (Flex) and one launch on cards (Cube).

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::Tensor;
use pix2pix_kernels as kernels;

use crate::backend::flex::{filled, values};
use crate::backend::unary::unary;

/// Operations of the forward pass. Images are `[batch, channels, height, width]`.
#[backend_extension(Flex, Cube: cfg(feature = "_card"), Autodiff)]
pub trait ActivationBackend: Backend {
    /// LeakyReLU with this `slope` below zero; 0 for a ReLU.
    fn activation(input: FloatTensor<Self>, slope: f32) -> FloatTensor<Self>;

    /// Concatenates `first` and the LeakyReLU of `second`, with this `slope` below zero, on the channels.
    fn join(first: FloatTensor<Self>, second: FloatTensor<Self>, slope: f32) -> FloatTensor<Self>;

    /// Hyperbolic tangent.
    fn fast_tanh(input: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// Additional operations of the backward pass, computed from the outputs of the forward pass.
pub trait ActivationGradients: ActivationBackend {
    /// Gradient of an activation's input.
    fn activation_gradient(
        output: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        slope: f32,
    ) -> FloatTensor<Self>;

    /// Gradient of a tanh's input.
    fn fast_tanh_gradient(
        output: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// Gradients of both inputs of [`join`](ActivationBackend::join), of which the first has `channels` channels.
    fn join_gradients(
        output: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        channels: usize,
        slope: f32,
    ) -> [FloatTensor<Self>; 2];
}

/// LeakyReLU with this `slope` below zero; 0 for a ReLU. `x` is `[batch, channels, height, width]`.
pub fn activation(x: Tensor<4>, slope: f64) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::activation(x.into_dispatch(), slope as f32))
}

/// Concatenates `first` and the LeakyReLU of `second`, with this `slope` below zero, both
/// `[batch, channels, height, width]`, on the channels. A slope of 0 is a ReLU, of 1 none.
pub fn join(first: Tensor<4>, second: Tensor<4>, slope: f64) -> Tensor<4> {
    let (first, second) = (first.into_dispatch(), second.into_dispatch());
    Tensor::from_dispatch(Dispatch::join(first, second, slope as f32))
}

/// Hyperbolic tangent.
pub fn tanh(x: Tensor<4>) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::fast_tanh(x.into_dispatch()))
}

/// Number of values in one image of each tensor.
fn lengths(first: &FloatTensor<Flex>, second: &FloatTensor<Flex>) -> [usize; 2] {
    [first, second].map(|images| {
        let [_, channels, height, width] = images.shape().dims();
        channels * height * width
    })
}

impl ActivationBackend for Flex {
    fn fast_tanh(input: FloatTensor<Self>) -> FloatTensor<Self> {
        let input = input.to_contiguous();
        filled(input.shape(), |output| {
            kernels::tanh(values(&input), output)
        })
    }

    fn activation(input: FloatTensor<Self>, slope: f32) -> FloatTensor<Self> {
        let input = input.to_contiguous();
        filled(input.shape(), |output| {
            kernels::activation(slope, values(&input), output)
        })
    }

    fn join(first: FloatTensor<Self>, second: FloatTensor<Self>, slope: f32) -> FloatTensor<Self> {
        let (first, second) = (first.to_contiguous(), second.to_contiguous());
        let lengths = lengths(&first, &second);
        let [batch, channels, height, width] = first.shape().dims();
        let [_, more, ..] = second.shape().dims::<4>();
        filled([batch, channels + more, height, width], |output| {
            kernels::join(lengths, slope, values(&first), values(&second), output)
        })
    }
}

impl ActivationGradients for Flex {
    fn fast_tanh_gradient(
        output: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let gradient = gradient.to_contiguous();
        filled(output.shape(), |to_input| {
            kernels::tanh_gradient(values(&output), values(&gradient), to_input)
        })
    }

    fn activation_gradient(
        output: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        slope: f32,
    ) -> FloatTensor<Self> {
        let gradient = gradient.to_contiguous();
        filled(output.shape(), |to_input| {
            kernels::activation_gradient(slope, values(&output), values(&gradient), to_input)
        })
    }

    fn join_gradients(
        output: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        channels: usize,
        slope: f32,
    ) -> [FloatTensor<Self>; 2] {
        let gradient = gradient.to_contiguous();
        let [batch, all, height, width] = output.shape().dims();
        let lengths = [channels, all - channels].map(|channels| channels * height * width);
        let (output, gradient) = (values(&output), values(&gradient));
        let first = filled([batch, channels, height, width], |to_first| {
            kernels::join_first_gradient(lengths, gradient, to_first)
        });
        let second = filled([batch, all - channels, height, width], |to_second| {
            kernels::join_second_gradient(lengths, slope, output, gradient, to_second)
        });
        [first, second]
    }
}

impl<B: ActivationGradients, C: CheckpointStrategy> ActivationBackend for Autodiff<B, C> {
    fn fast_tanh(input: FloatTensor<Self>) -> FloatTensor<Self> {
        let forward = |input| {
            let output = B::fast_tanh(input);
            (output.clone(), output)
        };
        unary::<B, C, _>(input, forward, B::fast_tanh_gradient)
    }

    fn activation(input: FloatTensor<Self>, slope: f32) -> FloatTensor<Self> {
        let forward = |input| {
            let output = B::activation(input, slope);
            (output.clone(), (output, slope))
        };
        unary::<B, C, _>(input, forward, |(output, slope), gradient| {
            B::activation_gradient(output, gradient, slope)
        })
    }

    fn join(first: FloatTensor<Self>, second: FloatTensor<Self>, slope: f32) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct Joint;

        impl<B: ActivationGradients> Backward<B, 2> for Joint {
            type State = (FloatTensor<B>, usize, f32);

            fn backward(
                self,
                ops: Ops<Self::State, 2>,
                grads: &mut Gradients,
                _checkpointer: &mut Checkpointer,
            ) {
                let (output, channels, slope) = ops.state;
                let gradient = grads.consume::<B>(&ops.node);
                let values = B::join_gradients(output, gradient, channels, slope);
                for (node, value) in ops.parents.into_iter().zip(values) {
                    if let Some(node) = node {
                        grads.register::<B>(node.id, value);
                    }
                }
            }
        }

        let [_, channels, ..] = first.shape().dims::<4>();
        let prepared = Joint
            .prepare::<C>([first.node(), second.node()])
            .compute_bound()
            .stateful();
        let output = B::join(first.into_primitive(), second.into_primitive(), slope);
        match prepared {
            OpsKind::Tracked(prep) => prep.finish((output.clone(), channels, slope), output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }
}
