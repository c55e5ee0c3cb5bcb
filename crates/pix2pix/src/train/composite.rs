//! The composite: the generator trained through the frozen discriminator (paper, figure 2).

use burn::module::Module;
use burn::tensor::Tensor;
use pix2pix_runtime::network::{Layer, LayerGraph, Op, Shape};

use crate::network::generator::Generator;
use crate::network::noise::Noise;
use crate::network::patch_gan::{Features, Maps, PatchGan};
use crate::train::objective::{CompositeLoss, Objective};

/// Generator and frozen discriminator as one network with two outputs.
pub struct Composite<'a> {
    generator: &'a Generator,
    discriminator: PatchGan,
}

/// The outputs of the composite.
pub struct CompositeOutput {
    /// The discriminator's logits for the generated image, `[batch, 1, map height, map width]`, of each decision.
    pub maps: Maps,
    /// The generated image, `[batch, channels, height, width]` in \[-1, 1\].
    pub image: Tensor<4>,
    /// The features of the generated and of the real pairs, if they are to be matched.
    pub features: Option<[Features; 2]>,
}

impl<'a> Composite<'a> {
    /// Joins both networks and freezes the discriminator: gradients flow through it, but do not update it.
    pub fn new(generator: &'a Generator, discriminator: &PatchGan) -> Self {
        Self {
            generator,
            discriminator: discriminator.clone().no_grad(),
        }
    }

    /// Translates `source`, `[batch, channels, height, width]` in \[-1, 1\], and judges the result.
    pub fn forward(&self, source: Tensor<4>, noise: &mut Noise) -> CompositeOutput {
        let image = self.generator.forward(source.clone(), noise);
        self.judge(source, image)
    }

    /// Classifies an image that this generator has translated from `source`.
    pub fn judge(&self, source: Tensor<4>, image: Tensor<4>) -> CompositeOutput {
        self.judge_as(source, image.clone(), image)
    }

    /// As [`judge`](Self::judge), but the discriminator sees `shown`, e.g. with `source` and image both augmented.
    pub fn judge_as(
        &self,
        source: Tensor<4>,
        shown: Tensor<4>,
        image: Tensor<4>,
    ) -> CompositeOutput {
        CompositeOutput {
            maps: self.discriminator.judge(source, shown),
            image,
            features: None,
        }
    }

    /// As [`judge_as`](Self::judge_as), with the features that the discriminator decides by. To be matched, they need those of
    /// real pairs.
    pub fn judge_with_features(
        &self,
        source: Tensor<4>,
        shown: Tensor<4>,
        image: Tensor<4>,
    ) -> (CompositeOutput, Features) {
        let (maps, features) = self.discriminator.judge_with_features(source, shown);
        let output = CompositeOutput {
            maps,
            image,
            features: None,
        };
        (output, features)
    }

    /// Describes the composite for a source and a target of these shapes. Each network is one layer; the
    /// discriminator's parameters are non-trainable.
    pub fn layers(&self, source: Shape, target: Shape) -> LayerGraph {
        let generator = self.generator.layers(source);
        let discriminator = self.discriminator.layers(source, target);
        let mut graph = LayerGraph::new("composite");
        let input = graph.input("source", source);
        let image = graph.push(Layer {
            name: generator.name.clone(),
            op: Op::Network(self.generator.kind()),
            output: generator.output(),
            weights: 0,
            trainable: generator.trainable(),
            non_trainable: generator.non_trainable(),
            inputs: vec![input],
        });
        graph.push(Layer {
            name: discriminator.name.clone(),
            op: Op::Network("PatchGan"),
            output: discriminator.output(),
            weights: 0,
            trainable: 0,
            non_trainable: discriminator.trainable() + discriminator.non_trainable(),
            inputs: vec![input, image],
        });
        graph
    }
}

impl CompositeOutput {
    /// The generator's losses against `target`, which has the shape of the image.
    pub fn losses(self, target: Tensor<4>, objective: &Objective) -> CompositeLoss {
        objective.generator(self.maps, self.image, target, self.features)
    }
}
