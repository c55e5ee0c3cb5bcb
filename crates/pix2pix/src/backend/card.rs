//! Our kernels for cards (GPUs), written once in CubeCL for CUDA, Vulkan, Metal and DirectX. Each of Burn's own
//! operations is a launch, and a training step of one pair would be a thousand small ones. Here, everything between
//! two convolutions takes one or two launches, and the optimizer takes one for each parameter.

mod activation;
mod adam;
mod conv;
mod norm;
mod pictures;
mod taps;

pub(crate) use adam::{Moments, moved};
pub(crate) use pictures::parameter;

#[cfg(test)]
mod tests;
