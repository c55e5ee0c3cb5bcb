//! Random jitter (paper, appendix 6.2): resize to 286x286, crop 256x256 at random, mirror at random. Both pictures of
//! a pair get the same crop and mirroring. Other resize policies and augmentations are optional.

use pix2pix_runtime::picture::labels::resize_nearest;
use pix2pix_runtime::picture::nodata::{self, KNOWN};
use pix2pix_runtime::picture::{Size, luma, nearest, resize};
use pix2pix_runtime::scale::is_alike;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::choice::choices;
use crate::data::pair::Pair;
use crate::data::picture::{MAX_SIDE, Picture};
use crate::error::{Error, Result, below_one, setting};

/// How pictures of any size are brought to the input size of the networks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResizePolicy {
    /// Resize to the load size, then crop at random (paper, appendix 6.2).
    #[default]
    ScaleAndCrop,
    /// Crop a part of random size, from the crop size's share of the load size to the whole, and resize it to the crop size. So
    /// a picture is seen at different scales, among them its own. Like torchvision's `RandomResizedCrop`, but with no random
    /// aspect ratio, and uniform in the part's side instead of its area.
    RandomResizedCrop,
    /// Resize to the width of the crop size. The height keeps the aspect ratio, rounded to a multiple that the network
    /// accepts. No crop.
    ScaleWidth,
    /// Crop at random without resizing.
    Crop,
    /// Use the whole picture unchanged.
    None,
}

choices!(ResizePolicy, "way of resizing",
    ScaleAndCrop: "scale-and-crop", "Resize to `load_size`, then crop to `crop_size` at random, as in the paper";
    RandomResizedCrop: "random-resized-crop", "Crop a part of random size, from `crop_size` / `load_size` of the picture to the whole, and resize it to `crop_size`";
    ScaleWidth: "scale-width", "Resize to the width of `crop_size` and keep the aspect ratio";
    Crop: "crop", "Crop to `crop_size` at random, without resizing";
    None: "none", "Use the whole picture, without resizing";
);

impl ResizePolicy {
    /// Whether the networks see pictures of the crop size, whatever the sizes of the data are.
    pub fn makes_crops(self) -> bool {
        match self {
            Self::ScaleAndCrop | Self::RandomResizedCrop | Self::Crop => true,
            Self::ScaleWidth | Self::None => false,
        }
    }

    /// Whether the load size counts.
    fn scales(self) -> bool {
        matches!(self, Self::ScaleAndCrop | Self::RandomResizedCrop)
    }
}

/// Augmentation of a pair before a training step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JitterConfig {
    /// How pictures are brought to the input size.
    #[serde(default)]
    pub resize: ResizePolicy,
    /// Size to which both pictures are resized. Paper: 286. For random resized crops, only larger pictures are resized to it,
    /// and the smallest part is `crop_size` / `load_size` of the picture.
    pub load_size: Size,
    /// Size of the random crop. Paper: 256.
    pub crop_size: Size,
    /// Whether half of the pairs are mirrored left to right.
    pub mirror: bool,
    /// Whether half of the pairs are mirrored top to bottom.
    #[serde(default)]
    pub vertical_mirror: bool,
    /// Whether pairs are rotated by a random multiple of 90 degrees (180 if they are not square).
    #[serde(default)]
    pub turn: bool,
    /// Largest relative change of brightness, contrast and, of red, green and blue, saturation of A, 0 to below 1; 0 for none.
    #[serde(default)]
    pub color: f32,
    /// Sides must be multiples of this many pixels, because every level of the network halves them.
    #[serde(default = "JitterConfig::default_multiple")]
    pub multiple: u32,
}

impl Default for JitterConfig {
    fn default() -> Self {
        Self {
            resize: ResizePolicy::ScaleAndCrop,
            load_size: Self::usual_load_size(Size::square(256)),
            crop_size: Size::square(256),
            mirror: true,
            vertical_mirror: false,
            turn: false,
            color: 0.0,
            multiple: Self::default_multiple(),
        }
    }
}

impl JitterConfig {
    /// The paper's load size for a crop size: 286 for 256, and in proportion for others, as far as a picture may have such sides.
    pub fn usual_load_size(crop_size: Size) -> Size {
        let side = |side: u32| (u64::from(side) * 143 + 64) / 128;
        Size(
            crop_size
                .0
                .map(|crop| side(crop).min(MAX_SIDE.into()) as u32),
        )
    }

    /// 2^8, for the eight levels of the paper's U-Net.
    fn default_multiple() -> u32 {
        256
    }

    /// Checks the sizes and the color jitter.
    ///
    /// # Errors
    /// When the crop is empty or larger than the loaded picture, a side is too long, or another value is out of range.
    pub fn validate(&self) -> Result<()> {
        let ([load_width, load_height], [width, height]) = (self.load_size.0, self.crop_size.0);
        if width.min(height) == 0 || width.max(height) > MAX_SIDE {
            let reason = format!(
                "{} has a side that is not from 1 to {MAX_SIDE}",
                self.crop_size
            );
            return Err(Error::field("crop_size", reason));
        }
        if self.resize.scales() && (width > load_width || height > load_height) {
            let reason = format!(
                "{} is larger than `load_size` {}, to which pictures are resized before the crop; the usual one is {}",
                self.crop_size,
                self.load_size,
                Self::usual_load_size(self.crop_size)
            );
            return Err(Error::field("crop_size", reason));
        }
        if load_width.max(load_height) > MAX_SIDE {
            let reason = format!("{} has a side longer than {MAX_SIDE}", self.load_size);
            return Err(Error::field("load_size", reason));
        }
        setting("multiple", self.multiple, 1..=MAX_SIDE)?;
        below_one("color", self.color)
    }

    /// Input size of the networks, `[width, height]`, for pictures of `size`.
    ///
    /// # Errors
    /// A message, when the resize policy does not accept pictures of this size.
    pub fn seen(&self, size: [u32; 2]) -> std::result::Result<[u32; 2], String> {
        let [width, height] = size;
        match self.resize {
            ResizePolicy::ScaleAndCrop | ResizePolicy::RandomResizedCrop => Ok(self.crop_size.0),
            ResizePolicy::Crop => {
                let [crop_width, crop_height] = self.crop_size.0;
                if crop_width > width || crop_height > height {
                    return Err(format!(
                        "{width}x{height} pixels are smaller than `crop_size` {}",
                        self.crop_size
                    ));
                }
                Ok(self.crop_size.0)
            }
            ResizePolicy::ScaleWidth | ResizePolicy::None => {
                let loaded = self.loaded(size);
                let unit = self.multiple;
                if loaded.iter().all(|side| side.is_multiple_of(unit)) {
                    return Ok(loaded);
                }
                Err(format!(
                    "{width}x{height} pixels are not multiples of {unit}, which the network requires; the \
                     nearest size is {}x{}",
                    nearest(width, unit),
                    nearest(height, unit)
                ))
            }
        }
    }

    /// Size of a picture after resizing, before the crop.
    fn loaded(&self, [width, height]: [u32; 2]) -> [u32; 2] {
        match self.resize {
            ResizePolicy::ScaleAndCrop => self.load_size.0,
            // no larger than it is: the crop is enlarged once, and the whole picture at its own size is not resized at all
            ResizePolicy::RandomResizedCrop => {
                let [load_width, load_height] = self.load_size.0;
                [width.min(load_width), height.min(load_height)]
            }
            ResizePolicy::ScaleWidth => {
                let to = self.crop_size.0[0];
                let scaled = u64::from(height) * u64::from(to) / u64::from(width);
                [
                    to,
                    nearest(scaled.min(u64::from(MAX_SIDE)) as u32, self.multiple),
                ]
            }
            ResizePolicy::Crop | ResizePolicy::None => [width, height],
        }
    }

    /// Size at which the networks know things of a picture of `size`. A crop size that is about the load size counts as that:
    /// contact sheets and scores show whole pictures at it, as the paper's tests do, and networks take it without padding.
    pub fn known(&self, size: [u32; 2]) -> [u32; 2] {
        let (load, crop) = (self.load_size.0, self.crop_size.0);
        let is_between = |axis: usize| (crop[axis]..=load[axis]).contains(&size[axis]);
        match self.resize {
            ResizePolicy::ScaleAndCrop if !is_alike(load, crop) => load,
            // among the scales at which parts are seen is that of the pictures themselves
            ResizePolicy::RandomResizedCrop if is_between(0) && is_between(1) => size,
            ResizePolicy::ScaleAndCrop | ResizePolicy::RandomResizedCrop => crop,
            ResizePolicy::ScaleWidth | ResizePolicy::Crop | ResizePolicy::None => self.loaded(size),
        }
    }

    /// Resizes a pair, without any random step. The cache keeps the result.
    pub fn load(&self, pair: Pair) -> Pair {
        let load =
            |picture: Picture, is_labels| resized(&picture, self.loaded(picture.size()), is_labels);
        Pair {
            source: load(pair.source, pair.labels[0]),
            target: load(pair.target, pair.labels[1]),
            mask: pair
                .mask
                .map(|mask| resized_mask(&mask, self.loaded(mask.size()))),
            ..pair
        }
    }

    /// Crops, mirrors and rotates a loaded pair. The result depends only on the seed and on the sample's number in the
    /// run, not on the thread. A crop in which no pixel has data is drawn again, around one that has.
    pub fn vary(&self, pair: &Pair, seed: u64, sample: u64) -> [Picture; 2] {
        let variation = self.variation(pair, seed, sample);
        let vary = |picture: &Picture, is_labels| {
            variation.of(picture, |part, size| resized(part, size, is_labels))
        };
        [
            vary(&pair.source, pair.labels[0]),
            vary(&pair.target, pair.labels[1]),
        ]
    }

    /// The mask of a loaded pair, cropped, mirrored and rotated as [`vary`](Self::vary) does with its pictures.
    pub fn vary_mask(&self, pair: &Pair, seed: u64, sample: u64) -> Option<Picture> {
        let mask = pair.mask.as_ref()?;
        Some(self.variation(pair, seed, sample).of(mask, resized_mask))
    }

    fn variation(&self, pair: &Pair, seed: u64, sample: u64) -> Variation {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(sample);
        let loaded = pair.source.size();
        let (part, size) = match self.resize {
            ResizePolicy::ScaleAndCrop | ResizePolicy::Crop => (self.crop_size.0, self.crop_size.0),
            ResizePolicy::RandomResizedCrop => {
                let place = rng.random_range(0.0..=1.0);
                let part = [0, 1].map(|axis| {
                    let least =
                        f64::from(self.crop_size.0[axis]) / f64::from(self.load_size.0[axis]);
                    let share = least + place * (1.0 - least);
                    (f64::from(loaded[axis]) * share).round().max(1.0) as u32
                });
                (part, self.crop_size.0)
            }
            ResizePolicy::ScaleWidth | ResizePolicy::None => (loaded, loaded),
        };
        let mut variation = Variation {
            corner: [0, 1].map(|axis| rng.random_range(0..=loaded[axis] - part[axis])),
            part,
            size,
            mirror: self.mirror && rng.random_bool(0.5),
            vertical: self.vertical_mirror && rng.random_bool(0.5),
            quarters: match self.turn {
                false => 0,
                true if size[0] == size[1] => rng.random_range(0..4),
                true => 2 * rng.random_range(0..2),
            },
        };
        if let Some(mask) = &pair.mask
            && !nodata::has_data(&mask.crop(variation.corner, part))
            && let Some(corner) = around_data(mask, part, &mut rng)
        {
            variation.corner = corner;
        }
        variation
    }

    /// Multiplies brightness, contrast and, of red, green and blue, saturation by random factors from 1 - `color` to
    /// 1 + `color`, in this order. `planes` are in [-1, 1], and the results are clamped to that range. Opacity stays as it is,
    /// and so do pixels without data: those that are not `known`, where `None` is all.
    pub fn vary_color(
        &self,
        planes: &mut [f32],
        colors: Colors,
        known: Option<&[bool]>,
        seed: u64,
        sample: u64,
    ) {
        if self.color == 0.0 {
            return;
        }
        let pixels = planes.len() / colors.channels;
        let planes = &mut planes[..colors.of_light() * pixels];
        let before = known.map(|_| planes.to_vec());
        let is_known = |at: usize| known.is_none_or(|known| known[at % pixels]);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        // a separate random stream: this option must not change a sample's crop and mirroring
        rng.set_stream(sample | 1 << 63);
        let mut factor = || rng.random_range(1.0 - self.color..=1.0 + self.color);
        let (brightness, contrast, saturation) = (factor(), factor(), factor());
        for value in planes.iter_mut() {
            *value = (*value + 1.0) / 2.0 * brightness;
        }
        let seen = planes.iter().enumerate().filter(|(at, _)| is_known(*at));
        let (sum, count) = seen.fold((0.0, 0.0), |(sum, count), (_, &value)| {
            (sum + f64::from(value), count + 1.0)
        });
        let mean = (sum / count) as f32;
        for value in planes.iter_mut() {
            *value = mean + (*value - mean) * contrast;
        }
        if colors.are_rgb() {
            for pixel in 0..pixels {
                let gray = luma(&[0, 1, 2].map(|channel| planes[channel * pixels + pixel]));
                for channel in 0..3 {
                    let value = &mut planes[channel * pixels + pixel];
                    *value = gray + (*value - gray) * saturation;
                }
            }
        }
        for value in planes.iter_mut() {
            *value = value.clamp(0.0, 1.0) * 2.0 - 1.0;
        }
        let Some(before) = before else {
            return;
        };
        for (at, (value, before)) in planes.iter_mut().zip(before).enumerate() {
            if !is_known(at) {
                *value = before;
            }
        }
    }

    /// Brings a pair to the input size without any random step (center crop): for contact sheets and measurements.
    ///
    /// # Errors
    /// A message, when the pictures are smaller than the crop.
    pub fn still(&self, pair: Pair) -> std::result::Result<Pair, String> {
        if self.resize == ResizePolicy::Crop {
            self.seen(pair.source.size())?;
        }
        let see = |picture: Picture, is_labels| match self.resize {
            ResizePolicy::ScaleAndCrop | ResizePolicy::RandomResizedCrop => {
                resized(&picture, self.crop_size.0, is_labels)
            }
            ResizePolicy::Crop => {
                let (size, crop) = (picture.size(), self.crop_size.0);
                picture.crop([(size[0] - crop[0]) / 2, (size[1] - crop[1]) / 2], crop)
            }
            ResizePolicy::ScaleWidth | ResizePolicy::None => {
                resized(&picture, self.loaded(picture.size()), is_labels)
            }
        };
        Ok(Pair {
            source: see(pair.source, pair.labels[0]),
            target: see(pair.target, pair.labels[1]),
            // a gap may lie outside of the crop
            mask: pair
                .mask
                .and_then(|mask| nodata::with_gaps(only_whole(&see(mask, false)))),
            ..pair
        })
    }
}

/// What a change of colors takes the channels of a picture for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colors {
    /// Number of channels.
    pub channels: usize,
    /// Whether they are those of several pages, slices or files, none of which is a color or the opacity of the others.
    pub joined: bool,
}

impl Colors {
    /// Number of channels, the first ones, that have brightness: all but an opacity.
    fn of_light(self) -> usize {
        match self.channels {
            2 | 4 if !self.joined => self.channels - 1,
            channels => channels,
        }
    }

    /// Whether these are red, green and blue.
    fn are_rgb(self) -> bool {
        self.of_light() == 3 && !self.joined
    }
}

/// One random crop, mirroring and rotation, for all pictures of a pair.
struct Variation {
    corner: [u32; 2],
    /// Size of the part that is cropped.
    part: [u32; 2],
    /// Size to which the part is resized.
    size: [u32; 2],
    mirror: bool,
    vertical: bool,
    /// Quarter turns.
    quarters: u32,
}

impl Variation {
    fn of(&self, picture: &Picture, resize: impl Fn(&Picture, [u32; 2]) -> Picture) -> Picture {
        let mut varied = picture.crop(self.corner, self.part);
        if self.part != self.size {
            varied = resize(&varied, self.size);
        }
        if self.mirror {
            varied = varied.flip_horizontal();
        }
        if self.vertical {
            varied = varied.flip_vertical();
        }
        if self.quarters > 0 {
            varied = varied.turn(self.quarters);
        }
        varied
    }
}

/// The corner of a random part of this size around a random pixel that has data; `None` if none has.
fn around_data(mask: &Picture, part: [u32; 2], rng: &mut ChaCha8Rng) -> Option<[u32; 2]> {
    let bytes = mask.bytes().iter().enumerate();
    let known = bytes.filter(|(_, byte)| **byte > 0);
    let count = known.clone().count();
    let chosen = (count > 0).then(|| rng.random_range(0..count))?;
    let (place, _) = known.clone().nth(chosen)?;
    let size = mask.size();
    let width = size[0] as usize;
    let pixel = [(place % width) as u32, (place / width) as u32];
    let corner = [0, 1].map(|axis| {
        let least = (pixel[axis] + 1).saturating_sub(part[axis]);
        rng.random_range(least..=pixel[axis].min(size[axis] - part[axis]))
    });
    Some(corner)
}

/// Resizes with the bicubic filter, or a label map by nearest neighbor.
fn resized(picture: &Picture, size: [u32; 2], is_labels: bool) -> Picture {
    match is_labels {
        false => resize(picture, size),
        true => resize_nearest(picture, size),
    }
}

/// Resizes a mask. A pixel that is made of pixels without data, even in part, has none.
fn resized_mask(mask: &Picture, size: [u32; 2]) -> Picture {
    only_whole(&resize(mask, size))
}

fn only_whole(mask: &Picture) -> Picture {
    let known = f32::from(KNOWN);
    mask.map_pixels(|pixel| pixel[0] = if pixel[0] < known { 0.0 } else { known })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jitter(resize: ResizePolicy, load: u32, crop: u32) -> JitterConfig {
        JitterConfig {
            resize,
            load_size: Size::square(load),
            crop_size: Size::square(crop),
            multiple: 64,
            ..JitterConfig::default()
        }
    }

    #[test]
    fn networks_know_pictures_at_the_size_of_training() {
        use ResizePolicy::{Crop, None, RandomResizedCrop, ScaleAndCrop, ScaleWidth};
        for (resize, load, crop, size, expected) in [
            (ScaleAndCrop, 286, 256, [1200, 800], [256, 256]),
            // much smaller crops show the pictures at the load size
            (ScaleAndCrop, 640, 256, [1200, 800], [640, 640]),
            (RandomResizedCrop, 384, 256, [1200, 800], [256, 256]),
            (RandomResizedCrop, 384, 256, [300, 260], [300, 260]),
            (RandomResizedCrop, 384, 256, [100, 300], [256, 256]),
            (ScaleWidth, 286, 256, [1200, 800], [256, 192]),
            (Crop, 286, 256, [1200, 800], [1200, 800]),
            (None, 286, 256, [1200, 800], [1200, 800]),
        ] {
            let found = jitter(resize, load, crop).known(size);
            assert_eq!(found, expected, "{resize} of {size:?}");
        }
    }

    #[test]
    fn the_usual_load_size_follows_the_crop_size() {
        let usual = |crop: [u32; 2]| JitterConfig::usual_load_size(Size(crop)).0;
        assert_eq!(usual([256, 256]), [286, 286]);
        assert_eq!(usual([64, 512]), [72, 572]);
        assert_eq!(usual([MAX_SIDE; 2]), [MAX_SIDE; 2]);
    }

    #[test]
    fn a_crop_fits_into_what_it_is_cut_from() {
        let refused = |load, crop| {
            let checked = jitter(ResizePolicy::ScaleAndCrop, load, crop).validate();
            checked.unwrap_err().to_string()
        };
        assert_eq!(
            refused(286, 512),
            "`crop_size` 512 is larger than `load_size` 286, to which pictures are resized before the crop; the usual one is 572"
        );
        assert!(refused(286, 0).contains("not from 1 to 16384"));
        assert!(refused(MAX_SIDE + 1, 256).starts_with("`load_size` 16385 has a side"));
        assert!(jitter(ResizePolicy::Crop, 286, 512).validate().is_ok());
    }
}
