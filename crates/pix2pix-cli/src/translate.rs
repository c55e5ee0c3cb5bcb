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

use crate::choice::choice;
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
    /// Run folder (uses its newest checkpoint) or checkpoint file
    model: PathBuf,
    /// Pictures (JPEG, PNG, WebP, TIFF, BMP, npy) or folders of pictures
    #[arg(required_unless_present_any = ["stdin_raw", "stdin_y4m"])]
    input: Vec<PathBuf>,
    /// Folder for the translated pictures, in the size of their inputs: TIFF and npy keep their format, all
    /// others become NAME.png
    #[arg(long, value_name = "DIR", required_unless_present_any = ["stdin_raw", "stdin_y4m"])]
    out: Option<PathBuf>,
    /// Translate a YUV4MPEG2 video from standard input to standard output [default: files]
    #[arg(long, conflicts_with_all = ["stdin_raw", "input", "out"])]
    stdin_y4m: bool,
    /// Translate a raw video from standard input to standard output: frames of this size, in the model's
    /// channels and depth (rgb24, gray, rgb48le) [default: files]
    #[arg(long, value_name = "WIDTHxHEIGHT", conflicts_with_all = ["input", "out"])]
    stdin_raw: Option<Size>,
    /// Dropout noise of video frames
    #[arg(long, value_enum, default_value_t = FrameNoise::Same)]
    frame_noise: FrameNoise,
    /// Whether inputs are side-by-side pairs, of which only the source half is translated
    #[arg(long, value_enum, default_value_t = Inputs::Auto)]
    pairs: Inputs,
    #[command(flatten)]
    noise: NoiseArgs,
    /// How to fit pictures whose size the network does not accept; the output is cut or resized back
    #[arg(long, value_parser = choice::<Fit>(), default_value_t = Fit::Pad)]
    fit: Fit,
    /// Side of the overlapping tiles that large pictures are cut into, to bound memory; 0 never cuts. Each
    /// tile is normalized by its own statistics: see --norm-stats [default: 1024 for pictures of more than 2
    /// million pixels]
    #[arg(long, value_name = "PIXELS")]
    tile: Option<u32>,
    /// Overlap of neighbouring tiles, which is blended [default: a quarter of --tile]
    #[arg(long, value_name = "PIXELS")]
    overlap: Option<u32>,
    /// Statistics that normalize a tile
    #[arg(long, value_parser = choice::<NormStatistics>(), default_value_t = NormStatistics::Tile)]
    norm_stats: NormStatistics,
    #[command(flatten)]
    machine: MachineArgs,
    /// Print errors only [default: off]
    #[arg(long)]
    quiet: bool,
}

/// What the inputs are.
#[derive(Clone, Copy, ValueEnum)]
enum Inputs {
    /// Pictures exactly twice as wide as high are pairs
    Auto,
    /// All inputs are pairs
    Yes,
    /// No input is a pair
    No,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum FrameNoise {
    /// The same for all frames, for a steady video
    Same,
    /// New noise for each frame
    New,
}

impl Args {
    /// The options for picture number `index`.
    fn options(&self, index: u64) -> TranslateOptions {
        TranslateOptions {
            fit: self.fit,
            tiling: match self.tile {
                None => Tiling::Auto,
                Some(0) => Tiling::Never,
                Some(side) => Tiling::Cut {
                    side,
                    overlap: self.overlap.unwrap_or(side / 4),
                },
            },
            statistics: self.norm_stats,
            ..self.noise.options(index)
        }
    }

    /// The options for frame number `index` of a video.
    fn frame_options(&self, index: u64) -> TranslateOptions {
        self.options(match self.frame_noise {
            FrameNoise::Same => 0,
            FrameNoise::New => index,
        })
    }
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
            Inputs::Auto => pair::is_side_by_side(picture.size()),
            Inputs::Yes => true,
            Inputs::No => false,
        };
        let source = if is_pair {
            translator.config.direction.source(path, &picture)?
        } else {
            picture
        };
        let output = translator.translate_with(source, &args.options(index));
        let output = output.map_err(|reason| {
            let remedy = "give pictures like the training pictures";
            Error::file(path, reason, remedy)
        })?;
        let format = format.for_result(output.channels(), output.depth());
        let target = out.join(format!("{name}.{}", format.extension()));
        picture::write(&target, &output, format)?;
        if !args.quiet {
            let kind = match (is_pair, args.pairs) {
                (true, Inputs::Auto) => {
                    "a side-by-side pair by its size; for one picture, use --pairs no"
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

/// All input files, by the name of their outputs.
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
                    "rename one of them, or translate them into two folders",
                )
                .into());
            }
        }
    }
    Ok(inputs)
}
