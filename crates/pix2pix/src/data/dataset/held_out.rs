//! Which pairs are held out.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use super::pairs::{Pairs, shuffled};
use crate::error::{Error, Result};

/// What is held out together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeldOut {
    /// All pairs that share a file, as the pages or slices of one do: training pairs would tell of held-out ones.
    Files,
    /// All pages or slices of a pair's files, as in runs of earlier versions.
    Stacks,
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
        HeldOut::Stacks => pairs.by_stack(),
        HeldOut::Pages => (0..pairs.len()).map(|index| vec![index]).collect(),
    };
    if groups.len() < 2 {
        let reason = match pairs.len() {
            0..2 => "needs at least two pairs: one to train on and one to hold out",
            _ => {
                "needs the pairs of at least two volumes or files: all that share one are held out together; a table may \
                 name the splits"
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
    /// The pairs in groups of those that share a file, which belong into one split. The order is shuffled by the seed.
    pub fn in_groups(&self, seed: u64) -> Vec<Vec<usize>> {
        let groups = self.by_file();
        let order = shuffled(groups.len(), seed, 0).into_iter();
        order.map(|place| groups[place].clone()).collect()
    }

    /// The pairs that share a file, directly or by others, and each other pair by itself. A mask tells nothing of a pair.
    fn by_file(&self) -> Vec<Vec<usize>> {
        // an earlier pair of each one's group, itself for the first of a group
        let mut earlier: Vec<usize> = (0..self.len()).collect();
        let mut users: HashMap<&PathBuf, usize> = HashMap::new();
        for (index, entry) in self.entries.iter().enumerate() {
            for file in entry.files.all() {
                let user = *users.entry(file).or_insert(index);
                let [one, other] = [user, index].map(|pair| first_of(&mut earlier, pair));
                earlier[one.max(other)] = one.min(other);
            }
        }
        let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for index in 0..self.len() {
            let first = first_of(&mut earlier, index);
            groups.entry(first).or_default().push(index);
        }
        groups.into_values().collect()
    }

    /// The pairs of each file with several pages or slices, and each other pair by itself.
    fn by_stack(&self) -> Vec<Vec<usize>> {
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for (index, entry) in self.entries.iter().enumerate() {
            match groups.last_mut() {
                Some(group) if entry.pages > 1 && self.entries[group[0]].files == entry.files => {
                    group.push(index);
                }
                _ => groups.push(vec![index]),
            }
        }
        groups
    }
}

/// The first pair of the group of pair `index`. The way to it is halved for the next time.
fn first_of(earlier: &mut [usize], mut index: usize) -> usize {
    while earlier[index] != index {
        earlier[index] = earlier[earlier[index]];
        index = earlier[index];
    }
    index
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::data::dataset::{Dataset, Options};

    /// A table with these lines, of which each is a pair; pictures are not read.
    fn table(lines: &str) -> Pairs {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        fs::write(&path, lines).unwrap();
        Dataset::open(&path, &Options::default()).unwrap().train
    }

    #[test]
    fn pairs_that_share_a_file_are_in_one_split() {
        let pairs =
            table("0.png,a.png\n1.png,b.png\n0.png,c.png\n2.png,c.png\n3.png,d.png\n4.png,e.png\n");
        let expected = [vec![0, 2, 3], vec![1], vec![4], vec![5]];
        assert_eq!(pairs.by_file(), expected);
        let mut groups = pairs.in_groups(1);
        groups.sort();
        assert_eq!(groups, expected);
        let names = |pairs: &Pairs| -> Vec<String> {
            let names = (0..pairs.len()).map(|index| pairs.name(index).to_string());
            names.collect()
        };
        for seed in 0..20 {
            let (train, val) = hold_out(&pairs, 0.5, seed, HeldOut::Files).unwrap();
            let both = [names(&train), names(&val)];
            let has = |name: &str| both.each_ref().map(|names| names.iter().any(|n| n == name));
            assert_eq!(has("0"), has("2"), "seed {seed}: {both:?}");
            assert_ne!(has("0"), [true, true], "seed {seed}: {both:?}");
        }
        // a chain of files is one group, which no part can be held out of
        let chain = table("0.png,a.png\n1.png,b.png\n1.png,a.png\n");
        let refused = hold_out(&chain, 0.5, 0, HeldOut::Files).err();
        let said = refused.map(|error| error.to_string()).unwrap_or_default();
        assert!(said.contains("all that share one"), "{said}");
        hold_out(&chain, 0.5, 0, HeldOut::Stacks).unwrap();
        // a mask of all is no bond
        let masked = table("a,b,mask\n0.png,a.png,m.png\n1.png,b.png,m.png\n");
        assert_eq!(masked.by_file(), [[0], [1]]);
    }
}
