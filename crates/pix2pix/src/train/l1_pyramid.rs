//! L1 at several scales, for pairs that are not aligned to the pixel (Liu et al. 2022, "BCI: Breast Cancer
//! Immunohistochemical Image Generation through Pyramid Pix2pix", arXiv 2204.11425, the multi-scale loss): a shift of a few
//! pixels is a large difference of pixels and a small one of coarse pictures.
//!
//! Kernel, number of filters, edges and weights are those of the authors' code (bupt-ai-cz/BCI,
//! `PyramidPix2pix/models/pix2pix_model.py`): from scale to scale, a picture is smoothed four times with a Gaussian of 3x3
//! pixels and standard deviation 1, mirrored at its edges without repeating them, and every second pixel of every second row is
//! kept. All scales have the same weight: 25 for each of four there, which is the mean over scales times a lambda of 100.

use std::collections::BTreeMap;
use std::sync::Mutex;

use burn::tensor::{Tensor, TensorData};
use pix2pix_kernels::mirrored;

/// How often each scale is smoothed before it is halved.
const SMOOTHINGS: usize = 4;

/// The coarser scales of L1.
pub(super) struct L1Pyramid {
    /// Number of scales besides the pictures themselves, at least 1.
    levels: usize,
    /// The matrix of each length of a side that smooths and halves it, `[side, half]`.
    halvings: Mutex<BTreeMap<usize, Tensor<2>>>,
}

impl L1Pyramid {
    /// With this number of coarser scales.
    pub fn new(levels: usize) -> Self {
        Self {
            levels,
            halvings: Mutex::default(),
        }
    }

    /// The mean of L1 over all scales, `[1]`. `finest` is that of the pictures themselves, `[1]`; `difference`, of a picture
    /// and its target, is `[batch, channels, height, width]`. Sides that are odd are rounded up when they are halved.
    pub fn mean(&self, finest: Tensor<1>, mut difference: Tensor<4>) -> Tensor<1> {
        let mut sum = finest;
        for _ in 0..self.levels {
            // smoothing is linear: the difference of smoothed pictures is the smoothed difference
            difference = self.halved(self.halved(difference));
            sum = sum + difference.clone().abs().mean();
        }
        sum / (self.levels + 1) as f64
    }

    /// Smooths and halves the rows, and turns rows into columns.
    fn halved(&self, planes: Tensor<4>) -> Tensor<4> {
        let [batch, channels, height, width] = planes.dims();
        let mut halvings = self.halvings.lock().expect("no panic while it is held");
        let halving = halvings.entry(width).or_insert_with(|| {
            let half = width.div_ceil(2);
            Tensor::from_data(
                TensorData::new(halving(width), [width, half]),
                &planes.device(),
            )
        });
        let rows = planes.reshape([batch * channels * height, width]);
        let halves = rows.matmul(halving.clone());
        let half = width.div_ceil(2);
        halves
            .reshape([batch, channels, height, half])
            .swap_dims(2, 3)
    }
}

/// The matrix that smooths a row of `side` values and keeps every second one, `[side, half]`.
///
/// A mirrored row stays mirrored when a symmetric kernel smooths it, so all smoothings are one with a longer kernel.
fn halving(side: usize) -> Vec<f32> {
    let half = side.div_ceil(2);
    let mut matrix = vec![0.0f64; side * half];
    let kernel = kernel();
    let reach = kernel.len() / 2;
    for column in 0..half {
        for (tap, weight) in kernel.iter().enumerate() {
            let row = mirrored((2 * column + tap) as isize - reach as isize, side);
            matrix[row * half + column] += weight;
        }
    }
    matrix.into_iter().map(|weight| weight as f32).collect()
}

/// The kernel of all smoothings together.
fn kernel() -> Vec<f64> {
    let far = (-0.5f64).exp();
    let gauss = [far, 1.0, far].map(|weight| weight / (1.0 + 2.0 * far));
    let mut kernel = vec![1.0];
    for _ in 0..SMOOTHINGS {
        let mut longer = vec![0.0; kernel.len() + 2];
        for (at, value) in kernel.iter().enumerate() {
            for (tap, weight) in gauss.iter().enumerate() {
                longer[at + tap] += value * weight;
            }
        }
        kernel = longer;
    }
    kernel
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every kept value is a mean: the weights of each column sum to 1. One pixel stays as it is.
    #[test]
    fn halving_keeps_what_is_flat() {
        for side in [1usize, 2, 3, 5, 8, 17] {
            let half = side.div_ceil(2);
            let matrix = halving(side);
            for column in 0..half {
                let sum: f32 = (0..side).map(|row| matrix[row * half + column]).sum();
                assert!((sum - 1.0).abs() < 1e-6, "{side}: {sum}");
            }
        }
    }
}
