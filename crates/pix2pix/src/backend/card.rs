//! Our kernels for cards (GPUs), written once in CubeCL for CUDA, Vulkan, Metal and DirectX. Each of Burn's own
//! operations is a launch, and a training step of one pair would be a thousand small ones. Here, everything between
//! two convolutions takes one or two launches, and so does each convolution; the optimizer takes one for several parameters.

mod activation;
mod adam;
mod bias;
mod conv;
mod dropout;
mod implicit_gemm;
mod loss;
mod norm;
mod pictures;
mod replay;
mod smooth;
mod taps;
mod tiling;

pub(crate) use adam::{Moments, Updates, moved};
pub(crate) use pictures::placed;
pub(crate) use replay::{Lane, Repeated, Replay, client, overwrite, own_copy, write, write_words};

#[cfg(test)]
pub(crate) mod tests;

#[cfg(all(test, feature = "cuda"))]
mod ptx;
