//! Ranges of sample values: what maps to -1 and 1 in the networks.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, Result};
use crate::picture::CHANNELS;
use crate::words;

/// Maximum number of bands that can have ranges of their own: that of a picture's channels.
const MOST: usize = *CHANNELS.end();

/// The sample values that map to -1 and 1: for all bands of a picture, or for each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranges {
    /// Low and high; unused ones are 0.
    values: [[f32; 2]; MOST],
    /// Number of ranges; 1 counts for all bands.
    count: usize,
}

impl Ranges {
    /// One range for all bands. It may be a constant, so it is not checked here; one that is read is by
    /// [`validate`](Self::validate), with its domain.
    pub const fn all(range: [f32; 2]) -> Self {
        let mut values = [[0.0; 2]; MOST];
        values[0] = range;
        Self { values, count: 1 }
    }

    /// A range for each band.
    ///
    /// # Errors
    /// When there are none or more than 16, or one does not have its lower value first, or is so wide or so narrow that no
    /// value can be divided by its half.
    pub fn each(ranges: &[[f32; 2]]) -> Result<Self> {
        let reason = if !(1..=MOST).contains(&ranges.len()) {
            let count = words::count(ranges.len() as u64, "range");
            format!("has {count}; it must have 1 to {MOST}")
        } else if let Some(fault) = fault(ranges) {
            fault
        } else {
            let mut values = [[0.0; 2]; MOST];
            values[..ranges.len()].copy_from_slice(ranges);
            let count = ranges.len();
            return Ok(Self { values, count });
        };
        Err(Error::field("range", reason))
    }

    /// Checks the ranges of a domain called `name` with this number of bands.
    ///
    /// # Errors
    /// When there is another number of them, or one is none: see [`each`](Self::each).
    pub fn validate(&self, name: &str, bands: usize) -> Result<()> {
        let ranges = self.listed();
        let reason = if !self.fit(bands) {
            let [ranges, channels] = [(ranges.len(), "range"), (bands, "channel")]
                .map(|(number, noun)| words::count(number as u64, noun));
            format!("has {ranges} for {channels}")
        } else if let Some(fault) = fault(ranges) {
            fault
        } else {
            return Ok(());
        };
        Err(Error::Config(format!("{name}.range {reason}")))
    }

    /// The range of a band.
    pub fn of(&self, band: usize) -> [f32; 2] {
        match self.count {
            1 => self.values[0],
            _ => self.values[band.min(MOST - 1)],
        }
    }

    /// The range of all bands; `None` if they differ.
    pub fn uniform(&self) -> Option<[f32; 2]> {
        let all = &self.values[..self.count];
        all.iter().all(|range| *range == all[0]).then_some(all[0])
    }

    /// Whether there is a range for each of this number of bands.
    pub fn fit(&self, bands: usize) -> bool {
        self.count == 1 || self.count == bands
    }

    /// The ranges: one for all bands, or one for each.
    pub fn listed(&self) -> &[[f32; 2]] {
        &self.values[..self.count]
    }
}

/// What is wrong with the first of these ranges that is none.
fn fault(ranges: &[[f32; 2]]) -> Option<String> {
    ranges.iter().find_map(|&[low, high]| {
        let is_ordered = low.is_finite() && high.is_finite() && low < high;
        // values are divided by it, and many processors take less than the smallest normal number for 0
        let half = (high - low) / 2.0;
        let reason = if !is_ordered {
            "the first number must be the lower one"
        } else if half.is_normal() {
            return None;
        } else if half.is_infinite() {
            "these are too far apart for 32-bit floats; scale the values"
        } else {
            "these are too close together for 32-bit floats; scale the values"
        };
        Some(format!("is {low} to {high}; {reason}"))
    })
}

impl From<[f32; 2]> for Ranges {
    fn from(range: [f32; 2]) -> Self {
        Self::all(range)
    }
}

impl std::fmt::Display for Ranges {
    /// "0 to 255", or one for each band.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, [low, high]) in self.listed().iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{low} to {high}")?;
        }
        Ok(())
    }
}

/// `[low, high]`, or a list of these.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Stored {
    All([f32; 2]),
    Each(Vec<[f32; 2]>),
}

impl Serialize for Ranges {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let stored = match self.listed() {
            [range] => Stored::All(*range),
            ranges => Stored::Each(ranges.to_vec()),
        };
        stored.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Ranges {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        match Stored::deserialize(from)? {
            Stored::All(range) => Ok(Self::all(range)),
            Stored::Each(ranges) => Self::each(&ranges).map_err(D::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_counts_for_all_bands() {
        let all = Ranges::all([0.0, 4095.0]);
        assert_eq!([all.of(0), all.of(15)], [[0.0, 4095.0]; 2]);
        assert!(all.fit(1) && all.fit(16));
        let each = Ranges::each(&[[-25.0, 0.0], [-30.0, 5.0]]).unwrap();
        assert_eq!([each.of(0), each.of(1)], [[-25.0, 0.0], [-30.0, 5.0]]);
        assert!(each.fit(2) && !each.fit(1) && !each.fit(3));
        assert_eq!((all.uniform(), each.uniform()), (Some([0.0, 4095.0]), None));
        assert_eq!(each.to_string(), "-25 to 0, -30 to 5");
    }

    #[test]
    fn ranges_are_stored_as_they_were_before_there_were_several() {
        for (ranges, stored) in [
            (Ranges::all([0.0, 255.0]), "[0.0,255.0]"),
            (
                Ranges::each(&[[-1.0, 0.0], [0.0, 2.0]]).unwrap(),
                "[[-1.0,0.0],[0.0,2.0]]",
            ),
        ] {
            assert_eq!(serde_json::to_string(&ranges).unwrap(), stored);
            assert_eq!(serde_json::from_str::<Ranges>(stored).unwrap(), ranges);
        }
    }

    #[test]
    fn a_range_the_wrong_way_round_is_refused() {
        for wrong in [
            [1.0, 0.0],
            [0.0, 0.0],
            [f32::NAN, 1.0],
            [0.0, f32::INFINITY],
        ] {
            assert!(Ranges::each(&[[0.0, 1.0], wrong]).is_err(), "{wrong:?}");
            let read = Ranges::all(wrong).validate("source", 3);
            assert!(read.is_err(), "{wrong:?}");
        }
        assert!(Ranges::each(&[]).is_err() && Ranges::each(&[[0.0, 1.0]; 17]).is_err());
    }

    /// A value is divided by half of its range's width, which must be a float too.
    #[test]
    fn a_range_that_floats_cannot_divide_by_is_refused() {
        for (wrong, reason) in [
            ([-3e38, 3e38], "too far apart"),
            ([f32::MIN, f32::MAX], "too far apart"),
            ([0.0, 1e-45], "too close together"),
            ([0.0, 2e-38], "too close together"),
        ] {
            let read = Ranges::all(wrong).validate("source", 3).unwrap_err();
            let given = Ranges::each(&[[0.0, 1.0], wrong]).unwrap_err();
            for said in [read.to_string(), given.to_string()] {
                assert!(said.contains(reason), "{wrong:?}: {said}");
            }
        }
        for wide in [[f32::MIN, 0.0], [f32::MIN, 9000.0], [-1e-37, 0.0]] {
            assert!(Ranges::each(&[wide]).is_ok(), "{wide:?}");
        }
    }
}
