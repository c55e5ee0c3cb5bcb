//! The coarse-to-fine generator of pix2pixHD, for large pictures (Wang et al. 2018, "High-Resolution Image Synthesis and
//! Semantic Manipulation with Conditional GANs", section 3.2 and appendix): a ResNet at half the resolution, and an enhancer.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use pix2pix_runtime::network::resnet::{DOWN, WIDE};
use pix2pix_runtime::network::{HdConfig, LayerGraph, Shape};

use crate::backend::activation::tanh;
use crate::backend::window::ConvSpec;
use crate::error::Result;
use crate::network::conv::Conv;
use crate::network::init::{Init, WeightInit};
use crate::network::layers::Layers;
use crate::network::noise::Noise;
use crate::network::norm::{NormLayer, RELU};
use crate::network::norm_statistics::Norms;
use crate::network::pool::halved;
use crate::network::resnet::{Block, Layer, Resnet, UpLayer, continued};

impl Init for HdConfig {
    type Network = Hd;

    fn init_with(&self, init: &mut WeightInit, device: &Device) -> Result<Hd> {
        self.validate()?;
        let config = &self.coarse;
        let [few, more] = self.widths();
        Ok(Hd {
            coarse: Resnet::without_output(config, init, device)?,
            first: Layer::new(config, [config.in_channels, few], WIDE, init, device),
            down: Layer::new(config, [few, more], DOWN, init, device),
            blocks: (0..self.local_blocks)
                .map(|_| Block::new(config, more, init, device))
                .collect(),
            up: UpLayer::new(config, [more, few], init, device),
            output: Conv::new([few, config.out_channels], WIDE, true, init, device),
            config: self.clone(),
        })
    }
}

/// The coarse-to-fine generator.
#[derive(Module, Debug)]
pub struct Hd {
    /// The ResNet at half the resolution, without its last convolution.
    pub coarse: Resnet,
    /// The enhancer's first layer: 7x7, keeps the size.
    pub first: Layer,
    /// 3x3, stride 2. The features of the ResNet are added to its output.
    pub down: Layer,
    /// Residual blocks at half the resolution.
    pub blocks: Vec<Block>,
    /// Back to the full resolution.
    pub up: UpLayer,
    /// 7x7, before the tanh.
    pub output: Conv,
    /// The configuration that it was built from.
    #[module(skip)]
    config: HdConfig,
}

impl Hd {
    /// The same network, whose ResNet no longer learns.
    pub fn with_frozen_coarse(self) -> Self {
        Self {
            coarse: self.coarse.no_grad(),
            ..self
        }
    }

    /// The configuration that it was built from.
    pub fn config(&self) -> &HdConfig {
        &self.config
    }

    /// Translates: see [`Generator::forward_with`](crate::network::generator::Generator::forward_with).
    pub fn forward_with(
        &self,
        source: Tensor<4>,
        noise: &mut Noise,
        norms: &mut Norms,
    ) -> Option<Tensor<4>> {
        let half = halved(source.clone());
        let coarse = self.coarse.features(half, noise, norms)?; // [batch, filters, height / 2, width / 2]
        let x = self.first.forward(continued(source, 3), RELU, norms)?; // [batch, filters / 2, height, width]
        let mut x = self.down.forward(x, RELU, norms)? + coarse;
        for block in &self.blocks {
            x = block.forward(x, noise, norms)?; // [batch, filters, height / 2, width / 2]
        }
        let x = self.up.forward(x, norms)?;
        Some(tanh(self.output.forward(continued(x, 3)))) // [batch, out_channels, height, width]
    }

    /// Describes the network for an input of `shape`.
    pub fn layers(&self, shape: Shape) -> LayerGraph {
        self.config.layers(shape)
    }

    /// Its normalization layers, in the order of the pass.
    pub fn norms(&self) -> Vec<&NormLayer> {
        let blocks = self.blocks.iter();
        let layers = [&self.first, &self.down].into_iter();
        let layers = layers.chain(blocks.flat_map(|block| [&block.first, &block.second]));
        let own = layers.map(|layer| &layer.norm).chain([&self.up.norm]);
        let coarse = self.coarse.norms().into_iter();
        coarse.chain(own.flatten()).collect()
    }
}

impl Layers for Hd {
    fn specs_mut(&mut self) -> Vec<&mut ConvSpec> {
        let blocks = self.blocks.iter_mut();
        let layers = [&mut self.first, &mut self.down].into_iter();
        let layers = layers.chain(blocks.flat_map(|block| [&mut block.first, &mut block.second]));
        let convs = layers.map(|layer| &mut layer.conv);
        let own = convs.chain([&mut self.output]).map(Conv::spec_mut);
        let mut specs = self.coarse.specs_mut();
        specs.extend(own);
        specs.push(self.up.conv.spec_mut());
        specs
    }

    fn norms_mut(&mut self) -> Vec<&mut NormLayer> {
        let blocks = self.blocks.iter_mut();
        let layers = [&mut self.first, &mut self.down].into_iter();
        let layers = layers.chain(blocks.flat_map(|block| [&mut block.first, &mut block.second]));
        let own = layers.map(|layer| &mut layer.norm);
        let own = own.chain([&mut self.up.norm]).flatten();
        let mut norms = self.coarse.norms_mut();
        norms.extend(own);
        norms
    }
}
