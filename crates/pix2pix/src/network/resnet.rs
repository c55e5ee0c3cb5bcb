//! A generator of residual blocks (Johnson, Alahi and Fei-Fei 2016; Zhu et al. 2017, appendix 7.2):
//! c7s1-64, d128, d256, then six blocks (nine for 256x256 and more) of R256, u128, u64, c7s1-3.

use burn::module::Module;
use burn::tensor::ops::PadMode;
use burn::tensor::{Device, Tensor};
use pix2pix_runtime::network::resnet::{DOUBLE, HALVE, NARROW, ResnetConfig, WIDE};
use pix2pix_runtime::network::{LayerGraph, Shape, Window};

use crate::backend::activation::tanh;
use crate::backend::window::ConvSpec;
use crate::error::Result;
use crate::network::conv::Conv;
use crate::network::init::{Init, WeightInit};
use crate::network::layers::Layers;
use crate::network::noise::Noise;
use crate::network::norm::{self, NormLayer, norm_with};
use crate::network::norm_statistics::Norms;
use crate::network::up_conv::UpConv;

/// Slope at which a LeakyReLU is a ReLU.
const RELU: f64 = 0.0;
/// With this slope a LeakyReLU is the identity.
const LINEAR: f64 = 1.0;

impl Init for ResnetConfig {
    type Network = Resnet;

    fn init_with(&self, init: &mut WeightInit, device: &Device) -> Result<Resnet> {
        self.validate()?;
        let bias = self.has_bias();
        let layer = |channels: [usize; 2], window: Window, init: &mut WeightInit| Layer {
            conv: Conv::new(channels, window, bias, init, device),
            norm: norm::layer(self.norm, channels[1], init, device),
        };
        let [few, more, many] = [1, 2, 4].map(|times| self.filters * times);
        let first = layer([self.in_channels, few], WIDE, init);
        let down = [[few, more], [more, many]].map(|channels| layer(channels, HALVE, init));
        let blocks = (0..self.blocks).map(|_| Block {
            first: layer([many, many], NARROW, init),
            second: layer([many, many], NARROW, init),
            dropout: self.dropout,
        });
        let blocks = blocks.collect();
        let up = [[many, more], [more, few]].map(|channels| UpLayer {
            conv: UpConv::new(self.upsample, channels, DOUBLE, bias, init, device),
            norm: norm::layer(self.norm, channels[1], init, device),
        });
        Ok(Resnet {
            first,
            down: down.into(),
            blocks,
            up: up.into(),
            output: Conv::new([few, self.out_channels], WIDE, true, init, device),
            config: self.clone(),
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

/// A convolution that doubles the picture's size, and its normalization.
#[derive(Module, Debug)]
pub struct UpLayer {
    /// The convolution.
    pub conv: UpConv,
    /// `None` if the network has no normalization.
    pub norm: Option<NormLayer>,
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
    fn forward(&self, x: Tensor<4>, noise: &mut Noise, norms: &mut Norms) -> Option<Tensor<4>> {
        let y = self.first.conv.forward(continued(x.clone(), 1));
        let y = norm_with(&self.first.norm, y, RELU, norms)?;
        let y = continued(noise.dropout(y, self.dropout), 1);
        let y = norm_with(
            &self.second.norm,
            self.second.conv.forward(y),
            LINEAR,
            norms,
        )?;
        Some(x + y)
    }
}

/// The ResNet generator.
#[derive(Module, Debug)]
pub struct Resnet {
    /// 7x7, keeps the size.
    pub first: Layer,
    /// 3x3, stride 2.
    pub down: Vec<Layer>,
    /// Residual blocks at a quarter of the resolution.
    pub blocks: Vec<Block>,
    /// Back to the full resolution.
    pub up: Vec<UpLayer>,
    /// 7x7, before the tanh.
    pub output: Conv,
    /// The configuration that it was built from.
    #[module(skip)]
    config: ResnetConfig,
}

/// Reflection padding by `margin` pixels on every side.
fn continued(x: Tensor<4>, margin: usize) -> Tensor<4> {
    x.pad((margin, margin, margin, margin), PadMode::Reflect)
}

impl Resnet {
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
        let x = self.first.conv.forward(continued(source, 3));
        let mut x = norm_with(&self.first.norm, x, RELU, norms)?; // [batch, 64, height, width]
        for layer in &self.down {
            x = norm_with(&layer.norm, layer.conv.forward(x), RELU, norms)?;
        }
        for block in &self.blocks {
            x = block.forward(x, noise, norms)?; // [batch, 256, height / 4, width / 4]
        }
        for layer in &self.up {
            x = norm_with(&layer.norm, layer.conv.forward(x), RELU, norms)?;
        }
        Some(tanh(self.output.forward(continued(x, 3)))) // [batch, out_channels, height, width]
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
        let convs = layers.map(|layer| &mut layer.conv).chain([output]);
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
