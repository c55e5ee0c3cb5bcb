//! Data sets: pairs in any of the layouts that people have them in, and their splits.

pub mod layout;
pub mod leakage;
pub mod manifest;
mod remembered;
pub mod store;
pub mod survey;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

use crate::data::domain::Domain;
use crate::data::pair::{self, Direction, Pair};
use crate::data::picture::{self, Header, Picture};
use crate::error::{Error, Result};
use layout::{Entry, Files, Layout, Split};
use store::Store;

/// Pairs of one split, read when they are asked for.
#[derive(Clone)]
pub struct Pairs {
    store: Arc<Store>,
    entries: Arc<Vec<Entry>>,
    direction: Direction,
    /// Channels of A and B; nothing for those that the files have.
    channels: [Option<usize>; 2],
}

impl Pairs {
    /// Number of pairs.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Name of pair `index`.
    pub fn name(&self, index: usize) -> &str {
        &self.entries[index].name
    }

    /// Files of pair `index`, as a user knows them.
    pub fn shown(&self, index: usize) -> Vec<PathBuf> {
        match &self.entries[index].files {
            Files::Together(path) => vec![self.store.shown(path)],
            Files::Apart(a, b) => vec![self.store.shown(a), self.store.shown(b)],
        }
    }

    /// The folder that the files are in, if they are no part of something else.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.store.is_folder().then(|| self.store.root())
    }

    /// The bytes of pair `index`'s files.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn bytes(&self, index: usize) -> Result<Vec<Vec<u8>>> {
        match &self.entries[index].files {
            Files::Together(path) => Ok(vec![self.store.read(path)?]),
            Files::Apart(a, b) => Ok(vec![self.store.read(a)?, self.store.read(b)?]),
        }
    }

    /// Headers of A and B of pair `index`, without decoding a picture.
    ///
    /// # Errors
    /// When a file cannot be read, is broken, or they are no pair.
    pub fn headers(&self, index: usize) -> Result<[Header; 2]> {
        let header = |path: &Path| {
            let mut file = self.store.open_file(path)?;
            Header::read(&self.store.shown(path), &mut file)
        };
        match &self.entries[index].files {
            Files::Together(path) => {
                let both = header(path)?;
                let size = pair::half(&self.store.shown(path), both.size)?;
                Ok([Header { size, ..both }; 2])
            }
            Files::Apart(a, b) => {
                let headers = [header(a)?, header(b)?];
                let shown = [self.store.shown(a), self.store.shown(b)];
                pair::same_size((&shown[0], headers[0].size), (&shown[1], headers[1].size))?;
                Ok(headers)
            }
        }
    }

    /// A and B of pair `index`, with the channels that they have.
    ///
    /// # Errors
    /// When they cannot be read or are no pair.
    pub fn read_sides(&self, index: usize) -> Result<[Picture; 2]> {
        let read = |path: &Path| picture::decode(&self.store.shown(path), &self.store.read(path)?);
        match &self.entries[index].files {
            Files::Together(path) => pair::split(&self.store.shown(path), &read(path)?),
            Files::Apart(a, b) => {
                let sides = [read(a)?, read(b)?];
                let shown = [self.store.shown(a), self.store.shown(b)];
                pair::same_size((&shown[0], sides[0].size()), (&shown[1], sides[1].size()))?;
                Ok(sides)
            }
        }
    }

    /// Reads pair `index`, with the channels of the data set.
    ///
    /// # Errors
    /// When it cannot be read or is no pair.
    pub fn read(&self, index: usize) -> Result<Pair> {
        let shown = self.shown(index);
        let [a, b] = self.read_sides(index)?;
        let with = |picture: Picture, channels: Option<usize>, path: &Path| {
            let channels = channels.unwrap_or(picture.channels());
            picture.with_channels(channels).map_err(|reason| {
                Error::file(path, reason, "choose other --channels-a or --channels-b")
            })
        };
        let a = with(a, self.channels[0], &shown[0])?;
        let b = with(b, self.channels[1], &shown[shown.len() - 1])?;
        let [source, target] = self.direction.order([a, b]);
        Ok(Pair {
            name: self.entries[index].name.clone(),
            source,
            target,
        })
    }

    /// The same pairs, but those of other channels brought to these domains'.
    pub fn in_domains(self, [a, b]: [Domain; 2]) -> Self {
        Self {
            channels: [Some(a.channels), Some(b.channels)],
            ..self
        }
    }

    /// The pairs at `indices` alone.
    pub fn select(&self, indices: &[usize]) -> Self {
        let entries = indices
            .iter()
            .map(|&index| self.entries[index].clone())
            .collect();
        Self {
            entries: Arc::new(entries),
            ..self.clone()
        }
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

/// How a data set is opened.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Which picture is translated into which.
    pub direction: Direction,
    /// Share of the pairs that is held out where the data set has no split of its own, 0 to below 1.
    pub val_fraction: f64,
    /// Seed of that choice.
    pub seed: u64,
}

/// A data set's splits.
#[derive(Clone)]
pub struct Dataset {
    /// Pairs to learn from.
    pub train: Pairs,
    /// Pairs held out, to look at while training: `val`, else `test`.
    pub val: Option<Pairs>,
    /// All splits, with their names.
    pub splits: Vec<(&'static str, Pairs)>,
    /// How it is laid out, in words.
    pub layout: String,
    /// Pictures of one folder without a partner in the other.
    pub unmatched: Vec<PathBuf>,
}

impl Dataset {
    /// SHA-256 of the names of all pairs, split by split, in hexadecimal: the same for the same pairs in
    /// the same order.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for (split, pairs) in &self.splits {
            for index in 0..pairs.len() {
                hash.update(format!("{split}/{}\n", pairs.name(index)));
            }
        }
        hash.finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// Finds the pairs and the splits of a folder, a manifest or an archive.
    ///
    /// # Errors
    /// When it cannot be read, is laid out in no known way, or has no pair to learn from.
    pub fn open(path: &Path, options: &Options) -> Result<Self> {
        if manifest::is_manifest(path) && path.is_file() {
            let folder = path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty());
            let store = Store::open(folder.unwrap_or(Path::new(".")))?;
            let name = Path::new(path.file_name().unwrap_or_default());
            let layout = manifest::read(name, path, &store.read(name)?)?;
            return Self::new(store, layout, options);
        }
        let store = Store::open(path)?;
        let files = store.files()?;
        let base = layout::base(&files);
        let manifests = manifest::NAMES.iter().map(|name| base.join(name));
        let layout = match manifests.into_iter().find(|name| files.contains(name)) {
            Some(name) => manifest::read(&name, &store.shown(&name), &store.read(&name)?)?,
            None => layout::find(store.root(), &files)?,
        };
        Self::new(store, layout, options)
    }

    /// The splits of what a store holds.
    ///
    /// # Errors
    /// When there is no pair to learn from, or nothing that could be held out.
    pub fn new(store: Store, layout: Layout, options: &Options) -> Result<Self> {
        let root = store.root().to_path_buf();
        let store = Arc::new(store);
        let pairs = |entries: Vec<Entry>| Pairs {
            store: store.clone(),
            entries: Arc::new(entries),
            direction: options.direction,
            channels: [None; 2],
        };
        let Layout {
            description,
            mut splits,
            unmatched,
        } = layout;
        let train = splits
            .remove(&Some(Split::Train))
            .or_else(|| splits.remove(&None));
        let train = train.map(pairs).filter(|pairs| !pairs.is_empty());
        let train = train.ok_or_else(|| {
            Error::file(
                &root,
                "there is no pair to learn from",
                if unmatched.is_empty() {
                    "put some into train/"
                } else {
                    "pictures of A/ and B/ are matched by name: give both the same"
                },
            )
        })?;
        let mut named = vec![("train", train)];
        for (name, split) in [("val", Split::Val), ("test", Split::Test)] {
            named.extend(
                splits
                    .remove(&Some(split))
                    .map(|entries| (name, pairs(entries))),
            );
        }
        if options.val_fraction > 0.0 {
            if named.len() > 1 {
                return Err(Error::file(
                    &root,
                    "the data set has held-out pairs of its own",
                    "leave --val-fraction away",
                ));
            }
            let (train, val) = hold_out(&named[0].1, options)?;
            named = vec![("train", train), ("val", val)];
        }
        let unmatched = unmatched.iter().map(|path| store.shown(path)).collect();
        Ok(Self::of_splits(named, description, unmatched))
    }

    /// A data set of these splits, that to learn from first.
    fn of_splits(
        splits: Vec<(&'static str, Pairs)>,
        layout: String,
        unmatched: Vec<PathBuf>,
    ) -> Self {
        Self {
            train: splits[0].1.clone(),
            val: splits.get(1).map(|(_, pairs)| pairs.clone()),
            splits,
            layout,
            unmatched,
        }
    }

    /// The same data set in other pairs, split by split.
    pub fn map(self, change: impl Fn(Pairs) -> Pairs) -> Self {
        let splits = self.splits.into_iter();
        let splits = splits.map(|(name, pairs)| (name, change(pairs)));
        Self::of_splits(splits.collect(), self.layout, self.unmatched)
    }
}

/// Sets a share of the pairs aside, chosen by the seed.
fn hold_out(pairs: &Pairs, options: &Options) -> Result<(Pairs, Pairs)> {
    let count = (pairs.len() as f64 * options.val_fraction).round() as usize;
    let count = count.clamp(1, pairs.len().max(2) - 1);
    if pairs.len() < 2 {
        return Err(Error::Config(
            "--val-fraction needs two pairs at least: one to learn from and one to hold out"
                .to_string(),
        ));
    }
    // a stream of its own: the choice must not follow an epoch's order
    let order = pairs.order(options.seed, u64::MAX);
    let (mut val, mut train) = (order[..count].to_vec(), order[count..].to_vec());
    val.sort_unstable();
    train.sort_unstable();
    Ok((pairs.select(&train), pairs.select(&val)))
}
