//! Settings that all layers of a network share: the arithmetic of the convolutions, and the group over which batch
//! normalization takes statistics.

use std::sync::Arc;

use crate::backend::device::Precision;
use crate::backend::window::ConvSpec;
use crate::network::norm::NormLayer;
use crate::parallel::Communicator;

/// Access to the layers of a network.
pub(crate) trait Layers {
    /// The window and the arithmetic of each convolution.
    fn specs_mut(&mut self) -> Vec<&mut ConvSpec>;

    /// The normalization layers.
    fn norms_mut(&mut self) -> Vec<&mut NormLayer>;

    /// Sets the arithmetic of every convolution.
    fn set_precision(&mut self, precision: Precision) {
        for spec in self.specs_mut() {
            spec.precision = precision;
        }
    }

    /// Uses the statistics of all pictures of a group in batch normalization, or, with `None`, of this process's batch
    /// alone.
    fn sync_norms(&mut self, group: Option<&Arc<dyn Communicator>>) {
        for norm in self.norms_mut() {
            if let NormLayer::Batch(norm) = norm {
                norm.sync(group.cloned());
            }
        }
    }
}
