//! Training (paper, sections 3.1 and 3.3, appendix 6.2): the objective, the composite of generator and frozen
//! discriminator, and the step that updates both networks.
//!
//! Read [`Composite`] first, then [`Trainer`], which does one training step. Each addition to the paper has its own
//! module.

pub(crate) mod adam;
pub(crate) mod composite;
pub(crate) mod config;
pub(crate) mod diff_augment;
pub(crate) mod ema;
pub mod gradient_penalty;
pub(crate) mod image_pool;
pub(crate) mod learner;
pub(crate) mod losses;
pub(crate) mod objective;
pub(crate) mod schedule;
pub(crate) mod trainer;

pub use adam::{Adam, NotFinite};
pub use composite::{Composite, CompositeOutput};
pub use config::{OptimizerConfig, TrainerConfig};
pub use diff_augment::DiffAugment;
pub use learner::Learner;
pub use losses::{Diverged, Losses, StepLosses};
pub use objective::{CompositeLoss, DiscriminatorLoss, Gan, Objective, ObjectiveConfig};
pub use schedule::Schedule;
pub use trainer::{Batch, Parts, Trainer};
