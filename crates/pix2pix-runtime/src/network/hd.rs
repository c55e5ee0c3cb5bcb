//! The coarse-to-fine generator of pix2pixHD, for large pictures (Wang et al. 2018, "High-Resolution Image Synthesis and
//! Semantic Manipulation with Conditional GANs", section 3.2 and appendix).
//!
//! A ResNet, the paper's global generator G1, sees the picture at half its size. An enhancer, the paper's G2, sees the whole
//! picture: c7s1-32, d64, plus the last features of the ResNet, three blocks of R64, u32, c7s1-3.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, within};
use crate::network::layer_graph::{LayerGraph, Op, Shape};
use crate::network::resnet::ResnetConfig;

/// The configuration of a coarse-to-fine generator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HdConfig {
    /// Residual blocks of the enhancer, 1 to 32. Published: 3.
    pub local_blocks: usize,
    /// The ResNet, without its last convolution. The enhancer has its channels of source and target, normalization, dropout
    /// and upsampling, and half as many filters. Published: 64 filters, nine blocks, four halvings.
    pub coarse: ResnetConfig,
}

impl HdConfig {
    /// The published enhancer around a ResNet.
    pub fn around(coarse: ResnetConfig) -> Self {
        Self {
            local_blocks: 3,
            coarse,
        }
    }

    /// Channels of the enhancer at the whole size and at half of it.
    pub fn widths(&self) -> [usize; 2] {
        [self.coarse.filters / 2, self.coarse.filters]
    }

    /// Checks the configuration.
    ///
    /// # Errors
    /// Names the value that is out of range and the range.
    pub fn validate(&self) -> Result<()> {
        self.coarse.validate()?;
        within("local_blocks", self.local_blocks, 1..=32)?;
        if !self.coarse.filters.is_multiple_of(2) {
            let reason = format!(
                "is {}; a coarse-to-fine generator needs an even number, half of which are the enhancer's",
                self.coarse.filters
            );
            return Err(Error::field("filters", reason));
        }
        Ok(())
    }

    /// Describes the network for an input of `shape`.
    pub fn layers(&self, shape: Shape) -> LayerGraph {
        let Self { coarse, .. } = self;
        let [few, more] = self.widths();
        let graph = &mut LayerGraph::new("generator");
        let source = graph.input("source", shape);
        let half = graph.average_pool("halve", source);
        let features = coarse.features(graph, "coarse.", half);
        let x = coarse.first(graph, "first", few, source);
        let x = coarse.down(graph, "down", more, x);
        let mut x = graph.plain("add", Op::Add, graph.layers[x].output, &[x, features]);
        for index in 0..self.local_blocks {
            x = coarse.block(graph, &format!("blocks.{index}"), more, x);
        }
        x = coarse.up(graph, "up", few, x);
        coarse.output(graph, x);
        std::mem::take(graph)
    }
}
