//! The filter 1-2-1, in Burn's operations.

use burn::backend::Cube;
use burn::backend::tensor::FloatTensor;
use burn::tensor::Tensor;

use super::pictures::primitive;
use crate::backend::smooth::SmoothBackend;

/// Filters along one dimension.
fn along(x: Tensor<4>, dimension: usize) -> Tensor<4> {
    let side = x.dims()[dimension];
    let part = |start: usize, length: usize| x.clone().narrow(dimension, start, length);
    let before = Tensor::cat(vec![part(0, 1), part(0, side - 1)], dimension);
    let after = Tensor::cat(vec![part(1, side - 1), part(side - 1, 1)], dimension);
    (before + after) * 0.25 + x * 0.5
}

impl SmoothBackend for Cube {
    fn smooth(input: FloatTensor<Self>) -> FloatTensor<Self> {
        let x = Tensor::<4>::from_primitive::<Self>(input);
        // one pixel is its own neighbor on both sides
        let wide = (2..4).filter(|&dimension| x.dims()[dimension] > 1);
        let wide: Vec<usize> = wide.collect();
        primitive(wide.into_iter().fold(x, along))
    }
}
