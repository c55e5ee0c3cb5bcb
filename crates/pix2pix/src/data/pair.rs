//! Pairs: a picture A and its counterpart B, side by side in one file or in two files.

use std::ffi::OsStr;
use std::path::Path;

use icu_normalizer::ComposingNormalizerBorrowed;
use pix2pix_runtime::picture::{Domain, nodata};
use serde::{Deserialize, Serialize};

use crate::choice::choices;
use crate::data::picture::{self, Picture};
use crate::error::{Error, Result};

/// Translation direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    /// A (the left half) is the source, B (the right half) the target.
    #[serde(rename = "a-to-b")]
    AToB,
    /// B (the right half) is the source, A (the left half) the target.
    #[serde(rename = "b-to-a")]
    BToA,
}

choices!(Direction, "direction",
    AToB: "a-to-b", "From A (the left half) to B (the right half)";
    BToA: "b-to-a", "From B to A";
);

impl Direction {
    /// Orders `[a, b]` as `[source, target]`.
    pub fn order<T>(self, [a, b]: [T; 2]) -> [T; 2] {
        match self {
            Self::AToB => [a, b],
            Self::BToA => [b, a],
        }
    }

    /// Cuts the source out of a side-by-side pair; `path` is for messages.
    ///
    /// # Errors
    /// When the width is odd or a half is too small.
    pub fn source(self, path: &Path, both: &Picture) -> Result<Picture> {
        let [source, _] = self.order(split(path, both)?);
        Ok(source)
    }
}

/// A source and its target, of the same size.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// The file's name without its extension; behind those of its folders where files of a table are called the same.
    pub name: String,
    /// Input of the generator (x in the paper).
    pub source: Picture,
    /// Desired output, the ground truth (y in the paper).
    pub target: Picture,
    /// Whether source and target are label maps, whose values are never mixed.
    pub labels: [bool; 2],
    /// The pixels that have data, one channel: 0 for those that have none, which no loss and no score counts. `None` if all
    /// have data.
    pub mask: Option<Picture>,
}

impl Pair {
    /// 0 for each pixel without data; `None` if all have data.
    pub fn known(&self) -> Option<&[u8]> {
        self.mask.as_ref().map(Picture::bytes)
    }

    /// Whether no pixel has data.
    pub fn is_empty(&self) -> bool {
        let mask = self.mask.as_ref();
        mask.is_some_and(|mask| !nodata::has_data(mask))
    }
}

/// The pixels that have data in both pictures of a pair, as a mask: see [`nodata::mask`]. `None` if all have. The pictures
/// still have their own channels, `domains` are what a model knows of each, and `tag` is the value for pixels without data
/// that their file names.
pub fn known(pictures: [&Picture; 2], domains: [&Domain; 2], tag: Option<f32>) -> Option<Picture> {
    let of_side = |(picture, domain): (&Picture, &Domain)| {
        let gap = domain.nodata?.value(tag)?;
        domain.mask(picture, gap)
    };
    let [one, other] = [0, 1].map(|side| of_side((pictures[side], domains[side])));
    nodata::both(one, other)
}

/// What files that are not wider than high are, where side-by-side pairs are expected. They are more likely single pictures,
/// whose halves would train a network to nonsense.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Narrow {
    /// They are refused.
    #[default]
    Refused,
    /// Square ones are refused, and higher ones are pairs of narrow pictures, as in earlier versions.
    OnlySquaresRefused,
    /// They are pairs of narrow pictures.
    Pairs,
}

impl Narrow {
    /// Checks that a file of this size may be a side-by-side pair.
    ///
    /// # Errors
    /// When it is refused.
    pub fn check(self, path: &Path, [width, height]: [u32; 2]) -> Result<()> {
        let is_refused = match self {
            Self::Refused => width <= height,
            Self::OnlySquaresRefused => width == height,
            Self::Pairs => false,
        };
        if !is_refused {
            return Ok(());
        }
        let size = format!("{width}x{height} pixels");
        let what = match width == height {
            true => format!("a square picture of {size}"),
            false => format!("a picture of {size}, higher than wide,"),
        };
        Err(Error::file(
            path,
            format!("{what} where side-by-side pairs are expected"),
            "if it is one picture, put the pictures of A and of B into two folders, A/ and B/; if it is a pair of two \
             narrow pictures, choose `squares`",
        ))
    }
}

/// The size of both halves of a side-by-side picture; `path` is for messages.
///
/// # Errors
/// When the width is odd or a half is too small.
pub fn half(path: &Path, [width, height]: [u32; 2]) -> Result<[u32; 2]> {
    if width % 2 == 1 {
        return Err(Error::file(
            path,
            format!("a side-by-side pair of odd width {width} cannot be split into equal halves"),
            "make the width even or remove the file",
        ));
    }
    let half = [width / 2, height];
    if half[0] < picture::MIN_SIDE {
        return Err(picture::header::too_small(path, half));
    }
    Ok(half)
}

/// Whether a picture has the shape of two pictures of this shape side by side, whatever their sizes.
pub fn is_two_of([width, height]: [u32; 2], [half_width, half_height]: [u32; 2]) -> bool {
    let [width, height, half_width, half_height] =
        [width, height, half_width, half_height].map(u64::from);
    width * half_height == 2 * half_width * height
}

/// Splits a side-by-side picture into A and B; `path` is for messages.
///
/// # Errors
/// When the width is odd or a half is too small.
pub fn split(path: &Path, both: &Picture) -> Result<[Picture; 2]> {
    let half = half(path, both.size())?;
    Ok([both.crop([0, 0], half), both.crop([half[0], 0], half)])
}

/// Checks that the two files of a pair have the same size.
///
/// # Errors
/// When the sizes differ.
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
        "both pictures of a pair must have the same size: resize one of them or remove both",
    ))
}

/// A file's name without its extension. Only extensions of pictures are removed: `N64.4E016.3` is a whole name,
/// `brain.nii.gz` is `brain`, and `cell.ome.tif` is `cell`. Accented letters are composed (Unicode's form NFC), as file systems
/// spell them in two ways; bytes that are no text are marked, each with its number.
pub fn stem(path: &Path) -> String {
    match picture::ome_extension(path) {
        Some(ending) => without_end(path, ending.len() + 1),
        None => stem_with_ome(path),
    }
}

/// The same with the `.ome` of an OME-TIFF, as earlier versions took it for a part of the name.
pub(crate) fn stem_with_ome(path: &Path) -> String {
    let ending = match picture::volume_extension(path) {
        Some(ending) => ending.len() + 1,
        None if picture::is_picture(path) => path.extension().map_or(0, |ending| ending.len() + 1),
        None => 0,
    };
    without_end(path, ending)
}

/// A file's name without its last bytes.
fn without_end(path: &Path, ending: usize) -> String {
    let whole = distinct(path.file_name().unwrap_or_default());
    let name = match &whole[..whole.len() - ending] {
        // of `..tif` and `...tif`: as names, they would lead out of a folder
        "." | ".." => &whole,
        name => name,
    };
    ComposingNormalizerBorrowed::new_nfc()
        .normalize(name)
        .into_owned()
}

/// The text of a name. Each byte that is no text becomes the mark for it and its number, so that two names stay two.
fn distinct(name: &OsStr) -> String {
    let mut text = String::new();
    for chunk in name.as_encoded_bytes().utf8_chunks() {
        text += chunk.valid();
        let marked = chunk.invalid().iter();
        text.extend(marked.map(|byte| format!("{}{byte:02x}", char::REPLACEMENT_CHARACTER)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_not_wide_are_no_pairs_unasked() {
        let refused = |narrow: Narrow, size| narrow.check(Path::new("x.png"), size).err();
        for (size, expected) in [
            ([65, 64], [false, false, false]),
            ([64, 64], [true, true, false]),
            ([64, 65], [true, false, false]),
        ] {
            let found = [Narrow::Refused, Narrow::OnlySquaresRefused, Narrow::Pairs]
                .map(|narrow| refused(narrow, size).is_some());
            assert_eq!(found, expected, "{size:?}");
        }
        let said = refused(Narrow::Refused, [240, 320]).unwrap().to_string();
        assert!(said.contains("240x320 pixels, higher than wide"), "{said}");
    }

    #[test]
    fn a_pair_has_the_shape_of_two() {
        for (size, half, expected) in [
            ([512, 256], [1, 1], true),
            ([512, 255], [1, 1], false),
            ([640, 240], [4, 3], true),
            ([320, 240], [4, 3], false),
            ([480, 320], [240, 320], true),
            ([1 << 31, 1 << 30], [1 << 30, 1 << 30], true),
        ] {
            assert_eq!(is_two_of(size, half), expected, "{size:?} of {half:?}");
        }
    }

    #[test]
    fn a_name_has_no_ending_and_stays_in_its_folder() {
        for (file, expected) in [
            ("a/photo.JPG", "photo"),
            ("brain.nii.gz", "brain"),
            ("brain.NII", "brain"),
            ("c0.ome.tif", "c0"),
            ("c0.OME.Tiff", "c0"),
            ("c.0.ome.btf", "c.0"),
            ("ome.tif", "ome"),
            (".ome.tif", ".ome"),
            ("..ome.tif", "..ome.tif"),
            ("c0.ome.png", "c0.ome"),
            ("N64.4E016.3", "N64.4E016.3"),
            ("..tif", "..tif"),
            ("...tif", "...tif"),
            ("..nii.gz", "..nii.gz"),
            ("....tif", "..."),
            (".tif", ".tif"),
        ] {
            assert_eq!(stem(Path::new(file)), expected, "{file}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn names_that_are_no_text_stay_apart() {
        use std::os::unix::ffi::OsStrExt;

        let name = |bytes: &[u8]| stem(Path::new(OsStr::from_bytes(bytes)));
        assert_eq!(name(b"A/caf\xe9.png"), "caf\u{fffd}e9");
        assert_eq!(name(b"B/caf\xe9.jpg"), name(b"A/caf\xe9.png"));
        assert_ne!(name(b"caf\xe8.png"), name(b"caf\xe9.png"));
        assert_eq!(name(b"\xff.nii.gz"), "\u{fffd}ff");
        assert_eq!(name("cafe\u{301}.png".as_bytes()), "caf\u{e9}");
    }
}
