//! What a device computes: convolutions, normalizations with their activations, activations with skips, and the taps of
//! resize-convolutions, each with its gradients, as extensions of Burn's backends. On the CPU (Burn's Flex) they are
//! the kernels of `pix2pix-kernels`, on cards those of `card`.

pub(crate) mod activation;
#[cfg(feature = "_card")]
pub(crate) mod card;
pub(crate) mod conv;
pub mod device;
pub(crate) mod flex;
pub(crate) mod norm;
pub(crate) mod precision;
pub(crate) mod taps;
pub(crate) mod window;
