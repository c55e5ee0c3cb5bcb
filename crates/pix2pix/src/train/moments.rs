//! Adam's moments in host memory: running means of each gradient and of its square, flat.

use pix2pix_kernels::{self as kernels, Bf16};
use serde::{Deserialize, Serialize};

use crate::choice::choices;
use crate::error::{Error, Result};
use crate::weights_file::tensor_file::TensorValues;

/// Number format in which Adam keeps its moments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MomentFormat {
    /// 32-bit floating point.
    #[default]
    F32,
    /// bfloat16, rounded at random: half the memory, and less to read and write.
    Bf16,
}

choices!(MomentFormat, "number format",
    F32: "f32", "32-bit floats";
    Bf16: "bf16", "bfloat16, rounded at random: 4 bytes less for each weight, and a faster step";
);

impl MomentFormat {
    /// Checks that the moments can be kept in this format: on a card, they are in 32 bits.
    ///
    /// # Errors
    /// When they cannot.
    pub(crate) fn check(self, on_card: bool) -> Result<()> {
        match self == Self::Bf16 && on_card {
            true => Err(Error::field(
                "moments",
                "bf16 is for the CPU; on cards, keep f32",
            )),
            false => Ok(()),
        }
    }
}

/// The first and second moments of a parameter.
#[derive(Debug)]
pub enum HostMoments {
    /// In 32 bits.
    F32([Vec<f32>; 2]),
    /// In 16 bits.
    Bf16([Vec<Bf16>; 2]),
}

impl HostMoments {
    /// Those of a parameter of `length` values before the first step.
    pub fn zeros(format: MomentFormat, length: usize) -> Self {
        match format {
            MomentFormat::F32 => Self::F32([vec![0.0; length], vec![0.0; length]]),
            MomentFormat::Bf16 => {
                let zero = Bf16::default();
                Self::Bf16([vec![zero; length], vec![zero; length]])
            }
        }
    }

    /// Those of a checkpoint of this format.
    pub fn saved(format: MomentFormat, moments: [Vec<f32>; 2]) -> Self {
        match format {
            MomentFormat::F32 => Self::F32(moments),
            MomentFormat::Bf16 => {
                Self::Bf16(moments.map(|values| values.into_iter().map(Bf16::of).collect()))
            }
        }
    }

    /// Updates a parameter, and these. Returns whether the gradient was finite.
    pub fn update(
        &mut self,
        update: &kernels::Adam,
        parameter: &mut [f32],
        gradient: &[f32],
    ) -> bool {
        match self {
            Self::F32([first, second]) => kernels::adam(update, parameter, gradient, first, second),
            Self::Bf16([first, second]) => {
                kernels::adam_bf16(update, parameter, gradient, first, second)
            }
        }
    }

    /// Both, for a checkpoint.
    pub fn values(&self) -> [TensorValues<'_>; 2] {
        match self {
            Self::F32(moments) => moments
                .each_ref()
                .map(|moment| TensorValues::vector(moment)),
            Self::Bf16(moments) => moments
                .each_ref()
                .map(|moment| TensorValues::vector_bf16(moment)),
        }
    }

    /// Both, in 32 bits, for a card.
    #[cfg(feature = "_card")]
    pub fn into_f32(self) -> [Vec<f32>; 2] {
        match self {
            Self::F32(moments) => moments,
            Self::Bf16(moments) => {
                moments.map(|values| values.into_iter().map(f32::from).collect())
            }
        }
    }
}
