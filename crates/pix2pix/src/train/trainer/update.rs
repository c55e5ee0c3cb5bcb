//! Gradients of one update: sums over the batches of a step and means over the processes of a group.

use burn::module::Module;
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::Tensor;

use crate::parallel::gradients::{Pass, Reducer};

/// An update in progress.
pub(super) struct Update<M> {
    batches: usize,
    ranks: usize,
    reducer: Option<Reducer>,
    gradients: GradientsAccumulator<M>,
    losses: Option<[Tensor<1>; 2]>,
}

impl<M: Module> Update<M> {
    /// An update by `batches` batches in each of `ranks` processes. `reducer` sums gradients over the group.
    pub fn new(batches: usize, ranks: usize, reducer: Option<Reducer>) -> Self {
        Self {
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
        let found = (total / shares).backward();
        let mut found = GradientsParams::from_grads(found, network);
        if let Some(pass) = pass {
            found = pass.finish(network, found);
        }
        self.gradients.accumulate(network, found);
    }

    /// The mean gradient, and the means of the losses.
    pub fn finish(mut self) -> (GradientsParams, [Tensor<1>; 2]) {
        let sums = self.losses.expect("a step has a batch");
        let means = sums.map(|sum| sum / self.batches as f64);
        (self.gradients.grads(), means)
    }
}
