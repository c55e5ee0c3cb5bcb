//! Exchange of weights with other programs: [`import`] reads those of pytorch-CycleGAN-and-pix2pix and Keras,
//! [`export`] writes those of pytorch-CycleGAN-and-pix2pix, and [`onnx`] writes a generator for ONNX Runtime. All of
//! them start from or make a [`Checkpoint`](crate::model::Checkpoint).
//!
//! ```
//! use std::path::Path;
//!
//! use pix2pix::device::Device;
//! use pix2pix::exchange::export::{discriminator_tensors, generator_tensors};
//! use pix2pix::model::Checkpoint;
//! use pix2pix::network::{Init, PatchGanConfig, UnetConfig};
//!
//! let device = Device::flex();
//! let generator = UnetConfig { filters: 2, ..UnetConfig::default() }.init(&device)?;
//! let discriminator = PatchGanConfig { filters: 2, ..PatchGanConfig::default() }.init(&device)?;
//! let checkpoint = Checkpoint::of_networks(&generator.into(), &discriminator, 0);
//!
//! let path = Path::new("untrained");
//! assert!(generator_tensors(&checkpoint, path)?.contains_key("model.model.0.weight"));
//! assert!(discriminator_tensors(&checkpoint, path)?.is_some());
//! # Ok::<(), pix2pix::Error>(())
//! ```

pub mod export;
#[cfg(feature = "import")]
pub mod import;
#[cfg(feature = "import")]
pub(crate) mod keras_layout;
#[cfg(feature = "onnx")]
pub mod onnx;
pub(crate) mod public_layout;

pub use crate::weights_file::rounding::Rounding;
