//! How the learning rate changes while a run goes on.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

/// A schedule of the learning rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Schedule {
    /// The same rate throughout (paper, section 3.3).
    #[default]
    Constant,
    /// The same rate for the first half, then straight down to 0, as the authors' later code has it (Zhu,
    /// Park, Isola and Efros 2017, appendix 7.1).
    Linear,
    /// Down to 0 along half a cosine (Loshchilov and Hutter 2017, equation 5, without restarts).
    Cosine,
}

impl Schedule {
    /// The share of the rate at a step, counted from 0, of a run of `steps` steps.
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
