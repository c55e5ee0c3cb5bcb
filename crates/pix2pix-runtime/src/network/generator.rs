//! The generator: a U-Net or a ResNet.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::network::layer_graph::{LayerGraph, Shape};
use crate::network::resnet::{HALVINGS, ResnetConfig};
use crate::network::unet::{UnetConfig, check_side};

/// The configuration of a generator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "architecture", rename_all = "lowercase")]
pub enum GeneratorConfig {
    /// The paper's U-Net.
    Unet(UnetConfig),
    /// A ResNet: residual blocks at a quarter of the resolution.
    Resnet(ResnetConfig),
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

impl GeneratorConfig {
    /// Number of times that the picture is halved. Sides must be multiples of 2^halvings.
    pub fn halvings(&self) -> usize {
        match self {
            Self::Unet(config) => config.depth,
            Self::Resnet(_) => HALVINGS,
        }
    }

    /// Channels of the source and of the target.
    pub fn channels(&self) -> [usize; 2] {
        match self {
            Self::Unet(config) => [config.in_channels, config.out_channels],
            Self::Resnet(config) => [config.in_channels, config.out_channels],
        }
    }

    /// The same network for other channels of the source and of the target.
    pub fn with_channels(mut self, channels: [usize; 2]) -> Self {
        let [into, out] = match &mut self {
            Self::Unet(config) => [&mut config.in_channels, &mut config.out_channels],
            Self::Resnet(config) => [&mut config.in_channels, &mut config.out_channels],
        };
        [*into, *out] = channels;
        self
    }

    /// The same network with another dropout rate.
    pub fn with_dropout(mut self, rate: f64) -> Self {
        match &mut self {
            Self::Unet(config) => config.dropout = rate,
            Self::Resnet(config) => config.dropout = rate,
        }
        self
    }

    /// Whether it has dropout, which makes its outputs random.
    pub fn has_dropout(&self) -> bool {
        match self {
            Self::Unet(config) => (0..config.depth).any(|block| config.dropout_of(block) > 0.0),
            Self::Resnet(config) => config.dropout > 0.0,
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
        }
    }

    /// Checks that the network accepts images of `height` x `width` pixels.
    ///
    /// # Errors
    /// Names the nearest size that is accepted.
    pub fn check_size(&self, height: usize, width: usize) -> Result<()> {
        check_side(height, self.halvings())?;
        check_side(width, self.halvings())
    }

    /// Describes the network for an input of `shape`.
    pub fn layers(&self, shape: Shape) -> LayerGraph {
        match self {
            Self::Unet(config) => config.layers(shape),
            Self::Resnet(config) => config.layers(shape),
        }
    }
}
