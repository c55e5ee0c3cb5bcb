//! The geometry and the arithmetic of a convolution.

use crate::backend::precision::Factors;

/// The window of a convolution, the same for height and width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Kernel side in pixels.
    pub kernel: usize,
    /// Stride in pixels.
    pub stride: usize,
    /// Zero padding in pixels, before the first and after the last pixel.
    pub padding: [usize; 2],
}

impl Window {
    /// Output side for an input side; 0 where no window fits.
    pub fn output_side(&self, input: usize) -> usize {
        (input + self.padding[0] + self.padding[1])
            .checked_sub(self.kernel)
            .map_or(0, |room| room / self.stride + 1)
    }
}

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
