//! Penalties on the gradient of the discriminator with respect to the image: R1 (Mescheder, Geiger and Nowozin 2018,
//! equation 9) and WGAN-GP (Gulrajani et al. 2017, equation 3).
//!
//! A penalty is the mean of a function of the length of each picture's gradient, so its own gradient is the derivative of a
//! gradient. By the chain rule, it is the derivative of `D`'s directional derivative along a constant direction: each picture's
//! gradient times that function's slope over the length. The directional derivative is computed in forward mode, layer by layer
//! together with the pass itself, so that ordinary autodiff differentiates it by the weights: exactly, on every device, and
//! also where batch normalization makes a picture's map depend on the others of its batch.
//!
//! `D` is one value for each picture. For WGAN-GP it is the mean of the patch map, the same that the losses use: the penalty
//! is to make just that one's slope 1. For R1 it is the sum of the map, as in the authors' later code, and the weight is given
//! for that. Of several discriminators, each has its own penalty, at the pairs that it sees; they are summed.

use burn::module::Module;
use burn::tensor::{Tensor, TensorData};
use pix2pix_runtime::network::unet::LEAK;
use rand::RngExt;

use crate::backend::device::constant;
use crate::network::norm::norm_and_activate_tangent;
use crate::network::patch_gan::PatchGan;
use crate::train::diff_augment::Draws;
use crate::train::objective::{Gan, ObjectiveConfig};

/// Weight of the WGAN-GP penalty.
const WEIGHT: f64 = 10.0;

/// The objective's penalty for a real and a generated batch, if it has one.
pub(crate) fn of(
    objective: &ObjectiveConfig,
    discriminator: &PatchGan,
    [source, image]: [Tensor<4>; 2],
    [fake_source, fake_image]: [Tensor<4>; 2],
    draws: &mut Draws,
) -> Option<Tensor<1>> {
    if objective.gan == Gan::WassersteinPenalty {
        let share = shares(&image, draws);
        let between = |real: Tensor<4>, fake: Tensor<4>| {
            real * share.clone() + fake * (share.clone().neg() + 1.0)
        };
        let (source, image) = (between(source, fake_source), between(image, fake_image));
        return Some(wgan_gp(discriminator, source, image));
    }
    let gamma = objective.r1;
    (gamma > 0.0).then(|| r1(discriminator, source, image, gamma))
}

/// How much of each pair is the real one, 0 to 1, `[batch, 1, 1, 1]` (epsilon in algorithm 1 of WGAN-GP).
fn shares(like: &Tensor<4>, draws: &mut Draws) -> Tensor<4> {
    let batch = like.dims()[0];
    let shares = draws.each(batch, |rng| rng.random_range(0.0..1.0f32));
    Tensor::from_data(TensorData::new(shares, [batch, 1, 1, 1]), &like.device())
}

/// A loss, `[1]`, whose gradient by the discriminator's weights is that of `gamma / 2 E |dD/dimage|^2`; `image`
/// is real.
pub fn r1(discriminator: &PatchGan, source: Tensor<4>, image: Tensor<4>, gamma: f64) -> Tensor<1> {
    of_each(
        discriminator,
        [source, image],
        |network, [source, image]| {
            let slope = Value::Sum.slope(network, &source, &image);
            Value::Sum.along(network, [source, image], slope).mean() * gamma
        },
    )
}

/// A loss, `[1]`, whose gradient by the discriminator's weights is that of `10 E (|dD/dimage| - 1)^2`; `image` is
/// interpolated between a real and a generated one.
pub fn wgan_gp(discriminator: &PatchGan, source: Tensor<4>, image: Tensor<4>) -> Tensor<1> {
    of_each(
        discriminator,
        [source, image],
        |network, [source, image]| {
            let slope = Value::Mean.slope(network, &source, &image);
            let length = slope.clone().square().sum_dims(&[1, 2, 3]).sqrt(); // [batch, 1, 1, 1]
            let direction = slope / (length.clone() + 1e-12) * (length - 1.0);
            Value::Mean
                .along(network, [source, image], direction)
                .mean()
                * (2.0 * WEIGHT)
        },
    )
}

/// The sum of the penalties of all discriminators.
fn of_each(
    discriminator: &PatchGan,
    pair: [Tensor<4>; 2],
    penalty: impl Fn(&PatchGan, [Tensor<4>; 2]) -> Tensor<1>,
) -> Tensor<1> {
    let scales = discriminator.scales(pair).into_iter();
    let penalties = scales.map(|(network, pair)| penalty(network, pair));
    let sum = penalties.reduce(|sum, penalty| sum + penalty);
    sum.expect("there is a discriminator")
}

/// How the patch map of a picture becomes one value.
#[derive(Clone, Copy)]
enum Value {
    Sum,
    Mean,
}

impl Value {
    /// The value of each picture's map, `[batch]`.
    fn of(self, map: Tensor<4>) -> Tensor<1> {
        let batch = map.dims()[0];
        let value = match self {
            Self::Sum => map.sum_dims(&[1, 2, 3]),
            Self::Mean => map.mean_dims(&[1, 2, 3]),
        };
        value.reshape([batch])
    }

    /// The gradient by the image, a constant of its shape. With batch normalization, it is that of the values of all pictures
    /// together.
    fn slope(self, discriminator: &PatchGan, source: &Tensor<4>, image: &Tensor<4>) -> Tensor<4> {
        let leaf = image.clone().detach().require_grad();
        let frozen = discriminator.clone().no_grad();
        let map = frozen.forward(source.clone(), leaf.clone());
        let gradients = self.of(map).sum().backward();
        let gradient = leaf.grad(&gradients).expect("the image is tracked");
        constant(gradient, &source.device())
    }

    /// The directional derivative along a direction of the image, `[batch]`.
    fn along(
        self,
        discriminator: &PatchGan,
        [source, image]: [Tensor<4>; 2],
        direction: Tensor<4>,
    ) -> Tensor<1> {
        let still = source.zeros_like();
        let mut x = Tensor::cat(vec![source, image.detach()], 1);
        let mut tangent = Tensor::cat(vec![still, direction], 1);
        for block in &discriminator.blocks {
            let pair = block.conv.forward_tangent(x, tangent);
            [x, tangent] = norm_and_activate_tangent(&block.norm, pair, LEAK);
        }
        let [_, tangent] = discriminator.output.forward_tangent(x, tangent);
        self.of(tangent)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::parallel::Shard;

    /// Each pair of a batch has a share of its own, which does not depend on the number of processes.
    #[test]
    fn each_pair_has_a_share_of_its_own() {
        let drawn = |rank, ranks| -> Vec<f32> {
            let batch = Tensor::<4>::zeros([4 / ranks, 1, 1, 1], &Device::flex());
            let mut draws = Draws {
                rng: ChaCha8Rng::seed_from_u64(1),
                shard: Shard { rank, ranks },
            };
            let shares = shares(&batch, &mut draws).into_data();
            shares.try_into_vec().unwrap()
        };
        let all = drawn(0, 1);
        for (index, share) in all.iter().enumerate() {
            assert!((0.0..1.0).contains(share) && !all[..index].contains(share));
        }
        assert_eq!([drawn(0, 2), drawn(1, 2)].concat(), all);
    }
}
