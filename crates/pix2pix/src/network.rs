//! The networks (paper, section 3.2 and appendix 6.1): generators, the PatchGAN discriminator and their layers.
//!
//! Read [`Unet`] and [`PatchGan`] first. A network describes itself as a [`LayerGraph`]: [`summary`] prints it in
//! Keras' format, and [`receptive_field`] computes how many pixels one cell of the discriminator's map sees:
//!
//! ```
//! use pix2pix::device::Device;
//! use pix2pix::network::{PatchGanConfig, WeightInit, receptive_field};
//!
//! # fn main() -> pix2pix::Result<()> {
//! let discriminator = PatchGanConfig::default().init_with(&mut WeightInit::discriminator(0), &Device::flex())?;
//! let layers = discriminator.layers([3, 256, 256], [3, 256, 256]);
//! assert_eq!(receptive_field::receptive_field(&layers), Some(70));
//! # Ok(())
//! # }
//! ```

pub(crate) mod batch_norm;
pub(crate) mod conv;
pub(crate) mod generator;
pub(crate) mod init;
pub(crate) mod interpreter;
pub(crate) mod layer_graph;
pub(crate) mod layers;
pub(crate) mod noise;
pub(crate) mod norm;
pub(crate) mod norm_statistics;
pub(crate) mod patch_gan;
pub mod receptive_field;
pub(crate) mod resnet;
pub(crate) mod spectral_norm;
pub mod summary;
pub(crate) mod unet;
pub(crate) mod up_conv;
pub mod weights;

pub use crate::backend::window::Window;
pub use batch_norm::BatchNorm;
pub use conv::{Conv, ConvTranspose};
pub use generator::{Generator, GeneratorConfig};
pub use init::WeightInit;
pub use interpreter::Interpreter;
pub use layer_graph::{Layer, LayerGraph, Op, Shape};
pub use noise::Noise;
pub use norm::{Norm, NormLayer};
pub use norm_statistics::Norms;
pub use patch_gan::{Patch, PatchGan, PatchGanConfig};
pub use resnet::{Resnet, ResnetConfig};
pub use spectral_norm::SpectralNorm;
pub use unet::{Unet, UnetConfig};
pub use up_conv::{UpConv, Upsample};
