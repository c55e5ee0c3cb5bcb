//! Options for dropout at inference, which is the generator's noise z (paper, sections 3.1 and 3.3).

use clap::Args;
use pix2pix::model::TranslateOptions;

use crate::switch::Switch;

/// Options for dropout at inference.
#[derive(Args)]
pub struct NoiseArgs {
    /// Dropout at inference; on, as in the paper, each --seed gives a different picture
    #[arg(long, value_enum, default_value_t = Switch::On)]
    pub dropout: Switch,
    /// Random seed of the dropout
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}

impl NoiseArgs {
    /// The options for translating a picture. The noise depends on the seed alone, so that a picture gets the same
    /// alone and among others.
    pub fn options(&self) -> TranslateOptions {
        TranslateOptions {
            dropout: self.dropout == Switch::On,
            seed: self.seed,
            ..TranslateOptions::default()
        }
    }
}
