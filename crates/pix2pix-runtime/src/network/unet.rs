//! The generator: a U-Net (paper, section 3.2.1 and appendix 6.1.1).
//!
//! Encoder C64-C128-C256-C512-C512-C512-C512-C512, decoder
//! CD512-CD1024-CD1024-C1024-C1024-C512-C256-C128 (channels after concatenation with the skip), for 256x256 pixels.
//! Other sizes have as many levels as it takes to reach one pixel.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, setting, within};
use crate::network::dropout;
use crate::network::layer_graph::{Filters, LayerGraph, Op, Shape};
use crate::network::norm::{EPSILON, Norm};
use crate::network::upsample::{KEEP, Upsample};
use crate::network::window::Window;
use crate::picture::PLANES;
use crate::words::count;

/// Slope of every LeakyReLU (paper, appendix 6.1).
pub const LEAK: f64 = 0.2;
/// The convolution of each level, which halves the picture; the transposed one doubles it.
pub const LEVEL: Window = Window {
    kernel: 4,
    stride: 2,
    padding: [1, 1],
};
/// Allowed numbers of levels of a U-Net.
const DEPTHS: std::ops::RangeInclusive<usize> = 2..=10;
/// Allowed epsilons of batch normalization.
const EPSILONS: std::ops::RangeInclusive<f64> = 1e-12..=1.0;

/// Filters of the first block that a network may have.
pub const FILTERS: std::ops::RangeInclusive<usize> = 1..=1024;

/// The configuration of a U-Net.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)] // files of earlier versions lack the newest fields
pub struct UnetConfig {
    /// Channels of the input image, 1 to 256.
    pub in_channels: usize,
    /// Channels of the output image, 1 to 256.
    pub out_channels: usize,
    /// Channels of the first encoder block; deeper ones double it up to eightfold. Paper: 64.
    pub filters: usize,
    /// Number of halvings; input sides must be multiples of 2^depth. Paper: 8, for 256x256.
    pub depth: usize,
    /// Dropout rate. Paper: 0.5.
    pub dropout: f64,
    /// Half-open range of decoder blocks that have dropout, counted from the innermost. Paper: the first three; the
    /// public PyTorch port has it in the three after the innermost.
    pub dropout_blocks: [usize; 2],
    /// Normalization; never on the first encoder block, the bottleneck and the output.
    pub norm: Norm,
    /// Whether every convolution has a bias, as in the Keras tutorial, instead of the output layer alone, as in the public
    /// PyTorch port. The paper's Torch code gives one to every convolution and sets all of them to zero before each pass, the
    /// output's too. Without a norm, nothing else shifts the values.
    pub bias_before_norm: bool,
    /// How the decoder doubles the picture's size.
    pub upsample: Upsample,
    /// Whether the last layer sees the source at its full size too: two 3x3 convolutions, with half of `filters` channels, a
    /// normalization and a LeakyReLU between them, lead from it to the output before the tanh. In the paper, the finest skip has
    /// half the source's size, so the finest details must fit into its channels; Ronneberger et al. 2015, figure 1, have one of
    /// the full size.
    pub input_skip: bool,
    /// Epsilon of batch normalization: 1e-5 as in Torch, 1e-3 in Keras' models.
    pub epsilon: f64,
}

impl Default for UnetConfig {
    fn default() -> Self {
        Self {
            in_channels: 3,
            out_channels: 3,
            filters: 64,
            depth: 8,
            dropout: 0.5,
            dropout_blocks: [0, 3],
            norm: Norm::Batch,
            bias_before_norm: false,
            upsample: Upsample::Transposed,
            input_skip: false,
            epsilon: EPSILON,
        }
    }
}

impl UnetConfig {
    /// The largest depth whose halvings divide both sides (in pixels), at most 10: 6 for 64, 8 for 256 and for
    /// 512x256, 10 for 1024.
    ///
    /// # Errors
    /// When a side is not a multiple of 64: too few levels for the network to see the whole picture. A depth of 4 or 5 that
    /// would fit is named.
    pub fn depth_for(sides: [usize; 2]) -> Result<usize> {
        let halvings = sides.map(|side| side.trailing_zeros() as usize);
        let depth = halvings[0].min(halvings[1]).min(*DEPTHS.end());
        for side in sides {
            check_side(side, 6).map_err(|error| match depth {
                4..=5 => Error::Config(format!("{error}, or choose `depth` {depth}")),
                _ => error,
            })?;
        }
        Ok(depth)
    }

    /// Output channels of encoder block `level`.
    pub fn width(&self, level: usize) -> usize {
        self.filters << level.min(3)
    }

    /// Channels between the source and the output, with `input_skip`.
    pub fn detail(&self) -> usize {
        self.filters.div_ceil(2)
    }

    /// Checks the configuration.
    ///
    /// # Errors
    /// Names the value that is out of range and the range.
    pub fn validate(&self) -> Result<()> {
        within("in_channels", self.in_channels, PLANES)?;
        within("out_channels", self.out_channels, PLANES)?;
        within("filters", self.filters, FILTERS)?;
        within("depth", self.depth, DEPTHS)?;
        setting("epsilon", self.epsilon, EPSILONS)?;
        let [first, end] = self.dropout_blocks;
        setting("dropout_blocks[0]", first, 0..=end)?;
        dropout::check(self.dropout)
    }

    /// Dropout rate of decoder block `block`; 0 for none.
    pub fn dropout_of(&self, block: usize) -> f64 {
        let [first, end] = self.dropout_blocks;
        match (first..end).contains(&block) {
            true => self.dropout,
            false => 0.0,
        }
    }

    /// Describes the network for an input of `shape`.
    pub fn layers(&self, shape: Shape) -> LayerGraph {
        let mut graph = LayerGraph::new("generator");
        let source = graph.input("source", shape);
        let mut x = source;
        let mut skips = Vec::new();
        let last = self.depth - 1;
        for level in 0..self.depth {
            let name = |part: &str| format!("encoder.{level}.{part}");
            let filters = Filters {
                outputs: self.width(level),
                window: LEVEL,
                bias: self.bias_before_norm,
            };
            x = graph.conv(&name("conv"), filters, x);
            if level > 0 && level < last {
                x = graph.norm(&name("norm"), self.norm, self.epsilon, x);
            }
            if level == last {
                x = graph.elementwise(&name("relu"), Op::Relu, x);
            } else {
                x = graph.elementwise(&name("leaky_relu"), Op::LeakyRelu(LEAK), x);
                skips.push(x);
            }
        }
        for block in 0..last {
            let name = |part: &str| format!("decoder.{block}.{part}");
            let width = self.width(last - 1 - block);
            let filters = Filters {
                outputs: width,
                window: LEVEL,
                bias: self.bias_before_norm,
            };
            x = graph.up(&name("conv"), self.upsample, filters, x);
            x = graph.norm(&name("norm"), self.norm, self.epsilon, x);
            let rate = self.dropout_of(block);
            if rate > 0.0 {
                x = graph.elementwise(&name("dropout"), Op::Dropout(rate), x);
            }
            let skip = skips.pop().expect("one skip for each decoder block");
            x = graph.concat(&name("concat"), &[x, skip]);
            x = graph.elementwise(&name("relu"), Op::Relu, x);
        }
        let filters = Filters {
            outputs: self.out_channels,
            window: LEVEL,
            bias: true,
        };
        x = graph.up("output", self.upsample.of_output(), filters, x);
        if self.input_skip {
            let detail = Filters {
                outputs: self.detail(),
                window: KEEP,
                bias: self.bias_before_norm,
            };
            let direct = graph.conv("input_skip.first", detail, source);
            let direct = graph.norm("input_skip.norm", self.norm, self.epsilon, direct);
            let direct = graph.elementwise("input_skip.leaky_relu", Op::LeakyRelu(LEAK), direct);
            let last = Filters {
                window: KEEP,
                bias: false,
                ..filters
            };
            let direct = graph.conv("input_skip.last", last, direct);
            let output = graph.layers[x].output;
            x = graph.plain("add", Op::Add, output, &[x, direct]);
        }
        graph.elementwise("tanh", Op::Tanh, x);
        graph
    }
}

/// Checks one side of an image, in pixels, against the number of halvings.
///
/// # Errors
/// Names the nearest side that fits.
pub fn check_side(side: usize, depth: usize) -> Result<()> {
    let unit = 1 << depth;
    if side > 0 && side.is_multiple_of(unit) {
        return Ok(());
    }
    let nearest = ((side + unit / 2) / unit).max(1) * unit;
    Err(Error::Config(format!(
        "an image side of {} does not fit {depth} halvings: it must be a multiple of {unit}; the nearest size that works is \
         {nearest}",
        count(side as u64, "pixel")
    )))
}
