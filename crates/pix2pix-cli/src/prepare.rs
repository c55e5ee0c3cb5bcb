//! `pix2pix prepare`.

mod align;
mod combine;
mod photographs;
mod prepared;
mod results;
mod split;

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};
use pix2pix::data::{Nodata, Pages, Size, Task};

use crate::choice::choice;
use crate::data_args::low_and_high;
use crate::failure::Failure;

use align::align;
use combine::combine;
use photographs::photographs;
use split::split;

/// Shown after the options.
pub const EXAMPLES: &str = "\
Examples:
  pix2pix prepare edges photographs --out edges --size 256
  pix2pix prepare edges photographs --out lines --low 20 --high 60
  pix2pix prepare sketch photographs --out sketches
  pix2pix prepare gray photographs --out colorization
  pix2pix prepare lowres photographs --out sharp --factor 4
  pix2pix prepare noise photographs --out clean --sigma 25
  pix2pix prepare blur photographs --out crisp --sigma 2
  pix2pix prepare mask photographs --out whole --share 0.25
  pix2pix prepare halftone photographs --out smooth --cell 6
  pix2pix prepare combine photos --out together
  pix2pix prepare align photos --out aligned
  pix2pix prepare split together --out split --val-fraction 0.1 --test-fraction 0.1";

/// Options of `pix2pix prepare`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    task: TaskArgs,
}

/// Options shared by all tasks.
#[derive(clap::Args)]
struct Common {
    /// Folder or archive of photographs, also with train/ and val/ in it; for combine, align and split, a data set
    input: PathBuf,
    /// Folder for the pairs; existing files are kept, so repeat an interrupted command to finish it. Those of another task
    /// or of other options are refused
    #[arg(long, value_name = "DATA")]
    out: PathBuf,
    /// Size of each picture of a pair, PIXELS or WIDTHxHEIGHT: photographs are cropped around their middle and
    /// resized; not of align and split [default: the photograph's own]
    #[arg(long, value_name = "SIZE")]
    size: Option<Size>,
    /// Values of black and white of 16-bit and floating-point photographs; not of combine, align and split [default:
    /// 0,65535 and 0,1]
    #[arg(long, value_name = "LOW,HIGH", value_parser = low_and_high, allow_hyphen_values = true)]
    range: Option<[f32; 2]>,
    /// How to read TIFF files with several pages, and NIfTI volumes; not of split, which copies them whole [default:
    /// refuse such TIFF files; combine and align read each slice of volumes]
    #[arg(long, value_parser = choice::<Pages>(), value_name = "PAGES")]
    pages: Option<Pages>,
    /// Random seed of noise, holes and splits
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// CPU threads; 0 for all cores
    #[arg(long, default_value_t = 0, value_name = "N")]
    threads: usize,
}

#[derive(Subcommand)]
enum TaskArgs {
    /// Edges → photographs (Canny)
    Edges {
        #[command(flatten)]
        common: Common,
        /// Drop edges with a weaker gradient
        #[arg(long, default_value_t = 50.0, value_name = "GRADIENT")]
        low: f32,
        /// Keep edges with a stronger gradient, and weaker edges connected to them
        #[arg(long, default_value_t = 100.0, value_name = "GRADIENT")]
        high: f32,
    },
    /// Pencil sketches → photographs
    Sketch {
        #[command(flatten)]
        common: Common,
        /// Softness of the strokes, in pixels
        #[arg(long, default_value_t = 5.0, value_name = "PIXELS")]
        sigma: f32,
    },
    /// Gray → color photographs (colorization)
    Gray {
        #[command(flatten)]
        common: Common,
    },
    /// Low-resolution → sharp photographs (super-resolution)
    Lowres {
        #[command(flatten)]
        common: Common,
        /// Downscaling factor
        #[arg(long, default_value_t = 4, value_name = "K")]
        factor: u32,
    },
    /// Noisy → clean photographs (denoising)
    Noise {
        #[command(flatten)]
        common: Common,
        /// Standard deviation of the noise, in levels of 0 to 255
        #[arg(long, default_value_t = 25.0, value_name = "LEVELS")]
        sigma: f32,
    },
    /// Blurred → sharp photographs (deblurring)
    Blur {
        #[command(flatten)]
        common: Common,
        /// Standard deviation of the blur, in pixels
        #[arg(long, default_value_t = 2.0, value_name = "PIXELS")]
        sigma: f32,
    },
    /// Photographs with white holes → whole photographs (inpainting)
    Mask {
        #[command(flatten)]
        common: Common,
        /// Share of the picture that the holes cover; the last one may cover a little more
        #[arg(long, default_value_t = 0.25, value_name = "SHARE")]
        share: f32,
    },
    /// Halftone dots, as in newspapers → photographs
    Halftone {
        #[command(flatten)]
        common: Common,
        /// Distance between dots, in pixels
        #[arg(long, default_value_t = 6, value_name = "PIXELS")]
        cell: u32,
    },
    /// Write two folders A/ and B/, or any other data set, as side-by-side pairs
    Combine {
        #[command(flatten)]
        common: Common,
        /// Sides of which --size takes the nearest pixels and mixes none, as the classes of label maps must be [default:
        /// those that look like label maps]
        #[arg(long, value_name = "SIDES", requires = "size")]
        nearest: Option<Sides>,
    },
    /// Move B onto A by the shift that `inspect --align` reports, and crop both to what they both show
    Align {
        #[command(flatten)]
        common: Common,
        /// Value of pixels without data, whose edges do not count: a number, nan, or tag (what each TIFF names itself)
        /// [default: none, all pixels have data]
        #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
        nodata: Option<Nodata>,
    },
    /// Split a data set into train/, val/ and test/
    Split {
        #[command(flatten)]
        common: Common,
        /// Share of the pairs for val/
        #[arg(long, default_value_t = 0.1, value_name = "SHARE")]
        val_fraction: f64,
        /// Share of the pairs for test/
        #[arg(long, default_value_t = 0.0, value_name = "SHARE")]
        test_fraction: f64,
    },
}

/// Some of the sides A and B.
#[derive(Clone, Copy, ValueEnum)]
enum Sides {
    /// A
    A,
    /// B
    B,
    /// A and B
    Both,
    /// Neither: all pixels are mixed
    None,
}

impl Sides {
    /// Whether A and B are among them.
    fn flags(self) -> [bool; 2] {
        match self {
            Self::A => [true, false],
            Self::B => [false, true],
            Self::Both => [true; 2],
            Self::None => [false; 2],
        }
    }
}

/// Makes the pairs.
pub fn run(args: Args) -> Result<(), Failure> {
    match args.task {
        TaskArgs::Edges { common, low, high } => photographs(&common, Task::Edges { low, high }),
        TaskArgs::Sketch { common, sigma } => photographs(&common, Task::Sketch { sigma }),
        TaskArgs::Gray { common } => photographs(&common, Task::Gray),
        TaskArgs::Lowres { common, factor } => photographs(&common, Task::LowRes { factor }),
        TaskArgs::Noise { common, sigma } => photographs(&common, Task::Noise { sigma }),
        TaskArgs::Blur { common, sigma } => photographs(&common, Task::Blur { sigma }),
        TaskArgs::Mask { common, share } => photographs(&common, Task::Mask { share }),
        TaskArgs::Halftone { common, cell } => photographs(&common, Task::Halftone { cell }),
        TaskArgs::Combine { common, nearest } => combine(&common, nearest),
        TaskArgs::Align { common, nodata } => align(&common, nodata),
        TaskArgs::Split {
            common,
            val_fraction,
            test_fraction,
        } => split(&common, [val_fraction, test_fraction]),
    }
}
