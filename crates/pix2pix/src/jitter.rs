//! Random jitter (paper, appendix 6.2): resize to 286x286, crop 256x256 at random, mirror at random;
//! the same for both pictures of a pair.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::{GenericImageView, RgbImage, imageops};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::pair::Pair;

/// How a pair is varied before a training step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JitterConfig {
    /// Side to which both pictures are resized, in pixels. Paper: 286.
    pub load_size: u32,
    /// Side of the square that is cut out at random. Paper: 256.
    pub crop_size: u32,
    /// Whether half of the pairs are mirrored.
    pub mirror: bool,
}

impl Default for JitterConfig {
    fn default() -> Self {
        Self {
            load_size: 286,
            crop_size: 256,
            mirror: true,
        }
    }
}

impl JitterConfig {
    /// Checks that the crop fits.
    ///
    /// # Errors
    /// When the crop is empty or larger than what it is cut from.
    pub fn validate(&self) -> Result<()> {
        if self.crop_size == 0 || self.crop_size > self.load_size || self.load_size > 1 << 14 {
            return Err(Error::Config(format!(
                "--crop-size {} must be at least 1 and at most --load-size {}, which may be up to {}",
                self.crop_size,
                self.load_size,
                1 << 14
            )));
        }
        Ok(())
    }

    /// The jittered pair. What happens depends on the seed and the sample's number alone: a run's
    /// n-th sample is the same picture whichever thread makes it.
    pub fn apply(&self, pair: &Pair, seed: u64, sample: u64) -> (RgbImage, RgbImage) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(sample);
        let room = self.load_size - self.crop_size;
        let (x, y) = (rng.random_range(0..=room), rng.random_range(0..=room));
        let mirror = self.mirror && rng.random_bool(0.5);
        let vary = |picture: &RgbImage| {
            let loaded = resize(picture, self.load_size, self.load_size);
            let mut cropped = loaded.view(x, y, self.crop_size, self.crop_size).to_image();
            if mirror {
                imageops::flip_horizontal_in_place(&mut cropped);
            }
            cropped
        };
        (vary(&pair.source), vary(&pair.target))
    }
}

/// Resizes with the bicubic filter (Catmull-Rom, widened when shrinking, as Pillow's).
pub fn resize(picture: &RgbImage, width: u32, height: u32) -> RgbImage {
    if picture.dimensions() == (width, height) {
        return picture.clone();
    }
    let from = ImageRef::new(
        picture.width(),
        picture.height(),
        picture.as_raw(),
        PixelType::U8x3,
    )
    .expect("a picture's buffer fits its size");
    let mut to = Image::new(width, height, PixelType::U8x3);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::CatmullRom));
    Resizer::new()
        .resize(&from, &mut to, &options)
        .expect("both have three 8-bit channels");
    RgbImage::from_raw(width, height, to.into_vec()).expect("the buffer fits its size")
}
