//! Pictures with any number of channels and three sample types, and their conversion to the networks' values in
//! [-1, 1].

pub mod decode;
pub mod encode;
pub mod header;

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use image::{DynamicImage, ImageBuffer, RgbImage};

pub use crate::data::depth::Depth;
use crate::data::domain::Domain;
use crate::error::{Error, Result};

pub use decode::{decode, read};
pub use encode::{write, write_png};
pub use header::{Format, Header, is_picture};

/// Minimum length of a picture's sides, in pixels.
pub const MIN_SIDE: u32 = 16;
/// Maximum number of pixels of a picture: 16384x16384.
pub const MAX_PIXELS: u64 = 1 << 28;
/// Maximum size of a decoded picture, in bytes.
pub const MAX_BYTES: u64 = 1 << 31;

/// The samples of a picture, row by row, with interleaved channels: `[height, width, channels]`.
#[derive(Clone, Debug, PartialEq)]
pub enum Samples {
    /// 8 bits.
    U8(Vec<u8>),
    /// 16 bits.
    U16(Vec<u16>),
    /// 32-bit floating point.
    F32(Vec<f32>),
}

impl Samples {
    /// Converts little-endian bytes to samples of this depth; ignores bytes after the last whole sample.
    pub fn from_bytes(depth: Depth, bytes: &[u8]) -> Self {
        match depth {
            Depth::U8 => Self::U8(bytes.to_vec()),
            Depth::U16 => {
                let values = bytes.as_chunks().0.iter();
                Self::U16(values.map(|&bytes| u16::from_le_bytes(bytes)).collect())
            }
            Depth::F32 => {
                let values = bytes.as_chunks().0.iter();
                Self::F32(values.map(|&bytes| f32::from_le_bytes(bytes)).collect())
            }
        }
    }
}

/// Runs `$work` on samples of any depth as `$values`, and wraps the result as samples of that depth.
macro_rules! each_depth {
    ($samples:expr, $values:ident => $work:expr) => {
        match $samples {
            Samples::U8($values) => Samples::U8($work),
            Samples::U16($values) => Samples::U16($work),
            Samples::F32($values) => Samples::F32($work),
        }
    };
}

/// A picture of `width` x `height` pixels with any number of channels.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    width: u32,
    height: u32,
    channels: usize,
    samples: Samples,
}

impl Picture {
    /// Makes a picture of samples `[height, width, channels]`.
    ///
    /// # Panics
    /// When the number of samples does not match the size.
    pub fn new([width, height]: [u32; 2], channels: usize, samples: Samples) -> Self {
        let length = match &samples {
            Samples::U8(values) => values.len(),
            Samples::U16(values) => values.len(),
            Samples::F32(values) => values.len(),
        };
        assert_eq!(
            length,
            width as usize * height as usize * channels,
            "samples of a picture"
        );
        Self {
            width,
            height,
            channels,
            samples,
        }
    }

    /// Width and height in pixels.
    pub fn size(&self) -> [u32; 2] {
        [self.width, self.height]
    }

    /// Number of channels.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// The samples.
    pub fn samples(&self) -> &Samples {
        &self.samples
    }

    /// The bytes of the samples, in native byte order.
    pub fn bytes(&self) -> &[u8] {
        match &self.samples {
            Samples::U8(values) => values,
            Samples::U16(values) => bytemuck::cast_slice(values),
            Samples::F32(values) => bytemuck::cast_slice(values),
        }
    }

    /// Returns the samples and drops the rest.
    pub fn into_samples(self) -> Samples {
        self.samples
    }

    /// Type of the samples.
    pub fn depth(&self) -> Depth {
        match self.samples {
            Samples::U8(_) => Depth::U8,
            Samples::U16(_) => Depth::U16,
            Samples::F32(_) => Depth::F32,
        }
    }

    /// Smallest and largest value; `None` if any is not a number (NaN).
    pub fn extremes(&self) -> Option<[f32; 2]> {
        fn of<T: Copy + Into<f32>>(values: &[T]) -> Option<[f32; 2]> {
            values
                .iter()
                .try_fold([f32::INFINITY, f32::NEG_INFINITY], |[low, high], &value| {
                    let value = value.into();
                    (!value.is_nan()).then(|| [low.min(value), high.max(value)])
                })
        }
        match &self.samples {
            Samples::U8(values) => of(values),
            Samples::U16(values) => of(values),
            Samples::F32(values) => of(values),
        }
    }

    /// Cuts out the rectangle of `[width, height]` pixels whose upper left pixel is `[x, y]`.
    ///
    /// # Panics
    /// When the rectangle is not inside the picture.
    pub fn crop(&self, [x, y]: [u32; 2], [width, height]: [u32; 2]) -> Self {
        assert!(
            x + width <= self.width && y + height <= self.height,
            "the crop is inside"
        );
        let line = self.width as usize * self.channels;
        let (start, length) = (x as usize * self.channels, width as usize * self.channels);
        let rows = y as usize..(y + height) as usize;
        let samples = each_depth!(&self.samples, values => {
            rows.flat_map(|row| &values[row * line + start..][..length]).copied().collect()
        });
        Self::new([width, height], self.channels, samples)
    }

    /// Joins this picture and `right` side by side.
    ///
    /// # Panics
    /// When they differ in height, channels or depth.
    pub fn beside(&self, right: &Self) -> Self {
        assert_eq!(
            (self.height, self.channels),
            (right.height, right.channels),
            "pictures side by side"
        );
        fn rows<T: Copy>(left: &[T], right: &[T], height: usize) -> Vec<T> {
            let lines = left
                .chunks_exact(left.len() / height)
                .zip(right.chunks_exact(right.len() / height));
            lines
                .flat_map(|(left, right)| left.iter().chain(right))
                .copied()
                .collect()
        }
        let height = self.height as usize;
        let samples = match (&self.samples, &right.samples) {
            (Samples::U8(l), Samples::U8(r)) => Samples::U8(rows(l, r, height)),
            (Samples::U16(l), Samples::U16(r)) => Samples::U16(rows(l, r, height)),
            (Samples::F32(l), Samples::F32(r)) => Samples::F32(rows(l, r, height)),
            _ => panic!("pictures side by side have one depth"),
        };
        Self::new(
            [self.width + right.width, self.height],
            self.channels,
            samples,
        )
    }

    /// Mirrored left to right.
    pub fn flip_horizontal(&self) -> Self {
        self.remapped([self.width, self.height], |x, y| [self.width - 1 - x, y])
    }

    /// Mirrored top to bottom.
    pub fn flip_vertical(&self) -> Self {
        self.remapped([self.width, self.height], |x, y| [x, self.height - 1 - y])
    }

    /// Rotated clockwise by `quarters` times 90 degrees.
    pub fn turn(&self, quarters: u32) -> Self {
        let (width, height) = (self.width, self.height);
        match quarters % 4 {
            0 => self.clone(),
            1 => self.remapped([height, width], |x, y| [y, height - 1 - x]),
            2 => self.remapped([width, height], |x, y| [width - 1 - x, height - 1 - y]),
            _ => self.remapped([height, width], |x, y| [width - 1 - y, x]),
        }
    }

    /// A picture of `size` whose pixel (x, y) is this one's at `place(x, y)`.
    pub fn remapped(&self, size: [u32; 2], place: impl Fn(u32, u32) -> [u32; 2]) -> Self {
        let channels = self.channels;
        let places = (0..size[1]).flat_map(|y| (0..size[0]).map(move |x| (x, y)));
        let starts = places.map(|(x, y)| {
            let [x, y] = place(x, y);
            (y as usize * self.width as usize + x as usize) * channels
        });
        let samples = each_depth!(&self.samples, values => {
            starts.flat_map(|start| &values[start..start + channels]).copied().collect()
        });
        Self::new(size, channels, samples)
    }

    /// Converts to `channels` channels: gray to RGB by repetition, RGB to gray by luma (ITU-R BT.601, as Pillow); drops
    /// alpha, or adds it as opaque.
    ///
    /// # Errors
    /// [`Error::Picture`], when there is no such conversion.
    pub fn with_channels(self, channels: usize) -> Result<Self> {
        if channels == self.channels {
            return Ok(self);
        }
        let pick: fn(&[f32], f32) -> Vec<f32> = match (self.channels, channels) {
            (1, 2) => |p, opaque| vec![p[0], opaque],
            (1 | 2, 3) => |p, _| vec![p[0]; 3],
            (1, 4) => |p, opaque| vec![p[0], p[0], p[0], opaque],
            (2, 1) => |p, _| vec![p[0]],
            (2, 4) => |p, _| vec![p[0], p[0], p[0], p[1]],
            (3 | 4, 1) => |p, _| vec![luma(p)],
            (3, 2) => |p, opaque| vec![luma(p), opaque],
            (3, 4) => |p, opaque| vec![p[0], p[1], p[2], opaque],
            (4, 2) => |p, _| vec![luma(p), p[3]],
            (4, 3) => |p, _| p[..3].to_vec(),
            (from, to) => {
                let reason = format!("{from} channels cannot become {to}");
                return Err(Error::Picture(reason));
            }
        };
        let (size, from, opaque) = (self.size(), self.channels, self.depth().range()[1]);
        let convert = |values: &mut dyn Iterator<Item = f32>| -> Vec<f32> {
            let values: Vec<f32> = values.collect();
            values
                .chunks_exact(from)
                .flat_map(|pixel| pick(pixel, opaque))
                .collect()
        };
        let samples = match self.samples {
            Samples::U8(v) => Samples::U8(
                convert(&mut v.into_iter().map(f32::from))
                    .into_iter()
                    .map(|x| x.round() as u8)
                    .collect(),
            ),
            Samples::U16(v) => Samples::U16(
                convert(&mut v.into_iter().map(f32::from))
                    .into_iter()
                    .map(|x| x.round() as u16)
                    .collect(),
            ),
            Samples::F32(v) => Samples::F32(convert(&mut v.into_iter())),
        };
        Ok(Self::new(size, channels, samples))
    }

    /// Converts to planes `[channels, height, width]`, and maps `range` to [-1, 1].
    pub fn to_planes(&self, [low, high]: [f32; 2]) -> Vec<f32> {
        let half = (high - low) / 2.0;
        fn planes<T: Copy + Into<f32>>(
            values: &[T],
            channels: usize,
            map: impl Fn(f32) -> f32 + Copy,
        ) -> Vec<f32> {
            let plane = move |channel| values.iter().skip(channel).step_by(channels);
            (0..channels)
                .flat_map(|channel| plane(channel).map(move |&v| map(v.into())))
                .collect()
        }
        let map = |value: f32| (value - low) / half - 1.0;
        match &self.samples {
            Samples::U8(values) => planes(values, self.channels, map),
            Samples::U16(values) => planes(values, self.channels, map),
            Samples::F32(values) => planes(values, self.channels, map),
        }
    }

    /// Makes a picture of `domain` from planes `[channels, height, width]` in [-1, 1]. Integer samples are rounded and
    /// clamped.
    ///
    /// # Panics
    /// When there are fewer values than the size requires.
    pub fn from_planes(planes: &[f32], size: [u32; 2], domain: &Domain) -> Self {
        let plane = size[0] as usize * size[1] as usize;
        let [low, high] = domain.range;
        let half = (high - low) / 2.0;
        let channels = domain.channels;
        let values = (0..plane).flat_map(|pixel| {
            (0..channels).map(move |channel| (planes[channel * plane + pixel] + 1.0) * half + low)
        });
        // `as` clamps, and maps NaN to 0
        let samples = match domain.depth {
            Depth::U8 => Samples::U8(values.map(|x| x.round() as u8).collect()),
            Depth::U16 => Samples::U16(values.map(|x| x.round() as u16).collect()),
            Depth::F32 => Samples::F32(values.collect()),
        };
        Self::new(size, channels, samples)
    }

    /// Converts to 8-bit RGB for display, with `range` from black to white. With three channels or more, shows the
    /// first three; otherwise shows the first one as gray.
    pub fn to_rgb8(&self, range: [f32; 2]) -> RgbImage {
        let planes = self.to_planes(range);
        let plane = self.width as usize * self.height as usize;
        let channel = |index: usize| if self.channels >= 3 { index } else { 0 };
        RgbImage::from_fn(self.width, self.height, |x, y| {
            let at = y as usize * self.width as usize + x as usize;
            let value = |index| (planes[channel(index) * plane + at] + 1.0) * 127.5;
            image::Rgb([0, 1, 2].map(|index| value(index).round() as u8))
        })
    }
}

/// The luma of red, green and blue (ITU-R BT.601, as Pillow).
pub(crate) fn luma(pixel: &[f32]) -> f32 {
    0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2]
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

/// Lists the pictures of a folder, sorted by name; skips other files and subfolders.
///
/// # Errors
/// When the folder cannot be read or contains no pictures.
pub fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |e| Error::io(folder, "read the folder", e);
    let mut pictures = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if is_picture(&path) && path.is_file() {
            pictures.push(path);
        }
    }
    if pictures.is_empty() {
        return Err(Error::file(
            folder,
            format!("the folder contains no {} picture", header::NAMES),
            "put pictures into it or choose another folder",
        ));
    }
    pictures.sort();
    Ok(pictures)
}

/// Converts a picture to a batch of one, `[1, channels, height, width]`, and maps `range` to [-1, 1].
pub fn to_tensor(picture: &Picture, range: [f32; 2], device: &Device) -> Tensor<4> {
    let [width, height] = picture.size().map(|side| side as usize);
    let shape = [1, picture.channels(), height, width];
    Tensor::from_data(TensorData::new(picture.to_planes(range), shape), device)
}

/// Converts a batch of one, `[1, channels, height, width]` in [-1, 1], to a picture of `domain`.
pub fn from_tensor(batch: Tensor<4>, domain: &Domain) -> Picture {
    let [pictures, channels, height, width] = batch.dims();
    assert_eq!(
        [pictures, channels],
        [1, domain.channels],
        "one picture of the domain"
    );
    let data = batch.into_data().convert::<f32>();
    let planes = data.as_slice::<f32>().expect("converted to f32 above");
    Picture::from_planes(planes, [width as u32, height as u32], domain)
}
