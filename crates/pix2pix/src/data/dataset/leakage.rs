//! Leakage: files of one split that stand in another one too, byte for byte. A network is then measured on
//! what it has learnt by heart.

use std::collections::HashMap;
use std::path::PathBuf;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::{Dataset, Pairs};

/// A file that stands in two splits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duplicate {
    /// Where it is first.
    pub first: PathBuf,
    /// Where it is again.
    pub again: PathBuf,
}

type Hash = [u8; 32];

/// Files that stand in more than one split; files that cannot be read are passed over.
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
    let hashes = (0..pairs.len()).into_par_iter().flat_map_iter(|index| {
        let files = pairs.bytes(index).unwrap_or_default();
        let hashes = files.into_iter().map(|bytes| Sha256::digest(&bytes).into());
        hashes.zip(pairs.shown(index)).collect::<Vec<_>>()
    });
    hashes.collect()
}
