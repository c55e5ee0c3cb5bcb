//! Estimates the memory that training needs, to refuse what cannot fit, and for advice after running out of memory; and the room
//! on the disk for a checkpoint.

use std::path::Path;

use pix2pix_runtime::network::LayerGraph;

use crate::atomic_file;
use crate::backend::device::Device;
use crate::backend::memory::{self, Memory};
use crate::config::RunConfig;
use crate::data::cache::CacheKind;
use crate::data::dataset::Dataset;
use crate::data::pair::Pair;
use crate::error::{Error, Result};
use crate::network::init::WeightInit;
use crate::network::summary;
use crate::train::config::OptimizerConfig;
use crate::train::moments::MomentFormat;

/// Bytes of an f32 number: a weight, its gradient, or one of Adam's two moments.
const NUMBER: usize = 4;
/// Bytes per output value of a layer, separately for each pass of the discriminator: values kept for the backward pass,
/// and temporary values at the peak. Fitted to our measurements: 0.87 GB at 256x256 and 2.94 GB at 1024x1024.
const KEPT: f64 = 4.4;
/// Bytes of the program itself, its threads, a few pairs and a contact sheet. Fitted to runs of our own.
const PROCESS: u64 = 50_000_000;
/// Number of pairs whose size is measured.
const MEASURED: usize = 8;

/// Estimated number of bytes of a run with `batch` pairs of this size (width, height) per step, without those of
/// [`cached`]: on the CPU those of its steps, its samples and its process, on a card those of its steps. `None` as of [`bytes`].
pub fn of_run(config: &RunConfig, size: [usize; 2], batch: usize) -> Option<u64> {
    let steps = bytes(config, size, batch)?;
    if config.device.is_card() {
        return Some(steps);
    }
    // the plan that translates the samples has weights of its own, and those of the average are made for it
    let copies = match config.optimizer.ema > 0.0 {
        true => 2,
        false => 1,
    };
    Some(steps + (copies * weights(config, size) * NUMBER) as u64 + PROCESS)
}

/// Number of the generator's trainable parameters.
fn weights(config: &RunConfig, [width, height]: [usize; 2]) -> usize {
    let [channels, _] = config.generator.channels();
    let graph = config.generator.layers([channels, height, width]);
    graph.trainable()
}

/// Estimated number of bytes for the steps of training with `batch` pairs of this size (width, height) per step; `None` if the
/// configuration's networks cannot be built.
pub fn bytes(config: &RunConfig, size: [usize; 2], batch: usize) -> Option<u64> {
    let [generator, discriminator] = networks(config, size)?;
    let outputs = |graph: &LayerGraph| -> usize {
        let sizes = graph
            .layers
            .iter()
            .map(|layer| layer.output.iter().product::<usize>());
        sizes.sum()
    };
    let kept = (outputs(&generator) + 2 * outputs(&discriminator)) as f64 * KEPT;
    let OptimizerConfig {
        moments,
        accumulate,
        ema,
        ..
    } = config.optimizer;
    let moments = of_moments(moments);
    // with one batch in one process, the CPU applies gradients as they come
    let gradient = match (accumulate * config.ranks, config.device.is_card()) {
        (1, false) => 0,
        _ => NUMBER,
    };
    let parameters = generator.trainable() + discriminator.trainable();
    let averaged = match ema > 0.0 {
        true => generator.trainable() * NUMBER,
        false => 0,
    };
    let trained = parameters * (NUMBER + gradient + moments) + averaged;
    Some(trained as u64 + (kept * batch as f64) as u64)
}

/// Bytes of Adam's two moments of a weight.
fn of_moments(format: MomentFormat) -> usize {
    match format {
        MomentFormat::F32 => 2 * NUMBER,
        MomentFormat::Bf16 => NUMBER,
    }
}

/// The layers of generator and discriminator for pairs of this size; `None` if the networks cannot be built.
fn networks(config: &RunConfig, [width, height]: [usize; 2]) -> Option<[LayerGraph; 2]> {
    let (init, device) = (&mut WeightInit::blank(), Device::flex());
    let [from, to] = config
        .generator
        .channels()
        .map(|channels| [channels, height, width]);
    let generator = config.generator.layers(from);
    let discriminator = config.discriminator.init_with(init, &device).ok()?;
    let discriminator = discriminator.layers(from, to);
    Some([generator, discriminator])
}

/// The least number of bytes of a checkpoint with the state beside it; `None` if the networks cannot be built.
fn of_checkpoint(config: &RunConfig) -> Option<u64> {
    let networks = networks(config, config.jitter.crop_size.sides())?;
    let [generator, discriminator] = networks.map(|network| network.trainable());
    let OptimizerConfig {
        moments,
        freeze_generator,
        ..
    } = config.optimizer;
    // a weight that is held has no moments yet
    let updated = match freeze_generator {
        0 => generator + discriminator,
        _ => discriminator,
    };
    let bytes = (generator + discriminator) * NUMBER + updated * of_moments(moments);
    Some(bytes as u64)
}

/// Checks that the disk of a folder has room for a checkpoint of a run, which would otherwise be found out when it is saved.
///
/// # Errors
/// When it has not.
pub fn check_disk(config: &RunConfig, folder: &Path) -> Result<()> {
    match (of_checkpoint(config), atomic_file::room_in(folder)) {
        (Some(needed), Some(room)) if needed > room => Err(Error::file(
            folder,
            format!(
                "a checkpoint of this run needs at least {}, and its disk has room for {}",
                summary::memory(needed),
                summary::memory(room)
            ),
            "free some space, or choose another disk",
        )),
        _ => Ok(()),
    }
}

/// Estimated number of bytes of the pairs that the run keeps in memory: as many as it comes to, each as large as some of
/// them are on average.
pub fn cached(config: &RunConfig, data: &Dataset) -> u64 {
    if config.cache != CacheKind::Ram {
        return 0;
    }
    let pairs = &data.train;
    let bytes = |pair: Pair| -> u64 {
        let pair = config.jitter.load(pair);
        let pictures = [&pair.source, &pair.target].into_iter().chain(&pair.mask);
        pictures.map(|picture| picture.bytes().len() as u64).sum()
    };
    let measured = pairs.probes(MEASURED).into_iter();
    // what cannot be read is not kept either
    let measured = measured.filter_map(|index| pairs.read(index).ok());
    let measured = measured.filter(|pair| config.jitter.seen(pair.source.size()).is_ok());
    let measured: Vec<u64> = measured.map(bytes).collect();
    let mean = measured.iter().sum::<u64>() / (measured.len() as u64).max(1);
    let a_step = (config.batch_size * config.optimizer.accumulate) as u64;
    mean * (pairs.len() as u64).min(config.steps.saturating_mul(a_step))
}

/// As [`check`], with the memory of this process and the pairs that it keeps there. On cards only these are checked.
///
/// # Errors
/// As [`check`].
pub fn check_here(config: &RunConfig, data: &Dataset) -> Result<Option<String>> {
    match memory::of_process() {
        Some(memory) => check(config, cached(config, data), memory),
        None => Ok(None),
    }
}

/// Checks that training and `cached` bytes of pairs fit into the CPU's memory. Returns a warning if they may not fit into
/// what is free of it.
///
/// # Errors
/// When the estimate exceeds what this process could ever have. The error says what would fit.
pub fn check(config: &RunConfig, cached: u64, memory: Memory) -> Result<Option<String>> {
    // the other sizes are those of the data; recomputing takes less than the estimate
    let is_known =
        config.jitter.resize.makes_crops() && !config.recompute && !config.device.is_card();
    let crop = config.jitter.crop_size.sides();
    let trained = of_run(config, crop, config.batch_size).filter(|_| is_known);
    let about = trained.map_or("more than", |_| "about");
    let trained = trained.unwrap_or(0);
    let needed = trained + cached;
    let advised = |memory: u64| match cached > 0 && trained <= memory {
        true => "keep the pairs in a file, with `cache` disk".to_string(),
        false => advice(config, Some(memory)),
    };
    let Memory { most, free } = memory;
    let shown = summary::memory;
    if needed > most {
        return Err(Error::Device(format!(
            "training needs {about} {} of memory, and this process can have {}; {}",
            shown(needed),
            shown(most),
            advised(most)
        )));
    }
    Ok((needed > free).then(|| {
        format!(
            "training needs {about} {} of memory, and {} are free; if it does not fit, {}",
            shown(needed),
            shown(free),
            advised(free)
        )
    }))
}

/// Advice for training that ran out of memory on a device with `memory` bytes (`None` if unknown).
pub fn advice(config: &RunConfig, memory: Option<u64>) -> String {
    let crop = config.jitter.crop_size.sides();
    let fits = memory.and_then(|memory| {
        let smaller = (1..config.batch_size).rev();
        smaller
            .into_iter()
            .find(|batch| of_run(config, crop, *batch).is_some_and(|bytes| bytes < memory))
    });
    let half = config.batch_size / 2;
    match (fits, half, config.recompute) {
        (Some(batch), ..) => format!("try `batch_size` {batch}, which should fit"),
        (None, 1.., _) => format!("try `batch_size` {half}"),
        (None, 0, false) => "train with `recompute`, or a smaller `crop_size`".to_string(),
        (None, 0, true) => "train with a smaller `crop_size` or fewer `filters`".to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::device::DeviceName;
    use crate::data::earth;
    use pix2pix_runtime::network::GeneratorConfig;
    use pix2pix_runtime::network::UnetConfig;
    use pix2pix_runtime::picture::Size;

    fn config(side: u32) -> RunConfig {
        let mut config = RunConfig::default();
        config.jitter.crop_size = Size([side; 2]);
        config.generator = GeneratorConfig::Unet(UnetConfig {
            depth: side.trailing_zeros() as usize,
            ..UnetConfig::default()
        });
        config
    }

    /// 54.4 million weights of the generator and 2.8 million of the discriminator, each with two moments.
    #[test]
    fn a_checkpoint_has_weights_and_moments() {
        let of = |freeze, moments| {
            let mut config = config(256);
            config.optimizer.freeze_generator = freeze;
            config.optimizer.moments = moments;
            of_checkpoint(&config).unwrap() as f64 / 1e6
        };
        for (found, million) in [
            (of(0, MomentFormat::F32), 57.2 * 12.0),
            (of(0, MomentFormat::Bf16), 57.2 * 8.0),
            (of(1, MomentFormat::F32), 57.2 * 4.0 + 2.8 * 8.0),
        ] {
            assert!((found - million).abs() < 2.0, "{found} {million}");
        }
        // no disk has room for this
        let mut huge = config(256);
        let GeneratorConfig::Unet(unet) = &mut huge.generator else {
            panic!("another generator");
        };
        unet.filters = 1 << 20;
        let refused = check_disk(&huge, Path::new("."));
        if cfg!(unix) {
            let told = refused.unwrap_err().to_string();
            assert!(told.contains("needs at least "), "{told}");
        }
    }

    /// Measured by `pix2pix bench` on a CPU; the estimates are within a tenth.
    #[test]
    fn estimates_are_what_was_measured() {
        for (side, batch, measured) in [
            (256, 1, 0.868e9),
            (256, 4, 1.20e9),
            (512, 1, 1.354e9),
            (1024, 1, 2.94e9),
        ] {
            let estimate = bytes(&config(side), [side as usize; 2], batch).unwrap() as f64;
            let ratio = estimate / measured;
            assert!((0.9..1.1).contains(&ratio), "{side}, {batch}: {estimate:e}");
        }
    }

    /// Peaks of `pix2pix train earth` with two steps and their samples on a CPU; the estimates are within a tenth.
    #[test]
    fn estimates_of_runs_are_what_was_measured() {
        let measured = |change: fn(&mut RunConfig, &mut UnetConfig), side, peak: f64| {
            let mut config = config(side);
            let GeneratorConfig::Unet(mut unet) = config.generator.clone() else {
                unreachable!("it is a U-Net");
            };
            change(&mut config, &mut unet);
            config.discriminator.filters = unet.filters;
            config.generator = GeneratorConfig::Unet(unet);
            let size = [side as usize; 2];
            let estimate = of_run(&config, size, config.batch_size).unwrap() as f64;
            let ratio = estimate / peak;
            assert!((0.9..1.1).contains(&ratio), "{peak:e}: {estimate:e}");
        };
        measured(|_, _| (), 256, 1.098e9);
        measured(|_, unet| unet.filters = 32, 256, 0.341e9);
        measured(|_, _| (), 512, 1.660e9);
        measured(|_, unet| unet.filters = 32, 512, 0.627e9);
        measured(|config, _| config.batch_size = 4, 256, 1.391e9);
        measured(|config, _| config.optimizer.accumulate = 2, 256, 1.247e9);
        measured(|config, _| config.optimizer.ema = 0.998, 256, 1.481e9);
        measured(
            |config, _| config.optimizer.moments = MomentFormat::Bf16,
            256,
            0.863e9,
        );
        let on_a_card = RunConfig {
            device: DeviceName::Cuda(0),
            ..config(256)
        };
        let size = [256; 2];
        assert_eq!(of_run(&on_a_card, size, 1), bytes(&on_a_card, size, 1));
    }

    #[test]
    fn what_cannot_fit_is_refused() {
        let memory = |most: u64, free: u64| check(&config(256), 0, Memory { most, free });
        assert!(memory(4 << 30, 4 << 30).unwrap().is_none());
        let warned = memory(4 << 30, 1 << 28).unwrap().unwrap();
        assert!(warned.contains("train with `recompute`"), "{warned}");
        let mut careful = config(256);
        careful.recompute = true;
        let little = Memory {
            most: 1 << 28,
            free: 1 << 28,
        };
        assert!(check(&careful, 0, little).unwrap().is_none());
        let refused = memory(1 << 28, 1 << 28).unwrap_err().to_string();
        assert!(refused.contains("this process can have"), "{refused}");
    }

    #[test]
    fn pairs_in_memory_count() {
        let memory = Memory {
            most: 4 << 30,
            free: 2 << 30,
        };
        let mut config = config(256);
        let told = check(&config, 2 << 30, memory).unwrap().unwrap();
        assert!(
            told.contains("about 3.24 GB") && told.ends_with("`cache` disk"),
            "{told}"
        );
        config.recompute = true;
        let told = check(&config, 5 << 30, memory).unwrap_err().to_string();
        assert!(told.contains("more than 5.37 GB"), "{told}");

        let data = earth::earth();
        assert_eq!(cached(&config, &data), 0);
        config.cache = CacheKind::Ram;
        config.steps = 10;
        // RGB, source and target, at the size from which crops are cut
        let Size([width, height]) = config.jitter.load_size;
        let pair = u64::from(width * height * 6);
        assert_eq!(cached(&config, &data), 10 * pair);
        config.steps = 1_000_000;
        let pairs = data.train.len() as u64;
        assert_eq!(cached(&config, &data), pairs * pair);
    }

    #[test]
    fn what_fits_is_advised() {
        let mut large = config(256);
        large.batch_size = 64;
        let advised = advice(&large, Some(4 << 30));
        assert!(advised.ends_with(", which should fit"), "{advised}");
        assert_eq!(advice(&large, None), "try `batch_size` 32");
        large.batch_size = 1;
        assert_eq!(
            advice(&large, Some(1 << 20)),
            "train with `recompute`, or a smaller `crop_size`"
        );
        large.recompute = true;
        assert_eq!(
            advice(&large, None),
            "train with a smaller `crop_size` or fewer `filters`"
        );
    }
}
