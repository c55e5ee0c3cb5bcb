//! Batch normalization that always uses the statistics of the batch, in training and at inference
//! (paper, section 3.3: "batch normalization using the statistics of the test batch, rather than
//! aggregated statistics of the training batch"). With one image in the batch this is instance
//! normalization.

use std::sync::Arc;

use burn::module::{Module, Param, RunningState};
use burn::tensor::{Device, Tensor};

use crate::backend;
use crate::backend::device::{constant, inner, is_card};
use crate::backend::norm::{Constants, Running};
use crate::network::init::WeightInit;
use crate::parallel::{Communicator, synced_norm};

/// Epsilon, as in Torch; Keras uses 0.001.
pub const EPSILON: f64 = 1e-5;
/// Weight of the newest batch in the running statistics, as in Torch.
pub const MOMENTUM: f64 = 0.1;

/// Normalizes each channel of `[batch, channels, height, width]`, then scales and shifts it.
///
/// Training keeps running statistics for the public weight files and for other tools; our own forward pass never reads
/// them.
#[derive(Module, Debug)]
pub struct BatchNorm {
    /// Scale, `[channels]`.
    pub gamma: Param<Tensor<1>>,
    /// Shift, `[channels]`.
    pub beta: Param<Tensor<1>>,
    /// Running mean, `[channels]`.
    pub running_mean: RunningState<Tensor<1>>,
    /// Running unbiased variance, `[channels]`.
    pub running_var: RunningState<Tensor<1>>,
    /// Epsilon, added to the variance.
    pub epsilon: f64,
    /// The group whose pictures form one batch, if several processes train together.
    #[module(skip)]
    group: Option<Arc<dyn Communicator>>,
}

impl BatchNorm {
    /// A norm over `channels`: scale N(1, 0.02), shift 0.
    pub fn new(channels: usize, init: &mut WeightInit, device: &Device) -> Self {
        Self {
            gamma: init.normal([channels], 1.0, device),
            beta: init.zeros([channels], device),
            running_mean: RunningState::new(Tensor::zeros([channels], device)),
            running_var: RunningState::new(Tensor::ones([channels], device)),
            epsilon: EPSILON,
            group: None,
        }
    }

    /// Normalizes `x`, `[batch, channels, height, width]`, by its own statistics, then applies a LeakyReLU with this
    /// `slope` below zero; 0 for a ReLU. The shape is unchanged. Each of `parts` equal parts of the batch is normalized by
    /// itself, as by a call of its own; 1 for one batch.
    pub fn forward(&self, x: Tensor<4>, slope: f64, parts: usize) -> Tensor<4> {
        let [batch, _, height, width] = x.dims();
        let training = x.device().is_autodiff();
        let group = self.group.as_ref();
        let affine = [self.gamma.val(), self.beta.val()];
        let constants = constants(self.epsilon, slope, parts);
        let shares = group.map_or(1, |group| group.shard().ranks);
        let n = (batch / parts * height * width * shares) as f64;
        let unbiased = n / (n - 1.0).max(1.0);
        let alone = training && group.is_none();
        let running = alone.then(|| self.running(&x, unbiased)).flatten();
        let tracked = running.is_some();
        let (output, statistics) = normalize(x, affine, constants, group, running);
        if training && !tracked {
            self.track(statistics, unbiased);
        }
        output
    }

    /// The running statistics, if they are updated where they are: on cards, where an update of Burn's is three launches
    /// for each of the two.
    fn running(&self, x: &Tensor<4>, unbiased: f64) -> Option<Running> {
        is_card(&x.device()).then(|| Running {
            values: [&self.running_mean, &self.running_var].map(|running| inner(running.value())),
            share: MOMENTUM as f32,
            unbiased: unbiased as f32,
        })
    }

    /// Updates the running statistics with the newest ones of each part, `[2 * parts, channels]`. Variances are multiplied
    /// by `unbiased`.
    fn track(&self, statistics: Tensor<2>, unbiased: f64) {
        let [rows, channels] = statistics.dims();
        let row = |row| statistics.clone().narrow(0, row, 1).reshape([channels]);
        for mean in (0..rows).step_by(2) {
            track(&self.running_mean, row(mean), 1.0);
            track(&self.running_var, row(mean + 1), unbiased);
        }
    }

    /// The same norm with another epsilon.
    pub(crate) fn with_epsilon(self, epsilon: f64) -> Self {
        Self { epsilon, ..self }
    }

    /// Uses the statistics of all pictures of a group from now on, or, with `None`, of this process's batch alone.
    pub(crate) fn sync(&mut self, group: Option<Arc<dyn Communicator>>) {
        self.group = group;
    }

    /// Number of channels.
    pub fn channels(&self) -> usize {
        self.gamma.shape()[0]
    }
}

/// Normalizes each channel of `x` by its own statistics, or by those of a group, then scales by gamma, shifts by beta
/// and activates. Also returns the mean and the biased variance of each channel of each part, `[2 * parts, channels]`.
pub(crate) fn normalize(
    x: Tensor<4>,
    affine: [Tensor<1>; 2],
    constants: Constants,
    group: Option<&Arc<dyn Communicator>>,
    running: Option<Running>,
) -> (Tensor<4>, Tensor<2>) {
    let Some(group) = group else {
        return backend::norm::by_own(x, affine, constants, running);
    };
    let statistics = backend::norm::statistics(x.clone(), constants.parts);
    let statistics = synced_norm::combined(&**group, statistics);
    let group = Some(Arc::clone(group));
    let output = backend::norm::forward(x, statistics.clone(), affine, constants, group);
    (output, statistics)
}

/// The constants for this epsilon, this slope of the activation below zero and this many parts of the batch.
pub(crate) fn constants(epsilon: f64, slope: f64, parts: usize) -> Constants {
    Constants {
        parts,
        epsilon: epsilon as f32,
        slope: slope as f32,
    }
}

/// Updates a running statistic with the newest value, which is multiplied by `factor`.
fn track(running: &RunningState<Tensor<1>>, newest: Tensor<1>, factor: f64) {
    let device = newest.device();
    let [kept, newest] = [running.value(), newest].map(inner);
    let moved = kept * (1.0 - MOMENTUM) + newest * (factor * MOMENTUM);
    running.update(constant(moved, &device));
    // an update stays in a list of its thread until it is synced
    running.value_sync();
}
