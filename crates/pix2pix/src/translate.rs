//! Translation: a trained generator and a picture of any size.

use std::path::Path;

use burn::tensor::Device;

use crate::checkpoint::{self, Checkpoint};
use crate::config::RunConfig;
use crate::device::in_pool;
use crate::error::Result;
use crate::generator::Generator;
use crate::jitter::nearest;
use crate::noise::Noise;
use crate::picture::{self, Picture};
use crate::resize::resize;
use crate::tiles::{self, Tiles};

/// How a picture is brought to a size that the network takes; the result is always brought back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// Continue it at the right and at the bottom by its mirror image: pixels stay as they are.
    Pad,
    /// Resize both sides to the nearest multiple: faster for pictures just above one.
    Resize,
}

/// A trained generator, ready to translate.
pub struct Translator {
    generator: Generator,
    /// The run that made it.
    pub config: RunConfig,
    /// Training steps behind it.
    pub step: u64,
    device: Device,
}

impl Translator {
    /// Loads a checkpoint file, or the newest one of a run folder.
    ///
    /// # Errors
    /// When there is none, or it is damaged.
    pub fn load(model: &Path, device: Device) -> Result<Self> {
        let path = checkpoint::find(model)?;
        let checkpoint = Checkpoint::load(&path)?;
        let (config, step) = (checkpoint.config.clone(), checkpoint.step);
        Ok(Self {
            generator: checkpoint.generator(&path, &device)?,
            config,
            step,
            device,
        })
    }

    /// Translates a picture; the result has its size, and the channels and the depth of the model's
    /// targets. The statistics of this one picture normalize it, and `noise` is the dropout's.
    ///
    /// # Errors
    /// In words, when the picture's channels cannot become those of the model's sources.
    pub fn translate(
        &self,
        picture: Picture,
        fit: Fit,
        noise: &mut Noise,
    ) -> std::result::Result<Picture, String> {
        let picture = picture.with_channels(self.config.source.channels)?;
        let size = picture.size();
        let unit = 1 << self.config.generator.halvings();
        let run = |picture: &Picture, noise: &mut Noise| {
            translate_one(&self.generator, picture, &self.config, noise, &self.device)
        };
        Ok(match fit {
            Fit::Pad => {
                let padded = pad(&picture, size.map(|side| side.next_multiple_of(unit)));
                run(&padded, noise).crop([0, 0], size)
            }
            Fit::Resize => {
                let resized = resize(&picture, size.map(|side| nearest(side, unit)));
                resize(&run(&resized, noise), size)
            }
        })
    }
}

impl Translator {
    /// Where it translates.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Translates a picture of the model's channels, whose sides the network takes.
    pub fn translate_exactly(&self, picture: &Picture, noise: &mut Noise) -> Picture {
        translate_one(&self.generator, picture, &self.config, noise, &self.device)
    }

    /// Translates a picture in overlapping tiles; as [`translate`](Self::translate) otherwise. `noise` makes
    /// the noise of a tile.
    ///
    /// # Errors
    /// In words, when the picture's channels cannot become those of the model's sources.
    pub fn translate_in_tiles(
        &self,
        picture: Picture,
        tiles: &Tiles,
        noise: &(dyn Fn() -> Noise + Sync),
    ) -> std::result::Result<Picture, String> {
        let picture = picture.with_channels(self.config.source.channels)?;
        let domains = [self.config.source, self.config.target];
        Ok(tiles::translate(
            &self.generator,
            &picture,
            domains,
            tiles,
            noise,
            &self.device,
        ))
    }
}

/// Translates one picture of the source's channels, whose sides the generator takes.
pub fn translate_one(
    generator: &Generator,
    picture: &Picture,
    config: &RunConfig,
    noise: &mut Noise,
    device: &Device,
) -> Picture {
    in_pool(|| {
        let range = config.source.range_of(picture);
        let output = generator.forward(picture::to_tensor(picture, range, device), noise);
        picture::from_tensor(output, &config.target)
    })
}

/// Continues a picture to `size` by mirroring it at its right and bottom border, without repeating the
/// border itself, as often as is needed.
pub(crate) fn pad(picture: &Picture, size: [u32; 2]) -> Picture {
    if picture.size() == size {
        return picture.clone();
    }
    let mirrored = |at: u32, side: u32| {
        let period = (2 * (side - 1)).max(1);
        let at = at % period;
        at.min(period - at)
    };
    let [width, height] = picture.size();
    picture.remapped(size, |x, y| [mirrored(x, width), mirrored(y, height)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Samples;

    #[test]
    fn padding_mirrors_without_repeating_the_border() {
        let at = |x: u8, y: u8| [x, y];
        let values = (0..2)
            .flat_map(|y| (0..3).flat_map(move |x| at(x, y)))
            .collect();
        let picture = Picture::new([3, 2], 2, Samples::U8(values));
        let padded = pad(&picture, [8, 4]);
        let Samples::U8(values) = padded.samples() else {
            panic!("the depth stays")
        };
        let row: Vec<u8> = (0..8).map(|x| values[2 * x]).collect();
        assert_eq!(row, [0, 1, 2, 1, 0, 1, 2, 1]);
        let column: Vec<u8> = (0..4).map(|y| values[2 * 8 * y + 1]).collect();
        assert_eq!(column, [0, 1, 0, 1]);
    }
}
