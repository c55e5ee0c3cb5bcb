//! The networks (paper, section 3.2 and appendix 6.1): generators, the PatchGAN discriminator and their layers.
//!
//! Read in this order:
//!
//! 1. [`Unet`], the paper's generator, and its [`UnetConfig`]; [`Noise`] is its dropout.
//! 2. [`PatchGan`], the discriminator, and its [`PatchGanConfig`].
//! 3. [`LayerGraph`], the description that every network gives of itself. [`summary`] prints it in Keras' format,
//!    [`draw::plot`](crate::draw::plot) draws it, and [`receptive_field`] computes how many pixels one cell of the
//!    discriminator's map sees.
//! 4. [`Generator`], which is a [`Unet`], a [`Resnet`] or an [`Hd`]; everything else in this library takes one of these.
//!
//! ```
//! use pix2pix::burn::tensor::Tensor;
//! use pix2pix::device::Device;
//! use pix2pix::network::{Init, Noise, PatchGanConfig, UnetConfig, receptive_field::receptive_field};
//!
//! let device = Device::flex();
//! let generator = UnetConfig { filters: 4, ..UnetConfig::default() }.init(&device)?;
//! let discriminator = PatchGanConfig { filters: 4, ..PatchGanConfig::default() }.init(&device)?;
//!
//! let source = Tensor::<4>::zeros([1, 3, 256, 256], &device);
//! let image = generator.forward(source.clone(), &mut Noise::on());
//! assert_eq!(image.dims(), [1, 3, 256, 256]);
//! let map = discriminator.forward(source, image);
//! assert_eq!(map.dims(), [1, 1, 30, 30]);
//!
//! let layers = discriminator.layers([3, 256, 256], [3, 256, 256]);
//! assert_eq!(receptive_field(&layers), 70);
//! # Ok::<(), pix2pix::Error>(())
//! ```

pub(crate) mod batch_norm;
pub(crate) mod conv;
pub(crate) mod generator;
pub(crate) mod hd;
pub(crate) mod init;
pub(crate) mod layers;
pub(crate) mod noise;
pub(crate) mod norm;
pub(crate) mod norm_statistics;
pub(crate) mod patch_gan;
pub(crate) mod pixel_decoder;
pub(crate) mod pool;
pub mod receptive_field;
pub(crate) mod resnet;
pub(crate) mod spectral_norm;
pub mod summary;
pub(crate) mod unet;
pub(crate) mod up_conv;
pub mod weights;

pub use batch_norm::BatchNorm;
pub use conv::{Conv, ConvTranspose};
pub use generator::Generator;
pub use hd::Hd;
pub use init::{Init, WeightInit};
pub use noise::Noise;
pub use norm::NormLayer;
pub use norm_statistics::Norms;
pub use patch_gan::{Features, Maps, Patch, PatchGan, PatchGanConfig};
pub use pix2pix_runtime::network::{
    Filters, GeneratorConfig, HdConfig, Layer, LayerGraph, Norm, Op, ResnetConfig, Shape,
    UnetConfig, Upsample, Window,
};
pub use pixel_decoder::{PixelDecoder, UpBlock};
pub use resnet::Resnet;
pub use spectral_norm::SpectralNorm;
pub use unet::Unet;
pub use up_conv::UpConv;
