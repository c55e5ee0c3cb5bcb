//! Counts of the colors of pictures, to recognize label maps, which have few.

use std::collections::HashMap;

use pix2pix_runtime::picture::labels::Class;

use super::classes::Classes;
use crate::data::picture::{Picture, Samples};

/// Most colors, and most gray levels, of a label map.
const MOST: [usize; 2] = [64, 8];
/// Most ids of a label map of one channel; values up to it count as ids if zero is among them.
const MOST_IDS: u32 = 40;
/// The same of a JPEG, whose colors are blurred.
const MOST_BLURRED: [usize; 2] = [32, 4];
/// A JPEG's colors count as one if no channel differs by more than this.
const NEAR: u32 = 6;
/// Share of the pixels of a JPEG that must be [flat](is_flat). Others are near edges, where a JPEG makes colors of its own: they
/// are not counted.
const FLAT: f64 = 0.2;
/// Share of its flat pixels, without those of the most frequent color, that must be near the other colors: a picture of a thing
/// before a white wall has many of it.
const OTHERS: f64 = 0.8;
/// Share of its flat pixels that must have one of the most frequent colors exactly, which smooth pictures do not.
const EXACT: f64 = 0.5;
/// Colors of less than this share of its flat pixels are those of edges.
const RARE: f64 = 0.002;
/// A color of an edge is between two colors that are so many times as frequent.
const MORE: u64 = 5;
/// A color that is so near to one that is [`MORE`] frequent is that color, beside an edge.
const RINGING: u32 = 24;
/// Peaks of a JPEG's colors that are followed.
const PEAKS: usize = 256;
/// Colors that are counted at most; more are no label map.
const COUNTED: usize = 1 << 16;

/// How often each color occurs in the pictures of one side.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// By red, green and blue, or gray alone; `None` if there are too many, or they are no 8-bit colors.
    counts: Option<HashMap<[u8; 3], u64>>,
    /// Pixels that have data, flat or not.
    pixels: u64,
    is_color: bool,
    is_blurred: bool,
}

impl Tally {
    /// Counts the colors of a picture, where `known` has data; of a `blurred` one, a JPEG, where it is flat: there, they are off a
    /// little at most.
    pub fn of(picture: &Picture, known: Option<&[u8]>, blurred: bool) -> Self {
        let is_color = picture.channels() >= 3;
        let counts = match picture.samples() {
            Samples::U8(values) if picture.channels() <= 4 => {
                let pixels = values.chunks_exact(picture.channels());
                let color = |pixel: &[u8]| match pixel {
                    [r, g, b, ..] => Some([*r, *g, *b]),
                    [value, ..] => Some([*value; 3]),
                    [] => None,
                };
                let flat = |at: usize| !blurred || is_flat(picture, values, at);
                let flat_ones = with_data(pixels, known).filter(|(at, _)| flat(*at));
                counted(flat_ones.map(|(_, pixel)| color(pixel)))
            }
            Samples::U16(values) if picture.channels() == 1 => {
                let id = |value: &u16| u8::try_from(*value).ok().map(|value| [value; 3]);
                counted(with_data(values.iter(), known).map(|(_, value)| id(value)))
            }
            Samples::F32(values) if picture.channels() == 1 => {
                let id = |value: &f32| {
                    let is_id = value.fract() == 0.0 && (0.0..=255.0).contains(value);
                    is_id.then_some([*value as u8; 3])
                };
                counted(with_data(values.iter(), known).map(|(_, value)| id(value)))
            }
            _ => None,
        };
        let pixels = match known {
            Some(known) => known.iter().filter(|known| **known > 0).count(),
            None => picture.samples().len() / picture.channels(),
        };
        Self {
            counts,
            pixels: pixels as u64,
            is_color,
            is_blurred: blurred,
        }
    }

    /// Adds the counts of another picture.
    pub fn add(&mut self, other: Self) {
        if let (Some(counts), Some(more)) = (&mut self.counts, other.counts) {
            for (color, count) in more {
                *counts.entry(color).or_default() += count;
            }
            if counts.len() > COUNTED {
                self.counts = None;
            }
        } else {
            self.counts = None;
        }
        self.pixels += other.pixels;
        self.is_color |= other.is_color;
        self.is_blurred |= other.is_blurred;
    }

    /// Whether the colors are few enough for a label map, if files keep them exactly.
    pub fn has_few_colors(&self) -> bool {
        let most = MOST[usize::from(!self.is_color)];
        self.counts
            .as_ref()
            .is_some_and(|counts| counts.len() <= most)
    }

    /// Whether files keep the colors that were counted only nearly.
    pub fn is_blurred(&self) -> bool {
        self.is_blurred
    }

    /// Whether the pictures are masks: black and white, and nothing else. So are those of one bit, and NumPy's of `bool`.
    pub fn is_black_and_white(&self) -> bool {
        let off = if self.is_blurred { NEAR } else { 0 };
        match self.proposed(None) {
            Some(Classes::Palette(classes)) => {
                let has = |color| {
                    let mut colors = classes.iter().map(|class| class.color);
                    colors.any(|found| distance(found, color) <= off)
                };
                classes.len() == 2 && has([0; 3]) && has([255; 3])
            }
            _ => false,
        }
    }

    /// The classes, if the pictures look like label maps; the most frequent color first, but gray levels from dark to bright. `gap`
    /// is the value of pixels without data, which is no class.
    pub fn proposed(&self, gap: Option<f32>) -> Option<Classes> {
        let mut counts: Vec<([u8; 3], u64)> = self.counts.clone()?.into_iter().collect();
        counts
            .retain(|(color, _)| gap.is_none_or(|gap| color.iter().any(|v| f32::from(*v) != gap)));
        counts.sort_unstable_by_key(|&(color, count)| (std::cmp::Reverse(count), color));
        let kind = usize::from(!self.is_color);
        if !self.is_blurred {
            let largest = counts.iter().map(|(color, _)| u32::from(color[0])).max()?;
            let has_zero = counts.iter().any(|(color, _)| *color == [0; 3]);
            let is_ids = !self.is_color && largest < MOST_IDS && has_zero;
            return match counts.len() {
                ..2 => None,
                _ if is_ids => Some(Classes::Numbered(largest as usize + 1)),
                count if count <= MOST[kind] => Some(self.palette(counts)),
                _ => None,
            };
        }
        let all: u64 = counts.iter().map(|(_, count)| count).sum();
        let frequent = counts.iter().take(MOST_BLURRED[kind]);
        let exact: u64 = frequent.map(|(_, count)| count).sum();
        let is_smooth = (exact as f64) < EXACT * all as f64;
        if is_smooth || (all as f64) < FLAT * self.pixels as f64 {
            return None;
        }
        let mut peaks: Vec<([u8; 3], u64)> = Vec::new();
        for (color, count) in counts {
            match peaks.iter().position(|(peak, _)| is_near(*peak, color)) {
                Some(at) => peaks[at].1 += count,
                None if peaks.len() < PEAKS => peaks.push((color, count)),
                None => {}
            }
        }
        peaks.retain(|(_, count)| *count as f64 >= RARE * all as f64);
        peaks.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let is_edge = |&(color, count): &([u8; 3], u64)| {
            let larger = peaks.iter().take_while(|(_, other)| *other >= MORE * count);
            let larger: Vec<[u8; 3]> = larger.map(|(color, _)| *color).collect();
            let mut pairs = larger
                .iter()
                .enumerate()
                .flat_map(|(index, a)| larger[..index].iter().map(move |b| (*a, *b)));
            let rings = larger.iter().any(|a| distance(*a, color) <= RINGING);
            rings || pairs.any(|ends| is_between(color, ends))
        };
        let peaks: Vec<_> = peaks
            .iter()
            .filter(|peak| !is_edge(peak))
            .copied()
            .collect();
        let others: u64 = peaks.iter().skip(1).map(|(_, count)| count).sum();
        let first = peaks.first().map_or(0, |(_, count)| *count);
        let is_few = (2..=MOST_BLURRED[kind]).contains(&peaks.len());
        let are_most = others as f64 >= OTHERS * (all - first) as f64;
        (is_few && are_most).then(|| self.palette(peaks))
    }

    /// The palette of these colors.
    fn palette(&self, mut colors: Vec<([u8; 3], u64)>) -> Classes {
        // of ids that are stored in color, the order is theirs
        let is_gray = |(color, _): &([u8; 3], u64)| *color == [color[0]; 3];
        if colors.iter().all(is_gray) {
            colors.sort_unstable();
        }
        let class = |(color, _)| Class {
            name: String::new(),
            color,
        };
        Classes::Palette(colors.into_iter().map(class).collect())
    }
}

/// The pixels that have data, with their places.
fn with_data<T>(
    pixels: impl Iterator<Item = T>,
    known: Option<&[u8]>,
) -> impl Iterator<Item = (usize, T)> {
    let has_data = move |pixel: usize| known.is_none_or(|known| known[pixel] > 0);
    pixels.enumerate().filter(move |(at, _)| has_data(*at))
}

/// Whether a pixel is near all of its eight neighbors. Close to an edge, the colors of a JPEG are those of neither side.
fn is_flat(picture: &Picture, values: &[u8], at: usize) -> bool {
    let ([width, height], channels) =
        (picture.size().map(|side| side as usize), picture.channels());
    let pixel = |at: usize| &values[at * channels..][..channels];
    let around = |at: usize, side: usize| at.saturating_sub(1)..=(at + 1).min(side - 1);
    let (x, y) = (at % width, at / width);
    let mut places = around(y, height).flat_map(|y| around(x, width).map(move |x| y * width + x));
    places.all(|other| {
        let mut samples = pixel(at).iter().zip(pixel(other));
        samples.all(|(a, b)| u32::from(a.abs_diff(*b)) <= NEAR)
    })
}

/// The counts; `None` if a pixel has no color, or there are too many colors.
fn counted(pixels: impl Iterator<Item = Option<[u8; 3]>>) -> Option<HashMap<[u8; 3], u64>> {
    let mut counts: HashMap<[u8; 3], u64> = HashMap::new();
    let mut last = None;
    let mut run = 0;
    for color in pixels {
        let color = color?;
        if last != Some(color) {
            if let Some(last) = last.replace(color) {
                *counts.entry(last).or_default() += run;
                if counts.len() > COUNTED {
                    return None;
                }
            }
            run = 0;
        }
        run += 1;
    }
    if let Some(last) = last {
        *counts.entry(last).or_default() += run;
    }
    Some(counts)
}

fn is_near(a: [u8; 3], b: [u8; 3]) -> bool {
    distance(a, b) <= NEAR
}

/// The largest difference of a channel.
fn distance(a: [u8; 3], b: [u8; 3]) -> u32 {
    let gaps = a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(b)));
    gaps.max().unwrap_or(0)
}

/// Whether a color is near the line from one color to another.
fn is_between(color: [u8; 3], (from, to): ([u8; 3], [u8; 3])) -> bool {
    let [color, from, to] = [color, from, to].map(|color| color.map(f64::from));
    let line: [f64; 3] = std::array::from_fn(|i| to[i] - from[i]);
    let length: f64 = line.iter().map(|x| x * x).sum();
    let along: f64 = (0..3).map(|i| (color[i] - from[i]) * line[i]).sum();
    let share = (along / length).clamp(0.0, 1.0);
    (0..3).all(|i| (from[i] + share * line[i] - color[i]).abs() <= f64::from(RINGING))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(channels: usize, values: Vec<u8>, blurred: bool) -> Tally {
        let size = [(values.len() / channels) as u32, 1];
        let picture = Picture::new(size, channels, Samples::U8(values));
        Tally::of(&picture, None, blurred)
    }

    fn colors(classes: Option<Classes>) -> Vec<[u8; 3]> {
        match classes {
            Some(Classes::Palette(classes)) => classes.iter().map(|class| class.color).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn few_values_are_classes() {
        let ids = tally(1, vec![0, 4, 4, 2], false);
        assert_eq!(ids.proposed(None), Some(Classes::Numbered(5)));
        let mask = tally(1, vec![0, 255, 255], false);
        assert_eq!(colors(mask.proposed(None)), [[0; 3], [255; 3]]);
        // land cover, and a value of pixels without data
        let cover = tally(1, vec![60, 10, 60, 20, 255, 255, 255], false);
        assert_eq!(
            colors(cover.proposed(Some(255.0))),
            [[10; 3], [20; 3], [60; 3]]
        );
        let ids = tally(1, vec![0, 4, 4, 255], false);
        assert_eq!(ids.proposed(Some(255.0)), Some(Classes::Numbered(5)));
        let mut map = tally(3, vec![9, 0, 0, 9, 0, 0, 0, 0, 7], false);
        map.add(tally(3, vec![0, 0, 7, 0, 0, 7], false));
        assert_eq!(colors(map.proposed(None)), [[0, 0, 7], [9, 0, 0]]);
    }

    #[test]
    fn pictures_of_many_values_are_not() {
        assert_eq!(tally(1, (0..=255).collect(), false).proposed(None), None);
        let wide = (0..300u32).flat_map(|v| [v as u8, (v / 2) as u8, 0]);
        assert_eq!(tally(3, wide.collect(), false).proposed(None), None);
        let smooth = (0..3000u32).flat_map(|v| [(v / 12) as u8, (v / 13) as u8, (v % 7) as u8]);
        assert_eq!(tally(3, smooth.collect(), true).proposed(None), None);
        assert_eq!(tally(1, vec![3; 9], false).proposed(None), None);
    }

    /// A picture of 120x120 pixels, as a JPEG keeps it.
    fn jpeg(color: impl Fn(u32, u32) -> [u8; 3]) -> Tally {
        let pixels = (0..120 * 120).flat_map(|at| color(at % 120, at / 120));
        let picture = Picture::new([120, 120], 3, Samples::U8(pixels.collect()));
        Tally::of(&picture, None, true)
    }

    #[test]
    fn a_jpeg_of_few_colors_is_recognized() {
        let noise = |x: u32, y: u32| ((x + y) % 4) as u8;
        let found = jpeg(|x, y| match x {
            ..70 => [170, noise(x, y), 0],
            // chroma of two by two pixels: colors of neither side, and not between them
            70 => [240, 160, 90],
            71 => [20, 10, 160],
            _ => [0, 85, 255 - noise(x, y)],
        });
        let found = colors(found.proposed(None));
        assert_eq!(found.len(), 2);
        assert!(
            is_near(found[0], [170, 1, 0]) && is_near(found[1], [0, 85, 253]),
            "{found:?}"
        );
    }

    /// Shoes with a label before a white wall: most of them is of no color that recurs.
    #[test]
    fn a_thing_before_a_wall_is_no_label_map() {
        let shaded = |x: u32, y: u32| match (x, y) {
            (40..50, 40..50) => [200, 10, 10],
            (35..85, 35..85) => [(5 * (x - 35)) as u8, (5 * (y - 35)) as u8, 100],
            _ => [255; 3],
        };
        assert_eq!(jpeg(shaded).proposed(None), None);
    }

    #[test]
    fn masks_are_black_and_white() {
        assert!(tally(1, vec![0, 255, 255], false).is_black_and_white());
        assert!(tally(3, vec![255, 255, 255, 0, 0, 0], false).is_black_and_white());
        let blurred = jpeg(|x, _| if x < 75 { [1; 3] } else { [253; 3] });
        assert!(blurred.is_black_and_white());
        for other in [vec![0, 1], vec![0, 0], vec![0, 254], vec![0, 7, 255]] {
            assert!(!tally(1, other, false).is_black_and_white());
        }
    }

    /// What `prepare combine` makes of class ids beside a photograph.
    #[test]
    fn ids_in_color_are_in_their_order() {
        let ids = [2, 2, 2, 1, 1, 0, 3].into_iter();
        let thrice = ids.flat_map(|id: u8| [id; 3]);
        let found = colors(tally(3, thrice.collect(), false).proposed(None));
        assert_eq!(found, [[0; 3], [1; 3], [2; 3], [3; 3]]);
    }
}
