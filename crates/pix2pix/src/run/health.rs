//! Detects training that fails although all numbers are finite.

use image::RgbImage;
use serde::{Deserialize, Serialize};

use super::lines::Warning;
use crate::train::losses::Losses;

/// Number of steps over which the discriminator's loss is averaged.
pub const RECENT: u64 = 200;
/// Mean loss below which the discriminator has won: it assigns a probability of 98% to the right answer.
pub const WON: f32 = 0.02;
/// Mean difference of 8-bit samples, of 255, below which people see no difference.
const SAME: f64 = 1.0;

/// A sign, in the outputs, that the generator has collapsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collapse {
    /// All pixels of an output have the same color.
    Flat,
    /// Two different sources have the same output.
    Blind,
}

impl Collapse {
    const ALL: [Self; 2] = [Self::Flat, Self::Blind];

    /// The sign that a warning tells of, if it tells of one. The advice in it may be an earlier version's.
    pub fn told_by(warning: &Warning) -> Option<Self> {
        let is_told = |sign: &Self| warning.warning.starts_with(sign.name());
        Self::ALL.into_iter().find(is_told)
    }

    /// The sign in a few words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flat => "the outputs are flat",
            Self::Blind => "the generator ignores its input",
        }
    }

    /// The warning: the sign, and what may help.
    fn warning(self) -> String {
        let advice = match self {
            Self::Flat => {
                "all pixels of a picture have the same color; if this lasts longer than an epoch, try a lower `lr` and \
                 check the targets"
            }
            Self::Blind => {
                "without dropout, two different sources give the same picture; check with `pix2pix inspect` that the \
                 sources fill their range of values and belong to their targets, then try a larger `lambda`"
            }
        };
        format!("{}: {advice}", self.name())
    }
}

/// State of the checks. It is saved with the run, so that a resumed run warns where an uninterrupted
/// one does; 32-bit numbers are read as they were written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// Moving average of the discriminator's loss, and the number of steps in it (`steps`).
    discriminator: f32,
    steps: f32,
    /// The last step whose losses were seen.
    last: u64,
    won: bool,
    flat: bool,
    blind: bool,
}

impl Health {
    /// Checks the losses of a step, which stand for those since the last step that was seen: on a card, not every step is. A
    /// warning is not repeated while its cause lasts.
    pub fn step(&mut self, step: u64, losses: &Losses) -> Option<String> {
        let loss = (losses.d_real + losses.d_fake) / 2.0;
        let passed = step.saturating_sub(self.last).max(1) as f32;
        self.last = step;
        let memory = RECENT as f32;
        self.steps = (self.steps + passed).min(memory);
        self.discriminator += (loss - self.discriminator) * (passed / self.steps).min(1.0);
        let won = self.steps >= memory && self.discriminator < WON;
        news(&mut self.won, won).then(|| {
            format!(
                "the discriminator has won: its mean loss over about {RECENT} steps is {:.3}, so the \
                 generator learns from L1 alone; try a smaller `patch`, a lower `lr`, or more pairs",
                self.discriminator
            )
        })
    }

    /// Checks the outputs of the samples: warns if they are all flat.
    pub fn outputs(&mut self, outputs: &[RgbImage]) -> Option<String> {
        let flat = !outputs.is_empty() && outputs.iter().all(is_flat);
        news(&mut self.flat, flat).then(|| Collapse::Flat.warning())
    }

    /// Checks the outputs of two different sources, translated without dropout: warns if they are the same. As long as all outputs
    /// are flat, that is the reason, which has been told with other advice.
    pub fn still(&mut self, outputs: &[RgbImage; 2]) -> Option<String> {
        if self.flat {
            return None;
        }
        let [first, other] = outputs;
        let blind = first.dimensions() == other.dimensions() && distance(first, other) < SAME;
        news(&mut self.blind, blind).then(|| Collapse::Blind.warning())
    }

    /// Takes a warning about the outputs as told.
    pub fn has_told(&mut self, warning: &Warning) {
        let sign = Collapse::told_by(warning);
        self.flat |= sign == Some(Collapse::Flat);
        self.blind |= sign == Some(Collapse::Blind);
    }
}

/// Sets a state, and returns whether it has just become true.
fn news(state: &mut bool, now: bool) -> bool {
    let before = std::mem::replace(state, now);
    now && !before
}

/// Mean absolute difference of two pictures, of 255.
fn distance(a: &RgbImage, b: &RgbImage) -> f64 {
    let differences = a
        .iter()
        .zip(b.iter())
        .map(|(a, b)| f64::from(a.abs_diff(*b)));
    differences.sum::<f64>() / a.len().max(1) as f64
}

/// Whether all pixels of a picture look like its mean color.
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
        // of every step, or of a card's, whose losses are read at some
        let seen = |health: &mut Health, d, steps: u64, every: usize| -> Vec<u64> {
            let next = health.last + 1;
            (next..next + steps)
                .step_by(every)
                .filter(|step| health.step(*step, &losses(d)).is_some())
                .collect()
        };
        let warned = |health: &mut Health, d, steps| seen(health, d, steps, 1);
        // a low loss for a short time does not count
        assert_eq!(warned(&mut health, 0.5, 300), Vec::<u64>::new());
        assert_eq!(warned(&mut health, 0.001, 100), Vec::<u64>::new());
        assert_eq!(warned(&mut health, 0.5, 100), Vec::<u64>::new());
        assert_eq!(warned(&mut health, 0.001, 3000).len(), 1);
        // warns again after the loss has recovered
        assert_eq!(warned(&mut health, 0.7, 300), Vec::<u64>::new());
        assert_eq!(warned(&mut health, 0.001, 3000).len(), 1);
        // at the start of a run, no warning before 200 steps
        assert_eq!(warned(&mut Health::default(), 0.001, 1000), [200]);
        assert_eq!(seen(&mut Health::default(), 0.001, 1000, 10), [201]);
    }

    #[test]
    fn a_saved_state_warns_as_one_that_goes_on() {
        let flat = [RgbImage::new(8, 8), RgbImage::new(8, 8)];
        let mut health = Health::default();
        for step in 1..=199 {
            assert!(health.step(step, &losses(0.001 / step as f32)).is_none());
        }
        assert!(health.outputs(&flat).is_some());
        let saved = serde_json::to_string(&health).unwrap();
        let mut again: Health = serde_json::from_str(&saved).unwrap();
        assert_eq!(again, health);
        assert!(again.outputs(&flat).is_none());
        assert!(again.step(200, &losses(0.001)).is_some());
        // what another session has told is not told again
        let mut told = Health::default();
        told.has_told(&Warning {
            step: 7,
            warning: Collapse::Blind.warning(),
        });
        assert!(told.still(&flat).is_none());
        assert!(told.outputs(&flat).is_some());
        // flat outputs are the same, which is no other sign
        let mut told = Health::default();
        assert!(told.outputs(&flat).is_some());
        assert!(told.still(&flat).is_none());
        let lively = [RgbImage::from_fn(8, 8, |x, _| Rgb([30 * x as u8; 3]))];
        assert!(told.outputs(&lively).is_none());
        assert!(told.still(&flat).is_some());
    }

    #[test]
    fn a_warning_tells_its_sign_whatever_its_advice() {
        let sign = |warning: String| Collapse::told_by(&Warning { step: 7, warning });
        for told in Collapse::ALL {
            assert_eq!(sign(told.warning()), Some(told));
            let earlier = format!("{}: other advice", told.name());
            assert_eq!(sign(earlier), Some(told));
        }
        let won = "the discriminator has won: its mean loss".to_string();
        assert_eq!(sign(won), None);
    }

    #[test]
    fn flat_outputs_are_told() {
        let picture = |contrast: u8| {
            RgbImage::from_fn(8, 8, |x, _| Rgb([100 + contrast * (x % 2) as u8, 3, 250]))
        };
        let [flat, lively] = [picture(1), picture(40)];
        let mut health = Health::default();
        assert!(health.outputs(&[flat.clone(), lively]).is_none());
        let flat = [flat.clone(), flat];
        assert!(health.outputs(&flat).is_some_and(|w| w.contains("flat")));
        assert!(health.outputs(&flat).is_none());
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
