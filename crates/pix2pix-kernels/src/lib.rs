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
//! Two ways lead to each. Where channels are wide and the picture is not tiny, the fast forms of
//! [`winograd`], which need two to four times fewer products; elsewhere matrix products with the patch
//! matrix ([`im2col`]). A [`Path`] chooses instructions (AVX-512, AVX2, or what every processor has) and
//! arithmetic (f32, or factors rounded to bfloat16); a binary built for any x86-64 finds the fastest.
//!
//! All of them run on rayon's current pool; how they divide the work depends on its number of threads
//! alone, so that results are the same from run to run.

mod activation;
mod adam;
mod average;
mod convolution;
mod geometry;
pub mod im2col;
mod machine;
mod norm;
mod product;
pub mod reference;
mod scratch;
mod shared;
mod taps;
pub mod winograd;

pub use activation::{activation, activation_gradient, join, join_gradients, tanh, tanh_gradient};
pub use adam::{Adam, adam};
pub use average::move_towards;
pub use convolution::{forward, input_gradient, weight_gradient};
pub use geometry::Geometry;
pub use machine::{Arithmetic, Path};
pub use norm::{
    Norm, norm_forward, norm_input_gradient, norm_parameter_gradients, norm_statistics,
};
pub use taps::{four_taps, three_taps};
