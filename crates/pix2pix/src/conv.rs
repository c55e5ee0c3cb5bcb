//! The convolutions of both networks, built with the paper's initial weights.

use burn::nn::conv::{Conv2d, Conv2dConfig, ConvTranspose2d, ConvTranspose2dConfig};
use burn::nn::{Initializer, PaddingConfig2d};
use burn::tensor::Device;

use crate::init::WeightInit;

/// A square convolution.
pub struct ConvSpec {
    /// Channels in and out.
    pub channels: [usize; 2],
    /// Kernel side.
    pub kernel: usize,
    /// Step of the window (of the output's window, when transposed).
    pub stride: usize,
    /// Zeros before and after, in both directions.
    pub padding: [usize; 2],
    /// Whether it has a bias.
    pub bias: bool,
}

/// A convolution, weights `[out, in, kernel, kernel]`.
pub fn conv(spec: &ConvSpec, init: &mut WeightInit, device: &Device) -> Conv2d {
    let [before, after] = spec.padding;
    let [from, to] = spec.channels;
    let mut conv = Conv2dConfig::new(spec.channels, [spec.kernel; 2])
        .with_stride([spec.stride; 2])
        .with_padding(PaddingConfig2d::Explicit(before, before, after, after))
        .with_bias(spec.bias)
        .with_initializer(Initializer::Zeros)
        .init(device);
    conv.weight = init.normal([to, from, spec.kernel, spec.kernel], 0.0, device);
    conv
}

/// A transposed convolution, weights `[in, out, kernel, kernel]`; its padding must be symmetric.
pub fn conv_transpose(spec: &ConvSpec, init: &mut WeightInit, device: &Device) -> ConvTranspose2d {
    let [from, to] = spec.channels;
    let mut conv = ConvTranspose2dConfig::new(spec.channels, [spec.kernel; 2])
        .with_stride([spec.stride; 2])
        .with_padding([spec.padding[0]; 2])
        .with_bias(spec.bias)
        .with_initializer(Initializer::Zeros)
        .init(device);
    conv.weight = init.normal([from, to, spec.kernel, spec.kernel], 0.0, device);
    conv
}
