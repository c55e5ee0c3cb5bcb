//! Upsampling in a decoder.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::backend;
use crate::backend::precision::Factors;
use crate::backend::taps::four_taps;
use crate::backend::window::{ConvSpec, Window};
use crate::choice::choices;
use crate::network::conv::{Conv, ConvTranspose};
use crate::network::init::WeightInit;
use crate::network::layer_graph::{LayerGraph, Op};

/// How a decoder doubles a picture's size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Upsample {
    /// A transposed convolution, as in the paper.
    #[default]
    Transposed,
    /// Nearest-neighbour upsampling, then a 3x3 convolution: no checkerboard artifacts (Odena, Dumoulin and Olah
    /// 2016).
    Resize,
}

choices!(Upsample, "upsampling",
    Transposed: "transposed", "Transposed convolution, as in the paper";
    Resize: "resize", "Nearest-neighbour upsampling and a 3x3 convolution, free of checkerboard artifacts (Odena et al. 2016)";
);

/// A 3x3 convolution that keeps the size.
const KEEP: Window = Window {
    kernel: 3,
    stride: 1,
    padding: [1, 1],
};

/// The convolution whose transpose fuses a resize and a convolution with [`KEEP`].
const HALVE: Window = Window {
    kernel: 4,
    stride: 2,
    padding: [1, 1],
};

/// A convolution that doubles a picture's size.
#[derive(Module, Debug)]
pub enum UpConv {
    /// A transposed convolution.
    Transposed(ConvTranspose),
    /// A convolution after a resize.
    Resize(Conv),
}

impl UpConv {
    /// An upsampling of `[from, to]` channels with initial weights. `halve` is the convolution that
    /// [`Upsample::Transposed`] transposes.
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

    /// The window and the arithmetic, mutable.
    pub(crate) fn spec_mut(&mut self) -> &mut ConvSpec {
        match self {
            Self::Transposed(conv) => conv.spec_mut(),
            Self::Resize(conv) => conv.spec_mut(),
        }
    }

    /// From `[batch, channels in, height, width]` to `[batch, channels out, 2 height, 2 width]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Transposed(conv) => conv.forward(x),
            Self::Resize(conv) => conv.add_bias(resize_conv(x, conv.weight.val(), conv.factors())),
        }
    }

    /// Adds this layer to a layer graph.
    pub fn describe(&self, graph: &mut LayerGraph, name: &str, input: usize) -> usize {
        match self {
            Self::Transposed(conv) => graph.conv_transpose(name, conv, input),
            Self::Resize(conv) => {
                let [channels, height, width] = graph.layers[input].output;
                let doubled = [channels, 2 * height, 2 * width];
                let resized =
                    graph.plain(&format!("{name}.resize"), Op::Upsample, doubled, &[input]);
                graph.conv(name, conv, resized)
            }
        }
    }
}

/// Resizes `x`, `[batch, channels in, height, width]`, to twice its size and convolves it with `weight`,
/// `[channels out, channels in, 3, 3]`.
///
/// A resize makes four equal pixels of each, so the nine taps fall on only four pixels. One transposed convolution
/// with sums of the taps is less than half the work and never stores the resized picture.
fn resize_conv(x: Tensor<4>, weight: Tensor<4>, factors: Factors) -> Tensor<4> {
    let [.., height, width] = x.dims();
    let spec = ConvSpec {
        window: HALVE,
        factors,
    };
    backend::conv::conv_transpose(x, four_taps(weight), spec, [2 * height, 2 * width], None)
}
