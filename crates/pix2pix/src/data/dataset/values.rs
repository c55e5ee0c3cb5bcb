//! The sample values of a data set: extremes and percentiles of every band, and the ranges that they need.

use std::borrow::Cow;
use std::collections::BTreeMap;

use pix2pix_runtime::picture::labels::{CLASSES, Class};
use pix2pix_runtime::picture::{Domain, Ranges, channels_read, nodata};
use rayon::prelude::*;

use super::classes::Classes;
use super::pairs::Pairs;
use super::palettes::Palettes;
use super::reading::Decoded;
use super::tally::Tally;
use crate::data::picture::{Depth, Format, Outside, Picture, Samples};
use crate::data::probes::probes;
use crate::error::{Error, Result};

/// Most values of a band that are kept of each picture, from all parts of it.
const KEPT: usize = 1 << 14;
/// Percentiles that `auto` ranges map to -1 and 1: 0.2% of the values are clipped.
const AUTO: [f32; 2] = [0.1, 99.9];
/// Part of the range that values must reach. Pictures that stay below it train as nearly black.
const REACHED: f32 = 0.25;
/// Part of the range that floating-point values must span, wherever in it they are. Less is nearly flat to the network.
const SPANNED: f32 = 0.05;

/// Names of the sides, and the fields of their ranges.
pub const SIDES: [(&str, &str); 2] = [("A", "range[0]"), ("B", "range[1]")];

/// The values of one band.
#[derive(Clone, Debug, Default)]
pub struct Band {
    /// Smallest and largest one.
    pub extremes: [f32; 2],
    /// Some of them, sorted.
    sorted: Vec<f32>,
}

impl Band {
    /// Adds the values of another, which are no longer sorted then.
    fn add(&mut self, other: &Self) {
        let ([low, high], [l, h]) = (self.extremes, other.extremes);
        self.extremes = [low.min(l), high.max(h)];
        self.sorted.extend(&other.sorted);
    }

    /// The value that `percent` of the values do not exceed.
    pub fn percentile(&self, percent: f32) -> f32 {
        let last = self.sorted.len().saturating_sub(1);
        let at = (last as f32 * percent / 100.0).round() as usize;
        self.sorted.get(at).copied().unwrap_or(0.0)
    }
}

/// The values of A or of B.
#[derive(Clone, Debug, Default)]
pub struct Side {
    /// By sample type and band.
    depths: BTreeMap<Depth, Vec<Band>>,
    /// Their colors; `None` of no pictures.
    tally: Option<Tally>,
    /// A value that files name for pixels without data, where nobody has said how they are known.
    named: Option<f32>,
    /// The same as the files' tags have it: reading may convert samples.
    tag: Option<f32>,
    /// Samples that have the value that their file names, and all samples.
    counted: [usize; 2],
    /// Whether a value for pixels without data is known of some of the pictures.
    has_gaps: bool,
    /// Whether some samples have it.
    meets_gaps: bool,
    /// Pictures that were read, and those of them that are indices of palettes of their own.
    pictures: [usize; 2],
    /// The colors of these indices.
    palettes: Palettes,
    /// Whether the bands are those of several files.
    joined: bool,
    /// For each band, the number of the one that it is: neighbors of a slice have its bands again.
    same: Vec<usize>,
    /// Smallest and largest value of all floating-point pictures, where more are known than those that were read.
    whole: Option<[f32; 2]>,
}

/// The values of the pairs that were read: of A and of B.
#[derive(Clone, Debug)]
pub struct Values(pub [Side; 2]);

impl Values {
    /// Reads the values of at most `most` pairs, from all parts of the data set, which are to be converted to `channels` of A and
    /// of B: what that drops is left out, and so are pairs that cannot be read. `None` keeps all channels.
    pub fn of(pairs: &Pairs, most: usize, channels: Option<[usize; 2]>) -> Self {
        let read = pairs.probes(most).into_par_iter().filter_map(|place| {
            let sides = pairs.decode_sides(place).ok()?;
            let mask = pairs.mask(place, sides[0].picture.size()).ok()?;
            let side = |index: usize| {
                let wanted = channels.map(|channels| channels[index]);
                let side = Side::of(&sides[index], mask.as_ref(), wanted);
                // others need not be opened again
                let may_be_indices = sides[index].format == Format::Png && side.has_few_colors();
                let palette = may_be_indices.then(|| pairs.used_palette(place, index));
                side.with_palette(palette.flatten())
            };
            Some([0, 1].map(side))
        });
        let read: Vec<[Side; 2]> = read.collect();
        let mut sides = [Side::default(), Side::default()];
        for pair in read {
            for (side, more) in sides.iter_mut().zip(pair) {
                side.add(more);
            }
        }
        sides.iter_mut().for_each(Side::sort);
        Self(sides)
    }

    /// Takes note of the smallest and the largest value of all floating-point pictures of A and of B, of which these are some.
    pub fn widen(&mut self, extremes: [Option<[f32; 2]>; 2]) {
        for (side, all) in self.0.iter_mut().zip(extremes) {
            if let (Some(all), Some([band])) =
                (all, side.depths.get_mut(&Depth::F32).map(Vec::as_mut_slice))
            {
                band.extremes = widest([band.extremes, all].into_iter());
            }
            side.whole = all;
        }
    }

    /// Checks that no floating-point pictures of the `open` ones of A and B, which have neither a range nor classes, look like
    /// label maps of more classes than 0 and 1: without either, amounts from 0 to 1 are expected.
    ///
    /// # Errors
    /// Says what to give for classes, and for amounts.
    pub fn check_classes(&self, open: [bool; 2]) -> Result<()> {
        for (index, side) in self.0.iter().enumerate().filter(|(index, _)| open[*index]) {
            let ends = side.ends();
            if let Some(Classes::Numbered(count @ 3..)) = side.classes()
                && side.depth() == Some(Depth::F32)
                && ends == [0.0, (count - 1) as f32]
            {
                let classes = numbered(index, count);
                return Err(Error::Data(or_amounts(&classes, index, &typed(ends))));
            }
        }
        Ok(())
    }

    /// Counts the values outside of the domains of A and B.
    ///
    /// # Errors
    /// When most values of one side lie outside.
    pub fn outside(&self, domains: &[Domain; 2]) -> Result<[Outside; 2]> {
        let mut counts = [Outside::default(); 2];
        for (index, (side, domain)) in self.0.iter().zip(domains).enumerate() {
            if domain.labels.is_some() {
                continue; // classes have no range
            }
            let counted = side.outside(domain);
            if counted.is_most() {
                let (name, field) = SIDES[index];
                return Err(Error::Data(format!(
                    "{} of the values of {name} lie outside of {}: they are from {}; give each side its own range: \
                     `{field}` {}",
                    counted.share(),
                    domain.range,
                    side.extremes(),
                    side.proposed(),
                )));
            }
            counts[index] = counted;
        }
        Ok(counts)
    }
}

impl Side {
    /// The values of the pixels that have data; `mask` is that of the pair's mask file. What a conversion to `wanted` channels
    /// drops does not count.
    fn of(side: &Decoded, mask: Option<&Picture>, wanted: Option<usize>) -> Self {
        fn bands<T: Copy + Into<f32>>(
            values: &[T],
            [channels, read]: [usize; 2],
            probes: &[usize],
            gaps: &[Option<f32>],
            mask: Option<&[u8]>,
        ) -> Vec<Band> {
            let band = |channel: usize| {
                let gap = gaps[channel];
                let has_data = |&(pixel, value): &(usize, f32)| {
                    value.is_finite()
                        && gap.is_none_or(|gap| !nodata::is(value, gap))
                        && mask.is_none_or(|mask| mask[pixel] > 0)
                };
                let at = |pixel: usize| -> (usize, f32) {
                    (pixel, values[pixel * channels + channel].into())
                };
                let all = (0..values.len() / channels).map(at).filter(has_data);
                let extremes = widest(all.map(|(_, value)| [value; 2]));
                let kept = probes.iter().map(|&pixel| at(pixel)).filter(has_data);
                let sorted = kept.map(|(_, value)| value).collect();
                Band { extremes, sorted }
            };
            (0..read).map(band).collect()
        }
        let picture = &side.picture;
        let channels = picture.channels();
        let read = wanted.map_or(channels, |wanted| channels_read(channels, wanted));
        let gaps = &side.gaps[..read];
        let masked = mask.map(Picture::bytes);
        let probes = &probes(picture.samples().len() / channels, KEPT, 0);
        let bands = match picture.samples() {
            Samples::U8(values) => bands(values, [channels, read], probes, gaps, masked),
            Samples::U16(values) => bands(values, [channels, read], probes, gaps, masked),
            Samples::F32(values) => bands(values, [channels, read], probes, gaps, masked),
        };
        let gaps_here = nodata::mask(picture, gaps);
        let meets_gaps = gaps_here.is_some();
        // a color of a label map has no data as a whole, see `Domain::mask`
        let gaps_here = match meets_gaps && channels >= 3 {
            true => nodata::mask_of_colors(picture, gaps),
            false => gaps_here,
        };
        let known = nodata::both(gaps_here, mask.cloned());
        let known = known.as_ref().map(Picture::bytes);
        let (named, count) = nodata::found(picture, &side.named[..read]);
        Self {
            named,
            tag: named.and(side.tag),
            counted: [count, picture.samples().len() / channels * read],
            has_gaps: gaps.iter().any(Option::is_some),
            meets_gaps,
            pictures: [1, 0],
            palettes: Palettes::default(),
            depths: BTreeMap::from([(picture.depth(), bands)]),
            tally: Some(Tally::of(picture, known, !side.format.is_exact())),
            joined: side.files > 1,
            same: side.same[..read].to_vec(),
            whole: None,
        }
    }

    /// Whether the colors are few enough for a label map.
    fn has_few_colors(&self) -> bool {
        self.tally.as_ref().is_some_and(Tally::has_few_colors)
    }

    /// The values of a picture that is indices of these colors, where it has a palette.
    fn with_palette(self, palettes: Option<Palettes>) -> Self {
        Self {
            pictures: [1, usize::from(palettes.is_some())],
            palettes: palettes.unwrap_or_default(),
            ..self
        }
    }

    fn add(&mut self, other: Self) {
        self.joined |= other.joined;
        self.meets_gaps |= other.meets_gaps;
        let more = self.pictures.iter_mut().zip(other.pictures);
        more.for_each(|(sum, more)| *sum += more);
        self.palettes.add(other.palettes);
        if other.same.len() > self.same.len() {
            self.same = other.same;
        }
        self.named = self.named.or(other.named);
        self.tag = self.tag.or(other.tag);
        self.has_gaps |= other.has_gaps;
        let more = self.counted.iter_mut().zip(other.counted);
        more.for_each(|(sum, more)| *sum += more);
        match (&mut self.tally, other.tally) {
            (Some(tally), Some(more)) => tally.add(more),
            (tally, more) => *tally = tally.take().or(more),
        }
        for (depth, bands) in other.depths {
            join(self.depths.entry(depth).or_default(), &bands);
        }
    }

    fn sort(&mut self) {
        let bands = self.depths.values_mut().flatten();
        bands.for_each(|band| band.sorted.sort_by(f32::total_cmp));
    }

    /// The deepest sample type; `None` of no pictures.
    pub fn depth(&self) -> Option<Depth> {
        self.depths.keys().next_back().copied()
    }

    /// The values by band: those that a range is for, and so not of 8-bit pictures among deeper ones
    /// ([`Domain::range_of`]).
    pub fn bands(&self) -> Cow<'_, [Band]> {
        let deeper: Vec<&Vec<Band>> = match self.depths.len() {
            0 => return Cow::Borrowed(&[]),
            1 => self.depths.values().collect(),
            _ => {
                let deeper = self.depths.range(Depth::U16..);
                deeper.map(|(_, bands)| bands).collect()
            }
        };
        if let [bands] = deeper.as_slice() {
            return Cow::Borrowed(bands);
        }
        let mut all = Vec::new();
        deeper.iter().for_each(|bands| join(&mut all, bands));
        all.iter_mut()
            .for_each(|band| band.sorted.sort_by(f32::total_cmp));
        Cow::Owned(all)
    }

    /// Counts the kept values outside of a domain. At least one is counted if an extreme lies outside.
    fn outside(&self, domain: &Domain) -> Outside {
        let mut outside = Outside::default();
        let bands = self.depths.iter().flat_map(|(depth, bands)| {
            let range = domain.range_of(*depth);
            let bands = bands.iter().enumerate();
            bands.map(move |(index, band)| (range.of(index), band))
        });
        for ([low, high], band) in bands {
            let clipped = band
                .sorted
                .iter()
                .filter(|value| **value < low || **value > high);
            let beyond = band.extremes[0] < low || band.extremes[1] > high;
            outside.samples += band.sorted.len();
            outside.clipped += clipped.count().max(usize::from(beyond));
        }
        if let (Some([least, most]), Some([low, high])) = (self.whole, domain.range.uniform()) {
            let beyond = least < low || most > high;
            outside.clipped = outside.clipped.max(usize::from(beyond));
        }
        outside
    }

    /// The classes, if the pictures look like label maps. Those of palettes of the files' own are in the order of the indices.
    pub fn classes(&self) -> Option<Classes> {
        let tally = self.tally.as_ref().filter(|_| !self.joined);
        // what the files themselves name for pixels without data is no class
        let found = tally?.proposed(self.named)?;
        Some(match (found, self.indices()) {
            (Classes::Palette(mut classes), Some(indices)) => {
                let place = |color| indices.iter().position(|(_, known)| *known == color);
                classes.sort_by_key(|class| place(class.color).unwrap_or(usize::MAX));
                Classes::Palette(classes)
            }
            (found, _) => found,
        })
    }

    /// The indices of the files' own palettes that have pixels, and their colors; `None` if a file has no palette, or an index two
    /// colors.
    fn indices(&self) -> Option<Vec<(usize, [u8; 3])>> {
        let [read, indexed] = self.pictures;
        let indices = self.palettes.indices();
        indices.filter(|_| read > 0 && read == indexed)
    }

    /// Whether the pictures are masks that are black and white and nothing else, so that no value is a class id but 0.
    fn is_mask(&self) -> bool {
        let tally = self.tally.as_ref().filter(|_| !self.joined);
        let are_ids = |indices: Vec<(usize, _)>| indices.iter().all(|(index, _)| *index <= 1);
        tally.is_some_and(Tally::is_black_and_white) && !self.indices().is_some_and(are_ids)
    }

    /// The classes as these pictures store them, where a user gives `classes`: two by number are black and white in masks.
    pub fn stored(&self, classes: Classes) -> Classes {
        if classes != Classes::Numbered(2) || !self.is_mask() {
            return classes;
        }
        let class = |level| Class {
            name: String::new(),
            color: [level; 3],
        };
        Classes::Palette([0, 255].map(class).to_vec())
    }

    /// What to say of pictures that look like label maps; `side` is 0 for A and 1 for B.
    pub fn classes_advice(&self, side: usize) -> Option<String> {
        let colors = match self.classes()? {
            Classes::Numbered(count) => return Some(numbered(side, count)),
            Classes::Palette(classes) => classes.len(),
        };
        let (name, _) = SIDES[side];
        let number = match self.indices().and_then(|indices| by_index(&indices)) {
            Some((count, None)) => format!("{count}, the number of their palettes' indices, or "),
            Some((count, Some(void))) => format!(
                "{count}, the number of their palettes' indices (and `nodata[{side}]` {void}, if index {void} is of no class), or "
            ),
            None if self.is_mask() => "2, or ".to_string(),
            None => String::new(),
        };
        let check = match self.tally.as_ref().is_some_and(Tally::is_blurred) {
            true => "; check it, as JPEG makes colors at edges",
            false => "",
        };
        Some(format!(
            "{name} has {colors} colors, like label maps: for classes, give `labels[{side}]` {number}a palette, which `pix2pix \
             inspect` writes{check}"
        ))
    }

    /// What to say of pictures that look like label maps, or of values that use little of their range, in one line: what helps
    /// those spoils these. `side` is 0 for A and 1 for B.
    pub fn use_advice(&self, domain: &Domain, side: usize) -> Option<String> {
        let (name, field) = SIDES[side];
        match (self.classes_advice(side), self.advice(domain, name, field)) {
            (Some(classes), Some(_)) => Some(or_amounts(&classes, side, &self.proposed())),
            (classes, amounts) => classes.or(amounts),
        }
    }

    /// Smallest and largest value of all bands, e.g. "0 to 4095".
    pub fn extremes(&self) -> String {
        let [low, high] = self.ends();
        format!("{low} to {high}")
    }

    fn ends(&self) -> [f32; 2] {
        let bands = self.bands();
        let ends = bands.iter().map(|band| band.extremes);
        widest(ends.chain(self.whole))
    }

    /// A range that holds the values, as typed for the option: "0,4095".
    pub fn proposed(&self) -> String {
        let [low, high] = self.ends();
        match self.depth() {
            // sensors have a whole number of bits
            Some(Depth::U16) if low >= 0.0 && high > 255.0 => {
                format!("0,{}", (high as u32 + 1).next_power_of_two() - 1)
            }
            Some(Depth::U16 | Depth::U8) => typed([0.0, high]),
            _ => {
                let [low, high] = span(self.bands().iter());
                typed([rounded(low, f64::floor), rounded(high, f64::ceil)])
            }
        }
    }

    /// What to say of values that use little of their range; `name` is A or B and `field` its option.
    pub fn advice(&self, domain: &Domain, name: &str, field: &str) -> Option<String> {
        let [low, high] = domain.range.uniform()?;
        let [least, most] = self.ends();
        let is_within = least >= low && most <= high;
        let is_dark = most <= low + REACHED * (high - low);
        // amounts may lie anywhere in a range that somebody gave
        let is_flat = domain.depth == Depth::F32 && most - least <= SPANNED * (high - low);
        let seen = match (is_dark, is_flat) {
            (true, _) => "black",
            (false, true) => "flat",
            (false, false) => return None,
        };
        // the range of 8-bit pictures that nobody has given is that of their type, and fits most of them
        let is_given = domain.range.uniform() != Some(domain.depth.range());
        let remedy = match domain.depth == Depth::U8 && is_given {
            true => format!("omit `{field}`"),
            false => format!("give their range: `{field}` {}", self.proposed()),
        };
        (is_within && most > least && self.depth() == Some(domain.depth)).then(|| {
            format!(
                "the values of {name} are from {least} to {most} of {low} to {high}: pictures are nearly {seen} to the \
                 network; {remedy}"
            )
        })
    }

    /// What to say of samples that have the value that their own files name for pixels without data, if nobody has said how
    /// these are known; `name` is A or B and `field` the option that says so. `None` if there are none.
    pub fn gaps_advice(&self, name: &str, field: &str) -> Option<String> {
        let value = nodata::text(self.tag?);
        let [clipped, samples] = self.counted;
        let share = Outside {
            samples,
            clipped,
            ..Outside::default()
        }
        .share();
        Some(format!(
            "{share} of the values of {name} are {value}, which the files name for pixels without data; to leave these out, \
             give `{field}` tag"
        ))
    }

    /// What to say of pictures whose pixels without data are known by what each file names, if none of them names a value;
    /// `name` is A or B and `field` the option that gives one.
    pub fn tags_advice(&self, name: &str, field: &str) -> Option<String> {
        (!self.has_gaps).then(|| {
            format!(
                "no picture of {name} that was looked at names a value for pixels without data, so that by tag all have \
                 data: give `{field}` the value, or mask files; masks inside TIFF files are not read"
            )
        })
    }

    /// Whether some of the samples that were looked at have the value that says that a pixel has no data.
    pub fn meets_gaps(&self) -> bool {
        self.meets_gaps
    }

    /// The range of each band between two percentiles, which leave out outliers, or of all values where the percentiles are
    /// equal, as of pictures that are 0 but for a few pixels. Neighbors of a slice have its range.
    ///
    /// # Errors
    /// When no picture could be read, all values of a band are the same, or a band's are too far apart for 32-bit floats.
    pub fn automatic(&self, name: &str) -> Result<Ranges> {
        let bands = self.bands();
        let same = &self.same[..bands.len()];
        let found: Vec<[f32; 2]> = match same.iter().max() {
            // bands of colors keep their balance; others, e.g. radar and height, have units of their own
            Some(0 | 2 | 3) if !self.joined => vec![span(bands.iter())],
            _ => {
                let of = |band: &usize| {
                    let again = bands
                        .iter()
                        .zip(same)
                        .filter(move |(_, other)| *other == band);
                    span(again.map(|(band, _)| band))
                };
                same.iter().map(of).collect()
            }
        };
        if found.is_empty() {
            return Err(Error::Data(format!(
                "`range` cannot be found: no picture of {name} that was looked at can be read; `pix2pix inspect` says why"
            )));
        }
        if found.iter().any(|[low, high]| low >= high) {
            return Err(Error::Data(format!(
                "`range` cannot be found: a band of the pictures of {name} that were read has no two values; give the values \
                 of black and white"
            )));
        }
        Ranges::each(&found)
    }
}

/// The number of classes of a side whose files have these indices, and the last index if that is of none, as the void in PASCAL VOC;
/// `None` if they are no classes.
fn by_index(indices: &[(usize, [u8; 3])]) -> Option<(usize, Option<usize>)> {
    const VOID: usize = 255;
    let mut used = indices.iter().map(|(index, _)| *index);
    let void = used.clone().find(|index| *index == VOID);
    let last = used.rfind(|index| *index != VOID)?;
    let (count, void) = match void {
        // a palette of all colors has no void
        Some(_) if last + 1 == VOID => (VOID + 1, None),
        void => (last + 1, void),
    };
    CLASSES.contains(&count).then_some((count, void))
}

/// What to say of pictures of A or B (`side` 0 or 1) that look like label maps, and may be amounts, which need this range.
fn or_amounts(classes: &str, side: usize, range: &str) -> String {
    let (_, field) = SIDES[side];
    format!("{classes}; or, for amounts, the values of black and white: `{field}` {range}")
}

/// What to say of pictures of A or B (`side` 0 or 1) whose values look like the ids of so many classes.
fn numbered(side: usize, count: usize) -> String {
    format!(
        "{} has few whole values, from 0 to {}, like label maps: for classes, give `labels[{side}]` {count}",
        SIDES[side].0,
        count - 1
    )
}

/// From where to where bands reach: between two percentiles, or from the smallest to the largest value if those are one.
fn span<'a>(bands: impl Iterator<Item = &'a Band> + Clone) -> [f32; 2] {
    let kept = bands.clone().filter(|band| !band.sorted.is_empty());
    let [low, high] = widest(kept.map(|band| AUTO.map(|percent| band.percentile(percent))));
    match low < high {
        true => [low, high],
        false => widest(bands.map(|band| band.extremes)),
    }
}

/// From the lowest start to the highest end of all.
fn widest(ends: impl Iterator<Item = [f32; 2]>) -> [f32; 2] {
    ends.fold([f32::INFINITY, f32::NEG_INFINITY], wider)
}

/// From the lower start to the higher end of two.
pub fn wider([a, b]: [f32; 2], [c, d]: [f32; 2]) -> [f32; 2] {
    [a.min(c), b.max(d)]
}

/// Adds the values of more bands to bands, which may be fewer.
fn join(bands: &mut Vec<Band>, more: &[Band]) {
    for (index, more) in more.iter().enumerate() {
        match bands.get_mut(index) {
            None => bands.push(more.clone()),
            Some(band) => band.add(more),
        }
    }
}

/// A range that holds the values from `low` to `high`, as it is typed: from or to 0 where these are one value, which is no
/// range.
pub fn typed([low, high]: [f32; 2]) -> String {
    let [low, high] = match (low < high, low) {
        (true, _) => [low, high],
        (false, 0.0) => [0.0, 1.0],
        (false, _) => [low.min(0.0), high.max(0.0)],
    };
    format!("{low},{high}")
}

/// Two significant digits, rounded by `towards`; no float if the value is none.
fn rounded(value: f32, towards: fn(f64) -> f64) -> f32 {
    // the digits that it prints as, so that 0.3 stays 0.3 and small values keep theirs
    let printed = format!("{value:e}");
    let parts = printed.split_once('e').and_then(|(digits, exponent)| {
        let digits: f64 = digits.parse().ok()?;
        Some((digits, exponent.parse::<i32>().ok()?))
    });
    let Some((digits, exponent)) = parts else {
        return value;
    };
    let text = format!("{}e{}", towards(10.0 * digits), exponent - 1);
    let rounded: f32 = text.parse().unwrap_or(value);
    rounded.clamp(f32::MIN, f32::MAX)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::data::picture::Format;

    fn side(samples: Samples, channels: usize) -> Side {
        with_gaps(samples, &vec![None; channels], None)
    }

    fn with_gaps(samples: Samples, gaps: &[Option<f32>], mask: Option<&[u8]>) -> Side {
        let channels = gaps.len();
        let size = [samples.len() as u32 / channels as u32, 1];
        let mask = mask.map(|known| Picture::new(size, 1, Samples::U8(known.to_vec())));
        let decoded = Decoded {
            picture: Picture::new(size, channels, samples),
            format: Format::Png,
            gaps: gaps.to_vec(),
            named: vec![None; channels],
            tag: None,
            files: 1,
            same: (0..channels).collect(),
        };
        let mut side = Side::of(&decoded, mask.as_ref(), None);
        side.sort();
        side
    }

    fn domain(channels: usize, depth: Depth, range: [f32; 2]) -> Domain {
        let range = range.into();
        Domain {
            channels,
            depth,
            range,
            labels: None,
            nodata: None,
        }
    }

    #[test]
    fn percentiles_are_of_each_band() {
        let samples = (0..=100u16).flat_map(|value| [value, 1000 + 10 * value]);
        let side = side(Samples::U16(samples.collect()), 2);
        let bands = side.bands();
        assert_eq!(bands[0].extremes, [0.0, 100.0]);
        assert_eq!(bands[0].percentile(1.0), 1.0);
        assert_eq!(bands[1].percentile(50.0), 1500.0);
        assert_eq!(bands[1].percentile(100.0), 2000.0);
        let ranges = side.automatic("A").unwrap();
        assert_eq!(ranges.listed(), [[0.0, 100.0], [1000.0, 2000.0]]);
    }

    /// A range is in the values of 16-bit files and floats; 8-bit ones among them are from black to white, and say nothing of it.
    #[test]
    fn files_of_several_depths_share_a_range() {
        let mut all = side(Samples::U8(vec![0, 255, 255, 255]), 1);
        all.add(side(Samples::U16(vec![500, 3000]), 1));
        all.add(side(Samples::F32(vec![700.5, 3500.0]), 1));
        all.sort();
        assert_eq!(all.depth(), Some(Depth::F32));
        assert_eq!(all.extremes(), "500 to 3500");
        assert_eq!(all.bands()[0].percentile(100.0), 3500.0);
        let found = all.automatic("A").unwrap();
        assert_eq!(found.listed(), [[500.0, 3500.0]]);
        let counted = |range| all.outside(&domain(1, Depth::F32, range));
        assert_eq!(counted([500.0, 3500.0]).clipped, 0);
        assert_eq!(counted([600.0, 3000.0]).clipped, 2);
        // without a range, each depth has its own, and only the floats lie outside
        assert_eq!(counted([0.0, 1.0]).clipped, 2);
        assert_eq!(counted([0.0, 1.0]).samples, 8);
    }

    /// Steps of one length would meet a few columns alone.
    #[test]
    fn seams_that_recur_are_not_all_that_is_kept() {
        let width = 256;
        let value = |at: usize| match at % width % 4 {
            0 => 7,
            _ => 20_000 + (at % width) as u16,
        };
        let mosaic = side(Samples::U16((0..width * width).map(value).collect()), 1);
        let band = &mosaic.bands()[0];
        assert_eq!(band.sorted.len(), KEPT);
        let seams = band.sorted.iter().filter(|value| **value == 7.0).count();
        assert!((KEPT / 5..KEPT * 3 / 10).contains(&seams), "{seams}");
        assert!(band.percentile(99.9) > 20_250.0);
    }

    /// Opaque is 255, whatever the colors are, and training drops it.
    #[test]
    fn alpha_that_is_dropped_is_no_value() {
        let of = |channels: usize, wanted: usize, samples: &[u8]| {
            let decoded = Decoded {
                picture: Picture::new([2, 1], channels, Samples::U8(samples.to_vec())),
                format: Format::Png,
                gaps: vec![None; channels],
                named: vec![Some(255.0); channels],
                tag: Some(255.0),
                files: 1,
                same: (0..channels).collect(),
            };
            Side::of(&decoded, None, Some(wanted))
        };
        let found = |sides: [Side; 2]| {
            let [mut all, other] = sides;
            all.add(other);
            all.sort();
            assert_eq!(all.gaps_advice("A", "nodata[0]"), None);
            all.automatic("A").unwrap().listed().to_vec()
        };
        let gray = of(1, 1, &[7, 80]);
        assert_eq!(found([of(2, 1, &[5, 255, 9, 255]), gray]), [[5.0, 80.0]]);
        let rgb = of(3, 3, &[1, 2, 3, 4, 5, 85]);
        let rgba = of(4, 3, &[9, 8, 7, 255, 6, 0, 4, 255]);
        assert_eq!(found([rgb, rgba]), [[0.0, 85.0]]);
        // where all have it, it is data
        let kept = of(2, 2, &[5, 255, 9, 200]);
        assert_eq!(kept.bands()[1].extremes, [200.0, 255.0]);
    }

    #[test]
    fn neighbors_of_a_slice_have_its_range() {
        let slices = |same: Vec<usize>, files: usize| {
            let channels = same.len();
            let value = |at: usize| 100.0 * (at % channels) as f32 + (at / channels) as f32;
            let samples = Samples::F32((0..3 * channels).map(value).collect());
            let decoded = Decoded {
                picture: Picture::new([3, 1], channels, samples),
                format: Format::Nifti,
                gaps: vec![None; channels],
                named: vec![None; channels],
                tag: None,
                files,
                same,
            };
            let mut side = Side::of(&decoded, None, None);
            side.sort();
            side.automatic("A").unwrap().listed().to_vec()
        };
        assert_eq!(slices(vec![0; 5], 1), [[0.0, 402.0]]);
        // of two bands, and of two files
        let (first, second) = ([0.0, 402.0], [100.0, 502.0]);
        assert_eq!(
            slices(vec![0, 1, 0, 1, 0, 1], 1),
            [first, second, first, second, first, second]
        );
        let (first, second) = ([0.0, 202.0], [300.0, 502.0]);
        assert_eq!(
            slices(vec![0, 0, 0, 1, 1, 1], 2),
            [first, first, first, second, second, second]
        );
    }

    /// Percentiles of what is nearly all 0 are one value, which is no range.
    #[test]
    fn sparse_pictures_have_the_range_of_their_values() {
        let samples = |at: usize| match at {
            77 => 3000.0,
            500 => -2.0,
            _ => 0.0,
        };
        let sparse = side(Samples::F32((0..10_000).map(samples).collect()), 1);
        assert_eq!(sparse.automatic("B").unwrap().listed(), [[-2.0, 3000.0]]);
        assert_eq!(sparse.proposed(), "-2,3000");
        // a band that was missed by all that is kept
        let band = Band {
            extremes: [3.0, 5.0],
            sorted: Vec::new(),
        };
        assert_eq!(span([band].iter()), [3.0, 5.0]);
    }

    /// What all files hold is known of floating-point pictures, of which only some are read for percentiles.
    #[test]
    fn extremes_are_those_of_all_files() {
        let of = |channels: usize| {
            let samples = (0..8).map(|at| at as f32 / 8.0);
            let read = side(Samples::F32(samples.collect()), channels);
            let mut values = Values([read.clone(), read]);
            values.widen([Some([-3.0, 9.0]), None]);
            values
        };
        for channels in [1, 2] {
            let values = of(channels);
            assert_eq!(values.0[0].extremes(), "-3 to 9");
            assert_eq!(values.0[1].extremes(), "0 to 0.875");
            let unit = domain(channels, Depth::F32, [0.0, 1.0]);
            let counts = values.outside(&[unit.clone(), unit]).unwrap();
            assert_eq!(counts.map(|count| count.clipped), [1, 0]);
        }
        assert_eq!(of(1).0[0].bands()[0].extremes, [-3.0, 9.0]);
    }

    /// Label maps as int16 or float are read as floats, which would otherwise be refused as amounts.
    #[test]
    fn label_maps_of_floats_are_told_before_their_range() {
        let map = || side(Samples::F32(vec![0.0, 1.0, 3.0, 3.0]), 1);
        let mut values = Values([map(), map()]);
        let said = values.check_classes([false, true]).unwrap_err().to_string();
        assert_eq!(
            said,
            "B has few whole values, from 0 to 3, like label maps: for classes, give `labels[1]` 4; or, for \
             amounts, the values of black and white: `range[1]` 0,3"
        );
        assert!(values.check_classes([false; 2]).is_ok());
        // another file has other values
        values.widen([None, Some([0.0, 70.5])]);
        assert!(values.check_classes([false, true]).is_ok());
        let halves = side(Samples::F32(vec![0.0, 1.0, 0.5]), 1);
        let mask = side(Samples::F32(vec![0.0, 1.0, 1.0]), 1);
        assert!(Values([halves, mask]).check_classes([true; 2]).is_ok());
        let bytes = || side(Samples::U8(vec![0, 1, 3, 3]), 1);
        assert!(Values([bytes(), bytes()]).check_classes([true; 2]).is_ok());
    }

    #[test]
    fn values_under_a_mask_do_not_count() {
        let samples = Samples::F32(vec![1.0, 5.0, -9999.0, 900.0, 3.0, 7.0, 4.0, -1.0]);
        let side = with_gaps(samples, &[None, Some(-1.0)], Some(&[255, 0, 255, 255]));
        let bands = side.bands();
        let extremes: Vec<_> = bands.iter().map(|band| band.extremes).collect();
        assert_eq!(extremes, [[1.0, 4.0], [5.0, 7.0]]);
        let counts: Vec<_> = bands.iter().map(|band| band.sorted.len()).collect();
        assert_eq!(counts, [3, 2]);
    }

    /// Neither 255, the "void" of label maps, nor what a mask covers is a class.
    #[test]
    fn pixels_without_data_are_of_no_class() {
        let map = || Samples::U8(vec![0, 1, 2, 255, 77]);
        let mask = [255, 255, 255, 255, 0];
        let side = with_gaps(map(), &[Some(255.0)], Some(&mask));
        assert_eq!(side.classes(), Some(Classes::Numbered(3)));
        let mut all = with_gaps(map(), &[None], Some(&[0; 5]));
        assert_eq!(all.classes(), None);
        all.add(side);
        assert_eq!(all.classes(), Some(Classes::Numbered(3)));
    }

    #[test]
    fn two_classes_of_a_mask_are_black_and_white() {
        let stored = |samples: Vec<u8>, count| {
            let mask = side(Samples::U8(samples), 1);
            mask.stored(Classes::Numbered(count))
        };
        let class = |level| Class {
            name: String::new(),
            color: [level; 3],
        };
        let black_and_white = Classes::Palette(vec![class(0), class(255)]);
        assert_eq!(stored(vec![0, 255, 0], 2), black_and_white);
        for (samples, count) in [
            (vec![0, 1, 1], 2),
            (vec![0, 255], 3),
            (vec![0, 1, 255], 2),
            (vec![0, 0], 2),
        ] {
            assert_eq!(stored(samples, count), Classes::Numbered(count));
        }
        // 255 has no data here
        let void = with_gaps(Samples::U8(vec![0, 255]), &[Some(255.0)], None);
        assert_eq!(void.stored(Classes::Numbered(2)), Classes::Numbered(2));
        assert!(void.meets_gaps());
        assert!(!side(Samples::U8(vec![0, 255]), 1).meets_gaps());
        let said = side(Samples::U8(vec![0, 255]), 1).classes_advice(1);
        assert_eq!(
            said.unwrap(),
            "B has 2 colors, like label maps: for classes, give `labels[1]` 2, or a palette, which `pix2pix inspect` writes"
        );
    }

    /// Cars are 0,0,142 in Cityscapes, and black is void.
    #[test]
    fn a_color_without_data_is_the_whole_color() {
        let samples = vec![0, 0, 142, 0, 0, 0, 9, 0, 70];
        let map = with_gaps(Samples::U8(samples), &[Some(0.0); 3], None);
        let Some(Classes::Palette(classes)) = map.classes() else {
            panic!("a palette");
        };
        let colors: Vec<[u8; 3]> = classes.iter().map(|class| class.color).collect();
        assert_eq!(colors, [[0, 0, 142], [9, 0, 70]]);
    }

    /// As in PASCAL VOC: 0 to 20, and 255 at the edges of things.
    #[test]
    fn palettes_of_files_are_classes_by_index() {
        let of = |indices: &[usize]| {
            let color = |index: &usize| [[9, 9, 200], [200, 0, 0], [0, 90, 0]][index % 3];
            let mut palette = vec![[0; 3]; 256];
            indices
                .iter()
                .for_each(|index| palette[*index] = color(index));
            // the color of the last index occurs most
            let last = color(&indices[indices.len() - 1]);
            let pixels = indices.iter().map(color).chain([last; 5]);
            let map = side(Samples::U8(pixels.flatten().collect()), 3);
            let used = indices.iter().copied();
            map.with_palette(Some(Palettes::of(&palette, used, Path::new("x.png"))))
        };
        let map = of(&[0, 1, 20]);
        let Some(Classes::Palette(classes)) = map.classes() else {
            panic!("a palette");
        };
        let colors: Vec<[u8; 3]> = classes.iter().map(|class| class.color).collect();
        assert_eq!(colors, [[9, 9, 200], [200, 0, 0], [0, 90, 0]]);
        let said = map.classes_advice(1).unwrap();
        assert!(
            said.ends_with("give `labels[1]` 21, the number of their palettes' indices, or a palette, which `pix2pix inspect` writes"),
            "{said}"
        );
        let said = of(&[0, 2, 255]).classes_advice(1).unwrap();
        assert!(
            said.contains("`labels[1]` 3, the number of their palettes' indices (and `nodata[1]` 255, if index 255 is of no class), or"),
            "{said}"
        );
        // a file without a palette among them
        let mut mixed = of(&[0, 1, 20]);
        mixed.add(side(Samples::U8(vec![9, 9, 200]), 3));
        let said = mixed.classes_advice(1).unwrap();
        assert!(said.contains("give `labels[1]` a palette"), "{said}");
        assert_eq!(by_index(&[(0, [0; 3]), (255, [9; 3])]), None);
    }

    /// Label maps are dark as amounts: what helps the one spoils the other.
    #[test]
    fn classes_and_amounts_are_one_line() {
        let ids = side(Samples::U8(vec![0, 1, 2, 3]), 1);
        let said = ids.use_advice(&domain(1, Depth::U8, [0.0, 255.0]), 1);
        assert_eq!(
            said.unwrap(),
            "B has few whole values, from 0 to 3, like label maps: for classes, give `labels[1]` 4; or, for amounts, the \
             values of black and white: `range[1]` 0,3"
        );
        let dark = side(Samples::U16((0..500).collect()), 1);
        let said = dark.use_advice(&domain(1, Depth::U16, [0.0, 65535.0]), 1);
        assert!(
            said.unwrap()
                .starts_with("the values of B are from 0 to 499")
        );
    }

    /// The range of a camera, in 8-bit files.
    #[test]
    fn a_range_that_is_too_wide_for_8_bits_is_to_be_omitted() {
        let photo = side(Samples::U8((24..=227).collect()), 1);
        let said = photo.advice(&domain(1, Depth::U8, [0.0, 4095.0]), "A", "range[0]");
        assert_eq!(
            said.unwrap(),
            "the values of A are from 24 to 227 of 0 to 4095: pictures are nearly black to the network; omit `range[0]`"
        );
    }

    #[test]
    fn a_dark_side_gets_its_range_proposed() {
        let dark = side(Samples::U16(vec![0, 100, 4000]), 1);
        let said = dark
            .advice(&domain(1, Depth::U16, [0.0, 65535.0]), "A", "range[0]")
            .unwrap();
        assert!(said.contains("from 0 to 4000 of 0 to 65535"), "{said}");
        assert!(said.ends_with("`range[0]` 0,4095"), "{said}");
        assert_eq!(
            dark.advice(&domain(1, Depth::U16, [0.0, 4095.0]), "A", "range[0]"),
            None
        );
        let labels = side(Samples::U8(vec![0, 1, 2, 3, 4]), 1);
        let said = labels
            .advice(&domain(1, Depth::U8, [0.0, 255.0]), "B", "range[1]")
            .unwrap();
        assert!(said.ends_with("`range[1]` 0,4"), "{said}");
        let bright = side(Samples::U8(vec![0, 1, 200]), 1);
        assert_eq!(
            bright.advice(&domain(1, Depth::U8, [0.0, 255.0]), "B", "range[1]"),
            None
        );
    }

    /// A range that holds what is no height leaves the heights a small part, wherever that lies.
    #[test]
    fn floats_that_a_given_range_makes_flat_are_told() {
        let heights = side(Samples::F32(vec![0.5, 20.0, 43.0]), 1);
        let advice = |range| heights.advice(&domain(1, Depth::F32, range), "A", "range[0]");
        let said = advice([-9999.0, 43.0]).unwrap();
        assert!(said.contains("from 0.5 to 43 of -9999 to 43"), "{said}");
        assert!(said.contains("nearly flat"), "{said}");
        assert!(said.ends_with("`range[0]` 0.5,43"), "{said}");
        assert!(advice([0.0, 1000.0]).unwrap().contains("nearly black"));
        assert_eq!(advice([-100.0, 43.0]), None);
        assert_eq!(advice([0.0, 43.0]), None);
    }

    #[test]
    fn samples_of_a_value_that_files_name_are_told() {
        let of = |samples: Vec<f32>, named: Option<f32>| {
            let decoded = Decoded {
                picture: Picture::new([4, 1], 1, Samples::F32(samples)),
                format: Format::Tiff,
                gaps: vec![None],
                named: vec![named],
                tag: named,
                files: 1,
                same: vec![0],
            };
            Side::of(&decoded, None, None)
        };
        let mut all = of(vec![1.0, 2.0, -1.0, 4.0], None);
        all.add(of(vec![1.0, 2.0, -2.0, 4.0], Some(-1.0)));
        assert_eq!(all.gaps_advice("A", "nodata[0]"), None);
        all.add(of(vec![-1.0, 2.0, -1.0, 4.0], Some(-1.0)));
        all.add(of(vec![f32::NAN, 2.0, 3.0, f32::NAN], Some(f32::NAN)));
        let said = all.gaps_advice("A", "nodata[0]").unwrap();
        assert!(said.starts_with("25% of the values of A are -1,"), "{said}");
        assert!(said.ends_with("give `nodata[0]` tag"), "{said}");
    }

    #[test]
    fn a_side_whose_files_name_no_value_is_told() {
        let of = |gap: Option<f32>| with_gaps(Samples::F32(vec![1.0, 2.0]), &[gap], None);
        let mut all = of(None);
        let said = all.tags_advice("B", "nodata[1]").unwrap();
        assert!(said.starts_with("no picture of B that was"), "{said}");
        assert!(said.contains("give `nodata[1]` the value"), "{said}");
        // edges of a map may be all that names one
        all.add(of(Some(-1.0)));
        assert_eq!(all.tags_advice("B", "nodata[1]"), None);
    }

    #[test]
    fn values_outside_are_counted_and_most_of_them_refused() {
        let decibels = side(Samples::F32(vec![-20.0, -10.0, 0.0, 1.0]), 1);
        let optical = side(Samples::U16(vec![100, 200, 300, 400]), 1);
        let values = Values([decibels, optical]);
        let radar = domain(1, Depth::F32, [-25.0, 0.0]);
        let counts = values
            .outside(&[radar.clone(), domain(1, Depth::U16, [0.0, 350.0])])
            .unwrap();
        assert_eq!(counts.map(|count| count.clipped), [1, 1]);
        assert_eq!(counts[0].share(), "25%");
        let wrong = values
            .outside(&[radar, domain(1, Depth::U16, [-25.0, 0.0])])
            .unwrap_err();
        let wrong = wrong.to_string();
        assert!(
            wrong.contains("100% of the values of B lie outside of -25 to 0"),
            "{wrong}"
        );
        assert!(wrong.ends_with("`range[1]` 0,511"), "{wrong}");
    }

    #[test]
    fn proposals_of_floats_have_two_digits() {
        let decibels = side(
            Samples::F32((0..2000).map(|v| -22.37 + v as f32 / 100.0).collect()),
            1,
        );
        assert_eq!(decibels.proposed(), "-23,-2.4");
        for (most, typed) in [
            (0.3, "0,0.3"),
            (3e-5, "0,0.00003"),
            (3.2e-6, "0,0.0000032"),
            (1.234e-6, "0,0.0000013"),
            (2e-7, "0,0.0000002"),
            (-2.13e-7, "-0.00000022,0"),
            (1.21e10, "0,13000000000"),
        ] {
            let one = side(Samples::F32(vec![0.0, most / 2.0, most]), 1);
            assert_eq!(one.proposed(), typed);
        }
        // no float is larger
        assert_eq!(rounded(f32::MAX, f64::ceil), f32::MAX);
        assert_eq!(rounded(f32::MIN, f64::floor), f32::MIN);
    }

    /// What is proposed is a range, which one value is not.
    #[test]
    fn one_value_gets_a_range_from_or_to_0() {
        for (value, typed) in [(5.0, "0,5"), (-3.3, "-3.3,0"), (0.0, "0,1")] {
            let flat = side(Samples::F32(vec![value; 3]), 1);
            assert_eq!(flat.proposed(), typed);
        }
        assert_eq!(side(Samples::U8(vec![0; 3]), 1).proposed(), "0,1");
        assert_eq!(side(Samples::U16(vec![7; 3]), 1).proposed(), "0,7");
    }

    #[test]
    fn a_range_that_is_not_found_says_why() {
        let refused = |values: [f32; 2]| {
            let found = side(Samples::F32(values.to_vec()), 1).automatic("A");
            found.unwrap_err().to_string()
        };
        let flat = refused([5.0, 5.0]);
        assert!(
            flat.contains("of the pictures of A that were read has no two values; give"),
            "{flat}"
        );
        let wide = refused([-3e38, 3e38]);
        assert!(wide.contains("too far apart"), "{wide}");
    }
}
