//! One update of a network: gradients are summed over the batches of a step and averaged over the processes of a group,
//! then applied.

use std::sync::Arc;

use burn::module::Module;
use burn::optim::GradientsAccumulator;
use burn::tensor::Tensor;

use crate::parallel::gradients::{self, Reducer};
use crate::train::adam::NotFinite;
use crate::train::early::Early;
use crate::train::learner::Learner;
use crate::train::losses::Diverged;
use crate::watch::Receiver;

/// The names of a network and of its two losses, for messages.
#[derive(Clone, Copy)]
pub(super) struct Names {
    pub network: &'static str,
    pub losses: [&'static str; 2],
}

/// An update in progress.
pub(super) struct Update<M> {
    names: Names,
    batches: usize,
    rate: f64,
    way: Way,
    gradients: GradientsAccumulator<M>,
    losses: Option<[Tensor<1>; 2]>,
}

/// How gradients become an update.
pub(super) enum Way {
    /// At the end.
    AtTheEnd,
    /// During the backward pass of the only batch.
    Early,
    /// At the end, summed over the processes of a group.
    Group(Reducer, usize),
}

/// What receives the gradients of a batch's forward pass.
pub(super) enum BatchPass {
    /// Nothing: they are read after the backward pass.
    Plain,
    Early(Arc<Early>),
    Group(gradients::Reduction),
}

impl BatchPass {
    /// The receiver of a forward pass: run it under [`watching`](crate::watch::watching).
    pub fn receiver(&self) -> Option<Arc<dyn Receiver>> {
        match self {
            Self::Plain => None,
            Self::Early(early) => Some(early.clone()),
            Self::Group(pass) => Some(pass.receiver()),
        }
    }
}

impl<M: Module> Update<M> {
    /// An update by `batches` batches in each process, at a learning `rate`.
    pub fn new(names: Names, batches: usize, rate: f64, way: Way) -> Self {
        Self {
            names,
            batches,
            rate,
            way,
            gradients: GradientsAccumulator::new(),
            losses: None,
        }
    }

    /// Starts a batch. In a group, the gradients of the last batch are sent during its backward pass.
    pub fn begin(&mut self, network: &M, batch: usize) -> BatchPass {
        match &self.way {
            Way::Early => BatchPass::Early(Arc::default()),
            Way::Group(reducer, _) if batch + 1 == self.batches => {
                BatchPass::Group(reducer.begin(network, self.gradients.grads()))
            }
            _ => BatchPass::Plain,
        }
    }

    /// Runs the backward pass of a batch on the `total` loss. `losses` are those to report.
    pub fn backward(
        &mut self,
        learner: &mut Learner<M>,
        total: Tensor<1>,
        losses: [Tensor<1>; 2],
        pass: BatchPass,
    ) {
        let [first, second] = losses.map(Tensor::detach);
        self.losses = Some(match self.losses.take() {
            None => [first, second],
            Some([a, b]) => [a + first, b + second],
        });
        let ranks = match self.way {
            Way::Group(_, ranks) => ranks,
            _ => 1,
        };
        // the loss is divided, so that the sum of all gradients is their mean
        let shares = (self.batches * ranks) as f64;
        let share = if shares == 1.0 { total } else { total / shares };
        let early = match &pass {
            BatchPass::Early(early) => Some(&**early),
            _ => None,
        };
        let mut found = learner.backward(share, early, self.rate);
        if let BatchPass::Group(pass) = pass {
            found = pass.finish(learner.network(), found);
        }
        self.gradients.accumulate(learner.network(), found);
    }

    /// Applies the mean gradient to the network. Returns the means of the losses.
    ///
    /// # Errors
    /// When a gradient is not finite.
    pub fn apply(mut self, learner: &mut Learner<M>) -> Result<[Tensor<1>; 2], Diverged> {
        let sums = self.losses.expect("a step has a batch");
        let losses = match self.batches {
            1 => sums,
            batches => sums.map(|sum| sum / batches as f64),
        };
        let updated = learner.step(self.gradients.grads(), self.rate);
        match updated {
            Ok(()) => Ok(losses),
            Err(parameter) => Err(self.names.diverged(&parameter, &losses)),
        }
    }
}

impl Names {
    /// The reason for a divergence: a loss that is not finite, or else the gradient of a parameter.
    fn diverged(self, NotFinite(parameter): &NotFinite, losses: &[Tensor<1>; 2]) -> Diverged {
        let loss = self.losses.iter().zip(losses).find(|(_, loss)| {
            let loss: f32 = (*loss).clone().into_scalar();
            !loss.is_finite()
        });
        Diverged {
            quantity: match loss {
                Some((loss, _)) => format!("the loss {loss}"),
                None => format!("the gradient of {}.{parameter}", self.network),
            },
        }
    }
}
