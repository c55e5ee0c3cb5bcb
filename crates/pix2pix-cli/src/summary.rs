//! `pix2pix summary`.

use clap::ValueEnum;
use pix2pix::device::{DeviceName, Precision};
use pix2pix::network::{Init, LayerGraph, Upsample, WeightInit, summary};
use pix2pix::train::Composite;

use crate::failure::{Failure, print};
use crate::network_args::NetworkArgs;

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
    #[arg(value_enum)]
    network: Network,
    /// Side of the pictures in pixels
    #[arg(long, default_value_t = 256, value_name = "PIXELS")]
    size: usize,
    /// Number of channels of the source
    #[arg(long, default_value_t = 3, value_name = "N")]
    in_channels: usize,
    /// Number of channels of the target
    #[arg(long, default_value_t = 3, value_name = "N")]
    out_channels: usize,
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

impl Described {
    /// Builds the network and returns its layer graph.
    pub fn graph(&self) -> Result<LayerGraph, Failure> {
        let channels = [self.in_channels, self.out_channels];
        let (generator, discriminator) =
            self.networks
                .resolve([self.size; 2], channels, Upsample::Transposed)?;
        let device = DeviceName::Cpu.open(Precision::F32)?;
        let init = &mut WeightInit::blank();
        let [source, target] = channels.map(|channels| [channels, self.size, self.size]);
        Ok(match self.network {
            Network::Generator => generator.init_with(init, &device)?.layers(source),
            Network::Discriminator => discriminator
                .init_with(init, &device)?
                .layers(source, target),
            Network::Composite => {
                let generator = generator.init_with(init, &device)?;
                let discriminator = discriminator.init_with(init, &device)?;
                Composite::new(&generator, &discriminator).layers(source, target)
            }
        })
    }
}

/// Prints the table.
pub fn run(args: Args) -> Result<(), Failure> {
    print(&summary::table(&args.described.graph()?))
}
