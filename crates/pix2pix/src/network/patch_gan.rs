//! The discriminator: a PatchGAN (paper, section 3.2.2 and appendix 6.1.2), which classifies each patch of a picture
//! as real or generated.

use burn::module::Module;
use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, Tensor};
use pix2pix_runtime::network::norm::EPSILON;
use pix2pix_runtime::network::unet::{FILTERS, LEAK};
use pix2pix_runtime::network::{Filters, LayerGraph, Norm, Op, Shape, Window};
use pix2pix_runtime::picture::PLANES;
use serde::{Deserialize, Serialize};

use crate::backend::activation::join;
use crate::backend::device::Precision;
use crate::backend::window::ConvSpec;
use crate::choice::choices;
use crate::error::{Error, Result, within};
use crate::network::conv::Conv;
use crate::network::init::WeightInit;
use crate::network::layers::Layers;
use crate::network::norm::{NormLayer, layer, norm_and_activate};

/// The patch size: the receptive field of one cell of the discriminator's map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Patch {
    /// One pixel: the PixelGAN, C64-C128 with 1x1 kernels.
    #[serde(rename = "pixel")]
    Pixel,
    /// 16x16 pixels: C64-C128.
    #[serde(rename = "16")]
    P16,
    /// 70x70 pixels: C64-C128-C256-C512, the paper's choice.
    #[serde(rename = "70")]
    P70,
    /// 286x286 pixels: the ImageGAN, C64-C128-C256-C512-C512-C512.
    #[serde(rename = "286")]
    P286,
    /// The Keras tutorial's discriminator: C64-C128-C256-C512-C512 with "same" padding. A 256x256 picture gives a
    /// 16x16 map, whose cells see 142x142 pixels.
    #[serde(rename = "tutorial")]
    Tutorial,
}

choices!(Patch, "patch",
    Pixel: "pixel", "1x1 pixels: the PixelGAN";
    P16: "16", "16x16 pixels";
    P70: "70", "70x70 pixels, the paper's choice";
    P286: "286", "286x286 pixels: the ImageGAN";
    Tutorial: "tutorial", "The Keras tutorial's discriminator, with a bias in every convolution";
);

impl Patch {
    /// Number of blocks before the 1-channel convolution.
    pub(crate) fn blocks(self) -> usize {
        match self {
            Self::Pixel | Self::P16 => 2,
            Self::P70 => 4,
            Self::Tutorial => 5,
            Self::P286 => 6,
        }
    }

    /// The window of layer `index`, the 1-channel convolution being the last.
    fn window(self, index: usize) -> Window {
        let strided = self.blocks() - 1; // the last block and the 1-channel convolution keep the size
        let (kernel, stride, padding) = match self {
            Self::Pixel => (1, 1, [0, 0]),
            _ if index < strided => (4, 2, [1, 1]),
            Self::Tutorial => (4, 1, [1, 2]), // "same": an even kernel pads one more after
            _ => (4, 1, [1, 1]),
        };
        Window {
            kernel,
            stride,
            padding,
        }
    }
}

/// The configuration of a PatchGAN.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)] // files of earlier versions lack the newest fields
pub struct PatchGanConfig {
    /// Channels of the source, 1 to 16.
    pub source_channels: usize,
    /// Channels of the target, 1 to 16.
    pub target_channels: usize,
    /// Channels of the first block; deeper ones double it up to eightfold. Paper: 64.
    pub filters: usize,
    /// Patch size. Paper: 70x70.
    pub patch: Patch,
    /// Normalization; never on the first block.
    pub norm: Norm,
    /// Whether convolutions before a norm have a bias, as in the Keras tutorial.
    pub bias_before_norm: bool,
    /// Whether to divide the weights of every convolution by their largest singular value (Miyato et al. 2018).
    pub spectral_norm: bool,
}

impl Default for PatchGanConfig {
    fn default() -> Self {
        Self {
            source_channels: 3,
            target_channels: 3,
            filters: 64,
            patch: Patch::P70,
            norm: Norm::Batch,
            bias_before_norm: false,
            spectral_norm: false,
        }
    }
}

impl PatchGanConfig {
    /// Checks the configuration.
    ///
    /// # Errors
    /// Names the value that is out of range.
    pub fn validate(&self) -> Result<()> {
        within("source_channels", self.source_channels, PLANES)?;
        within("target_channels", self.target_channels, PLANES)?;
        within("filters", self.filters, FILTERS)
    }

    /// Checks that images of `height` x `width` pixels give a map of at least one cell.
    ///
    /// # Errors
    /// Names the smallest accepted side.
    pub fn check_size(&self, height: usize, width: usize) -> Result<()> {
        let fits = |side: usize| {
            let side = (0..=self.patch.blocks()).fold(side, |side, index| {
                self.patch.window(index).output_side(side)
            });
            side > 0
        };
        if fits(height) && fits(width) {
            return Ok(());
        }
        let smallest = (1..).find(|&side| fits(side)).expect("some side fits");
        Err(Error::Config(format!(
            "images of {width}x{height} pixels are too small for the {} patch: both sides must be at \
             least {smallest}; choose a smaller `patch` or a larger `crop_size`",
            self.patch.name()
        )))
    }

    /// Builds the network on `device` with initial weights, which are the same in every call.
    ///
    /// # Errors
    /// When [`validate`](Self::validate) fails.
    pub fn init(&self, device: &Device) -> Result<PatchGan> {
        self.init_with(&mut WeightInit::discriminator(0), device)
    }

    /// As [`init`](Self::init), with weights from `init`: those of another seed, or none yet.
    ///
    /// # Errors
    /// When [`validate`](Self::validate) fails.
    pub fn init_with(&self, init: &mut WeightInit, device: &Device) -> Result<PatchGan> {
        self.validate()?;
        let conv = |channels, window, bias, init: &mut WeightInit| {
            let conv = Conv::new(channels, window, bias, init, device);
            match self.spectral_norm {
                true => conv.spectrally_normalized(init, device),
                false => conv,
            }
        };
        let mut blocks = Vec::new();
        let mut channels = self.source_channels + self.target_channels;
        for index in 0..self.patch.blocks() {
            let filters = self.filters_of(index);
            let width = filters.outputs;
            blocks.push(Block {
                conv: conv([channels, width], filters.window, filters.bias, init),
                norm: match index {
                    0 => None,
                    _ => layer(self.norm, width, init, device),
                },
            });
            channels = width;
        }
        let last = self.filters_of(self.patch.blocks());
        Ok(PatchGan {
            blocks,
            output: conv([channels, last.outputs], last.window, last.bias, init),
            config: self.clone(),
        })
    }

    /// The filters of block `index`, or behind the last block those of the 1-channel convolution.
    fn filters_of(&self, index: usize) -> Filters {
        let window = self.patch.window(index);
        if index == self.patch.blocks() {
            return Filters {
                outputs: 1,
                window,
                bias: true,
            };
        }
        let normed = index > 0 && self.norm != Norm::None;
        Filters {
            outputs: self.filters << index.min(3),
            window,
            bias: !normed || self.bias_before_norm,
        }
    }
}

/// A block: convolution, normalization, LeakyReLU.
#[derive(Module, Debug)]
pub struct Block {
    /// 4x4 (1x1 in the PixelGAN).
    pub conv: Conv,
    /// `None` on the first block.
    pub norm: Option<NormLayer>,
}

impl Block {
    fn forward(&self, x: Tensor<4>, parts: usize) -> Tensor<4> {
        let x = self.conv.forward(x);
        norm_and_activate(&self.norm, x, LEAK, parts)
    }
}

/// The PatchGAN discriminator.
#[derive(Module, Debug)]
pub struct PatchGan {
    /// The blocks, first to last.
    pub blocks: Vec<Block>,
    /// The 1-channel convolution.
    pub output: Conv,
    /// The configuration that it was built from.
    #[module(skip)]
    config: PatchGanConfig,
}

impl PatchGan {
    /// The configuration that it was built from.
    pub fn config(&self) -> &PatchGanConfig {
        &self.config
    }

    /// Classifies each patch of `image` as real or generated, given its `source`; both are
    /// `[batch, channels, height, width]` in \[-1, 1\]. Returns logits, `[batch, 1, map height, map width]` (30x30 for
    /// 256x256 pixels and the 70x70 patch): positive for patches that look real.
    pub fn forward(&self, source: Tensor<4>, image: Tensor<4>) -> Tensor<4> {
        self.map(join(source, image, 1.0), 1)
    }

    /// The maps of two batches of pairs of the same size, each as by [`forward`](Self::forward), the first one before the
    /// second. It is one pass of both, unless each pass changes the weights of the next: spectral normalization.
    pub fn forward_both(&self, batches: [[Tensor<4>; 2]; 2]) -> [Tensor<4>; 2] {
        if self.config.spectral_norm {
            return batches.map(|[source, image]| self.forward(source, image));
        }
        let batch = batches[0][0].dims()[0];
        let pairs = batches.map(|[source, image]| join(source, image, 1.0));
        let maps = self.map(Tensor::cat(pairs.into(), 0), 2);
        [0, 1].map(|half| maps.clone().narrow(0, half * batch, batch))
    }

    /// The map of joined pairs, `[batch, source + target, height, width]`, whose `parts` are normalized by themselves.
    fn map(&self, mut x: Tensor<4>, parts: usize) -> Tensor<4> {
        for block in &self.blocks {
            x = block.forward(x, parts);
        }
        self.output.forward(x) // [batch, 1, map height, map width]
    }

    /// The map as probabilities: how likely each patch is real, in \[0, 1\], in the shape of
    /// [`forward`](Self::forward).
    pub fn probabilities(&self, source: Tensor<4>, image: Tensor<4>) -> Tensor<4> {
        sigmoid(self.forward(source, image))
    }

    /// Adds the convolution of block `index`, or behind the last block the 1-channel convolution, to a layer graph.
    fn describe(&self, graph: &mut LayerGraph, name: &str, index: usize, input: usize) -> usize {
        let config = &self.config;
        let filters = config.filters_of(index);
        let at = graph.conv(name, filters, input);
        if config.spectral_norm {
            // its singular vector
            graph.layers[at].non_trainable = filters.outputs;
        }
        at
    }

    /// Describes the network for a source and a target of these shapes.
    pub fn layers(&self, source: Shape, target: Shape) -> LayerGraph {
        let mut graph = LayerGraph::new("discriminator");
        let inputs = [graph.input("source", source), graph.input("target", target)];
        let mut x = graph.concat("concat", &inputs);
        for index in 0..self.blocks.len() {
            let name = |part: &str| format!("blocks.{index}.{part}");
            x = self.describe(&mut graph, &name("conv"), index, x);
            if index > 0 {
                x = graph.norm(&name("norm"), self.config.norm, EPSILON, x);
            }
            x = graph.elementwise(&name("leaky_relu"), Op::LeakyRelu(LEAK), x);
        }
        self.describe(&mut graph, "output", self.blocks.len(), x);
        graph
    }
}

impl PatchGan {
    /// The same network with convolutions of this precision; its weights are on `device`.
    pub fn with_precision(mut self, precision: Precision, device: &Device) -> Self {
        self.set_precision(precision, device);
        self
    }
}

impl Layers for PatchGan {
    fn specs_mut(&mut self) -> Vec<&mut ConvSpec> {
        let convs = self.blocks.iter_mut().map(|block| &mut block.conv);
        let convs = convs.chain([&mut self.output]);
        convs.map(Conv::spec_mut).collect()
    }

    fn norms_mut(&mut self) -> Vec<&mut NormLayer> {
        let norms = self.blocks.iter_mut().map(|block| &mut block.norm);
        norms.flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Distribution;

    use super::*;
    use crate::backend::device::for_training;
    use crate::network::weights;

    /// Maps, gradients, running statistics and singular vectors, for each kind of norm.
    #[test]
    fn one_pass_of_both_batches_is_two_passes() {
        let device = for_training(&Device::flex(), false);
        let picture = || Tensor::random([2, 3, 32, 32], Distribution::Normal(0.3, 1.0), &device);
        let batches = [(); 2].map(|()| [picture(), picture()]);
        for (norm, spectral_norm) in [
            (Norm::Batch, false),
            (Norm::Instance, false),
            (Norm::Group, false),
            (Norm::None, false),
            (Norm::Batch, true),
        ] {
            let config = PatchGanConfig {
                filters: 4,
                norm,
                spectral_norm,
                ..PatchGanConfig::default()
            };
            let judge = |pass: &dyn Fn(&PatchGan) -> [Tensor<4>; 2]| {
                let network = config.init(&device).unwrap();
                let [real, fake] = pass(&network);
                // the sum of a map depends on the last bias only
                let loss = (real.clone().square() + fake.clone().powi_scalar(3)).sum();
                let gradients = loss.backward();
                let first = network.blocks[0].conv.weight.val().grad(&gradients);
                let host = |tensor: Tensor<4>| weights::array(tensor.into_data());
                let maps = [real, fake].map(|map| host(map.inner()));
                let state = weights::collect(&network).into_values();
                maps.into_iter().chain([host(first.unwrap())]).chain(state)
            };
            let one = judge(&|network| network.forward_both(batches.clone()));
            let two = judge(&|network| {
                let batches = batches.clone();
                batches.map(|[source, image]| network.forward(source, image))
            });
            for (one, two) in one.zip(two) {
                let [one, two] = [one.values, two.values];
                let largest = two.iter().fold(0.0f32, |most, x| most.max(x.abs()));
                for (one, two) in one.iter().zip(&two) {
                    let gap = (one - two).abs();
                    assert!(gap <= 1e-5 * largest, "{norm:?}: {one} instead of {two}");
                }
            }
        }
    }
}
