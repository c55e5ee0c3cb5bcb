//! Runs trained pix2pix generators on CPUs, without a tensor library: loads a checkpoint, and translates pictures of any
//! size.
//!
//! ```no_run
//! use pix2pix_runtime::picture::{Picture, Samples};
//! use pix2pix_runtime::{TranslateOptions, Translator};
//!
//! let translator = Translator::load("model.safetensors")?;
//! let gray = vec![128; 200 * 100 * 3]; // 8-bit RGB, row by row
//! let picture = Picture::new([200, 100], 3, Samples::U8(gray));
//! let output = translator.translate_with(picture, &TranslateOptions::default())?;
//! assert_eq!(output.size(), [200, 100]);
//! std::fs::write("output.raw", output.bytes()).unwrap();
//! # Ok::<(), pix2pix_runtime::Error>(())
//! ```
//!
//! # What to read
//!
//! - [`Translator`] and [`TranslateOptions`]: pictures in, pictures out.
//! - [`network`]: the generators as descriptions, from which everything else follows.
//! - [`plan`]: how a network is computed. [`engine::Cpu`] makes a plan for each size and keeps it.
//! - [`pool`]: the threads that compute, also in a forked process.

pub mod checkpoint;
pub mod choice;
pub mod engine;
pub mod error;
#[cfg(feature = "image")]
mod image;
mod moments;
pub mod network;
pub mod picture;
pub mod plan;
pub mod pool;
pub mod regular_file;
pub mod scale;
mod temporal;
pub mod tensor_file;
mod tiles;
mod translate;
pub mod weights;
pub mod words;

pub use error::{Error, Result};
pub use scale::{Scale, TrainingScale};
pub use temporal::Temporal;
pub use tiles::{NormStatistics, TilePlan, Tiles, Windows};
pub use translate::{Fit, Tiling, TranslateOptions, Translator};
