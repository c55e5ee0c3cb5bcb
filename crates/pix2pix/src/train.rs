//! Training (paper, sections 3.1 and 3.3, appendix 6.2): the objective, the composite of generator and frozen
//! discriminator, and the step that updates both networks.
//!
//! Read in this order:
//!
//! 1. [`Objective`], the losses.
//! 2. [`Composite`], the generator followed by the frozen discriminator.
//! 3. [`Learner`], a network with its optimizer ([`Adam`]). With these three you can write a training loop of your own,
//!    as `docs/tutorial.md` does.
//! 4. [`Trainer`], the step that the command line uses. It shares one forward pass of the generator between both
//!    updates, and has all additions to the paper, each in its own module.
//!
//! A step with [`Trainer`]:
//!
//! ```
//! use pix2pix::data::{JitterConfig, Size, earth::earth};
//! use pix2pix::device::{Device, for_training};
//! use pix2pix::network::{PatchGanConfig, UnetConfig};
//! use pix2pix::train::{Trainer, TrainerConfig};
//!
//! let device = for_training(&Device::flex(), false);
//! let generator = UnetConfig { filters: 4, depth: 6, ..UnetConfig::default() }.into();
//! let discriminator = PatchGanConfig { filters: 4, ..PatchGanConfig::default() };
//! let mut trainer = Trainer::new(&generator, &discriminator, TrainerConfig::default(), &device)?;
//!
//! let small = JitterConfig { crop_size: Size::square(64), ..JitterConfig::default() };
//! for step in 0..2 {
//!     let batch = earth().train.batch_with(&small, step, 1, &device)?;
//!     let losses = trainer.step(&[batch]).and_then(|losses| losses.read());
//!     println!("{:?}", losses.expect("finite losses"));
//! }
//! # Ok::<(), pix2pix::Error>(())
//! ```

pub(crate) mod adam;
pub(crate) mod adaptive;
pub(crate) mod composite;
pub(crate) mod config;
pub(crate) mod diff_augment;
pub(crate) mod early;
pub(crate) mod ema;
pub mod feature_matching;
pub mod gradient_penalty;
pub(crate) mod image_pool;
pub(crate) mod l1_pyramid;
pub(crate) mod learner;
pub(crate) mod losses;
pub(crate) mod moments;
pub(crate) mod objective;
pub(crate) mod origin;
pub(crate) mod schedule;
pub(crate) mod trainer;

pub use adam::{Adam, NotFinite};
pub use composite::{Composite, CompositeOutput};
pub use config::{OptimizerConfig, TrainerConfig};
pub use diff_augment::DiffAugment;
pub use learner::Learner;
pub use losses::{Diverged, Losses, StepLosses};
pub use moments::MomentFormat;
pub use objective::{CompositeLoss, DiscriminatorLoss, Gan, Objective, ObjectiveConfig};
pub use origin::{Freeze, FromChannels, Origin};
pub use schedule::Schedule;
pub use trainer::{Batch, Parts, Trainer};
