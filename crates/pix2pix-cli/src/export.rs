//! `pix2pix export`.

mod onnx_args;

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use pix2pix::exchange::Half;
use pix2pix::exchange::export::{PublicFormat, public_tensors, write};
use pix2pix::model::Checkpoint;

use crate::best_args::BestArgs;
use crate::choice::choice;
use crate::failure::Failure;
use crate::paths::word;
use crate::result_file::{Notes, ResultArgs};
use onnx_args::OnnxArgs;

/// Shown after the options.
pub const EXAMPLES: &str = "\
Examples:
  pix2pix export run --out latest_net_G.pth
  pix2pix export run --out latest_net_G.pth --discriminator latest_net_D.pth
  pix2pix export run --format safetensors --out latest_net_G.safetensors
  pix2pix export run --format onnx --out g.onnx
  pix2pix export run --format onnx --out g.onnx --dropout off --dynamic-size --with-image-io
  pix2pix export run --format onnx --out g.onnx --int8 facades/val
  pix2pix export run --format model --half f16 --out small.safetensors";

/// Options of `pix2pix export`.
#[derive(clap::Args)]
pub struct Args {
    /// Run folder (uses its newest checkpoint) or checkpoint file
    model: PathBuf,
    #[command(flatten)]
    best: BestArgs,
    /// Output file for the generator
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Output file for the discriminator [default: none]
    #[arg(long, value_name = "FILE")]
    discriminator: Option<PathBuf>,
    /// File format
    #[arg(long, value_enum, default_value_t = Format::Pth)]
    format: Format,
    /// Round weights to 16 bits, for half the file size; needs --format model [default: 32 bits]
    #[arg(long, value_parser = choice::<Half>(), value_name = "KIND")]
    half: Option<Half>,
    #[command(flatten)]
    result: ResultArgs,
    #[command(flatten)]
    onnx: OnnxArgs,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Format {
    /// The public PyTorch port's format (pytorch-CycleGAN-and-pix2pix), for torch.load
    Pth,
    /// The same tensor names, for safetensors.torch.load_file
    Safetensors,
    /// The generator as ONNX, for ONNX Runtime and others
    Onnx,
    /// This program's own format, with the generator only, in 16 bits (choose them with --half)
    Model,
}

/// Exports.
pub fn run(args: Args) -> Result<(), Failure> {
    if let Some(option) = args.onnx.given().filter(|_| args.format != Format::Onnx) {
        return Err(Failure::Usage(format!("{option} needs --format onnx")));
    }
    if args.discriminator.is_some() && matches!(args.format, Format::Onnx | Format::Model) {
        let message = "--discriminator needs --format pth or safetensors";
        return Err(Failure::Usage(message.to_string()));
    }
    let files = [Some(&args.out), args.discriminator.as_ref()];
    let files: Vec<&Path> = files.into_iter().flatten().map(PathBuf::as_path).collect();
    let notes = args.result.check(&files)?;
    let path = args.best.find(&args.model)?;
    let checkpoint = Checkpoint::load(&path)?;
    let format = match (args.format, args.half) {
        (Format::Onnx, None) => return args.onnx.export(checkpoint, &path, &args.out, notes),
        (Format::Pth, None) => PublicFormat::Pth,
        (Format::Safetensors, None) => PublicFormat::Safetensors,
        (Format::Model, Some(half)) => return export_half(&args, &checkpoint, half, notes),
        (Format::Model, None) | (_, Some(_)) => {
            let message = "--half and --format model need each other; for ONNX, use --f16";
            return Err(Failure::Usage(message.to_string()));
        }
    };
    let (generator, discriminator) = public_tensors(&checkpoint, &path)?;
    let judge = match (&args.discriminator, discriminator) {
        (None, _) => None,
        (Some(out), Some(tensors)) => Some((out, tensors)),
        (Some(_), None) => {
            return Err(Failure::Usage(format!(
                "--discriminator: {} has no discriminator, as it was imported without one; omit the option",
                path.display()
            )));
        }
    };
    for (out, tensors) in [(&args.out, generator)].into_iter().chain(judge) {
        write(&tensors, out, format)?;
        notes.say(&format!("{}: {} tensors\n", out.display(), tensors.len()));
    }
    Ok(())
}

/// Writes the generator with 16-bit weights.
fn export_half(
    args: &Args,
    checkpoint: &Checkpoint,
    half: Half,
    notes: Notes,
) -> Result<(), Failure> {
    let error = checkpoint.save_half(&args.out, half)?;
    notes.say(&format!(
        "{}: the largest rounding error of a weight is {:.3}% of its tensor's largest weight. To compare, type:\n  \
         pix2pix evaluate {} {} DATA\n",
        args.out.display(),
        100.0 * error,
        word(&args.model),
        word(&args.out)
    ));
    Ok(())
}
