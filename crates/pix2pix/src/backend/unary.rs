//! Operations of one input in Burn's autodiff.

use std::fmt::Debug;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{self, Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend};

/// The gradient of an operation's input, from what the forward pass has kept and the gradient of its output.
type Gradient<B, S> = fn(S, FloatTensor<B>) -> FloatTensor<B>;

#[derive(Debug)]
struct Unary<B: Backend, S>(Gradient<B, S>);

impl<B: Backend, S: Clone + Send + Debug + 'static> Backward<B, 1> for Unary<B, S> {
    type State = S;

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let Ops {
            parents,
            node,
            state,
        } = ops;
        ops::unary::<B, _>(parents, node, grads, |gradient| (self.0)(state, gradient));
    }
}

/// Runs an operation of one input. `forward` returns its output, and what `gradient` needs of it.
pub fn unary<B: Backend, C: CheckpointStrategy, S: Clone + Send + Debug + 'static>(
    input: FloatTensor<Autodiff<B, C>>,
    forward: impl FnOnce(FloatTensor<B>) -> (FloatTensor<B>, S),
    gradient: Gradient<B, S>,
) -> FloatTensor<Autodiff<B, C>> {
    let prepared = Unary::<B, S>(gradient)
        .prepare::<C>([input.node()])
        .compute_bound()
        .stateful();
    let (output, state) = forward(input.into_primitive());
    match prepared {
        OpsKind::Tracked(prep) => prep.finish(state, output),
        OpsKind::UnTracked(prep) => prep.finish(output),
    }
}
