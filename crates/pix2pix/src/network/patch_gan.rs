//! The discriminator: a PatchGAN (paper, section 3.2.2 and appendix 6.1.2), which classifies each patch of a picture
//! as real or generated. There may be several, which see the pair at coarser scales (Wang et al. 2018, "High-Resolution
//! Image Synthesis and Semantic Manipulation with Conditional GANs", section 3.2), or a decoder behind it, which classifies
//! each pixel.

use burn::module::Module;
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
use crate::network::pixel_decoder::{DecoderConfig, PixelDecoder};
use crate::network::pool::halved;

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
    /// Channels of the source, 1 to 256: a label map has one for each class.
    pub source_channels: usize,
    /// Channels of the target, 1 to 256.
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
    /// Number of discriminators, 1 to 3: each further one sees the pair at half the size of the one before. Paper: 1.
    pub scales: usize,
    /// Whether it is a U-Net, whose decoder classifies each pixel too (Schönfeld et al. 2020).
    pub unet: bool,
}

/// Largest number of discriminators.
const MOST_SCALES: usize = 3;

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
            scales: 1,
            unet: false,
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
        within("filters", self.filters, FILTERS)?;
        within("scales", self.scales, 1..=MOST_SCALES)?;
        let reason = match self.patch {
            _ if !self.unet => return Ok(()),
            _ if self.scales > 1 => "a U-Net discriminator (`unet`) is a single one; omit `scales`",
            Patch::P16 | Patch::P70 | Patch::P286 => return Ok(()),
            Patch::Pixel | Patch::Tutorial => {
                "a U-Net discriminator (`unet`) needs a `patch` of 16, 70 or 286"
            }
        };
        Err(Error::Config(reason.to_string()))
    }

    /// How often a U-Net halves images: their sides must be multiples of two to this power. 0 for a PatchGAN.
    pub fn halvings(&self) -> usize {
        match self.unet {
            true => self.levels(),
            false => 0,
        }
    }

    /// Checks that images of `height` x `width` pixels give a map of at least one cell at every scale, and that a U-Net can
    /// halve them.
    ///
    /// # Errors
    /// Names the smallest accepted side, or the number of which the sides must be multiples.
    pub fn check_size(&self, height: usize, width: usize) -> Result<()> {
        let unit = 1 << self.levels();
        if self.unet && ![height, width].iter().all(|side| side.is_multiple_of(unit)) {
            return Err(Error::Config(format!(
                "images of {width}x{height} pixels do not fit the U-Net discriminator: both sides must be multiples of \
                 {unit}; choose a smaller `patch` or other sizes"
            )));
        }
        let fits = |side: usize| {
            let coarsest = (1..self.scales).fold(side, |side, _| side.div_ceil(2));
            let side = (0..=self.patch.blocks()).fold(coarsest, |side, index| {
                self.patch.window(index).output_side(side)
            });
            side > 0
        };
        if fits(height) && fits(width) {
            return Ok(());
        }
        let smallest = (1..).find(|&side| fits(side)).expect("some side fits");
        let (scales, fewer) = match self.scales {
            1 => (String::new(), ""),
            scales => (format!(" at {scales} scales"), ", fewer `scales`"),
        };
        Err(Error::Config(format!(
            "images of {width}x{height} pixels are too small for the {} patch{scales}: both sides must be at \
             least {smallest}; choose a smaller `patch`{fewer} or a larger `crop_size`",
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
        let output = conv([channels, last.outputs], last.window, last.bias, init);
        let single = Self {
            scales: 1,
            ..self.clone()
        };
        let coarser = (1..self.scales).map(|_| single.init_with(init, device));
        let coarser = coarser.collect::<Result<_>>()?;
        let decoder = self
            .unet
            .then(|| self.decoder(&self.widths()).init_with(init, device));
        Ok(PatchGan {
            blocks,
            output,
            coarser,
            decoder,
            config: self.clone(),
        })
    }

    /// Number of blocks that halve the picture.
    fn levels(&self) -> usize {
        self.patch.blocks() - 1
    }

    /// Output channels of the blocks that halve the picture.
    fn widths(&self) -> Vec<usize> {
        (0..self.levels())
            .map(|index| self.filters_of(index).outputs)
            .collect()
    }

    /// The decoder of a U-Net behind levels of these channels.
    fn decoder<'a>(&self, widths: &'a [usize]) -> DecoderConfig<'a> {
        DecoderConfig {
            widths,
            norm: self.norm,
            bias_before_norm: self.bias_before_norm,
            spectral_norm: self.spectral_norm,
        }
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
    /// Further discriminators, each with weights of its own: for the pair at half its size, a quarter.
    pub coarser: Vec<PatchGan>,
    /// The decoder of a U-Net.
    pub decoder: Option<PixelDecoder>,
    /// The configuration that it was built from.
    #[module(skip)]
    config: PatchGanConfig,
}

/// The decisions on a batch of pairs: maps of logits, `[batch, 1, map height, map width]` each, positive for what looks real.
/// The first is that of patches. More are those of coarser scales, or that of each pixel of a U-Net.
#[derive(Clone, Debug)]
pub struct Maps(pub Vec<Tensor<4>>);

impl From<Tensor<4>> for Maps {
    fn from(map: Tensor<4>) -> Self {
        Self(vec![map])
    }
}

impl Maps {
    /// The map of patches, at the finest scale.
    pub fn patches(&self) -> &Tensor<4> {
        self.0.first().expect("a discriminator has a map")
    }
}

/// The outputs of the blocks of each scale, the finest first, `[batch, channels, height, width]` each.
pub type Features = Vec<Vec<Tensor<4>>>;

impl PatchGan {
    /// The configuration that it was built from.
    pub fn config(&self) -> &PatchGanConfig {
        &self.config
    }

    /// Classifies each patch of `image` as real or generated, given its `source`; both are
    /// `[batch, channels, height, width]` in \[-1, 1\]. Returns logits, `[batch, 1, map height, map width]` (30x30 for
    /// 256x256 pixels and the 70x70 patch): positive for patches that look real. Of several discriminators, this is the finest.
    pub fn forward(&self, source: Tensor<4>, image: Tensor<4>) -> Tensor<4> {
        let mut pairs = join(source, image, 1.0);
        for block in &self.blocks {
            pairs = block.forward(pairs, 1);
        }
        self.output.forward(pairs)
    }

    /// All decisions, the first as by [`forward`](Self::forward).
    pub fn judge(&self, source: Tensor<4>, image: Tensor<4>) -> Maps {
        self.maps(join(source, image, 1.0), 1)
    }

    /// The maps of two batches of pairs of the same size, each as by [`judge`](Self::judge), the first one before the
    /// second. It is one pass of both, unless each pass changes the weights of the next: spectral normalization.
    pub fn judge_both(&self, batches: [[Tensor<4>; 2]; 2]) -> [Maps; 2] {
        if self.config.spectral_norm {
            return batches.map(|[source, image]| self.judge(source, image));
        }
        let batch = batches[0][0].dims()[0];
        let pairs = batches.map(|[source, image]| join(source, image, 1.0));
        let Maps(maps) = self.maps(Tensor::cat(pairs.into(), 0), 2);
        [0, 1].map(|half| {
            let halves = maps
                .iter()
                .map(|map| map.clone().narrow(0, half * batch, batch));
            Maps(halves.collect())
        })
    }

    /// As [`judge`](Self::judge), with the features by which it decides.
    pub fn judge_with_features(&self, source: Tensor<4>, image: Tensor<4>) -> (Maps, Features) {
        let scales = self.scales([join(source, image, 1.0)]).into_iter();
        let (maps, features): (Vec<_>, _) = scales
            .map(|(network, [pairs])| {
                let mut features = Vec::new();
                let maps = network.decide(pairs, 1, &mut |x| features.push(x.clone()));
                (maps, features)
            })
            .unzip();
        (Maps(maps.into_iter().flatten().collect()), features)
    }

    /// The discriminator of each scale, the finest first, and these pictures, `[batch, channels, height, width]`, as it sees
    /// them.
    pub(crate) fn scales<const N: usize>(
        &self,
        pictures: [Tensor<4>; N],
    ) -> Vec<(&Self, [Tensor<4>; N])> {
        let mut scales = vec![(self, pictures)];
        for (index, network) in self.coarser.iter().enumerate() {
            let finer = scales[index].1.clone();
            scales.push((network, finer.map(halved)));
        }
        scales
    }

    /// The maps of joined pairs, `[batch, source + target, height, width]`, whose `parts` are normalized by themselves.
    fn maps(&self, pairs: Tensor<4>, parts: usize) -> Maps {
        let scales = self.scales([pairs]).into_iter();
        let maps = scales.flat_map(|(network, [pairs])| network.decide(pairs, parts, &mut |_| ()));
        Maps(maps.collect())
    }

    /// The decisions at the finest scale. `tell` is given the output of each block.
    fn decide(
        &self,
        mut x: Tensor<4>,
        parts: usize,
        tell: &mut dyn FnMut(&Tensor<4>),
    ) -> Vec<Tensor<4>> {
        let mut levels = Vec::new();
        for (index, block) in self.blocks.iter().enumerate() {
            x = block.forward(x, parts);
            tell(&x);
            if self.decoder.is_some() && index < self.config.levels() {
                levels.push(x.clone());
            }
        }
        let mut maps = vec![self.output.forward(x)]; // [batch, 1, map height, map width]
        if let Some(decoder) = &self.decoder {
            maps.push(decoder.forward(levels, parts)); // [batch, 1, height, width]
        }
        maps
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

    /// Describes the network for a source and a target of these shapes. Of several scales, the coarsest comes first, and
    /// the output is the map of the finest; that of a U-Net is the map of pixels.
    pub fn layers(&self, source: Shape, target: Shape) -> LayerGraph {
        let mut graph = LayerGraph::new("discriminator");
        let inputs = [graph.input("source", source), graph.input("target", target)];
        let pair = graph.concat("concat", &inputs);
        let mut pairs = vec![pair];
        for index in 0..self.coarser.len() {
            pairs.push(graph.average_pool(&format!("coarser.{index}.halve"), pairs[index]));
        }
        for (index, network) in self.coarser.iter().enumerate().rev() {
            network.describe_all(&mut graph, &format!("coarser.{index}."), pairs[index + 1]);
        }
        self.describe_all(&mut graph, "", pair);
        graph
    }

    /// Adds the layers of the finest scale to a layer graph; their names begin with `prefix`.
    fn describe_all(&self, graph: &mut LayerGraph, prefix: &str, mut x: usize) {
        let mut levels = Vec::new();
        for index in 0..self.blocks.len() {
            let name = |part: &str| format!("{prefix}blocks.{index}.{part}");
            x = self.describe(graph, &name("conv"), index, x);
            if index > 0 {
                x = graph.norm(&name("norm"), self.config.norm, EPSILON, x);
            }
            x = graph.elementwise(&name("leaky_relu"), Op::LeakyRelu(LEAK), x);
            levels.push(x);
        }
        self.describe(graph, &format!("{prefix}output"), self.blocks.len(), x);
        if self.config.unet {
            let widths = self.config.widths();
            let decoder = self.config.decoder(&widths);
            decoder.describe(graph, &levels[..widths.len()]);
        }
    }
}

impl PatchGan {
    /// The same network with convolutions of this precision.
    pub fn with_precision(mut self, precision: Precision) -> Self {
        self.set_precision(precision);
        self
    }
}

impl Layers for PatchGan {
    fn specs_mut(&mut self) -> Vec<&mut ConvSpec> {
        let convs = self.blocks.iter_mut().map(|block| &mut block.conv);
        let convs = convs.chain([&mut self.output]).map(Conv::spec_mut);
        let coarser = self.coarser.iter_mut().flat_map(Self::specs_mut);
        let decoder = self.decoder.iter_mut().flat_map(PixelDecoder::specs_mut);
        convs.chain(coarser).chain(decoder).collect()
    }

    fn norms_mut(&mut self) -> Vec<&mut NormLayer> {
        let norms = self.blocks.iter_mut().map(|block| &mut block.norm);
        let coarser = self.coarser.iter_mut().flat_map(Self::norms_mut);
        let decoder = self.decoder.iter_mut().flat_map(PixelDecoder::norms_mut);
        norms.flatten().chain(coarser).chain(decoder).collect()
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
        for (norm, spectral_norm, scales, unet) in [
            (Norm::Batch, false, 1, false),
            (Norm::Instance, false, 1, false),
            (Norm::Group, false, 1, false),
            (Norm::None, false, 1, false),
            (Norm::Batch, true, 1, false),
            (Norm::Batch, false, 2, false),
            (Norm::Batch, true, 2, false),
            (Norm::Batch, false, 1, true),
            (Norm::Batch, true, 1, true),
        ] {
            let config = PatchGanConfig {
                filters: 4,
                patch: if scales > 1 { Patch::P16 } else { Patch::P70 },
                norm,
                spectral_norm,
                scales,
                unet,
                ..PatchGanConfig::default()
            };
            let judge = |pass: &dyn Fn(&PatchGan) -> [Maps; 2]| {
                let network = config.init(&device).unwrap();
                let [Maps(real), Maps(fake)] = pass(&network);
                // the sum of a map depends on the last bias only
                let squares = real.iter().map(|map| map.clone().square().sum());
                let cubes = fake.iter().map(|map| map.clone().powi_scalar(3).sum());
                let loss = squares.chain(cubes).reduce(|a, b| a + b).unwrap();
                let gradients = loss.backward();
                let networks = [&network].into_iter().chain(&network.coarser);
                let first = networks.map(|one| one.blocks[0].conv.weight.val().grad(&gradients));
                let first: Vec<_> = first.map(Option::unwrap).collect();
                assert_eq!(real.len(), scales + usize::from(unet));
                assert_eq!(first.len(), scales);
                let host = |tensor: Tensor<4>| weights::array(tensor.into_data());
                let maps = real.into_iter().chain(fake).map(|map| map.inner());
                let state = weights::collect(&network).into_values();
                let found: Vec<_> = maps.chain(first).map(host).chain(state).collect();
                found.into_iter()
            };
            let one = judge(&|network| network.judge_both(batches.clone()));
            let two = judge(&|network| {
                let batches = batches.clone();
                batches.map(|[source, image]| network.judge(source, image))
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
