//! The geometry and the arithmetic of a convolution.

use crate::backend::precision::Factors;

/// The window of a convolution, the same in both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Kernel side in pixels.
    pub kernel: usize,
    /// Step between two windows in pixels.
    pub stride: usize,
    /// Zeros added before the first and after the last pixel.
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

/// How a layer convolves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvSpec {
    /// Its window.
    pub window: Window,
    /// Its arithmetic.
    pub factors: Factors,
}

impl From<Window> for ConvSpec {
    /// In 32-bit arithmetic, as the device's library has it.
    fn from(window: Window) -> Self {
        Self {
            window,
            factors: Factors::default(),
        }
    }
}
