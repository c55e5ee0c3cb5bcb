//! Data sets: pairs in any supported layout, and their splits.

pub mod aligned;
pub mod classes;
pub mod digest;
mod held_out;
pub mod incomplete;
pub mod layout;
pub mod leakage;
pub mod manifest;
mod pairs;
pub mod palettes;
pub mod passed_over;
mod path_names;
pub mod pattern;
mod reading;
mod registered;
mod remembered;
mod slices;
pub mod store;
pub mod survey;
mod tally;
pub mod tar_names;
pub mod values;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pix2pix_runtime::picture::Nodata;
use pix2pix_runtime::words::count;

use crate::data::pair::{Direction, Narrow};
use crate::data::picture::Pages;
use crate::error::{Error, Result};
pub(crate) use held_out::HeldOut;
use incomplete::Incomplete;
use layout::{Layout, Split};
pub use pairs::Pairs;
use passed_over::{CONVERT, PassedOver, Why};
use pattern::Pattern;
use store::Store;

/// Options for opening a data set.
#[derive(Clone, Debug)]
pub struct Options {
    /// Translation direction.
    pub direction: Direction,
    /// Share of the pairs to hold out, 0 to below 1; above 0 only if the data set has no held-out split of its own.
    pub val_fraction: f64,
    /// Seed for the choice of held-out pairs.
    pub seed: u64,
    /// How files with several pages or slices are read; `None` refuses TIFF files, and reads each slice of a volume.
    pub pages: Option<Pages>,
    /// Number of pages or slices on either side of each that are channels of the source too, in order; at the ends, the
    /// last one is repeated. 0 for none; otherwise, `pages` reads each.
    pub neighbors: usize,
    /// Patterns of the names of A and of B, each with a `*` for the name of the pair; files of other names are passed
    /// over. `None` pairs files of the same name.
    pub matching: Option<[String; 2]>,
    /// What files that are not wider than high are, where side-by-side pairs are expected.
    pub narrow: Narrow,
    /// How pixels of A and of B without data are known; `None` if all have data.
    pub nodata: [Option<Nodata>; 2],
    /// Whether held-out pairs alone are a data set, of which nothing is trained.
    pub held_out_alone: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            direction: Direction::AToB,
            val_fraction: 0.0,
            seed: 0,
            pages: None,
            neighbors: 0,
            matching: None,
            narrow: Narrow::Refused,
            nodata: [None; 2],
            held_out_alone: false,
        }
    }
}

/// A data set: its splits and its layout.
#[derive(Clone)]
pub struct Dataset {
    /// Training pairs; where there are [none](Options::held_out_alone), those of the first split.
    pub train: Pairs,
    /// Held-out pairs, for samples and scores during training: `val`, else `test`.
    pub val: Option<Pairs>,
    /// All splits, with their names.
    pub splits: Vec<(&'static str, Pairs)>,
    /// Description of the layout in plain language.
    pub layout: String,
    /// Pictures of one folder without a partner in the other.
    pub unmatched: Vec<PathBuf>,
    /// Lines of a table that lack a picture of their pair.
    pub incomplete: Vec<Incomplete>,
    /// What to say of columns of a table that are not used, and of pairs that it lists again.
    pub notes: Vec<String>,
    /// One of the pictures of A without a partner, and one of B of the same split.
    pub example: Option<[PathBuf; 2]>,
    /// Values of [`Options::matching`] that would match the names of some without a partner.
    pub proposal: Option<[String; 2]>,
    /// Whether the names of files say what is a pair: [`Options::matching`] has no meaning elsewhere.
    pub by_name: bool,
    /// Files that are not of a pair.
    pub passed_over: Vec<PassedOver>,
}

impl Dataset {
    /// Opens a folder, a manifest or an archive, and finds its pairs and splits.
    ///
    /// # Errors
    /// When it cannot be read, has an unknown layout, or has no training pairs, if it must have some.
    pub fn open(path: &Path, options: &Options) -> Result<Self> {
        if manifest::is_manifest(path) && path.is_file() {
            let folder = path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty());
            let store = Store::open(folder.unwrap_or(Path::new(".")))?;
            let name = Path::new(path.file_name().unwrap_or_default());
            let layout = manifest::open(&store, name, path)?;
            return Self::new(store, layout, options);
        }
        let store = Store::open(path)?;
        let (files, passed_over) = store.files()?;
        let base = layout::base(&files);
        let manifests = manifest::NAMES.iter().map(|name| base.join(name));
        let mut layout = match manifests.into_iter().find(|name| files.contains(name)) {
            Some(name) => {
                let mut layout = manifest::open(&store, &name, &store.shown(&name))?;
                manifest::note_unlisted(&mut layout, &name, &files);
                layout
            }
            None => {
                let patterns = options
                    .matching
                    .as_ref()
                    .map(|[a, b]| Ok::<_, Error>([Pattern::parse(a)?, Pattern::parse(b)?]));
                layout::find(store.root(), &files, patterns.transpose()?.as_ref())?
            }
        };
        layout.passed_over.extend(passed_over);
        Self::new(store, layout, options)
    }

    /// Makes a data set of a store and the layout of its files.
    ///
    /// # Errors
    /// When there are no training pairs and must be some, `val_fraction` cannot be applied, or the pages of a file cannot be
    /// counted.
    pub fn new(store: Store, layout: Layout, options: &Options) -> Result<Self> {
        let root = store.root().to_path_buf();
        let store = Arc::new(store);
        let Layout {
            description,
            splits,
            unmatched,
            incomplete,
            notes,
            passed_over,
            example,
            proposal,
            by_name,
        } = layout;
        let mut named: Vec<(&'static str, Pairs)> = Vec::new();
        let (mut pages, mut files) = (0, 0);
        for (split, entries) in splits {
            let name = split.unwrap_or(Split::Train).name();
            let entries = slices::with_pages(entries, &store, options.pages)?;
            let mut last = None;
            for entry in entries.iter().filter(|entry| entry.pages > 1) {
                pages += 1;
                files += usize::from(last.replace(&entry.files) != Some(&entry.files));
            }
            let pairs = Pairs {
                store: store.clone(),
                entries: Arc::new(entries),
                direction: options.direction,
                domains: None,
                narrow: options.narrow,
                nodata: options.nodata,
                neighbors: options.neighbors,
            };
            if name != "train" || !pairs.is_empty() {
                named.push((name, pairs));
            }
        }
        let is_enough = |(name, pairs): &(&str, Pairs)| {
            *name == "train" || options.held_out_alone && !pairs.is_empty()
        };
        if !named.first().is_some_and(is_enough) {
            let held_out = named.iter().flat_map(|(_, pairs)| pairs.files());
            let held_out: Vec<PathBuf> = held_out.cloned().collect();
            let example = survey::mismatch(example.as_ref(), proposal.as_ref());
            return Err(without_pairs(
                &root,
                &held_out,
                &unmatched,
                example,
                &passed_over,
            ));
        }
        if options.neighbors > 0 && pages == 0 {
            let reason =
                "takes slices of volumes or pages of TIFF files, and no file has several; omit it";
            return Err(Error::field("neighbors", reason));
        }
        let data = Self {
            train: named[0].1.clone(),
            val: None,
            splits: Vec::new(),
            layout: match pages {
                0 => description,
                _ => format!(
                    "{description}; {pages} slices or pages of {}",
                    count(files as u64, "pair")
                ),
            },
            unmatched: unmatched.iter().map(|path| store.shown(path)).collect(),
            incomplete,
            notes,
            example,
            proposal,
            by_name,
            passed_over,
        };
        let data = data.with_splits(named);
        match options.val_fraction > 0.0 {
            true => data.hold_out(options.val_fraction, options.seed, HeldOut::Files),
            false => Ok(data),
        }
    }

    /// Holds out a share of the training pairs, chosen by the seed.
    ///
    /// # Errors
    /// When the data set already has held-out pairs, or there are fewer than two pairs or files.
    pub(crate) fn hold_out(self, val_fraction: f64, seed: u64, what: HeldOut) -> Result<Self> {
        if self.splits.len() > 1 {
            let (reason, remedy) = (
                "the data set already has held-out pairs",
                "omit `val_fraction`",
            );
            return Err(match self.train.store.root() {
                // what is inside the program has no path
                root if root.as_os_str().is_empty() => Error::Config(format!("{reason}; {remedy}")),
                root => Error::file(root, reason, remedy),
            });
        }
        let (train, val) = held_out::hold_out(&self.train, val_fraction, seed, what)?;
        Ok(self.with_splits(vec![("train", train), ("val", val)]))
    }

    /// The same data set with these splits, the training split first.
    fn with_splits(self, splits: Vec<(&'static str, Pairs)>) -> Self {
        Self {
            train: splits[0].1.clone(),
            val: splits.get(1).map(|(_, pairs)| pairs.clone()),
            splits,
            ..self
        }
    }

    /// Whether it has training pairs, and nothing else.
    pub fn has_no_splits(&self) -> bool {
        matches!(self.splits[..], [("train", _)])
    }

    /// Whether pairs are single files, A and B side by side.
    pub fn is_side_by_side(&self) -> bool {
        let pairs = &self.train;
        (0..pairs.len()).any(|index| pairs.is_together(index))
    }

    /// Applies `change` to the pairs of every split.
    pub fn map(self, change: impl Fn(Pairs) -> Pairs) -> Self {
        let splits = self.splits.iter();
        let splits = splits.map(|(name, pairs)| (*name, change(pairs.clone())));
        let splits = splits.collect();
        self.with_splits(splits)
    }
}

/// The folder of a file.
fn folder_of(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new(""))
}

/// The error for a data set without training pairs, of which these pictures are of held-out pairs or have no partner, as an
/// example says, and these files were passed over.
fn without_pairs(
    root: &Path,
    held_out: &[PathBuf],
    unmatched: &[PathBuf],
    example: Option<String>,
    passed_over: &[PassedOver],
) -> Error {
    let reason = "there are no training pairs";
    if let Some(example) = example {
        let remedy = format!(
            "pictures in A/ and B/ are matched by name, but {example}; give both the same name"
        );
        return Error::file(root, reason, remedy);
    }
    let others = passed_over.iter().filter(|file| file.why.is_ending());
    let mut folders = others.map(|file| folder_of(&file.file));
    let is_empty = |folder: &Path| {
        let mut pictures = unmatched.iter().chain(held_out);
        layout::has_place(folder) && !pictures.any(|picture| folder_of(picture) == folder)
    };
    if let Some(empty) = folders.find(|folder| is_empty(folder)) {
        let (empty, all) = (empty.display(), passed_over::of_other_endings(passed_over));
        let reason = format!(
            "{reason}: {empty}/ has no picture that is read; {}",
            all.unwrap_or_default()
        );
        return Error::file(root, reason, CONVERT);
    }
    let of_other_names = passed_over.iter().filter(|file| file.why == Why::Name);
    let of_other_names: Vec<PassedOver> = of_other_names.cloned().collect();
    if let Some(others) = passed_over::summary(&of_other_names) {
        let reason = format!("{reason}: {others}");
        return Error::file(root, reason, "correct `matching`");
    }
    let beside = passed_over.iter().filter(|file| file.why == Why::Folder);
    let mut beside = beside.map(|file| folder_of(&file.file));
    let is_train = |folder: &&Path| Split::of_folder(folder) == Some(Split::Train);
    if let (Some(train), Some(picture)) = (beside.find(is_train), held_out.first()) {
        let (train, others) = (train.display(), folder_of(picture).display());
        return Error::file(
            root,
            format!(
                "{reason}: the pictures of {train}/ are side by side, and those of {others}/ apart"
            ),
            format!("put all into one layout, as into {train}/A/ and {train}/B/"),
        );
    }
    match unmatched.first() {
        Some(picture) => Error::file(
            root,
            format!(
                "{reason}: the only pictures for training are in {}/",
                folder_of(picture).display()
            ),
            "put their partners, of the same names, into the folder of the other side",
        ),
        None => Error::file(root, reason, "put pairs into train/"),
    }
}
