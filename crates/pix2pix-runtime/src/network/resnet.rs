//! A generator of residual blocks (Johnson, Alahi and Fei-Fei 2016; Zhu et al. 2017, appendix 7.2):
//! c7s1-64, d128, d256, then six blocks (nine for 256x256 and more) of R256, u128, u64, c7s1-3.
//! The global generator of pix2pixHD (Wang et al. 2018, section 3.2) is one of four halvings, d128 to d1024.

use serde::{Deserialize, Serialize};

use crate::error::{Result, within};
use crate::network::dropout;
use crate::network::layer_graph::{Filters, LayerGraph, Op, Shape};
use crate::network::norm::{EPSILON, Norm};
use crate::network::unet::FILTERS;
use crate::network::upsample::Upsample;
use crate::network::window::Window;
use crate::picture::PLANES;

/// Number of halvings of the networks that are published as ResNets, and of files that do not name it.
pub const HALVINGS: usize = 2;
/// The first and the last convolution, after reflection padding by three pixels.
pub const WIDE: Window = Window {
    kernel: 7,
    stride: 1,
    padding: [0, 0],
};
/// A convolution that halves the picture.
pub const DOWN: Window = Window {
    kernel: 3,
    stride: 2,
    padding: [1, 1],
};
/// The convolution that a doubling layer transposes; its padding after the last pixel is one smaller.
pub const UP: Window = Window {
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
    /// Channels of the first layer; each halving doubles them. Published: 64.
    pub filters: usize,
    /// Number of times that the picture is halved, 1 to 6. Published: 2, and 4 in pix2pixHD.
    #[serde(default = "two")] // files of earlier versions lack it
    pub halvings: usize,
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

fn two() -> usize {
    HALVINGS
}

impl ResnetConfig {
    /// Channels at the whole size, at half of it, and so on.
    pub fn widths(&self) -> Vec<usize> {
        (0..=self.halvings)
            .map(|level| self.filters << level)
            .collect()
    }

    /// Checks the configuration.
    ///
    /// # Errors
    /// Names the value that is out of range and the range.
    pub fn validate(&self) -> Result<()> {
        within("in_channels", self.in_channels, PLANES)?;
        within("out_channels", self.out_channels, PLANES)?;
        within("filters", self.filters, FILTERS)?;
        within("halvings", self.halvings, 1..=6)?;
        within("blocks", self.blocks, 1..=32)?;
        dropout::check(self.dropout)
    }

    /// Whether convolutions before a norm have a bias: they need one where there is no norm.
    pub fn has_bias(&self) -> bool {
        self.bias_before_norm || self.norm == Norm::None
    }

    /// Describes the network for an input of `shape`.
    pub fn layers(&self, shape: Shape) -> LayerGraph {
        let graph = &mut LayerGraph::new("generator");
        let x = graph.input("source", shape);
        let x = self.features(graph, "", x);
        self.output(graph, x);
        std::mem::take(graph)
    }

    /// Adds all layers before the last padding and convolution; their names begin with `prefix`.
    pub(super) fn features(&self, graph: &mut LayerGraph, prefix: &str, input: usize) -> usize {
        let name = |part: &str, index: usize| format!("{prefix}{part}.{index}");
        let widths = self.widths();
        let mut x = self.first(graph, &format!("{prefix}first"), widths[0], input);
        for (index, &width) in widths[1..].iter().enumerate() {
            x = self.down(graph, &name("down", index), width, x);
        }
        for index in 0..self.blocks {
            x = self.block(graph, &name("blocks", index), widths[self.halvings], x);
        }
        for (index, &width) in widths[..self.halvings].iter().rev().enumerate() {
            x = self.up(graph, &name("up", index), width, x);
        }
        x
    }

    /// Adds the first convolution, its normalization and ReLU.
    pub(super) fn first(
        &self,
        graph: &mut LayerGraph,
        name: &str,
        width: usize,
        input: usize,
    ) -> usize {
        let x = graph.reflection_pad(&format!("{name}.pad"), 3, input);
        let x = self.layer(graph, name, width, WIDE, x);
        graph.elementwise(&format!("{name}.relu"), Op::Relu, x)
    }

    /// Adds a convolution that halves the picture, its normalization and ReLU.
    pub(super) fn down(
        &self,
        graph: &mut LayerGraph,
        name: &str,
        width: usize,
        input: usize,
    ) -> usize {
        let x = self.layer(graph, name, width, DOWN, input);
        graph.elementwise(&format!("{name}.relu"), Op::Relu, x)
    }

    /// Adds a residual block.
    pub(super) fn block(
        &self,
        graph: &mut LayerGraph,
        name: &str,
        width: usize,
        input: usize,
    ) -> usize {
        let name = |part: &str| format!("{name}.{part}");
        let y = graph.reflection_pad(&name("first.pad"), 1, input);
        let y = self.layer(graph, &name("first"), width, NARROW, y);
        let mut y = graph.elementwise(&name("first.relu"), Op::Relu, y);
        if self.dropout > 0.0 {
            y = graph.elementwise(&name("dropout"), Op::Dropout(self.dropout), y);
        }
        let y = graph.reflection_pad(&name("second.pad"), 1, y);
        let y = self.layer(graph, &name("second"), width, NARROW, y);
        let shape = graph.layers[input].output;
        graph.plain(&name("add"), Op::Add, shape, &[input, y])
    }

    /// Adds a convolution that doubles the picture, its normalization and ReLU.
    pub(super) fn up(
        &self,
        graph: &mut LayerGraph,
        name: &str,
        width: usize,
        input: usize,
    ) -> usize {
        let name = |part: &str| format!("{name}.{part}");
        let filters = Filters {
            outputs: width,
            window: UP,
            bias: self.has_bias(),
        };
        let x = graph.up(&name("conv"), self.upsample, filters, input);
        let x = graph.norm(&name("norm"), self.norm, EPSILON, x);
        graph.elementwise(&name("relu"), Op::Relu, x)
    }

    /// Adds the last convolution and the tanh.
    pub(super) fn output(&self, graph: &mut LayerGraph, input: usize) -> usize {
        let x = graph.reflection_pad("output.pad", 3, input);
        let filters = Filters {
            outputs: self.out_channels,
            window: WIDE,
            bias: true,
        };
        let x = graph.conv("output", filters, x);
        graph.elementwise("tanh", Op::Tanh, x)
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
