//! The objective (paper, section 3.1, equations 1 to 4): a conditional adversarial loss plus lambda
//! times L1. The discriminator's loss is halved (section 3.3).

use burn::tensor::{Device, Tensor};
use pix2pix_kernels::{Curve, Loss};
use serde::{Deserialize, Serialize};

use crate::backend::loss::{mean_distance, mean_loss};
use crate::choice::choices;
use crate::data::path_text::path_of;
use crate::error::{Error, Result, within};
use crate::network::patch_gan::{Features, Maps};
use crate::quality::lpips::Lpips;
use crate::train::diff_augment::DiffAugment;
use crate::train::feature_matching;
use crate::train::l1_pyramid::L1Pyramid;

/// The adversarial loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Gan {
    /// Binary cross-entropy of logits (paper, equation 1), with the non-saturating loss for the generator (Goodfellow
    /// et al. 2014).
    #[default]
    #[serde(rename = "bce")]
    Bce,
    /// Least squares to 1 for real and 0 for generated (Mao et al. 2017, equation 9).
    #[serde(rename = "lsgan")]
    LeastSquares,
    /// Hinge (Lim and Ye 2017; Miyato et al. 2018, equations 16 and 17).
    #[serde(rename = "hinge")]
    Hinge,
    /// Wasserstein, with a gradient penalty (Gulrajani et al. 2017).
    #[serde(rename = "wgan-gp")]
    WassersteinPenalty,
}

choices!(Gan, "adversarial loss",
    Bce: "bce", "Binary cross-entropy, as in the paper";
    LeastSquares: "lsgan", "Least squares (Mao et al. 2017)";
    Hinge: "hinge", "Hinge (Miyato et al. 2018)";
    WassersteinPenalty: "wgan-gp", "Wasserstein, with a gradient penalty (Gulrajani et al. 2017)";
);

impl Gan {
    /// The discriminator's loss on real or on generated pairs: the mean over all cells of the map, `[1]`.
    pub fn discriminator(self, map: Tensor<4>, real: bool) -> Tensor<1> {
        // -log sigmoid(x) for real, -log(1 - sigmoid(x)) for fake
        let sign = if real { -1.0 } else { 1.0 };
        let (curve, sign, offset) = match self {
            Self::Bce => (Curve::Softplus, sign, 0.0),
            Self::LeastSquares => (Curve::Square, 1.0, if real { -1.0 } else { 0.0 }),
            Self::Hinge => (Curve::Positive, sign, 1.0),
            Self::WassersteinPenalty => (Curve::Linear, sign, 0.0),
        };
        mean_loss(
            map,
            Loss {
                curve,
                sign,
                offset,
            },
        )
    }

    /// The value of a map that is no decision: more is real, less is generated.
    fn undecided(self) -> f64 {
        match self {
            Self::LeastSquares => 0.5,
            Self::Bce | Self::Hinge | Self::WassersteinPenalty => 0.0,
        }
    }

    /// The mean sign of the decisions of maps, `[1]`: -1 if all of them say "generated", 1 if all say "real".
    pub fn mean_sign(self, Maps(maps): &Maps) -> Tensor<1> {
        let signs = maps
            .iter()
            .map(|map| (map.clone().detach() - self.undecided()).sign().mean());
        let sum = signs.reduce(|sum, sign| sum + sign);
        sum.expect("a discriminator has a map") / maps.len() as f64
    }

    /// The generator's loss: on the map of its own pictures, the mean over all cells, `[1]`.
    pub fn generator(self, map: Tensor<4>) -> Tensor<1> {
        match self {
            Self::Bce | Self::LeastSquares => self.discriminator(map, true),
            // as the Wasserstein discriminator's on real pairs
            Self::Hinge | Self::WassersteinPenalty => {
                Self::WassersteinPenalty.discriminator(map, true)
            }
        }
    }
}

/// A loss of each map: the sum of all, which is trained on (Wang et al. 2018, equation 3; Schönfeld et al. 2020, equation 3),
/// and the mean, which can be compared with that of one. `[1]` each.
fn of_each(Maps(maps): Maps, loss: impl Fn(Tensor<4>) -> Tensor<1>) -> [Tensor<1>; 2] {
    let count = maps.len();
    let sum = maps.into_iter().map(loss).reduce(|sum, loss| sum + loss);
    let sum = sum.expect("a discriminator has a map");
    match count {
        1 => [sum.clone(), sum],
        count => [sum.clone(), sum / count as f64],
    }
}

/// The terms of the objective and their weights (equation 4), and the changes to the discriminator's inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)] // files of earlier versions lack the newest fields
pub struct ObjectiveConfig {
    /// The adversarial loss.
    pub gan: Gan,
    /// Weight of L1 against the adversarial loss. Paper: 100. Run files store it in the optimizer's table.
    #[serde(skip)]
    pub lambda: f64,
    /// Number of coarser scales at which L1 is measured too, for pairs that are not aligned to the pixel (Liu et al. 2022): the
    /// mean over all scales takes the place of L1 in the total. 0 for none, at most 8.
    pub l1_pyramid: usize,
    /// Weight of feature matching: of four times the mean distance of the discriminator's features of generated and of real pairs;
    /// 0 for none. The authors use 10.
    pub feature_matching: f64,
    /// Weight gamma of the R1 penalty on the gradient of the sum of the discriminator's map at real pairs; 0 for none.
    pub r1: f64,
    /// Differentiable augmentation of the discriminator's inputs.
    pub diff_augment: Vec<DiffAugment>,
    /// The mean sign of the discriminator's decisions on real pairs that the probability of each augmentation aims at, 0 to
    /// 0.99 (Karras et al. 2020: 0.6); 0 to augment always.
    pub augment_target: f64,
    /// Number of pairs in which that probability can go from 0 to 1. Karras et al.: 500,000.
    pub augment_pairs: u64,
    /// Number of generated pictures kept to show the discriminator again; 0 for none.
    pub pool: usize,
    /// Weight of LPIPS against the adversarial loss; 0 for none.
    pub perceptual: f64,
    /// Path of the safetensors file of LPIPS's weights; empty if `perceptual` is 0.
    pub perceptual_weights: String,
}

impl Default for ObjectiveConfig {
    fn default() -> Self {
        Self {
            gan: Gan::Bce,
            lambda: 100.0,
            l1_pyramid: 0,
            feature_matching: 0.0,
            r1: 0.0,
            diff_augment: Vec::new(),
            augment_target: 0.0,
            augment_pairs: 5000,
            pool: 0,
            perceptual: 0.0,
            perceptual_weights: String::new(),
        }
    }
}

impl ObjectiveConfig {
    /// Checks the configuration.
    ///
    /// # Errors
    /// Names the value that is out of range and the range.
    pub fn validate(&self) -> Result<()> {
        within("lambda", self.lambda, 0.0..=1e6)?;
        within("l1_pyramid", self.l1_pyramid, 0..=8)?;
        if self.l1_pyramid > 0 && self.lambda == 0.0 {
            let reason = "`l1_pyramid` needs a weight of L1: `lambda` is 0";
            return Err(Error::Config(reason.to_string()));
        }
        within("feature_matching", self.feature_matching, 0.0..=1e6)?;
        within("r1", self.r1, 0.0..=1e6)?;
        within("augment_target", self.augment_target, 0.0..=0.99)?;
        within("augment_pairs", self.augment_pairs, 1..=1_000_000_000)?;
        if self.augment_target > 0.0 && self.diff_augment.is_empty() {
            let reason = "`augment_target` needs augmentations; choose them with `diff_augment`";
            return Err(Error::Config(reason.to_string()));
        }
        if self.augment_target > 0.0 && self.gan == Gan::WassersteinPenalty {
            let reason = "`augment_target` reads whether decisions are right, and `gan` wgan-gp decides nothing; choose another \
                          `gan`";
            return Err(Error::Config(reason.to_string()));
        }
        within("perceptual", self.perceptual, 0.0..=1e6)?;
        if self.perceptual > 0.0 && self.perceptual_weights.is_empty() {
            let reason = "`perceptual` needs the file of LPIPS's weights, which `pix2pix download lpips-alex` gets; give it \
                          with `perceptual_weights`";
            return Err(Error::Config(reason.to_string()));
        }
        if self.pool > 10_000 {
            let reason = format!(
                "is {}; it must be at most 10000 pictures, which stay in memory",
                self.pool
            );
            return Err(Error::field("pool", reason));
        }
        Ok(())
    }
}

/// The objective, ready to be computed.
#[derive(Default)]
pub struct Objective {
    config: ObjectiveConfig,
    l1_pyramid: Option<L1Pyramid>,
    lpips: Option<Lpips>,
}

/// The discriminator's losses, each `[1]`.
pub struct DiscriminatorLoss {
    /// Half the sum of the losses on real and on generated pairs, so that the discriminator learns half as fast (section
    /// 3.3). Those of several maps are summed. A penalty is not in it.
    pub total: Tensor<1>,
    /// On real pairs. Of several maps, the mean.
    pub real: Tensor<1>,
    /// On generated pairs. Of several maps, the mean.
    pub fake: Tensor<1>,
}

/// The generator's losses through the frozen discriminator, each `[1]`.
pub struct CompositeLoss {
    /// The generator's total loss: `adversarial + lambda * l1` (equation 4), plus LPIPS and feature matching times their
    /// weights. With coarser scales of L1, the mean over the scales takes the place of `l1`; the adversarial losses of several
    /// maps are summed.
    pub total: Tensor<1>,
    /// Adversarial loss: small if the discriminator takes the image for real. Of several maps, the mean.
    pub adversarial: Tensor<1>,
    /// Mean absolute difference to the target, in units of [-1, 1] (equation 3).
    pub l1: Tensor<1>,
}

impl Objective {
    /// Prepares the objective of a configuration, for networks on `device`.
    ///
    /// # Errors
    /// When LPIPS has a weight and its own weights cannot be read.
    pub fn new(config: ObjectiveConfig, device: &Device) -> Result<Self> {
        let lpips = match config.perceptual > 0.0 {
            true => Some(Lpips::load(&path_of(&config.perceptual_weights), device)?),
            false => None,
        };
        let l1_pyramid = (config.l1_pyramid > 0).then(|| L1Pyramid::new(config.l1_pyramid));
        Ok(Self {
            config,
            l1_pyramid,
            lpips,
        })
    }

    /// Its configuration.
    pub fn config(&self) -> &ObjectiveConfig {
        &self.config
    }

    /// The discriminator's losses from its map or its maps of real and of generated pairs, each
    /// `[batch, 1, map height, map width]`.
    pub fn discriminator(&self, real: impl Into<Maps>, fake: impl Into<Maps>) -> DiscriminatorLoss {
        let gan = self.config.gan;
        let [all_real, real] = of_each(real.into(), |map| gan.discriminator(map, true));
        let [all_fake, fake] = of_each(fake.into(), |map| gan.discriminator(map, false));
        DiscriminatorLoss {
            total: (all_real + all_fake) * 0.5,
            real,
            fake,
        }
    }

    /// The generator's losses. `maps` are the discriminator's of the generated `image`, or one map; `image` and `target` are
    /// `[batch, channels, height, width]` in [-1, 1]. `features` are the discriminator's of the generated and of the real pairs;
    /// without them, feature matching is left out.
    pub fn generator(
        &self,
        maps: impl Into<Maps>,
        image: Tensor<4>,
        target: Tensor<4>,
        features: Option<[Features; 2]>,
    ) -> CompositeLoss {
        let gan = self.config.gan;
        let [all, adversarial] = of_each(maps.into(), |map| gan.generator(map));
        let l1 = mean_distance(image.clone(), target.clone());
        let near = match &self.l1_pyramid {
            None => l1.clone(),
            Some(pyramid) => pyramid.mean(l1.clone(), image.clone() - target.clone()),
        };
        let mut total = all + near * self.config.lambda;
        if let Some(lpips) = &self.lpips {
            total = total + lpips.distance(image, target).mean() * self.config.perceptual;
        }
        if let Some([generated, real]) = features {
            let distance = feature_matching::distance(generated, real);
            total = total + distance * self.config.feature_matching;
        }
        CompositeLoss {
            total,
            adversarial,
            l1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A map with the cells 2, -0.5 and 0, computed by hand.
    #[test]
    fn losses_by_hand() {
        let map = || Tensor::<4>::from_data([[[[2.0, -0.5, 0.0]]]], &Device::flex());
        let of = |gan: Gan| {
            let losses = [
                gan.discriminator(map(), true),
                gan.discriminator(map(), false),
                gan.generator(map()),
            ];
            losses.map(|loss| loss.into_scalar::<f32>())
        };
        let softplus = |x: f32| (1.0 + x.exp()).ln();
        let real = (softplus(-2.0) + softplus(0.5) + softplus(0.0)) / 3.0;
        let fake = (softplus(2.0) + softplus(-0.5) + softplus(0.0)) / 3.0;
        for (gan, expected) in [
            (Gan::Bce, [real, fake, real]),
            (Gan::LeastSquares, [4.25 / 3.0, 4.25 / 3.0, 4.25 / 3.0]),
            (Gan::Hinge, [2.5 / 3.0, 4.5 / 3.0, -0.5]),
            (Gan::WassersteinPenalty, [-0.5, 0.5, -0.5]),
        ] {
            for (found, expected) in of(gan).into_iter().zip(expected) {
                assert!(
                    (found - expected).abs() < 1e-6,
                    "{gan:?}: {found} instead of {expected}"
                );
            }
        }
    }

    /// Maps of 3 and 2, pictures that are 0.5 apart, and features that are 0.25 apart.
    #[test]
    fn the_total_has_each_term_times_its_weight() {
        let constant = |value: f32| Tensor::<4>::full([1, 1, 2, 2], value, &Device::flex());
        let config = ObjectiveConfig {
            gan: Gan::LeastSquares,
            lambda: 2.0,
            feature_matching: 10.0,
            ..ObjectiveConfig::default()
        };
        let objective = Objective::new(config, &Device::flex()).unwrap();
        let losses = |features| {
            let maps = Maps(vec![constant(3.0), constant(2.0)]);
            let found = objective.generator(maps, constant(0.5), constant(0.0), features);
            [found.total, found.adversarial, found.l1].map(|loss| loss.into_scalar::<f32>())
        };
        let features = [0.25, 0.0].map(|value| vec![vec![constant(value)]]);
        // the sum of both maps is trained on, their mean is told
        let (adversarial, l1, matching) = (4.0 + 1.0, 2.0 * 0.5, 10.0 * 4.0 * 0.25);
        for (features, expected) in [
            (None, adversarial + l1),
            (Some(features), adversarial + l1 + matching),
        ] {
            assert_eq!(losses(features), [expected, 2.5, 0.5]);
        }
    }
}
