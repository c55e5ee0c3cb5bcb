//! Batch normalization and the activation after it, as an extension of Burn's backends for the CPU (Flex) and cards
//! (Cube), with gradients for autodiff.

use std::sync::Arc;

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::retro_forward::RetroForward;
use burn::backend::autodiff::checkpoint::state::BackwardStates;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{
    Autodiff, AutodiffBackend, Backend, Dispatch, Flex, TensorMetadata, backend_extension,
};
use burn::tensor::Tensor;
use pix2pix_kernels as kernels;

use crate::backend::flex::{filled, tensor, values};
use crate::parallel::{Communicator, means};

/// Constants of a normalization and its activation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Constants {
    /// Number of equal parts of the batch, each of which is normalized by itself.
    pub parts: usize,
    /// Added to the variance.
    pub epsilon: f32,
    /// Slope of the activation below zero; 1 for none.
    pub slope: f32,
}

/// Operations of the forward pass. Images are `[batch, channels, height, width]`, statistics `[2 * parts, channels]`: the
/// means and the biased variances of the first part of the batch, then those of the next.
#[backend_extension(Flex, Cube: cfg(feature = "_card"), Autodiff)]
pub trait NormBackend: Backend {
    /// The statistics of each part. They are constants to autodiff: the gradient of
    /// [`norm_forward`](Self::norm_forward) accounts for them.
    fn norm_statistics(input: FloatTensor<Self>, parts: usize) -> FloatTensor<Self>;

    /// `input` normalized by its own `statistics`, scaled, shifted and activated. If the statistics are those of a
    /// `group`, the gradient of the input uses means over the group.
    fn norm_forward(
        input: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        constants: Constants,
        group: Option<Arc<dyn Communicator>>,
    ) -> FloatTensor<Self>;

    /// Both at once: `input` normalized by its own statistics, and these. Cards also update `running` statistics, by the
    /// first part first.
    fn norm_by_own(
        input: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        constants: Constants,
        running: Option<Running>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

/// Running statistics on a card, which are updated in place: other tensors that share their memory change, too.
#[derive(Clone, Debug)]
#[cfg_attr(
    not(feature = "_card"),
    expect(dead_code, reason = "made for cards only")
)]
pub struct Running {
    /// Means and variances, without autodiff.
    pub values: [Tensor<1>; 2],
    /// How far they move to the newest statistics, 0 to 1.
    pub share: f32,
    /// Factor of the newest variance.
    pub unbiased: f32,
}

/// Additional operations of the backward pass.
pub trait NormGradients: NormBackend {
    /// The gradient of the input, and those of beta and gamma, `[2, channels]`. If the statistics are those of a `group`,
    /// the gradient of the input uses means over the group.
    fn norm_gradients(
        saved: &SavedNorm<Self>,
        gradient: FloatTensor<Self>,
        group: Option<&dyn Communicator>,
    ) -> [FloatTensor<Self>; 2];
}

/// Values that the forward pass saves for the backward pass.
pub struct SavedNorm<B: Backend> {
    pub input: FloatTensor<B>,
    pub statistics: FloatTensor<B>,
    pub gamma: FloatTensor<B>,
    pub beta: FloatTensor<B>,
    pub constants: Constants,
}

/// Mean and biased variance of each channel of each part of `[batch, channels, height, width]`: `[2 * parts, channels]`.
pub fn statistics(input: Tensor<4>, parts: usize) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::norm_statistics(input.into_dispatch(), parts))
}

/// Normalizes `input` by its own `statistics`, scales by `gamma`, shifts by `beta`, activates.
pub fn forward(
    input: Tensor<4>,
    statistics: Tensor<2>,
    [gamma, beta]: [Tensor<1>; 2],
    constants: Constants,
    group: Option<Arc<dyn Communicator>>,
) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::norm_forward(
        input.into_dispatch(),
        statistics.into_dispatch(),
        gamma.into_dispatch(),
        beta.into_dispatch(),
        constants,
        group,
    ))
}

/// As [`forward`], by the statistics of `input` itself, which are returned, too. Cards update `running` statistics.
pub fn by_own(
    input: Tensor<4>,
    [gamma, beta]: [Tensor<1>; 2],
    constants: Constants,
    running: Option<Running>,
) -> (Tensor<4>, Tensor<2>) {
    let (output, statistics) = Dispatch::norm_by_own(
        input.into_dispatch(),
        gamma.into_dispatch(),
        beta.into_dispatch(),
        constants,
        running,
    );
    (
        Tensor::from_dispatch(output),
        Tensor::from_dispatch(statistics),
    )
}

impl NormBackend for Flex {
    fn norm_by_own(
        input: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        constants: Constants,
        _running: Option<Running>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let statistics = Self::norm_statistics(input.clone(), constants.parts);
        let output = Self::norm_forward(input, statistics.clone(), gamma, beta, constants, None);
        (output, statistics)
    }

    fn norm_statistics(input: FloatTensor<Self>, parts: usize) -> FloatTensor<Self> {
        let input = input.to_contiguous();
        // the statistics depend on neither of the others
        let constants = Constants {
            parts,
            epsilon: 0.0,
            slope: 1.0,
        };
        let sizes = sizes(&input, constants);
        let statistics = kernels::norm_statistics(&sizes, values(&input));
        tensor(statistics, [2 * parts, sizes.channels])
    }

    fn norm_forward(
        input: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        constants: Constants,
        _group: Option<Arc<dyn Communicator>>,
    ) -> FloatTensor<Self> {
        let input = input.to_contiguous();
        filled(input.shape(), |output| {
            kernels::norm_forward(
                &sizes(&input, constants),
                values(&input),
                values(&statistics),
                [values(&gamma), values(&beta)],
                output,
            )
        })
    }
}

impl NormGradients for Flex {
    fn norm_gradients(
        saved: &SavedNorm<Self>,
        gradient: FloatTensor<Self>,
        group: Option<&dyn Communicator>,
    ) -> [FloatTensor<Self>; 2] {
        let input = saved.input.to_contiguous();
        let gradient = gradient.to_contiguous();
        let sizes = sizes(&input, saved.constants);
        let affine = [values(&saved.gamma), values(&saved.beta)];
        let (input, statistics) = (values(&input), values(&saved.statistics));
        let own =
            kernels::norm_parameter_gradients(&sizes, input, statistics, affine, values(&gradient));
        let all = group.map(|group| means(group, &own));
        let sums = all.as_ref().unwrap_or(&own);
        let to_input = filled(saved.input.shape(), |result| {
            kernels::norm_input_gradient(
                &sizes,
                input,
                statistics,
                affine,
                (values(&gradient), sums),
                result,
            )
        });
        let row = 2 * sizes.channels;
        let total = (0..row).map(|at| own[at..].iter().step_by(row).sum());
        [to_input, tensor(total.collect(), [2, sizes.channels])]
    }
}

fn sizes(image: &FloatTensor<Flex>, constants: Constants) -> kernels::Norm {
    let [batch, channels, height, width] = image.shape().dims();
    kernels::Norm {
        batch,
        parts: constants.parts,
        channels,
        pixels: height * width,
        epsilon: constants.epsilon,
        slope: constants.slope,
    }
}

/// Computes a forward pass again whose output was not kept (gradient checkpointing).
#[derive(Debug)]
struct Again<B: Backend> {
    input: NodeId,
    statistics: FloatTensor<B>,
    gamma: NodeId,
    beta: NodeId,
    constants: Constants,
}

impl<B: NormGradients> RetroForward for Again<B> {
    fn forward(&self, states: &mut BackwardStates, output: NodeId) {
        let mut saved = |id| states.get_state::<FloatTensor<B>>(id);
        let (input, gamma, beta) = (saved(&self.input), saved(&self.gamma), saved(&self.beta));
        let again = B::norm_forward(
            input,
            self.statistics.clone(),
            gamma,
            beta,
            self.constants,
            None,
        );
        states.save(output, again);
    }
}

/// Records a norm whose `output` is computed for its backward pass.
fn recorded<B: NormGradients, C: CheckpointStrategy>(
    input: FloatTensor<Autodiff<B, C>>,
    statistics: FloatTensor<B>,
    [gamma, beta]: [FloatTensor<Autodiff<B, C>>; 2],
    constants: Constants,
    group: Option<Arc<dyn Communicator>>,
    output: FloatTensor<B>,
) -> FloatTensor<Autodiff<B, C>> {
    #[derive(Debug)]
    struct Normalization;

    impl<B: NormGradients> Backward<B, 3> for Normalization {
        type State = (
            NodeId,
            FloatTensor<B>,
            NodeId,
            NodeId,
            Constants,
            Option<Arc<dyn Communicator>>,
        );

        fn backward(
            self,
            ops: Ops<Self::State, 3>,
            grads: &mut Gradients,
            checkpointer: &mut Checkpointer,
        ) {
            let [node_input, node_gamma, node_beta] = ops.parents;
            let (input, statistics, gamma, beta, constants, group) = ops.state;
            let gradient = grads.consume::<B>(&ops.node);
            let mut saved = |id| checkpointer.retrieve_node_output::<FloatTensor<B>>(id);
            let saved = SavedNorm::<B> {
                input: saved(input),
                statistics,
                gamma: saved(gamma),
                beta: saved(beta),
                constants,
            };
            // the statistics depend on every process's pictures, and all losses on the statistics
            let [to_input, sums] = B::norm_gradients(&saved, gradient, group.as_deref());
            for (row, node) in [node_beta, node_gamma].into_iter().enumerate() {
                if let Some(node) = node {
                    let shape = saved.gamma.shape();
                    let row = B::float_slice(sums.clone(), &[(row..row + 1).into()]);
                    grads.register::<B>(node.id, B::float_reshape(row, shape));
                }
            }
            if let Some(node) = node_input {
                grads.register::<B>(node.id, to_input);
            }
        }
    }

    match Normalization
        .prepare::<C>([input.node(), gamma.node(), beta.node()])
        .memory_bound()
        .retro_forward(Again::<B> {
            input: input.node().id(),
            statistics: statistics.clone(),
            gamma: gamma.node().id(),
            beta: beta.node().id(),
            constants,
        })
        .parents([&input, &gamma, &beta])
        .stateful()
    {
        OpsKind::Tracked(mut prep) => {
            let state = (
                prep.checkpoint(&input),
                statistics,
                prep.checkpoint(&gamma),
                prep.checkpoint(&beta),
                constants,
                group,
            );
            prep.finish(state, output)
        }
        OpsKind::UnTracked(prep) => prep.finish(output),
    }
}

impl<B: NormGradients, C: CheckpointStrategy> NormBackend for Autodiff<B, C> {
    fn norm_statistics(input: FloatTensor<Self>, parts: usize) -> FloatTensor<Self> {
        Self::from_inner(B::norm_statistics(input.into_primitive(), parts))
    }

    fn norm_forward(
        input: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        constants: Constants,
        group: Option<Arc<dyn Communicator>>,
    ) -> FloatTensor<Self> {
        let statistics = statistics.into_primitive();
        let output = B::norm_forward(
            input.clone().into_primitive(),
            statistics.clone(),
            gamma.clone().into_primitive(),
            beta.clone().into_primitive(),
            constants,
            None,
        );
        recorded::<B, C>(input, statistics, [gamma, beta], constants, group, output)
    }

    fn norm_by_own(
        input: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        constants: Constants,
        running: Option<Running>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let (output, statistics) = B::norm_by_own(
            input.clone().into_primitive(),
            gamma.clone().into_primitive(),
            beta.clone().into_primitive(),
            constants,
            running,
        );
        let affine = [gamma, beta];
        let output = recorded::<B, C>(input, statistics.clone(), affine, constants, None, output);
        (output, Self::from_inner(statistics))
    }
}
