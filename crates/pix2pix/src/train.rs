//! Training (paper, sections 3.1 and 3.3, appendix 6.2): the objective, the composite of generator and frozen
//! discriminator, and the step that updates both networks.
//!
//! Read [`Composite`] first, then [`Trainer`], which is one training step. What goes beyond the paper has a module each.

pub(crate) mod adam;
pub(crate) mod composite;
pub(crate) mod diff_augment;
pub(crate) mod ema;
pub mod gradient_penalty;
pub(crate) mod image_pool;
pub(crate) mod objective;
pub(crate) mod schedule;
pub(crate) mod trainer;

pub use adam::Adam;
pub use composite::{Composite, CompositeLoss, CompositeOutput};
pub use diff_augment::DiffAugment;
pub use objective::{Gan, ObjectiveConfig};
pub use schedule::Schedule;
pub use trainer::{
    Batch, Diverged, Losses, OptimizerConfig, Parts, StepLosses, Trainer, TrainerConfig,
    training_device,
};
