//! Estimates the memory that training needs, for advice after running out of memory.

use crate::backend::device::Device;
use crate::config::RunConfig;
use crate::network::init::WeightInit;
use crate::network::layer_graph::LayerGraph;

/// Bytes per trainable weight: the weight, its gradient, and Adam's two moments.
const TRAINED: usize = 16;
/// Bytes per output value of a layer, separately for each pass of the discriminator: values kept for the backward pass,
/// and temporary values at the peak. Fitted to our measurements: 1.0 GB at 256x256 and 2.6 GB at 1024x1024.
const KEPT: f64 = 3.2;

/// Estimated number of bytes for training with `batch` pairs per step; `None` if the configuration's networks cannot be
/// built.
pub fn bytes(config: &RunConfig, batch: usize) -> Option<u64> {
    let [width, height] = config.jitter.crop_size.sides();
    let (init, device) = (&mut WeightInit::blank(), Device::flex());
    let [from, to] = config
        .generator
        .channels()
        .map(|channels| [channels, height, width]);
    let generator = config.generator.init_with(init, &device).ok()?.layers(from);
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
    let trained = (generator.trainable() + discriminator.trainable()) * TRAINED;
    Some(trained as u64 + (kept * batch as f64) as u64)
}

/// Advice for training that ran out of memory on a device with `memory` bytes (`None` if unknown).
pub fn advice(config: &RunConfig, memory: Option<u64>) -> String {
    let fits = memory.and_then(|memory| {
        let smaller = (1..config.batch_size).rev();
        smaller
            .into_iter()
            .find(|batch| bytes(config, *batch).is_some_and(|bytes| bytes < memory))
    });
    let half = config.batch_size / 2;
    match (fits, half, config.recompute) {
        (Some(batch), ..) => format!("try `batch_size` {batch}, which should fit"),
        (None, 1.., _) => format!("try `batch_size` {half}"),
        (None, 0, false) => "try `recompute`, or a smaller `crop_size`".to_string(),
        (None, 0, true) => "try a smaller `crop_size` or fewer `filters`".to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::jitter::Size;
    use crate::network::generator::GeneratorConfig;
    use crate::network::unet::UnetConfig;

    fn config(side: u32) -> RunConfig {
        let mut config = RunConfig::default();
        config.jitter.crop_size = Size([side; 2]);
        config.generator = GeneratorConfig::Unet(UnetConfig {
            depth: side.trailing_zeros() as usize,
            ..UnetConfig::default()
        });
        config
    }

    /// Measured by `pix2pix bench` on a CPU; the estimates are within a fifth.
    #[test]
    fn estimates_are_what_was_measured() {
        for (side, batch, measured) in [
            (256, 1, 1.0e9),
            (256, 4, 1.16e9),
            (512, 1, 1.37e9),
            (1024, 1, 2.58e9),
        ] {
            let estimate = bytes(&config(side), batch).unwrap() as f64;
            let ratio = estimate / measured;
            assert!(
                (0.8..1.25).contains(&ratio),
                "{side}, {batch}: {estimate:e}"
            );
        }
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
            "try `recompute`, or a smaller `crop_size`"
        );
        large.recompute = true;
        assert_eq!(
            advice(&large, None),
            "try a smaller `crop_size` or fewer `filters`"
        );
    }
}
