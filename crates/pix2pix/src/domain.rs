//! An image domain: what the pictures of one side of the pairs have in common.

use serde::{Deserialize, Serialize};

use crate::picture::{Depth, Picture};

/// What the pictures of one side of the pairs are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Domain {
    /// Channels, 1 to 16.
    pub channels: usize,
    /// What a sample is stored as.
    pub depth: Depth,
    /// The values that the networks see as -1 and 1.
    pub range: [f32; 2],
}

impl Domain {
    /// 8-bit RGB.
    pub const RGB8: Self = Self {
        channels: 3,
        depth: Depth::U8,
        range: [0.0, 255.0],
    };

    /// The values that are -1 and 1 for a picture: the domain's, or those of the picture's own depth
    /// where that is another.
    pub fn range_of(&self, picture: &Picture) -> [f32; 2] {
        if picture.depth() == self.depth {
            self.range
        } else {
            picture.depth().range()
        }
    }
}

impl Default for Domain {
    fn default() -> Self {
        Self::RGB8
    }
}

impl std::fmt::Display for Domain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            channels,
            depth,
            range: [low, high],
        } = self;
        let plural = if *channels == 1 { "" } else { "s" };
        write!(f, "{channels} channel{plural}, {depth}")?;
        if depth.range() != self.range {
            write!(f, " from {low} to {high}")?;
        }
        Ok(())
    }
}
