//! Adaptive augmentation (Karras et al. 2020, "Training Generative Adversarial Networks with Limited Data", section 3.2): each
//! kind of augmentation is applied to a pair with a probability that rises while the discriminator is too sure of real pairs,
//! and falls otherwise.
//!
//! The measure is the mean sign of the discriminator's decisions on the real pairs of training (r_t, equation 1): 0 where it
//! guesses, 1 where it calls each of them real.

use crate::error::{Error, Result};
use crate::network::weights::Array;
use crate::weights_file::tensor_file::TensorValues;

/// Number of steps from one change of the probability to the next.
const EVERY: u64 = 4;

/// The probability of augmentations, and what it follows.
#[derive(Clone, Debug, PartialEq)]
pub struct Adaptive {
    /// The mean sign at which the probability stays.
    target: f32,
    /// Number of pairs in which the probability goes from 0 to 1.
    span: f32,
    probability: f32,
    /// The signs of the pairs since the last change, summed, and the number of pairs.
    signs: f32,
    pairs: f32,
}

impl Adaptive {
    /// Begins without augmentation. In `span` pairs the probability could go from 0 to 1.
    pub fn new(target: f64, span: u64) -> Self {
        Self {
            target: target as f32,
            span: span as f32,
            probability: 0.0,
            signs: 0.0,
            pairs: 0.0,
        }
    }

    /// The probability with which each kind of augmentation is applied to a pair.
    pub fn probability(&self) -> f32 {
        self.probability
    }

    /// Counts the mean sign of the decisions on this number of real pairs, -1 to 1.
    pub fn see(&mut self, sign: f32, pairs: usize) {
        self.signs += sign * pairs as f32;
        self.pairs += pairs as f32;
    }

    /// Changes the probability, if it is time to, when `steps` steps are done.
    pub fn step(&mut self, steps: u64) {
        if !steps.is_multiple_of(EVERY) || self.pairs == 0.0 {
            return;
        }
        let sign = self.signs / self.pairs;
        let change = self.pairs / self.span;
        if sign > self.target {
            self.probability = (self.probability + change).min(1.0);
        } else if sign < self.target {
            self.probability = (self.probability - change).max(0.0);
        }
        (self.signs, self.pairs) = (0.0, 0.0);
    }

    /// Its state, for a checkpoint.
    pub fn state(&self) -> (String, TensorValues<'static>) {
        let values = vec![self.probability, self.signs, self.pairs];
        (
            STATE.to_string(),
            Array::new(&[values.len()], values).into(),
        )
    }

    /// Continues with the state of a checkpoint; without one, the probability begins at 0.
    ///
    /// # Errors
    /// When the state has other values than [`state`](Self::state) gives.
    pub fn resume(self, saved: Option<Array>) -> Result<Self> {
        let Some(state) = saved else {
            return Ok(self);
        };
        let [probability, signs, pairs] = state.values[..] else {
            let reason = format!(
                "the tensor {STATE} has {} values, not 3",
                state.values.len()
            );
            return Err(Error::Data(reason));
        };
        if !(0.0..=1.0).contains(&probability) || pairs < 0.0 {
            let reason = format!("the tensor {STATE} has no probability from 0 to 1");
            return Err(Error::Data(reason));
        }
        Ok(Self {
            probability,
            signs,
            pairs,
            ..self
        })
    }
}

/// The name of the state's tensor.
pub const STATE: &str = "augment";

#[cfg(test)]
mod tests {
    use safetensors::View;

    use super::*;

    /// The published formula by hand: every fourth step, p changes by the sign of r - target times the pairs since the last
    /// change over those of the whole way.
    #[test]
    fn the_probability_follows_the_signs() {
        let mut adaptive = Adaptive::new(0.5, 100);
        let mut found = Vec::new();
        // means of each four steps: 0.75, 0.5, 0.25, -1, 1
        let signs = [
            [1.0, 1.0, 0.5, 0.5],
            [0.5, 0.75, 0.5, 0.25],
            [0.25; 4],
            [-1.0; 4],
            [1.0; 4],
        ];
        for (step, sign) in signs.into_iter().flatten().enumerate() {
            adaptive.see(sign, 2);
            adaptive.step(step as u64 + 1);
            found.push(adaptive.probability());
        }
        let kept: Vec<f32> = found.iter().skip(3).step_by(4).copied().collect();
        assert_eq!(kept, [0.08, 0.08, 0.0, 0.0, 0.08]);
        assert_eq!(found[..3], [0.0; 3], "nothing changes in between");
    }

    #[test]
    fn a_probability_is_at_most_1() {
        let mut adaptive = Adaptive::new(0.6, 10);
        for step in 1..=12 {
            adaptive.see(1.0, 1);
            adaptive.step(step);
        }
        assert_eq!(adaptive.probability(), 1.0);
    }

    #[test]
    fn a_state_continues_between_two_changes() {
        let mut whole = Adaptive::new(0.6, 50);
        let mut parts = whole.clone();
        for step in 1..=10u64 {
            for adaptive in [&mut whole, &mut parts] {
                adaptive.see((step as f32).sin(), 3);
                adaptive.step(step);
            }
            let (name, values) = parts.state();
            let values: Vec<f32> = bytemuck::pod_collect_to_vec(&(&values).data());
            assert_eq!(name, STATE);
            let saved = Array::new(&[3], values);
            parts = Adaptive::new(0.6, 50).resume(Some(saved)).unwrap();
            assert_eq!(whole, parts);
        }
        for wrong in [vec![0.5], vec![1.5, 0.0, 0.0], vec![0.5, 0.0, -1.0]] {
            let saved = Array::new(&[wrong.len()], wrong);
            assert!(whole.clone().resume(Some(saved)).is_err());
        }
    }
}
