//! The generator: a U-Net (paper, section 3.2.1 and appendix 6.1.1).
//!
//! Encoder C64-C128-C256-C512-C512-C512-C512-C512, decoder
//! CD512-CD1024-CD1024-C1024-C1024-C512-C256-C128 (channels after concatenation with the skip), for 256x256 pixels.
//! Other sizes have as many levels as it takes to reach one pixel.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::backend::activation::{join, tanh};
use crate::backend::window::{ConvSpec, Window};
use crate::error::{Error, Result, below_one, setting, within};
use crate::network::batch_norm::EPSILON;
use crate::network::conv::Conv;
use crate::network::init::WeightInit;
use crate::network::layer_graph::{LayerGraph, Op, Shape};
use crate::network::layers::Layers;
use crate::network::noise::Noise;
use crate::network::norm::{Norm, NormLayer, norm_with, with_epsilon};
use crate::network::norm_statistics::Norms;
use crate::network::up_conv::{UpConv, Upsample};

/// Slope of every LeakyReLU (paper, appendix 6.1).
pub const LEAK: f64 = 0.2;
/// Slope at which a LeakyReLU is a ReLU.
const RELU: f64 = 0.0;
/// Every convolution of the U-Net halves the picture, every transposed one doubles it.
const HALVE: Window = Window {
    kernel: 4,
    stride: 2,
    padding: [1, 1],
};
/// Allowed numbers of levels of a U-Net.
pub const DEPTHS: std::ops::RangeInclusive<usize> = 2..=10;
/// Allowed numbers of channels of an image.
pub const CHANNELS: std::ops::RangeInclusive<usize> = 1..=16;

/// Allowed epsilons of batch normalization.
const EPSILONS: std::ops::RangeInclusive<f64> = 1e-12..=1.0;

/// Filters of the first block that a network may have.
pub const FILTERS: std::ops::RangeInclusive<usize> = 1..=1024;

/// The configuration of a U-Net.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)] // files of earlier versions lack the newest fields
pub struct UnetConfig {
    /// Channels of the input image, 1 to 16.
    pub in_channels: usize,
    /// Channels of the output image, 1 to 16.
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
    /// Whether every convolution has a bias, as in the Keras tutorial, instead of the output layer
    /// alone, as in the paper's Torch code.
    pub bias_before_norm: bool,
    /// How the decoder doubles the picture's size.
    pub upsample: Upsample,
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
            epsilon: EPSILON,
        }
    }
}

impl UnetConfig {
    /// The largest depth whose halvings divide both sides (in pixels), at most 10: 6 for 64, 8 for 256 and for
    /// 512x256, 10 for 1024.
    ///
    /// # Errors
    /// When a side is not a multiple of 64: too few levels for the network to see the whole picture.
    pub fn depth_for(sides: [usize; 2]) -> Result<usize> {
        let mut depth = *DEPTHS.end();
        for side in sides {
            check_side(side, 6)?;
            depth = depth.min(side.trailing_zeros() as usize);
        }
        Ok(depth)
    }

    /// Output channels of encoder block `level`.
    fn width(&self, level: usize) -> usize {
        self.filters << level.min(3)
    }

    /// Checks the configuration.
    ///
    /// # Errors
    /// Names the value that is out of range and the range.
    pub fn validate(&self) -> Result<()> {
        within("in_channels", self.in_channels, CHANNELS)?;
        within("out_channels", self.out_channels, CHANNELS)?;
        within("filters", self.filters, FILTERS)?;
        within("depth", self.depth, DEPTHS)?;
        setting("epsilon", self.epsilon, EPSILONS)?;
        let [first, end] = self.dropout_blocks;
        setting("dropout_blocks[0]", first, 0..=end)?;
        below_one("dropout", self.dropout)
    }

    /// Builds the network on `device` with initial weights, which are the same in every call.
    ///
    /// # Errors
    /// When [`validate`](Self::validate) fails.
    pub fn init(&self, device: &Device) -> Result<Unet> {
        self.init_with(&mut WeightInit::generator(0), device)
    }

    /// As [`init`](Self::init), with weights from `init`: those of another seed, or none yet.
    ///
    /// # Errors
    /// When [`validate`](Self::validate) fails.
    pub fn init_with(&self, init: &mut WeightInit, device: &Device) -> Result<Unet> {
        self.validate()?;
        let norm = |channels, init: &mut WeightInit| {
            with_epsilon(self.norm.layer(channels, init, device), self.epsilon)
        };
        let up = |channels, bias, init: &mut WeightInit| {
            UpConv::new(self.upsample, channels, HALVE, bias, init, device)
        };
        let bias = self.bias_before_norm;

        let mut encoder = Vec::with_capacity(self.depth);
        let mut channels = self.in_channels;
        for level in 0..self.depth {
            let width = self.width(level);
            let inner = level > 0 && level + 1 < self.depth;
            encoder.push(Down {
                conv: Conv::new([channels, width], HALVE, bias, init, device),
                norm: inner.then(|| norm(width, init)).flatten(),
            });
            channels = width;
        }

        let mut decoder = Vec::with_capacity(self.depth - 1);
        for (block, level) in (0..self.depth - 1).rev().enumerate() {
            let width = self.width(level);
            decoder.push(Up {
                conv: up([channels, width], bias, init),
                norm: norm(width, init),
                dropout: match self.dropout_blocks {
                    [first, end] if (first..end).contains(&block) => self.dropout,
                    _ => 0.0,
                },
            });
            channels = 2 * width; // the skip doubles it
        }

        Ok(Unet {
            encoder,
            decoder,
            output: up([channels, self.out_channels], true, init),
            config: self.clone(),
        })
    }
}

/// Checks one side of an image, in pixels, against the number of halvings.
pub(crate) fn check_side(side: usize, depth: usize) -> Result<()> {
    let unit = 1 << depth;
    if side > 0 && side.is_multiple_of(unit) {
        return Ok(());
    }
    let nearest = ((side + unit / 2) / unit).max(1) * unit;
    Err(Error::Config(format!(
        "an image side of {side} pixels does not fit {depth} halvings: it must be a multiple of \
         {unit}; the nearest size that works is {nearest}"
    )))
}

/// An encoder block: convolution, normalization, activation.
#[derive(Module, Debug)]
pub struct Down {
    /// 4x4, stride 2.
    pub conv: Conv,
    /// `None` on the first block and the bottleneck.
    pub norm: Option<NormLayer>,
}

impl Down {
    /// `slope` is that of the activation below zero.
    fn forward(&self, x: Tensor<4>, slope: f64, norms: &mut Norms) -> Option<Tensor<4>> {
        let x = self.conv.forward(x); // [batch, width, height / 2, width / 2]
        norm_with(&self.norm, x, slope, norms)
    }
}

/// A decoder block: transposed convolution, normalization, dropout, ReLU.
#[derive(Module, Debug)]
pub struct Up {
    /// Transposed convolution, 4x4 with stride 2, or a resize-convolution.
    pub conv: UpConv,
    /// `None` if the network has no normalization.
    pub norm: Option<NormLayer>,
    /// Dropout rate, 0 for none.
    pub dropout: f64,
}

impl Up {
    fn forward(&self, x: Tensor<4>, noise: &mut Noise, norms: &mut Norms) -> Option<Tensor<4>> {
        let x = self.conv.forward(x); // [batch, width, 2 height, 2 width]
        let x = norm_with(&self.norm, x, RELU, norms)?;
        // dropout scales by zero or a positive number: before or after a ReLU is the same
        Some(noise.dropout(x, self.dropout))
    }
}

/// The U-Net generator.
#[derive(Module, Debug)]
pub struct Unet {
    /// Encoder blocks, the bottleneck last.
    pub encoder: Vec<Down>,
    /// Decoder blocks, the innermost first.
    pub decoder: Vec<Up>,
    /// The last convolution, before the tanh.
    pub output: UpConv,
    /// The configuration that it was built from.
    #[module(skip)]
    config: UnetConfig,
}

impl Unet {
    /// The configuration that it was built from.
    pub fn config(&self) -> &UnetConfig {
        &self.config
    }

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
        let (bottleneck, levels) = self.encoder.split_last().expect("at least two levels");
        let mut skips = Vec::with_capacity(levels.len());
        let mut x = source;
        for down in levels {
            x = down.forward(x, LEAK, norms)?; // [batch, 64.., height / 2^level, ..]
            skips.push(x.clone());
        }
        x = bottleneck.forward(x, RELU, norms)?; // [batch, 512, height / 2^depth, width / 2^depth]
        for (up, skip) in self.decoder.iter().zip(skips.into_iter().rev()) {
            // the ReLU after the concatenation is applied to each half: the decoder's is fused into its norm
            x = join(up.forward(x, noise, norms)?, skip, RELU); // [batch, 2 width, ..]
        }
        Some(tanh(self.output.forward(x))) // [batch, out_channels, height, width]
    }

    /// Its normalization layers, in the order of the pass.
    pub fn norms(&self) -> Vec<&NormLayer> {
        let norms = self.encoder.iter().map(|down| &down.norm);
        norms
            .chain(self.decoder.iter().map(|up| &up.norm))
            .flatten()
            .collect()
    }

    /// Describes the network for an input of `shape`.
    pub fn layers(&self, shape: Shape) -> LayerGraph {
        let mut graph = LayerGraph::new("generator");
        let mut x = graph.input("source", shape);
        let mut skips = Vec::new();
        let last = self.encoder.len() - 1;
        for (level, down) in self.encoder.iter().enumerate() {
            let name = |part: &str| format!("encoder.{level}.{part}");
            x = graph.conv(&name("conv"), &down.conv, x);
            if let Some(norm) = &down.norm {
                x = graph.norm(&name("norm"), norm, x);
            }
            if level == last {
                x = graph.elementwise(&name("relu"), Op::Relu, x);
            } else {
                x = graph.elementwise(&name("leaky_relu"), Op::LeakyRelu(LEAK), x);
                skips.push(x);
            }
        }
        for (block, up) in self.decoder.iter().enumerate() {
            let name = |part: &str| format!("decoder.{block}.{part}");
            x = up.conv.describe(&mut graph, &name("conv"), x);
            if let Some(norm) = &up.norm {
                x = graph.norm(&name("norm"), norm, x);
            }
            if up.dropout > 0.0 {
                x = graph.elementwise(&name("dropout"), Op::Dropout(up.dropout), x);
            }
            let skip = skips.pop().expect("one skip for each decoder block");
            x = graph.concat(&name("concat"), &[x, skip]);
            x = graph.elementwise(&name("relu"), Op::Relu, x);
        }
        x = self.output.describe(&mut graph, "output", x);
        graph.elementwise("tanh", Op::Tanh, x);
        graph
    }
}

impl Layers for Unet {
    fn specs_mut(&mut self) -> Vec<&mut ConvSpec> {
        let down = self.encoder.iter_mut().map(|down| down.conv.spec_mut());
        let up = self.decoder.iter_mut().map(|up| &mut up.conv);
        let up = up.chain([&mut self.output]);
        down.chain(up.map(UpConv::spec_mut)).collect()
    }

    fn norms_mut(&mut self) -> Vec<&mut NormLayer> {
        let down = self.encoder.iter_mut().map(|down| &mut down.norm);
        let up = self.decoder.iter_mut().map(|up| &mut up.norm);
        down.chain(up).flatten().collect()
    }
}
