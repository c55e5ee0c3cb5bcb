//! Everything that a training run is made of, as a run folder's `config.toml` and a checkpoint's
//! metadata hold it.

use serde::{Deserialize, Serialize};

use crate::device::DeviceName;
use crate::error::{Error, Result};
use crate::jitter::JitterConfig;
use crate::pair::Direction;
use crate::patch_gan::PatchGanConfig;
use crate::precision::Precision;
use crate::trainer::OptimizerConfig;
use crate::unet::UnetConfig;

/// A resolved training run: nothing is left to a default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunConfig {
    /// Where the pairs came from.
    pub data: String,
    /// Which half is the source.
    pub direction: Direction,
    /// Number of training steps.
    pub steps: u64,
    /// Pairs in a step. Paper: 1.
    pub batch_size: usize,
    /// Seed of weights, order, jitter and dropout.
    pub seed: u64,
    /// CPU threads; 0 for all cores.
    pub threads: usize,
    /// Device.
    pub device: DeviceName,
    /// Arithmetic.
    pub precision: Precision,
    /// Steps between two lines of metrics.
    pub log_every: u64,
    /// Steps between two contact sheets.
    pub sample_every: u64,
    /// Steps between two checkpoints.
    pub save_every: u64,
    /// Number of newest checkpoints that are kept.
    pub keep: usize,
    /// Random variations of the pairs.
    pub jitter: JitterConfig,
    /// Adam and the weight of L1.
    pub optimizer: OptimizerConfig,
    /// The generator.
    pub generator: UnetConfig,
    /// The discriminator.
    pub discriminator: PatchGanConfig,
}

impl RunConfig {
    /// Checks what can be checked before any data is read.
    ///
    /// # Errors
    /// Names the first value that cannot be, and why.
    pub fn validate(&self) -> Result<()> {
        let positive = [
            ("--steps", self.steps),
            ("--batch-size", self.batch_size as u64),
            ("--log-every", self.log_every),
            ("--sample-every", self.sample_every),
            ("--save-every", self.save_every),
            ("--keep", self.keep as u64),
        ];
        if let Some((name, _)) = positive.iter().find(|(_, value)| *value == 0) {
            return Err(Error::Config(format!("{name} is 0; it must be at least 1")));
        }
        let optimizer = &self.optimizer;
        let in_range = [
            ("--lr", optimizer.lr, 0.0..=1.0),
            ("--beta1", f64::from(optimizer.beta1), 0.0..=0.9999),
            ("--lambda", optimizer.lambda, 0.0..=1e6),
        ];
        if let Some((name, value, range)) = in_range.iter().find(|(_, v, range)| !range.contains(v))
        {
            return Err(Error::Config(format!(
                "{name} is {value}; it must be from {} to {}",
                range.start(),
                range.end()
            )));
        }
        let side = self.jitter.crop_size as usize;
        self.jitter.validate()?;
        self.generator.validate()?;
        self.generator.check_size(side, side)?;
        self.discriminator.validate()?;
        self.discriminator.check_size(side, side)
    }
}
