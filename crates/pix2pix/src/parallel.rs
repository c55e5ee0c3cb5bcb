//! Data-parallel training: every process of a group trains on its own share of each batch, and all take the same step
//! along the mean gradient, so that their weights stay equal (Goyal et al. 2017, section 2.3).
//!
//! Read [`Communicator`] first: it is all that connects the processes. With the feature `mpi`, `Mpi` is one. Give a
//! [`Group`] to [`Trainer::in_group`](crate::train::Trainer::in_group), or to a [`run`](crate::run).
//!
//! The smallest group has one process:
//!
//! ```
//! use std::sync::Arc;
//! use std::sync::mpsc::Receiver;
//!
//! use pix2pix::parallel::{Communicator, Group, Shard, Wire};
//!
//! #[derive(Debug)]
//! struct Alone;
//!
//! impl Communicator for Alone {
//!     fn shard(&self) -> Shard {
//!         Shard { rank: 0, ranks: 1 }
//!     }
//!
//!     fn all_gather(&self, own: &[u8]) -> Vec<Vec<u8>> {
//!         vec![own.to_vec()]
//!     }
//!
//!     fn all_reduce(&self, buckets: Receiver<Vec<f32>>, _: &[usize], _: Wire) -> Vec<Vec<f32>> {
//!         buckets.into_iter().collect()
//!     }
//! }
//!
//! let group = Group { communicator: Arc::new(Alone), wire: Wire::F32, sync_norm: false };
//! assert!(group.shard().is_root());
//! ```

pub(crate) mod gradients;
#[cfg(feature = "mpi")]
pub(crate) mod mpi;
pub(crate) mod synced_norm;

#[cfg(feature = "mpi")]
pub use mpi::Mpi;

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use serde::{Deserialize, Serialize};

use crate::choice::choices;

/// Collective communication in a group of processes. All of them must make the same calls in the same order;
/// [`all_reduce`](Self::all_reduce) may run at the same time as the others.
pub trait Communicator: Send + Sync + Debug {
    /// This process's rank, and the number of processes.
    fn shard(&self) -> Shard;

    /// Gathers the bytes of every process, by rank.
    fn all_gather(&self, own: &[u8]) -> Vec<Vec<u8>>;

    /// Sums buckets over the group. `lengths` are the buckets' lengths. Each sum starts when its bucket arrives,
    /// without waiting for the one before. `wire` is the number format for sending and adding.
    fn all_reduce(
        &self,
        buckets: Receiver<Vec<f32>>,
        lengths: &[usize],
        wire: Wire,
    ) -> Vec<Vec<f32>>;
}

/// Number format in which gradients are sent and added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wire {
    /// 32-bit floating point.
    #[default]
    F32,
    /// bfloat16: half the bytes.
    Bf16,
}

choices!(Wire, "number format",
    F32: "f32", "32-bit floats";
    Bf16: "bf16", "bfloat16: half the bytes";
);

/// One process's share of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// This process's rank, from 0.
    pub rank: usize,
    /// The number of processes.
    pub ranks: usize,
}

impl Default for Shard {
    /// The whole batch.
    fn default() -> Self {
        Self { rank: 0, ranks: 1 }
    }
}

impl Shard {
    /// Whether this is the process that prints and saves.
    pub fn is_root(self) -> bool {
        self.rank == 0
    }
}

/// A group of processes that train together.
#[derive(Clone, Debug)]
pub struct Group {
    /// Connects the processes.
    pub communicator: Arc<dyn Communicator>,
    /// Number format in which gradients are sent and added.
    pub wire: Wire,
    /// Whether batch normalization uses statistics over all processes.
    pub sync_norm: bool,
}

impl Group {
    /// This process's share.
    pub fn shard(&self) -> Shard {
        self.communicator.shard()
    }
}

/// Means over the group, value by value. Every process must pass the same number of values.
pub(crate) fn means(communicator: &dyn Communicator, own: &[f32]) -> Vec<f32> {
    let all = gathered(communicator, own);
    let mean = |index: usize| {
        let sum: f64 = all.iter().map(|values| f64::from(values[index])).sum();
        (sum / all.len() as f64) as f32
    };
    (0..own.len()).map(mean).collect()
}

/// The values of every process, by rank.
pub(crate) fn gathered(communicator: &dyn Communicator, own: &[f32]) -> Vec<Vec<f32>> {
    let all = communicator.all_gather(bytemuck::cast_slice(own));
    all.iter()
        .map(|bytes| bytemuck::pod_collect_to_vec(bytes))
        .collect()
}
