//! Halving a picture: see [`pix2pix_runtime::network::pool`].

use burn::tensor::Tensor;
use burn::tensor::module::avg_pool2d;
use burn::tensor::ops::AvgPoolOptions;
use pix2pix_runtime::network::pool::MEANS;

/// Halves a picture, `[batch, channels, height, width]`: means of 3x3 pixels, at the edges of those that are there. Odd sides
/// are rounded up.
pub fn halved(picture: Tensor<4>) -> Tensor<4> {
    let window = AvgPoolOptions::new([MEANS.kernel; 2])
        .with_stride([MEANS.stride; 2])
        .with_padding(MEANS.padding)
        .with_count_include_pad(false);
    avg_pool2d(picture, window)
}
