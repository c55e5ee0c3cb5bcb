//! The arithmetic of the convolutions. Each layer stores its own, as in Flax. Tensors, weights, statistics and
//! optimizer stay in 32 bits.

use pix2pix_kernels::{Arithmetic, InstructionSet};
use serde::{Deserialize, Serialize};

use crate::choice::choices;

/// The arithmetic of the convolutions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32-bit floating point.
    #[default]
    F32,
    /// Factors rounded to TensorFloat-32 (11 significant bits), sums in 32 bits: the tensor cores of NVIDIA cards
    /// since Ampere.
    Tf32,
    /// Factors of large convolutions rounded to bfloat16, sums in 32 bits. Fast on processors with a bfloat16 dot
    /// product; other processors compute the same rounding more slowly.
    Bf16,
}

choices!(Precision, "precision",
    F32: "f32", "32-bit floats";
    Tf32: "tf32", "Factors rounded to TensorFloat-32, for NVIDIA GPUs since Ampere";
    Bf16: "bf16", "Factors rounded to bfloat16";
);

impl Precision {
    /// The arithmetic of our CPU kernels.
    pub(crate) fn arithmetic(self) -> Arithmetic {
        match self {
            Self::F32 | Self::Tf32 => Arithmetic::F32,
            Self::Bf16 => Arithmetic::Bf16,
        }
    }

    /// The CPU instructions for convolutions.
    pub(crate) fn instructions(self) -> InstructionSet {
        InstructionSet::best(self.arithmetic())
    }
}
