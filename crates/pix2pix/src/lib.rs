//! Paired image-to-image translation with conditional adversarial networks: the pix2pix of Isola,
//! Zhu, Zhou and Efros (CVPR 2017, arXiv 1611.07004).
//!
//! The modules read like the paper: the networks ([`unet`], [`patch_gan`], [`composite`]), the
//! [`objective`], the optimization ([`jitter`], [`trainer`]), and what is around them.

// the networks (section 3.2)
pub mod batch_norm;
pub mod composite;
mod conv;
pub mod init;
pub mod noise;
pub mod patch_gan;
pub mod unet;

// what a network looks like
pub mod layer_graph;
pub mod receptive_field;
pub mod weights;

// the objective and its optimization (sections 3.1, 3.3 and appendix 6.2)
pub mod objective;
pub mod trainer;

// data
pub mod dataset;
pub mod earth;
pub mod jitter;
pub mod loader;
pub mod pair;
pub mod picture;

// files and machine
pub mod atomic_file;
pub mod error;

pub use error::{Error, Result};
