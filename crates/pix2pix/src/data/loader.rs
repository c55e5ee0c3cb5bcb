//! Batches for training. Background threads decode and jitter the pairs before the training step needs them.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};

use burn::tensor::{Device, Tensor, TensorData};
use pix2pix_runtime::picture::{Domain, nodata};

use crate::backend::device::placed;
use crate::caught::caught;
use crate::data::cache::Cache;
use crate::data::dataset::Pairs;
use crate::data::dataset::survey::OnError;
use crate::data::jitter::{Colors, JitterConfig};
use crate::data::pair::Direction;
use crate::data::picture::Picture;
use crate::error::{Error, Result, for_threads};
use crate::parallel::Shard;

/// By how much values that were equal may differ once they are resized, in units of [-1, 1].
const NEAR: f32 = 0.01;

/// Maximum number of finished batches queued per thread.
const AHEAD: usize = 2;

/// Which pixels of a batch have data.
#[derive(Clone, Debug)]
pub struct KnownPixels {
    /// 1 where a pixel has data, otherwise 0: `[batch, 1, height, width]`.
    pub known: Tensor<4>,
    /// Share of the pixels that have data, 0 to 1.
    pub share: f32,
}

/// Pairs of one training step, still in host memory.
pub struct HostBatch {
    source: (Vec<f32>, [usize; 4]),
    target: (Vec<f32>, [usize; 4]),
    /// 1 where a pixel has data, otherwise 0, `[batch, 1, height, width]`; `None` if all have.
    mask: Option<Vec<f32>>,
    /// One message for each pair that was skipped because it could not be read, or has no data.
    pub skipped: Vec<String>,
}

impl HostBatch {
    /// Number of pairs.
    #[allow(clippy::len_without_is_empty)] // a batch is never empty
    pub fn len(&self) -> usize {
        self.source.1[0]
    }

    /// The pixels that have data; `None` if all have.
    pub fn mask(&self, device: &Device) -> Option<KnownPixels> {
        let known = self.mask.as_ref()?;
        let [batch, _, height, width] = self.target.1;
        let data = TensorData::new(known.clone(), [batch, 1, height, width]);
        Some(KnownPixels {
            known: placed(data, device),
            // a sum of ones stops to grow at 2^24
            share: known.iter().filter(|&&known| known > 0.0).count() as f32 / known.len() as f32,
        })
    }

    /// Sources and targets, each `[batch, channels, height, width]` in [-1, 1].
    pub fn into_tensors(self, device: &Device) -> [Tensor<4>; 2] {
        let tensor = |(values, shape)| placed(TensorData::new(values, shape), device);
        [tensor(self.source), tensor(self.target)]
    }
}

impl Pairs {
    /// The real samples of training step `step`, counted from 0: `size` sources and their targets, each
    /// `[size, channels, height, width]` in [-1, 1], with the paper's random jitter (256x256 pixels). An epoch takes
    /// every pair once, in a random order; its last batch may be smaller. A step always gets the same samples.
    ///
    /// To load on threads of their own, and for everything else, use [`run`](crate::run).
    ///
    /// # Errors
    /// When a pair cannot be read, or its channels cannot be converted to those of the data set's domains, or of the first
    /// pair.
    ///
    /// # Panics
    /// When `size` is 0.
    pub fn batch(&self, step: u64, size: usize, device: &Device) -> Result<[Tensor<4>; 2]> {
        self.batch_with(&JitterConfig::default(), step, size, device)
    }

    /// As [`batch`](Self::batch), with another jitter.
    ///
    /// # Errors
    /// As [`batch`](Self::batch), when the jitter is invalid, and when the pictures of a batch differ in size.
    ///
    /// # Panics
    /// When `size` is 0.
    pub fn batch_with(
        &self,
        jitter: &JitterConfig,
        step: u64,
        size: usize,
        device: &Device,
    ) -> Result<[Tensor<4>; 2]> {
        jitter.validate()?;
        let sides = match self.domains() {
            Some(domains) => domains.clone(),
            None => self.headers(0)?.map(|header| Domain {
                channels: header.channels,
                depth: header.depth,
                range: header.depth.range().into(),
                labels: None,
                nodata: None,
            }),
        };
        let config = LoaderConfig {
            walk: Walk {
                pairs: self.len(),
                batch_size: size,
                shard: Shard::default(),
                start: 0,
            },
            jitter: jitter.clone(),
            domains: self.direction().order(sides.clone()),
            direction: self.direction(),
            seed: 0,
            batches: 1,
            workers: 1,
            on_error: OnError::Stop,
            cache: Cache::Off,
        };
        let pairs = self.clone().in_domains(sides);
        let batch = load(&pairs, &mut Order::default(), step, &config)?;
        Ok(batch.into_tensors(device))
    }
}

/// Options of the loader.
pub struct LoaderConfig {
    /// Order of the pairs and their division into batches.
    pub walk: Walk,
    /// Random jitter.
    pub jitter: JitterConfig,
    /// Domains of source and target.
    pub domains: [Domain; 2],
    /// Translation direction; color jitter applies to A only.
    pub direction: Direction,
    /// Seed of the order and the jitter.
    pub seed: u64,
    /// Number of batches to make.
    pub batches: u64,
    /// Threads, at least 1.
    pub workers: usize,
    /// Whether to stop at a pair that cannot be read, or to skip it.
    pub on_error: OnError,
    /// Cache of loaded pairs.
    pub cache: Cache,
}

/// How a run walks through its pairs: each epoch takes them all, in a new order.
///
/// The processes of a group share a batch equally. With one process, the last batch of an epoch may be smaller. With
/// several, the pairs that do not fill a last batch are dropped; they differ from epoch to epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Walk {
    /// Pairs in the data set.
    pub pairs: usize,
    /// Pairs per batch and process.
    pub batch_size: usize,
    /// This process's share of each batch.
    pub shard: Shard,
    /// Position of the first batch: number of pairs before it, counted over all epochs.
    pub start: u64,
}

impl Walk {
    /// Pairs per batch, over all processes.
    fn batch(&self) -> usize {
        self.batch_size * self.shard.ranks
    }

    /// Number of batches in `pairs` pairs.
    fn batches_of(&self, pairs: usize) -> u64 {
        let batches = match self.shard.ranks {
            1 => pairs.div_ceil(self.batch()),
            _ => pairs / self.batch(),
        };
        batches as u64
    }

    /// Batches per epoch; 0 if there are too few pairs to give every process its share.
    pub fn batches_per_epoch(&self) -> u64 {
        self.batches_of(self.pairs)
    }

    /// Epoch of a batch, from 0, and the place of its first pair in that epoch's order. Batches are counted from the
    /// walk's start.
    fn place(&self, batch: u64) -> (u64, usize) {
        let pairs = self.pairs as u64;
        let (epoch, walked) = (self.start / pairs, (self.start % pairs) as usize);
        let left = self.batches_of(self.pairs - walked);
        if batch < left {
            return (epoch, walked + batch as usize * self.batch());
        }
        let batch = batch - left;
        let per_epoch = self.batches_per_epoch();
        let within = (batch % per_epoch) as usize;
        (epoch + 1 + batch / per_epoch, within * self.batch())
    }

    /// Epoch of a batch, from 0.
    pub fn epoch(&self, batch: u64) -> u64 {
        self.place(batch).0
    }

    /// The `start` of another walk that continues with this batch. It does not depend on that walk's batch size.
    pub fn position(&self, batch: u64) -> u64 {
        let (epoch, walked) = self.place(batch);
        epoch * self.pairs as u64 + walked as u64
    }
}

/// Iterator over the batches of a run, in order, no matter which thread makes them. Dropping it ends the threads.
pub struct Batches {
    workers: Vec<Receiver<Result<HostBatch>>>,
    threads: Vec<JoinHandle<()>>,
    next: usize,
    /// Batches that are still to come.
    left: u64,
}

impl Iterator for Batches {
    type Item = Result<HostBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let batch = self.workers[self.next].recv();
        self.next = (self.next + 1) % self.workers.len();
        // a thread that ended early must not look like the end of the training
        Some(batch.unwrap_or_else(|_| {
            let reason = "a thread that loads pairs ended early; please report this";
            Err(Error::Failed(reason.to_string()))
        }))
    }
}

impl Drop for Batches {
    /// Waits until the threads have ended: each finishes the batch that it is at. A program that trains may go on, and must find
    /// neither files open nor its cores in use.
    fn drop(&mut self) {
        // nobody receives any more
        self.workers.clear();
        for thread in self.threads.drain(..) {
            // what a thread died of was told when its batch was missing
            let _ = thread.join();
        }
    }
}

/// The error when the system does not start all of the loader threads.
fn not_started(threads: usize, reason: &io::Error) -> Error {
    let (threads, fewer) = match threads {
        1 => ("the thread that loads".to_string(), ""),
        _ => (
            format!("{threads} threads that load"),
            ", or give fewer `workers`",
        ),
    };
    let remedy = for_threads(reason);
    Error::Failed(format!(
        "cannot start {threads} the pairs: {reason}; {remedy}{fewer}"
    ))
}

/// Starts the loader threads. They end after the last batch, after an error, or when [`Batches`] is dropped.
///
/// # Errors
/// When the system starts no more threads.
pub fn start(pairs: Pairs, config: LoaderConfig) -> Result<Batches> {
    let count = config.workers.max(1);
    let mut batches = Batches {
        workers: Vec::new(),
        threads: Vec::new(),
        next: 0,
        left: config.batches,
    };
    let shared = Arc::new((pairs, config));
    for worker in 0..count {
        let (sender, receiver) = sync_channel(AHEAD);
        let shared = shared.clone();
        let work = move || {
            let (pairs, config) = &*shared;
            let mut order = Order::default();
            for index in (worker as u64..config.batches).step_by(count) {
                let batch = load(pairs, &mut order, index, config);
                let failed = batch.is_err();
                if sender.send(batch).is_err() || failed {
                    return;
                }
            }
        };
        let started = thread::Builder::new().name("loader".to_string());
        let thread = started.spawn(work).map_err(|e| not_started(count, &e))?;
        batches.workers.push(receiver);
        batches.threads.push(thread);
    }
    Ok(batches)
}

/// Order of the pairs in a thread's current epoch.
#[derive(Default)]
struct Order {
    epoch: Option<u64>,
    indices: Vec<usize>,
}

/// Reads and jitters the pairs of this process's share of a batch.
fn load(pairs: &Pairs, order: &mut Order, batch: u64, config: &LoaderConfig) -> Result<HostBatch> {
    let Walk {
        batch_size, shard, ..
    } = config.walk;
    let (epoch, first) = config.walk.place(batch);
    if order.epoch != Some(epoch) {
        *order = Order {
            epoch: Some(epoch),
            indices: pairs.order(config.seed, epoch),
        };
    }
    let first = first + batch_size * shard.rank;
    let last = (first + batch_size).min(pairs.len());
    let mut skipped = Vec::new();
    let mut sides = [const { Vec::new() }; 2];
    let mut shapes = [[0; 4]; 2];
    let mut known = Vec::new();
    let mut has_gaps = false;
    let mut size = None;
    for place in first..last {
        let number = epoch * pairs.len() as u64 + place as u64;
        let sample = Sample { number, size };
        let varied = readable(pairs, &order.indices, place, (config, sample), &mut skipped)?;
        let (varied, mask) = varied;
        size = Some(varied[0].size());
        let pixels = varied[0].size().map(|side| side as usize).iter().product();
        match &mask {
            None => known.extend(std::iter::repeat_n(1.0, pixels)),
            Some(mask) => known.extend(mask.bytes().iter().map(|&byte| f32::from(byte.min(1)))),
        }
        has_gaps |= mask.is_some();
        for (side, picture) in varied.iter().enumerate() {
            let domain = &config.domains[side];
            let mut planes = match side {
                0 => domain.source_planes(picture),
                _ => domain.target_planes(picture),
            };
            let is_a = config.direction.order([true, false])[side];
            if is_a && config.jitter.color > 0.0 {
                let colors = Colors {
                    channels: domain.planes(),
                    joined: pairs.joins_a(),
                };
                let known = with_data(domain, picture, &planes, mask.as_ref());
                let known = known.as_deref();
                config
                    .jitter
                    .vary_color(&mut planes, colors, known, config.seed, number);
            }
            if let (1, Some(mask)) = (side, &mask) {
                // without data, the targets have the value that the trainer gives to the outputs
                let places = planes.iter_mut().zip(mask.bytes().iter().cycle());
                places.for_each(|(value, known)| *value *= f32::from(known.min(&1).to_owned()));
            }
            sides[side].extend(planes);
            let [width, height] = picture.size().map(|side| side as usize);
            shapes[side] = [last - first, domain.planes(), height, width];
        }
    }
    let [source, target] = sides;
    Ok(HostBatch {
        source: (source, shapes[0]),
        target: (target, shapes[1]),
        mask: has_gaps.then_some(known),
        skipped,
    })
}

/// Which pixels of a picture, whose planes these are, have data, where reading has filled the others: the pair's mask has those
/// of the other side too. `None` if all have.
fn with_data(
    domain: &Domain,
    picture: &Picture,
    planes: &[f32],
    mask: Option<&Picture>,
) -> Option<Vec<bool>> {
    let mask = mask.filter(|_| domain.nodata.is_some())?;
    let filled = domain.source_planes(&domain.filled(picture, mask));
    let known = mask.bytes();
    let is_filled = |pixel: usize| {
        let mut values = (pixel..planes.len()).step_by(known.len());
        values.all(|at| (planes[at] - filled[at]).abs() < NEAR)
    };
    let pixels = known.iter().enumerate();
    Some(
        pixels
            .map(|(pixel, &known)| known > 0 || !is_filled(pixel))
            .collect(),
    )
}

/// A sample of a run.
#[derive(Clone, Copy)]
struct Sample {
    /// Its number in the run.
    number: u64,
    /// The size of its batch, if it is not the first.
    size: Option<[u32; 2]>,
}

/// Loads the pair at `place` in the order, and varies it as this sample. Takes the next pair if no pixel of this one has data,
/// and with [`OnError::Skip`] if it is broken.
fn readable(
    pairs: &Pairs,
    order: &[usize],
    place: usize,
    (config, sample): (&LoaderConfig, Sample),
    skipped: &mut Vec<String>,
) -> Result<([Picture; 2], Option<Picture>)> {
    let mut failed = None;
    for &index in order[place..].iter().chain(&order[..place]) {
        let varied = guarded(pairs, index, || {
            // all sizes fitted when the run began, but a file may have been replaced since
            let replaced = |reason: String| {
                let reason = format!("{reason}: it has been replaced since the run began");
                let remedy =
                    "put the picture back, or start a new run; `on_error` skip leaves it out";
                Error::file(&pairs.shown(index)[0], reason, remedy)
            };
            let load = || {
                let pair = pairs.read(index)?;
                config.jitter.seen(pair.source.size()).map_err(replaced)?;
                Ok(config.jitter.load(pair))
            };
            let pair = config.cache.get(index, load)?;
            let varied = config.jitter.vary(&pair, config.seed, sample.number);
            let [width, height] = varied[0].size();
            if let Some([w, h]) = sample.size.filter(|size| *size != varied[0].size()) {
                let reason = format!("{width}x{height} pixels in a batch of {w}x{h}");
                return Err(replaced(reason));
            }
            let mask = config.jitter.vary_mask(&pair, config.seed, sample.number);
            Ok((varied, mask, pair.is_empty()))
        });
        match varied {
            Ok((_, Some(mask), is_empty)) if !nodata::has_data(&mask) => {
                let error = pairs.empty(index);
                // a crop may lose its few pixels with data when it is resized: only a pair without any is told
                if is_empty {
                    skipped.push(error.to_string());
                }
                failed = Some(error);
            }
            Ok((varied, mask, _)) => return Ok((varied, mask)),
            Err(error) if config.on_error.stops(&error) => return Err(error),
            Err(error) => {
                skipped.push(error.to_string());
                failed = Some(error);
            }
        }
    }
    Err(failed.expect("a data set has a pair"))
}

/// Runs the work on a pair, and takes a panic for an error that names its file.
fn guarded<T>(pairs: &Pairs, index: usize, work: impl FnOnce() -> Result<T>) -> Result<T> {
    caught(work).unwrap_or_else(|panic| {
        let reason = format!("it cannot be loaded: {panic}");
        let remedy = "leave it out with `on_error` skip, and please report this";
        Err(Error::file(&pairs.shown(index)[0], reason, remedy))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use pix2pix_runtime::picture::{Nodata, Samples};

    use super::*;

    fn walk(batch_size: usize, ranks: usize, start: u64) -> Walk {
        Walk {
            pairs: 10,
            batch_size,
            shard: Shard { rank: 0, ranks },
            start,
        }
    }

    /// Of four pixels, the first two have data, the third has none here, and the fourth none on the other side.
    #[test]
    fn pixels_without_data_on_the_other_side_have_colors() {
        let mut domain = Domain {
            channels: 2,
            nodata: Some(Nodata::Value(0.0)),
            ..Domain::RGB8
        };
        let picture = Picture::new(
            [4, 1],
            2,
            Samples::U8(vec![9, 9, 128, 128, 128, 128, 9, 128]),
        );
        let mask = Picture::new([4, 1], 1, Samples::U8(vec![255, 255, 0, 0]));
        let planes = domain.source_planes(&picture);
        let known = |domain: &Domain, mask| with_data(domain, &picture, &planes, mask);
        let found = known(&domain, Some(&mask));
        assert_eq!(found, Some(vec![true, true, false, true]));
        assert_eq!(known(&domain, None), None);
        // a mask file leaves the source as it is
        domain.nodata = None;
        assert_eq!(known(&domain, Some(&mask)), None);
    }

    /// A panic on purpose, in place of a decoder's.
    #[test]
    fn a_panic_is_an_error_that_names_the_file() {
        let pairs = crate::data::earth::earth().train;
        let error = guarded(&pairs, 3, || -> Result<()> { panic!("on purpose") }).unwrap_err();
        let (error, file) = (error.to_string(), pairs.shown(3)[0].display().to_string());
        assert!(
            error.starts_with(&file) && error.contains("on purpose"),
            "{error}"
        );
    }

    #[test]
    fn a_thread_that_ends_early_is_not_the_end_of_the_training() {
        let (sender, receiver) = sync_channel::<Result<HostBatch>>(1);
        drop(sender);
        let mut batches = Batches {
            workers: vec![receiver],
            threads: Vec::new(),
            next: 0,
            left: 1,
        };
        assert!(matches!(batches.next(), Some(Err(Error::Failed(_)))));
        assert!(batches.next().is_none());
    }

    #[test]
    fn no_thread_outlives_the_batches() {
        let (sender, receiver) = sync_channel::<Result<HostBatch>>(1);
        let has_ended = Arc::new(AtomicBool::new(false));
        let ended = has_ended.clone();
        let thread = thread::spawn(move || {
            let is_wanted = || sender.send(Err(Error::Config(String::new()))).is_ok();
            while is_wanted() {}
            thread::sleep(Duration::from_millis(200)); // as a large picture takes
            ended.store(true, Ordering::Relaxed);
        });
        drop(Batches {
            workers: vec![receiver],
            threads: vec![thread],
            next: 0,
            left: 9,
        });
        assert!(has_ended.load(Ordering::Relaxed));
    }

    /// Nobody may have asked for a number of them.
    #[test]
    fn threads_that_do_not_start_are_no_option() {
        let reason = io::Error::other("no more");
        for (threads, expected) in [
            (
                1,
                "cannot start the thread that loads the pairs: no more; raise the limit on processes (ulimit -u)",
            ),
            (
                8,
                "cannot start 8 threads that load the pairs: no more; raise the limit on processes (ulimit -u), or give fewer \
                 `workers`",
            ),
        ] {
            let error = not_started(threads, &reason);
            assert!(matches!(error, Error::Failed(_)));
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn one_process_walks_through_everything() {
        let places: Vec<_> = (0..5).map(|batch| walk(4, 1, 0).place(batch)).collect();
        assert_eq!(places, [(0, 0), (0, 4), (0, 8), (1, 0), (1, 4)]);
        assert_eq!(walk(4, 1, 0).batches_per_epoch(), 3);
    }

    #[test]
    fn shares_are_of_one_size() {
        let places: Vec<_> = (0..4).map(|batch| walk(2, 2, 0).place(batch)).collect();
        assert_eq!(places, [(0, 0), (0, 4), (1, 0), (1, 4)]);
        assert_eq!(walk(4, 3, 0).batches_per_epoch(), 0);
    }

    /// A walk that continues another one makes the batches that an uninterrupted walk makes.
    #[test]
    fn a_walk_goes_on() {
        for (batch_size, ranks) in [(1, 1), (4, 1), (1, 2), (2, 2), (1, 4)] {
            let whole = walk(batch_size, ranks, 0);
            for stop in 0..20 {
                let rest = walk(batch_size, ranks, whole.position(stop));
                for batch in 0..20 {
                    assert_eq!(rest.place(batch), whole.place(stop + batch));
                }
            }
        }
    }

    #[test]
    fn a_walk_goes_on_with_other_shares() {
        // the first four of ten pairs are done
        let position = walk(1, 4, 0).position(1);
        let places: Vec<_> = (0..4)
            .map(|batch| walk(1, 2, position).place(batch))
            .collect();
        assert_eq!(places, [(0, 4), (0, 6), (0, 8), (1, 0)]);
        let places: Vec<_> = (0..3)
            .map(|batch| walk(4, 1, position).place(batch))
            .collect();
        assert_eq!(places, [(0, 4), (0, 8), (1, 0)]);
    }
}
