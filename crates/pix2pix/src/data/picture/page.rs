//! Pages of TIFF files.

use serde::{Deserialize, Serialize};

use crate::choice::choices;

/// How TIFF files with several pages are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pages {
    /// The first page only.
    First,
    /// All pages as the channels of one picture.
    Channels,
    /// Each page as a picture.
    Each,
}

choices!(Pages, "pages",
    First: "first", "Only the first page";
    Channels: "channels", "All pages, as the channels of one picture";
    Each: "each", "Each page as a picture";
);

/// The page of a file that holds a picture. Only TIFF files can have more than one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
}
