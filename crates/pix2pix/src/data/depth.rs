//! How a sample of a picture is stored.

use serde::{Deserialize, Serialize};

/// What a sample is stored as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Depth {
    /// 8 bits, 0 to 255.
    U8,
    /// 16 bits, 0 to 65535.
    U16,
    /// 32-bit floating point; signed and wider integers are read as these.
    F32,
}

impl Depth {
    /// Bytes of a sample.
    pub fn bytes(self) -> u64 {
        match self {
            Self::U8 => 1,
            Self::U16 => 2,
            Self::F32 => 4,
        }
    }

    /// The values that are black and white where nothing else is said.
    pub fn range(self) -> [f32; 2] {
        match self {
            Self::U8 => [0.0, 255.0],
            Self::U16 => [0.0, 65535.0],
            Self::F32 => [0.0, 1.0],
        }
    }
}

impl std::fmt::Display for Depth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::U8 => "8-bit",
            Self::U16 => "16-bit",
            Self::F32 => "float",
        })
    }
}
