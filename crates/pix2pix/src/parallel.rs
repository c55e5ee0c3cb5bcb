//! Data parallel training: every process of a group trains on its own share of each batch, and all of them take the same
//! step along the mean of their gradients, so that their weights stay equal (Goyal et al. 2017, section 2.3).

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

/// What carries numbers between the processes of a group. All of them must make the same calls in the same order;
/// [`all_reduce`](Self::all_reduce) may go on beside the others.
pub trait Communicator: Send + Sync + Debug {
    /// Which of the processes this one is, and how many there are.
    fn shard(&self) -> Shard;

    /// Everyone's bytes, by rank.
    fn all_gather(&self, own: &[u8]) -> Vec<Vec<u8>>;

    /// Adds up everyone's buckets of these lengths, each as soon as it comes in and without waiting for the one before.
    /// `wire` is the format in which they are sent and added.
    fn all_reduce(
        &self,
        buckets: Receiver<Vec<f32>>,
        lengths: &[usize],
        wire: Wire,
    ) -> Vec<Vec<f32>>;
}

/// The format in which gradients are sent and added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wire {
    /// 32-bit floating point.
    #[default]
    F32,
    /// bfloat16, of half the bytes.
    Bf16,
}

/// Which share of a batch, and how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// This process's number, from 0.
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
    /// Whether this process prints and saves for all.
    pub fn is_root(self) -> bool {
        self.rank == 0
    }
}

/// Processes that train together, and how.
#[derive(Clone, Debug)]
pub struct Group {
    /// What connects them.
    pub communicator: Arc<dyn Communicator>,
    /// The format in which gradients are sent and added.
    pub wire: Wire,
    /// Whether batch normalization takes the statistics of all shares.
    pub sync_norm: bool,
}

impl Group {
    /// This process's share.
    pub fn shard(&self) -> Shard {
        self.communicator.shard()
    }
}

/// Means over the group of values of which every process has as many.
pub(crate) fn means(communicator: &dyn Communicator, own: &[f32]) -> Vec<f32> {
    let all = gathered(communicator, own);
    let mean = |index: usize| {
        let sum: f64 = all.iter().map(|values| f64::from(values[index])).sum();
        (sum / all.len() as f64) as f32
    };
    (0..own.len()).map(mean).collect()
}

/// Everyone's values, by rank.
pub(crate) fn gathered(communicator: &dyn Communicator, own: &[f32]) -> Vec<Vec<f32>> {
    let all = communicator.all_gather(bytemuck::cast_slice(own));
    all.iter()
        .map(|bytes| bytemuck::pod_collect_to_vec(bytes))
        .collect()
}
