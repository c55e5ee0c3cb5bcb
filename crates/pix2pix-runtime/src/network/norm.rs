//! The kinds of normalization.

use serde::{Deserialize, Serialize};

use crate::choice::choices;

/// Maximum number of groups of a group normalization (Wu and He 2018, section 4.1).
const GROUPS: usize = 32;
/// Epsilon of normalizations, as in Torch; Keras' batch normalization uses 0.001.
pub const EPSILON: f64 = 1e-5;

/// The normalization after a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Norm {
    /// Batch normalization with the statistics of the batch (paper, section 3.3).
    Batch,
    /// Instance normalization: each channel of each picture by its own statistics, without scale and shift (Ulyanov,
    /// Vedaldi and Lempitsky 2016).
    Instance,
    /// Group normalization: groups of channels of each picture by their own statistics (Wu and He 2018).
    Group,
    /// No normalization.
    None,
}

choices!(Norm, "normalization",
    Batch: "batch", "Batch normalization: statistics of the batch (at batch size 1, of the single picture)";
    Instance: "instance", "Instance normalization: per picture and channel, without scale and shift (Ulyanov et al. 2016)";
    Group: "group", "Group normalization: per picture and group of channels, 32 groups (Wu and He 2018)";
    None: "none", "No normalization";
);

/// Number of groups of a group normalization over this number of channels: the largest divisor up to 32.
pub fn groups(channels: usize) -> usize {
    let divisor = (1..=GROUPS)
        .rev()
        .find(|groups| channels.is_multiple_of(*groups));
    divisor.expect("one group always fits")
}
