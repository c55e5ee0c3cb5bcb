//! The decoder of a U-Net discriminator, which classifies each pixel as real or generated (Schönfeld et al. 2020, "A U-Net
//! Based Discriminator for Generative Adversarial Networks", section 3.1). Its encoder is the PatchGAN, whose decisions on
//! patches stay.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use pix2pix_runtime::network::norm::EPSILON;
use pix2pix_runtime::network::unet::LEAK;
use pix2pix_runtime::network::upsample::{FUSED, KEEP};
use pix2pix_runtime::network::{Filters, LayerGraph, Norm, Op, Upsample};

use crate::backend::activation::join;
use crate::backend::window::ConvSpec;
use crate::network::conv::Conv;
use crate::network::init::WeightInit;
use crate::network::norm::{NormLayer, layer, norm_and_activate};
use crate::network::up_conv::UpConv;

/// The shape of a decoder.
pub struct DecoderConfig<'a> {
    /// Output channels of the encoder's levels, each of half the size of the one before.
    pub widths: &'a [usize],
    /// Normalization of the blocks.
    pub norm: Norm,
    /// Whether convolutions before a norm have a bias.
    pub bias_before_norm: bool,
    /// Whether to divide the weights by their largest singular value.
    pub spectral_norm: bool,
}

/// The decoder.
#[derive(Module, Debug)]
pub struct PixelDecoder {
    /// The blocks, the innermost first.
    pub blocks: Vec<UpBlock>,
    /// The 1-channel resize-convolution to the size of the picture.
    pub output: UpConv,
}

/// A block: resize-convolution, normalization, LeakyReLU.
#[derive(Module, Debug)]
pub struct UpBlock {
    /// Resize-convolution, 3x3.
    pub conv: UpConv,
    /// `None` if the network has no normalization.
    pub norm: Option<NormLayer>,
}

impl DecoderConfig<'_> {
    /// Builds the decoder on `device`.
    pub fn init_with(&self, init: &mut WeightInit, device: &Device) -> PixelDecoder {
        let up = |channels, bias, init: &mut WeightInit| {
            let conv = Conv::new(channels, KEEP, bias, init, device);
            UpConv::Resize(match self.spectral_norm {
                true => conv.spectrally_normalized(init, device),
                false => conv,
            })
        };
        let (innermost, outer) = self.widths.split_last().expect("an encoder has levels");
        let (mut blocks, mut channels) = (Vec::new(), *innermost);
        for width in outer.iter().rev() {
            blocks.push(UpBlock {
                conv: up([channels, *width], self.has_bias(), init),
                norm: layer(self.norm, *width, init, device),
            });
            channels = 2 * width; // with the skip
        }
        PixelDecoder {
            blocks,
            output: up([channels, 1], true, init),
        }
    }

    fn has_bias(&self) -> bool {
        self.norm == Norm::None || self.bias_before_norm
    }

    /// Adds the decoder to a layer graph, behind the encoder's `levels`.
    pub fn describe(&self, graph: &mut LayerGraph, levels: &[usize]) {
        let up = |graph: &mut LayerGraph, name: &str, outputs, bias, input| {
            let filters = Filters {
                outputs,
                window: FUSED,
                bias,
            };
            let at = graph.up(name, Upsample::Resize, filters, input);
            if self.spectral_norm {
                // its singular vector
                graph.layers[at].non_trainable = outputs;
            }
            at
        };
        let (innermost, outer) = levels.split_last().expect("an encoder has levels");
        let mut x = *innermost;
        for (index, skip) in outer.iter().rev().enumerate() {
            let name = |part: &str| format!("decoder.blocks.{index}.{part}");
            let width = graph.layers[*skip].output[0];
            x = up(graph, &name("conv"), width, self.has_bias(), x);
            x = graph.norm(&name("norm"), self.norm, EPSILON, x);
            x = graph.elementwise(&name("leaky_relu"), Op::LeakyRelu(LEAK), x);
            x = graph.concat(&name("concat"), &[x, *skip]);
        }
        up(graph, "decoder.output", 1, true, x);
    }
}

impl PixelDecoder {
    /// Logits of each pixel, `[batch, 1, height, width]`, from the outputs of the encoder's `levels`, the outermost first:
    /// `[batch, channels, height / 2, width / 2]`, a quarter, and so on. Each of `parts` of the batch is normalized by itself.
    pub fn forward(&self, mut levels: Vec<Tensor<4>>, parts: usize) -> Tensor<4> {
        let mut x = levels.pop().expect("an encoder has levels");
        for (block, skip) in self.blocks.iter().zip(levels.into_iter().rev()) {
            let up = norm_and_activate(&block.norm, block.conv.forward(x), LEAK, parts);
            x = join(up, skip, 1.0); // [batch, 2 width, ..]
        }
        self.output.forward(x)
    }

    /// The window and the arithmetic of each convolution, mutable.
    pub fn specs_mut(&mut self) -> impl Iterator<Item = &mut ConvSpec> {
        let convs = self.blocks.iter_mut().map(|block| &mut block.conv);
        convs.chain([&mut self.output]).map(UpConv::spec_mut)
    }

    /// Its normalization layers, mutable.
    pub fn norms_mut(&mut self) -> impl Iterator<Item = &mut NormLayer> {
        self.blocks.iter_mut().flat_map(|block| &mut block.norm)
    }
}
