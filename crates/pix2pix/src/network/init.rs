//! Initial weights: convolutions N(0, 0.02), norm scales N(1, 0.02), biases 0 (paper, appendix 6.2;
//! the norm's scale as in the public Torch code).
//!
//! The numbers come from our own seeded generator on the host, not from a device's, so that a seed gives the same
//! network on every device.

use burn::module::{Param, ParamId};
use burn::tensor::{Device, Shape, Tensor, TensorData};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal};
use rayon::prelude::*;

use crate::backend::device::placed;
use crate::error::Result;

/// A configuration from which a network is built.
pub trait Init {
    /// The network.
    type Network;

    /// Builds the network on `device` with weights from `init`: those of a seed, or none yet.
    ///
    /// # Errors
    /// When the configuration is invalid.
    fn init_with(&self, init: &mut WeightInit, device: &Device) -> Result<Self::Network>;

    /// Builds the generator on `device` with initial weights, which are the same in every call.
    ///
    /// # Errors
    /// When the configuration is invalid.
    fn init(&self, device: &Device) -> Result<Self::Network> {
        self.init_with(&mut WeightInit::generator(0), device)
    }
}

/// Standard deviation of all initial weights.
pub const STD: f32 = 0.02;

/// Values that are drawn from one stream of random numbers. Streams do not depend on each other, so threads share the work,
/// and any number of them draws the same values.
const CHUNK: usize = 1 << 16;
/// Streams of a network, more than it has chunks.
const STREAMS: u64 = 1 << 32;

/// A seeded source of initial weights. Weights are drawn in the order in which layers are built.
pub struct WeightInit {
    source: Option<Source>,
}

/// Where the next values come from.
struct Source {
    seed: u64,
    stream: u64,
}

impl Source {
    /// Values drawn from N(`mean`, 0.02).
    fn normal(&mut self, count: usize, mean: f32) -> Vec<f32> {
        let normal = Normal::new(mean, STD).expect("a positive standard deviation");
        let mut values = vec![0.0; count];
        let chunks = values.par_chunks_mut(CHUNK).enumerate();
        chunks.for_each(|(index, chunk)| {
            let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
            rng.set_stream(self.stream + index as u64);
            chunk.fill_with(|| normal.sample(&mut rng));
        });
        self.stream += count.div_ceil(CHUNK) as u64;
        values
    }
}

impl WeightInit {
    /// The source for `seed`; each `network` has streams of its own.
    fn new(seed: u64, network: u64) -> Self {
        let stream = network * STREAMS;
        Self {
            source: Some(Source { seed, stream }),
        }
    }

    /// The source for a generator with this seed.
    pub fn generator(seed: u64) -> Self {
        Self::new(seed, 0)
    }

    /// The source for a discriminator with this seed. It differs from the generator's.
    pub fn discriminator(seed: u64) -> Self {
        Self::new(seed, 1)
    }

    /// A source that draws nothing, for networks whose weights are replaced next or that are only described. A weight is
    /// zero when it is first read. Before, it takes no memory, so that a damaged file cannot request a network far larger
    /// than itself.
    pub fn blank() -> Self {
        Self { source: None }
    }

    /// A parameter of `shape` drawn from N(`mean`, 0.02), or zero when [`blank`](Self::blank).
    pub fn normal<const D: usize>(
        &mut self,
        shape: [usize; D],
        mean: f32,
        device: &Device,
    ) -> Param<Tensor<D>> {
        let Some(source) = &mut self.source else {
            return blank(shape, device);
        };
        let values = source.normal(Shape::from(shape).num_elements(), mean);
        Param::from_tensor(placed(TensorData::new(values, shape), device))
    }

    /// A parameter of `shape` that starts at zero.
    pub fn zeros(&mut self, shape: [usize; 1], device: &Device) -> Param<Tensor<1>> {
        blank(shape, device)
    }
}

/// A parameter that becomes zero when it is first read.
fn blank<const D: usize>(shape: [usize; D], device: &Device) -> Param<Tensor<D>> {
    let zeros =
        move |device: &Device, tracked| Tensor::zeros(shape, device).set_require_grad(tracked);
    let id = ParamId::new();
    Param::uninitialized(id, zeros, device.clone(), true, shape.into())
}
