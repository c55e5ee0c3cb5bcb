//! The arithmetic of the convolutions: a setting of the whole program, as PyTorch's
//! `set_float32_matmul_precision` is. Tensors, weights, statistics and optimizer stay in 32 bits.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU8, Ordering};

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

/// What a card multiplies, which has no kernels of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Factors {
    /// The factors themselves, rounded or not as its library likes.
    AsTheyAre,
    /// Each factor as the sum of two of 11 bits, which a library that rounds to TF32 leaves alone.
    TwoParts,
    /// The factors rounded to bfloat16.
    Bf16,
}

static FACTORS: AtomicU8 = AtomicU8::new(Factors::AsTheyAre as u8);

/// Sets the arithmetic of all convolutions from now on. `rounds` says whether the device's library rounds 32-bit factors
/// to TF32 by itself.
pub(crate) fn set(precision: Precision, rounds: bool) {
    let factors = match precision {
        Precision::F32 if rounds => Factors::TwoParts,
        Precision::F32 | Precision::Tf32 => Factors::AsTheyAre,
        Precision::Bf16 => Factors::Bf16,
    };
    FACTORS.store(factors as u8, Ordering::Relaxed);
}

/// What a card multiplies.
pub(crate) fn factors() -> Factors {
    let set = FACTORS.load(Ordering::Relaxed);
    let all = [Factors::AsTheyAre, Factors::TwoParts, Factors::Bf16];
    let known = all.into_iter().find(|&factors| factors as u8 == set);
    known.expect("only these are stored")
}

/// The instructions to convolve with on the CPU.
pub(crate) fn instructions() -> InstructionSet {
    InstructionSet::best(match factors() {
        Factors::AsTheyAre | Factors::TwoParts => Arithmetic::F32,
        Factors::Bf16 => Arithmetic::Bf16,
    })
}
