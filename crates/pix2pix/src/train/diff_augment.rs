//! Differentiable augmentation of the discriminator's inputs, of real and generated pairs alike, against overfitting
//! on small data sets (Zhao et al. 2020, section 3.2).

use burn::tensor::{Tensor, TensorData};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::choice::choices;
use crate::parallel::Shard;

/// Largest shift, as a fraction of a side.
const SHIFT: f64 = 0.125;
/// Side of the hole, as a fraction of a side.
const HOLE: f64 = 0.5;

/// A kind of augmentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DiffAugment {
    /// Brightness, saturation and contrast of the image; the source is unchanged.
    Color,
    /// The same shift of source and image by up to an eighth of a side, filled with zeros.
    Translation,
    /// The same square of half a side, set to zero in source and image.
    Cutout,
}

// in the order in which they are applied
choices!(DiffAugment, "augmentation",
    Color: "color", "Brightness, saturation and contrast";
    Translation: "translation", "Shifts";
    Cutout: "cutout", "Blank squares";
);

/// Random numbers for the pairs of one process's share of a batch: the same numbers as in the whole batch.
pub struct Draws {
    /// The random number generator.
    pub rng: ChaCha8Rng,
    /// The share of the batch.
    pub shard: Shard,
}

impl Draws {
    /// Draws once for each of `batch` pairs.
    pub(super) fn each<T>(
        &mut self,
        batch: usize,
        mut draw: impl FnMut(&mut ChaCha8Rng) -> T,
    ) -> Vec<T> {
        let Shard { rank, ranks } = self.shard;
        let all: Vec<T> = (0..batch * ranks).map(|_| draw(&mut self.rng)).collect();
        all.into_iter().skip(batch * rank).take(batch).collect()
    }
}

/// Augments a batch of pairs, `[batch, channels, height, width]`, each pair in its own way. With a `probability`, each kind is
/// applied to a pair with that chance only.
pub fn augment(
    kinds: &[DiffAugment],
    probability: Option<f32>,
    mut pair: [Tensor<4>; 2],
    draws: &mut Draws,
) -> [Tensor<4>; 2] {
    let batch = pair[0].dims()[0];
    for kind in DiffAugment::ALL
        .into_iter()
        .filter(|kind| kinds.contains(kind))
    {
        let kept = probability.map(|probability| {
            let chance = f64::from(probability);
            let chosen = draws.each(batch, |rng| rng.random_bool(chance));
            (chosen, pair.clone())
        });
        pair = kind.applied(pair, draws);
        if let Some((chosen, before)) = kept {
            pair = where_chosen(&chosen, before, pair);
        }
    }
    pair
}

impl DiffAugment {
    /// A batch of pairs with this augmentation.
    fn applied(self, [source, image]: [Tensor<4>; 2], draws: &mut Draws) -> [Tensor<4>; 2] {
        match self {
            Self::Color => [source, color(image, draws)],
            Self::Translation => translation([source, image], draws),
            Self::Cutout => cutout([source, image], draws),
        }
    }
}

/// The pairs of `after` that are chosen, and the others as they were before.
fn where_chosen(chosen: &[bool], before: [Tensor<4>; 2], after: [Tensor<4>; 2]) -> [Tensor<4>; 2] {
    if chosen.iter().all(|chosen| *chosen) {
        return after;
    }
    if !chosen.contains(&true) {
        return before;
    }
    let [[old_source, old_image], [source, image]] = [before, after];
    [(old_source, source), (old_image, image)].map(|(old, new)| {
        let pairs = chosen.iter().enumerate();
        let pairs = pairs.map(|(index, chosen)| {
            let from = if *chosen { &new } else { &old };
            from.clone().narrow(0, index, 1)
        });
        Tensor::cat(pairs.collect(), 0)
    })
}

/// A random number in a range for each picture, `[batch, 1, 1, 1]`.
fn draw(like: &Tensor<4>, range: std::ops::Range<f32>, draws: &mut Draws) -> Tensor<4> {
    let batch = like.dims()[0];
    let values = draws.each(batch, |rng| rng.random_range(range.clone()));
    Tensor::from_data(TensorData::new(values, [batch, 1, 1, 1]), &like.device())
}

fn color(image: Tensor<4>, draws: &mut Draws) -> Tensor<4> {
    let brightness = draw(&image, -0.5..0.5, draws);
    let saturation = draw(&image, 0.0..2.0, draws);
    let contrast = draw(&image, 0.5..1.5, draws);
    let image = image + brightness;
    let gray = image.clone().mean_dim(1);
    let image = (image - gray.clone()) * saturation + gray;
    let mean = image.clone().mean_dims(&[1, 2, 3]);
    (image - mean.clone()) * contrast + mean
}

fn translation(pair: [Tensor<4>; 2], draws: &mut Draws) -> [Tensor<4>; 2] {
    let [batch, _, height, width] = pair[0].dims();
    let shifts = draws.each(batch, |rng| {
        [height, width].map(|side| {
            let most = (side as f64 * SHIFT + 0.5) as i64;
            rng.random_range(-most..=most)
        })
    });
    pair.map(|x| {
        let shifted = shifts.iter().enumerate().map(|(index, [down, right])| {
            let one = x.clone().narrow(0, index, 1);
            shift(shift(one, 2, *down), 3, *right)
        });
        Tensor::cat(shifted.collect(), 0)
    })
}

/// Shifts a picture along a dimension and fills with zeros.
fn shift(x: Tensor<4>, dim: usize, by: i64) -> Tensor<4> {
    let (side, far) = (x.dims()[dim], by.unsigned_abs() as usize);
    let mut shape = x.dims();
    shape[dim] = far;
    if far == 0 {
        return x;
    }
    let zeros = Tensor::zeros(shape, &x.device());
    if by > 0 {
        Tensor::cat(vec![zeros, x.narrow(dim, 0, side - far)], dim)
    } else {
        Tensor::cat(vec![x.narrow(dim, far, side - far), zeros], dim)
    }
}

fn cutout(pair: [Tensor<4>; 2], draws: &mut Draws) -> [Tensor<4>; 2] {
    let [batch, _, height, width] = pair[0].dims();
    let mut mask = vec![1.0; batch * height * width];
    let holes = draws.each(batch, |rng| {
        [height, width].map(|side| {
            let hole = (side as f64 * HOLE + 0.5) as usize;
            // anywhere, so the hole may reach over the border
            let middle = rng.random_range(0..=side);
            middle.saturating_sub(hole / 2)..(middle + hole - hole / 2).min(side)
        })
    });
    for (picture, [rows, columns]) in mask.chunks_exact_mut(height * width).zip(holes) {
        for row in rows {
            picture[row * width..][columns.clone()].fill(0.0);
        }
    }
    let data = TensorData::new(mask, [batch, 1, height, width]);
    let mask = Tensor::from_data(data, &pair[0].device());
    pair.map(|x| x * mask.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;
    use rand::SeedableRng;

    fn pair() -> [Tensor<4>; 2] {
        let values = |factor: f32| {
            let values = (0..2 * 3 * 16 * 16).map(|i| (i as f32 * factor).sin());
            Tensor::from_data(
                TensorData::new(values.collect::<Vec<_>>(), [2, 3, 16, 16]),
                &Device::flex(),
            )
        };
        [values(0.37), values(0.37)]
    }

    fn draws(seed: u64) -> Draws {
        Draws {
            rng: ChaCha8Rng::seed_from_u64(seed),
            shard: Shard::default(),
        }
    }

    fn host(x: &Tensor<4>) -> Vec<f32> {
        x.to_data().try_into_vec().unwrap()
    }

    #[test]
    fn source_and_image_move_together() {
        for seed in 0..20 {
            let mut draws = draws(seed);
            let kinds = [DiffAugment::Translation, DiffAugment::Cutout];
            let [source, image] = augment(&kinds, None, pair(), &mut draws);
            assert_eq!(host(&source), host(&image));
            assert_ne!(host(&source), host(&pair()[0]));
        }
    }

    #[test]
    fn colors_change_in_the_image_alone() {
        let [source, image] = augment(&[DiffAugment::Color], None, pair(), &mut draws(3));
        assert_eq!(host(&source), host(&pair()[0]));
        let moved = host(&image)
            .iter()
            .zip(host(&source))
            .filter(|(a, b)| (*a - b).abs() > 1e-3)
            .count();
        assert!(moved > 1000, "{moved}");
    }

    /// Of 400 pairs, each kind changes 0.3, independently of the other; a shift by 0 pixels (one of 25) changes none.
    #[test]
    fn a_probability_is_the_share_of_pairs_that_change() {
        let changed = |kinds: &[DiffAugment]| {
            let mut count = 0;
            for seed in 0..100 {
                let ones = Tensor::<4>::ones([4, 1, 16, 16], &Device::flex());
                let pair = [ones.clone(), ones];
                let [source, image] = augment(kinds, Some(0.3), pair, &mut draws(seed));
                assert_eq!(host(&source), host(&image));
                count += host(&source)
                    .chunks(16 * 16)
                    .filter(|pixels| pixels.contains(&0.0))
                    .count();
            }
            count
        };
        // means, and four standard deviations
        let both = changed(&[DiffAugment::Translation, DiffAugment::Cutout]);
        for (found, expected) in [
            (changed(&[DiffAugment::Cutout]), 120),
            (changed(&[DiffAugment::Translation]), 115),
            (both, 201),
        ] {
            assert!(
                found.abs_diff(expected) < 40,
                "{found} instead of {expected}"
            );
        }
    }

    #[test]
    fn none_and_all_pairs_change() {
        let kinds = DiffAugment::ALL;
        let at = |probability| augment(&kinds, Some(probability), pair(), &mut draws(7));
        let [source, image] = at(0.0);
        assert_eq!([host(&source), host(&image)], pair().map(|x| host(&x)));
        let [source, _] = at(1.0);
        for index in 0..2 {
            let one = |x: &Tensor<4>| host(&x.clone().narrow(0, index, 1));
            assert_ne!(one(&source), one(&pair()[0]));
        }
    }

    #[test]
    fn a_shift_by_hand() {
        let row = Tensor::<4>::from_data([[[[1.0, 2.0, 3.0]]]], &Device::flex());
        assert_eq!(host(&shift(row.clone(), 3, 1)), [0.0, 1.0, 2.0]);
        assert_eq!(host(&shift(row.clone(), 3, -2)), [3.0, 0.0, 0.0]);
        assert_eq!(host(&shift(row, 3, 0)), [1.0, 2.0, 3.0]);
    }

    /// A hole of half the sides takes a quarter, less where it reaches over the border.
    #[test]
    fn holes_have_their_size() {
        for seed in 0..20 {
            let ones = Tensor::<4>::ones([1, 1, 16, 16], &Device::flex());
            let [hole, _] = cutout([ones.clone(), ones], &mut draws(seed));
            let left: f32 = hole.sum().into_scalar();
            assert!((192.0..=240.0).contains(&left), "{left}");
        }
    }
}
