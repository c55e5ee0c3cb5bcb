//! The options of the dropout at inference.

use clap::{Args, ValueEnum};
use pix2pix::model::TranslateOptions;

/// The options.
#[derive(Args)]
pub struct NoiseArgs {
    /// Dropout; on, as in the paper, it makes each --seed another picture
    #[arg(long, value_enum, default_value_t = Switch::On)]
    pub dropout: Switch,
    /// Seed of the dropout
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}

impl NoiseArgs {
    /// What these options say of the translation of picture number `index`.
    pub fn options(&self, index: u64) -> TranslateOptions {
        TranslateOptions {
            dropout: self.dropout == Switch::On,
            seed: self.seed,
            index,
            ..TranslateOptions::default()
        }
    }
}

/// Whether something acts.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// With
    On,
    /// Without
    Off,
}
