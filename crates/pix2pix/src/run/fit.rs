//! Estimates the memory that training needs, to refuse what cannot fit, and for advice after running out of memory.

use pix2pix_runtime::network::LayerGraph;

use crate::backend::device::Device;
use crate::backend::memory::{self, Memory};
use crate::config::RunConfig;
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

/// Estimated number of bytes for training with `batch` pairs of this size (width, height) per step; `None` if the
/// configuration's networks cannot be built.
pub fn bytes(config: &RunConfig, [width, height]: [usize; 2], batch: usize) -> Option<u64> {
    let (init, device) = (&mut WeightInit::blank(), Device::flex());
    let [from, to] = config
        .generator
        .channels()
        .map(|channels| [channels, height, width]);
    let generator = config.generator.layers(from);
    let discriminator = config.discriminator.init_with(init, &device).ok()?;
    let discriminator = discriminator.layers(from, to);
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
        ..
    } = config.optimizer;
    let moments = match moments {
        MomentFormat::F32 => 2 * NUMBER,
        MomentFormat::Bf16 => NUMBER,
    };
    // with one batch in one process, the CPU applies gradients as they come
    let gradient = match (accumulate * config.ranks, config.device.is_card()) {
        (1, false) => 0,
        _ => NUMBER,
    };
    let parameters = generator.trainable() + discriminator.trainable();
    let trained = parameters * (NUMBER + gradient + moments);
    Some(trained as u64 + (kept * batch as f64) as u64)
}

/// As [`check`], with the memory of this process. On cards nothing is checked.
///
/// # Errors
/// As [`check`].
pub fn check_here(config: &RunConfig) -> Result<Option<String>> {
    match memory::of_process().filter(|_| !config.device.is_card()) {
        Some(memory) => check(config, memory),
        None => Ok(None),
    }
}

/// Checks that training fits into the CPU's memory. Returns a warning if it may not fit into what is free of it.
///
/// # Errors
/// When the estimate exceeds what this process could ever have. The error says what would fit.
pub fn check(config: &RunConfig, memory: Memory) -> Result<Option<String>> {
    // the other sizes are those of the data; recomputing takes less than the estimate
    let is_known = config.jitter.resize.makes_crops() && !config.recompute;
    let crop = config.jitter.crop_size.sides();
    let Some(needed) = bytes(config, crop, config.batch_size).filter(|_| is_known) else {
        return Ok(None);
    };
    let Memory { most, free } = memory;
    let shown = summary::memory;
    if needed > most {
        return Err(Error::Device(format!(
            "training needs about {} of memory, and this process can have {}; {}",
            shown(needed),
            shown(most),
            advice(config, Some(most))
        )));
    }
    Ok((needed > free).then(|| {
        format!(
            "training needs about {} of memory, and {} are free; if it does not fit, {}",
            shown(needed),
            shown(free),
            advice(config, Some(free))
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
            .find(|batch| bytes(config, crop, *batch).is_some_and(|bytes| bytes < memory))
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

    #[test]
    fn what_cannot_fit_is_refused() {
        let memory = |most: u64, free: u64| check(&config(256), Memory { most, free });
        assert!(memory(4 << 30, 4 << 30).unwrap().is_none());
        let warned = memory(4 << 30, 1 << 28).unwrap().unwrap();
        assert!(warned.contains("train with `recompute`"), "{warned}");
        let mut careful = config(256);
        careful.recompute = true;
        let little = Memory {
            most: 1 << 28,
            free: 1 << 28,
        };
        assert!(check(&careful, little).unwrap().is_none());
        let refused = memory(1 << 28, 1 << 28).unwrap_err().to_string();
        assert!(refused.contains("this process can have"), "{refused}");
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
