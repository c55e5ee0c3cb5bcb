//! The generator: a U-Net, a ResNet, or both a ResNet and an enhancer.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::network::hd::HdConfig;
use crate::network::layer_graph::{LayerGraph, Shape};
use crate::network::norm::Norm;
use crate::network::resnet::ResnetConfig;
use crate::network::unet::{UnetConfig, check_side};

/// The configuration of a generator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "architecture", rename_all = "lowercase")]
pub enum GeneratorConfig {
    /// The paper's U-Net.
    Unet(UnetConfig),
    /// A ResNet: residual blocks at a fraction of the resolution.
    Resnet(ResnetConfig),
    /// The coarse-to-fine generator: a ResNet at half the resolution, and an enhancer.
    Hd(HdConfig),
}

impl Default for GeneratorConfig {
    fn default() -> Self {
        Self::Unet(UnetConfig::default())
    }
}

impl From<UnetConfig> for GeneratorConfig {
    fn from(config: UnetConfig) -> Self {
        Self::Unet(config)
    }
}

impl From<ResnetConfig> for GeneratorConfig {
    fn from(config: ResnetConfig) -> Self {
        Self::Resnet(config)
    }
}

impl From<HdConfig> for GeneratorConfig {
    fn from(config: HdConfig) -> Self {
        Self::Hd(config)
    }
}

impl GeneratorConfig {
    /// Number of times that the picture is halved. Sides must be multiples of 2^halvings.
    pub fn halvings(&self) -> usize {
        match self {
            Self::Unet(config) => config.depth,
            Self::Resnet(config) => config.halvings,
            Self::Hd(config) => config.coarse.halvings + 1,
        }
    }

    /// The smallest side of a picture. Residual blocks need two pixels to reflect.
    pub fn smallest_side(&self) -> u32 {
        let unit = 1 << self.halvings();
        match self {
            Self::Unet(_) => unit,
            Self::Resnet(_) | Self::Hd(_) => 2 * unit,
        }
    }

    /// Channels of the source and of the target.
    pub fn channels(&self) -> [usize; 2] {
        match self {
            Self::Unet(config) => [config.in_channels, config.out_channels],
            Self::Resnet(config) | Self::Hd(HdConfig { coarse: config, .. }) => {
                [config.in_channels, config.out_channels]
            }
        }
    }

    /// Channels of the first layer; of a coarse-to-fine generator, of the ResNet's.
    pub fn filters(&self) -> usize {
        match self {
            Self::Unet(config) => config.filters,
            Self::Resnet(config) | Self::Hd(HdConfig { coarse: config, .. }) => config.filters,
        }
    }

    /// What it is in a few words, e.g. `U-Net of 8 levels, 64 filters`.
    pub fn described(&self) -> String {
        let network = match self {
            Self::Unet(config) => format!("U-Net of {} levels", config.depth),
            Self::Resnet(config) => format!("ResNet of {} blocks", config.blocks),
            Self::Hd(config) => format!(
                "ResNet of {} blocks and an enhancer of {}",
                config.coarse.blocks, config.local_blocks
            ),
        };
        format!("{network}, {} filters", self.filters())
    }

    /// The normalization.
    pub fn norm(&self) -> Norm {
        match self {
            Self::Unet(config) => config.norm,
            Self::Resnet(config) | Self::Hd(HdConfig { coarse: config, .. }) => config.norm,
        }
    }

    /// The same network for other channels of the source and of the target.
    pub fn with_channels(mut self, channels: [usize; 2]) -> Self {
        let [into, out] = match &mut self {
            Self::Unet(config) => [&mut config.in_channels, &mut config.out_channels],
            Self::Resnet(config) | Self::Hd(HdConfig { coarse: config, .. }) => {
                [&mut config.in_channels, &mut config.out_channels]
            }
        };
        [*into, *out] = channels;
        self
    }

    /// The same network with another dropout rate.
    pub fn with_dropout(mut self, rate: f64) -> Self {
        match &mut self {
            Self::Unet(config) => config.dropout = rate,
            Self::Resnet(config) | Self::Hd(HdConfig { coarse: config, .. }) => {
                config.dropout = rate;
            }
        }
        self
    }

    /// Whether it has dropout, which makes its outputs random.
    pub fn has_dropout(&self) -> bool {
        match self {
            Self::Unet(config) => (0..config.depth).any(|block| config.dropout_of(block) > 0.0),
            Self::Resnet(config) | Self::Hd(HdConfig { coarse: config, .. }) => {
                config.dropout > 0.0
            }
        }
    }

    /// Checks the configuration.
    ///
    /// # Errors
    /// Names the value that is out of range, and the range.
    pub fn validate(&self) -> Result<()> {
        match self {
            Self::Unet(config) => config.validate(),
            Self::Resnet(config) => config.validate(),
            Self::Hd(config) => config.validate(),
        }
    }

    /// Checks that the network accepts images of `height` x `width` pixels.
    ///
    /// # Errors
    /// Names the nearest size that is accepted.
    pub fn check_size(&self, height: usize, width: usize) -> Result<()> {
        let smallest = self.smallest_side() as usize;
        for side in [height, width] {
            check_side(side, self.halvings())?;
            if side < smallest {
                return Err(Error::Config(format!(
                    "an image side of {side} pixels is too small for the residual blocks of this generator: it must be at \
                     least {smallest}"
                )));
            }
        }
        Ok(())
    }

    /// Describes the network for an input of `shape`.
    pub fn layers(&self, shape: Shape) -> LayerGraph {
        match self {
            Self::Unet(config) => config.layers(shape),
            Self::Resnet(config) => config.layers(shape),
            Self::Hd(config) => config.layers(shape),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generator_is_described_in_a_few_words() {
        let described = GeneratorConfig::default().described();
        assert_eq!(described, "U-Net of 8 levels, 64 filters");
    }
}
