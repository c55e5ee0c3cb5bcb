//! Spectral normalization: weights divided by their largest singular value (Miyato et al. 2018, algorithm
//! 1).

use burn::module::{Module, RunningState};
use burn::tensor::{Device, Tensor};

use crate::network::init::WeightInit;

/// The estimate of a weight's largest singular vector, kept between steps.
#[derive(Module, Debug)]
pub struct SpectralNorm {
    /// The left singular vector, of length 1, `[channels out]`.
    pub u: RunningState<Tensor<1>>,
}

impl SpectralNorm {
    /// Starts with a random vector.
    pub fn new(channels: usize, init: &mut WeightInit, device: &Device) -> Self {
        let random = init
            .normal([channels], 0.0, device)
            .val()
            .reshape([1, channels]);
        Self {
            u: RunningState::new(unit(random).reshape([channels]).detach()),
        }
    }

    /// The weight, `[channels out, ..]`, divided by its largest singular value. In training, one power iteration first
    /// improves the estimate.
    pub fn normalized(&self, weight: Tensor<4>) -> Tensor<4> {
        let rows = weight.dims()[0];
        let matrix = weight.clone().reshape([rows as isize, -1]);
        let fixed = matrix.clone().detach();
        let mut u = self
            .u
            .value()
            .to_device(&weight.device())
            .detach()
            .reshape([rows, 1]);
        // no matrix products: some cards round their factors
        let v = unit((fixed.clone() * u.clone()).sum_dim(0)); // [1, columns]
        if weight.device().is_autodiff() {
            u = unit((fixed * v.clone()).sum_dim(1)); // [rows, 1]
            self.u.update(u.clone().reshape([rows]).detach());
            // an update stays in a list of its thread until it is synced
            self.u.value_sync();
        }
        let sigma = ((matrix * v).sum_dim(1) * u).sum(); // [1]
        weight / sigma.reshape([1, 1, 1, 1])
    }
}

fn unit(x: Tensor<2>) -> Tensor<2> {
    let length = x.clone().square().sum().sqrt() + 1e-12;
    x / length.reshape([1, 1])
}
