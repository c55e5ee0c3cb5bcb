//! The embedded demo data: 62 pairs of relief map (A) and satellite picture (B) of the Earth. Source
//! and credit stand in `data/earth/README.md`.

use std::path::PathBuf;

use include_dir::{Dir, include_dir};

use crate::dataset::{Dataset, Pairs};
use crate::pair::Direction;
use crate::picture;

static EARTH: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/data/earth");

/// 54 pairs to train on and 8 held out.
pub fn earth() -> Dataset {
    Dataset {
        train: pairs("train"),
        val: Some(pairs("val")),
    }
}

fn pairs(split: &str) -> Pairs {
    let folder = EARTH.get_dir(split).expect("the split is embedded");
    let mut files: Vec<(PathBuf, &'static [u8])> = folder
        .files()
        .filter(|file| picture::is_picture(file.path()))
        .map(|file| (file.path().to_path_buf(), file.contents()))
        .collect();
    files.sort();
    Pairs::embedded(files, Direction::AToB)
}
