//! The source of the statistics for the norms of a generator: the batch, as in training, or a whole picture that is
//! too large for one pass.

use burn::tensor::{Device, Tensor, TensorData};

/// The source of the statistics.
pub enum Norms<'a> {
    /// The batch.
    Batch,
    /// Given statistics, one for each norm in the order of the pass, `[2, channels]`: means, biased variances.
    Given(std::slice::Iter<'a, Tensor<2>>),
    /// Given statistics for the first norms. The statistics of the next norm are measured, and the pass stops there.
    Measure(std::slice::Iter<'a, Tensor<2>>, &'a mut Moments),
}

/// Mean and variance of many values for each channel, combined part by part (Chan, Golub and LeVeque 1983).
#[derive(Clone, Debug, Default)]
pub struct Moments {
    count: f64,
    means: Vec<f64>,
    squares: Vec<f64>,
}

impl Moments {
    /// Adds a part with `count` values for each channel and these statistics, `[2, channels]`.
    pub fn add(&mut self, statistics: Tensor<2>, count: usize) {
        let data = statistics.into_data().convert::<f32>();
        let values = data.as_slice::<f32>().expect("converted to f32 above");
        let (means, variances) = values.split_at(values.len() / 2);
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

    /// Means and biased variances, `[2, channels]`.
    pub fn statistics(&self, device: &Device) -> Tensor<2> {
        let variances = self.squares.iter().map(|square| square / self.count);
        let values = self
            .means
            .iter()
            .copied()
            .chain(variances)
            .map(|value| value as f32);
        let data = TensorData::new(values.collect::<Vec<_>>(), [2, self.means.len()]);
        Tensor::from_data(data, device)
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
        let device = Device::flex();
        let mut moments = Moments::default();
        for part in [&values[..10], &values[10..73], &values[73..]] {
            let [mean, variance] = of(part);
            let statistics =
                Tensor::from_data(TensorData::new(vec![mean, variance], [2, 1]), &device);
            moments.add(statistics, part.len());
        }
        let found = moments
            .statistics(&device)
            .into_data()
            .try_into_vec::<f32>()
            .unwrap();
        for (found, expected) in found.iter().zip(of(&values)) {
            assert!(
                (found - expected).abs() < 1e-3,
                "{found} instead of {expected}"
            );
        }
    }
}
