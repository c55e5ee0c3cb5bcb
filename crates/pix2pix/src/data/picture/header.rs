//! Reads the header of a picture file and checks that its end is there. This takes seconds for thousands of files, and
//! rejects decompression bombs before they are decoded.

use std::io::{self, BufRead, Read, Seek, SeekFrom};
use std::path::Path;

use image::metadata::Orientation;
use image::{ColorType, ImageDecoder, ImageFormat, ImageReader, Limits};
use npyz::{NpyHeader, TypeChar};
use serde::{Deserialize, Serialize};
use tiff::decoder::Decoder;
use tiff::tags::{SampleFormat, Tag};

use super::{Depth, MAX_BYTES, MAX_PIXELS, MIN_SIDE};
use crate::error::{Error, Result};

/// A picture file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Format {
    /// JPEG; CMYK becomes RGB.
    Jpeg,
    /// PNG of 8 or 16 bits; palettes and lower bit depths are expanded to 8 bits.
    Png,
    /// WebP.
    WebP,
    /// TIFF of 8 or 16 bits or floating point, with any number of bands.
    Tiff,
    /// Windows bitmap.
    Bmp,
    /// NumPy array, height x width or height x width x channels.
    Npy,
}

/// File extensions of the supported picture formats.
pub const EXTENSIONS: [&str; 8] = ["jpg", "jpeg", "png", "webp", "tif", "tiff", "bmp", "npy"];
/// Names of the supported picture formats, for messages.
pub const NAMES: &str = "JPEG, PNG, WebP, TIFF, BMP or npy";

/// Whether a file has the extension of a picture.
pub fn is_picture(path: &Path) -> bool {
    path.extension().is_some_and(|extension| {
        EXTENSIONS
            .iter()
            .any(|known| extension.eq_ignore_ascii_case(known))
    })
}

impl Format {
    /// Detects the format from a file's first bytes.
    pub fn guess(start: &[u8]) -> Option<Self> {
        if start.starts_with(b"\x93NUMPY") {
            return Some(Self::Npy);
        }
        match image::guess_format(start).ok()? {
            ImageFormat::Jpeg => Some(Self::Jpeg),
            ImageFormat::Png => Some(Self::Png),
            ImageFormat::WebP => Some(Self::WebP),
            ImageFormat::Tiff => Some(Self::Tiff),
            ImageFormat::Bmp => Some(Self::Bmp),
            _ => None,
        }
    }

    /// The `image` crate's format, for the formats that this crate reads with it.
    fn of_image_crate(self) -> Option<ImageFormat> {
        match self {
            Self::Jpeg => Some(ImageFormat::Jpeg),
            Self::Png => Some(ImageFormat::Png),
            Self::WebP => Some(ImageFormat::WebP),
            Self::Bmp => Some(ImageFormat::Bmp),
            Self::Tiff | Self::Npy => None,
        }
    }

    /// The file extension.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::WebP => "webp",
            Self::Tiff => "tif",
            Self::Bmp => "bmp",
            Self::Npy => "npy",
        }
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::WebP => "WebP",
            Self::Tiff => "TIFF",
            Self::Bmp => "BMP",
            Self::Npy => "npy",
        })
    }
}

/// Format and dimensions of a picture, before decoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// File format.
    pub format: Format,
    /// Width and height in pixels, after the file's orientation is applied.
    pub size: [u32; 2],
    /// Number of channels.
    pub channels: usize,
    /// Type of the samples.
    pub depth: Depth,
}

/// A reader from which headers are read.
pub trait Source: BufRead + Seek {}
impl<T: BufRead + Seek + ?Sized> Source for T {}

impl Header {
    /// Reads the header of a file; `path` is for messages.
    ///
    /// # Errors
    /// When the file has no known picture format, is truncated, too small or too large.
    pub fn read(path: &Path, file: &mut dyn Source) -> Result<Self> {
        let mut start = Vec::new();
        file.rewind()
            .and_then(|()| file.take(32).read_to_end(&mut start))
            .and_then(|_| file.rewind())
            .map_err(|e| Error::io(path, "read the picture", e))?;
        let format = Format::guess(&start)
            .ok_or_else(|| Error::file(path, format!("not a {NAMES} picture"), REMEDY))?;
        let header = match format {
            Format::Npy => npy(file),
            Format::Tiff => tiff(file),
            _ => plain(format, file),
        };
        let header = header.map_err(|reason| damaged(path, format, &reason))?;
        is_whole(format, file).map_err(|reason| damaged(path, format, &reason))?;
        header.check(path)?;
        Ok(header)
    }

    /// Checks the size.
    fn check(&self, path: &Path) -> Result<()> {
        let [width, height] = self.size;
        if width.min(height) < MIN_SIDE {
            return Err(too_small(path, self.size));
        }
        let pixels = u64::from(width) * u64::from(height);
        let bytes = pixels.saturating_mul(self.channels as u64 * self.depth.bytes());
        if pixels > MAX_PIXELS || bytes > MAX_BYTES {
            return Err(Error::file(
                path,
                format!(
                    "{width}x{height} pixels with {} channels are too large",
                    self.channels
                ),
                "a picture may have up to 16384x16384 pixels and 2 GiB: cut it into parts",
            ));
        }
        Ok(())
    }
}

/// What to do about a broken file.
const REMEDY: &str = "replace or remove the file";

/// The error for a file that cannot be decoded.
pub(super) fn damaged(path: &Path, format: Format, reason: &str) -> Error {
    Error::file(path, format!("damaged {format} picture ({reason})"), REMEDY)
}

/// The error for a picture that is too small.
pub fn too_small(path: &Path, [width, height]: [u32; 2]) -> Error {
    Error::file(
        path,
        format!("{width}x{height} pixels are too small"),
        format!("every side must have at least {MIN_SIDE} pixels: enlarge or remove it"),
    )
}

/// Makes a decoder of the `image` crate, with a limit on the memory that it allocates.
pub(super) fn decoder<'a>(
    format: Format,
    file: impl Source + 'a,
) -> std::result::Result<impl ImageDecoder + 'a, String> {
    let mut reader = ImageReader::new(file);
    reader.set_format(format.of_image_crate().expect("of the image crate"));
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(2 * MAX_BYTES);
    reader.limits(limits);
    reader.into_decoder().map_err(|e| e.to_string())
}

fn plain(format: Format, file: &mut dyn Source) -> std::result::Result<Header, String> {
    let mut decoder = decoder(format, file)?;
    let (width, height) = decoder.dimensions();
    let (channels, depth) = match decoder.color_type() {
        ColorType::L8 => (1, Depth::U8),
        ColorType::La8 => (2, Depth::U8),
        ColorType::Rgb8 => (3, Depth::U8),
        ColorType::Rgba8 => (4, Depth::U8),
        ColorType::L16 => (1, Depth::U16),
        ColorType::La16 => (2, Depth::U16),
        ColorType::Rgb16 => (3, Depth::U16),
        ColorType::Rgba16 => (4, Depth::U16),
        other => return Err(format!("unsupported {other:?} samples")),
    };
    let turned = matches!(
        decoder.orientation().unwrap_or(Orientation::NoTransforms),
        Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH
    );
    let size = if turned {
        [height, width]
    } else {
        [width, height]
    };
    Ok(Header {
        format,
        size,
        channels,
        depth,
    })
}

fn tiff(file: &mut dyn Source) -> std::result::Result<Header, String> {
    let length = length(file).map_err(|e| e.to_string())?;
    let mut decoder = Decoder::new(file).map_err(|e| e.to_string())?;
    let (width, height) = decoder.dimensions().map_err(|e| e.to_string())?;
    let color = decoder.colortype().map_err(|e| e.to_string())?;
    use tiff::ColorType::{Gray, GrayA, Multiband, RGB, RGBA, YCbCr};
    let channels = match color {
        Gray(_) => 1,
        GrayA(_) => 2,
        RGB(_) | YCbCr(_) => 3,
        RGBA(_) => 4,
        Multiband { num_samples, .. } => usize::from(num_samples),
        // palettes, CMYK, Lab
        other => {
            return Err(format!(
                "unsupported colour type {other:?}; save it as gray, RGB or multiband"
            ));
        }
    };
    let format = decoder
        .find_tag_unsigned_vec::<u16>(Tag::SampleFormat)
        .map_err(|e| e.to_string())?
        .and_then(|all| all.first().copied())
        .map_or(SampleFormat::Uint, SampleFormat::from_u16_exhaustive);
    let depth = match (color.bit_depth(), format) {
        (8, SampleFormat::Uint | SampleFormat::Void) => Depth::U8,
        (16, SampleFormat::Uint | SampleFormat::Void) => Depth::U16,
        (8 | 16 | 32 | 64, _) => Depth::F32,
        (bits, _) => {
            return Err(format!(
                "unsupported samples of {bits} bits; save it with 8, 16 or 32"
            ));
        }
    };
    for (starts, counts) in [
        (Tag::StripOffsets, Tag::StripByteCounts),
        (Tag::TileOffsets, Tag::TileByteCounts),
    ] {
        let mut values = |tag| {
            decoder
                .find_tag_unsigned_vec::<u64>(tag)
                .ok()
                .flatten()
                .unwrap_or_default()
        };
        let ends = values(starts)
            .into_iter()
            .zip(values(counts))
            .map(|(start, count)| start.saturating_add(count));
        if ends.max().is_some_and(|end| end > length) {
            return Err("it is truncated".to_string());
        }
    }
    Ok(Header {
        format: Format::Tiff,
        size: [width, height],
        channels,
        depth,
    })
}

fn npy(file: &mut dyn Source) -> std::result::Result<Header, String> {
    let length = length(file).map_err(|e| e.to_string())?;
    let header = NpyHeader::from_reader(&mut *file).map_err(|e| e.to_string())?;
    let start = file.stream_position().map_err(|e| e.to_string())?;
    let side = |side: u64| u32::try_from(side).map_err(|_| "a side is too long".to_string());
    let (size, channels) = match header.shape() {
        [height, width] => ([side(*width)?, side(*height)?], 1),
        [height, width, channels @ 1..=1024] => {
            ([side(*width)?, side(*height)?], *channels as usize)
        }
        shape => {
            return Err(format!(
                "an array of shape {shape:?}; it must be height x width, or height x width x channels"
            ));
        }
    };
    let (kind, bytes) = npy_type(&header)?;
    let expected = header
        .shape()
        .iter()
        .fold(bytes, |product, &side| product.saturating_mul(side));
    if start.saturating_add(expected) > length {
        return Err("it is truncated".to_string());
    }
    let depth = match (kind, bytes) {
        (TypeChar::Uint | TypeChar::Bool, 1) => Depth::U8,
        (TypeChar::Uint, 2) => Depth::U16,
        _ => Depth::F32,
    };
    Ok(Header {
        format: Format::Npy,
        size,
        channels,
        depth,
    })
}

/// Type of an array's values: kind and number of bytes.
pub(super) fn npy_type(header: &NpyHeader) -> std::result::Result<(TypeChar, u64), String> {
    let unknown = || format!("unsupported values of the type {}", header.dtype().descr());
    match header.dtype() {
        npyz::DType::Plain(kind) => match (kind.type_char(), kind.size_field()) {
            (TypeChar::Uint | TypeChar::Int, bytes @ (1 | 2 | 4 | 8)) => {
                Ok((kind.type_char(), bytes))
            }
            (TypeChar::Float, bytes @ (4 | 8)) => Ok((TypeChar::Float, bytes)),
            (TypeChar::Bool, 1) => Ok((TypeChar::Bool, 1)),
            _ => Err(unknown()),
        },
        _ => Err(unknown()),
    }
}

fn length(file: &mut dyn Source) -> io::Result<u64> {
    let length = file.seek(SeekFrom::End(0))?;
    file.rewind()?;
    Ok(length)
}

/// Number of bytes at the end of a file that are searched for its end marker.
const TAIL: u64 = 1 << 16;

/// Checks that the end of a file is there. Decoders do not reject a truncated JPEG but fill the missing part with gray,
/// which a network would learn.
pub(super) fn is_whole(format: Format, file: &mut dyn Source) -> std::result::Result<(), String> {
    let whole = (|| -> io::Result<bool> {
        let length = length(file)?;
        let mut tail = Vec::new();
        let mut tail_from = |file: &mut dyn Source, start: u64| {
            file.seek(SeekFrom::Start(start))?;
            tail.clear();
            file.take(TAIL).read_to_end(&mut tail)?;
            Ok::<_, io::Error>(tail.clone())
        };
        match format {
            Format::Jpeg => {
                let scan = jpeg_scan(file, length)?;
                let tail = tail_from(file, length.saturating_sub(TAIL).max(scan))?;
                Ok(tail.windows(2).any(|pair| pair == [0xff, 0xd9]))
            }
            Format::Png => {
                let tail = tail_from(file, length.saturating_sub(TAIL))?;
                Ok(tail.windows(8).any(|end| end == b"IEND\xae\x42\x60\x82"))
            }
            Format::WebP | Format::Bmp => {
                let start = tail_from(file, 0)?;
                let at = if format == Format::WebP { 4 } else { 2 };
                let said = start
                    .get(at..at + 4)
                    .and_then(|bytes| bytes.try_into().ok());
                let said = u64::from(said.map_or(0, u32::from_le_bytes));
                Ok(said + if format == Format::WebP { 8 } else { 0 } <= length)
            }
            // checked with their headers
            Format::Tiff | Format::Npy => Ok(true),
        }
    })();
    match whole {
        Ok(true) => Ok(()),
        Ok(false) => Err("it is truncated: its end is missing".to_string()),
        Err(e) => Err(e.to_string()),
    }
}

/// Position of a JPEG's compressed data. An embedded thumbnail before it may have an end marker of its own.
fn jpeg_scan(file: &mut dyn Source, length: u64) -> io::Result<u64> {
    let mut at = 2;
    while at + 4 <= length {
        file.seek(SeekFrom::Start(at))?;
        let mut marker = [0; 4];
        file.read_exact(&mut marker)?;
        let [0xff, kind, high, low] = marker else {
            return Ok(length); // not at a marker: the file is damaged
        };
        match kind {
            0xff => at += 1,               // padding
            0x01 | 0xd0..=0xd8 => at += 2, // markers without content
            _ => {
                at += 2 + u64::from(u16::from_be_bytes([high, low]));
                if kind == 0xda {
                    break;
                }
            }
        }
    }
    Ok(at.min(length))
}
