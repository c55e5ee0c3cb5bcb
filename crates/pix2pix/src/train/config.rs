//! The numbers of the optimization, and everything else that makes a trainer beside its networks.

use serde::{Deserialize, Serialize};

use crate::backend::device::Precision;
use crate::train::objective::ObjectiveConfig;
use crate::train::schedule::Schedule;

/// The numbers of the optimization.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)] // files of earlier versions lack the newest fields
pub struct OptimizerConfig {
    /// Adam's learning rate. Paper: 2e-4.
    pub lr: f64,
    /// How the learning rate changes during the run.
    pub schedule: Schedule,
    /// Adam's decay of the first moment. Paper: 0.5.
    pub beta1: f32,
    /// Adam's decay of the second moment. Paper: 0.999.
    pub beta2: f32,
    /// Decay of the average of the generator's weights at each step; 0 for no average.
    pub ema: f64,
    /// Batches whose gradients are averaged for a step.
    pub accumulate: usize,
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        Self {
            lr: 2e-4,
            schedule: Schedule::Constant,
            beta1: 0.5,
            beta2: 0.999,
            ema: 0.0,
            accumulate: 1,
        }
    }
}

/// What makes a trainer beside its networks.
#[derive(Clone, Debug, Default)]
pub struct TrainerConfig {
    /// The optimization.
    pub optimizer: OptimizerConfig,
    /// The losses.
    pub objective: ObjectiveConfig,
    /// Seed of dropout, augmentation and the image pool.
    pub seed: u64,
    /// Steps of the whole run, by which a schedule goes.
    pub steps: u64,
    /// The arithmetic of both networks' convolutions.
    pub precision: Precision,
    /// Whether the generator's forward pass is done twice, so that its activations are not in memory while the
    /// discriminator is updated. On a device [`for_training`](crate::device::for_training) that recomputes too,
    /// normalizations are done once more instead of kept (Chen et al. 2016, "Training Deep Nets with Sublinear Memory
    /// Cost", section 4.1).
    pub recompute: bool,
}
