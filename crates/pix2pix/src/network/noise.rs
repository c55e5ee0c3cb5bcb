//! Dropout, the paper's only source of noise (section 3.2.1: "we provide noise only in the form of
//! dropout, applied on several layers of our generator at both training and test time").
//!
//! The masks come from an explicit seed instead of a device's global generator, and from a generator without state: a
//! step's noise depends only on the seed and the step, and is the same on every device.

use burn::tensor::{Int, Tensor};
use pix2pix_kernels::Dropout;
use pix2pix_runtime::plan;

use crate::backend::dropout::{Mask, dropout};
use crate::parallel::Shard;

/// The noise of the generator: dropout [`on`](Self::on), [`seeded`](Self::seeded) or [`off`](Self::off).
pub struct Noise {
    sequence: Option<Sequence>,
    shard: Shard,
    /// On a card: where the seed and the number of the sequence are read from.
    on_card: Option<Tensor<1, Int>>,
}

impl From<Option<plan::Noise>> for Noise {
    /// The noise of a translation.
    fn from(noise: Option<plan::Noise>) -> Self {
        match noise {
            Some(plan::Noise { seed, stream }) => Self::seeded(seed, stream),
            None => Self::off(),
        }
    }
}

/// A place in a sequence of random decisions.
struct Sequence {
    seed: u64,
    stream: u64,
    next: u64,
}

impl Noise {
    /// No dropout: the generator becomes a function of its input alone.
    pub fn off() -> Self {
        Self {
            sequence: None,
            shard: Shard::default(),
            on_card: None,
        }
    }

    /// Dropout. Every forward pass that is given this noise draws new masks. A program draws the same ones each time it
    /// runs.
    pub fn on() -> Self {
        Self::seeded(0, 0)
    }

    /// Dropout from `seed`; `index` (a training step, an image's number) selects an independent
    /// stream.
    pub fn seeded(seed: u64, index: u64) -> Self {
        Self {
            sequence: Some(Sequence {
                seed,
                stream: index,
                next: 0,
            }),
            shard: Shard::default(),
            on_card: None,
        }
    }

    /// The part of the same noise for one process's share of the batch.
    pub fn of_shard(self, shard: Shard) -> Self {
        Self { shard, ..self }
    }

    /// The same noise, but on a card the seed and the number of the sequence are read from there when the pass runs: two
    /// words each, the low one first.
    #[cfg(feature = "_card")]
    pub(crate) fn of_card(self, on_card: Option<Tensor<1, Int>>) -> Self {
        Self { on_card, ..self }
    }

    /// Zeroes each value with probability `rate` and scales the others by 1 / (1 - rate), so that
    /// the expectation stays the same. The shape is unchanged.
    pub fn dropout(&mut self, x: Tensor<4>, rate: f64) -> Tensor<4> {
        let Some(sequence) = self.sequence.as_mut().filter(|_| rate > 0.0) else {
            return x;
        };
        let own = x.shape().num_elements() as u64;
        let Shard { rank, ranks } = self.shard;
        let first = sequence.next + own * rank as u64;
        sequence.next += own * ranks as u64;
        let mask = Mask {
            dropout: Dropout::new(sequence.seed, sequence.stream, first, rate),
            sequence: self.on_card.clone(),
        };
        dropout(x, mask)
    }
}
