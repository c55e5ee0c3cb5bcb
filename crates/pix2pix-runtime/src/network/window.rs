//! The geometry of a convolution.

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
    /// Output side of the transposed convolution for an input side, at least 1.
    pub fn transposed_side(&self, input: usize) -> usize {
        (input - 1) * self.stride + self.kernel - self.padding[0] - self.padding[1]
    }
}
