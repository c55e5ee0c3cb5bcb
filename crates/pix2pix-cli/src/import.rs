//! `pix2pix import`.

use std::path::PathBuf;

use pix2pix::generator::GeneratorConfig;
use pix2pix::import;
use pix2pix::norm::Norm;

use crate::failure::{Failure, print};

/// Shown after the options.
pub const EXAMPLES: &str = "\
Examples:
  pix2pix import latest_net_G.pth --out facades.safetensors
  pix2pix import latest_net_G.pth latest_net_D.pth --out facades.safetensors";

/// Options of `pix2pix import`.
#[derive(clap::Args)]
pub struct Args {
    /// The generator's file, and the discriminator's if there is one: .pth of the public PyTorch port
    /// (pytorch-CycleGAN-and-pix2pix), or .safetensors with its names
    #[arg(required = true, num_args = 1..=2, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The model
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Dropout rate of a U-Net, whose tensors do not tell it
    #[arg(long, default_value_t = 0.5, value_name = "RATE")]
    dropout: f64,
}

/// Imports, and says what was found.
pub fn run(args: Args) -> Result<(), Failure> {
    let (generator, discriminator) = import::roles(&args.files)?;
    let checkpoint = import::public(generator, discriminator, args.dropout)?;
    checkpoint.save(&args.out)?;
    let config = &checkpoint.config;
    let (network, filters, norm) = match &config.generator {
        GeneratorConfig::Unet(unet) => (
            format!("a U-Net of {} levels", unet.depth),
            unet.filters,
            unet.norm,
        ),
        GeneratorConfig::Resnet(resnet) => (
            format!("a ResNet of {} blocks", resnet.blocks),
            resnet.filters,
            resnet.norm,
        ),
    };
    let norm = match norm {
        Norm::Batch => "batch norm",
        Norm::Instance => "instance norm",
        Norm::Group => "group norm",
        Norm::None => "no norm",
    };
    let [from, to] = config.generator.channels();
    let judge = match discriminator {
        Some(_) => format!(
            "; a discriminator of {} patches",
            config.discriminator.patch.name()
        ),
        None => String::new(),
    };
    let out = args.out.display();
    print(&format!(
        "{network}, {filters} filters, {norm}, from {from} to {to} channels{judge}\n\
         {out} is there. Now type:\n  pix2pix translate {out} PICTURE... --out translated\n"
    ))
}
