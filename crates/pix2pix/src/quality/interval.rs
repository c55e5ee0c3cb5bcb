//! Means with their 95% confidence intervals.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::quality::infinite;

/// A mean and its confidence interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mean {
    /// The mean; infinite if a value is, in JSON the text "Infinity".
    #[serde(with = "infinite")]
    pub mean: f64,
    /// Half the width of its 95% confidence interval by Student's t; `None` for fewer than two values, or an infinite one.
    pub margin: Option<f64>,
}

/// The mean of `values`, `None` if there are none.
pub fn mean(values: &[f64]) -> Option<Mean> {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    if values.is_empty() {
        return None;
    }
    let has_margin = values.len() > 1 && mean.is_finite();
    let margin = has_margin.then(|| {
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let error = (squares / (count - 1.0) / count).sqrt();
        let t = StudentsT::new(0.0, 1.0, count - 1.0).expect("at least one degree of freedom");
        t.inverse_cdf(0.975) * error
    });
    Some(Mean { mean, margin })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// t(0.975, 4) is 2.776445, by any table.
    #[test]
    fn the_interval_is_students() {
        let found = mean(&[1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        assert_eq!(found.mean, 3.0);
        let expected = 2.776445 * (2.5f64 / 5.0).sqrt();
        assert!((found.margin.unwrap() - expected).abs() < 1e-5, "{found:?}");
        assert_eq!(
            mean(&[7.0]).unwrap(),
            Mean {
                mean: 7.0,
                margin: None
            }
        );
        assert_eq!(mean(&[]), None);
    }

    /// One output that equals its target makes the mean PSNR infinite; JSON keeps it.
    #[test]
    fn an_infinite_mean_is_kept() {
        let found = mean(&[20.0, f64::INFINITY]).unwrap();
        let text = serde_json::to_string(&found).unwrap();
        assert_eq!(text, r#"{"mean":"Infinity","margin":null}"#);
        assert_eq!(serde_json::from_str::<Mean>(&text).unwrap(), found);
    }
}
