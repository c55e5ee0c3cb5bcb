//! Translation: a trained generator and a picture of any size.

use std::path::Path;

use burn::tensor::Device;
use image::DynamicImage;

use crate::backend::device::{Precision, in_pool};
use crate::config::RunConfig;
use crate::data::jitter::{Size, nearest};
use crate::data::pad::pad;
use crate::data::picture::{self, Picture};
use crate::data::resize::resize;
use crate::error::{Error, Result};
use crate::model::checkpoint::{self, Checkpoint};
use crate::model::tiles::{self, NormStatistics, Tiles};
use crate::network::generator::Generator;
use crate::network::layer_graph::LayerGraph;
use crate::network::noise::Noise;
use crate::network::norm_statistics::Norms;

/// How a picture is brought to a size that the network takes; the result is always brought back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// Continue it at the right and at the bottom by its mirror image: pixels stay as they are.
    Pad,
    /// Resize both sides to the nearest multiple: faster for pictures just above one.
    Resize,
}

/// Which pictures are cut into tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tiling {
    /// Those of more than two million pixels, into tiles of about 1024 pixels: memory stays bounded.
    Auto,
    /// None: memory grows with the picture.
    Never,
    /// All, into tiles of this side that share so many pixels.
    Cut {
        /// Side in pixels.
        side: u32,
        /// Pixels that two neighbours share.
        overlap: u32,
    },
}

/// How a picture is translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TranslateOptions {
    /// Whether dropout acts, as in the paper.
    pub dropout: bool,
    /// Seed of the dropout: another one makes another picture.
    pub seed: u64,
    /// The picture's number: each has its own dropout.
    pub index: u64,
    /// How sizes that the network does not take are made to fit.
    pub fit: Fit,
    /// Which pictures are cut into tiles.
    pub tiling: Tiling,
    /// Whose statistics normalize the picture, or a tile of it.
    pub statistics: NormStatistics,
}

impl Default for TranslateOptions {
    /// As in the paper.
    fn default() -> Self {
        Self {
            dropout: true,
            seed: 0,
            index: 0,
            fit: Fit::Pad,
            tiling: Tiling::Auto,
            statistics: NormStatistics::Tile,
        }
    }
}

impl TranslateOptions {
    /// The dropout's noise.
    pub fn noise(&self) -> Noise {
        if self.dropout {
            Noise::seeded(self.seed, self.index)
        } else {
            Noise::off()
        }
    }
}

/// Pixels from which on a picture is cut into tiles by itself, and their side.
const LARGE: u64 = 1 << 21;
const TILE: u32 = 1024;

/// A trained model, ready to translate.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let translator = pix2pix::Translator::load("model.safetensors")?;
/// let photo = image::open("photo.jpg")?;
/// translator.translate(&photo)?.save("translated.png")?;
/// # Ok(())
/// # }
/// ```
pub struct Translator {
    network: Generator,
    /// The run that made it.
    pub config: RunConfig,
    /// Training steps behind it.
    pub step: u64,
    device: Device,
}

impl Translator {
    /// Loads a checkpoint file, or the newest one of a run folder, for the CPU and in 32-bit arithmetic.
    ///
    /// # Errors
    /// When there is none, or it is damaged.
    pub fn load(model: impl AsRef<Path>) -> Result<Self> {
        Self::load_on(model.as_ref(), Device::flex(), Precision::F32)
    }

    /// As [`load`](Self::load), for a device (without autodiff) and an arithmetic that it has.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_on(model: &Path, device: Device, precision: Precision) -> Result<Self> {
        let path = checkpoint::find(model)?;
        let checkpoint = Checkpoint::load(&path)?;
        let (config, step) = (checkpoint.config.clone(), checkpoint.step);
        let network = checkpoint.generator(&path, &device)?;
        Ok(Self {
            network: network.with_precision(precision, &device),
            config,
            step,
            device,
        })
    }

    /// Translates a picture of any size as the paper does, with dropout of seed 0. The result has its size, and the
    /// channels and the depth of the model's targets.
    ///
    /// # Errors
    /// When the picture's channels cannot become those of the model's sources, or `DynamicImage` does not hold
    /// pictures like the model's targets.
    pub fn translate(&self, picture: &DynamicImage) -> Result<DynamicImage> {
        let translate = || {
            let source = Picture::try_from(picture.clone())?;
            let target = self.translate_with(source, &TranslateOptions::default())?;
            DynamicImage::try_from(target)
        };
        translate().map_err(Error::Config)
    }

    /// Checks that the model can translate so.
    ///
    /// # Errors
    /// When the network does not take such tiles, or has no averages of training that could normalize a picture.
    pub fn check(&self, options: &TranslateOptions) -> Result<()> {
        if let Tiling::Cut { side, overlap } = options.tiling {
            let tiles = Tiles {
                side,
                overlap,
                statistics: options.statistics,
            };
            tiles.validate(self.config.generator.halvings())?;
        }
        let frozen = options.statistics == NormStatistics::Frozen;
        if frozen && self.network.running_statistics().is_none() {
            let message =
                "the model has no averages of training: its norms are not batch normalization";
            return Err(Error::Config(message.to_string()));
        }
        Ok(())
    }

    /// Translates a picture; the result has its size, and the channels and the depth of the model's targets.
    ///
    /// # Errors
    /// In words, when the picture's channels cannot become those of the model's sources, or the model cannot
    /// translate so: see [`check`](Self::check).
    pub fn translate_with(
        &self,
        picture: Picture,
        options: &TranslateOptions,
    ) -> std::result::Result<Picture, String> {
        self.check(options).map_err(|e| e.to_string())?;
        let picture = picture
            .with_channels(self.config.source.channels)
            .map_err(|reason| format!("{reason}, the model's source channels"))?;
        let known = match options.statistics {
            NormStatistics::Frozen => self.network.running_statistics(),
            NormStatistics::Tile | NormStatistics::Image => None,
        };
        if let Some(tiles) = self.tiles(picture.size(), options) {
            return Ok(tiles::translate(
                &self.network,
                &picture,
                [self.config.source, self.config.target],
                &tiles,
                known,
                &|| options.noise(),
                &self.device,
            ));
        }
        let size = picture.size();
        let unit = 1 << self.config.generator.halvings();
        let run = |picture: &Picture| {
            let mut norms = match &known {
                Some(statistics) => Norms::Given(statistics.iter()),
                None => Norms::Batch,
            };
            let noise = &mut options.noise();
            pass(
                &self.network,
                picture,
                &self.config,
                noise,
                &mut norms,
                &self.device,
            )
        };
        Ok(match options.fit {
            Fit::Pad => {
                let padded = pad(&picture, size.map(|side| side.next_multiple_of(unit)));
                run(&padded).crop([0, 0], size)
            }
            Fit::Resize => {
                let resized = resize(&picture, size.map(|side| nearest(side, unit)));
                resize(&run(&resized), size)
            }
        })
    }

    /// The tiles of a picture, if it is cut.
    fn tiles(&self, [width, height]: [u32; 2], options: &TranslateOptions) -> Option<Tiles> {
        let large = u64::from(width) * u64::from(height) > LARGE;
        let (side, overlap) = match options.tiling {
            Tiling::Never => return None,
            Tiling::Auto if !large => return None,
            Tiling::Auto => {
                let side = TILE.next_multiple_of(1 << self.config.generator.halvings());
                (side, side / 4)
            }
            Tiling::Cut { side, overlap } => (side, overlap),
        };
        Some(Tiles {
            side,
            overlap,
            statistics: options.statistics,
        })
    }

    /// Describes the network, for pictures of the size that it was trained on.
    pub fn layers(&self) -> LayerGraph {
        let Size([width, height]) = self.config.jitter.crop_size;
        let channels = self.config.source.channels;
        self.network
            .layers([channels, height as usize, width as usize])
    }

    /// Where it translates.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Translates a picture of the model's channels, whose sides the network takes.
    pub fn translate_exactly(&self, picture: &Picture, noise: &mut Noise) -> Picture {
        translate_one(&self.network, picture, &self.config, noise, &self.device)
    }
}

/// Translates one picture of the source's channels, whose sides the generator takes.
pub fn translate_one(
    network: &Generator,
    picture: &Picture,
    config: &RunConfig,
    noise: &mut Noise,
    device: &Device,
) -> Picture {
    pass(network, picture, config, noise, &mut Norms::Batch, device)
}

/// As [`translate_one`], with statistics that do not end the pass.
fn pass(
    network: &Generator,
    picture: &Picture,
    config: &RunConfig,
    noise: &mut Noise,
    norms: &mut Norms,
    device: &Device,
) -> Picture {
    in_pool(|| {
        let range = config.source.range_of(picture.depth());
        let source = picture::to_tensor(picture, range, device);
        let output = network.forward_with(source, noise, norms);
        picture::from_tensor(
            output.expect("these norms do not end a pass"),
            &config.target,
        )
    })
}
