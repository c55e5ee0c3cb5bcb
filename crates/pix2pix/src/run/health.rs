//! Signs that a training has gone wrong although every number in it is finite.

use image::RgbImage;

use crate::train::losses::Losses;

/// Steps over which the discriminator's losses are averaged.
const MEMORY: f64 = 200.0;
/// Mean loss of a discriminator that has won: it gives the right answer 98 times out of 100.
const WON: f64 = 0.02;
/// Mean distance of 8-bit samples below which a person sees no difference.
const SAME: f64 = 1.0;

/// What has been seen so far.
#[derive(Debug, Default)]
pub struct Health {
    /// Moving mean of the discriminator's losses, and steps in it.
    discriminator: f64,
    steps: f64,
    won: bool,
    flat: bool,
    blind: bool,
}

impl Health {
    /// Looks at a step's losses. A warning is given once, until its cause has gone.
    pub fn step(&mut self, losses: &Losses) -> Option<String> {
        let loss = f64::from(losses.d_real + losses.d_fake) / 2.0;
        self.steps = (self.steps + 1.0).min(MEMORY);
        self.discriminator += (loss - self.discriminator) / self.steps;
        let won = self.steps >= MEMORY && self.discriminator < WON;
        news(&mut self.won, won).then(|| {
            format!(
                "the discriminator has won: its losses have been {:.3} in the mean of the last {MEMORY} \
                 steps, so the generator learns from L1 alone; try a smaller --patch, a lower --lr, or \
                 more pairs",
                self.discriminator
            )
        })
    }

    /// Looks at the outputs of the samples.
    pub fn outputs(&mut self, outputs: &[&RgbImage]) -> Option<String> {
        let flat = !outputs.is_empty() && outputs.iter().all(|output| is_flat(output));
        news(&mut self.flat, flat).then(|| {
            "the outputs are flat: every pixel of a picture has the same colour; if this does not pass \
             within an epoch, try a lower --lr, and look at the targets"
                .to_string()
        })
    }

    /// Looks at the outputs of two different sources, made without dropout.
    pub fn still(&mut self, outputs: &[RgbImage; 2]) -> Option<String> {
        let [first, other] = outputs;
        let blind = first.dimensions() == other.dimensions() && distance(first, other) < SAME;
        news(&mut self.blind, blind).then(|| {
            "the generator ignores its input: without dropout, two different sources give the same \
             picture; look at the pairs (`pix2pix inspect`), and try more --lambda"
                .to_string()
        })
    }
}

/// Sets a state and says whether it has just become true.
fn news(state: &mut bool, now: bool) -> bool {
    let before = std::mem::replace(state, now);
    now && !before
}

/// Mean distance of two pictures' samples.
fn distance(a: &RgbImage, b: &RgbImage) -> f64 {
    let differences = a
        .iter()
        .zip(b.iter())
        .map(|(a, b)| f64::from(a.abs_diff(*b)));
    differences.sum::<f64>() / a.len().max(1) as f64
}

/// Whether a picture's pixels are all as good as its mean colour.
fn is_flat(picture: &RgbImage) -> bool {
    let count = f64::from(picture.width() * picture.height()).max(1.0);
    let mean: [f64; 3] = std::array::from_fn(|channel| {
        let samples = picture.pixels().map(|pixel| f64::from(pixel[channel]));
        samples.sum::<f64>() / count
    });
    let differences = picture.pixels().flat_map(|pixel| {
        (0..3).map(move |channel| (f64::from(pixel[channel]) - mean[channel]).abs())
    });
    differences.sum::<f64>() / (3.0 * count) < SAME
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    fn losses(d: f32) -> Losses {
        Losses {
            d_real: d,
            d_fake: d,
            g_gan: 5.0,
            g_l1: 0.1,
        }
    }

    #[test]
    fn a_discriminator_that_has_won_is_told_once() {
        let mut health = Health::default();
        let warned = |health: &mut Health, d, steps: u32| -> Vec<u32> {
            (0..steps)
                .filter(|_| health.step(&losses(d)).is_some())
                .collect()
        };
        // low for a while is no victory
        assert_eq!(warned(&mut health, 0.5, 300), Vec::<u32>::new());
        assert_eq!(warned(&mut health, 0.001, 100), Vec::<u32>::new());
        assert_eq!(warned(&mut health, 0.5, 100), Vec::<u32>::new());
        assert_eq!(warned(&mut health, 0.001, 3000).len(), 1);
        // and again after it has been beaten
        assert_eq!(warned(&mut health, 0.7, 300), Vec::<u32>::new());
        assert_eq!(warned(&mut health, 0.001, 3000).len(), 1);
        // from the first step on, it takes the whole memory
        assert_eq!(warned(&mut Health::default(), 0.001, 1000), [199]);
    }

    #[test]
    fn flat_outputs_are_told() {
        let picture = |contrast: u8| {
            RgbImage::from_fn(8, 8, |x, _| Rgb([100 + contrast * (x % 2) as u8, 3, 250]))
        };
        let [flat, lively] = [picture(1), picture(40)];
        let mut health = Health::default();
        assert!(health.outputs(&[&flat, &lively]).is_none());
        assert!(
            health
                .outputs(&[&flat, &flat])
                .is_some_and(|w| w.contains("flat"))
        );
        assert!(health.outputs(&[&flat, &flat]).is_none());
        assert!(health.outputs(&[]).is_none());
    }

    #[test]
    fn a_generator_that_ignores_its_input_is_told() {
        let picture =
            |shade: u8| RgbImage::from_fn(8, 8, |x, y| Rgb([shade, (x * 9) as u8, y as u8]));
        let mut health = Health::default();
        assert!(health.still(&[picture(0), picture(20)]).is_none());
        assert!(
            health
                .still(&[picture(0), picture(1)])
                .is_some_and(|w| w.contains("ignores"))
        );
    }
}
