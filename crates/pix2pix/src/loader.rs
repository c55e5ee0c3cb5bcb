//! Batches for training, decoded and jittered on a background thread ahead of the step that needs
//! them.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use burn::tensor::{Device, Tensor, TensorData};

use crate::dataset::Pairs;
use crate::error::Result;
use crate::jitter::JitterConfig;
use crate::picture;

/// Batches that wait for their step, at most.
const AHEAD: usize = 4;

/// Pairs of one training step, still in host memory.
pub struct HostBatch {
    sources: Vec<f32>,
    targets: Vec<f32>,
    shape: [usize; 4],
}

impl HostBatch {
    /// Sources and targets, each `[batch, 3, crop, crop]` in [-1, 1].
    pub fn to_device(self, device: &Device) -> (Tensor<4>, Tensor<4>) {
        let tensor = |values| Tensor::from_data(TensorData::new(values, self.shape), device);
        (tensor(self.sources), tensor(self.targets))
    }
}

/// How the data set is walked.
#[derive(Clone, Debug)]
pub struct LoaderConfig {
    /// Pairs in a batch; an epoch's last batch holds what is left.
    pub batch_size: usize,
    /// Random variations.
    pub jitter: JitterConfig,
    /// Seed of the order and the jitter.
    pub seed: u64,
    /// Number of batches to make.
    pub steps: u64,
}

/// Number of steps in an epoch.
pub fn steps_per_epoch(pairs: usize, batch_size: usize) -> u64 {
    pairs.div_ceil(batch_size) as u64
}

/// Starts the thread. It ends after the last batch, after an error, or when the receiver is dropped.
pub fn start(pairs: Pairs, config: LoaderConfig) -> Receiver<Result<HostBatch>> {
    let (sender, receiver) = sync_channel(AHEAD);
    thread::spawn(move || {
        let per_epoch = steps_per_epoch(pairs.len(), config.batch_size);
        let mut order = Vec::new();
        for step in 0..config.steps {
            let (epoch, within) = (step / per_epoch, (step % per_epoch) as usize);
            if within == 0 {
                order = pairs.order(config.seed, epoch);
            }
            let first = within * config.batch_size;
            let last = (first + config.batch_size).min(order.len());
            let sample = epoch * pairs.len() as u64 + first as u64;
            let batch = load(&pairs, &order[first..last], sample, &config);
            let failed = batch.is_err();
            if sender.send(batch).is_err() || failed {
                return;
            }
        }
    });
    receiver
}

/// Reads and jitters the pairs at `indices`; the first is the run's sample number `sample`.
fn load(pairs: &Pairs, indices: &[usize], sample: u64, config: &LoaderConfig) -> Result<HostBatch> {
    let crop = config.jitter.crop_size as usize;
    let shape = [indices.len(), 3, crop, crop];
    let mut sources = Vec::with_capacity(shape.iter().product());
    let mut targets = Vec::with_capacity(shape.iter().product());
    for (&index, sample) in indices.iter().zip(sample..) {
        let pair = pairs.read(index)?;
        let (source, target) = config.jitter.apply(&pair, config.seed, sample);
        sources.extend(picture::to_planes(&source));
        targets.extend(picture::to_planes(&target));
    }
    Ok(HostBatch {
        sources,
        targets,
        shape,
    })
}
