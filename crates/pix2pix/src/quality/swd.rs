//! Sliced Wasserstein distance on patches of a Laplacian pyramid (Karras et al. 2018, "Progressive Growing of GANs",
//! section 5): how unlike the textures of two sets of pictures are, in each band of frequencies.
//!
//! The patches, their number, the normalization of channels and the projections are the paper's. Three things differ,
//! because the sets here are small and paired, while the paper compares 16,384 unpaired pictures:
//! - Patches are taken at the same places of an output and its target, so that chance does not add to the distance.
//! - Both sets are normalized by the targets' mean and standard deviation, not each by its own, which would hide a lack of
//!   contrast: that of a blurred picture.
//! - More than 128 pictures share the patches of 128, to bound memory and time.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use rayon::prelude::*;

use super::Planes;
use super::pyramid::laplacian;

/// Side of a patch, in pixels.
const PATCH: usize = 7;
/// Number of patches of a picture, at each level.
const PATCHES: usize = 128;
/// Maximum number of patches of a set, at each level.
const MOST_PATCHES: usize = 128 * PATCHES;
/// Number of projections: the paper's four times 128.
const DIRECTIONS: usize = 512;
/// Smallest side of a level, in pixels.
pub const SMALLEST: usize = 16;
/// The random places and directions are the same in every measurement.
const SEED: u64 = 0;

/// The patches of two sets of pictures, outputs and targets.
pub struct SlicedWasserstein {
    /// Number of patches of a picture, at each level.
    patches: usize,
    channels: usize,
    /// Patches of outputs and of targets at each level, the finest first; `[patch, channel, row, column]`.
    levels: Vec<[Vec<f32>; 2]>,
    chance: ChaCha8Rng,
}

impl SlicedWasserstein {
    /// For a number of pairs of pictures.
    pub fn new(pairs: usize) -> Self {
        Self {
            patches: (MOST_PATCHES / pairs.max(1)).clamp(1, PATCHES),
            channels: 0,
            levels: Vec::new(),
            chance: ChaCha8Rng::seed_from_u64(SEED),
        }
    }

    /// Adds an output and its target, of one size. All pictures must have the same channels. A picture has a level as long
    /// as both sides have 16 pixels there.
    pub fn add(&mut self, output: &Planes, target: &Planes) {
        let size = output.size;
        let smallest = size[0].min(size[1]);
        let levels = (0..).take_while(|level| smallest >> level >= SMALLEST);
        let levels = levels.count();
        if levels == 0 {
            return;
        }
        self.channels = output.channels;
        let both = [output, target].map(|planes| -> Vec<_> {
            let planes: Vec<&[f32]> = planes.channels().collect();
            let pyramid = |plane: &&[f32]| laplacian(plane, size, levels);
            planes.par_iter().map(pyramid).collect()
        });
        for level in 0..levels {
            if level == self.levels.len() {
                self.levels.push(Default::default());
            }
            let [width, height] = both[0][0][level].size;
            let places: Vec<[usize; 2]> = (0..self.patches)
                .map(|_| [width, height].map(|side| self.chance.random_range(0..=side - PATCH)))
                .collect();
            for (set, pyramids) in self.levels[level].iter_mut().zip(&both) {
                for [x, y] in &places {
                    for pyramid in pyramids {
                        for row in pyramid[level]
                            .values
                            .chunks_exact(width)
                            .skip(*y)
                            .take(PATCH)
                        {
                            set.extend(&row[*x..][..PATCH]);
                        }
                    }
                }
            }
        }
    }

    /// The distance at each level, the finest first, in thousandths of the targets' standard deviation there; empty for
    /// pictures below 16x16 pixels.
    pub fn distances(&self) -> Vec<f64> {
        let measured = self.levels.iter().map(|[outputs, targets]| {
            let mut sets = [outputs.clone(), targets.clone()];
            normalize(&mut sets, self.channels);
            let length = self.channels * PATCH * PATCH;
            1000.0 * sliced(&sets, length, &directions(length))
        });
        measured.collect()
    }
}

/// Deviation of a flat channel at most, of 255: that of rounding.
const FLAT: f64 = 1e-4;

/// Gives each channel of the targets, the second set, mean 0 and variance 1, and changes the outputs in the same way. A flat
/// channel has no variance, and takes the largest of the others.
fn normalize(sets: &mut [Vec<f32>; 2], channels: usize) {
    const PIXELS: usize = PATCH * PATCH;
    let mean_and_deviation = |channel: usize| {
        let patches = sets[1].chunks_exact(PIXELS).skip(channel).step_by(channels);
        let values: Vec<f64> = patches.flatten().map(|value| f64::from(*value)).collect();
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares = values.iter().map(|value| (value - mean).powi(2));
        (mean, (squares.sum::<f64>() / count).sqrt())
    };
    let found: Vec<(f64, f64)> = (0..channels).map(mean_and_deviation).collect();
    let largest = found
        .iter()
        .fold(0.0, |most: f64, (_, deviation)| most.max(*deviation));
    for (channel, (mean, deviation)) in found.into_iter().enumerate() {
        let unit = [deviation, largest, 1.0]
            .into_iter()
            .find(|unit| *unit > FLAT);
        let unit = unit.expect("1 is more");
        for set in sets.iter_mut() {
            let patches = set.chunks_exact_mut(PIXELS).skip(channel);
            for value in patches.step_by(channels).flatten() {
                *value = ((f64::from(*value) - mean) / unit) as f32;
            }
        }
    }
}

/// Random directions: unit vectors of this length.
fn directions(length: usize) -> Vec<Vec<f32>> {
    let mut chance = ChaCha8Rng::seed_from_u64(SEED);
    let mut direction = || {
        let drawn: Vec<f32> = (0..length).map(|_| chance.sample(StandardNormal)).collect();
        let norm = drawn.iter().map(|value| value * value).sum::<f32>().sqrt();
        drawn.iter().map(|value| value / norm).collect()
    };
    (0..DIRECTIONS).map(|_| direction()).collect()
}

/// The Wasserstein distance of two sets of vectors of this length, as many in each, projected to one dimension; the mean
/// over the directions.
fn sliced(sets: &[Vec<f32>; 2], length: usize, directions: &[Vec<f32>]) -> f64 {
    let distance = |direction: &Vec<f32>| {
        let [a, b] = sets.each_ref().map(|set| {
            let vectors = set.chunks_exact(length);
            let mut projected: Vec<f32> = vectors.map(|vector| dot(vector, direction)).collect();
            projected.sort_unstable_by(f32::total_cmp);
            projected
        });
        let gaps = a.iter().zip(&b).map(|(a, b)| f64::from((a - b).abs()));
        gaps.sum::<f64>() / a.len() as f64
    };
    // in the order of the directions, so that the sum does not depend on threads
    let distances: Vec<f64> = directions.par_iter().map(distance).collect();
    distances.iter().sum::<f64>() / directions.len() as f64
}

/// The product of two vectors, in sixteen sums that a processor adds together.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; 16];
    let (a, b) = (a.chunks_exact(16), b.chunks_exact(16));
    let rest: f32 = a
        .remainder()
        .iter()
        .zip(b.remainder())
        .map(|(a, b)| a * b)
        .sum();
    for (a, b) in a.zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f32>() + rest
}
