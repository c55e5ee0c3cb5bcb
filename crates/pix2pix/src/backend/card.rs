//! Our kernels on cards, written once in CubeCL for CUDA, Vulkan, Metal and DirectX. Burn's own operations are a launch
//! each, and a training step of one pair is a thousand of them that hardly do a thing: what stands between two
//! convolutions is one or two launches here, and so is the optimizer for each parameter.

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
