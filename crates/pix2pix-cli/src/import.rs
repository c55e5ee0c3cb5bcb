//! `pix2pix import`.

use std::path::PathBuf;

use pix2pix::data::Size;
use pix2pix::data::pair::Direction;
use pix2pix::exchange::import::{self, Imported, Options};
use pix2pix::network::Norm;

use crate::choice::choice;
use crate::failure::Failure;
use crate::paths::{Plain, word};
use crate::program::program;
use crate::result_file::{ResultArgs, check_ending, keep};
use crate::words::count;

/// Shown after the options.
pub const EXAMPLES: &str = "\
Examples:
  pix2pix import latest_net_G.pth --out facades.safetensors
  pix2pix import facades_label2photo.pth --direction b-to-a --out facades.safetensors
  pix2pix import latest_net_G.pth latest_net_D.pth --out facades.safetensors
  pix2pix import model_109600.h5 --out maps.safetensors";

/// Options of `pix2pix import`.
#[derive(clap::Args)]
pub struct Args {
    /// Weights of the generator, and optionally of the discriminator: .pth of the public PyTorch port
    /// (pytorch-CycleGAN-and-pix2pix) or .safetensors with the same tensor names; .pth of pix2pixHD's generator; or .h5 or
    /// .keras of the Keras tutorial's generator
    #[arg(required = true, num_args = 1..=2, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Output file for the model
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    result: ResultArgs,
    /// Dropout rate of a U-Net, or of a ResNet that has dropout [default: read from a Keras file; 0.5 for PyTorch files, which
    /// do not store it]
    #[arg(long, value_name = "RATE")]
    dropout: Option<f64>,
    /// Size of the pictures that the network was trained on: PIXELS or WIDTHxHEIGHT [default: read from a Keras file; else
    /// the smallest that gives a U-Net's innermost level one pixel, e.g. 128 for unet_128, and 64 at least; 256 for a ResNet;
    /// 512 for one with an enhancer]
    #[arg(long, value_name = "SIZE")]
    size: Option<Size>,
    /// Name of the generator in a PyTorch file with several networks, e.g. netG_A [default: the only one]
    #[arg(long, value_name = "NAME")]
    key: Option<String>,
    /// Direction in which the network translates side-by-side pairs: which half is the source
    #[arg(long, value_parser = choice::<Direction>(), default_value_t = Direction::AToB)]
    direction: Direction,
}

/// Imports the weights and prints the networks found in them.
pub fn run(args: Args) -> Result<(), Failure> {
    let options = Options {
        dropout: args.dropout,
        key: args.key,
        size: args.size,
        direction: Some(args.direction),
    };
    keep(&args.files, &args.out)?;
    check_ending(&args.out, "--out", &["safetensors"])?;
    let notes = args.result.check(&[args.out.as_path()])?;
    let imported = import::of_files(&args.files, &options)?;
    let checkpoint = &imported.checkpoint;
    checkpoint.save(&args.out)?;
    let config = &checkpoint.config;
    let network = config.generator.described();
    let norm = match config.generator.norm() {
        Norm::Batch => "batch norm",
        Norm::Instance => "instance norm",
        Norm::Group => "group norm",
        Norm::None => "no norm",
    };
    let [from, to] = config.generator.channels();
    let judge = match checkpoint.discriminator_tensors().is_empty() {
        false => format!(
            "; a discriminator with patch {}",
            config.discriminator.patch.name()
        ),
        true => String::new(),
    };
    let program = program();
    let [width, height] = config.jitter.crop_size.sides();
    let notes_on_it = untold(&imported);
    let (note, ways) = own_ways(&imported);
    notes.say(&format!(
        "a {network}, {norm}, from {from} to {}, for {width}x{height} pixels{judge}\n\
         {notes_on_it}{note}wrote {}. Now type:\n  {program} translate {} PICTURE... --out translated{ways}\n",
        count(to as u64, "channel"),
        args.out.plain(),
        word(&args.out)
    ));
    Ok(())
}

/// Notes on what its file does not tell, and on what of it is not in the model.
fn untold(model: &Imported) -> String {
    let mut notes = String::new();
    if let Some(reason) = &model.left_out {
        notes += &format!("note: the discriminator in the file is left out: {reason}\n");
    }
    if model.assumed {
        notes += "note: the file does not tell whether there is dropout; it has the usual 0.5 here. If it was trained with \
                  --no_dropout, as CycleGAN is, import it with --dropout 0\n";
    }
    notes
}

/// What a Keras model does otherwise in Keras than here: a note, and the options with which it does so here too. Both are empty
/// if it does the same.
fn own_ways(model: &Imported) -> (String, String) {
    let (mut does, mut options) = (Vec::new(), String::new());
    for (is_so, what, option) in [
        (
            model.frozen,
            "normalizes with the averages of training",
            " --norm-stats frozen",
        ),
        (model.still, "leaves dropout out", " --dropout off"),
    ] {
        if is_so {
            does.push(what);
            options += option;
        }
    }
    let note = match does.as_slice() {
        [] => String::new(),
        does => format!(
            "note: when this model predicts, Keras {}; for these pictures, translate with{options}\n",
            does.join(" and ")
        ),
    };
    (note, options)
}
