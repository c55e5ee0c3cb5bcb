//! Pictures in memory, with any number of channels and three sample types, and their conversion to the networks' values
//! in [-1, 1].

mod depth;
mod domain;
pub mod labels;
pub mod nodata;
mod pad;
mod ranges;
mod resize;
mod size;
pub(crate) mod two_channels;

use crate::error::{Error, Result};
use crate::words;

pub use depth::Depth;
pub use domain::Domain;
pub use labels::Labels;
pub use nodata::Nodata;
pub use pad::pad;
pub use ranges::Ranges;
pub use resize::resize;
pub use size::{InvalidSize, MAX_SIDE, Size, nearest};

/// Allowed numbers of channels of a picture.
pub const CHANNELS: std::ops::RangeInclusive<usize> = 1..=16;
/// Allowed numbers of channels of a network: those of a picture, or a class in each.
pub const PLANES: std::ops::RangeInclusive<usize> = 1..=256;
/// Minimum length of a picture's sides, in pixels.
pub const MIN_SIDE: u32 = 16;
/// Maximum number of pixels of a picture: 16384x16384.
pub const MAX_PIXELS: u64 = 1 << 28;

/// Checks the size of a picture that is not read from a file, such as an array or a canvas.
///
/// # Errors
/// [`Error::Picture`], when a side has fewer than [`MIN_SIDE`] pixels, or there are more than [`MAX_PIXELS`].
pub fn check_size([width, height]: [u32; 2]) -> Result<()> {
    let pixels = u64::from(width) * u64::from(height);
    if width.min(height) >= MIN_SIDE && pixels <= MAX_PIXELS {
        return Ok(());
    }
    Err(Error::Picture(format!(
        "a picture of {width}x{height} pixels; it must have at least {MIN_SIDE} on every side, and at most {MAX_PIXELS} in all"
    )))
}

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

impl Samples {
    /// Number of samples.
    #[allow(clippy::len_without_is_empty)] // a picture has pixels
    pub fn len(&self) -> usize {
        match self {
            Self::U8(values) => values.len(),
            Self::U16(values) => values.len(),
            Self::F32(values) => values.len(),
        }
    }

    /// Samples of this depth with these values. Integers are rounded and clamped; NaN becomes 0.
    pub fn of_floats(depth: Depth, values: impl Iterator<Item = f32>) -> Self {
        match depth {
            Depth::U8 => Self::U8(values.map(|x| x.round() as u8).collect()),
            Depth::U16 => Self::U16(values.map(|x| x.round() as u16).collect()),
            Depth::F32 => Self::F32(values.collect()),
        }
    }

    /// Joins the channels of several pictures of one size and depth, each with `channels`, pixel by pixel.
    ///
    /// # Panics
    /// When there are no pictures, or they differ in depth or length.
    pub fn interleave(mut pictures: Vec<Self>, channels: usize) -> Self {
        if pictures.len() == 1 {
            return pictures.remove(0);
        }
        fn pixels<T: Copy>(pictures: &[&[T]], channels: usize) -> Vec<T> {
            let length = pictures[0].len();
            assert!(pictures.iter().all(|picture| picture.len() == length));
            let starts = (0..length).step_by(channels);
            let pixel = |at| pictures.iter().flat_map(move |p| &p[at..at + channels]);
            starts.flat_map(pixel).copied().collect()
        }
        macro_rules! all {
            ($kind:ident) => {{
                let slices = pictures.iter().map(|picture| match picture {
                    Self::$kind(values) => values.as_slice(),
                    _ => panic!("pictures of one depth"),
                });
                Self::$kind(pixels(&slices.collect::<Vec<_>>(), channels))
            }};
        }
        match &pictures[0] {
            Self::U8(_) => all!(U8),
            Self::U16(_) => all!(U16),
            Self::F32(_) => all!(F32),
        }
    }

    /// Brings samples that are stored column by column, channel by channel (Fortran order) into this type's order.
    pub fn in_rows(self, [width, height]: [u32; 2], channels: usize) -> Self {
        let (width, height) = (width as usize, height as usize);
        let place = move |index: usize| {
            let (channel, pixel) = (index % channels, index / channels);
            let (x, y) = (pixel % width, pixel / width);
            y + height * (x + width * channel)
        };
        each_depth!(self, values => (0..values.len()).map(|index| values[place(index)]).collect())
    }

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

/// How many samples of a picture a network cannot be given as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outside {
    /// Samples of the picture.
    pub samples: usize,
    /// Samples outside of their range, which are clipped.
    pub clipped: usize,
    /// Samples that are infinite or not a number (NaN).
    pub unknown: usize,
}

impl Outside {
    /// Adds the counts of another picture.
    pub fn add(&mut self, other: Self) {
        self.samples += other.samples;
        self.clipped += other.clipped;
        self.unknown += other.unknown;
    }

    /// Whether most samples lie outside, so that the range must be wrong.
    pub fn is_most(&self) -> bool {
        2 * self.clipped > self.samples
    }

    /// The clipped share in percent, e.g. "1.5%".
    pub fn share(&self) -> String {
        words::percent(self.clipped as f64 / self.samples.max(1) as f64)
    }
}

/// What the samples of a picture are, without their values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dimensions {
    /// Width and height in pixels.
    pub size: [u32; 2],
    /// Number of channels.
    pub channels: usize,
    /// Type of the samples.
    pub depth: Depth,
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
    /// Makes a picture of samples `[height, width, channels]`, none of which is 0. Sizes of files and of arrays are checked
    /// before: see [`check_size`].
    ///
    /// # Panics
    /// When the number of samples does not match the size, and with debug assertions when there are none.
    pub fn new([width, height]: [u32; 2], channels: usize, samples: Samples) -> Self {
        debug_assert_ne!(samples.len(), 0, "samples of a picture");
        assert_eq!(
            samples.len(),
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

    /// Size, channels and type of the samples.
    pub fn dimensions(&self) -> Dimensions {
        Dimensions {
            size: self.size(),
            channels: self.channels,
            depth: self.depth(),
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

    /// Joins the channels of pictures of one size, in the deepest of their types; values stay as they are.
    ///
    /// # Panics
    /// When there are none, or they differ in size.
    pub fn with_all_channels(pictures: &[Self]) -> Self {
        let size = pictures[0].size();
        assert!(
            pictures.iter().all(|picture| picture.size() == size),
            "pictures of one size"
        );
        let depths = pictures.iter().map(Self::depth);
        let depth = depths.max().expect("there is one");
        let values: Vec<(usize, Vec<f32>)> = pictures
            .iter()
            .map(|picture| (picture.channels, picture.to_floats()))
            .collect();
        let pixel = |at: usize| {
            let parts = values.iter();
            parts.flat_map(move |(channels, values)| &values[at * channels..][..*channels])
        };
        let pixels = size[0] as usize * size[1] as usize;
        let all = (0..pixels).flat_map(pixel).copied();
        let channels = values.iter().map(|(channels, _)| channels).sum();
        Self::new(size, channels, Samples::of_floats(depth, all))
    }

    /// Joins pictures of one width, from top to bottom.
    ///
    /// # Panics
    /// When there are none, or they differ in width, channels or depth.
    pub fn stacked(pictures: Vec<Self>) -> Self {
        let (width, channels) = (pictures[0].width, pictures[0].channels);
        let same = |picture: &Self| (picture.width, picture.channels) == (width, channels);
        assert!(pictures.iter().all(same), "pictures one above the other");
        let height = pictures.iter().map(|picture| picture.height).sum();
        let all = pictures.into_iter().map(|picture| picture.samples);
        let samples = all.reduce(|top, below| match (top, below) {
            (Samples::U8(mut top), Samples::U8(below)) => {
                top.extend(below);
                Samples::U8(top)
            }
            (Samples::U16(mut top), Samples::U16(below)) => {
                top.extend(below);
                Samples::U16(top)
            }
            (Samples::F32(mut top), Samples::F32(below)) => {
                top.extend(below);
                Samples::F32(top)
            }
            _ => panic!("pictures one above the other have one depth"),
        });
        Self::new([width, height], channels, samples.expect("there is one"))
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

    /// All samples as floats.
    pub fn to_floats(&self) -> Vec<f32> {
        match &self.samples {
            Samples::U8(values) => values.iter().map(|&value| value.into()).collect(),
            Samples::U16(values) => values.iter().map(|&value| value.into()).collect(),
            Samples::F32(values) => values.clone(),
        }
    }

    /// The same picture with every pixel's samples changed, row by row. Integers are rounded and clamped.
    pub fn map_pixels(&self, mut change: impl FnMut(&mut [f32])) -> Self {
        let mut values = self.to_floats();
        values.chunks_exact_mut(self.channels).for_each(&mut change);
        let samples = Samples::of_floats(self.depth(), values.into_iter());
        Self::new(self.size(), self.channels, samples)
    }

    /// Converts to `channels` channels: gray to RGB by repetition, RGB to gray by luma (ITU-R BT.601, as Pillow); drops
    /// alpha, or adds it as opaque, the white of the depth. [`Domain::in_channels`] adds the white of a domain.
    ///
    /// # Errors
    /// [`Error::Picture`], when there is no such conversion.
    pub fn with_channels(self, channels: usize) -> Result<Self> {
        let [_, opaque] = self.depth().range();
        self.with_channels_and(channels, opaque)
    }

    /// As [`with_channels`](Self::with_channels), with this value for alpha that is added.
    fn with_channels_and(self, channels: usize, opaque: f32) -> Result<Self> {
        let Some(pick) = conversion(self.channels, channels)? else {
            return Ok(self);
        };
        let values = self.to_floats();
        let pixels = values.chunks_exact(self.channels);
        let converted = pixels.flat_map(|pixel| pick(pixel, opaque).into_iter().take(channels));
        let samples = Samples::of_floats(self.depth(), converted);
        Ok(Self::new(self.size(), channels, samples))
    }

    /// Converts to planes `[channels, height, width]`, and maps the ranges to [-1, 1]. Values outside of a range are
    /// clipped to it.
    pub fn to_planes(&self, range: impl Into<Ranges>) -> Vec<f32> {
        fn planes<T: Copy + Into<f32>>(values: &[T], channels: usize, ranges: Ranges) -> Vec<f32> {
            let plane = |channel: usize| {
                let [low, high] = ranges.of(channel);
                let half = (high - low) / 2.0;
                let values = values.iter().skip(channel).step_by(channels);
                values.map(move |&value| ((value.into() - low) / half - 1.0).clamp(-1.0, 1.0))
            };
            (0..channels).flat_map(plane).collect()
        }
        let ranges = range.into();
        match &self.samples {
            Samples::U8(values) => planes(values, self.channels, ranges),
            Samples::U16(values) => planes(values, self.channels, ranges),
            Samples::F32(values) => planes(values, self.channels, ranges),
        }
    }

    /// Number of samples that lie outside of their ranges, and number of samples that are not finite numbers.
    pub fn outside(&self, range: impl Into<Ranges>) -> Outside {
        fn count<T: Copy + Into<f32>>(values: &[T], channels: usize, ranges: Ranges) -> Outside {
            let mut outside = Outside {
                samples: values.len(),
                ..Outside::default()
            };
            for (index, &value) in values.iter().enumerate() {
                let ([low, high], value) = (ranges.of(index % channels), value.into());
                outside.clipped += usize::from(value < low || value > high);
                outside.unknown += usize::from(!value.is_finite());
            }
            outside
        }
        let ranges = range.into();
        match &self.samples {
            // whole numbers of this type cannot lie outside
            Samples::U8(values) if ranges == Ranges::all(Depth::U8.range()) => Outside {
                samples: values.len(),
                ..Outside::default()
            },
            Samples::U8(values) => count(values, self.channels, ranges),
            Samples::U16(values) => count(values, self.channels, ranges),
            Samples::F32(values) => count(values, self.channels, ranges),
        }
    }

    /// Makes a picture of `domain` from planes `[channels, height, width]` in [-1, 1]. Integer samples are rounded and
    /// clamped.
    ///
    /// # Panics
    /// When there are fewer values than the size requires.
    pub fn from_planes(planes: &[f32], size: [u32; 2], domain: &Domain) -> Self {
        let plane = size[0] as usize * size[1] as usize;
        let channels = domain.channels;
        let maps: Vec<[f32; 2]> = (0..channels)
            .map(|channel| {
                let [low, high] = domain.range.of(channel);
                [low, (high - low) / 2.0]
            })
            .collect();
        let values = (0..plane).flat_map(|pixel| {
            let maps = maps.iter().enumerate();
            maps.map(move |(channel, [low, half])| {
                (planes[channel * plane + pixel] + 1.0) * half + low
            })
        });
        Self::new(size, channels, Samples::of_floats(domain.depth, values))
    }
}

/// A function from the samples of a pixel and the value of opaque to the samples of the converted pixel, which come first.
type Conversion = fn(&[f32], f32) -> [f32; 4];

/// The conversion between numbers of channels; `None` if they are equal.
///
/// # Errors
/// [`Error::Picture`], when there is none.
pub fn conversion(from: usize, to: usize) -> Result<Option<Conversion>> {
    Ok(Some(match (from, to) {
        (from, to) if from == to => return Ok(None),
        (1, 2) => |p, opaque| [p[0], opaque, 0.0, 0.0],
        (1 | 2, 3) => |p, _| [p[0]; 4],
        (1, 4) => |p, opaque| [p[0], p[0], p[0], opaque],
        (2, 1) => |p, _| [p[0]; 4],
        (2, 4) => |p, _| [p[0], p[0], p[0], p[1]],
        (3 | 4, 1) => |p, _| [luma(p); 4],
        (3, 2) => |p, opaque| [luma(p), opaque, 0.0, 0.0],
        (3, 4) => |p, opaque| [p[0], p[1], p[2], opaque],
        (4, 2) => |p, _| [luma(p), p[3], 0.0, 0.0],
        (4, 3) => |p, _| [p[0], p[1], p[2], 0.0],
        (from, to) => {
            let reason = format!(
                "{} cannot become {to}",
                words::count(from as u64, "channel")
            );
            return Err(Error::Picture(reason));
        }
    }))
}

/// How many channels of a picture, the first ones, count where it is converted to `wanted` channels: all, or all but the last one
/// of two or four, which the conversion to gray or RGB drops.
pub fn channels_read(given: usize, wanted: usize) -> usize {
    match (given, wanted) {
        (2 | 4, 1 | 3) => given - 1,
        _ => given,
    }
}

/// The luma of red, green and blue (ITU-R BT.601, as Pillow).
pub fn luma(pixel: &[f32]) -> f32 {
    0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "samples of a picture")]
    fn a_picture_has_pixels() {
        Picture::new([0, 0], 3, Samples::U8(Vec::new()));
    }

    #[test]
    fn a_size_without_pixels_is_refused() {
        for size in [[0, 0], [0, 16], [16, 0], [15, 16]] {
            assert!(check_size(size).is_err(), "{size:?}");
        }
        assert!(check_size([MIN_SIDE; 2]).is_ok());
    }
}
