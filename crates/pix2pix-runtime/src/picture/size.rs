//! Sizes of pictures.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Maximum length of a picture's sides, in pixels.
pub const MAX_SIDE: u32 = 1 << 14;

/// Width and height in pixels: `256` or `512x256`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Size(pub [u32; 2]);

/// Text that is no [`Size`], or none that a picture may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("use PIXELS or WIDTHxHEIGHT, each from 1 to {MAX_SIDE}")]
pub struct InvalidSize;

impl Size {
    /// The same width and height.
    pub fn square(side: u32) -> Self {
        Self([side; 2])
    }

    /// Width and height as `usize`.
    pub fn sides(self) -> [usize; 2] {
        self.0.map(|side| side as usize)
    }

    /// The least size with sides of at least these that are multiples of `unit`; this size, if there is none.
    pub fn up_to_multiple(self, unit: u32) -> Self {
        Self(
            self.0
                .map(|side| side.checked_next_multiple_of(unit).unwrap_or(side)),
        )
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [width, height] if width == height => write!(f, "{width}"),
            [width, height] => write!(f, "{width}x{height}"),
        }
    }
}

impl FromStr for Size {
    type Err = InvalidSize;

    fn from_str(text: &str) -> std::result::Result<Self, InvalidSize> {
        let side = |text: &str| {
            let side = text.trim().parse().ok();
            side.filter(|side| (1..=MAX_SIDE).contains(side))
                .ok_or(InvalidSize)
        };
        match text.split_once('x') {
            Some((width, height)) => Ok(Self([side(width)?, side(height)?])),
            None => Ok(Self::square(side(text)?)),
        }
    }
}

impl TryFrom<String> for Size {
    type Error = InvalidSize;

    fn try_from(text: String) -> std::result::Result<Self, InvalidSize> {
        text.parse()
    }
}

impl From<Size> for String {
    fn from(size: Size) -> Self {
        size.to_string()
    }
}

/// The multiple of `unit` nearest to `side`, at least `unit`.
pub fn nearest(side: u32, unit: u32) -> u32 {
    ((side + unit / 2) / unit).max(1) * unit
}
