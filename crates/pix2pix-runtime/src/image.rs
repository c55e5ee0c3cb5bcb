//! Pictures as those of the crate `image`, and back.

use image::{DynamicImage, ImageBuffer, RgbImage};

use crate::error::{Error, Result};
use crate::picture::two_channels::level;
use crate::picture::{Depth, Domain, Picture, Ranges, Samples};
use crate::translate::{TranslateOptions, Translator};

impl Picture {
    /// Converts to 8-bit RGB for display, with the ranges from black to white. With three channels or more, shows the
    /// first three; otherwise shows the first one as gray.
    pub fn to_rgb8(&self, range: impl Into<Ranges>) -> RgbImage {
        fn shown<T: Copy + Into<f32>>(values: &[T], channels: usize, ranges: Ranges) -> Vec<u8> {
            let bands = [0, 1, 2].map(|band| if channels >= 3 { band } else { 0 });
            let bands = bands.map(|band| (band, ranges.of(band)));
            let mut levels = Vec::with_capacity(values.len() / channels * 3);
            for pixel in values.chunks_exact(channels) {
                levels.extend(bands.map(|(band, range)| level(pixel[band].into(), range)));
            }
            levels
        }
        let ranges = range.into();
        let levels = match self.samples() {
            Samples::U8(values) => shown(values, self.channels(), ranges),
            Samples::U16(values) => shown(values, self.channels(), ranges),
            Samples::F32(values) => shown(values, self.channels(), ranges),
        };
        let [width, height] = self.size();
        RgbImage::from_raw(width, height, levels).expect("three levels a pixel")
    }
}

impl Domain {
    /// A picture of this domain as 8-bit RGB for display: ranges from black to white, as [`Picture::to_rgb8`], but two channels
    /// as green and magenta; of label maps the colors of the classes.
    pub fn shown(&self, picture: &Picture) -> RgbImage {
        let range = self.range_of(picture.depth());
        match &self.labels {
            None if picture.channels() == 2 => picture
                .in_green_and_magenta(range)
                .to_rgb8(Depth::U8.range()),
            None => picture.to_rgb8(range),
            Some(labels) => {
                let classes = labels.classes_of(picture).into_iter();
                let colors = labels.by_color().picture(picture.size(), classes);
                colors.to_rgb8(colors.depth().range())
            }
        }
    }
}

impl Domain {
    /// Which channels the colors of [`shown`](Self::shown) are, for a caption; `None` of gray, of colors as such and of
    /// classes.
    pub fn colors_shown(&self) -> Option<String> {
        match self.channels {
            _ if self.labels.is_some() => None,
            2 => Some("green is channel 1, magenta channel 2".to_string()),
            5.. => Some(format!(
                "red, green and blue are channels 1 to 3 of {}",
                self.channels
            )),
            _ => None,
        }
    }
}

impl From<RgbImage> for Picture {
    fn from(picture: RgbImage) -> Self {
        let (width, height) = picture.dimensions();
        Self::new([width, height], 3, Samples::U8(picture.into_raw()))
    }
}

impl TryFrom<DynamicImage> for Picture {
    type Error = Error;

    fn try_from(picture: DynamicImage) -> Result<Self> {
        let size = [picture.width(), picture.height()];
        let (channels, samples) = match picture {
            DynamicImage::ImageLuma8(p) => (1, Samples::U8(p.into_raw())),
            DynamicImage::ImageLumaA8(p) => (2, Samples::U8(p.into_raw())),
            DynamicImage::ImageRgb8(p) => (3, Samples::U8(p.into_raw())),
            DynamicImage::ImageRgba8(p) => (4, Samples::U8(p.into_raw())),
            DynamicImage::ImageLuma16(p) => (1, Samples::U16(p.into_raw())),
            DynamicImage::ImageLumaA16(p) => (2, Samples::U16(p.into_raw())),
            DynamicImage::ImageRgb16(p) => (3, Samples::U16(p.into_raw())),
            DynamicImage::ImageRgba16(p) => (4, Samples::U16(p.into_raw())),
            DynamicImage::ImageRgb32F(p) => (3, Samples::F32(p.into_raw())),
            DynamicImage::ImageRgba32F(p) => (4, Samples::F32(p.into_raw())),
            other => return Err(Error::Picture(format!("{:?} samples", other.color()))),
        };
        Ok(Self::new(size, channels, samples))
    }
}

impl TryFrom<Picture> for DynamicImage {
    type Error = Error;

    fn try_from(picture: Picture) -> Result<Self> {
        let ([width, height], channels, depth) =
            (picture.size(), picture.channels(), picture.depth());
        macro_rules! image {
            ($kind:ident, $samples:expr) => {
                ImageBuffer::from_raw(width, height, $samples).map(DynamicImage::$kind)
            };
        }
        let image = match (channels, picture.into_samples()) {
            (1, Samples::U8(v)) => image!(ImageLuma8, v),
            (2, Samples::U8(v)) => image!(ImageLumaA8, v),
            (3, Samples::U8(v)) => image!(ImageRgb8, v),
            (4, Samples::U8(v)) => image!(ImageRgba8, v),
            (1, Samples::U16(v)) => image!(ImageLuma16, v),
            (2, Samples::U16(v)) => image!(ImageLumaA16, v),
            (3, Samples::U16(v)) => image!(ImageRgb16, v),
            (4, Samples::U16(v)) => image!(ImageRgba16, v),
            (3, Samples::F32(v)) => image!(ImageRgb32F, v),
            (4, Samples::F32(v)) => image!(ImageRgba32F, v),
            _ => None,
        };
        image.ok_or_else(|| {
            let reason = format!("a DynamicImage cannot store {channels} {depth} channels");
            Error::Picture(reason)
        })
    }
}

impl Translator {
    /// Translates a picture of any size as in the paper, with dropout of seed 0. The result has the size of the
    /// picture, and the channels and depth of the model's targets.
    ///
    /// # Errors
    /// [`Error::Picture`], when the picture's channels cannot be converted to those of the model's sources, or
    /// `DynamicImage` does not support the channels and depth of the model's targets.
    pub fn translate(&self, picture: &DynamicImage) -> Result<DynamicImage> {
        let source = Picture::try_from(picture.clone())?;
        let target = self.translate_with(source, &TranslateOptions::default())?;
        DynamicImage::try_from(target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Depth;

    fn domain(channels: usize) -> Domain {
        Domain {
            channels,
            depth: Depth::U16,
            range: Ranges::all([0.0, 510.0]),
            ..Domain::RGB8
        }
    }

    #[test]
    fn two_channels_are_green_and_magenta() {
        let picture = |samples: [u16; 4]| Picture::new([2, 1], 2, Samples::U16(samples.to_vec()));
        let shown = domain(2).shown(&picture([510, 0, 102, 408]));
        assert_eq!(shown.into_raw(), [0, 255, 0, 204, 51, 204]);
        // each channel has a range of its own
        let mut own = domain(2);
        own.range = Ranges::each(&[[0.0, 510.0], [0.0, 1020.0]]).unwrap();
        let shown = own.shown(&picture([510, 0, 102, 408]));
        assert_eq!(shown.into_raw(), [0, 255, 0, 102, 51, 102]);
        // opacity is no color
        let shown = domain(2).shown(&picture([510, 510, 102, 508]));
        assert_eq!(shown.into_raw(), [255, 255, 255, 51, 51, 51]);
    }

    #[test]
    fn captions_say_which_channels_the_colors_are() {
        let said = [1, 2, 3, 4, 5].map(|channels| domain(channels).colors_shown());
        let expected = [
            None,
            Some("green is channel 1, magenta channel 2"),
            None,
            None,
            Some("red, green and blue are channels 1 to 3 of 5"),
        ];
        assert_eq!(said.each_ref().map(|said| said.as_deref()), expected);
    }
}
