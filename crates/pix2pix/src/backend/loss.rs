//! Losses that are means over all values, as an extension of Burn's backends: one pass on the CPU (Flex), and one or two
//! launches on cards (Cube).

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::Tensor;
use pix2pix_kernels::{self as kernels, Loss};

use crate::backend::flex::{filled, tensor, values};
use crate::backend::unary::unary;

/// The losses. Pictures and maps are `[batch, channels, height, width]`, losses `[1]`.
#[backend_extension(Flex, Cube: cfg(feature = "_card"), Autodiff)]
pub trait LossBackend: Backend {
    /// The mean loss of all values.
    fn mean_loss(map: FloatTensor<Self>, loss: Loss) -> FloatTensor<Self>;

    /// The mean absolute difference.
    fn mean_distance(first: FloatTensor<Self>, second: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// Additional operations of the backward pass, from the gradient of a loss, `[1]`.
pub trait LossGradients: LossBackend {
    /// The gradient of the values.
    fn mean_loss_gradient(
        map: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        loss: Loss,
    ) -> FloatTensor<Self>;

    /// The gradient of the first of two pictures; that of the second is its negative.
    fn mean_distance_gradient(
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
}

/// The mean loss of all values of `map`, `[1]`.
pub fn mean_loss(map: Tensor<4>, loss: Loss) -> Tensor<1> {
    Tensor::from_dispatch(Dispatch::mean_loss(map.into_dispatch(), loss))
}

/// The mean absolute difference of two pictures of the same shape, `[1]`.
pub fn mean_distance(first: Tensor<4>, second: Tensor<4>) -> Tensor<1> {
    let (first, second) = (first.into_dispatch(), second.into_dispatch());
    Tensor::from_dispatch(Dispatch::mean_distance(first, second))
}

impl LossBackend for Flex {
    fn mean_loss(map: FloatTensor<Self>, loss: Loss) -> FloatTensor<Self> {
        tensor(vec![loss.mean(values(&map.to_contiguous()))], [1])
    }

    fn mean_distance(first: FloatTensor<Self>, second: FloatTensor<Self>) -> FloatTensor<Self> {
        let (first, second) = (first.to_contiguous(), second.to_contiguous());
        tensor(
            vec![kernels::mean_distance(values(&first), values(&second))],
            [1],
        )
    }
}

impl LossGradients for Flex {
    fn mean_loss_gradient(
        map: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        loss: Loss,
    ) -> FloatTensor<Self> {
        let map = map.to_contiguous();
        let gradient = values(&gradient)[0];
        filled(map.shape(), |to_map| {
            loss.gradient(values(&map), gradient, to_map)
        })
    }

    fn mean_distance_gradient(
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let (first, second) = (first.to_contiguous(), second.to_contiguous());
        let gradient = values(&gradient)[0];
        filled(first.shape(), |to_first| {
            let (first, second) = (values(&first), values(&second));
            kernels::mean_distance_gradient(first, second, gradient, to_first)
        })
    }
}

impl<B: LossGradients, C: CheckpointStrategy> LossBackend for Autodiff<B, C> {
    fn mean_loss(map: FloatTensor<Self>, loss: Loss) -> FloatTensor<Self> {
        let forward = |map: FloatTensor<B>| (B::mean_loss(map.clone(), loss), (map, loss));
        unary::<B, C, _>(map, forward, |(map, loss), gradient| {
            B::mean_loss_gradient(map, gradient, loss)
        })
    }

    fn mean_distance(first: FloatTensor<Self>, second: FloatTensor<Self>) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct Distance;

        impl<B: LossGradients> Backward<B, 2> for Distance {
            type State = [FloatTensor<B>; 2];

            fn backward(
                self,
                ops: Ops<Self::State, 2>,
                grads: &mut Gradients,
                _checkpointer: &mut Checkpointer,
            ) {
                let [to_first, to_second] = ops.parents;
                let [first, second] = ops.state;
                let gradient = grads.consume::<B>(&ops.node);
                let value = B::mean_distance_gradient(first, second, gradient);
                if let Some(node) = to_second {
                    grads.register::<B>(node.id, B::float_neg(value.clone()));
                }
                if let Some(node) = to_first {
                    grads.register::<B>(node.id, value);
                }
            }
        }

        let prepared = Distance
            .prepare::<C>([first.node(), second.node()])
            .compute_bound()
            .stateful();
        let (first, second) = (first.into_primitive(), second.into_primitive());
        let output = B::mean_distance(first.clone(), second.clone());
        match prepared {
            OpsKind::Tracked(prep) => prep.finish([first, second], output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }
}
