//! Encoding of pictures as PNG, TIFF, npy, JPEG or WebP.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageFormat, RgbImage};
use pix2pix::data::Domain;
use pix2pix::data::labels::Stored;
use pix2pix::data::picture::{self, Depth, Format, Metadata, Picture};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// JPEG quality, from 1 to 100.
const QUALITY: u8 = 90;

/// A file format for pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// PNG, in the model's channels and 8 or 16 bits.
    #[default]
    Png,
    /// TIFF, in the model's channels and depth.
    #[serde(alias = "tif")]
    Tiff,
    /// npy (NumPy), in the model's channels and depth: height, width, channels.
    Npy,
    /// JPEG, in 8-bit RGB.
    #[serde(alias = "jpg")]
    Jpeg,
    /// Lossless WebP, in 8-bit RGB.
    Webp,
}

impl Encoding {
    /// The media type of the format.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Tiff => "image/tiff",
            Self::Npy => "application/octet-stream",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
        }
    }

    /// The format that stores such pictures without loss and that most programs read.
    pub fn lossless(domain: &Domain) -> Self {
        match Format::Png.for_result(domain.channels, domain.depth) {
            Format::Tiff => Self::Tiff,
            _ => Self::Png,
        }
    }

    /// Encodes a picture with pixel values in the domain's range.
    ///
    /// # Errors
    /// A message, if the format cannot store the picture's channels and depth.
    pub fn encode(self, picture: &Picture, domain: &Domain) -> Result<Vec<u8>, String> {
        let (channels, depth) = (picture.channels(), picture.depth());
        let plain = Metadata::default();
        match self {
            Self::Tiff => return picture::encode(picture, Format::Tiff, &plain),
            Self::Npy => return picture::encode(picture, Format::Npy, &plain),
            Self::Png if Self::lossless(domain) == Self::Png => {
                return picture::encode(picture, Format::Png, &plain);
            }
            Self::Jpeg | Self::Webp if matches!(channels, 1 | 3) => {}
            Self::Png | Self::Jpeg | Self::Webp => {
                return Err(format!(
                    "the model's targets have {channels} {depth} channels, which {} cannot store: ask for format=tiff or \
                     format=npy, or for a rendering to look at with display=on",
                    self.media_type()
                ));
            }
        }
        let shown = DynamicImage::ImageRgb8(domain.shown(picture));
        let mut bytes = Cursor::new(Vec::new());
        let written = match self {
            Self::Jpeg => {
                shown.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, QUALITY))
            }
            _ => shown.write_to(&mut bytes, ImageFormat::WebP),
        };
        written.map_err(|e| e.to_string())?;
        Ok(bytes.into_inner())
    }
}

/// Whether browsers show the PNG of such a picture as it is: 8 bits from black to white, and gray or RGB.
pub fn is_plain(domain: &Domain) -> bool {
    domain.depth == Depth::U8
        && matches!(domain.channels, 1 | 3)
        && domain.range == domain.depth.range().into()
        && !matches!(&domain.labels, Some(labels) if labels.stored == Stored::Ids)
}

/// Whether the files of such a picture have 8 bits over a range of their own: a drawing's values are read over it too.
pub fn has_own_range(domain: &Domain) -> bool {
    domain.depth == Depth::U8
        && matches!(domain.channels, 1 | 3)
        && domain.labels.is_none()
        && domain.range != domain.depth.range().into()
}

/// A picture as a drawing, in 8-bit RGB: a model with this source reads one as the other.
pub fn drawn(source: &Domain, picture: &Picture) -> RgbImage {
    match has_own_range(source) {
        true => picture.to_rgb8(Depth::U8.range()),
        false => source.shown(picture),
    }
}
