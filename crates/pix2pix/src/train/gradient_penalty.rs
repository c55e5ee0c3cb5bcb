//! Penalties on the gradient of the discriminator with respect to the image: R1 (Mescheder, Geiger and Nowozin 2018,
//! equation 9) and WGAN-GP (Gulrajani et al. 2017, equation 3).
//!
//! The gradient of a penalty is the derivative of a gradient. Let `n` be the gradient's length and `u` its direction.
//! The derivative of `n` by the weights is then the derivative of `D`'s directional derivative along `u`. The
//! directional derivative is computed in forward mode, layer by layer together with the pass itself, so that ordinary
//! autodiff differentiates it by the weights: exactly, on every device. `D` is the sum of the patch map, as in the
//! authors' later code. Of several discriminators, each has its own penalty, at the pairs that it sees; they are summed.

use burn::module::Module;
use burn::tensor::Tensor;
use pix2pix_runtime::network::unet::LEAK;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::backend::device::constant;
use crate::network::norm::norm_and_activate_tangent;
use crate::network::patch_gan::PatchGan;
use crate::train::objective::{Gan, ObjectiveConfig};

/// Weight of the WGAN-GP penalty.
const WEIGHT: f64 = 10.0;

/// The objective's penalty for a real and a generated batch, if it has one.
pub(crate) fn of(
    objective: &ObjectiveConfig,
    discriminator: &PatchGan,
    [source, image]: [Tensor<4>; 2],
    [fake_source, fake_image]: [Tensor<4>; 2],
    mut rng: ChaCha8Rng,
) -> Option<Tensor<1>> {
    if objective.gan == Gan::WassersteinPenalty {
        let share: f32 = rng.random_range(0.0..1.0);
        let between = |real: Tensor<4>, fake: Tensor<4>| real * share + fake * (1.0 - share);
        let (source, image) = (between(source, fake_source), between(image, fake_image));
        return Some(wgan_gp(discriminator, source, image));
    }
    let gamma = objective.r1;
    (gamma > 0.0).then(|| r1(discriminator, source, image, gamma))
}

/// A loss, `[1]`, whose gradient by the discriminator's weights is that of `gamma / 2 E |dD/dimage|^2`; `image`
/// is real.
pub fn r1(discriminator: &PatchGan, source: Tensor<4>, image: Tensor<4>, gamma: f64) -> Tensor<1> {
    of_each(discriminator, source, image, |slope| {
        (slope.length * slope.derivative).mean() * gamma
    })
}

/// A loss, `[1]`, whose gradient by the discriminator's weights is that of `10 E (|dD/dimage| - 1)^2`; `image` is
/// interpolated between a real and a generated one.
pub fn wgan_gp(discriminator: &PatchGan, source: Tensor<4>, image: Tensor<4>) -> Tensor<1> {
    of_each(discriminator, source, image, |slope| {
        ((slope.length - 1.0) * slope.derivative).mean() * (2.0 * WEIGHT)
    })
}

/// The sum of the penalties of all discriminators.
fn of_each(
    discriminator: &PatchGan,
    source: Tensor<4>,
    image: Tensor<4>,
    penalty: impl Fn(Slope) -> Tensor<1>,
) -> Tensor<1> {
    let scales = discriminator.scales([source, image]).into_iter();
    let penalties =
        scales.map(|(network, [source, image])| penalty(Slope::of(network, source, image)));
    let sum = penalties.reduce(|sum, penalty| sum + penalty);
    sum.expect("there is a discriminator")
}

/// The gradient norm of a discriminator at an image.
struct Slope {
    /// Length of the gradient, a constant, `[batch]`.
    length: Tensor<1>,
    /// The same value as a function of the weights, `[batch]`.
    derivative: Tensor<1>,
}

impl Slope {
    fn of(discriminator: &PatchGan, source: Tensor<4>, image: Tensor<4>) -> Self {
        let batch = image.dims()[0];
        let leaf = image.clone().detach().require_grad();
        let frozen = discriminator.clone().no_grad();
        let gradients = frozen
            .forward(source.clone(), leaf.clone())
            .sum()
            .backward();
        let gradient = leaf.grad(&gradients).expect("the image is tracked");
        let gradient = constant(gradient, &source.device());
        let length = gradient.clone().square().sum_dims(&[1, 2, 3]).sqrt(); // [batch, 1, 1, 1]
        let direction = gradient / (length.clone() + 1e-12);
        Self {
            length: length.reshape([batch]),
            derivative: derivative(discriminator, source, image.detach(), direction),
        }
    }
}

/// The directional derivative of the sum of each picture's patch map, along a direction of the image, `[batch]`.
fn derivative(
    discriminator: &PatchGan,
    source: Tensor<4>,
    image: Tensor<4>,
    direction: Tensor<4>,
) -> Tensor<1> {
    let batch = image.dims()[0];
    let still = source.zeros_like();
    let mut x = Tensor::cat(vec![source, image], 1);
    let mut tangent = Tensor::cat(vec![still, direction], 1);
    for block in &discriminator.blocks {
        let pair = block.conv.forward_tangent(x, tangent);
        [x, tangent] = norm_and_activate_tangent(&block.norm, pair, LEAK);
    }
    let [_, tangent] = discriminator.output.forward_tangent(x, tangent);
    tangent.sum_dims(&[1, 2, 3]).reshape([batch])
}
