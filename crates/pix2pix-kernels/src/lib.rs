//! CPU kernels of pix2pix, on plain slices: two-dimensional convolution and both its gradients, batch
//! normalization with its activation, and Adam. They know nothing of Burn.
//!
//! A transposed convolution is a convolution's input gradient, so that three kernels serve both kinds
//! of layer, forwards and backwards:
//!
//! | | convolution | transposed convolution |
//! |---|---|---|
//! | forward | [`forward`] | [`input_gradient`] |
//! | gradient of the input | [`input_gradient`] | [`forward`] |
//! | gradient of the weights | [`weight_gradient`] | [`weight_gradient`], input and output exchanged |
//!
//! Each is a matrix product whose one side is a patch matrix (`patches`) that is made block by
//! block, small enough for the second-level cache, and never exists as a whole. The inner product is
//! the `gemm` crate's, one call a thread, because its own threading gains nothing on these shapes.
//! All of them run on rayon's current pool; how they divide the work depends on its number of threads
//! alone, so that results are the same from run to run.

mod adam;
mod forward;
mod geometry;
mod input_gradient;
mod matrix;
mod norm;
mod patches;
pub mod reference;
mod weight_gradient;

pub use adam::{Adam, adam};
pub use forward::forward;
pub use geometry::Geometry;
pub use input_gradient::input_gradient;
pub use norm::{
    Norm, norm_forward, norm_input_gradient, norm_parameter_gradients, norm_statistics,
};
pub use weight_gradient::weight_gradient;
