//! Data sets: a folder with `train/` and optionally `val/` and `test/`, or a flat folder, of
//! side-by-side pairs.

use std::path::{Path, PathBuf};

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::pair::{self, Direction, Pair};
use crate::picture;

/// Where a pair's bytes come from.
#[derive(Clone, Debug)]
enum Source {
    /// A file.
    File(PathBuf),
    /// Bytes inside this program, with a name.
    Embedded(PathBuf, &'static [u8]),
}

/// Pairs of one split, read when they are asked for.
#[derive(Clone, Debug)]
pub struct Pairs {
    sources: Vec<Source>,
    direction: Direction,
}

impl Pairs {
    /// The pairs of a folder, by name.
    ///
    /// # Errors
    /// When the folder cannot be read or holds no picture.
    pub fn in_folder(folder: &Path, direction: Direction) -> Result<Self> {
        let sources = picture::list(folder)?.into_iter().map(Source::File);
        Ok(Self {
            sources: sources.collect(),
            direction,
        })
    }

    /// Pairs that the program carries inside itself.
    pub fn embedded(files: Vec<(PathBuf, &'static [u8])>, direction: Direction) -> Self {
        let sources = files
            .into_iter()
            .map(|(name, bytes)| Source::Embedded(name, bytes));
        Self {
            sources: sources.collect(),
            direction,
        }
    }

    /// Number of pairs.
    pub fn len(&self) -> usize {
        self.sources.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// Reads pair `index`.
    ///
    /// # Errors
    /// When it cannot be read or is not a pair.
    pub fn read(&self, index: usize) -> Result<Pair> {
        match &self.sources[index] {
            Source::File(path) => pair::read(path, self.direction),
            Source::Embedded(name, bytes) => {
                pair::split(name, &picture::decode(name, bytes)?, self.direction)
            }
        }
    }

    /// Reads every pair once, on all cores, so that a broken file stops a training before its first
    /// step and not in its third hour.
    ///
    /// # Errors
    /// The first broken pair's, in the order of names.
    pub fn check(&self) -> Result<()> {
        let broken = (0..self.len())
            .into_par_iter()
            .find_map_first(|index| self.read(index).err());
        broken.map_or(Ok(()), Err)
    }

    /// The order of an epoch: every pair once, shuffled by the seed and the epoch.
    pub fn order(&self, seed: u64, epoch: u64) -> Vec<usize> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(epoch);
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.shuffle(&mut rng);
        order
    }
}

/// A data set's splits.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// Pairs to learn from.
    pub train: Pairs,
    /// Pairs held out, to look at while training: `val/`, else `test/`.
    pub val: Option<Pairs>,
}

impl Dataset {
    /// Finds the splits of a folder.
    ///
    /// # Errors
    /// When the folder, or one of its splits, cannot be read or holds no picture.
    pub fn open(folder: &Path, direction: Direction) -> Result<Self> {
        if !folder.is_dir() {
            let reason = if folder.exists() {
                "a file, not a folder"
            } else {
                "no such folder"
            };
            return Err(Error::file(
                folder,
                reason,
                "give a folder of side-by-side pairs, or one with train/ in it",
            ));
        }
        let split = |name: &str| {
            let path = folder.join(name);
            path.is_dir().then(|| Pairs::in_folder(&path, direction))
        };
        let Some(train) = split("train") else {
            return Ok(Self {
                train: Pairs::in_folder(folder, direction)?,
                val: None,
            });
        };
        Ok(Self {
            train: train?,
            val: split("val").or_else(|| split("test")).transpose()?,
        })
    }
}
