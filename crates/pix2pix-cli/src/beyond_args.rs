//! Options of training that go beyond the paper.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use pix2pix::network::Upsample;
use pix2pix::train::{DiffAugment, Gan, ObjectiveConfig, Schedule};

/// What stays of the average with `--preset best`.
const BEST_EMA: f64 = 0.998;

/// The options. What is measured of them stands in docs/quality.md.
#[derive(Args)]
#[command(next_help_heading = "Beyond the paper")]
pub struct BeyondArgs {
    /// Which defaults hold: the paper's, or the best that we know of
    #[arg(long, value_enum, default_value_t = Preset::Paper)]
    preset: Preset,
    /// How the learning rate changes
    #[arg(long, value_enum, default_value_t = ScheduleName::Constant)]
    lr_schedule: ScheduleName,
    /// Average the generator's weights, keeping this share of the average at each step, and translate with
    /// the average (Yazici et al. 2019); 0 for none [default: 0; best: 0.998]
    #[arg(long, value_name = "DECAY")]
    ema: Option<f64>,
    /// Adversarial loss: bce, lsgan (Mao et al. 2017), hinge (Miyato et al. 2018) or wgan-gp (Gulrajani et
    /// al. 2017)
    #[arg(long, default_value = "bce")]
    gan: Gan,
    /// Weight of the penalty on the discriminator's gradient at real pairs (Mescheder et al. 2018); 0 for
    /// none
    #[arg(long, default_value_t = 0.0, value_name = "GAMMA")]
    r1: f64,
    /// Augment what the discriminator sees, for small data: color, translation, cutout, or several with
    /// commas (Zhao et al. 2020) [default: none]
    #[arg(long, value_delimiter = ',', value_name = "KINDS")]
    diff_augment: Vec<DiffAugment>,
    /// Generated pictures that are kept and shown to the discriminator again (Shrivastava et al. 2017)
    #[arg(long, default_value_t = 0, value_name = "N")]
    pool: usize,
    /// Batches whose gradients are averaged for a step: the memory of one batch, the step of many
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub accumulate: usize,
    /// Weight of LPIPS against the adversarial loss (Johnson et al. 2016; Zhang et al. 2018); 0 for none
    #[arg(
        long,
        default_value_t = 0.0,
        value_name = "WEIGHT",
        requires = "perceptual_weights"
    )]
    perceptual: f64,
    /// LPIPS's weights: see `pix2pix download lpips-alex` [default: none]
    #[arg(long, value_name = "FILE")]
    perceptual_weights: Option<PathBuf>,
}

/// A set of defaults.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Preset {
    /// Everything as in the paper
    Paper,
    /// Averaged weights and resize-convolutions: better pictures in the same time (docs/quality.md)
    Best,
}

/// A schedule's name.
#[derive(Clone, Copy, ValueEnum)]
enum ScheduleName {
    /// The same throughout, as in the paper
    Constant,
    /// The same for the first half, then straight down to 0 (Zhu et al. 2017)
    Linear,
    /// Down to 0 along half a cosine (Loshchilov and Hutter 2017)
    Cosine,
}

impl BeyondArgs {
    /// How the learning rate changes.
    pub fn schedule(&self) -> Schedule {
        match self.lr_schedule {
            ScheduleName::Constant => Schedule::Constant,
            ScheduleName::Linear => Schedule::Linear,
            ScheduleName::Cosine => Schedule::Cosine,
        }
    }

    /// How the preset's decoder doubles a picture.
    pub fn upsample(&self) -> Upsample {
        match self.preset {
            Preset::Paper => Upsample::Transposed,
            Preset::Best => Upsample::Resize,
        }
    }

    /// What stays of the averaged weights at each step.
    pub fn ema(&self) -> f64 {
        self.ema.unwrap_or(match self.preset {
            Preset::Paper => 0.0,
            Preset::Best => BEST_EMA,
        })
    }

    /// The losses.
    pub fn objective(&self, lambda: f64) -> ObjectiveConfig {
        // a run may be gone on with from another folder
        let weights = self.perceptual_weights.as_ref().map(|path| {
            let absolute = std::path::absolute(path);
            absolute
                .unwrap_or_else(|_| path.clone())
                .display()
                .to_string()
        });
        ObjectiveConfig {
            gan: self.gan,
            lambda,
            r1: self.r1,
            diff_augment: self.diff_augment.clone(),
            pool: self.pool,
            perceptual: self.perceptual,
            perceptual_weights: weights.unwrap_or_default(),
        }
    }
}
