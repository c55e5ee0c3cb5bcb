//! Hyperparameters of the optimization, and the configuration of a trainer.

use serde::{Deserialize, Serialize};

use crate::backend::device::Precision;
use crate::train::moments::MomentFormat;
use crate::train::objective::ObjectiveConfig;
use crate::train::origin::Freeze;
use crate::train::schedule::Schedule;

/// Hyperparameters of the optimization.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)] // files of earlier versions lack the newest fields
pub struct OptimizerConfig {
    /// Adam's learning rate. Paper: 2e-4.
    pub lr: f64,
    /// How the learning rate changes during the run.
    pub schedule: Schedule,
    /// Steps of the schedule's decay (see [`Schedule::share`]); 0 for the schedule's own.
    pub decay_steps: u64,
    /// Adam's decay rate of the first moment. Paper: 0.5.
    pub beta1: f32,
    /// Adam's decay rate of the second moment. Paper: 0.999.
    pub beta2: f32,
    /// Number format of Adam's moments.
    pub moments: MomentFormat,
    /// Decay of the exponential moving average of the generator's weights, per step; 0 for no average.
    pub ema: f64,
    /// Number of batches per step, whose gradients are averaged (gradient accumulation).
    pub accumulate: usize,
    /// Number of first steps in which only the discriminator learns.
    pub freeze_generator: u64,
    /// The part of the generator that does not learn.
    pub freeze: Freeze,
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        Self {
            lr: 2e-4,
            schedule: Schedule::Constant,
            decay_steps: 0,
            beta1: 0.5,
            beta2: 0.999,
            moments: MomentFormat::F32,
            ema: 0.0,
            accumulate: 1,
            freeze_generator: 0,
            freeze: Freeze::Nothing,
        }
    }
}

/// The configuration of a trainer, without its networks.
#[derive(Clone, Debug, Default)]
pub struct TrainerConfig {
    /// The optimization.
    pub optimizer: OptimizerConfig,
    /// The losses.
    pub objective: ObjectiveConfig,
    /// Seed of dropout, augmentation and the image pool.
    pub seed: u64,
    /// Number of steps of the whole run, for the learning-rate schedule.
    pub steps: u64,
    /// The arithmetic of both networks' convolutions.
    pub precision: Precision,
    /// Whether to run the generator's forward pass twice, so that its activations are not in memory during the
    /// discriminator's update. On a device [`for_training`](crate::device::for_training) that recomputes too,
    /// normalizations are also computed again instead of kept (Chen et al. 2016, "Training Deep Nets with Sublinear
    /// Memory Cost", section 4.1).
    pub recompute: bool,
}
