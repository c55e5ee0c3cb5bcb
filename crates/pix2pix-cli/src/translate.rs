//! `pix2pix translate`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::ValueEnum;
use pix2pix::device::set_threads;
use pix2pix::noise::Noise;
use pix2pix::translate::{Fit, Translator};
use pix2pix::{Error, atomic_file, pair, picture};

use crate::failure::{Failure, print};
use crate::machine_args::MachineArgs;

/// Options of `pix2pix translate`.
#[derive(clap::Args)]
pub struct Args {
    /// Run folder (its newest checkpoint is taken) or checkpoint file
    model: PathBuf,
    /// Pictures (JPEG, PNG, WebP, TIFF, BMP, npy), or folders of them
    #[arg(required = true)]
    input: Vec<PathBuf>,
    /// Folder for the translated pictures, each of its input's size: NAME.png, or the input's own kind
    /// for TIFF and npy
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Whether inputs are side-by-side pairs, of which the model's source half is translated; auto:
    /// those that are exactly twice as wide as high
    #[arg(long, value_enum, default_value_t = PairsName::Auto)]
    pairs: PairsName,
    /// Dropout; on, as in the paper, it makes each --seed another picture
    #[arg(long, value_enum, default_value_t = Switch::On)]
    dropout: Switch,
    /// Seed of the dropout
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How sizes that the network does not take are made to fit; undone afterwards
    #[arg(long, value_enum, default_value_t = FitName::Pad)]
    fit: FitName,
    #[command(flatten)]
    machine: MachineArgs,
    /// Print errors only [default: off]
    #[arg(long)]
    quiet: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum PairsName {
    /// By size
    Auto,
    /// All are pairs
    Yes,
    /// None is
    No,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Switch {
    /// With
    On,
    /// Without
    Off,
}

#[derive(Clone, Copy, ValueEnum)]
enum FitName {
    /// Mirror the picture over its right and bottom border
    Pad,
    /// Resize to the nearest size that works
    Resize,
}

/// Translates every input.
pub fn run(args: Args) -> Result<(), Failure> {
    set_threads(args.machine.threads)?;
    let inputs = inputs(&args)?;
    let translator = Translator::load(
        &args.model,
        args.machine.device.open(args.machine.precision)?,
    )?;
    atomic_file::create_folder(&args.out)?;
    let fit = match args.fit {
        FitName::Pad => Fit::Pad,
        FitName::Resize => Fit::Resize,
    };
    for (index, (name, path)) in (0..).zip(&inputs) {
        let (picture, format) = picture::read(path)?;
        let [width, height] = picture.size();
        let is_pair = match args.pairs {
            PairsName::Auto => width == 2 * height,
            PairsName::Yes => true,
            PairsName::No => false,
        };
        let source = if is_pair {
            let [source, _] = translator
                .config
                .direction
                .order(pair::split(path, &picture)?);
            source
        } else {
            picture
        };
        let mut noise = match args.dropout {
            Switch::On => Noise::seeded(args.seed, index),
            Switch::Off => Noise::off(),
        };
        let output = translator
            .translate(source, fit, &mut noise)
            .map_err(|reason| {
                let remedy = "give pictures like those that the model was trained on";
                Error::file(
                    path,
                    format!("{reason}, the model's source channels"),
                    remedy,
                )
            })?;
        let format = format.for_result(output.channels(), output.depth());
        let target = args.out.join(format!("{name}.{}", format.extension()));
        picture::write(&target, &output, format)?;
        if !args.quiet {
            let kind = match (is_pair, args.pairs) {
                (true, PairsName::Auto) => {
                    "a side-by-side pair by its size; --pairs no takes it as one picture"
                }
                (true, _) => "a side-by-side pair",
                (false, _) => "one picture",
            };
            print(&format!(
                "{} ({width}x{height}, {kind}) -> {} ({}x{})\n",
                path.display(),
                target.display(),
                output.size()[0],
                output.size()[1],
            ))?;
        }
    }
    Ok(())
}

/// Every input file by the name of its output.
fn inputs(args: &Args) -> Result<BTreeMap<String, PathBuf>, Failure> {
    let mut inputs = BTreeMap::new();
    for input in &args.input {
        let files = if input.is_dir() {
            picture::list(input)?
        } else {
            vec![input.clone()]
        };
        for file in files {
            let name = pair::stem(&file);
            let endings = ["png", "tif", "npy"];
            if endings
                .iter()
                .any(|ending| file == args.out.join(format!("{name}.{ending}")))
            {
                let message = "the output would replace its own input; choose another --out";
                return Err(Failure::Usage(format!("{}: {message}", file.display())));
            }
            if let Some(other) = inputs.insert(name, file.clone()) {
                return Err(Error::file(
                    &file,
                    format!(
                        "its output would have the same name as that of {}",
                        other.display()
                    ),
                    "rename one of them or translate them into two folders",
                )
                .into());
            }
        }
    }
    Ok(inputs)
}
