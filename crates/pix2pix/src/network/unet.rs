//! The generator: a U-Net (paper, section 3.2.1 and appendix 6.1.1).
//!
//! Encoder C64-C128-C256-C512-C512-C512-C512-C512, decoder
//! CD512-CD1024-CD1024-C1024-C1024-C512-C256-C128 (channels after concatenation with the skip), for 256x256 pixels.
//! Other sizes have as many levels as it takes to reach one pixel.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use pix2pix_runtime::network::unet::{LEAK, LEVEL};
use pix2pix_runtime::network::upsample::KEEP;
use pix2pix_runtime::network::{LayerGraph, Shape, UnetConfig};

use crate::backend::activation::{join, tanh};
use crate::backend::window::ConvSpec;
use crate::error::Result;
use crate::network::conv::Conv;
use crate::network::init::{Init, WeightInit};
use crate::network::layers::Layers;
use crate::network::noise::Noise;
use crate::network::norm::{self, NormLayer, RELU, norm_with, with_epsilon};
use crate::network::norm_statistics::Norms;
use crate::network::up_conv::UpConv;

impl Init for UnetConfig {
    type Network = Unet;

    fn init_with(&self, init: &mut WeightInit, device: &Device) -> Result<Unet> {
        self.validate()?;
        let norm = |channels, init: &mut WeightInit| {
            with_epsilon(norm::layer(self.norm, channels, init, device), self.epsilon)
        };
        let up = |upsample, channels, bias, init: &mut WeightInit| {
            UpConv::new(upsample, channels, LEVEL, bias, init, device)
        };
        let bias = self.bias_before_norm;

        let mut encoder = Vec::with_capacity(self.depth);
        let mut channels = self.in_channels;
        for level in 0..self.depth {
            let width = self.width(level);
            let inner = level > 0 && level + 1 < self.depth;
            encoder.push(Down {
                conv: Conv::new([channels, width], LEVEL, bias, init, device),
                norm: inner.then(|| norm(width, init)).flatten(),
            });
            channels = width;
        }

        let mut decoder = Vec::with_capacity(self.depth - 1);
        for (block, level) in (0..self.depth - 1).rev().enumerate() {
            let width = self.width(level);
            decoder.push(Up {
                conv: up(self.upsample, [channels, width], bias, init),
                norm: norm(width, init),
                dropout: self.dropout_of(block),
            });
            channels = 2 * width; // the skip doubles it
        }

        Ok(Unet {
            encoder,
            decoder,
            output: up(
                self.upsample.of_output(),
                [channels, self.out_channels],
                true,
                init,
            ),
            input_skip: self.input_skip.then(|| InputSkip {
                first: Conv::new([self.in_channels, self.detail()], KEEP, bias, init, device),
                norm: norm(self.detail(), init),
                last: Conv::new(
                    [self.detail(), self.out_channels],
                    KEEP,
                    false,
                    init,
                    device,
                ),
            }),
            config: self.clone(),
        })
    }
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

/// Two convolutions at full size, with a normalization and a LeakyReLU between them.
#[derive(Module, Debug)]
pub struct InputSkip {
    /// 3x3, to half as many channels as the first encoder block has.
    pub first: Conv,
    /// Without it, what the weights begin with is too small to learn in time. `None` if the network has no normalization.
    pub norm: Option<NormLayer>,
    /// 3x3.
    pub last: Conv,
}

impl InputSkip {
    fn forward(&self, source: Tensor<4>, norms: &mut Norms) -> Option<Tensor<4>> {
        let x = norm_with(&self.norm, self.first.forward(source), LEAK, norms)?; // [batch, filters / 2, height, width]
        Some(self.last.forward(x))
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
    /// From the source to the output before the tanh; `None` in the paper.
    pub input_skip: Option<InputSkip>,
    /// The configuration that it was built from.
    #[module(skip)]
    config: UnetConfig,
}

impl Unet {
    /// The same network, whose encoder no longer learns.
    pub fn with_frozen_encoder(self) -> Self {
        Self {
            encoder: self.encoder.no_grad(),
            ..self
        }
    }

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
        let mut x = source.clone();
        for down in levels {
            x = down.forward(x, LEAK, norms)?; // [batch, 64.., height / 2^level, ..]
            skips.push(x.clone());
        }
        x = bottleneck.forward(x, RELU, norms)?; // [batch, 512, height / 2^depth, width / 2^depth]
        for (up, skip) in self.decoder.iter().zip(skips.into_iter().rev()) {
            // the ReLU after the concatenation is applied to each half: the decoder's is fused into its norm
            x = join(up.forward(x, noise, norms)?, skip, RELU); // [batch, 2 width, ..]
        }
        x = self.output.forward(x); // [batch, out_channels, height, width]
        if let Some(skip) = &self.input_skip {
            x = x + skip.forward(source, norms)?;
        }
        Some(tanh(x))
    }

    /// Describes the network for an input of `shape`.
    pub fn layers(&self, shape: Shape) -> LayerGraph {
        self.config.layers(shape)
    }

    /// Its normalization layers, in the order of the pass.
    pub fn norms(&self) -> Vec<&NormLayer> {
        let norms = self.encoder.iter().map(|down| &down.norm);
        norms
            .chain(self.decoder.iter().map(|up| &up.norm))
            .chain(self.input_skip.iter().map(|skip| &skip.norm))
            .flatten()
            .collect()
    }
}

impl Layers for Unet {
    fn specs_mut(&mut self) -> Vec<&mut ConvSpec> {
        let down = self.encoder.iter_mut().map(|down| down.conv.spec_mut());
        let up = self.decoder.iter_mut().map(|up| &mut up.conv);
        let up = up.chain([&mut self.output]);
        let direct = self.input_skip.iter_mut();
        let direct = direct.flat_map(|skip| [skip.first.spec_mut(), skip.last.spec_mut()]);
        down.chain(up.map(UpConv::spec_mut)).chain(direct).collect()
    }

    fn norms_mut(&mut self) -> Vec<&mut NormLayer> {
        let down = self.encoder.iter_mut().map(|down| &mut down.norm);
        let up = self.decoder.iter_mut().map(|up| &mut up.norm);
        let direct = self.input_skip.iter_mut().map(|skip| &mut skip.norm);
        down.chain(up).chain(direct).flatten().collect()
    }
}
