//! One update of a network: gradients are summed over the batches of a step and averaged over the processes of a group,
//! then applied.

use burn::module::Module;
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::Tensor;

use crate::parallel::gradients::{Pass, Reducer};
use crate::train::adam::NotFinite;
use crate::train::learner::Learner;
use crate::train::losses::Diverged;

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
    ranks: usize,
    reducer: Option<Reducer>,
    gradients: GradientsAccumulator<M>,
    losses: Option<[Tensor<1>; 2]>,
}

impl<M: Module> Update<M> {
    /// An update by `batches` batches in each of `ranks` processes. `reducer` sums gradients over the group.
    pub fn new(names: Names, batches: usize, ranks: usize, reducer: Option<Reducer>) -> Self {
        Self {
            names,
            batches,
            ranks,
            reducer,
            gradients: GradientsAccumulator::new(),
            losses: None,
        }
    }

    /// Starts a batch. For the last batch in a group, returns an all-reduce that receives gradients during the
    /// backward pass: run the forward pass under [`watching`](crate::parallel::gradients::watching).
    pub fn begin(&mut self, network: &M, batch: usize) -> Option<Pass> {
        let last = batch + 1 == self.batches;
        let reducer = self.reducer.as_ref().filter(|_| last)?;
        Some(reducer.begin(network, self.gradients.grads()))
    }

    /// Runs the backward pass of a batch on the `total` loss. `losses` are those to report.
    pub fn backward(
        &mut self,
        network: &M,
        total: Tensor<1>,
        losses: [Tensor<1>; 2],
        pass: Option<Pass>,
    ) {
        let [first, second] = losses.map(Tensor::detach);
        self.losses = Some(match self.losses.take() {
            None => [first, second],
            Some([a, b]) => [a + first, b + second],
        });
        // the loss is divided, so that the sum of all gradients is their mean
        let shares = (self.batches * self.ranks) as f64;
        let share = if shares == 1.0 { total } else { total / shares };
        let found = share.backward();
        let mut found = GradientsParams::from_grads(found, network);
        if let Some(pass) = pass {
            found = pass.finish(network, found);
        }
        self.gradients.accumulate(network, found);
    }

    /// Applies the mean gradient to the network, at a learning `rate`. Returns the means of the losses.
    ///
    /// # Errors
    /// When a gradient is not finite.
    pub fn apply(
        mut self,
        learner: &mut Learner<M>,
        rate: f64,
    ) -> Result<[Tensor<1>; 2], Diverged> {
        let sums = self.losses.expect("a step has a batch");
        let losses = match self.batches {
            1 => sums,
            batches => sums.map(|sum| sum / batches as f64),
        };
        let updated = learner.step(self.gradients.grads(), rate);
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
