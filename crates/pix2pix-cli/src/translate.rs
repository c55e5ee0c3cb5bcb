//! `pix2pix translate`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::ValueEnum;
use pix2pix::device::set_threads;
use pix2pix::noise::Noise;
use pix2pix::tiles::{NormStatistics, Tiles};
use pix2pix::translate::{Fit, Translator};
use pix2pix::{Error, atomic_file, pair, picture};

use crate::failure::{Failure, print};
use crate::machine_args::MachineArgs;

/// Shown after the options.
pub const EXAMPLES: &str = "\
Examples:
  pix2pix translate run photo.jpg more-photos/ --out translated
  pix2pix translate run scan16.png --out translated --dropout off
  pix2pix translate run huge.tif --out translated --tile 1024 --overlap 256 --norm-stats image";

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
    /// Side of overlapping, blended tiles that large pictures are cut into, so that memory is bounded; 0
    /// never cuts. Each tile is normalized by its own statistics: see --norm-stats [default: 1024 for
    /// pictures of more than 2 million pixels]
    #[arg(long, value_name = "PIXELS")]
    tile: Option<u32>,
    /// Pixels that neighbouring tiles share [default: a quarter of --tile]
    #[arg(long, value_name = "PIXELS")]
    overlap: Option<u32>,
    /// Whose statistics normalize a tile
    #[arg(long, value_enum, default_value_t = NormStatsName::Tile)]
    norm_stats: NormStatsName,
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
enum NormStatsName {
    /// The tile's own
    Tile,
    /// Those of the whole picture, measured first: no seam is seen, and it takes about seven times as
    /// long
    Image,
}

/// Pixels from which on a picture is cut into tiles, and their side.
const LARGE: u64 = 1 << 21;
const TILE: u32 = 1024;

impl Args {
    /// The tiles of a picture, if it is cut; a model's network halves `depth` times.
    fn tiles(&self, [width, height]: [u32; 2], depth: usize) -> Result<Option<Tiles>, Failure> {
        let large = u64::from(width) * u64::from(height) > LARGE;
        let side = match self.tile {
            None if large => TILE.next_multiple_of(1 << depth),
            None | Some(0) => return Ok(None),
            Some(side) => side,
        };
        let tiles = Tiles {
            side,
            overlap: self.overlap.unwrap_or(side / 4),
            statistics: match self.norm_stats {
                NormStatsName::Tile => NormStatistics::Tile,
                NormStatsName::Image => NormStatistics::Image,
            },
        };
        tiles.validate(depth)?;
        Ok(Some(tiles))
    }
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
        let noise = || match args.dropout {
            Switch::On => Noise::seeded(args.seed, index),
            Switch::Off => Noise::off(),
        };
        let tiles = args.tiles(source.size(), translator.config.generator.halvings())?;
        let output = match &tiles {
            Some(tiles) => translator.translate_in_tiles(source, tiles, &noise),
            None => translator.translate(source, fit, &mut noise()),
        };
        let output = output.map_err(|reason| {
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
