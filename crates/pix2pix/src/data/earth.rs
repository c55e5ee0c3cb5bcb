//! The embedded demo data: 62 pairs of relief map (A) and satellite picture (B) of the Earth. See
//! `data/earth/README.md` for source and credit.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};

use crate::data::dataset::layout;
use crate::data::dataset::store::Store;
use crate::data::dataset::{Dataset, Options};
use crate::error::Result;

static EARTH: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/data/earth");

/// Name of this data set in a configuration.
pub const NAME: &str = "the embedded earth data";

/// The word for this data set that users type instead of a path.
pub const WORD: &str = "earth";

/// Whether a run's configuration names this data set. Paths in it are absolute.
pub fn is_named(data: &str) -> bool {
    data == NAME || data == WORD
}

/// Whether a path that a user typed means what is embedded: the word, and no file, folder or link is called so.
pub fn is_typed(path: &Path) -> bool {
    path == Path::new(WORD) && path.symlink_metadata().is_err()
}

/// Opens the embedded data set: 54 training pairs and 8 held-out pairs of 256x256 pixels.
pub fn earth() -> Dataset {
    open(&Options::default()).expect("both splits are embedded")
}

/// As [`earth`], with the direction of the options.
///
/// # Errors
/// When the options ask for another split.
pub fn open(options: &Options) -> Result<Dataset> {
    let files: BTreeMap<PathBuf, &'static [u8]> = EARTH
        .dirs()
        .flat_map(Dir::files)
        .map(|file| (file.path().to_path_buf(), file.contents()))
        .collect();
    let store = Store::embedded(files);
    let (files, _) = store.files().expect("embedded files need no disk");
    let layout = layout::find(store.root(), &files, None);
    let layout = layout.expect("the embedded files are laid out well");
    Dataset::new(store, layout, options)
}
