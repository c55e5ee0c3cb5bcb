//! Paired image-to-image translation with conditional adversarial networks: the pix2pix of Isola,
//! Zhu, Zhou and Efros (CVPR 2017, arXiv 1611.07004).
//!
//! A trained model translates a picture in a few lines; `examples/` has more:
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let generator = pix2pix::Generator::load("model.safetensors")?;
//! let photo = image::open("photo.jpg")?;
//! generator.translate(&photo)?.save("translated.png")?;
//! # Ok(())
//! # }
//! ```
//!
//! The modules read like the paper: the networks ([`unet`], [`patch_gan`], [`composite`]), the
//! [`objective`], the optimization ([`jitter`], [`trainer`]), and what is around them.

// the networks (section 3.2 and appendix 6.1)
mod activation_backend;
pub mod batch_norm;
pub mod composite;
pub mod conv;
mod conv_backend;
pub mod generator;
pub mod init;
pub mod noise;
pub mod norm;
mod norm_backend;
pub mod norm_statistics;
pub mod patch_gan;
pub mod resnet;
pub mod spectral_norm;
mod taps_backend;
pub mod unet;
pub mod up_conv;
pub mod weights;

// what a network looks like
pub mod interpreter;
pub mod layer_graph;
pub mod plot;
pub mod receptive_field;
pub mod summary;

// the objective and its optimization (sections 3.1, 3.3 and appendix 6.2)
pub mod adam;
pub mod config;
pub mod diff_augment;
pub mod ema;
pub mod gradient_penalty;
pub mod image_pool;
pub mod jitter;
pub mod objective;
pub mod parallel;
pub mod run;
pub mod schedule;
pub mod trainer;

// pictures in
pub mod cache;
pub mod dataset;
pub mod domain;
pub mod download;
pub mod earth;
pub mod loader;
pub mod pair;
pub mod picture;
pub mod prepare;
pub mod resize;

// pictures out
pub mod contact_sheet;
pub mod raster;
pub mod tiles;
pub mod translate;

// how good they are
pub mod average;
pub mod evaluate;
pub mod quality;
pub mod report;
pub mod tensorboard;

// files and machine
pub mod atomic_file;
pub mod bench;
#[cfg(feature = "_card")]
mod card;
pub mod checkpoint;
pub mod device;
pub mod error;
pub mod export;
mod flex;
pub mod import;
pub mod keras_file;
pub mod keras_layout;
pub mod onnx;
pub mod precision;
pub mod public_layout;
pub mod pytorch_file;
pub mod tensor_file;

pub use error::{Error, Result};
pub use translate::Generator;
