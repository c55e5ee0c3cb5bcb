//! Means and variances that are measured part by part.

/// Mean and variance of many values for each channel, combined part by part (Chan, Golub and LeVeque 1983).
#[derive(Clone, Debug, Default)]
pub struct Moments {
    count: f64,
    means: Vec<f64>,
    squares: Vec<f64>,
}

impl Moments {
    /// Adds a part with `count` values for each channel and these statistics: means, then biased variances.
    pub fn add(&mut self, statistics: &[f32], count: usize) {
        let (means, variances) = statistics.split_at(statistics.len() / 2);
        if self.means.is_empty() {
            self.means = vec![0.0; means.len()];
            self.squares = vec![0.0; means.len()];
        }
        let count = count as f64;
        let all = self.count + count;
        for (channel, (&mean, &variance)) in means.iter().zip(variances).enumerate() {
            let gap = f64::from(mean) - self.means[channel];
            self.means[channel] += gap * count / all;
            self.squares[channel] +=
                f64::from(variance) * count + gap * gap * self.count * count / all;
        }
        self.count = all;
    }

    /// Means, then biased variances.
    pub fn statistics(&self) -> Vec<f32> {
        let variances = self.squares.iter().map(|square| square / self.count);
        let all = self.means.iter().copied().chain(variances);
        all.map(|value| value as f32).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parts of different sizes and means, compared with all values at once.
    #[test]
    fn parts_add_up_to_the_whole() {
        let values: Vec<f64> = (0..100).map(|i| f64::from(i * i % 37) + 50.0).collect();
        let of = |part: &[f64]| {
            let mean = part.iter().sum::<f64>() / part.len() as f64;
            let variance = part.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / part.len() as f64;
            [mean as f32, variance as f32]
        };
        let mut moments = Moments::default();
        for part in [&values[..10], &values[10..73], &values[73..]] {
            moments.add(&of(part), part.len());
        }
        for (found, expected) in moments.statistics().iter().zip(of(&values)) {
            assert!(
                (found - expected).abs() < 1e-3,
                "{found} instead of {expected}"
            );
        }
    }
}
