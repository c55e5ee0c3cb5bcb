//! The random numbers of a step. They follow from the seed and the step's number alone, so that a resumed run needs no
//! more than these.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::network::noise::Noise;
use crate::parallel::Shard;
use crate::train::diff_augment::Draws;

/// What is random beside the weights, the data and the dropout.
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
    /// The number of the batch since the start of the run.
    pub index: u64,
    /// The share of the batch that this process has.
    pub shard: Shard,
}

impl Chance {
    /// The dropout.
    pub fn noise(self) -> Noise {
        Noise::seeded(self.seed, self.index).of_shard(self.shard)
    }

    /// Numbers for the whole batch.
    pub fn rng(self, purpose: Use) -> ChaCha8Rng {
        let seed = self.seed.wrapping_add((purpose as u64) << 48);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(self.index);
        rng
    }

    /// Numbers for each pair.
    pub fn draws(self, purpose: Use) -> Draws {
        Draws {
            rng: self.rng(purpose),
            shard: self.shard,
        }
    }
}
