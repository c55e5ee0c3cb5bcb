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
/// Share of the pixels of a JPEG that must be near the colors: its flat areas.
const FLAT: [f64; 2] = [0.7, 0.9];
/// Share of the pixels of a JPEG that must have one of the most frequent colors exactly, which smooth pictures do not.
const EXACT: f64 = 0.5;
/// Colors of less than this share of a JPEG's pixels are those of edges.
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
    is_color: bool,
    is_blurred: bool,
}

impl Tally {
    /// Counts the colors of a picture, where `known` has data; those of a `blurred` one, a JPEG, may be off a little.
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
                counted(with_data(pixels, known).map(color))
            }
            Samples::U16(values) if picture.channels() == 1 => {
                let id = |value: &u16| u8::try_from(*value).ok().map(|value| [value; 3]);
                counted(with_data(values.iter(), known).map(id))
            }
            Samples::F32(values) if picture.channels() == 1 => {
                let id = |value: &f32| {
                    let is_id = value.fract() == 0.0 && (0.0..=255.0).contains(value);
                    is_id.then_some([*value as u8; 3])
                };
                counted(with_data(values.iter(), known).map(id))
            }
            _ => None,
        };
        Self {
            counts,
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
        self.is_color |= other.is_color;
        self.is_blurred |= other.is_blurred;
    }

    /// The classes, if the pictures look like label maps; the most frequent color first, of gray levels the darkest. `gap` is the
    /// value of pixels without data, which is no class.
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
        if (exact as f64) < EXACT * all as f64 {
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
        let flat: u64 = peaks.iter().map(|(_, count)| count).sum();
        let is_few = (2..=MOST_BLURRED[kind]).contains(&peaks.len());
        let is_flat = flat as f64 >= FLAT[kind] * all as f64;
        (is_few && is_flat).then(|| self.palette(peaks))
    }

    /// The palette of these colors.
    fn palette(&self, mut colors: Vec<([u8; 3], u64)>) -> Classes {
        if !self.is_color {
            colors.sort_unstable();
        }
        let class = |(color, _)| Class {
            name: String::new(),
            color,
        };
        Classes::Palette(colors.into_iter().map(class).collect())
    }
}

/// The pixels that have data.
fn with_data<T>(pixels: impl Iterator<Item = T>, known: Option<&[u8]>) -> impl Iterator<Item = T> {
    let has_data = move |pixel: usize| known.is_none_or(|known| known[pixel] > 0);
    let pixels = pixels.enumerate().filter(move |(at, _)| has_data(*at));
    pixels.map(|(_, pixel)| pixel)
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

    #[test]
    fn a_jpeg_of_few_colors_is_recognized() {
        let mut values = Vec::new();
        for pixel in 0..1000u32 {
            let noise = (pixel % 4) as u8;
            values.extend(match pixel {
                ..500 => [170, noise, 0],
                500..890 => [0, 85, 255 - noise],
                // beside an edge
                890..900 => [9, 82, 247 - noise],
                // an edge between the two
                pixel => {
                    let share = (pixel - 900) as f32 / 100.0;
                    let mix = |a: f32, b: f32| (a + share * (b - a)) as u8 + noise;
                    [mix(170.0, 0.0), mix(0.0, 85.0), mix(0.0, 250.0)]
                }
            });
        }
        let found = colors(tally(3, values, true).proposed(None));
        assert_eq!(found.len(), 2);
        assert!(
            is_near(found[0], [170, 1, 0]) && is_near(found[1], [0, 85, 253]),
            "{found:?}"
        );
    }
}
