//! "No data": the value of pixels that were not measured, as in maps and satellite pictures.

use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::picture::{Depth, Picture, Samples};

/// How the pixels without data are known.
#[derive(Clone, Copy, Debug)]
pub enum Nodata {
    /// By this value of a sample, which may be NaN.
    Value(f32),
    /// By the value that each TIFF file names itself, in GDAL's tag.
    Tag,
}

impl Nodata {
    /// The value in a file; `tag` is what the file names itself.
    pub fn value(self, tag: Option<f32>) -> Option<f32> {
        match self {
            Self::Value(value) => Some(value),
            Self::Tag => tag,
        }
    }
}

impl PartialEq for Nodata {
    /// NaN is equal to NaN here.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Value(a), Self::Value(b)) => is(*a, *b),
            (Self::Tag, Self::Tag) => true,
            _ => false,
        }
    }
}

impl FromStr for Nodata {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "tag" => Ok(Self::Tag),
            text => {
                let value = text.parse().map(Self::Value);
                value.map_err(|_| "use a number, nan, or tag".to_string())
            }
        }
    }
}

impl std::fmt::Display for Nodata {
    /// As it is parsed: "-9999", "NaN" or "tag".
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Value(value) => f.write_str(&text(*value)),
            Self::Tag => f.write_str("tag"),
        }
    }
}

impl Serialize for Nodata {
    /// As text: JSON has no NaN.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Nodata {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// A value as messages and files have it. Whole numbers have all their digits: the shortest text for the same float has zeros
/// at the end, and for the largest 32-bit integers, which files name, floats have the next number.
pub fn text(value: f32) -> String {
    const WHOLE: f32 = 16_777_216.0; // 2^24: smaller ones have all digits anyway
    const ABOVE_U32: f32 = 4_294_967_296.0; // 2^32
    const ABOVE_I32: f32 = 2_147_483_648.0; // 2^31
    match value {
        ABOVE_U32 => u32::MAX.to_string(),
        ABOVE_I32 => i32::MAX.to_string(),
        _ if (WHOLE..ABOVE_U32).contains(&value.abs()) => (value as i64).to_string(),
        _ => value.to_string(),
    }
}

/// From here on, six digits write a number as they write the largest 32-bit float.
const LARGEST: f32 = 3.40282e38;

/// Whether a sample is the value. All numbers beside the largest or the smallest float are one: many rasters have it where there
/// is no data, and name it with fewer digits than their samples have, as -3.40282e+38.
pub fn is(sample: f32, value: f32) -> bool {
    let is_same = || sample.is_sign_negative() == value.is_sign_negative();
    sample == value
        || sample.is_nan() && value.is_nan()
        || is_largest(value) && is_largest(sample) && is_same()
}

fn is_largest(value: f32) -> bool {
    value.is_finite() && value.abs() >= LARGEST
}

/// The value of its channel in `gaps` that samples have, the first one found, and the number of all samples that have theirs.
/// Channels behind the last one do not count.
pub fn found(picture: &Picture, gaps: &[Option<f32>]) -> (Option<f32>, usize) {
    if gaps.iter().all(Option::is_none) {
        return (None, 0);
    }
    let samples = picture.to_floats();
    let pixels = samples.chunks_exact(picture.channels());
    let named = pixels.flat_map(|pixel| pixel.iter().zip(gaps));
    let mut having = named.filter_map(|(&sample, named)| named.filter(|&gap| is(sample, gap)));
    match having.next() {
        Some(value) => (Some(value), 1 + having.count()),
        None => (None, 0),
    }
}

/// A known pixel in a mask; others are 0.
pub const KNOWN: u8 = 255;

/// The mask of a picture: one channel, [`KNOWN`] where no sample of a pixel is the value of its channel in `gaps`, elsewhere 0.
/// Channels without a value, or behind the last one, have data everywhere. `None` if every pixel is known.
pub fn mask(picture: &Picture, gaps: &[Option<f32>]) -> Option<Picture> {
    masked(picture, gaps, |pixel| {
        let mut samples = pixel.iter().zip(gaps);
        samples.any(|(&sample, gap)| gap.is_some_and(|gap| is(sample, gap)))
    })
}

/// As [`mask`], of colors that are names: a pixel has no data where all its samples are the values of their channels.
pub fn mask_of_colors(picture: &Picture, gaps: &[Option<f32>]) -> Option<Picture> {
    masked(picture, gaps, |pixel| {
        let mut samples = pixel.iter().zip(gaps);
        samples.all(|(&sample, gap)| gap.is_some_and(|gap| is(sample, gap)))
    })
}

/// The mask of a picture whose pixels have no data where `has_gap` says so.
fn masked(
    picture: &Picture,
    gaps: &[Option<f32>],
    has_gap: impl Fn(&[f32]) -> bool,
) -> Option<Picture> {
    if gaps.iter().all(Option::is_none) {
        return None;
    }
    let samples = picture.to_floats();
    let pixels = samples.chunks_exact(picture.channels());
    let known = pixels.map(|pixel| if has_gap(pixel) { 0 } else { KNOWN });
    with_gaps(Picture::new(
        picture.size(),
        1,
        Samples::U8(known.collect()),
    ))
}

/// The mask; `None` if it knows every pixel, so that a picture without gaps is one, however they are told.
pub fn with_gaps(mask: Picture) -> Option<Picture> {
    mask.bytes().contains(&0).then_some(mask)
}

/// The picture with one value for all samples without data, and this value: files and models know one. `gaps` has the value of
/// each channel. It is one of these, or NaN, that no sample with data has; `None` if there is no such value.
pub fn unified(picture: &Picture, gaps: &[Option<f32>]) -> Option<(Picture, Option<f32>)> {
    let Some(first) = gaps.iter().flatten().next() else {
        return Some((picture.clone(), None));
    };
    let is_first = |gap: &Option<f32>| gap.is_some_and(|gap| is(gap, *first));
    if gaps.iter().all(is_first) {
        return Some((picture.clone(), Some(*first)));
    }
    let samples = picture.to_floats();
    let has_data = |sample: f32, gap: Option<f32>| gap.is_none_or(|gap| !is(sample, gap));
    let is_free = |value: &f32| {
        let mut all = samples.iter().zip(gaps.iter().cycle());
        !all.any(|(&sample, &gap)| has_data(sample, gap) && is(sample, *value))
    };
    let nan = (picture.depth() == Depth::F32).then_some(f32::NAN);
    let fits = |value: &f32| is(stored(*value, picture.depth()), *value);
    let mut values = gaps.iter().flatten().copied().chain(nan);
    let value = values.find(|value| fits(value) && is_free(value))?;
    let picture = picture.map_pixels(|pixel| {
        for (sample, gap) in pixel.iter_mut().zip(gaps) {
            if !has_data(*sample, *gap) {
                *sample = value;
            }
        }
    });
    Some((picture, Some(value)))
}

/// Whether a mask has a pixel with data.
pub fn has_data(mask: &Picture) -> bool {
    mask.bytes().contains(&KNOWN)
}

/// The pixels that both masks know.
pub fn both(one: Option<Picture>, other: Option<Picture>) -> Option<Picture> {
    match (one, other) {
        (Some(one), Some(other)) => {
            let pairs = one.bytes().iter().zip(other.bytes());
            let both = pairs.map(|(a, b)| *a.min(b)).collect();
            Some(Picture::new(one.size(), 1, Samples::U8(both)))
        }
        (one, other) => one.or(other),
    }
}

/// The picture with these samples, one for each channel, where the mask knows nothing.
pub fn filled(picture: &Picture, mask: &Picture, samples: &[f32]) -> Picture {
    let mut known = mask.bytes().iter();
    picture.map_pixels(|pixel| {
        if known.next() == Some(&0) {
            pixel.copy_from_slice(&samples[..pixel.len()]);
        }
    })
}

/// The picture with the samples of another one, of the same size and channels, where the mask knows nothing.
pub fn merged(picture: &Picture, other: &Picture, mask: &Picture) -> Picture {
    let other = other.to_floats();
    let mut pixels = other.chunks_exact(picture.channels()).zip(mask.bytes());
    picture.map_pixels(|pixel| {
        if let Some((other, 0)) = pixels.next() {
            pixel.copy_from_slice(other);
        }
    })
}

/// The picture without this value, which is to stand for "no data" alone: samples that have it get the next one, as gdalwarp
/// gives them.
pub fn avoided(picture: &Picture, value: f32) -> Picture {
    let next = beside(value, picture.depth());
    picture.map_pixels(|pixel| {
        for sample in pixel {
            if is(*sample, value) {
                *sample = next;
            }
        }
    })
}

/// The value one step above in samples of this depth, or below the largest.
fn beside(value: f32, depth: Depth) -> f32 {
    let [_, most] = depth.range();
    match depth {
        Depth::U8 | Depth::U16 if value < most => value + 1.0,
        Depth::U8 | Depth::U16 => value - 1.0,
        // smaller ones are 0 to processors that leave out subnormal numbers
        Depth::F32 if value == 0.0 => f32::MIN_POSITIVE,
        Depth::F32 if is_largest(value) => LARGEST.next_down().copysign(value),
        Depth::F32 if value < f32::MAX => value.next_up(),
        Depth::F32 => value.next_down(),
    }
}

/// The value that stands for "no data" in samples of this depth: itself, or 0 if they cannot have it.
pub fn stored(value: f32, depth: Depth) -> f32 {
    let [least, most] = match depth {
        Depth::F32 => return value,
        Depth::U8 | Depth::U16 => depth.range(),
    };
    match value.fract() == 0.0 && (least..=most).contains(&value) {
        true => value,
        false => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_have_the_value_of_their_channel() {
        let picture = Picture::new([2, 1], 2, Samples::U8(vec![7, 9, 9, 7]));
        assert_eq!(found(&picture, &[Some(9.0), Some(9.0)]), (Some(9.0), 2));
        assert_eq!(found(&picture, &[Some(7.0), None]), (Some(7.0), 1));
        assert_eq!(found(&picture, &[Some(9.0)]), (Some(9.0), 1));
        assert_eq!(found(&picture, &[None, Some(8.0)]), (None, 0));
    }

    #[test]
    fn values_are_read_and_written_as_text() {
        for text in ["-9999", "0", "NaN", "tag"] {
            let parsed: Nodata = text.parse().unwrap();
            assert_eq!(parsed.to_string(), text);
            let stored = serde_json::to_string(&parsed).unwrap();
            assert_eq!(serde_json::from_str::<Nodata>(&stored).unwrap(), parsed);
        }
        assert!("none".parse::<Nodata>().is_err());
    }

    #[test]
    fn whole_numbers_have_all_their_digits() {
        let kept = [
            "4294967295",
            "-2147483648",
            "2147483647",
            "16777218",
            "-9999",
            "0.1",
            "NaN",
        ];
        for written in kept {
            let value: f32 = written.parse().unwrap();
            assert_eq!(text(value), written);
        }
        let named: Nodata = "4294967295".parse().unwrap();
        assert_eq!(named.to_string(), "4294967295");
        // the next float below
        assert_eq!(text(4294967040.0), "4294967040");
        assert_eq!(text(f32::MIN).len(), 40);
    }

    /// Programs that write six digits name the largest float by a number beside it.
    #[test]
    fn the_largest_float_is_known_by_six_digits() {
        let Ok(Nodata::Value(short)) = "-3.40282e+38".parse() else {
            panic!("a number");
        };
        assert_ne!(short, f32::MIN);
        for void in [f32::MIN, short, -3.402823e38] {
            assert!(is(void, short) && is(void, f32::MIN), "{void}");
        }
        for data in [f32::MAX, -3.4e38, f32::NEG_INFINITY, f32::NAN, 0.0] {
            assert!(!is(data, short), "{data}");
        }
        // what is drawn there moves out of its way
        let floats = Picture::new([2, 1], 1, Samples::F32(vec![f32::MIN, 1.0]));
        let moved = avoided(&floats, short).to_floats();
        assert!(!is(moved[0], short) && moved[0] < -3.4e38);
        assert_eq!(moved[1], 1.0);
    }

    #[test]
    fn a_pixel_is_known_if_all_its_samples_are() {
        let row = |values: &[f32]| Picture::new([3, 1], 2, Samples::F32(values.to_vec()));
        let picture = row(&[1.0, 2.0, -9.0, 3.0, 4.0, -9.0]);
        let found = mask(&picture, &[Some(-9.0); 2]).unwrap();
        assert_eq!(found.bytes(), [255, 0, 0]);
        assert_eq!(
            filled(&picture, &found, &[7.0, 8.0]),
            row(&[1.0, 2.0, 7.0, 8.0, 7.0, 8.0])
        );
        assert_eq!(mask(&picture, &[Some(0.0); 2]), None);
        let whole = Picture::new([2, 1], 1, Samples::U8(vec![255; 2]));
        assert_eq!(with_gaps(whole), None);
        assert_eq!(with_gaps(found.clone()), Some(found.clone()));
        // of one channel, the other does not count
        assert_eq!(mask(&picture, &[Some(3.0)]), None);
        assert_eq!(mask(&picture, &[Some(4.0)]).unwrap().bytes(), [255, 255, 0]);
        let holes = row(&[1.0, f32::NAN, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(
            mask(&holes, &[Some(f32::NAN); 2]).unwrap().bytes(),
            [0, 255, 255]
        );
        assert_eq!(
            both(Some(found), mask(&holes, &[Some(f32::NAN); 2]))
                .unwrap()
                .bytes(),
            [0, 0, 0]
        );
    }

    #[test]
    fn each_channel_has_a_value_of_its_own() {
        let row = |values: &[f32]| Picture::new([3, 1], 2, Samples::F32(values.to_vec()));
        let picture = row(&[0.0, 0.0, 1.0, -9.0, -9.0, 2.0]);
        let gaps = [Some(0.0), Some(-9.0)];
        assert_eq!(mask(&picture, &gaps).unwrap().bytes(), [0, 0, 255]);
        assert_eq!(
            mask(&picture, &[None, Some(-9.0)]).unwrap().bytes(),
            [255, 0, 255]
        );
        assert_eq!(mask(&picture, &[None, None]), None);
        // each of both values is data of the other channel
        let (one, value) = unified(&picture, &gaps).unwrap();
        assert!(value.unwrap().is_nan());
        assert_eq!(mask(&one, &[value; 2]), mask(&picture, &gaps));
        let (one, value) = unified(&picture, &[Some(7.0), Some(-9.0)]).unwrap();
        assert_eq!(one, row(&[0.0, 0.0, 1.0, 7.0, -9.0, 2.0]));
        assert_eq!(value, Some(7.0));
        assert_eq!(
            unified(&picture, &[None, None]).unwrap(),
            (picture.clone(), None)
        );
        let bytes = Picture::new([2, 1], 2, Samples::U8(vec![0, 0, 9, 9]));
        assert_eq!(unified(&bytes, &[Some(0.0), Some(9.0)]), None);
    }

    #[test]
    fn data_moves_out_of_the_way_of_a_value() {
        let bytes = |values: [u8; 4]| Picture::new([2, 1], 2, Samples::U8(values.to_vec()));
        let picture = bytes([0, 255, 1, 7]);
        for (value, expected) in [
            (0.0, [1, 255, 1, 7]),
            (255.0, [0, 254, 1, 7]),
            (7.0, [0, 255, 1, 8]),
            (9.0, [0, 255, 1, 7]),
        ] {
            assert_eq!(avoided(&picture, value), bytes(expected), "{value}");
        }
        let deep = Picture::new([2, 1], 1, Samples::U16(vec![65535, 255]));
        let moved = |value: f32| avoided(&deep, value).to_floats();
        assert_eq!(moved(65535.0), [65534.0, 255.0]);
        assert_eq!(moved(255.0), [65535.0, 256.0]);
        let floats = Picture::new([4, 1], 1, Samples::F32(vec![0.0, -0.0, 1.0, f32::MAX]));
        let moved = |value: f32| avoided(&floats, value).to_floats();
        let least = f32::MIN_POSITIVE;
        assert_eq!(moved(0.0), [least, least, 1.0, f32::MAX]);
        assert_eq!(moved(1.0), [0.0, 0.0, 1.0 + f32::EPSILON, f32::MAX]);
        assert!(moved(f32::MAX)[3] < f32::MAX);
        assert_eq!(moved(f32::NAN), floats.to_floats());
    }

    #[test]
    fn a_value_that_samples_cannot_have_becomes_zero() {
        let found = [Depth::U8, Depth::U16, Depth::F32].map(|depth| stored(-9999.0, depth));
        assert_eq!(found, [0.0, 0.0, -9999.0]);
        assert_eq!(stored(300.0, Depth::U16), 300.0);
        assert_eq!(stored(f32::NAN, Depth::U8), 0.0);
    }
}
