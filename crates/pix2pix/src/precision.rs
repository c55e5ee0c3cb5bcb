//! The arithmetic of the convolutions: a setting of the whole program, as PyTorch's
//! `set_float32_matmul_precision` is. Tensors, weights, statistics and optimizer stay in 32 bits.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};

use pix2pix_kernels::{Arithmetic, Path};
use serde::{Deserialize, Serialize};

/// The arithmetic of the convolutions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32-bit floating point.
    #[default]
    F32,
    /// Factors of the large convolutions' products rounded to bfloat16, sums in 32 bits. Fast where
    /// the processor has a bfloat16 dot product, and computed with the same rounding where it has not.
    Bf16,
}

impl Precision {
    /// Every precision, in the order in which a user reads them.
    pub const ALL: [Self; 2] = [Self::F32, Self::Bf16];
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
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
        known.ok_or_else(|| "unknown precision; use f32 or bf16".to_string())
    }
}

static BF16: AtomicBool = AtomicBool::new(false);

/// Sets the arithmetic of all convolutions from now on.
pub(crate) fn set(precision: Precision) {
    BF16.store(precision == Precision::Bf16, Ordering::Relaxed);
}

/// The arithmetic of all convolutions.
pub(crate) fn get() -> Precision {
    match BF16.load(Ordering::Relaxed) {
        false => Precision::F32,
        true => Precision::Bf16,
    }
}

/// The instructions to convolve with on the CPU.
pub(crate) fn path() -> Path {
    Path::best(match get() {
        Precision::F32 => Arithmetic::F32,
        Precision::Bf16 => Arithmetic::Bf16,
    })
}
