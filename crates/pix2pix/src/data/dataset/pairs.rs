//! Pairs of a data set: their names and files, their order, and parts of them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::slice;
use std::sync::Arc;

use pix2pix_runtime::picture::{Domain, Nodata};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::layout::{Entry, Files};
use super::remembered::{Asked, ReadAs};
use super::store::Store;
use crate::data::pair::{Direction, Narrow};
use crate::data::picture::Page;
use crate::data::probes::probes;
use crate::error::{Error, Result};

/// Pairs of one split, read on demand.
#[derive(Clone)]
pub struct Pairs {
    pub(super) store: Arc<Store>,
    pub(super) entries: Arc<Vec<Entry>>,
    pub(super) direction: Direction,
    /// Domains of A and B to which the files are converted; `None` keeps their channels.
    pub(super) domains: Option<Arc<[Domain; 2]>>,
    /// What files that are not wider than high are.
    pub(super) narrow: Narrow,
    /// How pixels of A and of B without data are known.
    pub(super) nodata: [Option<Nodata>; 2],
    /// Pages or slices on either side that are channels of the source too.
    pub(super) neighbors: usize,
}

impl Pairs {
    /// Which of A and B is the source.
    pub(crate) fn direction(&self) -> Direction {
        self.direction
    }

    /// Number of pairs.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no pairs.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Name of pair `index`.
    pub fn name(&self, index: usize) -> &str {
        &self.entries[index].name
    }

    /// Whether pair `index` is one of several pages or slices of its files.
    pub fn is_slice(&self, index: usize) -> bool {
        self.entries[index].pages > 1
    }

    /// The page of pair `index`'s files.
    pub(crate) fn page(&self, index: usize) -> Page {
        self.entries[index].page
    }

    /// The side, 0 for A and 1 for B, of which neighbors are channels too, and how many on either side; `None` without.
    pub(crate) fn neighbors(&self) -> Option<(usize, usize)> {
        let [source, _] = self.direction.order([0, 1]);
        (self.neighbors > 0).then_some((source, self.neighbors))
    }

    /// Whether the channels of A are those of several pages, slices or files, by the first pair: all pairs are alike.
    pub(crate) fn joins_a(&self) -> bool {
        self.entries.first().is_some_and(|entry| {
            let pages = self.pages_of(entry, 0);
            entry.files.of_side(0).len() > 1 || pages.len() > 1 || pages == [Page::Channels]
        })
    }

    /// The pages that are read of each file of a side of a pair.
    pub(super) fn pages_of(&self, entry: &Entry, side: usize) -> Vec<Page> {
        match self.neighbors() {
            Some((of, neighbors)) if of == side => entry.page.around(neighbors, entry.pages),
            _ => vec![entry.page],
        }
    }

    /// Paths of pair `index`'s files, for messages: one for a side-by-side pair, else those of A and of B.
    pub fn shown(&self, index: usize) -> Vec<PathBuf> {
        let files = self.entries[index].files.all();
        files.map(|path| self.store.shown(path)).collect()
    }

    /// The error for pair `index` when no pixel with data is left of it.
    pub(crate) fn empty(&self, index: usize) -> Error {
        let reason = "no pixel with data is left of it";
        let remedy = "leave it out, or check what says that its pixels have none";
        Error::file(&self.shown(index)[0], reason, remedy)
    }

    /// The files of all pairs without their masks, relative to the data set's root.
    pub(super) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.entries.iter().flat_map(|entry| entry.files.all())
    }

    /// For each pair, the first one of the same files: a table may have a pair many times.
    pub(super) fn firsts(&self) -> Vec<usize> {
        let mut known = HashMap::with_capacity(self.len());
        let entries = self.entries.iter().enumerate();
        entries
            .map(|(index, entry)| {
                let all = (&entry.files, entry.page, &entry.mask);
                *known.entry(all).or_insert(index)
            })
            .collect()
    }

    /// Pair `index`, as results of earlier surveys know it.
    pub(super) fn asked(&self, index: usize) -> Asked {
        let entry = &self.entries[index];
        let shown = |paths: &[PathBuf]| paths.iter().map(|path| self.store.shown(path)).collect();
        let mut files: Vec<Vec<PathBuf>> = match &entry.files {
            Files::Together(path) => vec![shown(slice::from_ref(path))],
            Files::Apart(a, b) => vec![shown(a), shown(b)],
        };
        files.push(shown(entry.mask.as_slice()));
        let [source, _] = self.direction.order([0, 1]);
        Asked {
            files,
            page: entry.page,
            source: entry.mask.is_some().then_some(source),
        }
    }

    /// How the files are read.
    pub(super) fn read_as(&self) -> ReadAs {
        ReadAs {
            narrow: self.narrow,
            nodata: self.nodata,
            neighbors: self.neighbors(),
        }
    }

    /// Whether pair `index` is one file, A and B side by side.
    pub fn is_together(&self, index: usize) -> bool {
        matches!(self.entries[index].files, Files::Together(_))
    }

    /// The folders for pair `index`'s files, in the order of [`shown`](Self::shown): `A` and `B`, or `A1`, `A2`, ... where a side
    /// has several. None for a side-by-side pair.
    pub fn folders(&self, index: usize) -> Vec<String> {
        let of_side = |name: &str, files: &[PathBuf]| -> Vec<String> {
            match files.len() {
                1 => vec![name.to_string()],
                count => (1..=count).map(|place| format!("{name}{place}")).collect(),
            }
        };
        match &self.entries[index].files {
            Files::Together(_) => Vec::new(),
            Files::Apart(a, b) => [of_side("A", a), of_side("B", b)].concat(),
        }
    }

    /// Path of the first file of A or B (`side` 0 or 1) of pair `index`, for messages.
    pub(crate) fn shown_side(&self, index: usize, side: usize) -> PathBuf {
        self.store
            .shown(&self.entries[index].files.of_side(side)[0])
    }

    /// The data set's folder; `None` for archives and embedded data.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.store.is_folder().then(|| self.store.root())
    }

    /// The bytes of a file that [`shown`](Self::shown) or [`mask_file`](Self::mask_file) names.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn bytes_of(&self, shown: &Path) -> Result<Vec<u8>> {
        let path = shown.strip_prefix(self.store.root()).unwrap_or(shown);
        self.store.read(path)
    }

    /// Whether a mask file belongs to some of the pairs.
    pub fn has_masks(&self) -> bool {
        self.entries.iter().any(|entry| entry.mask.is_some())
    }

    /// The same pairs, converted to these domains of A and B.
    pub fn in_domains(self, domains: [Domain; 2]) -> Self {
        Self {
            domains: Some(domains.into()),
            ..self
        }
    }

    /// The domains of A and B to which the pictures are converted.
    pub(crate) fn domains(&self) -> Option<&[Domain; 2]> {
        self.domains.as_deref()
    }

    /// The same pairs with the sizes that a survey has found: files that change theirs from then on are refused.
    pub(super) fn of_sizes(&self, sizes: &[Option<[u32; 2]>]) -> Self {
        let entries = self.entries.iter().zip(sizes);
        let entries = entries.map(|(entry, &size)| Entry {
            size,
            ..entry.clone()
        });
        Self {
            entries: Arc::new(entries.collect()),
            ..self.clone()
        }
    }

    /// Only the pairs at `indices`.
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

    /// The indices of at most `count` pairs from all parts of these, and so of volumes from all places: see [`probes`].
    pub fn probes(&self, count: usize) -> Vec<usize> {
        probes(self.len(), count, 0)
    }

    /// The order of an epoch: every pair once, shuffled by the seed and the epoch.
    pub fn order(&self, seed: u64, epoch: u64) -> Vec<usize> {
        shuffled(self.len(), seed, epoch)
    }
}

/// The numbers below `count`, shuffled by the seed and the epoch.
pub(super) fn shuffled(count: usize, seed: u64, epoch: u64) -> Vec<usize> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(epoch);
    let mut order: Vec<usize> = (0..count).collect();
    order.shuffle(&mut rng);
    order
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::data::dataset::{Dataset, Options};
    use crate::data::picture::{Metadata, Pages, Picture, Samples, StackWriter};

    /// A pair of stacks of three pages with so many channels.
    fn stacks(channels: usize) -> TempDir {
        let scratch = tempfile::tempdir().unwrap();
        for side in ["A", "B"] {
            let folder = scratch.path().join(side);
            std::fs::create_dir(&folder).unwrap();
            let mut pages = StackWriter::tiff(&folder.join("x.tif")).unwrap();
            for value in 0..3 {
                let samples = Samples::U8(vec![value; 256 * channels]);
                let page = Picture::new([16; 2], channels, samples);
                pages.write(&page, &Metadata::default()).unwrap();
            }
            pages.finish().unwrap();
        }
        scratch
    }

    fn opened(scratch: &TempDir, pages: Pages, neighbors: usize) -> Pairs {
        let options = Options {
            pages: Some(pages),
            neighbors,
            ..Options::default()
        };
        Dataset::open(scratch.path(), &options).unwrap().train
    }

    /// Three slices are as many channels as red, green and blue.
    #[test]
    fn slices_and_pages_that_are_channels_are_told_from_colors() {
        let scratch = stacks(1);
        let joins = |pages: Pages, neighbors: usize| opened(&scratch, pages, neighbors).joins_a();
        assert!(joins(Pages::Channels, 0) && joins(Pages::Each, 1));
        assert!(!joins(Pages::Each, 0) && !joins(Pages::First, 0));
    }

    /// The last channel is the opacity of the last slice alone.
    #[test]
    fn slices_with_neighbors_have_no_opacity() {
        let [a, b] = opened(&stacks(4), Pages::Each, 1).headers(0).unwrap();
        assert_eq!((a.channels, a.alpha), (12, false));
        assert_eq!((b.channels, b.alpha), (4, true));
    }
}
