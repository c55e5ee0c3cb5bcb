//! The choice between a run's newest and its best checkpoint, shared by all commands that take a model.

use std::path::{Path, PathBuf};

use clap::Args;
use pix2pix::{Error, model};

/// Which checkpoint of a run folder to use.
#[derive(Args)]
pub struct BestArgs {
    /// Use the run's best checkpoint (`train --keep-best`) [default: its newest]
    #[arg(long)]
    pub best: bool,
}

impl BestArgs {
    /// The checkpoint of a model.
    ///
    /// # Errors
    /// When there is none.
    pub fn find(&self, model: &Path) -> Result<PathBuf, Error> {
        match self.best {
            true => model::find_best(model),
            false => model::find(model),
        }
    }
}
