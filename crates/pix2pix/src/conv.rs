//! The convolutions of both networks.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use crate::conv_backend;
use crate::init::WeightInit;
use crate::layer_graph::Window;

/// A convolution.
#[derive(Module, Debug)]
pub struct Conv {
    /// `[channels out, channels in, kernel, kernel]`.
    pub weight: Param<Tensor<4>>,
    /// `[channels out]`.
    pub bias: Option<Param<Tensor<1>>>,
    #[module(skip)]
    window: Window,
}

/// A transposed convolution with symmetric padding.
#[derive(Module, Debug)]
pub struct ConvTranspose {
    /// `[channels in, channels out, kernel, kernel]`.
    pub weight: Param<Tensor<4>>,
    /// `[channels out]`.
    pub bias: Option<Param<Tensor<1>>>,
    #[module(skip)]
    window: Window,
}

impl Conv {
    /// A convolution of `[from, to]` channels with initial weights, its bias zero.
    pub fn new(
        [from, to]: [usize; 2],
        window: Window,
        bias: bool,
        init: &mut WeightInit,
        device: &Device,
    ) -> Self {
        Self {
            weight: init.normal([to, from, window.kernel, window.kernel], 0.0, device),
            bias: bias.then(|| init.zeros([to], device)),
            window,
        }
    }

    /// From `[batch, channels in, height, width]` to `[batch, channels out, ..]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        add(
            conv_backend::conv(x, self.weight.val(), self.window),
            &self.bias,
        )
    }

    /// Its window.
    pub fn window(&self) -> Window {
        self.window
    }
}

impl ConvTranspose {
    /// A transposed convolution of `[from, to]` channels with initial weights, its bias zero.
    /// `window` is that of the convolution that it transposes.
    pub fn new(
        [from, to]: [usize; 2],
        window: Window,
        bias: bool,
        init: &mut WeightInit,
        device: &Device,
    ) -> Self {
        Self {
            weight: init.normal([from, to, window.kernel, window.kernel], 0.0, device),
            bias: bias.then(|| init.zeros([to], device)),
            window,
        }
    }

    /// From `[batch, channels in, height, width]` to `[batch, channels out, ..]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [.., height, width] = x.dims();
        let side = [height, width].map(|side| self.output_side(side));
        let weight = self.weight.val();
        add(
            conv_backend::conv_transpose(x, weight, self.window, side),
            &self.bias,
        )
    }

    /// Output side for an input side.
    pub fn output_side(&self, input: usize) -> usize {
        let [before, after] = self.window.padding;
        (input - 1) * self.window.stride + self.window.kernel - before - after
    }
}

/// Adds a bias to its channels.
fn add(x: Tensor<4>, bias: &Option<Param<Tensor<1>>>) -> Tensor<4> {
    match bias {
        Some(bias) => {
            let channels = x.dims()[1];
            x + bias.val().reshape([1, channels, 1, 1])
        }
        None => x,
    }
}
