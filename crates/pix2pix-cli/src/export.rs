//! `pix2pix export`.

mod calibration;
mod onnx_args;
mod site;

use std::ops::Range;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use pix2pix::device::{DeviceName, Precision};
use pix2pix::exchange::Rounding;
use pix2pix::exchange::export::{
    PublicFormat, discriminator_tensors, generator_tensors, other_blocks, other_dropout, write,
};
use pix2pix::model::Checkpoint;
use pix2pix_server::Models;

use crate::best_args::BestArgs;
use crate::choice::choice;
use crate::failure::Failure;
use crate::paths::{Plain, word};
use crate::program::program;
use crate::result_file::{Notes, ResultArgs, keep};
use onnx_args::OnnxArgs;
use site::SiteArgs;

/// Shown after the options.
pub const EXAMPLES: &str = "\
Examples:
  pix2pix export run --out latest_net_G.pth
  pix2pix export run --out latest_net_G.pth --discriminator latest_net_D.pth
  pix2pix export run --out latest_net_G.safetensors
  pix2pix export run --out g.onnx
  pix2pix export run --out g.onnx --dropout off --dynamic-size --with-image-io
  pix2pix export run --out g.onnx --int8 facades/val
  pix2pix export run --format model --weights f16 --out small.safetensors
  pix2pix export run --format web --out site";

/// Options of `pix2pix export`.
#[derive(clap::Args)]
pub struct Args {
    /// Run folder (uses its newest checkpoint) or checkpoint file; earth is the built-in model
    model: PathBuf,
    #[command(flatten)]
    best: BestArgs,
    /// Output file for the generator; with --format web, the folder of the site
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Output file for the discriminator [default: none]
    #[arg(long, value_name = "FILE")]
    discriminator: Option<PathBuf>,
    /// File format [default: what the ending of --out says: .pth, .safetensors or .onnx; pth without an ending]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Round weights, for a half or a quarter of the file size; needs --format model or web [default: 32 bits; with --format
    /// web: f16]
    #[arg(long, alias = "half", value_parser = choice::<Rounding>(), value_name = "KIND")]
    weights: Option<Rounding>,
    #[command(flatten)]
    result: ResultArgs,
    #[command(flatten)]
    onnx: OnnxArgs,
    #[command(flatten)]
    site: SiteArgs,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Format {
    /// The public PyTorch port's format (pytorch-CycleGAN-and-pix2pix), for torch.load
    Pth,
    /// The same tensor names, for safetensors.torch.load_file
    Safetensors,
    /// The generator as ONNX, for ONNX Runtime and others
    Onnx,
    /// This program's own format, with the generator only, in 16 or 8 bits (choose them with --weights)
    Model,
    /// The page of `pix2pix serve` as a folder of static files, with the model in 16 or 8 bits: it runs in the visitor's browser
    Web,
}

/// Endings of file names, in lower case, and their formats.
const ENDINGS: [(&str, Format); 4] = [
    ("pth", Format::Pth),
    ("pt", Format::Pth),
    ("safetensors", Format::Safetensors),
    ("onnx", Format::Onnx),
];

impl Args {
    /// The format of these files: --format, or what their endings say.
    ///
    /// # Errors
    /// If an ending is unknown, or that of another format.
    fn format(&self, files: &[&Path]) -> Result<Format, Failure> {
        let mut format = self.format;
        for file in files {
            let ending = file.extension().unwrap_or_default().to_string_lossy();
            let known = ENDINGS
                .iter()
                .find(|(known, _)| ending.eq_ignore_ascii_case(known));
            let mut remedy = "end it in .pth, .safetensors or .onnx, or choose another --format";
            let problem = match (format, known) {
                (Some(Format::Model), Some((_, Format::Safetensors))) => continue,
                (Some(format), Some((_, other))) if format != *other => {
                    let name = format.to_possible_value().expect("no format is hidden");
                    remedy = match format {
                        Format::Pth => "end it in .pth, or choose another --format",
                        Format::Safetensors | Format::Model => {
                            "end it in .safetensors, or choose another --format"
                        }
                        Format::Onnx => "end it in .onnx, or choose another --format",
                        Format::Web => "name a folder, or choose another --format",
                    };
                    format!(
                        "the format is {}, and the ending that of another",
                        name.get_name()
                    )
                }
                (None, None) if !ending.is_empty() => "unknown ending".to_string(),
                (None, Some((_, other))) => {
                    format = Some(*other);
                    continue;
                }
                _ => continue,
            };
            return Err(Failure::Usage(format!(
                "{}: {problem}; {remedy}",
                file.plain()
            )));
        }
        Ok(format.unwrap_or(Format::Pth))
    }
}

/// Exports.
pub fn run(args: Args) -> Result<(), Failure> {
    let files = [Some(&args.out), args.discriminator.as_ref()];
    let files: Vec<&Path> = files.into_iter().flatten().map(PathBuf::as_path).collect();
    let format = args.format(&files)?;
    if let Some(option) = args.onnx.given().filter(|_| format != Format::Onnx) {
        return Err(Failure::Usage(format!("{option} needs --format onnx")));
    }
    if let Some(option) = args.site.given().filter(|_| format != Format::Web) {
        return Err(Failure::Usage(format!("{option} needs --format web")));
    }
    if args.discriminator.is_some() && matches!(format, Format::Onnx | Format::Model | Format::Web)
    {
        let message = "--discriminator needs --format pth or safetensors";
        return Err(Failure::Usage(message.to_string()));
    }
    let notes = match format {
        Format::Web => Notes::Output, // into a folder, which is checked below
        _ => args.result.check(&files)?,
    };
    let path = args.best.find(&args.model)?;
    files.iter().try_for_each(|file| keep(&[&path], file))?;
    let checkpoint = Checkpoint::load(&path)?.checked(&path)?;
    let format = match (format, args.weights) {
        (Format::Onnx, None) => return args.onnx.export(checkpoint, &path, &args.out, notes),
        (Format::Pth, None) => PublicFormat::Pth,
        (Format::Safetensors, None) => PublicFormat::Safetensors,
        (Format::Model, Some(weights)) => {
            return export_rounded(&args, &checkpoint, weights, notes);
        }
        (Format::Web, weights) => {
            let weights = weights.unwrap_or(Rounding::F16);
            args.result.check_folder(&args.out)?;
            keep(&[&path], &args.out.join(site::MODEL))?;
            let models = Models::new(&[args.model], DeviceName::Cpu, Precision::default());
            let models = models.with_best(args.best.best);
            return args
                .site
                .export((&checkpoint, &path), weights, &models, &args.out);
        }
        (Format::Model, None) | (_, Some(_)) => {
            let message = "--weights needs --format model or web, and --format model needs --weights; for ONNX, use --f16 or --int8";
            return Err(Failure::Usage(message.to_string()));
        }
    };
    let generator = generator_tensors(&checkpoint, &path)?;
    let judge = match &args.discriminator {
        None => None,
        Some(out) => match discriminator_tensors(&checkpoint, &path)? {
            Some(tensors) => Some((out, tensors)),
            None => {
                return Err(Failure::Usage(format!(
                    "--discriminator: {} has no discriminator: it holds the generator alone, as imported and rounded models do; \
                     omit the option, or export the run that the model came from",
                    path.plain()
                )));
            }
        },
    };
    for (out, tensors) in [(&args.out, generator)].into_iter().chain(judge) {
        write(&tensors, out, format)?;
        notes.say(&format!("{}: {} tensors\n", out.plain(), tensors.len()));
    }
    if let Some([ours, theirs]) = other_blocks(&checkpoint.config.generator) {
        notes.say(&format!(
            "note: the port's U-Nets of {} levels have dropout in {}, and this one in {}: its pictures vary otherwise there; \
             with dropout off they are the same\n",
            checkpoint.config.generator.halvings(),
            blocks(&theirs),
            blocks(&ours)
        ));
    }
    if let Some([rate, theirs]) = other_dropout(&checkpoint.config.generator) {
        notes.say(&format!(
            "note: the dropout rate of {rate} is not in the file: networks of the other program have {theirs}\n"
        ));
    }
    Ok(())
}

/// Blocks of a decoder, in words.
fn blocks(range: &Range<usize>) -> String {
    match range.len() {
        0 => "no block".to_string(),
        1 => format!("block {} of the decoder", range.end),
        _ => format!("blocks {} to {} of the decoder", range.start + 1, range.end),
    }
}

/// Writes the generator with rounded weights.
fn export_rounded(
    args: &Args,
    checkpoint: &Checkpoint,
    rounding: Rounding,
    notes: Notes,
) -> Result<(), Failure> {
    let program = program();
    let error = checkpoint.save_rounded(&args.out, rounding)?;
    notes.say(&format!(
        "{}: the largest rounding error of a weight is {:.3}% of its tensor's largest weight. To compare, type:\n  \
         {program} evaluate {} {} DATA\n",
        args.out.plain(),
        100.0 * error,
        word(&args.model),
        word(&args.out)
    ));
    Ok(())
}
