//! The objective (paper, section 3.1, equations 1 to 4): a conditional adversarial loss plus lambda
//! times L1. The discriminator's loss is halved (section 3.3).

use std::str::FromStr;

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::train::diff_augment::DiffAugment;

/// The adversarial loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Gan {
    /// Binary cross-entropy of logits (paper, equation 1; Goodfellow et al. 2014, the generator's in the form
    /// that does not saturate).
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

impl Gan {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Bce,
        Self::LeastSquares,
        Self::Hinge,
        Self::WassersteinPenalty,
    ];

    /// The name that the command line takes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bce => "bce",
            Self::LeastSquares => "lsgan",
            Self::Hinge => "hinge",
            Self::WassersteinPenalty => "wgan-gp",
        }
    }

    /// The discriminator's loss on real or on generated pairs: the mean over all cells of the map, `[1]`.
    pub fn discriminator(self, map: Tensor<4>, real: bool) -> Tensor<1> {
        match self {
            Self::Bce => adversarial(map, real),
            Self::LeastSquares => (map - f32::from(u8::from(real))).square().mean(),
            Self::Hinge => {
                let margin = if real { 1.0 - map } else { map + 1.0 };
                margin.clamp_min(0.0).mean()
            }
            Self::WassersteinPenalty => {
                let signed = if real { -map } else { map };
                signed.mean()
            }
        }
    }

    /// The generator's loss on the map of its own pictures, `[1]`.
    pub fn generator(self, map: Tensor<4>) -> Tensor<1> {
        match self {
            Self::Bce | Self::LeastSquares => self.discriminator(map, true),
            Self::Hinge | Self::WassersteinPenalty => -map.mean(),
        }
    }
}

impl FromStr for Gan {
    type Err = String;

    fn from_str(name: &str) -> std::result::Result<Self, String> {
        let known = Self::ALL.into_iter().find(|gan| gan.name() == name);
        known.ok_or_else(|| "use bce, lsgan, hinge or wgan-gp".to_string())
    }
}

/// What is optimized beyond the weight of L1.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)] // files of earlier versions lack the newest fields
pub struct ObjectiveConfig {
    /// The adversarial loss.
    pub gan: Gan,
    /// Weight gamma of the R1 penalty on the discriminator's gradient at real pairs; 0 for none.
    pub r1: f64,
    /// How the discriminator's inputs are augmented.
    pub diff_augment: Vec<DiffAugment>,
    /// Generated pictures that are kept to show the discriminator again; 0 for none.
    pub pool: usize,
    /// Weight of LPIPS against the adversarial loss; 0 for none.
    pub perceptual: f64,
    /// LPIPS's weights, safetensors; empty where LPIPS has no weight.
    pub perceptual_weights: String,
}

impl ObjectiveConfig {
    /// Checks the configuration.
    ///
    /// # Errors
    /// Names the value that is out of range and the range.
    pub fn validate(&self) -> Result<()> {
        for (name, value) in [("--r1", self.r1), ("--perceptual", self.perceptual)] {
            if !(0.0..=1e6).contains(&value) {
                return Err(Error::Config(format!(
                    "{name} is {value}; it must be from 0 to 1000000"
                )));
            }
        }
        if self.pool > 10_000 {
            return Err(Error::Config(format!(
                "--pool is {}; it must be at most 10000 pictures, which stay in memory",
                self.pool
            )));
        }
        Ok(())
    }
}

/// Binary cross-entropy of logits against one label for all: `-log sigmoid(x)` for real,
/// `-log(1 - sigmoid(x))` for fake; the mean over all cells, `[1]`.
///
/// Written as `max(z, 0) + log(1 + exp(-|z|))` with z = -x for real and z = x for fake, which
/// neither overflows nor loses small values.
fn adversarial(logits: Tensor<4>, real: bool) -> Tensor<1> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    /// A map of the cells 2, -0.5 and 0, by hand.
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
}
