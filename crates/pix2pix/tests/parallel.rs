//! Data-parallel training equals training on the whole batch. Here the processes of a group are threads;
//! `crates/pix2pix-cli/tests/mpi.rs` starts processes with `mpirun`.

mod common;

use std::sync::mpsc::Receiver;
use std::sync::{Arc, Barrier, LazyLock, Mutex};

use burn::tensor::{Device, Tensor, TensorData};
use pix2pix::RunConfig;
use pix2pix::device::Precision;
use pix2pix::network::{GeneratorConfig, Norm, Patch, PatchGanConfig, UnetConfig, weights};
use pix2pix::parallel::{Communicator, Group, Shard, Wire};
use pix2pix::run::agreement;
use pix2pix::train::{
    Batch, DiffAugment, Losses, ObjectiveConfig, OptimizerConfig, Trainer, TrainerConfig,
};
use safetensors::View;

/// One thread of a group.
#[derive(Clone, Debug)]
struct Member {
    shard: Shard,
    meeting: Arc<Meeting>,
    /// Carries gradients, at the same time as everything else.
    gradients: Arc<Meeting>,
}

#[derive(Debug)]
struct Meeting {
    barrier: Barrier,
    brought: Mutex<Vec<Vec<u8>>>,
}

impl Meeting {
    fn of(ranks: usize) -> Arc<Self> {
        Arc::new(Self {
            barrier: Barrier::new(ranks),
            brought: Mutex::new(vec![Vec::new(); ranks]),
        })
    }

    fn exchange(&self, rank: usize, own: &[u8]) -> Vec<Vec<u8>> {
        self.brought.lock().unwrap()[rank] = own.to_vec();
        self.barrier.wait();
        let all = self.brought.lock().unwrap().clone();
        self.barrier.wait();
        all
    }
}

impl Communicator for Member {
    fn shard(&self) -> Shard {
        self.shard
    }

    fn all_gather(&self, own: &[u8]) -> Vec<Vec<u8>> {
        self.meeting.exchange(self.shard.rank, own)
    }

    fn all_reduce(&self, buckets: Receiver<Vec<f32>>, lengths: &[usize], _: Wire) -> Vec<Vec<f32>> {
        let sums: Vec<Vec<f32>> = buckets
            .iter()
            .take(lengths.len())
            .map(|own| {
                let all = self
                    .gradients
                    .exchange(self.shard.rank, bytemuck::cast_slice(&own));
                let mut sum = vec![0.0; own.len()];
                for bytes in &all {
                    let values = bytemuck::pod_collect_to_vec::<u8, f32>(bytes);
                    sum.iter_mut()
                        .zip(values)
                        .for_each(|(sum, value)| *sum += value);
                }
                sum
            })
            .collect();
        let found: Vec<usize> = sums.iter().map(Vec::len).collect();
        assert_eq!(found, lengths);
        sums
    }
}

/// Runs `work` on several threads, each with its own thread pool, and returns their results.
fn together<T: Send>(ranks: usize, work: impl Fn(Member) -> T + Sync) -> Vec<T> {
    let (meeting, gradients) = (Meeting::of(ranks), Meeting::of(ranks));
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..ranks)
            .map(|rank| {
                let member = Member {
                    shard: Shard { rank, ranks },
                    meeting: meeting.clone(),
                    gradients: gradients.clone(),
                };
                let work = &work;
                scope.spawn(move || {
                    let pool = rayon::ThreadPoolBuilder::new()
                        .num_threads(1)
                        .build()
                        .unwrap();
                    pool.install(|| work(member))
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    })
}

/// A card, if the build supports one, or else the CPU.
static DEVICE: LazyLock<Device> = LazyLock::new(|| {
    common::devices()
        .pop()
        .expect("the CPU at least")
        .autodiff()
});

/// The options that vary between cases.
#[derive(Clone, Copy)]
struct Case {
    norm: Norm,
    sync_norm: bool,
    spectral_norm: bool,
    accumulate: usize,
    /// Number of discriminators; several match features.
    scales: usize,
    /// Number of pairs in which the probability of augmentations can go from 0 to 1; 0 if they are always applied.
    adapts_in: u64,
}

const PLAIN: Case = Case {
    norm: Norm::Instance,
    sync_norm: false,
    spectral_norm: false,
    accumulate: 1,
    scales: 1,
    adapts_in: 0,
};

fn trainer(case: Case) -> Trainer {
    let generator = GeneratorConfig::Unet(UnetConfig {
        filters: 8,
        depth: 4,
        norm: case.norm,
        dropout_blocks: [0, 2],
        ..UnetConfig::default()
    });
    let discriminator = PatchGanConfig {
        filters: 8,
        patch: Patch::P16,
        norm: case.norm,
        spectral_norm: case.spectral_norm,
        scales: case.scales,
        ..PatchGanConfig::default()
    };
    let config = TrainerConfig {
        optimizer: OptimizerConfig {
            accumulate: case.accumulate,
            ..OptimizerConfig::default()
        },
        objective: ObjectiveConfig {
            diff_augment: vec![DiffAugment::Color, DiffAugment::Translation],
            feature_matching: if case.scales > 1 { 10.0 } else { 0.0 },
            augment_target: if case.adapts_in > 0 { 0.1 } else { 0.0 },
            augment_pairs: case.adapts_in.max(1),
            ..ObjectiveConfig::default()
        },
        seed: 3,
        precision: Precision::F32,
        steps: 100,
        recompute: false,
    };
    Trainer::new(&generator, &discriminator, config, &DEVICE).unwrap()
}

const PAIRS: usize = 4;
const SIDE: usize = 32;

/// One process's share of the pairs of a step.
fn share(step: usize, Shard { rank, ranks }: Shard) -> Batch {
    let count = PAIRS / ranks;
    [0, 1].map(|side| {
        let length = 3 * SIDE * SIDE;
        let first = rank * count * length;
        let values: Vec<f32> = (first..first + count * length)
            .map(|i| (((i + 977 * step + 31 * side) * 7919) as f32).sin())
            .collect();
        let data = TensorData::new(values, [count, 3, SIDE, SIDE]);
        Tensor::from_data(data, &*DEVICE)
    })
}

fn trained(mut trainer: Trainer, case: Case, shard: Shard, steps: usize) -> (Trainer, Losses) {
    let mut losses = None;
    for step in 0..steps {
        let parts = (0..case.accumulate).map(|part| share(step * case.accumulate + part, shard));
        let found = trainer.step(&parts.collect::<Vec<_>>()).unwrap();
        losses = Some(found.read().unwrap());
    }
    (trainer, losses.unwrap())
}

/// The trained parameters of both networks. Running statistics are left out: each process has its own.
fn parameters(trainer: &Trainer) -> Vec<f64> {
    let mut all = weights::collect(trainer.generator());
    let discriminator = weights::collect(trainer.discriminator()).into_iter();
    all.extend(discriminator.map(|(name, data)| (format!("d.{name}"), data)));
    all.retain(|name, _| !name.contains("running") && !name.ends_with(".u"));
    let values = all.values();
    values
        .flat_map(|array| array.values.iter().copied().map(f64::from))
        .collect()
}

/// The first moments of a network's parameters: after one step, half of the gradients.
fn gradients(trainer: &Trainer, network: &str) -> Vec<f64> {
    let state = trainer.state();
    let prefix = format!("{network}.first.");
    let named = state.iter().filter(|(name, _)| name.starts_with(&prefix));
    named
        .flat_map(|(_, values)| bytemuck::pod_collect_to_vec::<u8, f32>(&values.data()))
        .map(f64::from)
        .collect()
}

/// The distance of `one` and `other`, relative to that of `start` and `other`.
fn gap(start: Option<&[f64]>, one: &[f64], other: &[f64]) -> f64 {
    let zeros = vec![0.0; other.len()];
    let square = |a: &[f64], b: &[f64]| -> f64 {
        assert_eq!(a.len(), b.len());
        a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum()
    };
    let way = square(start.unwrap_or(&zeros), other);
    assert!(way > 0.0);
    (square(one, other) / way).sqrt()
}

/// Differences between training on whole batches and training in a group on shares of them.
#[derive(Debug)]
struct Gaps {
    /// Difference of the discriminator's gradients in the first step.
    discriminator: f64,
    /// The same for the generator, through the updated discriminator.
    generator: f64,
    /// Difference of the weights after three steps. Adam's first steps follow the sign of a gradient, which is
    /// rounding for a gradient near zero: single weights move the other way.
    weights: f64,
}

fn gaps(case: Case, ranks: usize) -> Gaps {
    let start = parameters(&trainer(case));
    let train = |group: Option<Group>, shard: Shard, steps: usize| {
        let trainer = match group {
            Some(group) => trainer(case).in_group(group),
            None => trainer(case),
        };
        trained(trainer, case, shard, steps)
    };
    let of = |(first, _): &(Trainer, Losses), (last, losses): &(Trainer, Losses)| {
        let moments = ["discriminator", "generator"].map(|name| gradients(first, name));
        (moments, parameters(last), *losses)
    };
    let whole = {
        let train = |steps| train(None, Shard::default(), steps);
        of(&train(1), &train(3))
    };
    let shares = together(ranks, |member| {
        let train = |steps| {
            let group = Group {
                communicator: Arc::new(member.clone()),
                wire: Wire::F32,
                sync_norm: case.sync_norm,
            };
            train(Some(group), member.shard, steps)
        };
        let (first, last) = (train(1), train(3));
        let (g, d) = (last.0.generator(), last.0.discriminator());
        agreement::check_weights(&member, g, d).unwrap();
        of(&first, &last)
    });
    for share in &shares {
        assert!(share == &shares[0], "all are equal, bit for bit");
    }
    let (moments, weights, losses) = &shares[0];
    let (whole_moments, whole_weights, whole_losses) = &whole;
    if case.norm == Norm::Instance || case.sync_norm {
        for ((name, a), (_, b)) in losses.named().iter().zip(whole_losses.named()) {
            assert!((a - b).abs() < 1e-3 * b.abs(), "{name}: {a} instead of {b}");
        }
    }
    Gaps {
        discriminator: gap(None, &moments[0], &whole_moments[0]),
        generator: gap(None, &moments[1], &whole_moments[1]),
        weights: gap(Some(&start), weights, whole_weights),
    }
}

/// Checks equality within rounding.
fn check(case: Case, ranks: usize) {
    let gaps = gaps(case, ranks);
    let equal = gaps.discriminator < 1e-4 && gaps.generator < 1e-3 && gaps.weights < 0.2;
    assert!(equal, "{ranks} processes: {gaps:?}");
}

#[test]
fn shares_of_a_batch_are_the_batch() {
    for ranks in [1, 2, 4] {
        check(PLAIN, ranks);
    }
}

#[test]
fn synchronized_batch_norm_sees_the_whole_batch() {
    let synced = Case {
        norm: Norm::Batch,
        sync_norm: true,
        ..PLAIN
    };
    for ranks in [2, 4] {
        check(synced, ranks);
    }
    // with each process's own statistics, training differs
    let own = Case {
        sync_norm: false,
        ..synced
    };
    let gaps = gaps(own, 2);
    assert!(gaps.discriminator > 0.05, "{gaps:?}");
}

/// Gradients that the convolutions themselves do not pass on, and those of several batches per step.
#[test]
fn late_and_earlier_gradients_count() {
    let spectral = Case {
        spectral_norm: true,
        ..PLAIN
    };
    let accumulated = Case {
        accumulate: 2,
        ..PLAIN
    };
    for case in [spectral, accumulated] {
        check(case, 2);
    }
}

#[test]
fn discriminators_at_scales_train_together() {
    let scales = Case { scales: 2, ..PLAIN };
    check(scales, 2);
}

/// The probability of augmentations follows the pairs of all processes.
#[test]
fn augmentation_adapts_to_the_whole_batch() {
    let case = Case {
        adapts_in: 160,
        ..PLAIN
    };
    let probability = |trainer: Trainer, shard: Shard| {
        let (trainer, _) = trained(trainer, case, shard, 12);
        trainer.augment_probability().unwrap()
    };
    let whole = probability(trainer(case), Shard::default());
    let shares = together(2, |member| {
        let group = Group {
            communicator: Arc::new(member.clone()),
            wire: Wire::F32,
            sync_norm: false,
        };
        probability(trainer(case).in_group(group), member.shard)
    });
    assert!(whole > 0.0, "{whole}");
    assert_eq!(shares, [whole; 2]);
}

#[test]
fn other_weights_are_found() {
    let found = together(3, |member| {
        let mut trainer = trainer(PLAIN);
        if member.shard.rank == 2 {
            (trainer, _) = trained(trainer, PLAIN, Shard::default(), 1);
        }
        agreement::check_weights(&member, trainer.generator(), trainer.discriminator())
    });
    for found in found {
        let reason = found.unwrap_err();
        assert_eq!(reason, "the weights of rank 2 differ from those of rank 0");
    }
}

#[test]
fn other_options_are_found() {
    let survey = Default::default();
    let found = together(2, |member| {
        let mut config = RunConfig::default();
        config.objective.lambda += member.shard.rank as f64;
        // may differ between processes
        config.threads = member.shard.rank;
        agreement::check_options(&member, &config, &survey).map_err(|e| e.to_string())
    });
    for found in found {
        let reason = found.unwrap_err();
        assert!(
            reason.starts_with("rank 0 and rank 1 differ in optimizer.lambda: 100.0 and 101.0;"),
            "{reason}"
        );
    }
}

#[test]
fn asking_is_shared() {
    let found = together(3, |member| {
        let asked = member.shard.rank == 1;
        (
            agreement::any(&member, asked),
            agreement::any(&member, false),
        )
    });
    assert_eq!(found, [(true, false); 3]);
}

#[test]
fn all_follow_the_first_process() {
    let rates = [0.04, 1.0, 1.0];
    let found = together(3, |member| {
        agreement::of_root(&member, rates[member.shard.rank])
    });
    assert_eq!(found, [0.04; 3]);
}
