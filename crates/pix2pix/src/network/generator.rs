//! The generator: a U-Net, a ResNet, or both a ResNet and an enhancer.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use pix2pix_runtime::network::{GeneratorConfig, LayerGraph, Shape};

use crate::backend::device::Precision;
use crate::backend::window::ConvSpec;
use crate::error::Result;
use crate::network::hd::Hd;
use crate::network::init::{Init, WeightInit};
use crate::network::layers::Layers;
use crate::network::noise::Noise;
use crate::network::norm::NormLayer;
use crate::network::norm_statistics::Norms;
use crate::network::resnet::Resnet;
use crate::network::unet::Unet;

impl Init for GeneratorConfig {
    type Network = Generator;

    fn init_with(&self, init: &mut WeightInit, device: &Device) -> Result<Generator> {
        Ok(match self {
            Self::Unet(config) => Generator::Unet(config.init_with(init, device)?),
            Self::Resnet(config) => Generator::Resnet(config.init_with(init, device)?),
            Self::Hd(config) => Generator::Hd(config.init_with(init, device)?),
        })
    }
}

/// The generator.
#[allow(clippy::large_enum_variant)] // a program has one or two
#[derive(Module, Debug)]
pub enum Generator {
    /// The paper's U-Net.
    Unet(Unet),
    /// A ResNet.
    Resnet(Resnet),
    /// The coarse-to-fine generator.
    Hd(Hd),
}

impl From<Unet> for Generator {
    fn from(network: Unet) -> Self {
        Self::Unet(network)
    }
}

impl From<Resnet> for Generator {
    fn from(network: Resnet) -> Self {
        Self::Resnet(network)
    }
}

impl From<Hd> for Generator {
    fn from(network: Hd) -> Self {
        Self::Hd(network)
    }
}

impl Generator {
    /// Translates `source`, `[batch, in_channels, height, width]` in \[-1, 1\], to
    /// `[batch, out_channels, height, width]` in \[-1, 1\].
    ///
    /// Normalization uses the pictures' own statistics, in training and at inference (paper, section 3.3). Dropout is
    /// on unless `noise` is [`Noise::off`].
    pub fn forward(&self, source: Tensor<4>, noise: &mut Noise) -> Tensor<4> {
        let output = self.forward_with(source, noise, &mut Norms::Batch);
        output.expect("batch statistics do not end a pass")
    }

    /// As [`forward`](Self::forward), with statistics from `norms`. Returns `None` if `norms` stops the pass early.
    pub fn forward_with(
        &self,
        source: Tensor<4>,
        noise: &mut Noise,
        norms: &mut Norms,
    ) -> Option<Tensor<4>> {
        match self {
            Self::Unet(network) => network.forward_with(source, noise, norms),
            Self::Resnet(network) => network.forward_with(source, noise, norms),
            Self::Hd(network) => network.forward_with(source, noise, norms),
        }
    }

    /// Its normalization layers, in the order of the pass.
    pub fn norms(&self) -> Vec<&NormLayer> {
        match self {
            Self::Unet(network) => network.norms(),
            Self::Resnet(network) => network.norms(),
            Self::Hd(network) => network.norms(),
        }
    }

    /// The running statistics of each of its norms, `[2, channels]`: means, variances. `None` if a norm keeps no
    /// running statistics, or there is no norm.
    pub fn running_statistics(&self) -> Option<Vec<Tensor<2>>> {
        let norms = self.norms();
        let known: Option<Vec<_>> = norms.iter().map(|norm| norm.running_statistics()).collect();
        known.filter(|known| !known.is_empty())
    }

    /// The configuration that it was built from.
    pub fn config(&self) -> GeneratorConfig {
        match self {
            Self::Unet(network) => GeneratorConfig::Unet(network.config().clone()),
            Self::Resnet(network) => GeneratorConfig::Resnet(network.config().clone()),
            Self::Hd(network) => GeneratorConfig::Hd(network.config().clone()),
        }
    }

    /// Describes the network for an input of `shape`.
    pub fn layers(&self, shape: Shape) -> LayerGraph {
        self.config().layers(shape)
    }

    /// The architecture's name in summaries.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unet(_) => "Unet",
            Self::Resnet(_) => "Resnet",
            Self::Hd(_) => "Hd",
        }
    }
}

impl Generator {
    /// The same network with convolutions of this precision.
    pub fn with_precision(mut self, precision: Precision) -> Self {
        self.set_precision(precision);
        self
    }
}

impl Layers for Generator {
    fn specs_mut(&mut self) -> Vec<&mut ConvSpec> {
        match self {
            Self::Unet(network) => network.specs_mut(),
            Self::Resnet(network) => network.specs_mut(),
            Self::Hd(network) => network.specs_mut(),
        }
    }

    fn norms_mut(&mut self) -> Vec<&mut NormLayer> {
        match self {
            Self::Unet(network) => network.norms_mut(),
            Self::Resnet(network) => network.norms_mut(),
            Self::Hd(network) => network.norms_mut(),
        }
    }
}
