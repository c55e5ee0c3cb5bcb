//! Trained models: checkpoint files, and the [`Translator`] that loads one.
//!
//! Read [`Translator`] first; [`TranslateOptions`] switches dropout off, changes its seed, and cuts large pictures into
//! [`Tiles`]. [`Checkpoint`] is the file: both networks and their configuration. [`built_in`] is a model inside this program.
//!
//! ```
//! use pix2pix::Translator;
//! use pix2pix::data::earth::earth;
//! use pix2pix::device::Device;
//! use pix2pix::model::{Checkpoint, TranslateOptions};
//! use pix2pix::network::{Init, PatchGanConfig, UnetConfig};
//!
//! let device = Device::flex();
//! let generator = UnetConfig { filters: 2, ..UnetConfig::default() }.init(&device)?;
//! let discriminator = PatchGanConfig { filters: 2, ..PatchGanConfig::default() }.init(&device)?;
//!
//! let file = std::env::temp_dir().join(format!("untrained-{}.safetensors", std::process::id()));
//! Checkpoint::of_networks(&generator.into(), &discriminator, 0).save(&file)?;
//! let translator = Translator::load(&file)?;
//! let picture = earth().train.read(0)?.source.crop([0, 0], [200, 100]);
//! let output = translator.translate_with(picture, &TranslateOptions::default()).expect("an RGB picture");
//! assert_eq!(output.size(), [200, 100]);
//! # std::fs::remove_file(&file).unwrap();
//! # Ok::<(), pix2pix::Error>(())
//! ```

pub(crate) mod average;
pub mod built_in;
pub(crate) mod checkpoint;
#[cfg(feature = "_card")]
mod passes;
pub(crate) mod sampled;
pub(crate) mod tensors;
pub(crate) mod translate;

pub use average::average;
pub use checkpoint::{Checkpoint, config, find, find_best, in_folder};
pub use pix2pix_runtime::{
    Fit, NormStatistics, Scale, Temporal, TilePlan, Tiles, Tiling, TrainingScale, TranslateOptions,
    Windows,
};
pub use sampled::{SCALE as DEVIATION_SCALE, Sampled};
pub use translate::Translator;
