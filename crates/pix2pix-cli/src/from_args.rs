//! Options of `pix2pix train` for beginning from the weights of another model.

use std::path::PathBuf;

use clap::Args;
use pix2pix::network::{GeneratorConfig, PatchGanConfig};
use pix2pix::run::Beginning;
use pix2pix::train::{Freeze, FromChannels};

use crate::choice::choice;
use crate::failure::Failure;

/// Options that choose a network, and have no meaning for that of a model.
const OF_GENERATOR: [&str; 6] = [
    "filters",
    "generator",
    "upsample",
    "depth",
    "norm",
    "bias-before-norm",
];
/// Those of a discriminator.
const OF_DISCRIMINATOR: [&str; 4] = ["discriminator", "patch", "discriminators", "spectral-norm"];

/// Options for beginning from a model.
#[derive(Args)]
pub struct FromArgs {
    /// Model whose networks and weights the run begins from: a run folder, a checkpoint, a file that `pix2pix import`
    /// reads, or earth, the built-in model [default: none, random weights]
    #[arg(long, value_name = "MODEL")]
    from: Option<PathBuf>,
    /// What to do if the model of --from has other channels than the data
    #[arg(long, value_parser = choice::<FromChannels>(), default_value_t = FromChannels::Same, requires = "from")]
    from_channels: FromChannels,
    /// Part of the generator that keeps the weights of --from
    #[arg(long, value_parser = choice::<Freeze>(), default_value_t = Freeze::Nothing)]
    pub freeze: Freeze,
    /// Number of first steps in which only the discriminator learns, e.g. because --from has none
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub freeze_generator: u64,
}

impl FromArgs {
    /// Reads the model to begin from, if there is one. `typed` are the options on the command line, `dropout` is the rate
    /// if it is among them.
    ///
    /// # Errors
    /// When it cannot be read, or an option describes another network than its own.
    pub fn open(&self, typed: &[String], dropout: f64) -> Result<Option<Start>, Failure> {
        let Some(path) = &self.from else {
            return Ok(None);
        };
        let model = Beginning::open(path, self.from_channels)?;
        let refused = |options: &[&str]| {
            let other = typed.iter().find(|name| options.contains(&name.as_str()));
            other.map_or(Ok(()), |name| {
                Err(Failure::Usage(format!(
                    "--{name}: with --from, the networks are those of the model; omit it"
                )))
            })
        };
        refused(&OF_GENERATOR)?;
        if model.has_discriminator() {
            refused(&OF_DISCRIMINATOR)?;
        }
        let is_given = typed.iter().any(|name| name == "dropout");
        Ok(Some(Start {
            model,
            dropout: is_given.then_some(dropout),
        }))
    }
}

/// The model to begin from.
pub struct Start {
    /// The model.
    pub model: Beginning,
    /// Its dropout rate in this run, if that is not to be the model's.
    dropout: Option<f64>,
}

impl Start {
    /// The networks for these channels. `fresh` is the discriminator if the model has none.
    ///
    /// # Errors
    /// When the model's channels are others, and are to be the same.
    pub fn networks(
        &self,
        channels: [usize; 2],
        fresh: PatchGanConfig,
    ) -> Result<(GeneratorConfig, PatchGanConfig), Failure> {
        let generator = self.model.generator(channels)?;
        let generator = match self.dropout {
            Some(rate) => generator.with_dropout(rate),
            None => generator,
        };
        Ok((generator, self.model.discriminator(channels, fresh)))
    }
}
