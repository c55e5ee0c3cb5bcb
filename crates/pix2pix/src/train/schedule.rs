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
    /// A constant rate for the first half, then linear decay to 0, as in the authors' later code (Zhu, Park, Isola and
    /// Efros 2017, appendix 7.1).
    Linear,
    /// Cosine decay to 0 (Loshchilov and Hutter 2017, equation 5, without restarts).
    Cosine,
}

choices!(Schedule, "learning-rate schedule",
    Constant: "constant", "Constant, as in the paper";
    Linear: "linear", "Constant for the first half, then linear decay to 0 (Zhu et al. 2017)";
    Cosine: "cosine", "Cosine decay to 0 (Loshchilov and Hutter 2017)";
);

impl Schedule {
    /// The factor, 0 to 1, of the learning rate at a step, counted from 0, of a run of `steps` steps.
    pub fn share(self, step: u64, steps: u64) -> f64 {
        let done = step as f64 / steps.max(1) as f64;
        match self {
            Self::Constant => 1.0,
            Self::Linear => (2.0 * (1.0 - done)).clamp(0.0, 1.0),
            Self::Cosine => (1.0 + (PI * done.min(1.0)).cos()) / 2.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_by_hand() {
        let shares =
            |schedule: Schedule| [0, 25, 50, 75, 100].map(|step| schedule.share(step, 100));
        assert_eq!(shares(Schedule::Constant), [1.0; 5]);
        assert_eq!(shares(Schedule::Linear), [1.0, 1.0, 1.0, 0.5, 0.0]);
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
