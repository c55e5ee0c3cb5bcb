//! The sizes of a convolution.

use std::ops::Range;

/// A two-dimensional convolution with a square kernel. All images are `[batch, channels, height,
/// width]`, row by row without gaps; weights are `[out_channels, in_channels, kernel, kernel]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Images.
    pub batch: usize,
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output.
    pub out_channels: usize,
    /// Height and width of the input.
    pub input: [usize; 2],
    /// Side of the kernel.
    pub kernel: usize,
    /// Step of the window.
    pub stride: usize,
    /// Zeros before the first and after the last row and column.
    pub padding: [usize; 2],
}

impl Geometry {
    /// Height and width of the output; 0 where no window fits.
    pub fn output(&self) -> [usize; 2] {
        self.input.map(|side| {
            (side + self.padding[0] + self.padding[1])
                .checked_sub(self.kernel)
                .map_or(0, |room| room / self.stride + 1)
        })
    }

    /// Values of one input image.
    pub fn input_len(&self) -> usize {
        self.in_channels * self.input[0] * self.input[1]
    }

    /// Values of one output image.
    pub fn output_len(&self) -> usize {
        self.out_channels * self.pixels()
    }

    /// Number of weights.
    pub fn weights(&self) -> usize {
        self.out_channels * self.taps()
    }

    /// Weights of one output channel: the height of the patch matrix.
    pub(crate) fn taps(&self) -> usize {
        self.in_channels * self.kernel * self.kernel
    }

    /// Pixels of one output channel: the width of the patch matrix.
    pub(crate) fn pixels(&self) -> usize {
        let [height, width] = self.output();
        height * width
    }

    /// Blocks of whole output rows of about `pixels` pixels, in order.
    pub(crate) fn row_blocks(&self, pixels: usize) -> Vec<Range<usize>> {
        let [height, width] = self.output();
        split(height, (pixels / width.max(1)).max(1))
    }

    /// Input channels in pieces that keep every thread busy, of at most `most` channels.
    pub(crate) fn channel_parts(&self, most: usize) -> Vec<Range<usize>> {
        let share = self.in_channels.div_ceil(rayon::current_num_threads());
        split(self.in_channels, share.clamp(1, most))
    }

    /// Columns of the output for which a window's tap `offset` lies inside an input of `side`
    /// columns.
    pub(crate) fn inside(&self, offset: usize, side: usize, outputs: usize) -> Range<usize> {
        let before = self.padding[0];
        let first = before.saturating_sub(offset).div_ceil(self.stride);
        let last = (side + before)
            .checked_sub(offset + 1)
            .map_or(0, |room| room / self.stride + 1);
        first.min(outputs)..last.clamp(first.min(outputs), outputs)
    }

    /// Checks the lengths of an input, an output and weights against the geometry.
    pub(crate) fn check(&self, input: usize, output: usize, weights: usize) {
        assert_eq!(input, self.batch * self.input_len(), "input length");
        assert_eq!(output, self.batch * self.output_len(), "output length");
        assert_eq!(weights, self.weights(), "number of weights");
    }
}

/// `0..length` in pieces of `size`; the last may be shorter.
pub(crate) fn split(length: usize, size: usize) -> Vec<Range<usize>> {
    (0..length)
        .step_by(size)
        .map(|start| start..(start + size).min(length))
        .collect()
}
