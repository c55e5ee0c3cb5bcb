//! Leakage: pairs that occur in more than one split, byte for byte. Held-out scores then also measure what the network
//! has memorized. A file that occurs in two splits in pairs that differ may be as bad, or an empty label map.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::Dataset;
use super::pairs::Pairs;
use crate::data::picture::Page;

/// A pair or a file that occurs in two splits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duplicate {
    /// Its path in the first split; of a pair, that of its first file.
    pub first: PathBuf,
    /// Its path in the other split.
    pub again: PathBuf,
    /// Whether all files of both pairs are the same.
    pub is_pair: bool,
}

type Hash = [u8; 32];

/// Finds pairs, and files of other pairs, that occur in more than one split; skips files that cannot be read.
pub fn duplicates(data: &Dataset) -> Vec<Duplicate> {
    let [mut pairs_seen, mut files_seen] = [Seen::default(), Seen::default()];
    let mut found = Vec::new();
    for (split, (_, pairs)) in data.splits.iter().enumerate() {
        for files in hashes(pairs) {
            let all: Vec<Hash> = files.iter().map(|(hash, _)| *hash).collect();
            let again = &files[0].1;
            if let Some(first) = pairs_seen.elsewhere(all, split, again) {
                let again = again.clone();
                found.push(Duplicate {
                    first,
                    again,
                    is_pair: true,
                });
                continue;
            }
            for (hash, again) in files {
                let first = files_seen.elsewhere(vec![hash], split, &again);
                found.extend(first.map(|first| Duplicate {
                    first,
                    again,
                    is_pair: false,
                }));
            }
        }
    }
    found
}

/// The split and the path at which something was seen first.
#[derive(Default)]
struct Seen(HashMap<Vec<Hash>, (usize, PathBuf)>);

impl Seen {
    /// The path at which this was seen first, if that was in another split.
    fn elsewhere(&mut self, what: Vec<Hash>, split: usize, path: &Path) -> Option<PathBuf> {
        let first = self.0.entry(what);
        let (other, first) = first.or_insert_with(|| (split, path.to_path_buf()));
        (*other != split).then(|| first.clone())
    }
}

/// The files of each pair.
fn hashes(pairs: &Pairs) -> Vec<Vec<(Hash, PathBuf)>> {
    // the pages of a file are read with the first
    let is_first = |index: &usize| !matches!(pairs.page(*index), Page::At(1..));
    let files = (0..pairs.len()).into_par_iter().filter(is_first);
    let hashes = files.filter_map(|index| {
        let files = pairs.bytes(index).ok()?.into_iter();
        let hashes = files.map(|bytes| Sha256::digest(&bytes).into());
        Some(hashes.zip(pairs.shown(index)).collect())
    });
    hashes.collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::data::dataset::Options;

    #[test]
    fn pairs_are_compared_and_then_files() {
        let folder = tempfile::tempdir().unwrap();
        for (path, bytes) in [
            ("train/A/1.png", "one"),
            ("train/B/1.png", "empty"),
            ("train/A/2.png", "two"),
            ("train/B/2.png", "empty"),
            ("val/A/3.png", "three"),
            ("val/B/3.png", "empty"),
            ("val/A/4.png", "two"),
            ("val/B/4.png", "empty"),
        ] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        let data = Dataset::open(folder.path(), &Options::default()).unwrap();
        let duplicate = |again: &str, first: &str, is_pair| Duplicate {
            first: folder.path().join(first),
            again: folder.path().join(again),
            is_pair,
        };
        let expected = [
            duplicate("val/B/3.png", "train/B/1.png", false),
            duplicate("val/A/4.png", "train/A/2.png", true),
        ];
        assert_eq!(duplicates(&data), expected);
    }
}
