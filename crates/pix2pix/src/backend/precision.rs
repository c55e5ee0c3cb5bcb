//! The arithmetic of the convolutions, which each layer holds for itself, as in Flax. Tensors, weights, statistics and
//! optimizer stay in 32 bits.

use std::fmt;
use std::str::FromStr;

use pix2pix_kernels::{Arithmetic, InstructionSet};
use serde::{Deserialize, Serialize};

/// The arithmetic of the convolutions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32-bit floating point.
    #[default]
    F32,
    /// Factors rounded to TensorFloat-32 (11 significant bits), sums in 32 bits, on the tensor cores of NVIDIA's cards
    /// since Ampere.
    Tf32,
    /// Factors of the large convolutions' products rounded to bfloat16, sums in 32 bits. Fast where
    /// the processor has a bfloat16 dot product, and computed with the same rounding where it has not.
    Bf16,
}

impl Precision {
    /// Every precision, in the order in which a user reads them.
    pub const ALL: [Self; 3] = [Self::F32, Self::Tf32, Self::Bf16];
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::Tf32 => "tf32",
            Self::Bf16 => "bf16",
        })
    }
}

impl FromStr for Precision {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = Self::ALL
            .into_iter()
            .find(|known| known.to_string() == name);
        known.ok_or_else(|| "unknown precision; use f32, tf32 or bf16".to_string())
    }
}

/// The factors that a convolution multiplies: a precision on a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Factors {
    /// The factors themselves, rounded or not as the device's library likes.
    #[default]
    AsTheyAre,
    /// Each factor as the sum of two of 11 bits, which a library that rounds to TF32 leaves alone.
    TwoParts,
    /// The factors rounded to bfloat16.
    Bf16,
}

impl Factors {
    /// Those of a precision on a device; `rounds` says whether the device's library rounds 32-bit factors to TF32 by
    /// itself.
    pub(crate) fn of(precision: Precision, rounds: bool) -> Self {
        match precision {
            Precision::F32 if rounds => Self::TwoParts,
            Precision::F32 | Precision::Tf32 => Self::AsTheyAre,
            Precision::Bf16 => Self::Bf16,
        }
    }

    /// The instructions to convolve with on the CPU.
    pub(crate) fn instructions(self) -> InstructionSet {
        InstructionSet::best(match self {
            Self::AsTheyAre | Self::TwoParts => Arithmetic::F32,
            Self::Bf16 => Arithmetic::Bf16,
        })
    }
}
