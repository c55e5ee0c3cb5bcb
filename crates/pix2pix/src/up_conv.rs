//! The ways in which a decoder doubles a picture.

use burn::module::Module;
use burn::tensor::module::interpolate;
use burn::tensor::ops::{InterpolateMode, InterpolateOptions};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::conv::{Conv, ConvTranspose};
use crate::init::WeightInit;
use crate::layer_graph::{LayerGraph, Window};

/// How a decoder doubles a picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Upsample {
    /// A transposed convolution, as in the paper.
    #[default]
    Transposed,
    /// Every pixel four times, then a 3x3 convolution, which leaves no checkerboard (Odena, Dumoulin and Olah
    /// 2016).
    Resize,
}

/// A 3x3 convolution that keeps the size.
const KEEP: Window = Window {
    kernel: 3,
    stride: 1,
    padding: [1, 1],
};

/// A convolution that doubles a picture.
#[derive(Module, Debug)]
pub enum UpConv {
    /// Transposed.
    Transposed(ConvTranspose),
    /// After a resize.
    Resize(Conv),
}

impl UpConv {
    /// One of `[from, to]` channels with initial weights; `halve` is the convolution that a transposed one
    /// transposes.
    pub fn new(
        upsample: Upsample,
        channels: [usize; 2],
        halve: Window,
        bias: bool,
        init: &mut WeightInit,
        device: &Device,
    ) -> Self {
        match upsample {
            Upsample::Transposed => {
                Self::Transposed(ConvTranspose::new(channels, halve, bias, init, device))
            }
            Upsample::Resize => Self::Resize(Conv::new(channels, KEEP, bias, init, device)),
        }
    }

    /// From `[batch, channels in, height, width]` to `[batch, channels out, 2 height, 2 width]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Transposed(conv) => conv.forward(x),
            Self::Resize(conv) => {
                let [.., height, width] = x.dims();
                let options = InterpolateOptions::new(InterpolateMode::Nearest)
                    .with_output_size([2 * height, 2 * width]);
                conv.forward(interpolate(x, options))
            }
        }
    }

    /// Adds it to a description of the network.
    pub fn describe(&self, graph: &mut LayerGraph, name: &str, input: usize) -> usize {
        match self {
            Self::Transposed(conv) => graph.conv_transpose(name, conv, input),
            Self::Resize(conv) => {
                let [channels, height, width] = graph.layers[input].output;
                let doubled = [channels, 2 * height, 2 * width];
                let resized = graph.plain(&format!("{name}.resize"), "Upsample", doubled, &[input]);
                graph.conv(name, conv, resized)
            }
        }
    }
}
