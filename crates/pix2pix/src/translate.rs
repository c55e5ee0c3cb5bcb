//! Translation: a trained generator and a picture of any size.

use std::path::Path;

use burn::tensor::Device;
use image::{RgbImage, imageops};

use crate::checkpoint::{self, Checkpoint};
use crate::config::RunConfig;
use crate::device::in_pool;
use crate::error::{Error, Result};
use crate::jitter::resize;
use crate::noise::Noise;
use crate::picture;
use crate::unet::Unet;

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
    generator: Unet,
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
        let channels = (config.generator.in_channels, config.generator.out_channels);
        if channels != (3, 3) {
            return Err(Error::file(
                &path,
                format!("a model from {} to {} channels", channels.0, channels.1),
                "pictures have three channels: give a model for them",
            ));
        }
        Ok(Self {
            generator: checkpoint.generator(&path, &device)?,
            config,
            step,
            device,
        })
    }

    /// Translates a picture; the result has its size. The statistics of this one picture normalize
    /// it, and `noise` is the dropout's.
    pub fn translate(&self, picture: &RgbImage, fit: Fit, noise: &mut Noise) -> RgbImage {
        let (width, height) = picture.dimensions();
        let unit = 1 << self.config.generator.depth;
        match fit {
            Fit::Pad => {
                let padded = pad(
                    picture,
                    width.next_multiple_of(unit),
                    height.next_multiple_of(unit),
                );
                let output = translate_batch_of_one(&self.generator, &padded, noise, &self.device);
                imageops::crop_imm(&output, 0, 0, width, height).to_image()
            }
            Fit::Resize => {
                let nearest = |side: u32| ((side + unit / 2) / unit).max(1) * unit;
                let resized = resize(picture, nearest(width), nearest(height));
                let output = translate_batch_of_one(&self.generator, &resized, noise, &self.device);
                resize(&output, width, height)
            }
        }
    }
}

/// Translates one picture whose sides the generator takes.
pub fn translate_batch_of_one(
    generator: &Unet,
    picture: &RgbImage,
    noise: &mut Noise,
    device: &Device,
) -> RgbImage {
    in_pool(|| {
        let output = generator.forward(picture::to_tensor(&[picture], device), noise);
        picture::from_tensor(output).remove(0)
    })
}

/// Continues a picture to `width` x `height` by mirroring it at its right and bottom border, without
/// repeating the border itself, as often as is needed.
fn pad(picture: &RgbImage, width: u32, height: u32) -> RgbImage {
    let mirrored = |at: u32, side: u32| {
        let period = (2 * (side - 1)).max(1);
        let at = at % period;
        at.min(period - at)
    };
    RgbImage::from_fn(width, height, |x, y| {
        *picture.get_pixel(mirrored(x, picture.width()), mirrored(y, picture.height()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_mirrors_without_repeating_the_border() {
        let picture = RgbImage::from_fn(3, 2, |x, y| image::Rgb([x as u8, y as u8, 0]));
        let padded = pad(&picture, 8, 4);
        let row: Vec<u8> = (0..8).map(|x| padded.get_pixel(x, 0)[0]).collect();
        assert_eq!(row, [0, 1, 2, 1, 0, 1, 2, 1]);
        let column: Vec<u8> = (0..4).map(|y| padded.get_pixel(0, y)[1]).collect();
        assert_eq!(column, [0, 1, 0, 1]);
    }
}
