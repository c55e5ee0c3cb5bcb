//! Options of `pix2pix train` for beginning from the weights of another model.

use std::path::PathBuf;

use clap::Args;
use pix2pix::network::{GeneratorConfig, PatchGanConfig};
use pix2pix::run::Beginning;
use pix2pix::train::{Freeze, FromChannels};

use crate::choice::choice;
use crate::failure::Failure;
use crate::network_args::{Architecture, NetworkArgs};
use crate::typed::is_given;

/// Options that choose a network, and have no meaning for that of a model.
const OF_GENERATOR: [&str; 7] = [
    "filters",
    "generator",
    "upsample",
    "input-skip",
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
    /// reads, or earth, the built-in model. With --generator hd, it can be a model of hd-coarse or another ResNet, and an
    /// enhancer is added [default: none, random weights]
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
    /// Reads the model to begin from, if there is one. `typed` are the options on the command line, and `networks` their values
    /// if they are among them.
    ///
    /// # Errors
    /// When it cannot be read, or an option describes another network than its own.
    pub fn open(&self, typed: &[String], networks: &NetworkArgs) -> Result<Option<Start>, Failure> {
        let Some(path) = &self.from else {
            return Ok(None);
        };
        let model = Beginning::open(path, self.from_channels)?;
        // the one network that is chosen beside a model: around that of the model
        let around = is_given(typed, "generator") && networks.generator == Architecture::Hd;
        let refused = |options: &[&str]| {
            let mut typed = typed.iter().filter(|name| !around || *name != "generator");
            let other = typed.find(|name| options.contains(&name.as_str()));
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
        Ok(Some(Start {
            model,
            around,
            dropout: is_given(typed, "dropout").then_some(networks.dropout),
        }))
    }
}

/// The model to begin from.
pub struct Start {
    /// The model.
    pub model: Beginning,
    /// Whether its generator becomes the coarse part of a coarse-to-fine one.
    around: bool,
    /// Its dropout rate in this run, if that is not to be the model's.
    dropout: Option<f64>,
}

impl Start {
    /// The networks for these channels. `fresh` is the discriminator if the model has none.
    ///
    /// # Errors
    /// When the model's channels are others, and are to be the same; when its generator cannot be the coarse part.
    pub fn networks(
        &self,
        channels: [usize; 2],
        fresh: PatchGanConfig,
    ) -> Result<(GeneratorConfig, PatchGanConfig), Failure> {
        let generator = match self.around {
            true => self.model.coarse_to_fine(channels)?,
            false => self.model.generator(channels)?,
        };
        let generator = match self.dropout {
            Some(rate) => generator.with_dropout(rate),
            None => generator,
        };
        Ok((generator, self.model.discriminator(channels, fresh)))
    }
}
