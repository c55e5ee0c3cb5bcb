//! Gradients of one update: sums over the batches of a step and means over the processes of a group.

use burn::module::Module;
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::Tensor;

use crate::parallel::gradients::{Pass, Reducer};

/// An update under way.
pub(super) struct Update<M> {
    batches: usize,
    ranks: usize,
    reducer: Option<Reducer>,
    gradients: GradientsAccumulator<M>,
    losses: Option<[Tensor<1>; 2]>,
}

impl<M: Module> Update<M> {
    /// An update of `batches` batches in each of `ranks` processes, whose gradients `reducer` joins.
    pub fn new(batches: usize, ranks: usize, reducer: Option<Reducer>) -> Self {
        Self {
            batches,
            ranks,
            reducer,
            gradients: GradientsAccumulator::new(),
            losses: None,
        }
    }

    /// Begins a batch. In the last one, gradients go to the group as the backward pass finds them: its forward pass must
    /// be [`watching`](crate::parallel::gradients::watching) the pass.
    pub fn begin(&mut self, network: &M, batch: usize) -> Option<Pass> {
        let last = batch + 1 == self.batches;
        let reducer = self.reducer.as_ref().filter(|_| last)?;
        Some(reducer.begin(network, self.gradients.grads()))
    }

    /// The backward pass of a batch. `losses` are those that are reported.
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
        // gradients of shares of the loss add up to the mean's
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
