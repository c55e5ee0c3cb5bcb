//! A convolution: its window and its arithmetic.

use pix2pix_runtime::network::Window;

use crate::backend::precision::Precision;

/// Window and arithmetic of a layer's convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvSpec {
    /// The window.
    pub window: Window,
    /// The arithmetic.
    pub precision: Precision,
}

impl From<Window> for ConvSpec {
    /// Convolutions in 32 bits.
    fn from(window: Window) -> Self {
        Self {
            window,
            precision: Precision::F32,
        }
    }
}
