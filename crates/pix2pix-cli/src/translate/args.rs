//! The options of `pix2pix translate`, and their checks.

use std::path::PathBuf;

use clap::ValueEnum;
use pix2pix::RunConfig;
use pix2pix::data::{Pages, Size, picture};
use pix2pix::model::{Fit, NormStatistics, Scale, Tiling, TranslateOptions};

use crate::best_args::BestArgs;
use crate::choice::choice;
use crate::failure::Failure;
use crate::machine_args::MachineArgs;
use crate::noise_args::NoiseArgs;
use crate::paths::Plain;
use crate::program::program;

/// Shown after the options.
pub const EXAMPLES: &str = "\
Examples:
  pix2pix translate run photo.jpg more-photos/ --out translated
  pix2pix translate run large.jpg --out translated --scale train    resized as in training, and back
  pix2pix translate run facades/test --out translated --gallery
  pix2pix translate run scan16.png --out translated --dropout off
  pix2pix translate run scan.png --out translated --samples 8    mean and deviation
  pix2pix translate run photos/ depths/ --stack --out translated
  pix2pix translate run brain.nii.gz --out translated            slice by slice, to a volume
  pix2pix translate run huge.tif --out translated --tile 1024 --overlap 256 --norm-stats image
  ffmpeg -i in.mp4 -f yuv4mpegpipe - | pix2pix translate run --stdin-y4m | ffmpeg -i - out.mp4";

/// The options of a video, which has no files.
const VIDEO: [&str; 2] = ["stdin_raw", "stdin_y4m"];

/// Options of `pix2pix translate`.
#[derive(clap::Args)]
pub struct Args {
    /// Run folder (uses its newest checkpoint) or checkpoint file; earth is the built-in model
    pub model: PathBuf,
    #[command(flatten)]
    pub best: BestArgs,
    /// Pictures (JPEG, PNG, WebP, TIFF, BMP, npy, NIfTI) or folders of pictures, with their sub-folders
    #[arg(required_unless_present_any = VIDEO)]
    pub input: Vec<PathBuf>,
    /// Folder for the translated pictures, in the size of their inputs: TIFF, npy and NIfTI keep their format, all
    /// others become NAME.png
    #[arg(long, value_name = "DIR", required_unless_present_any = VIDEO)]
    pub out: Option<PathBuf>,
    /// Write gallery.html too, a page with all inputs and outputs, and for pairs the targets and scores [default: off]
    #[arg(long, conflicts_with_all = VIDEO)]
    pub gallery: bool,
    /// Translate a YUV4MPEG2 video from standard input to standard output [default: files]
    #[arg(long, conflicts_with_all = ["stdin_raw", "input", "out"])]
    stdin_y4m: bool,
    /// Translate a raw video from standard input to standard output: frames of this size, in the model's
    /// channels and depth (rgb24, gray, rgb48le) [default: files]
    #[arg(long, value_name = "WIDTHxHEIGHT", conflicts_with_all = ["input", "out"])]
    pub stdin_raw: Option<Size>,
    /// Dropout noise of video frames
    #[arg(long, value_enum, default_value_t = FrameNoise::Same, conflicts_with = "input")]
    frame_noise: FrameNoise,
    /// Reduce the flicker of a video: average about FRAMES translated frames where the input stays the same; what moves
    /// stays sharp, and a new scene begins anew [default: off; without a number 8]
    #[arg(long, value_name = "FRAMES", num_args = 0..=1, require_equals = true, default_missing_value = "8",
        value_parser = clap::value_parser!(u32).range(2..=1000))]
    pub temporal: Option<u32>,
    /// Whether inputs are side-by-side pairs, of which only the source half is translated
    #[arg(long, value_enum, default_value_t = Inputs::Auto, conflicts_with_all = VIDEO)]
    pub pairs: Inputs,
    /// Join the channels of the inputs: each input is one picture of a side, in the order of training (A1, A2, ...), or a
    /// folder of such pictures with the same names [default: each input is a picture]
    #[arg(long, conflicts_with_all = VIDEO)]
    pub stack: bool,
    /// How to read TIFF files with several pages, and NIfTI volumes; with each, the result has all pages or slices too
    /// [default: as the model was trained; otherwise refuse such TIFF files, and read each slice of volumes]
    #[arg(long, value_parser = choice::<Pages>(), value_name = "PAGES", conflicts_with_all = VIDEO)]
    pub pages: Option<Pages>,
    /// Action on files that cannot be translated; skipped ones are named, and the exit code is 1
    #[arg(long, value_enum, default_value_t = OnFailure::Stop, conflicts_with_all = VIDEO)]
    pub on_error: OnFailure,
    #[command(flatten)]
    noise: NoiseArgs,
    /// Translate each picture N times with different dropout, and write the mean as NAME and the standard deviation as
    /// NAME-deviation, which 8 bits show 16 times as large [default: once]
    #[arg(long, value_name = "N", conflicts_with_all = VIDEO,
        value_parser = clap::value_parser!(u64).range(2..=10_000))]
    pub samples: Option<u64>,
    /// Scale at which pictures are translated; results have the size of their inputs
    #[arg(long, value_parser = choice::<Scale>(), default_value_t = Scale::Native)]
    pub scale: Scale,
    /// How to fit pictures whose size the network does not accept; the output is cut or resized back
    #[arg(long, value_parser = choice::<Fit>(), default_value_t = Fit::Pad)]
    fit: Fit,
    /// Side of the overlapping tiles that large pictures are cut into, to bound memory; 0 never cuts. Each
    /// tile is normalized by its own statistics: see --norm-stats [default: 1024 for pictures of more than 2
    /// million pixels]
    #[arg(long, value_name = "PIXELS")]
    tile: Option<u32>,
    /// Overlap of neighboring tiles, which is blended [default: a quarter of --tile]
    #[arg(long, value_name = "PIXELS", requires = "tile")]
    overlap: Option<u32>,
    /// Statistics that normalize a tile
    #[arg(long, value_parser = choice::<NormStatistics>(), default_value_t = NormStatistics::Tile)]
    norm_stats: NormStatistics,
    #[command(flatten)]
    pub machine: MachineArgs,
    /// Print errors only [default: off]
    #[arg(long)]
    pub quiet: bool,
}

/// What the inputs are.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum Inputs {
    /// Pictures shaped as the side-by-side files of the training are pairs; where those are unknown (imported models,
    /// earlier versions), pictures exactly twice as wide as high
    Auto,
    /// All inputs are pairs
    Yes,
    /// No input is a pair
    No,
}

/// What to do with files that cannot be translated.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum OnFailure {
    /// Stop at the first one
    Stop,
    /// Go on
    Skip,
}

/// The dropout noise of video frames.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum FrameNoise {
    /// The same for all frames, for a steady video
    Same,
    /// New noise for each frame
    New,
}

impl Args {
    /// Checks options that exclude each other, before anything is read.
    ///
    /// # Errors
    /// Names the options, and the remedy.
    pub fn check(&self) -> Result<(), Failure> {
        self.check_temporal()?;
        Tiling::of(self.tile, self.overlap)?;
        self.check_model()?;
        self.check_out()
    }

    /// The options for a picture. They are [checked](Self::check) before.
    pub fn options(&self) -> TranslateOptions {
        TranslateOptions {
            scale: self.scale,
            fit: self.fit,
            tiling: Tiling::of(self.tile, self.overlap).expect("they are checked"),
            statistics: self.norm_stats,
            ..self.noise.options()
        }
    }

    /// The options for frame number `index` of a video.
    pub fn frame_options(&self, index: u64) -> TranslateOptions {
        TranslateOptions {
            index: match self.frame_noise {
                FrameNoise::Same => 0,
                FrameNoise::New => index,
            },
            ..self.options()
        }
    }

    /// Checks that the pictures are not given before the model.
    fn check_model(&self) -> Result<(), Failure> {
        match picture::is_picture(&self.model) && self.model.is_file() {
            false => Ok(()),
            true => Err(Failure::Usage(format!(
                "{} is a picture, and no model; the model comes first: {} translate MODEL PICTURE... --out DIR",
                self.model.plain(),
                program()
            ))),
        }
    }

    /// Checks that `--out` is not meant as the name of a picture: it is a folder.
    fn check_out(&self) -> Result<(), Failure> {
        let Some(out) = self.out.as_ref().filter(|out| !out.is_dir()) else {
            return Ok(());
        };
        match picture::is_picture(out) {
            false => Ok(()),
            true => Err(Failure::Usage(format!(
                "--out takes a folder, and {} is the name of a picture: results have the names of their inputs; give e.g. \
                 --out translated",
                out.plain()
            ))),
        }
    }

    /// Checks that `--temporal` has frames to average.
    fn check_temporal(&self) -> Result<(), Failure> {
        let reason = match self.temporal {
            Some(_) if self.out.is_some() => {
                "--temporal averages the frames of a video; give --stdin-y4m or --stdin-raw in place of files"
            }
            Some(_) if self.frame_noise == FrameNoise::New => {
                "--temporal needs frames of the same noise, and --frame-noise new changes it; omit one of them"
            }
            _ => return Ok(()),
        };
        Err(Failure::Usage(reason.to_string()))
    }

    /// Whether a picture of this size is a side-by-side pair, for a model of this configuration.
    pub fn is_pair(&self, config: &RunConfig, size: [u32; 2]) -> bool {
        match self.pairs {
            Inputs::Auto => config.is_pair(size),
            Inputs::Yes => true,
            Inputs::No => false,
        }
    }
}
