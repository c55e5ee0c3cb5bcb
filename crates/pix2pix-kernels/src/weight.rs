//! The types in which weights are stored.

use std::borrow::Cow;

use crate::bf16::Bf16;
use crate::lanes::LANES;
use crate::simd::Simd;

/// Weights as they are stored.
#[derive(Clone, Copy, Debug)]
pub enum Weights<'a> {
    /// In 32 bits.
    F32(&'a [f32]),
    /// In 16 bits. They are computed with as f32, or as the arithmetic says.
    Bf16(&'a [Bf16]),
}

impl Weights<'_> {
    /// Their number.
    pub(crate) fn len(self) -> usize {
        match self {
            Self::F32(weights) => weights.len(),
            Self::Bf16(weights) => weights.len(),
        }
    }
}

impl<'a> From<&'a [f32]> for Weights<'a> {
    fn from(weights: &'a [f32]) -> Self {
        Self::F32(weights)
    }
}

/// A type in which weights are stored. Kernels that are generic over it are called by functions that are not, so that they
/// are compiled once, and with this crate.
pub trait Weight: Copy + Send + Sync {
    /// Reads a vector.
    fn load<M: Simd>(simd: M, from: &[Self; LANES]) -> M::Lanes;

    /// The values as f32.
    fn floats(weights: &[Self]) -> Cow<'_, [f32]>;
}

/// Evaluates an expression with weights of the type in which they are stored. In WebAssembly, whose modules are downloaded, it
/// is compiled for f32 alone.
macro_rules! by_type {
    ($weights:ident => $work:expr) => {
        match $weights {
            $crate::weight::Weights::F32($weights) => $work,
            #[cfg(not(target_arch = "wasm32"))]
            $crate::weight::Weights::Bf16($weights) => $work,
            #[cfg(target_arch = "wasm32")]
            $crate::weight::Weights::Bf16($weights) => {
                let $weights = &*$crate::weight::Weight::floats($weights);
                $work
            }
        }
    };
}
pub(crate) use by_type;

impl Weight for f32 {
    #[inline(always)]
    fn load<M: Simd>(simd: M, from: &[Self; LANES]) -> M::Lanes {
        simd.load(from)
    }

    fn floats(weights: &[Self]) -> Cow<'_, [f32]> {
        Cow::Borrowed(weights)
    }
}

impl Weight for Bf16 {
    #[inline(always)]
    fn load<M: Simd>(simd: M, from: &[Self; LANES]) -> M::Lanes {
        simd.load_bf16(from)
    }

    fn floats(weights: &[Self]) -> Cow<'_, [f32]> {
        Cow::Owned(weights.iter().map(|&weight| weight.into()).collect())
    }
}
