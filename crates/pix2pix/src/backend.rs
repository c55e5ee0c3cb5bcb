//! The operations that a device computes, each with its gradients, as extensions of Burn's backends: convolutions,
//! normalization with activation, activations with skip connections, smoothing, and the fused weights of
//! resize-convolutions. The CPU (Burn's Flex) runs the kernels of `pix2pix-kernels`, cards (GPUs) run those of `card`.

pub(crate) mod activation;
pub(crate) mod bias;
#[cfg(feature = "_card")]
pub(crate) mod card;
pub(crate) mod conv;
pub mod device;
pub(crate) mod dropout;
pub(crate) mod flex;
pub(crate) mod limits;
pub(crate) mod loss;
pub(crate) mod memory;
pub(crate) mod norm;
pub(crate) mod precision;
pub(crate) mod smooth;
pub(crate) mod taps;
pub(crate) mod unary;
pub(crate) mod window;
