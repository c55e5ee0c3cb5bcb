//! A generator of residual blocks (Johnson, Alahi and Fei-Fei 2016; Zhu et al. 2017, appendix 7.2):
//! c7s1-64, d128, d256, then six blocks (nine for 256x256 and more) of R256, u128, u64, c7s1-3.
//! The global generator of pix2pixHD (Wang et al. 2018, section 3.2) is one of four halvings, d128 to d1024.

use burn::module::Module;
use burn::tensor::ops::PadMode;
use burn::tensor::{Device, Tensor};
use pix2pix_runtime::network::resnet::{DOWN, NARROW, ResnetConfig, UP, WIDE};
use pix2pix_runtime::network::{LayerGraph, Shape, Window};

use crate::backend::activation::tanh;
use crate::backend::window::ConvSpec;
use crate::error::Result;
use crate::network::conv::Conv;
use crate::network::init::{Init, WeightInit};
use crate::network::layers::Layers;
use crate::network::noise::Noise;
use crate::network::norm::{self, NormLayer, RELU, norm_with};
use crate::network::norm_statistics::Norms;
use crate::network::up_conv::UpConv;

/// With this slope a LeakyReLU is the identity.
const LINEAR: f64 = 1.0;

impl Init for ResnetConfig {
    type Network = Resnet;

    fn init_with(&self, init: &mut WeightInit, device: &Device) -> Result<Resnet> {
        let network = Resnet::without_output(self, init, device)?;
        let channels = [self.filters, self.out_channels];
        Ok(Resnet {
            output: Some(Conv::new(channels, WIDE, true, init, device)),
            ..network
        })
    }
}

/// A convolution and its normalization.
#[derive(Module, Debug)]
pub struct Layer {
    /// The convolution.
    pub conv: Conv,
    /// `None` if the network has no normalization.
    pub norm: Option<NormLayer>,
}

impl Layer {
    /// A layer of a network of this configuration.
    pub(super) fn new(
        config: &ResnetConfig,
        channels: [usize; 2],
        window: Window,
        init: &mut WeightInit,
        device: &Device,
    ) -> Self {
        Self {
            conv: Conv::new(channels, window, config.has_bias(), init, device),
            norm: norm::layer(config.norm, channels[1], init, device),
        }
    }

    /// Convolves, normalizes and applies a LeakyReLU of this slope.
    pub(super) fn forward(&self, x: Tensor<4>, slope: f64, norms: &mut Norms) -> Option<Tensor<4>> {
        norm_with(&self.norm, self.conv.forward(x), slope, norms)
    }
}

/// A convolution that doubles the picture's size, and its normalization.
#[derive(Module, Debug)]
pub struct UpLayer {
    /// The convolution.
    pub conv: UpConv,
    /// `None` if the network has no normalization.
    pub norm: Option<NormLayer>,
}

impl UpLayer {
    /// A layer of a network of this configuration.
    pub(super) fn new(
        config: &ResnetConfig,
        channels: [usize; 2],
        init: &mut WeightInit,
        device: &Device,
    ) -> Self {
        let bias = config.has_bias();
        Self {
            conv: UpConv::new(config.upsample, channels, UP, bias, init, device),
            norm: norm::layer(config.norm, channels[1], init, device),
        }
    }

    /// Doubles the picture, normalizes and applies a ReLU.
    pub(super) fn forward(&self, x: Tensor<4>, norms: &mut Norms) -> Option<Tensor<4>> {
        norm_with(&self.norm, self.conv.forward(x), RELU, norms)
    }
}

/// A residual block: two convolutions, whose output is added to their input.
#[derive(Module, Debug)]
pub struct Block {
    /// Followed by a ReLU and dropout.
    pub first: Layer,
    /// Without activation.
    pub second: Layer,
    /// Dropout rate.
    pub dropout: f64,
}

impl Block {
    /// A block of `width` channels in a network of this configuration.
    pub(super) fn new(
        config: &ResnetConfig,
        width: usize,
        init: &mut WeightInit,
        device: &Device,
    ) -> Self {
        let channels = [width; 2];
        Self {
            first: Layer::new(config, channels, NARROW, init, device),
            second: Layer::new(config, channels, NARROW, init, device),
            dropout: config.dropout,
        }
    }

    pub(super) fn forward(
        &self,
        x: Tensor<4>,
        noise: &mut Noise,
        norms: &mut Norms,
    ) -> Option<Tensor<4>> {
        let y = self.first.forward(continued(x.clone(), 1), RELU, norms)?;
        let y = continued(noise.dropout(y, self.dropout), 1);
        Some(x + self.second.forward(y, LINEAR, norms)?)
    }
}

/// The ResNet generator.
#[derive(Module, Debug)]
pub struct Resnet {
    /// 7x7, keeps the size.
    pub first: Layer,
    /// 3x3, stride 2.
    pub down: Vec<Layer>,
    /// Residual blocks at the lowest resolution.
    pub blocks: Vec<Block>,
    /// Back to the full resolution.
    pub up: Vec<UpLayer>,
    /// 7x7, before the tanh. `None` inside a coarse-to-fine generator, which continues with the features.
    pub output: Option<Conv>,
    /// The configuration that it was built from.
    #[module(skip)]
    config: ResnetConfig,
}

/// Reflection padding by `margin` pixels on every side.
pub(super) fn continued(x: Tensor<4>, margin: usize) -> Tensor<4> {
    x.pad((margin, margin, margin, margin), PadMode::Reflect)
}

impl Resnet {
    /// A network whose features are its output.
    ///
    /// # Errors
    /// When the configuration is invalid.
    pub(super) fn without_output(
        config: &ResnetConfig,
        init: &mut WeightInit,
        device: &Device,
    ) -> Result<Self> {
        config.validate()?;
        let widths = config.widths();
        let width = widths[config.halvings];
        let levels = || widths.windows(2).map(|pair| [pair[0], pair[1]]);
        let first = [config.in_channels, config.filters];
        Ok(Self {
            first: Layer::new(config, first, WIDE, init, device),
            down: levels()
                .map(|channels| Layer::new(config, channels, DOWN, init, device))
                .collect(),
            blocks: (0..config.blocks)
                .map(|_| Block::new(config, width, init, device))
                .collect(),
            up: levels()
                .rev()
                .map(|[few, more]| UpLayer::new(config, [more, few], init, device))
                .collect(),
            output: None,
            config: config.clone(),
        })
    }

    /// The same network, whose first and shrinking layers no longer learn.
    pub fn with_frozen_encoder(self) -> Self {
        Self {
            first: self.first.no_grad(),
            down: self.down.no_grad(),
            ..self
        }
    }

    /// The configuration that it was built from.
    pub fn config(&self) -> &ResnetConfig {
        &self.config
    }

    /// Translates: see [`Generator::forward_with`](crate::network::generator::Generator::forward_with).
    pub fn forward_with(
        &self,
        source: Tensor<4>,
        noise: &mut Noise,
        norms: &mut Norms,
    ) -> Option<Tensor<4>> {
        let output = self.output.as_ref().expect("a generator by itself");
        let x = self.features(source, noise, norms)?;
        Some(tanh(output.forward(continued(x, 3)))) // [batch, out_channels, height, width]
    }

    /// The input of the last padding and convolution, `[batch, filters, height, width]`.
    pub(super) fn features(
        &self,
        source: Tensor<4>,
        noise: &mut Noise,
        norms: &mut Norms,
    ) -> Option<Tensor<4>> {
        let mut x = self.first.forward(continued(source, 3), RELU, norms)?;
        for layer in &self.down {
            x = layer.forward(x, RELU, norms)?;
        }
        for block in &self.blocks {
            x = block.forward(x, noise, norms)?; // [batch, filters * 2^n, height / 2^n, width / 2^n] of n halvings
        }
        for layer in &self.up {
            x = layer.forward(x, norms)?;
        }
        Some(x)
    }

    /// Describes the network for an input of `shape`.
    pub fn layers(&self, shape: Shape) -> LayerGraph {
        self.config.layers(shape)
    }

    /// Its normalization layers, in the order of the pass.
    pub fn norms(&self) -> Vec<&NormLayer> {
        let layers = [&self.first].into_iter().chain(&self.down);
        let blocks = self
            .blocks
            .iter()
            .flat_map(|block| [&block.first, &block.second]);
        let norms = layers.chain(blocks).map(|layer| &layer.norm);
        norms
            .chain(self.up.iter().map(|layer| &layer.norm))
            .flatten()
            .collect()
    }
}

impl Layers for Resnet {
    fn specs_mut(&mut self) -> Vec<&mut ConvSpec> {
        let Self {
            first,
            down,
            blocks,
            up,
            output,
            config: _,
        } = self;
        let blocks = blocks.iter_mut();
        let layers = [first].into_iter().chain(down);
        let layers = layers.chain(blocks.flat_map(|block| [&mut block.first, &mut block.second]));
        let convs = layers.map(|layer| &mut layer.conv).chain(output);
        let up = up.iter_mut().map(|layer| layer.conv.spec_mut());
        convs.map(Conv::spec_mut).chain(up).collect()
    }

    fn norms_mut(&mut self) -> Vec<&mut NormLayer> {
        let blocks = self.blocks.iter_mut();
        let layers = [&mut self.first].into_iter().chain(&mut self.down);
        let layers = layers.chain(blocks.flat_map(|block| [&mut block.first, &mut block.second]));
        let up = self.up.iter_mut().map(|layer| &mut layer.norm);
        let norms = layers.map(|layer| &mut layer.norm).chain(up);
        norms.flatten().collect()
    }
}
