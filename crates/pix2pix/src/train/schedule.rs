//! Learning-rate schedules.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use crate::choice::choices;

/// A learning-rate schedule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Schedule {
    /// A constant rate (paper, section 3.3).
    #[default]
    Constant,
    /// A constant rate, then linear decay to 0 over the last steps, half of all if not said otherwise, as in the authors'
    /// later code (Zhu, Park, Isola and Efros 2017, appendix 7.1).
    Linear,
    /// A tenth of the rate after every so many steps, a quarter of all if not said otherwise.
    Step,
    /// Cosine decay to 0 (Loshchilov and Hutter 2017, equation 5, without restarts).
    Cosine,
    /// A fifth of the rate whenever the score of the held-out pairs no longer improves. A
    /// [`run`](crate::run) does that; without one, the rate stays constant.
    Plateau,
}

choices!(Schedule, "learning-rate schedule",
    Constant: "constant", "Constant, as in the paper";
    Linear: "linear", "Constant for the first half, then linear decay to 0 (Zhu et al. 2017)";
    Step: "step", "A tenth of it after each quarter of the run";
    Cosine: "cosine", "Cosine decay to 0 (Loshchilov and Hutter 2017)";
    Plateau: "plateau", "A fifth of it when the held-out score (of `keep_best`, else L1) has not improved by 1% for 6 \
        samplings, as PyTorch's ReduceLROnPlateau";
);

/// Number of parts of a run whose length is not a number of steps.
const PARTS: u64 = 1_000_000_000;

impl Schedule {
    /// The factor, 0 to 1, of the learning rate at a step, counted from 0, of a run of `steps` steps. `decay` is the number
    /// of steps over which a linear rate falls, or after which a stepped one does; 0 for the schedule's own.
    pub fn share(self, step: u64, steps: u64, decay: u64) -> f64 {
        let done = step as f64 / steps.max(1) as f64;
        match self {
            // the falls of a plateau's rate come from its scores
            Self::Constant | Self::Plateau => 1.0,
            Self::Linear if decay == 0 => (2.0 * (1.0 - done)).clamp(0.0, 1.0),
            Self::Linear => (steps.saturating_sub(step) as f64 / decay as f64).min(1.0),
            Self::Step => {
                let decay = if decay == 0 { steps.div_ceil(4) } else { decay };
                0.1f64.powf((step / decay.max(1)) as f64)
            }
            Self::Cosine => (1.0 + (PI * done.min(1.0)).cos()) / 2.0,
        }
    }

    /// The factor, 0 to 1, of the learning rate where this share of a run, 0 to 1, is done.
    pub fn share_of(self, done: f64) -> f64 {
        self.share((done * PARTS as f64) as u64, PARTS, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_by_hand() {
        let decayed = |schedule: Schedule, decay: u64| {
            [0, 25, 50, 75, 100].map(|step| schedule.share(step, 100, decay))
        };
        let shares = |schedule| decayed(schedule, 0);
        assert_eq!(shares(Schedule::Constant), [1.0; 5]);
        assert_eq!(shares(Schedule::Linear), [1.0, 1.0, 1.0, 0.5, 0.0]);
        assert_eq!(decayed(Schedule::Linear, 40), [1.0, 1.0, 1.0, 0.625, 0.0]);
        assert_eq!(decayed(Schedule::Linear, 100), [1.0, 0.75, 0.5, 0.25, 0.0]);
        for (found, powers) in [
            (shares(Schedule::Step), [0, 1, 2, 3, 4]),
            (decayed(Schedule::Step, 40), [0, 0, 1, 1, 2]),
        ] {
            for (found, power) in found.into_iter().zip(powers) {
                assert!((found - 0.1f64.powi(power)).abs() < 1e-15, "{found}");
            }
        }
        let half = (1.0 + 0.5f64.sqrt()) / 2.0;
        for (found, expected) in
            shares(Schedule::Cosine)
                .iter()
                .zip([1.0, half, 0.5, 1.0 - half, 0.0])
        {
            assert!((found - expected).abs() < 1e-15, "{found}");
        }
    }
}
