//! Pairs: a picture A and the picture B that belongs to it, side by side in one file or in a file each.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::data::picture::{self, Picture};
use crate::error::{Error, Result};

/// Which picture is translated into which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    /// A (the left half) is the source, B (the right half) the target.
    #[serde(rename = "a-to-b")]
    AToB,
    /// The other way round.
    #[serde(rename = "b-to-a")]
    BToA,
}

impl Direction {
    /// Source and target of A and B.
    pub fn order<T>(self, [a, b]: [T; 2]) -> [T; 2] {
        match self {
            Self::AToB => [a, b],
            Self::BToA => [b, a],
        }
    }

    /// The source of a side-by-side pair; `path` is for messages.
    ///
    /// # Errors
    /// When the width is odd or a half is too small.
    pub fn source(self, path: &Path, both: &Picture) -> Result<Picture> {
        let [source, _] = self.order(split(path, both)?);
        Ok(source)
    }
}

/// A source and the target that it is to become, of one size.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// The file's name without its ending.
    pub name: String,
    /// What the generator sees.
    pub source: Picture,
    /// What it is to make of it.
    pub target: Picture,
}

/// The size of both halves of a side-by-side picture; `path` is for messages.
///
/// # Errors
/// When the width is odd or a half is too small.
pub fn half(path: &Path, [width, height]: [u32; 2]) -> Result<[u32; 2]> {
    if width % 2 == 1 {
        return Err(Error::file(
            path,
            format!("a side-by-side pair of odd width {width} has no two equal halves"),
            "make the width even or take the file out of the folder",
        ));
    }
    let half = [width / 2, height];
    if half[0] < picture::MIN_SIDE {
        return Err(picture::header::too_small(path, half));
    }
    Ok(half)
}

/// Whether a picture's size is that of a side-by-side pair of squares: twice as wide as high.
pub fn is_side_by_side([width, height]: [u32; 2]) -> bool {
    width == 2 * height
}

/// Splits a side-by-side picture into A and B; `path` is for messages.
///
/// # Errors
/// When the width is odd or a half is too small.
pub fn split(path: &Path, both: &Picture) -> Result<[Picture; 2]> {
    let half = half(path, both.size())?;
    Ok([both.crop([0, 0], half), both.crop([half[0], 0], half)])
}

/// Checks that two files of a pair have one size.
///
/// # Errors
/// When they have not.
pub fn same_size(a: (&Path, [u32; 2]), b: (&Path, [u32; 2])) -> Result<()> {
    if a.1 == b.1 {
        return Ok(());
    }
    let [[aw, ah], [bw, bh]] = [a.1, b.1];
    Err(Error::file(
        b.0,
        format!(
            "{bw}x{bh} pixels, but its partner {} has {aw}x{ah}",
            a.0.display()
        ),
        "both pictures of a pair must have one size: resize one of them or take both out",
    ))
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
