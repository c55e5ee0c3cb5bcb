//! The geometry of a convolution.

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
