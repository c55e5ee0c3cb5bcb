//! Training options that go beyond the paper.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use pix2pix::data::picture::MAX_SIDE;
use pix2pix::data::{JitterConfig, ResizePolicy, Size};
use pix2pix::network::Upsample;
use pix2pix::train::{DiffAugment, Gan, ObjectiveConfig, Schedule};

use crate::choice::choice;
use crate::failure::Failure;
use crate::paths::stored;
use crate::typed::is_given;

/// Decay of the moving average of weights with `--time`, for the preset that has none.
const TIMED_EMA: f64 = 0.998;

/// Options beyond the paper; docs/quality.md has measurements of their effect.
#[derive(Args)]
pub struct BeyondArgs {
    /// Set of defaults: the paper's, or our recommended ones
    #[arg(long, value_enum, default_value_t = Preset::Paper)]
    pub preset: Preset,
    /// Learning-rate schedule; plateau needs held-out pairs; with --time, the default is linear
    #[arg(long, value_parser = choice::<Schedule>(), default_value_t = Schedule::Constant)]
    pub lr_schedule: Schedule,
    /// Epochs of the schedule's decay: with linear, the last ones, over which the rate falls to 0; with step, those after
    /// which the rate is divided by ten [default: linear: half of all; step: a quarter]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    decay_epochs: Option<u64>,
    /// Decay of an exponential moving average of the generator's weights, which is used to translate (Yazici
    /// et al. 2019); 0 for none [default: 0; with --time 0.998; with --preset best 0.997]
    #[arg(long, value_name = "DECAY")]
    ema: Option<f64>,
    /// Adversarial loss
    #[arg(long, value_parser = choice::<Gan>(), default_value_t = Gan::Bce)]
    gan: Gan,
    /// Number of coarser scales at which L1 is measured too, each half of the one before, for pairs that are not aligned to the
    /// pixel: L1 becomes the mean over all scales (Liu et al. 2022, who use 3); 0 for none
    #[arg(long, default_value_t = 0, value_name = "LEVELS")]
    l1_pyramid: usize,
    /// Weight of feature matching: 4 times WEIGHT times the mean L1 between what the blocks of the discriminator make of the
    /// output and of the target (Wang et al. 2018, who use 10), besides L1 of the pictures; 0 for none
    #[arg(long, default_value_t = 0.0, value_name = "WEIGHT")]
    feature_matching: f64,
    /// Weight of the R1 penalty on the discriminator's gradient at real pairs (Mescheder et al. 2018), for another --gan than
    /// wgan-gp; 0 for none
    #[arg(long, default_value_t = 0.0, value_name = "GAMMA")]
    r1: f64,
    /// Augmentations of the discriminator's inputs, for small data sets: color, translation and cutout,
    /// separated by commas (Zhao et al. 2020) [default: none]
    #[arg(long, value_delimiter = ',', value_name = "KINDS")]
    diff_augment: Vec<DiffAugment>,
    /// Adaptive augmentation: apply each kind of --diff-augment with a probability that rises while the discriminator is too
    /// sure of training pairs. TARGET is the mean sign of its decisions on them to aim at (Karras et al. 2020, who use 0.6); 0
    /// to augment always
    #[arg(long, default_value_t = 0.0, value_name = "TARGET")]
    augment_target: f64,
    /// Number of pairs in which that probability can rise from 0 to 1 (Karras et al. use 500000, for 25 million
    /// pictures)
    #[arg(
        long,
        default_value_t = 5000,
        value_name = "N",
        requires = "augment_target"
    )]
    augment_pairs: u64,
    /// Number of earlier generated pictures to keep and show the discriminator again (Shrivastava et al. 2017)
    #[arg(long, default_value_t = 0, value_name = "N")]
    pool: usize,
    /// Batches per step: their gradients are averaged, and memory use stays that of one batch
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub accumulate: usize,
    /// Weight of LPIPS relative to the adversarial loss (Johnson et al. 2016; Zhang et al. 2018); 0 for none
    #[arg(long, default_value_t = 0.0, value_name = "WEIGHT")]
    perceptual: f64,
    /// File of LPIPS's weights, for --perceptual and --keep-best lpips; `pix2pix download lpips-alex` gets it [default: none]
    #[arg(long, value_name = "FILE")]
    perceptual_weights: Option<PathBuf>,
}

/// A set of defaults.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum Preset {
    /// The paper's settings
    Paper,
    /// Averaged weights, bilinear upsampling, a skip from the source to the last layer, and parts of pictures at different
    /// scales: better pictures in the same training time (docs/quality.md)
    Best,
}

impl Preset {
    /// Upsampling in the decoder.
    pub fn upsample(self) -> Upsample {
        match self {
            Self::Paper => Upsample::Transposed,
            Self::Best => Upsample::Bilinear,
        }
    }

    /// Whether the source itself is joined to the U-Net's last layer.
    pub fn input_skip(self) -> bool {
        self == Self::Best
    }

    /// Decay of the moving average of weights, 0 for none.
    pub fn ema(self) -> f64 {
        match self {
            Self::Paper => 0.0,
            Self::Best => 0.997,
        }
    }

    /// How pictures are brought to the input size of the networks.
    pub fn resize(self) -> ResizePolicy {
        match self {
            Self::Paper => ResizePolicy::ScaleAndCrop,
            Self::Best => ResizePolicy::RandomResizedCrop,
        }
    }

    /// The size to which pictures are resized before a crop of `crop_size`. The larger it is, the more the crops of a picture
    /// differ, and the longer the networks take to learn few pairs by heart.
    pub fn load_size(self, crop_size: Size) -> Size {
        match self {
            Self::Paper => JitterConfig::usual_load_size(crop_size),
            Self::Best => Size(crop_size.0.map(|side| (side + side / 2).min(MAX_SIDE))),
        }
    }
}

impl BeyondArgs {
    /// Changes the defaults for a run of a length of time: its rate falls to 0 at the end, and its weights are averaged.
    /// `typed` are the options on the command line.
    pub fn for_time(&mut self, typed: &[String]) {
        if !is_given(typed, "lr-schedule") {
            self.lr_schedule = Schedule::Linear;
        }
        if self.preset == Preset::Paper {
            self.ema.get_or_insert(TIMED_EMA);
        }
    }

    /// Epochs of the schedule's decay, if they are given.
    ///
    /// # Errors
    /// If the schedule has none.
    pub fn decay_epochs(&self) -> Result<Option<u64>, Failure> {
        let has_epochs = matches!(self.lr_schedule, Schedule::Linear | Schedule::Step);
        match self.decay_epochs {
            Some(_) if !has_epochs => Err(Failure::Usage(
                "--decay-epochs needs --lr-schedule linear or step".to_string(),
            )),
            epochs => Ok(epochs),
        }
    }

    /// Decay of the moving average of weights, 0 for none.
    pub fn ema(&self) -> f64 {
        self.ema.unwrap_or(self.preset.ema())
    }

    /// The training objective; `lambda` is the weight of L1.
    pub fn objective(&self, lambda: f64) -> ObjectiveConfig {
        let weights = self.perceptual_weights.as_deref().map(stored);
        ObjectiveConfig {
            gan: self.gan,
            lambda,
            l1_pyramid: self.l1_pyramid,
            feature_matching: self.feature_matching,
            r1: self.r1,
            diff_augment: self.diff_augment.clone(),
            augment_target: self.augment_target,
            augment_pairs: self.augment_pairs,
            pool: self.pool,
            perceptual: self.perceptual,
            perceptual_weights: weights.unwrap_or_default(),
        }
    }
}
