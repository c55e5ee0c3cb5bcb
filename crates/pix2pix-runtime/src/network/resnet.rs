//! A generator of residual blocks (Johnson, Alahi and Fei-Fei 2016; Zhu et al. 2017, appendix 7.2):
//! c7s1-64, d128, d256, then six blocks (nine for 256x256 and more) of R256, u128, u64, c7s1-3.

use serde::{Deserialize, Serialize};

use crate::error::{Result, below_one, within};
use crate::network::layer_graph::{Filters, LayerGraph, Op, Shape};
use crate::network::norm::{EPSILON, Norm};
use crate::network::unet::FILTERS;
use crate::network::upsample::Upsample;
use crate::network::window::Window;
use crate::picture::PLANES;

/// Number of times that the picture is halved.
pub const HALVINGS: usize = 2;
/// The first and the last convolution, after reflection padding by three pixels.
pub const WIDE: Window = Window {
    kernel: 7,
    stride: 1,
    padding: [0, 0],
};
/// A convolution that halves the picture.
pub const HALVE: Window = Window {
    kernel: 3,
    stride: 2,
    padding: [1, 1],
};
/// The convolution that a doubling layer transposes; its padding after the last pixel is one smaller.
pub const DOUBLE: Window = Window {
    kernel: 3,
    stride: 2,
    padding: [1, 0],
};
/// A block's convolutions, after reflection padding by one pixel.
pub const NARROW: Window = Window {
    kernel: 3,
    stride: 1,
    padding: [0, 0],
};

/// The configuration of a ResNet generator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResnetConfig {
    /// Channels of the input image, 1 to 256.
    pub in_channels: usize,
    /// Channels of the output image, 1 to 256.
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
        within("in_channels", self.in_channels, PLANES)?;
        within("out_channels", self.out_channels, PLANES)?;
        within("filters", self.filters, FILTERS)?;
        within("blocks", self.blocks, 1..=32)?;
        below_one("dropout", self.dropout)
    }

    /// Whether convolutions before a norm have a bias: they need one where there is no norm.
    pub fn has_bias(&self) -> bool {
        self.bias_before_norm || self.norm == Norm::None
    }

    /// Describes the network for an input of `shape`.
    pub fn layers(&self, shape: Shape) -> LayerGraph {
        let [few, more, many] = [1, 2, 4].map(|times| self.filters * times);
        let graph = &mut LayerGraph::new("generator");
        let x = graph.input("source", shape);
        let x = graph.reflection_pad("first.pad", 3, x);
        let x = self.layer(graph, "first", few, WIDE, x);
        let mut x = graph.elementwise("first.relu", Op::Relu, x);
        for (index, width) in [more, many].into_iter().enumerate() {
            x = self.layer(graph, &format!("down.{index}"), width, HALVE, x);
            x = graph.elementwise(&format!("down.{index}.relu"), Op::Relu, x);
        }
        for index in 0..self.blocks {
            let name = |part: &str| format!("blocks.{index}.{part}");
            let y = graph.reflection_pad(&name("first.pad"), 1, x);
            let y = self.layer(graph, &name("first"), many, NARROW, y);
            let mut y = graph.elementwise(&name("first.relu"), Op::Relu, y);
            if self.dropout > 0.0 {
                y = graph.elementwise(&name("dropout"), Op::Dropout(self.dropout), y);
            }
            let y = graph.reflection_pad(&name("second.pad"), 1, y);
            let y = self.layer(graph, &name("second"), many, NARROW, y);
            x = graph.plain(&name("add"), Op::Add, graph.layers[x].output, &[x, y]);
        }
        for (index, width) in [more, few].into_iter().enumerate() {
            let name = |part: &str| format!("up.{index}.{part}");
            let filters = Filters {
                outputs: width,
                window: DOUBLE,
                bias: self.has_bias(),
            };
            x = graph.up(&name("conv"), self.upsample, filters, x);
            x = graph.norm(&name("norm"), self.norm, EPSILON, x);
            x = graph.elementwise(&name("relu"), Op::Relu, x);
        }
        x = graph.reflection_pad("output.pad", 3, x);
        let filters = Filters {
            outputs: self.out_channels,
            window: WIDE,
            bias: true,
        };
        x = graph.conv("output", filters, x);
        graph.elementwise("tanh", Op::Tanh, x);
        std::mem::take(graph)
    }

    /// Adds a convolution and its normalization.
    fn layer(
        &self,
        graph: &mut LayerGraph,
        name: &str,
        width: usize,
        window: Window,
        input: usize,
    ) -> usize {
        let filters = Filters {
            outputs: width,
            window,
            bias: self.has_bias(),
        };
        let x = graph.conv(&format!("{name}.conv"), filters, input);
        graph.norm(&format!("{name}.norm"), self.norm, EPSILON, x)
    }
}
