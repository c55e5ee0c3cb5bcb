//! Sizes of a convolution.

use std::ops::Range;

use crate::limit::portable_only;

/// Sizes of a two-dimensional convolution with a square kernel. Images are contiguous `[batch, channels, height,
/// width]`, weights `[out_channels, in_channels, kernel, kernel]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Number of images.
    pub batch: usize,
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output.
    pub out_channels: usize,
    /// Height and width of the input.
    pub input: [usize; 2],
    /// Side of the kernel.
    pub kernel: usize,
    /// Pixels from window to window, at least 1.
    pub stride: usize,
    /// Rows and columns of zeros before the first and after the last.
    pub padding: [usize; 2],
}

impl Geometry {
    /// Height and width of the output; 0 if no window fits.
    pub fn output(&self) -> [usize; 2] {
        self.input.map(|side| {
            (side + self.padding[0] + self.padding[1])
                .checked_sub(self.kernel)
                .map_or(0, |room| room / self.stride + 1)
        })
    }

    /// Values in one input image.
    pub fn input_len(&self) -> usize {
        self.in_channels * self.input[0] * self.input[1]
    }

    /// Values in one output image.
    pub fn output_len(&self) -> usize {
        self.out_channels * self.pixels()
    }

    /// Number of weights.
    pub fn weights(&self) -> usize {
        self.out_channels * self.taps()
    }

    /// Weights per output channel: the height of the patch matrix.
    pub(crate) fn taps(&self) -> usize {
        self.in_channels * self.kernel * self.kernel
    }

    /// Pixels per output channel: the width of the patch matrix.
    pub(crate) fn pixels(&self) -> usize {
        let [height, width] = self.output();
        height * width
    }

    /// Splits the output into blocks of whole rows, each of at most `pixels` pixels if rows are that short.
    pub(crate) fn row_blocks(&self, pixels: usize) -> Vec<Range<usize>> {
        let [height, width] = self.output();
        split(height, (pixels / width.max(1)).max(1))
    }

    /// Splits the input channels among the threads, at most `most` channels to a part.
    pub(crate) fn channel_parts(&self, most: usize) -> Vec<Range<usize>> {
        let share = self.in_channels.div_ceil(threads());
        split(self.in_channels, share.clamp(1, most))
    }

    /// Output columns, of `outputs`, whose window has its tap in column `offset` inside the input's `side`
    /// columns.
    pub(crate) fn inside(&self, offset: usize, side: usize, outputs: usize) -> Range<usize> {
        let before = self.padding[0];
        let first = before.saturating_sub(offset).div_ceil(self.stride);
        let last = (side + before)
            .checked_sub(offset + 1)
            .map_or(0, |room| room / self.stride + 1);
        first.min(outputs)..last.clamp(first.min(outputs), outputs)
    }

    /// Checks the lengths of slices of the input, the output and the weights.
    ///
    /// # Panics
    /// If one does not fit.
    pub(crate) fn check(&self, input: usize, output: usize, weights: usize) {
        assert_eq!(input, self.batch * self.input_len(), "input length");
        assert_eq!(output, self.batch * self.output_len(), "output length");
        assert_eq!(weights, self.weights(), "number of weights");
    }
}

/// Number of threads to divide work among: those of the current pool, or a constant if results must not depend
/// on the pool.
pub(crate) fn threads() -> usize {
    if portable_only() {
        return 8;
    }
    rayon::current_num_threads()
}

/// Splits `0..length` into ranges of `size`; the last may be shorter.
pub(crate) fn split(length: usize, size: usize) -> Vec<Range<usize>> {
    (0..length)
        .step_by(size)
        .map(|start| start..(start + size).min(length))
        .collect()
}
