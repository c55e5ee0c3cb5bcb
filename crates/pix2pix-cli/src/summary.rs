//! `pix2pix summary`.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use clap::builder::{EnumValueParser, PossibleValue, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Arg, Command, ValueEnum};
use pix2pix::device::{DeviceName, Precision};
use pix2pix::model::{self, Checkpoint};
use pix2pix::network::{Init, LayerGraph, WeightInit, summary};
use pix2pix::train::Composite;
use pix2pix::{Error, RunConfig};

use crate::beyond_args::Preset;
use crate::failure::{Failure, print};
use crate::flags;
use crate::network_args::NetworkArgs;
use crate::paths::word;
use crate::program::program;

/// Options of `pix2pix summary`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    described: Described,
}

/// Options for the network to describe and the shape of its input.
#[derive(clap::Args)]
pub struct Described {
    /// Network to describe
    #[arg(value_parser = NetworkParser)]
    network: Network,
    /// Run folder (uses its newest checkpoint) or checkpoint file whose network to describe [default: the network that the
    /// options describe]
    #[arg(conflicts_with_all = [
        "in_channels", "out_channels", "discriminator", "patch", "discriminators", "filters", "generator", "upsample", "input_skip",
        "spectral_norm", "depth", "dropout", "norm", "bias_before_norm", "preset",
    ])]
    model: Option<PathBuf>,
    /// Side of the pictures in pixels [default: the model's; without one, 256]
    #[arg(long, value_name = "PIXELS")]
    size: Option<usize>,
    /// Number of channels of the source
    #[arg(long, default_value_t = 3, value_name = "N")]
    in_channels: usize,
    /// Number of channels of the target
    #[arg(long, default_value_t = 3, value_name = "N")]
    out_channels: usize,
    /// Defaults of the networks, as in training
    #[arg(long, value_enum, default_value_t = Preset::Paper)]
    preset: Preset,
    #[command(flatten)]
    networks: NetworkArgs,
}

/// The networks that can be described.
#[derive(Clone, Copy, ValueEnum)]
enum Network {
    /// The generator (see --generator)
    Generator,
    /// The PatchGAN discriminator
    Discriminator,
    /// The generator followed by the frozen discriminator, as for a generator step
    Composite,
}

/// Parses a network. Whoever gives a model alone is told what to type.
#[derive(Clone)]
struct NetworkParser;

impl TypedValueParser for NetworkParser {
    type Value = Network;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Network, clap::Error> {
        let known = EnumValueParser::<Network>::new();
        known.parse_ref(command, argument, value).map_err(|error| {
            if !Path::new(value).exists() {
                return error;
            }
            let (program, command_name) = (program(), command.get_name());
            let model = word(Path::new(value));
            command.clone().error(
                ErrorKind::InvalidValue,
                format!("name the network first: {program} {command_name} generator {model}"),
            )
        })
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let names = Network::value_variants().iter();
        Some(Box::new(names.filter_map(ValueEnum::to_possible_value)))
    }
}

impl Described {
    /// Builds the network and returns its layer graph.
    ///
    /// # Errors
    /// If there is no such model, or the size does not fit the network.
    pub fn graph(&self) -> Result<LayerGraph, Failure> {
        let model = self.model.as_ref();
        let model = model.map(|model| trained(model, !matches!(self.network, Network::Generator)));
        let model = model.transpose()?;
        let (sides, channels) = match &model {
            Some(model) => (model.size().sides(), model.generator.channels()),
            None => ([256; 2], [self.in_channels, self.out_channels]),
        };
        let sides = self.size.map_or(sides, |side| [side; 2]);
        let [width, height] = sides;
        let refused = |error| refused_size(error, self.model.as_deref(), self.size);
        let device = DeviceName::Cpu.open(Precision::F32)?;
        let generator = || {
            let config = match &model {
                Some(model) => model.generator.clone(),
                None => self.networks.generator(sides, channels, self.preset)?,
            };
            config.check_size(height, width).map_err(refused)?;
            Ok::<_, Failure>(config.init_with(&mut WeightInit::blank(), &device)?)
        };
        let discriminator = || {
            let config = match &model {
                Some(model) => model.discriminator.clone(),
                None => self.networks.discriminator(channels),
            };
            config.validate()?;
            config.check_size(height, width).map_err(refused)?;
            Ok::<_, Failure>(config.init_with(&mut WeightInit::blank(), &device)?)
        };
        let [source, target] = channels.map(|channels| [channels, height, width]);
        Ok(match self.network {
            Network::Generator => generator()?.layers(source),
            Network::Discriminator => discriminator()?.layers(source, target),
            Network::Composite => {
                Composite::new(&generator()?, &discriminator()?).layers(source, target)
            }
        })
    }
}

/// The failure of a network that does not accept a size: `asked`, or its model's own, which its file then contradicts.
pub fn refused_size(refused: Error, model: Option<&Path>, asked: Option<usize>) -> Failure {
    match (model, asked) {
        (Some(model), None) => {
            // its fields are the file's, and no options
            let reason = refused.to_string().replace('`', "");
            Error::file(model, reason, "give the size with --size").into()
        }
        _ => other_size(refused),
    }
}

/// The failure of a network that does not accept a size, with the option that gives another.
pub fn other_size(refused: Error) -> Failure {
    // that of pictures takes the place of that of crops
    let reason = flags::named(&refused.to_string()).replace("--crop-size", "--size");
    Failure::Usage(match reason.contains("--size") {
        true => reason,
        false => format!("{reason}; give another --size"),
    })
}

/// The configuration of a trained model, which must have a discriminator if `judged`.
pub fn trained(model: &Path, judged: bool) -> Result<RunConfig, Failure> {
    let path = model::find(model)?;
    let checkpoint = Checkpoint::load(&path)?;
    if judged && checkpoint.discriminator_tensors().is_empty() {
        let remedy = "choose another model, or the generator";
        return Err(Error::file(&path, "it has no discriminator", remedy).into());
    }
    Ok(checkpoint.config)
}

/// The table.
pub fn text(args: &Args) -> Result<String, Failure> {
    Ok(summary::table(&args.described.graph()?))
}

/// Prints the table.
pub fn run(args: Args) -> Result<(), Failure> {
    print(&text(&args)?)
}
