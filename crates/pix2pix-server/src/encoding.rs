//! Encoding of pictures as PNG, JPEG or WebP.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageFormat};
use pix2pix::data::Domain;
use pix2pix::data::picture::{Depth, Picture};
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
    /// JPEG, in 8-bit RGB.
    Jpeg,
    /// Lossless WebP, in 8-bit RGB.
    Webp,
}

impl Encoding {
    /// The media type of the format.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
        }
    }

    /// Encodes a picture with pixel values in the domain's range.
    ///
    /// # Errors
    /// A message, if the format cannot store the picture's channels and depth.
    pub fn encode(self, picture: Picture, domain: &Domain) -> Result<Vec<u8>, String> {
        let image = match (self, picture.depth(), picture.channels()) {
            (Self::Png, Depth::U8 | Depth::U16, 1..=4) => {
                DynamicImage::try_from(picture).map_err(|e| e.to_string())?
            }
            (_, _, 1 | 3) => DynamicImage::ImageRgb8(picture.to_rgb8(domain.range)),
            (_, depth, channels) => {
                return Err(format!(
                    "the model's targets have {channels} {depth} channels, which {} cannot store",
                    self.media_type()
                ));
            }
        };
        let mut bytes = Cursor::new(Vec::new());
        let written = match self {
            Self::Png => image.write_to(&mut bytes, ImageFormat::Png),
            Self::Jpeg => {
                image.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, QUALITY))
            }
            Self::Webp => image.write_to(&mut bytes, ImageFormat::WebP),
        };
        written.map_err(|e| e.to_string())?;
        Ok(bytes.into_inner())
    }
}
