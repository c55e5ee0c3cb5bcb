//! The objective (paper, section 3.1, equations 1 to 4): a conditional adversarial loss plus lambda
//! times L1. The discriminator's loss is halved (section 3.3).

use burn::tensor::Tensor;

/// Binary cross-entropy of logits against one label for all: `-log sigmoid(x)` for real,
/// `-log(1 - sigmoid(x))` for fake; the mean over all cells, `[1]`.
///
/// Written as `max(z, 0) + log(1 + exp(-|z|))` with z = -x for real and z = x for fake, which
/// neither overflows nor loses small values.
pub fn adversarial(logits: Tensor<4>, real: bool) -> Tensor<1> {
    let z = if real { -logits } else { logits };
    let tail = (-z.clone().abs()).exp().log1p();
    (z.clamp_min(0.0) + tail).mean()
}

/// Mean absolute difference of two images of the same shape, `[1]` (equation 3).
pub fn l1(image: Tensor<4>, target: Tensor<4>) -> Tensor<1> {
    (image - target).abs().mean()
}

/// The discriminator's loss, half the sum of its two parts, `[1]`.
pub fn discriminator(real: Tensor<1>, fake: Tensor<1>) -> Tensor<1> {
    (real + fake) * 0.5
}
