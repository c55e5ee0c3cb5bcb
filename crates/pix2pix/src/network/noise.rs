//! Dropout, the paper's only source of noise (section 3.2.1: "we provide noise only in the form of
//! dropout, applied on several layers of our generator at both training and test time").
//!
//! The masks are drawn on the host from an explicit seed instead of a device's global generator: a step's noise
//! depends only on the seed and the step, and is the same on every device.

use burn::tensor::{Tensor, TensorData};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::parallel::Shard;

/// The noise of the generator: dropout [`on`](Self::on), [`seeded`](Self::seeded) or [`off`](Self::off).
pub struct Noise {
    rng: Option<ChaCha8Rng>,
    shard: Shard,
}

impl Noise {
    /// No dropout: the generator becomes a function of its input alone.
    pub fn off() -> Self {
        Self {
            rng: None,
            shard: Shard::default(),
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
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(index);
        Self {
            rng: Some(rng),
            shard: Shard::default(),
        }
    }

    /// The part of the same noise for one process's share of the batch.
    pub fn of_shard(self, shard: Shard) -> Self {
        Self { shard, ..self }
    }

    /// Zeroes each value with probability `rate` and scales the others by 1 / (1 - rate), so that
    /// the expectation stays the same. The shape is unchanged.
    pub fn dropout(&mut self, x: Tensor<4>, rate: f64) -> Tensor<4> {
        let Some(rng) = self.rng.as_mut().filter(|_| rate > 0.0) else {
            return x;
        };
        let shape = x.dims();
        let keep = (1.0 / (1.0 - rate)) as f32;
        // 16 bits for each value: a rate of one half is exact, others to 1e-5
        let own = 2 * shape.iter().product::<usize>();
        let Shard { rank, ranks } = self.shard;
        // the generator draws words of four bytes; the rest of the last word is lost
        let (begin, skipped) = (rng.get_word_pos(), own * rank);
        rng.set_word_pos(begin + (skipped / 4) as u128);
        let mut bytes = vec![0; skipped % 4 + own];
        rng.fill_bytes(&mut bytes);
        let bytes = &bytes[skipped % 4..];
        rng.set_word_pos(begin + (own * ranks).div_ceil(4) as u128);
        let dropped = (rate * 65536.0).round() as u32;
        let mask = bytes.as_chunks::<2>().0.iter().map(|&bytes| {
            if u32::from(u16::from_le_bytes(bytes)) < dropped {
                0.0
            } else {
                keep
            }
        });
        let mask: Vec<f32> = mask.collect();
        let mask = Tensor::from_data(TensorData::new(mask, shape), &x.device());
        x * mask
    }
}
