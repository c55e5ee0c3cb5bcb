//! Batch normalization that always uses the statistics of the batch, in training and at inference
//! (paper, section 3.3: "batch normalization using the statistics of the test batch, rather than
//! aggregated statistics of the training batch"). With one image in the batch this is instance
//! normalization.

use std::sync::Arc;

use burn::module::{Module, Param, RunningState};
use burn::tensor::{Device, Tensor};

use crate::backend;
use crate::backend::device::constant;
use crate::backend::norm::Constants;
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
    /// `slope` below zero; 0 for a ReLU. The shape is unchanged.
    pub fn forward(&self, x: Tensor<4>, slope: f64) -> Tensor<4> {
        let [batch, _, height, width] = x.dims();
        let training = x.device().is_autodiff();
        let group = self.group.as_ref();
        let affine = [self.gamma.val(), self.beta.val()];
        let constants = constants(self.epsilon, slope);
        let (output, mean, variance) = normalize(x, affine, constants, group);
        if training {
            let shares = group.map_or(1, |group| group.shard().ranks);
            let n = (batch * height * width * shares) as f64;
            let unbiased = n / (n - 1.0).max(1.0);
            track(&self.running_mean, mean, 1.0);
            track(&self.running_var, variance, unbiased);
        }
        output
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
/// and activates. Also returns the mean and the biased variance of each channel.
pub(crate) fn normalize(
    x: Tensor<4>,
    affine: [Tensor<1>; 2],
    constants: Constants,
    group: Option<&Arc<dyn Communicator>>,
) -> (Tensor<4>, Tensor<1>, Tensor<1>) {
    let channels = x.dims()[1];
    let mut statistics = backend::norm::statistics(x.clone());
    if let Some(group) = group {
        statistics = synced_norm::combined(&**group, statistics);
    }
    let output = backend::norm::forward(x, statistics.clone(), affine, constants, group.cloned());
    let row = |row| statistics.clone().narrow(0, row, 1).reshape([channels]);
    (output, row(0), row(1))
}

/// The constants for this epsilon and this slope of the activation below zero.
pub(crate) fn constants(epsilon: f64, slope: f64) -> Constants {
    Constants {
        epsilon: epsilon as f32,
        slope: slope as f32,
    }
}

/// Updates a running statistic with the newest value, which is multiplied by `factor`.
fn track(running: &RunningState<Tensor<1>>, newest: Tensor<1>, factor: f64) {
    let device = newest.device();
    let [kept, newest] = [running.value().to_device(&device), newest].map(Tensor::inner);
    running.update(constant(moved(kept, newest, factor), &device));
    // an update stays in a list of its thread until it is synced
    running.value_sync();
}

/// A running statistic after an update with the newest value.
fn moved(kept: Tensor<1>, newest: Tensor<1>, factor: f64) -> Tensor<1> {
    #[cfg(feature = "_card")]
    if kept.device() != Device::flex() {
        return crate::backend::card::moved(kept, newest, MOMENTUM, factor);
    }
    kept * (1.0 - MOMENTUM) + newest * (factor * MOMENTUM)
}
