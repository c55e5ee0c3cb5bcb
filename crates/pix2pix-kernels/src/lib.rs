//! CPU kernels of pix2pix on plain slices: convolutions and their gradients, batch normalization fused with its
//! activation, activations, biases, dropout, losses, Adam. Independent of Burn.
//!
//! A transposed convolution is the input gradient of a convolution, so three kernels compute both layers and
//! their gradients:
//!
//! | | convolution | transposed convolution |
//! |---|---|---|
//! | forward | [`convolution::forward`] | [`convolution::input_gradient`] |
//! | gradient of the input | [`convolution::input_gradient`] | [`convolution::forward`] |
//! | gradient of the weights | [`convolution::weight_gradient`] | [`convolution::weight_gradient`], input and output exchanged |
//!
//! Each has two algorithms. If there are many channels and the image is not tiny, the fast forms of [`winograd`]
//! need two to five times fewer products; otherwise matrix products with the patch matrix ([`im2col`]). An
//! [`InstructionSet`] selects instructions (AVX-512, AVX2, NEON, or the target's baseline) and arithmetic (f32, or
//! factors rounded to bfloat16) at run time.
//!
//! Kernels run on rayon's current pool and divide the work by its number of threads alone: on one machine, with
//! the same number of threads, results are the same in every run. With [`Limit::Portable`] they are the same
//! everywhere.
//!
//! Outputs that a kernel overwrites are `&mut [MaybeUninit<f32>]`; the kernel returns them initialized.
//! [`filled`] allocates them, [`refilled`] uses memory again.

#[cfg(target_endian = "big")]
compile_error!(
    "samples and weights are read as little-endian: pix2pix does not run on this machine"
);

mod activation;
mod adam;
mod average;
mod bf16;
mod bias;
pub mod convolution;
mod dropout;
mod geometry;
pub mod im2col;
mod instruction_set;
mod lanes;
mod limit;
mod loss;
mod norm;
mod output;
mod philox;
mod planes;
mod prefetch;
mod product;
pub mod reference;
mod scratch;
mod shared;
mod simd;
mod taps;
mod weight;
pub mod winograd;

pub use activation::{
    activation, activation_gradient, join, join_first_gradient, join_second_gradient, tanh,
    tanh_gradient,
};
pub use adam::{Adam, adam, adam_bf16};
pub use average::move_towards;
pub use bf16::Bf16;
pub use bias::{add_bias, add_bias_to, channel_sums};
pub use dropout::{Dropout, dropout};
pub use geometry::Geometry;
pub use instruction_set::{Arithmetic, InstructionSet};
pub use limit::{Limit, check_environment, set_limit};
pub use loss::{Curve, Loss, mean_distance, mean_distance_gradient};
pub use norm::{
    Norm, norm_forward, norm_input_gradient, norm_parameter_gradients, norm_statistics,
    scale_and_shift,
};
pub use output::{filled, refilled};
pub use philox::philox;
pub use planes::{halve, mirrored, reflection_pad, smooth, sum, upsample};
pub use taps::{four_taps, three_taps};
pub use weight::Weights;
