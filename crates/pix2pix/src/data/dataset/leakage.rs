//! Leakage: files that occur in more than one split, byte for byte. Held-out scores then also measure what the network
//! has memorized.

use std::collections::HashMap;
use std::path::PathBuf;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::{Dataset, Pairs};
use crate::data::picture::Page;

/// A file that occurs in two splits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duplicate {
    /// Its path in the first split.
    pub first: PathBuf,
    /// Its path in the other split.
    pub again: PathBuf,
}

type Hash = [u8; 32];

/// Finds files that occur in more than one split; skips files that cannot be read.
pub fn duplicates(data: &Dataset) -> Vec<Duplicate> {
    let mut seen: HashMap<Hash, (usize, PathBuf)> = HashMap::new();
    let mut found = Vec::new();
    for (split, (_, pairs)) in data.splits.iter().enumerate() {
        for (hash, path) in hashes(pairs) {
            match seen.get(&hash) {
                Some((other, first)) if *other != split => {
                    found.push(Duplicate {
                        first: first.clone(),
                        again: path,
                    });
                }
                Some(_) => {}
                None => {
                    seen.insert(hash, (split, path));
                }
            }
        }
    }
    found
}

fn hashes(pairs: &Pairs) -> Vec<(Hash, PathBuf)> {
    // the pages of a file are read with the first
    let is_first = |index: &usize| !matches!(pairs.page(*index), Page::At(1..));
    let files = (0..pairs.len()).into_par_iter().filter(is_first);
    let hashes = files.flat_map_iter(|index| {
        let files = pairs.bytes(index).unwrap_or_default();
        let hashes = files.into_iter().map(|bytes| Sha256::digest(&bytes).into());
        hashes.zip(pairs.shown(index)).collect::<Vec<_>>()
    });
    hashes.collect()
}
