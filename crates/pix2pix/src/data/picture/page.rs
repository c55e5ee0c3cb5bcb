//! Pages of TIFF files, and slices of volumes.

use std::path::Path;

use pix2pix_runtime::words::count;
use serde::{Deserialize, Serialize};

use super::Dimensions;
use crate::choice::choices;
use crate::error::{Error, Result};

/// How files with several pages or slices are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pages {
    /// The first page or slice only.
    First,
    /// All pages or slices as the channels of one picture.
    Channels,
    /// Each page or slice as a picture.
    Each,
}

choices!(Pages, "pages",
    First: "first", "Only the first page or slice";
    Channels: "channels", "All pages or slices, as the channels of one picture";
    Each: "each", "Each page or slice as a picture";
);

/// The page or slice of a file that holds a picture. Only TIFF and NIfTI files can have more than one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Page {
    /// The only one; a file with more is refused.
    #[default]
    Only,
    /// This one, counted from 0 without thumbnails, smaller versions and masks.
    At(usize),
    /// All, as the channels of one picture.
    Channels,
}

impl Page {
    /// The page to read first by this choice.
    pub fn of(pages: Option<Pages>) -> Self {
        match pages {
            None => Self::Only,
            Some(Pages::Channels) => Self::Channels,
            Some(Pages::First | Pages::Each) => Self::At(0),
        }
    }

    /// This page of `count`, with so many neighbors on either side, in order. At the ends, the last page is repeated.
    pub fn around(self, neighbors: usize, count: usize) -> Vec<Self> {
        let Self::At(index) = self else {
            return vec![self];
        };
        let near = |place: usize| place.saturating_sub(neighbors).min(count.max(1) - 1);
        (index..=index + 2 * neighbors)
            .map(|place| Self::At(near(place)))
            .collect()
    }
}

/// Checks that pages of one file have the same size, channels and depth, so that their channels can be joined.
///
/// # Errors
/// Names the first two pages that differ.
pub fn alike(path: &Path, pages: &[Page], found: impl Iterator<Item = Dimensions>) -> Result<()> {
    let mut first = None;
    for (page, found) in pages.iter().zip(found) {
        let (first_page, first) = *first.get_or_insert((page, found));
        if found != first {
            let said = |page: &Page, dimensions: Dimensions| {
                let number = match page {
                    Page::At(index) => index + 1,
                    Page::Only | Page::Channels => 1,
                };
                let Dimensions {
                    size: [width, height],
                    channels,
                    depth,
                } = dimensions;
                let channels = count(channels as u64, "channel");
                format!("page {number} has {width}x{height} pixels, {channels}, {depth}")
            };
            return Err(Error::file(
                path,
                format!("{}, but {}", said(first_page, first), said(page, found)),
                "with neighbors, all pages of a file must be alike: save the others as another file",
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_page_is_repeated_beyond_the_ends() {
        let around = |index, neighbors, count| -> Vec<usize> {
            let pages = Page::At(index).around(neighbors, count).into_iter();
            let place = |page| match page {
                Page::At(index) => index,
                other => panic!("{other:?}"),
            };
            pages.map(place).collect()
        };
        assert_eq!(around(4, 2, 9), [2, 3, 4, 5, 6]);
        assert_eq!(around(0, 2, 9), [0, 0, 0, 1, 2]);
        assert_eq!(around(8, 1, 9), [7, 8, 8]);
        assert_eq!(around(0, 1, 1), [0, 0, 0]);
        assert_eq!(around(3, 0, 9), [3]);
        assert_eq!(Page::Channels.around(2, 9), [Page::Channels]);
    }
}
