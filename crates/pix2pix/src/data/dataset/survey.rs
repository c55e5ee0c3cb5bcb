//! A survey of a data set: every header is read, no picture decoded but those of floating point, so that
//! what is broken stops a training before its first step and not in its third hour.

use std::collections::BTreeMap;
use std::path::PathBuf;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::remembered::{Remembered, Seen};
use super::{Dataset, Pairs};
use crate::data::domain::Domain;
use crate::data::picture::{Depth, Format, Header};
use crate::error::{Error, Result};

/// What is done about broken and unmatched files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnError {
    /// The first one ends the program.
    #[default]
    Stop,
    /// They are left out, and named.
    Skip,
}

/// What a user forces on the domains of A and B.
#[derive(Clone, Copy, Debug, Default)]
pub struct Forced {
    /// Channels of A and of B.
    pub channels: [Option<usize>; 2],
    /// The values of 16-bit and floating-point pictures that become -1 and 1.
    pub range: Option<[f32; 2]>,
}

/// Pictures of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    /// Channels.
    pub channels: usize,
    /// What a sample is stored as.
    pub depth: Depth,
    /// The kind of file.
    pub format: Format,
}

/// What the pairs of a data set, or of one split, are.
#[derive(Debug, Default)]
pub struct Survey {
    /// How many pictures of A and of B there are of each kind.
    pub kinds: [BTreeMap<Kind, usize>; 2],
    /// How many pairs there are of each size.
    pub sizes: BTreeMap<[u32; 2], usize>,
    /// Pairs that cannot be read, by their number, and why.
    pub broken: Vec<(usize, Error)>,
    /// The least and the greatest value of floating-point pictures of A and of B.
    pub extremes: [Option<[f32; 2]>; 2],
}

impl Survey {
    /// Surveys pairs, on all cores.
    pub fn of(pairs: &Pairs) -> Self {
        let remembered = match pairs.folder() {
            Some(folder) => Remembered::of(folder, pairs.len()),
            None => Remembered::default(),
        };
        // and whether it is news
        let headers: Vec<_> = (0..pairs.len())
            .into_par_iter()
            .map(|index| match remembered.recall(&pairs.shown(index)) {
                Some(seen) => (Ok(seen), false),
                None => (look(pairs, index), true),
            })
            .collect();
        let news = headers
            .iter()
            .enumerate()
            .filter_map(|(index, found)| match found {
                (Ok(seen), true) => Some((pairs.shown(index), *seen)),
                _ => None,
            });
        remembered.keep(news);
        let mut survey = Self::default();
        for (index, (seen, _)) in headers.into_iter().enumerate() {
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
                            ..
                        },
                    ) in headers.into_iter().enumerate()
                    {
                        let kind = Kind {
                            channels,
                            depth,
                            format,
                        };
                        *survey.kinds[side].entry(kind).or_default() += 1;
                        survey.extremes[side] = wider(survey.extremes[side], extremes[side]);
                    }
                }
            }
        }
        survey
    }

    /// Adds what another survey saw, but for what is broken.
    pub fn add(&mut self, other: &Self) {
        for side in 0..2 {
            for (kind, count) in &other.kinds[side] {
                *self.kinds[side].entry(*kind).or_default() += count;
            }
            self.extremes[side] = wider(self.extremes[side], other.extremes[side]);
        }
        for (size, count) in &other.sizes {
            *self.sizes.entry(*size).or_default() += count;
        }
    }

    /// The domains of A and B that these pictures have, or are forced to have.
    ///
    /// # Errors
    /// When the pictures of one side have nothing in common, or values outside their range.
    pub fn domains(&self, forced: &Forced) -> Result<[Domain; 2]> {
        Ok([self.domain(0, forced)?, self.domain(1, forced)?])
    }

    fn domain(&self, side: usize, forced: &Forced) -> Result<Domain> {
        let name = ["A", "B"][side];
        let kinds = self.kinds[side].keys();
        let most = kinds.clone().map(|kind| kind.channels).max().unwrap_or(3);
        let least = kinds.clone().map(|kind| kind.channels).min().unwrap_or(3);
        let channels = match forced.channels[side] {
            Some(channels) => channels,
            None if least == most => most,
            // of gray and colour, with alpha or without: what a screen shows
            None if most <= 4 => {
                if most >= 3 {
                    3
                } else {
                    1
                }
            }
            None => {
                return Err(Error::Config(format!(
                    "the pictures of {name} have from {least} to {most} channels; take some out or give \
                     --channels-{} N",
                    name.to_lowercase()
                )));
            }
        };
        let depth = kinds.map(|kind| kind.depth).max().unwrap_or(Depth::U8);
        let range = match forced.range {
            Some(range) if depth != Depth::U8 => range,
            _ => depth.range(),
        };
        if let Some([low, high]) = self.extremes[side]
            && forced.range.is_none()
            && (low < range[0] || high > range[1])
        {
            return Err(Error::Config(format!(
                "the floating-point pictures of {name} have values from {low} to {high}, not from 0 to 1; \
                 say which values are black and white: --range {low},{high}"
            )));
        }
        Ok(Domain {
            channels,
            depth,
            range,
        })
    }
}

fn wider(one: Option<[f32; 2]>, other: Option<[f32; 2]>) -> Option<[f32; 2]> {
    match (one, other) {
        (Some([a, b]), Some([c, d])) => Some([a.min(c), b.max(d)]),
        (one, other) => one.or(other),
    }
}

/// A pair's headers; of floating-point pictures also the extremes, which no header tells.
fn look(pairs: &Pairs, index: usize) -> Result<Seen> {
    let headers = pairs.headers(index)?;
    let mut extremes = [None; 2];
    if headers.iter().any(|header| header.depth == Depth::F32) {
        let shown = pairs.shown(index);
        for (side, picture) in pairs.read_sides(index)?.iter().enumerate() {
            if picture.depth() == Depth::F32 {
                let path = &shown[side.min(shown.len() - 1)];
                let values = picture
                    .extremes()
                    .filter(|values| values.iter().all(|v| v.is_finite()));
                extremes[side] = Some(values.ok_or_else(|| {
                    Error::file(
                        path,
                        "some of its values are infinite or no numbers (NaN)",
                        "replace them by numbers or take the file out",
                    )
                })?);
            }
        }
    }
    Ok((headers, extremes))
}

/// What was left out of a data set.
#[derive(Debug, Default)]
pub struct LeftOut {
    /// Broken pairs, and why.
    pub broken: Vec<Error>,
    /// Pictures without a partner.
    pub unmatched: Vec<PathBuf>,
}

/// Surveys all splits and takes out what is broken, or stops at it; the survey is that of what is left.
///
/// # Errors
/// With [`OnError::Stop`], the first broken pair's or all unmatched pictures'; otherwise when nothing is
/// left.
pub fn checked(data: Dataset, on_error: OnError) -> Result<(Dataset, Survey, LeftOut)> {
    let splits = data.splits.clone();
    let surveys = splits.iter().map(|(_, pairs)| Survey::of(pairs));
    sift(data, surveys, on_error)
}

/// As [`checked`], with the surveys of the splits, in their order, which are asked for one by one.
///
/// # Errors
/// As [`checked`].
pub fn sift(
    data: Dataset,
    surveys: impl IntoIterator<Item = Survey>,
    on_error: OnError,
) -> Result<(Dataset, Survey, LeftOut)> {
    if on_error == OnError::Stop && !data.unmatched.is_empty() {
        return Err(unmatched(&data.unmatched));
    }
    let mut whole = Survey::default();
    let mut left_out = LeftOut {
        unmatched: data.unmatched.clone(),
        ..LeftOut::default()
    };
    let mut kept = Vec::new();
    for ((name, pairs), survey) in data.splits.iter().zip(surveys) {
        whole.add(&survey);
        let broken: Vec<usize> = survey.broken.iter().map(|(index, _)| *index).collect();
        for (_, error) in survey.broken {
            match on_error {
                OnError::Stop => return Err(error),
                OnError::Skip => left_out.broken.push(error),
            }
        }
        let whole: Vec<usize> = (0..pairs.len())
            .filter(|index| broken.binary_search(index).is_err())
            .collect();
        kept.push((*name, pairs.select(&whole)));
    }
    if kept[0].1.is_empty() {
        return Err(left_out.broken.swap_remove(0));
    }
    kept.retain(|(_, pairs)| !pairs.is_empty());
    let data = Dataset::of_splits(kept, data.layout, data.unmatched);
    Ok((data, whole, left_out))
}

/// The error for pictures without a partner: every one is named.
fn unmatched(files: &[PathBuf]) -> Error {
    let names: Vec<String> = files
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    let (last, plural) = (
        files.last().expect("some are unmatched"),
        if files.len() == 1 { "" } else { "s" },
    );
    Error::file(
        last.parent().unwrap_or(last),
        format!(
            "{} picture{plural} without a partner of the same name: {}",
            files.len(),
            names.join(", ")
        ),
        "rename or remove them, or give --on-error skip",
    )
}
