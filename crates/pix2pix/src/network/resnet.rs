//! A generator of residual blocks (Johnson, Alahi and Fei-Fei 2016; Zhu et al. 2017, appendix 7.2):
//! c7s1-64, d128, d256, then six blocks (nine for 256x256 and more) of R256, u128, u64, c7s1-3.

use burn::module::Module;
use burn::tensor::ops::PadMode;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::backend::activation::tanh;
use crate::backend::window::{ConvSpec, Window};
use crate::error::{Result, below_one, within};
use crate::network::conv::Conv;
use crate::network::init::WeightInit;
use crate::network::layer_graph::{LayerGraph, Op, Shape};
use crate::network::layers::Layers;
use crate::network::noise::Noise;
use crate::network::norm::{Norm, NormLayer, norm_with};
use crate::network::norm_statistics::Norms;
use crate::network::unet::{CHANNELS, FILTERS};
use crate::network::up_conv::{UpConv, Upsample};

/// Number of times that the picture is halved.
pub const HALVINGS: usize = 2;
const RELU: f64 = 0.0;
/// With this slope a LeakyReLU is the identity.
const LINEAR: f64 = 1.0;
/// The first and the last convolution, after reflection padding by three pixels.
const WIDE: Window = Window {
    kernel: 7,
    stride: 1,
    padding: [0, 0],
};
const HALVE: Window = Window {
    kernel: 3,
    stride: 2,
    padding: [1, 1],
};
/// The convolution that a doubling layer transposes; its padding after the last pixel is one smaller.
const DOUBLE: Window = Window {
    kernel: 3,
    stride: 2,
    padding: [1, 0],
};
/// A block's convolutions, after reflection padding by one pixel.
const NARROW: Window = Window {
    kernel: 3,
    stride: 1,
    padding: [0, 0],
};

/// The configuration of a ResNet generator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResnetConfig {
    /// Channels of the input image, 1 to 16.
    pub in_channels: usize,
    /// Channels of the output image, 1 to 16.
    pub out_channels: usize,
    /// Channels of the first block; two more double them. Published: 64.
    pub filters: usize,
    /// Residual blocks. Published: 6 or 9.
    pub blocks: usize,
    /// Dropout rate in the middle of each residual block.
    pub dropout: f64,
    /// Normalization after every convolution but the last.
    pub norm: Norm,
    /// Whether convolutions before a norm have a bias.
    pub bias_before_norm: bool,
    /// How the generator doubles the picture's size.
    pub upsample: Upsample,
}

impl ResnetConfig {
    /// Checks the configuration.
    ///
    /// # Errors
    /// Names the value that is out of range and the range.
    pub fn validate(&self) -> Result<()> {
        within("in_channels", self.in_channels, CHANNELS)?;
        within("out_channels", self.out_channels, CHANNELS)?;
        within("filters", self.filters, FILTERS)?;
        within("blocks", self.blocks, 1..=32)?;
        below_one("dropout", self.dropout)
    }

    /// Builds the network on `device` with initial weights, which are the same in every call.
    ///
    /// # Errors
    /// When [`validate`](Self::validate) fails.
    pub fn init(&self, device: &Device) -> Result<Resnet> {
        self.init_with(&mut WeightInit::generator(0), device)
    }

    /// As [`init`](Self::init), with weights from `init`: those of another seed, or none yet.
    ///
    /// # Errors
    /// When [`validate`](Self::validate) fails.
    pub fn init_with(&self, init: &mut WeightInit, device: &Device) -> Result<Resnet> {
        self.validate()?;
        let bias = self.bias_before_norm || self.norm == Norm::None;
        let layer = |channels: [usize; 2], window: Window, init: &mut WeightInit| Layer {
            conv: Conv::new(channels, window, bias, init, device),
            norm: self.norm.layer(channels[1], init, device),
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
            norm: self.norm.layer(channels[1], init, device),
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

    /// Describes the network for an input of `shape`.
    pub fn layers(&self, shape: Shape) -> LayerGraph {
        let graph = &mut LayerGraph::new("generator");
        let x = graph.input("source", shape);
        let x = describe_continued(graph, "first", x, 3);
        let mut x = self.first.describe(graph, "first", x, Some("relu"));
        for (index, layer) in self.down.iter().enumerate() {
            x = layer.describe(graph, &format!("down.{index}"), x, Some("relu"));
        }
        for (index, block) in self.blocks.iter().enumerate() {
            let name = |part: &str| format!("blocks.{index}.{part}");
            let y = describe_continued(graph, &name("first"), x, 1);
            let mut y = block.first.describe(graph, &name("first"), y, Some("relu"));
            if block.dropout > 0.0 {
                y = graph.elementwise(&name("dropout"), Op::Dropout(block.dropout), y);
            }
            let y = describe_continued(graph, &name("second"), y, 1);
            let y = block.second.describe(graph, &name("second"), y, None);
            x = graph.plain(&name("add"), Op::Add, graph.layers[x].output, &[x, y]);
        }
        for (index, layer) in self.up.iter().enumerate() {
            let name = |part: &str| format!("up.{index}.{part}");
            x = layer.conv.describe(graph, &name("conv"), x);
            if let Some(norm) = &layer.norm {
                x = graph.norm(&name("norm"), norm, x);
            }
            x = graph.elementwise(&name("relu"), Op::Relu, x);
        }
        x = describe_continued(graph, "output", x, 3);
        x = graph.conv("output", &self.output, x);
        graph.elementwise("tanh", Op::Tanh, x);
        graph.clone()
    }
}

fn describe_continued(graph: &mut LayerGraph, name: &str, input: usize, margin: usize) -> usize {
    let [channels, height, width] = graph.layers[input].output;
    let output = [channels, height + 2 * margin, width + 2 * margin];
    graph.plain(
        &format!("{name}.pad"),
        Op::ReflectionPad(margin),
        output,
        &[input],
    )
}

impl Layer {
    fn describe(
        &self,
        graph: &mut LayerGraph,
        name: &str,
        input: usize,
        activation: Option<&str>,
    ) -> usize {
        let mut x = graph.conv(&format!("{name}.conv"), &self.conv, input);
        if let Some(norm) = &self.norm {
            x = graph.norm(&format!("{name}.norm"), norm, x);
        }
        match activation {
            Some(activation) => graph.elementwise(&format!("{name}.{activation}"), Op::Relu, x),
            None => x,
        }
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
