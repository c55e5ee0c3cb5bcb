//! Picture file formats, and what is known of a picture before it is decoded.

use std::path::Path;

use image::ImageFormat;
use pix2pix_runtime::words::count;
use serde::{Deserialize, Serialize};

use super::{Depth, Dimensions, MAX_BYTES, MAX_PIXELS, MAX_SIDE, MIN_SIDE, nifti_header};
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
    /// NIfTI-1, a volume of slices, packed by gzip or not.
    Nifti,
}

/// File extensions of the supported picture formats.
pub const EXTENSIONS: [&str; 19] = [
    "jpg", "jpeg", "jpe", "jfif", "jfi", "jif", "pjpeg", "pjp", "png", "webp", "tif", "tiff",
    "btf", "tf8", "gtif", "bmp", "dib", "npy", "nii",
];
/// Extensions of the formats that results are written in, besides [those of volumes](VOLUME_EXTENSIONS).
pub const RESULT_EXTENSIONS: [&str; 3] = ["png", "tif", "npy"];
/// Names of the supported picture formats, for messages.
pub const NAMES: &str = "JPEG, PNG, WebP, TIFF, BMP, npy or NIfTI";

/// Whether a file has the extension of a picture.
pub fn is_picture(path: &Path) -> bool {
    is_volume(path)
        || path.extension().is_some_and(|extension| {
            EXTENSIONS
                .iter()
                .any(|known| extension.eq_ignore_ascii_case(known))
        })
}

/// The extensions of NIfTI volumes: as they are, and packed by gzip.
pub const VOLUME_EXTENSIONS: [&str; 2] = ["nii", "nii.gz"];

/// The extensions of OME-TIFF, of which `ome` is a part.
const OME_EXTENSIONS: [&str; 4] = ["ome.tif", "ome.tiff", "ome.btf", "ome.tf8"];

/// The extension of a NIfTI volume, one of [`VOLUME_EXTENSIONS`]; `None` for other files.
pub fn volume_extension(path: &Path) -> Option<&'static str> {
    one_of(&VOLUME_EXTENSIONS, path)
}

/// The extension of an OME-TIFF, `ome.tif` or one like it; `None` for other files.
pub fn ome_extension(path: &Path) -> Option<&'static str> {
    one_of(&OME_EXTENSIONS, path)
}

/// The extension that a file with a name before it has, in small letters.
fn one_of(extensions: &[&'static str], path: &Path) -> Option<&'static str> {
    let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
    let has = |extension: &&&str| {
        let before = name.strip_suffix(**extension);
        before.is_some_and(|before| before.len() > 1 && before.ends_with('.'))
    };
    extensions.iter().find(has).copied()
}

/// Whether a file has the extension of a TIFF.
pub(crate) fn is_tiff(path: &Path) -> bool {
    let known = ["tif", "tiff", "btf", "tf8", "gtif"];
    path.extension().is_some_and(|extension| {
        known
            .iter()
            .any(|known| extension.eq_ignore_ascii_case(known))
    })
}

/// Whether a file has the extension of a NIfTI volume, `.nii` or `.nii.gz`.
pub fn is_volume(path: &Path) -> bool {
    volume_extension(path).is_some()
}

impl Format {
    /// Detects the format from a file's first bytes.
    pub fn guess(start: &[u8]) -> Option<Self> {
        if start.starts_with(b"\x93NUMPY") {
            return Some(Self::Npy);
        }
        if nifti_header::is(start) {
            return Some(Self::Nifti);
        }
        // BigTIFF, and TIFF whose first page is not at once behind the header
        if [b"II\x2a\0", b"MM\0\x2a", b"II\x2b\0", b"MM\0\x2b"].contains(&start.first_chunk()?) {
            return Some(Self::Tiff);
        }
        match image::guess_format(start).ok()? {
            ImageFormat::Jpeg => Some(Self::Jpeg),
            ImageFormat::Png => Some(Self::Png),
            ImageFormat::WebP => Some(Self::WebP),
            ImageFormat::Bmp => Some(Self::Bmp),
            _ => None,
        }
    }

    /// The `image` crate's format, for the formats that this crate reads with it.
    pub(super) fn of_image_crate(self) -> Option<ImageFormat> {
        match self {
            Self::Png => Some(ImageFormat::Png),
            Self::WebP => Some(ImageFormat::WebP),
            Self::Bmp => Some(ImageFormat::Bmp),
            Self::Jpeg | Self::Tiff | Self::Npy | Self::Nifti => None,
        }
    }

    /// Whether files of this format keep every value as it was written. JPEG does not, and WebP only if it is lossless.
    pub fn is_exact(self) -> bool {
        !matches!(self, Self::Jpeg | Self::WebP)
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
            Self::Nifti => "nii",
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
            Self::Nifti => "NIfTI",
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
    /// Whether the colors are those of a palette in the file, as in many label maps; known of PNG.
    #[serde(default)]
    pub indexed: bool,
    /// Whether the last one of two or four channels is the opacity. PNG, WebP and BMP have no other such channel, a TIFF says so,
    /// a volume has it with colors alone, and npy never: there it is a band like the others.
    // without a default, so that what earlier surveys have kept is read anew
    pub alpha: bool,
    /// Number of files whose channels are joined.
    #[serde(default = "one")]
    pub files: usize,
    /// Whether these files have different types of samples.
    #[serde(default)]
    pub mixed: bool,
}

fn one() -> usize {
    1
}

impl Header {
    /// The header of this picture and another one of its size, when their channels are joined.
    pub(crate) fn and(self, other: &Self) -> Self {
        Self {
            channels: self.channels + other.channels,
            depth: self.depth.max(other.depth),
            indexed: false,
            alpha: false,
            files: self.files + other.files,
            mixed: self.mixed || self.depth != other.depth,
            ..self
        }
    }

    /// Size, channels and type of the samples.
    pub fn dimensions(&self) -> Dimensions {
        Dimensions {
            size: self.size,
            channels: self.channels,
            depth: self.depth,
        }
    }

    /// Number of pixels.
    pub fn pixels(&self) -> u64 {
        let [width, height] = self.size.map(u64::from);
        width * height
    }

    /// Bytes of the decoded samples.
    pub fn bytes(&self) -> u64 {
        let bytes = (self.channels as u64).saturating_mul(self.depth.bytes());
        self.pixels().saturating_mul(bytes)
    }

    /// Checks the size.
    pub(crate) fn check(&self, path: &Path) -> Result<()> {
        let [width, height] = self.size;
        if width.min(height) < MIN_SIDE {
            return Err(too_small(path, self.size));
        }
        let is_long = width.max(height) > MAX_SIDE;
        if is_long || self.pixels() > MAX_PIXELS || self.bytes() > MAX_BYTES {
            return Err(Error::file(
                path,
                format!(
                    "{width}x{height} pixels with {} are too large",
                    count(self.channels as u64, "channel")
                ),
                "a picture may have up to 16384x16384 pixels and 2 GiB: cut it into parts",
            ));
        }
        Ok(())
    }
}

/// The error for a picture that is too small.
pub fn too_small(path: &Path, [width, height]: [u32; 2]) -> Error {
    Error::file(
        path,
        format!("{width}x{height} pixels are too small"),
        format!("every side must have at least {MIN_SIDE} pixels: enlarge or remove it"),
    )
}
