//! Batches for training, decoded and jittered on threads of their own ahead of the step that needs them.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use burn::tensor::{Device, Tensor, TensorData};

use crate::cache::Cache;
use crate::dataset::Pairs;
use crate::dataset::survey::OnError;
use crate::domain::Domain;
use crate::error::Result;
use crate::jitter::JitterConfig;
use crate::pair::{Direction, Pair};

/// Batches of each thread that wait for their step, at most.
const AHEAD: usize = 2;

/// Pairs of one training step, still in host memory.
pub struct HostBatch {
    source: (Vec<f32>, [usize; 4]),
    target: (Vec<f32>, [usize; 4]),
    /// Pairs that could not be read and were left out, with the reason.
    pub skipped: Vec<String>,
}

impl HostBatch {
    /// Number of pairs.
    #[allow(clippy::len_without_is_empty)] // a batch is never empty
    pub fn len(&self) -> usize {
        self.source.1[0]
    }

    /// Sources and targets, each `[batch, channels, height, width]` in [-1, 1].
    pub fn to_device(self, device: &Device) -> [Tensor<4>; 2] {
        let tensor = |(values, shape)| Tensor::from_data(TensorData::new(values, shape), device);
        [tensor(self.source), tensor(self.target)]
    }
}

/// How the data set is walked.
pub struct LoaderConfig {
    /// Pairs in a batch; an epoch's last batch holds what is left.
    pub batch_size: usize,
    /// Random variations.
    pub jitter: JitterConfig,
    /// Domains of source and target.
    pub domains: [Domain; 2],
    /// Which picture is the source: colour jitter is A's.
    pub direction: Direction,
    /// Seed of the order and the jitter.
    pub seed: u64,
    /// Number of batches to make, counted from the run's first.
    pub steps: u64,
    /// Batches that were made before: 0, but for a run that goes on.
    pub done: u64,
    /// Threads, at least 1.
    pub workers: usize,
    /// What is done about a pair that cannot be read.
    pub on_error: OnError,
    /// Where loaded pairs are kept.
    pub cache: Cache,
}

/// Number of batches in an epoch.
pub fn steps_per_epoch(pairs: usize, batch_size: usize) -> u64 {
    pairs.div_ceil(batch_size) as u64
}

/// The batches of a run, in order, whichever thread makes them.
pub struct Batches {
    workers: Vec<Receiver<Result<HostBatch>>>,
    next: usize,
}

impl Iterator for Batches {
    type Item = Result<HostBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.workers[self.next].recv().ok();
        self.next = (self.next + 1) % self.workers.len();
        batch
    }
}

/// Starts the threads. They end after the last batch, after an error, or when the batches are dropped.
pub fn start(pairs: Pairs, config: LoaderConfig) -> Batches {
    let count = config.workers.max(1);
    let shared = Arc::new((pairs, config));
    let workers = (0..count).map(|worker| {
        let (sender, receiver) = sync_channel(AHEAD);
        let shared = shared.clone();
        thread::spawn(move || {
            let (pairs, config) = &*shared;
            let mut order = Order::default();
            for step in (config.done + worker as u64..config.steps).step_by(count) {
                let batch = load(pairs, &mut order, step, config);
                let failed = batch.is_err();
                if sender.send(batch).is_err() || failed {
                    return;
                }
            }
        });
        receiver
    });
    Batches {
        workers: workers.collect(),
        next: 0,
    }
}

/// The order of the epoch that a thread is in.
#[derive(Default)]
struct Order {
    epoch: Option<u64>,
    indices: Vec<usize>,
}

/// Reads and jitters the pairs of a step.
fn load(pairs: &Pairs, order: &mut Order, step: u64, config: &LoaderConfig) -> Result<HostBatch> {
    let per_epoch = steps_per_epoch(pairs.len(), config.batch_size);
    let (epoch, within) = (step / per_epoch, (step % per_epoch) as usize);
    if order.epoch != Some(epoch) {
        *order = Order {
            epoch: Some(epoch),
            indices: pairs.order(config.seed, epoch),
        };
    }
    let first = within * config.batch_size;
    let last = (first + config.batch_size).min(pairs.len());
    let mut skipped = Vec::new();
    let mut sides = [const { Vec::new() }; 2];
    let mut shapes = [[0; 4]; 2];
    for place in first..last {
        let sample = epoch * pairs.len() as u64 + place as u64;
        let pair = readable(pairs, &order.indices, place, config, &mut skipped)?;
        let varied = config.jitter.vary(&pair, config.seed, sample);
        for (side, picture) in varied.iter().enumerate() {
            let domain = &config.domains[side];
            let mut planes = picture.to_planes(domain.range_of(picture));
            if config.direction.order([true, false])[side] {
                config
                    .jitter
                    .vary_color(&mut planes, domain.channels, config.seed, sample);
            }
            sides[side].extend(planes);
            let [width, height] = picture.size().map(|side| side as usize);
            shapes[side] = [last - first, domain.channels, height, width];
        }
    }
    let [source, target] = sides;
    Ok(HostBatch {
        source: (source, shapes[0]),
        target: (target, shapes[1]),
        skipped,
    })
}

/// The pair at a place of the order, or the next one that can be read where broken ones are skipped.
fn readable(
    pairs: &Pairs,
    order: &[usize],
    place: usize,
    config: &LoaderConfig,
    skipped: &mut Vec<String>,
) -> Result<Arc<Pair>> {
    let mut failed = None;
    for index in order[place..].iter().chain(&order[..place]) {
        let pair = config
            .cache
            .get(*index, || Ok(config.jitter.load(pairs.read(*index)?)));
        match pair {
            Ok(pair) => return Ok(pair),
            Err(error) if config.on_error == OnError::Stop => return Err(error),
            Err(error) => {
                skipped.push(error.to_string());
                failed = Some(error);
            }
        }
    }
    Err(failed.expect("a data set has a pair"))
}
