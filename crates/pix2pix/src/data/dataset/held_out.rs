//! Which pairs are held out.

use std::ops::Range;

use super::pairs::{Pairs, shuffled};
use crate::error::{Error, Result};

/// What is held out together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeldOut {
    /// All pages or slices of a file: those beside each other are nearly the same, and training pairs would tell of held-out
    /// ones.
    Files,
    /// Each page by itself, as in runs of earlier versions.
    Pages,
}

/// Splits the pairs at random into training pairs and held-out pairs.
pub fn hold_out(
    pairs: &Pairs,
    val_fraction: f64,
    seed: u64,
    what: HeldOut,
) -> Result<(Pairs, Pairs)> {
    let groups = match what {
        HeldOut::Files => pairs.by_file(),
        HeldOut::Pages => (0..pairs.len()).map(|index| index..index + 1).collect(),
    };
    if groups.len() < 2 {
        let reason = match pairs.len() {
            0..2 => "needs at least two pairs: one to train on and one to hold out",
            _ => {
                "needs the slices of at least two volumes or files: all of one are held out together"
            }
        };
        return Err(Error::field("val_fraction", reason));
    }
    let count = (groups.len() as f64 * val_fraction).round() as usize;
    let count = count.clamp(1, groups.len() - 1);
    // a separate random stream: the choice must not depend on the order of an epoch
    let order = shuffled(groups.len(), seed, u64::MAX);
    let chosen = |places: &[usize]| {
        let indices = places.iter().flat_map(|place| groups[*place].clone());
        let mut indices: Vec<usize> = indices.collect();
        indices.sort_unstable();
        pairs.select(&indices)
    };
    Ok((chosen(&order[count..]), chosen(&order[..count])))
}

impl Pairs {
    /// The pairs of each file with several pages or slices, and each other pair by itself.
    fn by_file(&self) -> Vec<Range<usize>> {
        let mut groups: Vec<Range<usize>> = Vec::new();
        for (index, entry) in self.entries.iter().enumerate() {
            match groups.last_mut() {
                Some(group)
                    if entry.pages > 1 && self.entries[group.start].files == entry.files =>
                {
                    group.end = index + 1;
                }
                _ => groups.push(index..index + 1),
            }
        }
        groups
    }
}
