//! Paired image-to-image translation with conditional adversarial networks: the pix2pix of Isola, Zhu, Zhou and Efros
//! (CVPR 2017, arXiv 1611.07004).
//!
//! A trained model translates a picture in a few lines:
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let translator = pix2pix::Translator::load("model.safetensors")?;
//! let photo = pix2pix::image::open("photo.jpg")?;
//! translator.translate(&photo)?.save("translated.png")?;
//! # Ok(())
//! # }
//! ```
//!
//! # What to read
//!
//! - To learn how pix2pix works: `docs/tutorial.md` builds it with this library. Then read [`network`] and [`train`].
//! - To train on your own pairs: [`data`], then [`run`].
//! - To use a trained model: [`Translator`], then [`model`].
//!
//! # The modules
//!
//! They form layers. Each uses only modules further down in this list:
//!
//! - [`bench`](mod@bench) measures training and translation speed on this machine;
//! - [`report`] compares runs and evaluates models;
//! - [`run`] trains in a run folder: checkpoints, contact sheets, resuming;
//! - [`exchange`] imports PyTorch and Keras weights, and exports to PyTorch and ONNX;
//! - [`model`] has checkpoints, and the [`Translator`] that is loaded from one;
//! - [`train`] has the objective, the composite and the training step;
//! - [`quality`] measures translations against their targets: L1, PSNR, SSIM, textures, spectra, LPIPS, FID;
//! - [`draw`] draws contact sheets and network plots;
//! - [`data`] reads pictures, finds pairs and augments them (jitter);
//! - [`network`] has the generators, the PatchGAN discriminator and their layer graphs;
//! - [`device`] lists and opens devices;
//! - [`parallel`] connects processes that train together;
//! - [`text_table`] aligns the columns of tables;
//! - [`folder_lock`] lets one process alone write into a folder;
//! - [`atomic_file`] writes files that appear whole or not at all;
//! - [`identity`] tells whether paths lead to one file or folder.
//!
//! Tensors and autodiff are [Burn](burn)'s, and pictures may be those of [`image`]. Both are re-exported: `pix2pix` is the only
//! dependency that you need.

pub mod atomic_file;
pub(crate) mod backend;
pub mod bench;
pub(crate) mod caught;
pub(crate) mod config;
pub mod data;
pub mod draw;
pub mod exchange;
pub mod folder_lock;
pub(crate) mod fourier;
pub mod identity;
pub mod model;
pub mod network;
pub mod parallel;
pub mod quality;
pub mod report;
pub mod run;
pub mod text_table;
pub mod train;
pub(crate) mod watch;
pub(crate) mod weights_file;

pub use backend::device;
pub use burn;
pub use config::{MOST_NEIGHBORS, RunConfig, check_neighbors};
pub use error::{Error, Result, escaped, for_files, for_threads, foreign, is_obeyed, one_line};
pub use image;
pub use model::Translator;
pub use pix2pix_runtime::choice::{Choice, UnknownName};
pub(crate) use pix2pix_runtime::{choice, error};
pub use pix2pix_runtime::{regular_file, words};

/// The code of the package's page, as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// The code of the tutorial's text, as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/tutorial.md")]
struct Tutorial;
