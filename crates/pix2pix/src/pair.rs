//! Pairs: one file with two pictures side by side, A at the left and B at the right.

use std::path::Path;

use image::{GenericImageView, RgbImage};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::picture;

/// Which half is translated into which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    /// The left half is the source, the right half the target.
    #[serde(rename = "a-to-b")]
    AToB,
    /// The other way round.
    #[serde(rename = "b-to-a")]
    BToA,
}

/// A source and the target that it is to become, of one size.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// The file's name without its ending.
    pub name: String,
    /// What the generator sees.
    pub source: RgbImage,
    /// What it is to make of it.
    pub target: RgbImage,
}

/// Reads a side-by-side pair.
///
/// # Errors
/// When the picture cannot be read, its width is odd, or a half is too small.
pub fn read(path: &Path, direction: Direction) -> Result<Pair> {
    split(path, &picture::read(path)?, direction)
}

/// Splits a side-by-side picture; `path` gives the name.
///
/// # Errors
/// When the width is odd or a half is too small.
pub fn split(path: &Path, both: &RgbImage, direction: Direction) -> Result<Pair> {
    let (width, height) = both.dimensions();
    if width % 2 == 1 {
        return Err(Error::file(
            path,
            format!("a side-by-side pair of odd width {width} has no two equal halves"),
            "make the width even or take the file out of the folder",
        ));
    }
    let half = width / 2;
    if half < picture::MIN_SIDE {
        return Err(picture::too_small(path, half, height));
    }
    let a = both.view(0, 0, half, height).to_image();
    let b = both.view(half, 0, half, height).to_image();
    let (source, target) = match direction {
        Direction::AToB => (a, b),
        Direction::BToA => (b, a),
    };
    Ok(Pair {
        name: stem(path),
        source,
        target,
    })
}

/// A file's name without its ending. Only a picture's ending is cut: `N64.4E016.3` is a name.
pub fn stem(path: &Path) -> String {
    let name = if picture::is_picture(path) {
        path.file_stem()
    } else {
        path.file_name()
    };
    name.unwrap_or_default().to_string_lossy().into_owned()
}
