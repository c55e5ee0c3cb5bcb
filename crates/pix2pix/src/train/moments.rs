//! Adam's moments in host memory: running means of each gradient and of its square, flat.

use pix2pix_kernels as kernels;

use crate::weights_file::tensor_file::Values;

/// The first and second moments of a parameter.
#[derive(Debug)]
pub struct HostMoments([Vec<f32>; 2]);

impl HostMoments {
    /// Those of a parameter of `length` values before the first step.
    pub fn zeros(length: usize) -> Self {
        Self([vec![0.0; length], vec![0.0; length]])
    }

    /// Those of a checkpoint.
    pub fn new(moments: [Vec<f32>; 2]) -> Self {
        Self(moments)
    }

    /// Updates a parameter, and these. Returns whether the gradient was finite.
    pub fn update(
        &mut self,
        update: &kernels::Adam,
        parameter: &mut [f32],
        gradient: &[f32],
    ) -> bool {
        let [first, second] = &mut self.0;
        kernels::adam(update, parameter, gradient, first, second)
    }

    /// Both, for a checkpoint.
    pub fn values(&self) -> [Values<'_>; 2] {
        self.0.each_ref().map(|moment| Values::vector(moment))
    }

    /// Both, for a card.
    #[cfg(feature = "_card")]
    pub fn into_f32(self) -> [Vec<f32>; 2] {
        self.0
    }
}
