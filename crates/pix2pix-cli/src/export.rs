//! `pix2pix export`.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use pix2pix::checkpoint::{self, Checkpoint};
use pix2pix::export::{PublicFormat, public_tensors, write};

use crate::failure::{Failure, print};

/// Shown after the options.
pub const EXAMPLES: &str = "\
Examples:
  pix2pix export run --out latest_net_G.pth
  pix2pix export run --out latest_net_G.pth --discriminator latest_net_D.pth
  pix2pix export run --format safetensors --out latest_net_G.safetensors";

/// Options of `pix2pix export`.
#[derive(clap::Args)]
pub struct Args {
    /// Run folder (its newest checkpoint is taken) or checkpoint file
    model: PathBuf,
    /// The generator's file
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The discriminator's file [default: none]
    #[arg(long, value_name = "FILE")]
    discriminator: Option<PathBuf>,
    /// Kind of file; both have the names of the public PyTorch port (pytorch-CycleGAN-and-pix2pix)
    #[arg(long, value_enum, default_value_t = Format::Pth)]
    format: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// For torch.load
    Pth,
    /// For safetensors.torch.load_file
    Safetensors,
}

/// Exports.
pub fn run(args: Args) -> Result<(), Failure> {
    let path = checkpoint::find(&args.model)?;
    let (generator, discriminator) = public_tensors(&Checkpoint::load(&path)?, &path)?;
    let format = match args.format {
        Format::Pth => PublicFormat::Pth,
        Format::Safetensors => PublicFormat::Safetensors,
    };
    let done = |path: &Path, count: usize| print(&format!("{}: {count} tensors\n", path.display()));
    write(&generator, &args.out, format)?;
    done(&args.out, generator.len())?;
    match (&args.discriminator, discriminator) {
        (None, _) => Ok(()),
        (Some(out), Some(tensors)) => {
            write(&tensors, out, format)?;
            done(out, tensors.len())
        }
        (Some(_), None) => Err(Failure::Usage(format!(
            "--discriminator: {} has none: it was imported without one",
            path.display()
        ))),
    }
}
