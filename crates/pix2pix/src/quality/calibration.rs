//! Whether the spread of a model's samples says how wrong they are: where dropout changes the output much, the mean of the
//! samples should be far from the target.

use serde::{Deserialize, Serialize};

use super::interval::{self, Mean};
use super::rank::spearman;

/// Steps of the deviation, of 255, in which errors are collected.
const STEP: f32 = 1.0 / 8.0;
/// Number of bins of the result, with about as many samples in each.
const BINS: u64 = 10;

/// Deviations and errors of several pictures.
#[derive(Default)]
pub struct Calibration {
    steps: Vec<Step>,
    /// The rank correlation within each picture that has one.
    within: Vec<f64>,
    /// Mean deviation and mean error of each picture.
    means: [Vec<f32>; 2],
}

/// Samples of about one deviation.
#[derive(Clone, Copy, Default)]
struct Step {
    count: u64,
    variance: f64,
    error: f64,
}

/// How well the deviation predicts the error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Confidence {
    /// Number of translations of each picture.
    pub samples: u64,
    /// Spearman's rank correlation of deviation and absolute error over the samples of a picture, all channels: the mean
    /// over the pictures. `None` if no picture has different deviations.
    pub within: Option<Mean>,
    /// The rank correlation of mean deviation and mean absolute error over the pictures.
    pub between: Option<f64>,
    /// Root mean squared error over root mean variance; with 1, the deviation is as large as the error. `None` if all
    /// deviations are 0.
    pub ratio: Option<f64>,
    /// Deviation and error from the smallest deviation to the largest, a tenth of all samples in each bin, or in fewer bins more
    /// where many have one deviation (Levi et al. 2022, "Evaluating and Calibrating Uncertainty Prediction in Regression
    /// Tasks", equations 6 and 7).
    pub bins: Vec<Bin>,
}

/// Samples of similar deviation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// Share of all samples.
    pub share: f64,
    /// Root mean variance, of 255.
    pub deviation: f64,
    /// Root mean squared error, of 255.
    pub error: f64,
}

impl Calibration {
    /// Adds a picture: mean and standard deviation of its samples, and its target, all of 255 and in one order.
    pub fn add(&mut self, mean: &[f32], deviation: &[f32], target: &[f32]) {
        let errors = mean
            .iter()
            .zip(target)
            .map(|(mean, target)| (mean - target).abs());
        let errors: Vec<f32> = errors.collect();
        for (deviation, error) in deviation.iter().zip(&errors) {
            let at = (deviation / STEP) as usize;
            if at >= self.steps.len() {
                self.steps.resize(at + 1, Step::default());
            }
            let step = &mut self.steps[at];
            step.count += 1;
            step.variance += f64::from(*deviation).powi(2);
            step.error += f64::from(*error).powi(2);
        }
        self.within.extend(spearman(deviation, &errors));
        for (means, values) in self.means.iter_mut().zip([deviation, &errors]) {
            let sum: f64 = values.iter().map(|value| f64::from(*value)).sum();
            means.push((sum / values.len() as f64) as f32);
        }
    }

    /// The result, of this number of translations of each picture.
    pub fn confidence(&self, samples: u64) -> Confidence {
        let total = self.steps.iter().fold(Step::default(), Step::with);
        let mut bins = Vec::new();
        let (mut bin, mut left) = (Step::default(), total.count);
        for step in &self.steps {
            bin = bin.with(step);
            // an equal part of what the bins before have left
            let is_full = bin.count * (BINS - bins.len() as u64) >= left;
            if is_full && bin.count > 0 {
                bins.push(bin.of(total.count));
                left -= bin.count;
                bin = Step::default();
            }
        }
        Confidence {
            samples,
            within: interval::mean(&self.within),
            between: spearman(&self.means[0], &self.means[1]),
            ratio: (total.variance > 0.0).then(|| (total.error / total.variance).sqrt()),
            bins,
        }
    }
}

impl Step {
    /// Both together.
    fn with(self, other: &Self) -> Self {
        Self {
            count: self.count + other.count,
            variance: self.variance + other.variance,
            error: self.error + other.error,
        }
    }

    /// As a bin of `total` samples.
    fn of(self, total: u64) -> Bin {
        let count = self.count as f64;
        Bin {
            share: count / total as f64,
            deviation: (self.variance / count).sqrt(),
            error: (self.error / count).sqrt(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Errors that are three times the deviation, and a second picture where it is the other way round.
    #[test]
    fn correlations_and_bins_by_hand() {
        let mut calibration = Calibration::default();
        let deviation: Vec<f32> = (0..20).map(|n| n as f32).collect();
        let target: Vec<f32> = deviation.iter().map(|d| 100.0 - 3.0 * d).collect();
        calibration.add(&[100.0; 20], &deviation, &target);
        let found = calibration.confidence(8);
        assert_eq!(found.within.map(|within| within.mean), Some(1.0));
        assert_eq!((found.between, found.samples), (None, 8));
        assert!((found.ratio.unwrap() - 3.0).abs() < 1e-9, "{found:?}");
        assert_eq!(found.bins.len(), 10);
        for (index, bin) in found.bins.iter().enumerate() {
            // deviations 2n and 2n + 1
            let n = 2.0 * index as f64;
            let deviation = ((n * n + (n + 1.0).powi(2)) / 2.0).sqrt();
            assert!((bin.deviation - deviation).abs() < 1e-6, "{bin:?}");
            assert!((bin.error - 3.0 * deviation).abs() < 1e-5, "{bin:?}");
            assert_eq!(bin.share, 0.1);
        }
        // less deviation than in the first picture, and more error
        let other: Vec<f32> = (0..20).map(|n| n as f32 / 4.0).collect();
        let target: Vec<f32> = other.iter().map(|d| 20.0 + d).collect();
        calibration.add(&[100.0; 20], &other, &target);
        let found = calibration.confidence(8);
        assert_eq!(found.within.map(|within| within.mean), Some(0.0));
        assert_eq!(found.between, Some(-1.0));
        // half of all samples have no deviation, and the others share the other bins
        let mut calibration = Calibration::default();
        let deviation: Vec<f32> = (0..36_i32).map(|n| (n - 17).max(0) as f32).collect();
        calibration.add(&[100.0; 36], &deviation, &[100.0; 36]);
        let shares = calibration.confidence(8).bins.into_iter();
        let shares: Vec<f64> = shares.map(|bin| 36.0 * bin.share).collect();
        assert_eq!(shares, [18.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0]);
        // equal samples say nothing
        let mut calibration = Calibration::default();
        calibration.add(&[100.0; 4], &[0.0; 4], &[90.0; 4]);
        let found = calibration.confidence(2);
        assert_eq!((found.within, found.ratio), (None, None));
        assert_eq!((found.bins.len(), found.bins[0].error), (1, 10.0));
    }
}
