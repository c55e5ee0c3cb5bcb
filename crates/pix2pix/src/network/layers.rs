//! What all layers of a network share, beside their weights: the arithmetic of the convolutions, and the processes whose
//! pictures batch normalization takes together.

use std::sync::Arc;

use burn::tensor::Device;

use crate::backend::device::{Precision, factors};
use crate::backend::window::ConvSpec;
use crate::network::norm::NormLayer;
use crate::parallel::Communicator;

/// A network as its layers.
pub(crate) trait Layers {
    /// How each of its convolutions convolves.
    fn specs_mut(&mut self) -> Vec<&mut ConvSpec>;

    /// Its normalizations.
    fn norms_mut(&mut self) -> Vec<&mut NormLayer>;

    /// Sets the arithmetic of every convolution, for weights on `device`.
    fn set_precision(&mut self, precision: Precision, device: &Device) {
        let factors = factors(precision, device);
        for spec in self.specs_mut() {
            spec.factors = factors;
        }
    }

    /// Has batch normalization take the statistics of the pictures of a whole group, or of its own process alone.
    fn sync_norms(&mut self, group: Option<&Arc<dyn Communicator>>) {
        for norm in self.norms_mut() {
            if let NormLayer::Batch(norm) = norm {
                norm.sync(group.cloned());
            }
        }
    }
}
