//! `pix2pix translate`.

mod stream;
mod y4m;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use pix2pix::data::{Size, pair, picture};
use pix2pix::device::set_threads;
use pix2pix::model::{Fit, NormStatistics, Tiling, TranslateOptions};
use pix2pix::{Error, Translator, atomic_file};

use crate::failure::{Failure, print};
use crate::machine_args::MachineArgs;
use crate::noise_args::NoiseArgs;

/// Shown after the options.
pub const EXAMPLES: &str = "\
Examples:
  pix2pix translate run photo.jpg more-photos/ --out translated
  pix2pix translate run scan16.png --out translated --dropout off
  pix2pix translate run huge.tif --out translated --tile 1024 --overlap 256 --norm-stats image
  ffmpeg -i in.mp4 -f yuv4mpegpipe - | pix2pix translate run --stdin-y4m | ffmpeg -i - out.mp4";

/// Options of `pix2pix translate`.
#[derive(clap::Args)]
pub struct Args {
    /// Run folder (its newest checkpoint is taken) or checkpoint file
    model: PathBuf,
    /// Pictures (JPEG, PNG, WebP, TIFF, BMP, npy), or folders of them
    #[arg(required_unless_present_any = ["stdin_raw", "stdin_y4m"])]
    input: Vec<PathBuf>,
    /// Folder for the translated pictures, each of its input's size: NAME.png, or the input's own kind
    /// for TIFF and npy
    #[arg(long, value_name = "DIR", required_unless_present_any = ["stdin_raw", "stdin_y4m"])]
    out: Option<PathBuf>,
    /// Translate a video of YUV4MPEG2 from standard input to standard output [default: files]
    #[arg(long, conflicts_with_all = ["stdin_raw", "input", "out"])]
    stdin_y4m: bool,
    /// Translate a video of bytes alone, frames of this size and of the model's channels and depth (rgb24, gray,
    /// rgb48le), from standard input to standard output [default: files]
    #[arg(long, value_name = "WIDTHxHEIGHT", conflicts_with_all = ["input", "out"])]
    stdin_raw: Option<Size>,
    /// Dropout of a video's frames
    #[arg(long, value_enum, default_value_t = FrameNoise::Same)]
    frame_noise: FrameNoise,
    /// Whether inputs are side-by-side pairs, of which the model's source half is translated; auto:
    /// those that are exactly twice as wide as high
    #[arg(long, value_enum, default_value_t = PairsName::Auto)]
    pairs: PairsName,
    #[command(flatten)]
    noise: NoiseArgs,
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
enum FrameNoise {
    /// The same for all: a calm video
    Same,
    /// Each its own
    New,
}

#[derive(Clone, Copy, ValueEnum)]
enum NormStatsName {
    /// The tile's own
    Tile,
    /// Those of the whole picture, measured first: no seam is seen, and it takes about seven times as
    /// long
    Image,
    /// The averages of training: no seam and nothing that flickers, but other pictures than the paper's
    Frozen,
}

impl Args {
    /// How picture number `index` is translated.
    fn options(&self, index: u64) -> TranslateOptions {
        TranslateOptions {
            fit: match self.fit {
                FitName::Pad => Fit::Pad,
                FitName::Resize => Fit::Resize,
            },
            tiling: match self.tile {
                None => Tiling::Auto,
                Some(0) => Tiling::Never,
                Some(side) => Tiling::Cut {
                    side,
                    overlap: self.overlap.unwrap_or(side / 4),
                },
            },
            statistics: match self.norm_stats {
                NormStatsName::Tile => NormStatistics::Tile,
                NormStatsName::Image => NormStatistics::Image,
                NormStatsName::Frozen => NormStatistics::Frozen,
            },
            ..self.noise.options(index)
        }
    }

    /// How frame number `index` of a video is translated.
    fn frame_options(&self, index: u64) -> TranslateOptions {
        self.options(match self.frame_noise {
            FrameNoise::Same => 0,
            FrameNoise::New => index,
        })
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
    let device = args.machine.device.open(args.machine.precision)?;
    let Some(out) = &args.out else {
        let translator = Translator::load_on(&args.model, device, args.machine.precision)?;
        translator.check(&args.options(0))?;
        let options = |index| args.frame_options(index);
        return match args.stdin_raw {
            Some(size) => stream::raw(&translator, size, &options, args.quiet),
            None => stream::yuv4mpeg(&translator, &options, args.quiet),
        };
    };
    let inputs = inputs(&args.input, out)?;
    let translator = Translator::load_on(&args.model, device, args.machine.precision)?;
    translator.check(&args.options(0))?;
    atomic_file::create_folder(out)?;
    for (index, (name, path)) in (0..).zip(&inputs) {
        let (picture, format) = picture::read(path)?;
        let [width, height] = picture.size();
        let is_pair = match args.pairs {
            PairsName::Auto => pair::is_side_by_side(picture.size()),
            PairsName::Yes => true,
            PairsName::No => false,
        };
        let source = if is_pair {
            translator.config.direction.source(path, &picture)?
        } else {
            picture
        };
        let output = translator.translate_with(source, &args.options(index));
        let output = output.map_err(|reason| {
            let remedy = "give pictures like those that the model was trained on";
            Error::file(path, reason, remedy)
        })?;
        let format = format.for_result(output.channels(), output.depth());
        let target = out.join(format!("{name}.{}", format.extension()));
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
fn inputs(named: &[PathBuf], out: &Path) -> Result<BTreeMap<String, PathBuf>, Failure> {
    let mut inputs = BTreeMap::new();
    for input in named {
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
                .any(|ending| file == out.join(format!("{name}.{ending}")))
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
