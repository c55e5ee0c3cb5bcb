//! A survey of a data set reads the header of every file and decodes only floating-point pictures. Broken files are
//! then found before the first training step, not hours later.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::PathBuf;

use pix2pix_runtime::picture::labels::Stored;
use pix2pix_runtime::picture::{CHANNELS, Domain, Labels, Nodata, Outside, Ranges, nodata};
use pix2pix_runtime::words::count;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::Dataset;
use super::classes::{self, Classes};
use super::incomplete::Incomplete;
use super::pairs::Pairs;
use super::palettes::Palettes;
use super::reading::Decoded;
use super::remembered::{Extremes, Remembered, Seen};
use super::values::{SIDES, typed, wider};
use crate::choice::choices;
use crate::data::picture::{Depth, Format, Header, Picture, conversion};
use crate::error::{Error, Result, one_line, shown, within};

/// What to do about broken and unmatched files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnError {
    /// Stop with an error at the first one.
    #[default]
    Stop,
    /// Skip and report them.
    Skip,
}

impl OnError {
    /// Whether an error ends the work. One of the system always does: it would meet every file.
    pub(crate) fn stops(self, error: &Error) -> bool {
        self == Self::Stop || error.is_of_system()
    }
}

choices!(OnError, "action",
    Stop: "stop", "Stop before the first step";
    Skip: "skip", "Skip them, and list them";
);

/// Values that override those detected for the domains of A and B.
#[derive(Clone, Debug, Default)]
pub struct Forced {
    /// Channels of A and of B.
    pub channels: [Option<usize>; 2],
    /// Sample values of A and of B that map to -1 and 1.
    pub range: [Option<Ranges>; 2],
    /// The classes of A and of B, if their pictures are label maps.
    pub labels: [Option<Classes>; 2],
    /// How pixels of A and of B without data are known.
    pub nodata: [Option<Nodata>; 2],
}

/// Format of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PictureKind {
    /// Channels.
    pub channels: usize,
    /// Type of the samples.
    pub depth: Depth,
    /// File format.
    pub format: Format,
    /// Whether its colors are those of a palette in the file.
    pub indexed: bool,
    /// Whether the last one of two or four channels is the opacity.
    pub alpha: bool,
}

/// Counts of the pairs of a data set or of one split, by format and by size.
#[derive(Debug, Default)]
pub struct Survey {
    /// Number of pictures of each format, of A and of B.
    pub kinds: [BTreeMap<PictureKind, usize>; 2],
    /// Number of pairs of each size.
    pub sizes: BTreeMap<[u32; 2], usize>,
    /// Width and height of each of the surveyed pairs; `None` for those that cannot be read.
    pub found: Vec<Option<[u32; 2]>>,
    /// Indices of the pairs that cannot be read, with the reasons.
    pub broken: Vec<(usize, Error)>,
    /// Smallest and largest value of the floating-point pictures, of A and of B.
    pub extremes: [Option<[f32; 2]>; 2],
    /// The same without the values that files name for pixels without data themselves.
    pub others: [Option<[f32; 2]>; 2],
    /// Such a value of A and of B, if it is an extreme one and nobody has said how pixels without data are known.
    pub named: [Option<f32>; 2],
    /// Largest number of files whose channels are joined to one picture, of A and of B; 0 without pictures.
    pub files: [usize; 2],
    /// Whether such files have different types of samples.
    pub mixed: [bool; 2],
}

impl Survey {
    /// Surveys pairs, on all cores.
    pub fn of(pairs: &Pairs) -> Self {
        let remembered = match pairs.folder() {
            Some(folder) => Remembered::of(folder, pairs.len()),
            None => Remembered::default(),
        };
        let (read, firsts) = (pairs.read_as(), pairs.firsts());
        // with a flag for new results
        let found = |index: usize| match remembered.recall(&pairs.asked(index), read) {
            Some(seen) => (Ok(seen), false),
            None => (look(pairs, index), true),
        };
        // none of pairs that come again: each is read once
        let headers: Vec<_> = (0..pairs.len())
            .into_par_iter()
            .map(|index| (firsts[index] == index).then(|| found(index)))
            .collect();
        let news = headers
            .iter()
            .enumerate()
            .filter_map(|(index, found)| match found {
                Some((Ok(seen), true)) => Some((pairs.asked(index), *seen)),
                _ => None,
            });
        remembered.keep(news, read);
        let again = firsts.iter().enumerate();
        let again = again.filter(|(index, first)| index != *first);
        let known: BTreeMap<usize, Seen> = again
            .filter_map(|(_, first)| {
                let (seen, _) = headers[*first].as_ref()?;
                Some((*first, *seen.as_ref().ok()?))
            })
            .collect();
        let mut survey = Self::default();
        for (index, found) in headers.into_iter().enumerate() {
            let seen = match (found, known.get(&firsts[index])) {
                (Some((seen, _)), _) => seen,
                (None, Some(seen)) => Ok(*seen),
                (None, None) => look(pairs, index),
            };
            let size = seen.as_ref().ok().map(|([a, _], _)| a.size);
            survey.found.push(size);
            match seen {
                Err(error) => survey.broken.push((index, error)),
                Ok((headers, extremes)) => {
                    *survey.sizes.entry(headers[0].size).or_default() += 1;
                    for (
                        side,
                        Header {
                            channels,
                            depth,
                            format,
                            indexed,
                            alpha,
                            files,
                            mixed,
                            ..
                        },
                    ) in headers.into_iter().enumerate()
                    {
                        let kind = PictureKind {
                            channels,
                            depth,
                            format,
                            indexed,
                            alpha,
                        };
                        *survey.kinds[side].entry(kind).or_default() += 1;
                        survey.files[side] = survey.files[side].max(files);
                        survey.mixed[side] |= mixed;
                        survey.note(side, extremes[side]);
                    }
                }
            }
        }
        survey
    }

    /// Notes the values of a floating-point picture.
    fn note(&mut self, side: usize, extremes: Option<Extremes>) {
        let all = extremes.map(|found| found.all);
        let named = extremes.and_then(|found| found.without);
        self.extremes[side] = joined(self.extremes[side], all);
        self.others[side] = joined(self.others[side], named.map(|(_, others)| others).or(all));
        self.named[side] = self.named[side].or(named.map(|(value, _)| value));
    }

    /// The shapes of the pairs' pictures, in lowest terms (4x3 for 320x240), the most common first.
    pub fn shapes(&self) -> Vec<[u32; 2]> {
        let mut counts: BTreeMap<[u32; 2], usize> = BTreeMap::new();
        for (size, count) in &self.sizes {
            *counts.entry(lowest_terms(*size)).or_default() += count;
        }
        let mut shapes: Vec<_> = counts.into_iter().collect();
        shapes.sort_by_key(|(_, count)| Reverse(*count));
        shapes.into_iter().map(|(shape, _)| shape).collect()
    }

    /// The median width and the median height of the pairs' pictures; `None` without pairs.
    pub fn median_size(&self) -> Option<[u32; 2]> {
        let pairs: usize = self.sizes.values().sum();
        let median = |axis: usize| {
            let mut sides: Vec<(u32, usize)> = self
                .sizes
                .iter()
                .map(|(size, count)| (size[axis], *count))
                .collect();
            sides.sort_unstable();
            let mut seen = 0;
            let (side, _) = sides.into_iter().find(|(_, count)| {
                seen += count;
                2 * seen >= pairs
            })?;
            Some(side)
        };
        Some([median(0)?, median(1)?])
    }

    /// The most common size of pictures that are higher than wide; `None` if there are none.
    pub fn narrow_halves(&self) -> Option<[u32; 2]> {
        let sizes = self.sizes.iter();
        let narrow = sizes.filter(|([width, height], _)| width < height);
        narrow
            .max_by_key(|(_, count)| **count)
            .map(|(size, _)| *size)
    }

    /// Adds the counts and extremes of another survey, without its broken pairs.
    pub fn add(&mut self, other: &Self) {
        for side in 0..2 {
            for (kind, count) in &other.kinds[side] {
                *self.kinds[side].entry(*kind).or_default() += count;
            }
            self.extremes[side] = joined(self.extremes[side], other.extremes[side]);
            self.others[side] = joined(self.others[side], other.others[side]);
            self.named[side] = self.named[side].or(other.named[side]);
            self.files[side] = self.files[side].max(other.files[side]);
            self.mixed[side] |= other.mixed[side];
        }
        for (size, count) in &other.sizes {
            *self.sizes.entry(*size).or_default() += count;
        }
    }

    /// Number of pictures of each sample type, of A (`side` 0) or B.
    pub fn depths(&self, side: usize) -> BTreeMap<Depth, usize> {
        let mut depths = BTreeMap::new();
        for (kind, count) in &self.kinds[side] {
            *depths.entry(kind.depth).or_default() += count;
        }
        depths
    }

    /// The domains of A and B: those of the pictures, overridden by `forced`.
    ///
    /// # Errors
    /// When the pictures of one side have no common number of channels, or values outside their range.
    pub fn domains(&self, forced: &Forced) -> Result<[Domain; 2]> {
        Ok([self.domain(0, forced)?, self.domain(1, forced)?])
    }

    /// The channels of the domains of A and B: those of the pictures, or `forced` ones.
    ///
    /// # Errors
    /// When the pictures of one side have no common number of channels, or a number is out of range.
    pub fn channels(&self, forced: [Option<usize>; 2]) -> Result<[usize; 2]> {
        Ok([
            self.channels_of(0, forced[0])?,
            self.channels_of(1, forced[1])?,
        ])
    }

    fn channels_of(&self, side: usize, forced: Option<usize>) -> Result<usize> {
        let (name, _) = SIDES[side];
        let kinds = self.kinds[side].keys();
        let most = kinds.clone().map(|kind| kind.channels).max().unwrap_or(3);
        let least = kinds.clone().map(|kind| kind.channels).min().unwrap_or(3);
        if let Some(channels) = forced {
            let field = ["channels[0]", "channels[1]"][side];
            within(field, channels, CHANNELS)?;
            // before a range is asked for, of values that nothing will read; where some can be converted, the others are broken
            let mut own = kinds.map(|kind| kind.channels);
            if !self.kinds[side].is_empty() && own.all(|own| conversion(own, channels).is_err()) {
                let reason = format!(
                    "is {channels}, but the pictures of {name} have {}, which cannot be converted to so many",
                    count(most as u64, "channel")
                );
                return Err(Error::field(field, reason));
            }
            return Ok(channels);
        }
        if !CHANNELS.contains(&most) {
            return Err(Error::Data(format!(
                "the pictures of {name} have up to {most} channels; networks take at most {}",
                CHANNELS.end()
            )));
        }
        // a conversion drops the last one of two or four channels, and it must be alpha; several files are no colors
        let mut even = kinds.filter(|kind| kind.channels.is_multiple_of(2));
        let are_colors = self.files[side] <= 1 && even.all(|kind| kind.alpha);
        match most {
            _ if least == most => Ok(most),
            1 | 2 if are_colors => Ok(1),
            3 | 4 if are_colors => Ok(3),
            _ => Err(Error::Data(format!(
                "the pictures of {name} have from {least} to {most} channels, which are not gray, color and alpha; remove \
                 some or give `channels[{side}]`"
            ))),
        }
    }

    fn domain(&self, side: usize, forced: &Forced) -> Result<Domain> {
        let (name, field) = SIDES[side];
        let kinds = self.kinds[side].keys();
        let channels = self.channels_of(side, forced.channels[side])?;
        if let Some(classes) = &forced.labels[side] {
            return self.labels(side, classes, channels, forced);
        }
        let depth = kinds.map(|kind| kind.depth).max().unwrap_or(Depth::U8);
        if self.mixed[side] && forced.range[side].is_none_or(|range| range.listed().len() == 1) {
            return Err(Error::Data(format!(
                "`{field}` must be given for each channel, as the files of {name} have different types of samples, e.g. \
                 0:255,0:255,0:255,0:65535 for RGB of 8 bits and depth of 16"
            )));
        }
        let range = forced.range[side].unwrap_or(depth.range().into());
        if !range.fit(channels) {
            let reason = format!(
                "has {}, but {name} has {}; give one range, or one for each channel",
                count(range.listed().len() as u64, "range"),
                count(channels as u64, "channel")
            );
            return Err(Error::field(field, reason));
        }
        if forced.range[side].is_none() {
            self.check_floats(side, range.of(0))?;
        }
        Ok(Domain {
            channels,
            depth,
            range,
            labels: None,
            nodata: forced.nodata[side],
        })
    }

    /// Checks that the floating-point pictures of a side have values of a range that nobody chose.
    fn check_floats(&self, side: usize, range: [f32; 2]) -> Result<()> {
        let is_outside = |[low, high]: &[f32; 2]| *low < range[0] || *high > range[1];
        let Some([low, high]) = self.extremes[side].filter(is_outside) else {
            return Ok(());
        };
        let (name, field) = SIDES[side];
        let values =
            format!("the floating-point pictures of {name} have values from {low} to {high}");
        let Some(value) = self.named[side] else {
            return Err(Error::Data(format!(
                "{values}, not from 0 to 1; give the values of black and white: `{field}` {}",
                typed([low, high])
            )));
        };
        let range = self.others[side].filter(is_outside).map(|others| {
            format!(
                " and, for the other pixels, the values of black and white: `{field}` {}",
                typed(others)
            )
        });
        Err(Error::Data(format!(
            "{values}, and {} is what the files name for pixels without data; give `nodata[{side}]` tag{}",
            nodata::text(value),
            range.unwrap_or_default()
        )))
    }

    /// The domain of label maps of these classes.
    fn labels(
        &self,
        side: usize,
        classes: &Classes,
        channels: usize,
        forced: &Forced,
    ) -> Result<Domain> {
        if self.files[side] > 1 {
            let reason = "is for one picture a side; join the label maps to one file";
            return Err(Error::field(classes::FIELDS[side], reason));
        }
        if forced.range[side].is_some() {
            let reason = "has no meaning for label maps; omit it";
            return Err(Error::field(SIDES[side].1, reason));
        }
        let mut kinds = self.kinds[side].keys();
        // the index of a color in a PNG's own palette is a class id
        let is_indexed = |kind: &PictureKind| kind.channels == 1 || kind.indexed;
        let channels = match classes {
            Classes::Numbered(_) if kinds.clone().all(is_indexed) => 1,
            _ => channels,
        };
        let labels = classes.labels(side, channels)?;
        let is_jpeg = |kind: &PictureKind| !kind.format.is_exact();
        if let (Stored::Ids, Some(kind)) = (labels.stored, kinds.find(|kind| is_jpeg(kind))) {
            return Err(Error::Data(format!(
                "`labels[{side}]`: {} files do not keep class ids exactly; save the label maps as PNG",
                kind.format
            )));
        }
        Ok(Domain {
            nodata: forced.nodata[side],
            ..Domain::of_labels(labels)
        })
    }
}

/// A width and a height without their common divisor.
fn lowest_terms([width, height]: [u32; 2]) -> [u32; 2] {
    let (mut divisor, mut rest) = (width, height);
    while rest > 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    [width, height].map(|side| side / divisor.max(1))
}

/// What holds both of two ranges, as far as they are known.
fn joined(one: Option<[f32; 2]>, other: Option<[f32; 2]>) -> Option<[f32; 2]> {
    one.into_iter().chain(other).reduce(wider)
}

/// Reads a pair's headers, and the extremes of floating-point pictures, which headers do not contain.
fn look(pairs: &Pairs, index: usize) -> Result<Seen> {
    let headers = pairs.headers(index)?;
    let mut extremes = [None; 2];
    if headers.iter().any(|header| header.depth == Depth::F32) {
        let sides = pairs.decode_sides(index)?;
        let mask = pairs.mask(index, sides[0].picture.size())?;
        let [source, _] = pairs.direction().order([0, 1]);
        for (side, decoded) in sides.into_iter().enumerate() {
            if decoded.picture.depth() == Depth::F32 {
                let path = &pairs.shown_side(index, side);
                let Decoded {
                    picture,
                    gaps,
                    named,
                    ..
                } = &decoded;
                let counted = finite_extremes(picture, gaps, mask.as_ref());
                // a mask leaves the source as it is, and the network sees all of it
                let seen = match side == source && mask.is_some() {
                    true => finite_extremes(picture, gaps, None),
                    false => counted,
                };
                let all = counted.filter(|_| seen.is_some()).ok_or_else(|| {
                    let (reason, remedy) =
                        not_finite(&decoded, mask.as_ref().filter(|_| side != source));
                    Error::file(path, reason, remedy)
                })?;
                let value = named.iter().copied().flatten().next();
                let others = value.and_then(|_| finite_extremes(picture, named, mask.as_ref()));
                let without = value.zip(others.filter(|others| *others != all));
                extremes[side] = Some(Extremes { all, without });
            }
        }
    }
    Ok((headers, extremes))
}

/// The pixels of the label maps of A or B.
#[derive(Clone, Debug, Default)]
pub struct LabelCount {
    /// Pixels of each class; none if the side has no label maps.
    pub pixels: Vec<u64>,
    /// Pixels with a color that no class has, of formats that keep no exact colors. They become the nearest class.
    pub outside: Outside,
    /// Whether some pixel of a pair has no data.
    pub has_gaps: bool,
    /// The colors of class ids that are indices of palettes.
    pub palettes: Palettes,
}

impl LabelCount {
    fn of(labels: &Labels, picture: &Picture, known: Option<&[u8]>) -> Self {
        let mut pixels = vec![0; labels.classes.len()];
        for (pixel, class) in labels.classes_of(picture).into_iter().enumerate() {
            let has_data = known.is_none_or(|known| known[pixel] > 0);
            pixels[usize::from(class)] += u64::from(has_data);
        }
        let outside = labels.outside(picture);
        Self {
            pixels,
            outside,
            has_gaps: known.is_some(),
            palettes: Palettes::default(),
        }
    }

    fn add(&mut self, other: Self) {
        self.pixels
            .resize(other.pixels.len().max(self.pixels.len()), 0);
        for (sum, more) in self.pixels.iter_mut().zip(other.pixels) {
            *sum += more;
        }
        self.outside.add(other.outside);
        self.has_gaps |= other.has_gaps;
        self.palettes.add(other.palettes);
    }

    /// What to say of classes that no pixel has: of `labels`, those of the side called `name`. `None` if each has some.
    pub fn absent(&self, labels: &Labels, name: &str) -> Option<String> {
        /// Most classes that are named.
        const NAMED: usize = 3;
        let counts = self.pixels.iter().enumerate();
        let absent = counts.filter(|(_, pixels)| **pixels == 0);
        let absent: Vec<String> = absent
            .map(|(class, _)| one_line(&labels.name(class)))
            .collect();
        let more = absent.len().saturating_sub(NAMED);
        let named = absent[..absent.len() - more].join(", ");
        let others = match more {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        (!absent.is_empty()).then(|| {
            format!("no pixel of {name} is of {named}{others}: a network learns nothing of what it never sees")
        })
    }
}

/// Reads the label maps of all pairs, which are in their domains, and counts the pixels of A and of B. Pairs without label
/// maps are not read.
///
/// # Errors
/// When a pair cannot be read or has a value that no class has, and `on_error` is not [`OnError::Skip`]; when most pixels of
/// a side have no class.
pub fn check_labels(data: &Dataset, on_error: OnError) -> Result<[LabelCount; 2]> {
    let mut counts = [LabelCount::default(), LabelCount::default()];
    for (_, pairs) in &data.splits {
        let Some(domains) = pairs.domains() else {
            continue;
        };
        if domains.iter().all(|domain| domain.labels.is_none()) {
            continue;
        }
        let count = |index: usize| {
            let pair = pairs.read(index)?;
            let sides = pairs.direction().order([&pair.source, &pair.target]);
            let mut counts = [LabelCount::default(), LabelCount::default()];
            for (side, count) in counts.iter_mut().enumerate() {
                let Some(labels) = &domains[side].labels else {
                    continue;
                };
                *count = LabelCount::of(labels, sides[side], pair.known());
                if labels.stored == Stored::Ids
                    && let Some(palette) = pairs.palette(index, side)?
                {
                    let path = pairs.shown_side(index, side);
                    let classes = (0..).zip(&count.pixels).filter(|(_, pixels)| **pixels > 0);
                    let classes = classes.map(|(class, _)| class);
                    count.palettes = Palettes::of(&palette, classes, &path);
                }
            }
            Ok(counts)
        };
        let found: Vec<Result<[LabelCount; 2]>> =
            (0..pairs.len()).into_par_iter().map(count).collect();
        for found in found {
            match found {
                Ok(found) => counts
                    .iter_mut()
                    .zip(found)
                    .for_each(|(sum, more)| sum.add(more)),
                Err(error) if on_error.stops(&error) => return Err(error),
                Err(_) => {} // told when the pair is skipped
            }
        }
        for (side, count) in counts.iter().enumerate() {
            if count.outside.is_most() {
                let (name, _) = SIDES[side];
                return Err(Error::Data(format!(
                    "{} of the pixels of {name} have other colors than the classes of `labels[{side}]`; check the \
                     palette (`pix2pix inspect` proposes one)",
                    count.outside.share()
                )));
            }
        }
    }
    Ok(counts)
}

/// What is wrong with a picture of which a sample with data is no finite number, and what to do. Values of 64 bits that 32 do not
/// hold, such as GDAL's usual one for pixels without data, have become infinite.
fn not_finite(decoded: &Decoded, mask: Option<&Picture>) -> (&'static str, String) {
    let Decoded {
        picture,
        gaps,
        named,
        ..
    } = decoded;
    let (mut infinite, mut is_nan) = (None, false);
    all_with_data(picture, gaps, mask, |sample| {
        infinite = infinite.or(Some(sample).filter(|sample| sample.is_infinite()));
        is_nan |= sample.is_nan();
        true
    });
    // beside what a file names, NaN is no data
    let is_told = all_with_data(picture, named, mask, |sample| {
        sample.is_nan() || sample.is_finite()
    });
    let told = named.iter().copied().flatten().next().filter(|_| is_told);
    let reason = match is_nan {
        true => "some of its values are infinite or not a number (NaN)",
        false => "some of its values are infinite, or too large for 32-bit floats",
    };
    let remedy = match (told, infinite) {
        (Some(named), _) if named.is_infinite() => {
            "the file names such a value for pixels without data: give `nodata` tag".to_string()
        }
        (Some(named), _) if named.is_finite() => format!(
            "if NaN says that a pixel has no data, as {} does, which the file names, give `nodata` tag",
            nodata::text(named)
        ),
        (_, Some(value)) if !is_nan => format!(
            "if they say that a pixel has no data, give `nodata` {value}; otherwise replace them with finite numbers"
        ),
        _ => "if NaN says that a pixel has no data, give `nodata` nan; otherwise replace them with finite numbers"
            .to_string(),
    };
    (reason, remedy)
}

/// Smallest and largest of the samples that have data, 0 if none has; `None` if one of them is not finite.
fn finite_extremes(
    picture: &Picture,
    gaps: &[Option<f32>],
    mask: Option<&Picture>,
) -> Option<[f32; 2]> {
    let mut found = [f32::INFINITY, f32::NEG_INFINITY];
    let are_finite = all_with_data(picture, gaps, mask, |sample| {
        found = wider(found, [sample; 2]);
        sample.is_finite()
    });
    let [low, high] = found;
    are_finite.then_some(if low <= high { found } else { [0.0; 2] })
}

/// Whether all those samples of a picture that have data pass a test; none is tested behind one that does not. `gaps` has the
/// value of those without data for each channel.
fn all_with_data(
    picture: &Picture,
    gaps: &[Option<f32>],
    mask: Option<&Picture>,
    mut test: impl FnMut(f32) -> bool,
) -> bool {
    let samples = picture.to_floats();
    let mut pixels = samples.chunks_exact(picture.channels()).enumerate();
    pixels.all(|(at, pixel)| {
        let is_covered = mask.is_some_and(|mask| mask.bytes()[at] == 0);
        let mut samples = pixel.iter().zip(gaps);
        is_covered
            || samples.all(|(&sample, gap)| {
                gap.is_some_and(|gap| nodata::is(sample, gap)) || test(sample)
            })
    })
}

/// Pairs and pictures that were left out of a data set.
#[derive(Debug, Default)]
pub struct LeftOut {
    /// One error for each broken pair.
    pub broken: Vec<Error>,
    /// Pictures without a partner.
    pub unmatched: Vec<PathBuf>,
    /// Lines of a table that lack a picture.
    pub incomplete: Vec<Incomplete>,
}

/// Surveys all splits, and removes broken pairs or stops at the first one. The returned survey covers the remaining
/// pairs.
///
/// # Errors
/// With [`OnError::Stop`], when a pair is broken, a picture has no partner, or a line of a table lacks a picture; with
/// [`OnError::Skip`], when no training pair remains.
pub fn checked(data: Dataset, on_error: OnError) -> Result<(Dataset, Survey, LeftOut)> {
    let splits = data.splits.clone();
    let surveys = splits.iter().map(|(_, pairs)| Survey::of(pairs));
    sift(data, surveys, on_error)
}

/// As [`checked`], with surveys that were made elsewhere: one for each split, in order, consumed one at a time.
///
/// # Errors
/// As [`checked`].
pub fn sift(
    data: Dataset,
    surveys: impl IntoIterator<Item = Survey>,
    on_error: OnError,
) -> Result<(Dataset, Survey, LeftOut)> {
    if on_error == OnError::Stop && !data.unmatched.is_empty() {
        return Err(unmatched(&data));
    }
    if let (OnError::Stop, Some(line)) = (on_error, data.incomplete.first()) {
        return Err(line.error());
    }
    let mut whole = Survey::default();
    let mut left_out = LeftOut {
        unmatched: data.unmatched.clone(),
        incomplete: data.incomplete.clone(),
        ..LeftOut::default()
    };
    let mut kept = Vec::new();
    for ((name, pairs), survey) in data.splits.iter().zip(surveys) {
        whole.add(&survey);
        let broken: Vec<usize> = survey.broken.iter().map(|(index, _)| *index).collect();
        for (_, error) in survey.broken {
            match on_error.stops(&error) {
                true => return Err(error),
                false => left_out.broken.push(error),
            }
        }
        let whole: Vec<usize> = (0..pairs.len())
            .filter(|index| broken.binary_search(index).is_err())
            .collect();
        kept.push((*name, pairs.of_sizes(&survey.found).select(&whole)));
    }
    if kept[0].1.is_empty() {
        return Err(left_out.broken.swap_remove(0));
    }
    kept.retain(|(_, pairs)| !pairs.is_empty());
    Ok((data.with_splits(kept), whole, left_out))
}

/// The error that names all pictures without a partner.
fn unmatched(data: &Dataset) -> Error {
    let files = &data.unmatched;
    let names: Vec<String> = files
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    let folder = files.first().and_then(|file| file.parent());
    let folder = folder.filter(|folder| files.iter().all(|file| file.parent() == Some(folder)));
    let remedy = match mismatch(data.example.as_ref(), data.proposal.as_ref()) {
        Some(example) => format!("{example}; rename or remove them, or choose `on_error` skip"),
        None => "rename or remove them, or choose `on_error` skip".to_string(),
    };
    Error::file(
        folder.unwrap_or(data.train.store.root()),
        format!(
            "{} without a partner of the same name: {}",
            count(files.len() as u64, "picture"),
            names.join(", ")
        ),
        remedy,
    )
}

/// How two names of an example, one of A and one of B, do not match, and the patterns by which they would.
pub fn mismatch(example: Option<&[PathBuf; 2]>, proposal: Option<&[String; 2]>) -> Option<String> {
    let [a, b] = example?;
    // files of one name are in folders of other names
    let is_name = a.file_name() != b.file_name();
    let name = |file: &PathBuf| match file.file_name().filter(|_| is_name) {
        Some(name) => one_line(&name.to_string_lossy()),
        None => shown(file),
    };
    let example = format!("e.g. A has {} and B has {}", name(a), name(b));
    Some(match proposal {
        Some([a, b]) => format!("{example}, which `matching` '{a}' '{b}' would pair"),
        None => example,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::dataset::Options;
    use crate::data::picture::{self, Format, Picture, Samples};

    /// A side-by-side pair that becomes a photograph would be cut in two.
    #[test]
    fn a_pair_that_changes_its_size_is_refused() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("x.png");
        let write = |width: u32| {
            let samples = Samples::U8(vec![7; 3 * 32 * width as usize]);
            let both = Picture::new([width, 32], 3, samples);
            picture::write(&path, &both, Format::Png).unwrap();
        };
        write(64);
        let data = Dataset::open(scratch.path(), &Options::default()).unwrap();
        let (data, _, _) = checked(data, OnError::Stop).unwrap();
        assert!(data.train.read(0).is_ok());
        write(32);
        let said = data.train.read(0).unwrap_err().to_string();
        let wanted = "x.png: A and B have 16x32 pixels, and had 32x32 when the data were checked; ";
        assert!(said.contains(wanted), "{said}");
    }

    /// They weigh as much as they come, and are read once.
    #[test]
    fn lines_of_a_table_that_come_again_are_known() {
        let scratch = tempfile::tempdir().unwrap();
        let at = |name: &str| scratch.path().join(name);
        for name in ["a.png", "b.png", "c.png"] {
            image::RgbImage::new(16, 16).save(at(name)).unwrap();
        }
        std::fs::write(at("broken.png"), "no picture").unwrap();
        let lines =
            "a,b\na.png,b.png\na.png,c.png\na.png,b.png\na.png,broken.png\na.png,broken.png\n";
        std::fs::write(at("pairs.csv"), lines).unwrap();
        let pairs = Dataset::open(&at("pairs.csv"), &Options::default());
        let pairs = pairs.unwrap().train;
        assert_eq!(pairs.firsts(), [0, 1, 0, 3, 3]);
        let survey = Survey::of(&pairs);
        assert_eq!(survey.sizes[&[16, 16]], 3);
        let broken: Vec<usize> = survey.broken.iter().map(|(index, _)| *index).collect();
        assert_eq!(broken, [3, 4]);
    }

    #[test]
    fn the_median_size_is_that_of_most_pairs() {
        let median = |sizes: &[([u32; 2], usize)]| {
            let survey = Survey {
                sizes: sizes.iter().copied().collect(),
                ..Survey::default()
            };
            survey.median_size()
        };
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[([1200, 800], 3)]), Some([1200, 800]));
        let mixed = [([100, 900], 2), ([400, 300], 3), ([4000, 3000], 2)];
        assert_eq!(median(&mixed), Some([400, 900]));
        let even = [([100, 100], 1), ([200, 200], 1)];
        assert_eq!(median(&even), Some([100, 100]));
    }

    /// With the values that files name, a range would leave the others next to nothing of it.
    #[test]
    fn values_that_files_name_are_in_no_range() {
        let said = |pictures: &[Extremes]| {
            let mut survey = Survey::default();
            for found in pictures {
                let mut one = Survey::default();
                one.note(1, Some(*found));
                survey.add(&one);
            }
            let error = survey.check_floats(1, [0.0, 1.0]).unwrap_err();
            error.to_string()
        };
        let tagged = |others: [f32; 2]| Extremes {
            all: [-9999.0, others[1]],
            without: Some((-9999.0, others)),
        };
        let plain = Extremes {
            all: [-3.0, 5.0],
            without: None,
        };
        let of_both = said(&[tagged([0.5, 9.0]), plain]);
        assert!(
            of_both.contains("from -9999 to 9, and -9999 is what"),
            "{of_both}"
        );
        assert!(
            of_both.ends_with("the values of black and white: `range[1]` -3,9"),
            "{of_both}"
        );
        let fitting = said(&[tagged([0.5, 1.0])]);
        assert!(fitting.ends_with("give `nodata[1]` tag"), "{fitting}");
        let untagged = said(&[plain]);
        assert!(untagged.ends_with("white: `range[1]` -3,5"), "{untagged}");
        let flat = said(&[Extremes {
            all: [5.0, 5.0],
            without: None,
        }]);
        assert!(flat.ends_with("white: `range[1]` 0,5"), "{flat}");
    }

    /// Gray and depth beside RGB and depth: a conversion would take depth for opacity.
    #[test]
    fn files_that_are_joined_have_one_number_of_channels() {
        let kind = |channels: usize| PictureKind {
            channels,
            depth: Depth::U8,
            format: Format::Png,
            indexed: false,
            alpha: true,
        };
        let mut survey = Survey {
            kinds: [[(kind(2), 1), (kind(4), 1)].into(), [(kind(3), 2)].into()],
            files: [1, 1],
            ..Survey::default()
        };
        assert_eq!(survey.domains(&Forced::default()).unwrap()[0].channels, 3);
        survey.files[0] = 2;
        let said = survey.domains(&Forced::default()).unwrap_err().to_string();
        assert!(said.contains("A have from 2 to 4 channels"), "{said}");
    }

    /// The second band of radar, and near infrared beside RGB, are no opacity that training may drop.
    #[test]
    fn bands_are_not_dropped_unasked() {
        let channels = |kinds: &[(usize, bool)], forced: Option<usize>| {
            let kind = |&(channels, alpha): &(usize, bool)| {
                let kind = PictureKind {
                    channels,
                    depth: Depth::U8,
                    format: Format::Tiff,
                    indexed: false,
                    alpha,
                };
                (kind, 1)
            };
            let survey = Survey {
                kinds: [kinds.iter().map(kind).collect(), BTreeMap::new()],
                files: [1, 0],
                ..Survey::default()
            };
            let found = survey.channels([forced, None]);
            found.map(|[a, _]| a).map_err(|error| error.to_string())
        };
        for (kinds, expected) in [
            (&[(1, false), (2, true)][..], 1),
            (&[(1, false), (4, true)], 3),
            (&[(1, false), (3, false)], 3),
            (&[(3, false), (4, true)], 3),
            // all have the band
            (&[(2, false)], 2),
            (&[(4, false), (4, true)], 4),
        ] {
            assert_eq!(channels(kinds, None), Ok(expected), "{kinds:?}");
        }
        for kinds in [
            [(1, false), (2, false)],
            [(2, false), (3, false)],
            [(2, false), (4, true)],
            [(3, false), (4, false)],
        ] {
            let said = channels(&kinds, None).unwrap_err();
            assert!(
                said.contains("channels, which are not gray, color and alpha; remove some or give"),
                "{said}"
            );
            assert_eq!(channels(&kinds, Some(1)), Ok(1));
        }
        let said = channels(&[(5, false)], Some(3)).unwrap_err();
        assert_eq!(
            said,
            "`channels[0]` is 3, but the pictures of A have 5 channels, which cannot be converted to so many"
        );
        // those that cannot are told by name, or skipped
        assert_eq!(channels(&[(3, false), (5, false)], Some(3)), Ok(3));
    }

    #[test]
    fn classes_that_no_pixel_has_are_told() {
        let labels = Classes::Numbered(6).labels(1, 1).unwrap();
        let said = |pixels: [u64; 6]| {
            let count = LabelCount {
                pixels: pixels.to_vec(),
                ..LabelCount::default()
            };
            count.absent(&labels, "B")
        };
        assert_eq!(said([1; 6]), None);
        assert_eq!(
            said([9, 0, 1, 1, 1, 1]).unwrap(),
            "no pixel of B is of class 1: a network learns nothing of what it never sees"
        );
        let many = said([9, 0, 1, 0, 0, 0]).unwrap();
        let told = "no pixel of B is of class 1, class 3, class 4 and 1 more: ";
        assert!(many.starts_with(told), "{many}");
    }

    #[test]
    fn shapes_are_in_lowest_terms_and_by_their_number() {
        let survey = Survey {
            sizes: [
                ([240, 320], 3),
                ([256, 256], 1),
                ([320, 240], 2),
                ([640, 480], 2),
            ]
            .into(),
            ..Survey::default()
        };
        assert_eq!(survey.shapes(), [[4, 3], [3, 4], [1, 1]]);
        assert_eq!(survey.narrow_halves(), Some([240, 320]));
        let facades = Survey {
            sizes: [([256, 256], 400)].into(),
            ..Survey::default()
        };
        assert_eq!(facades.narrow_halves(), None);
    }
}
