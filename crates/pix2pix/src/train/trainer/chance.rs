//! The random numbers of a step. They depend only on the seed and the step's number, so that resuming a run needs no
//! other random state.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::network::noise::Noise;
use crate::parallel::Shard;
use crate::train::diff_augment::Draws;

/// The uses of random numbers, other than weights, data and dropout.
#[derive(Clone, Copy)]
pub(super) enum Use {
    AugmentReal = 1,
    AugmentFake = 2,
    AugmentComposite = 3,
    Pool = 4,
    Interpolation = 5,
}

/// The random numbers of one of a step's batches.
#[derive(Clone, Copy)]
pub(super) struct Chance {
    pub seed: u64,
    /// The index of the batch since the start of the run.
    pub index: u64,
    /// This process's share of the batch.
    pub shard: Shard,
}

impl Chance {
    /// The noise for dropout.
    pub fn noise(self) -> Noise {
        Noise::seeded(self.seed, self.index).of_shard(self.shard)
    }

    /// Random numbers for the whole batch.
    pub fn rng(self, purpose: Use) -> ChaCha8Rng {
        let seed = self.seed.wrapping_add((purpose as u64) << 48);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(self.index);
        rng
    }

    /// Random numbers for each pair.
    pub fn draws(self, purpose: Use) -> Draws {
        Draws {
            rng: self.rng(purpose),
            shard: self.shard,
        }
    }
}
