//! Exchange of weights with other programs: [`import`] reads those of pytorch-CycleGAN-and-pix2pix and Keras,
//! [`export`] writes those of pytorch-CycleGAN-and-pix2pix, and [`onnx`] writes a generator for ONNX Runtime.

pub mod export;
#[cfg(feature = "import")]
pub mod import;
#[cfg(feature = "import")]
pub(crate) mod keras_layout;
#[cfg(feature = "onnx")]
pub mod onnx;
pub(crate) mod public_layout;

pub use crate::weights_file::tensor_file::Half;
