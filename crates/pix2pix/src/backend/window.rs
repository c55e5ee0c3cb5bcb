//! A convolution: its window and its arithmetic.

use pix2pix_runtime::network::Window;

use crate::backend::precision::Factors;

/// Window and arithmetic of a layer's convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvSpec {
    /// The window.
    pub window: Window,
    /// The form of the factors.
    pub factors: Factors,
}

impl From<Window> for ConvSpec {
    /// Convolutions in 32 bits; the device's library may round the factors.
    fn from(window: Window) -> Self {
        Self {
            window,
            factors: Factors::default(),
        }
    }
}
