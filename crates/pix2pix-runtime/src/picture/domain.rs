//! Image domains: the format that all pictures of one side of the pairs share.

use serde::{Deserialize, Serialize};

use crate::error::{Result, setting};
use crate::picture::{CHANNELS, Depth, Ranges};

/// Format of the pictures of one side of the pairs (the sources or the targets).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Domain {
    /// Channels, 1 to 16.
    pub channels: usize,
    /// Type of the samples.
    pub depth: Depth,
    /// Sample values that map to -1 and 1 in the networks.
    pub range: Ranges,
}

impl Domain {
    /// 8-bit RGB.
    pub const RGB8: Self = Self {
        channels: 3,
        depth: Depth::U8,
        range: Ranges::all([0.0, 255.0]),
    };

    /// Checks the channels and the ranges of the domain called `name`.
    pub fn validate(&self, name: &str) -> Result<()> {
        setting(&format!("{name}.channels"), self.channels, CHANNELS)?;
        self.range.validate(name, self.channels)
    }

    /// Sample values that map to -1 and 1 for a picture of this depth: the domain's ranges if the depth is the domain's,
    /// otherwise the default range of the depth.
    pub fn range_of(&self, depth: Depth) -> Ranges {
        if depth == self.depth {
            self.range
        } else {
            depth.range().into()
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
            range,
        } = self;
        let plural = if *channels == 1 { "" } else { "s" };
        write!(f, "{channels} channel{plural}, {depth}")?;
        if Ranges::all(depth.range()) != *range {
            write!(f, " from {range}")?;
        }
        Ok(())
    }
}
