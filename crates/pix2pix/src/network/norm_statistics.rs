//! The source of the statistics for the norms of a generator: the batch, as in training, or a whole picture that is
//! too large for one pass.

use burn::tensor::Tensor;
use pix2pix_runtime::plan::Core;

/// The source of the statistics.
pub enum Norms<'a> {
    /// The batch.
    Batch,
    /// Given statistics, one for each norm in the order of the pass, `[2, channels]`: means, biased variances.
    Given(std::slice::Iter<'a, Tensor<2>>),
    /// Given statistics for the first norms. The statistics of the next norm, of this part of the picture, and the number of
    /// values in each are measured, and the pass stops there.
    Measure(
        std::slice::Iter<'a, Tensor<2>>,
        &'a Core,
        &'a mut Option<(Tensor<2>, f64)>,
    ),
}
