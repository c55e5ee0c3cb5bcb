//! Means and variances that are measured part by part.

use rayon::prelude::*;

/// Mean and variance of many values for each channel, combined part by part (Chan, Golub and LeVeque 1983).
#[derive(Clone, Debug, Default)]
pub struct Moments {
    count: f64,
    means: Vec<f64>,
    squares: Vec<f64>,
}

impl Moments {
    /// Adds a part with `count` values for each channel and these statistics: means, then biased variances.
    pub fn add(&mut self, statistics: &[f32], count: f64) {
        let (means, variances) = statistics.split_at(statistics.len() / 2);
        if self.means.is_empty() {
            self.means = vec![0.0; means.len()];
            self.squares = vec![0.0; means.len()];
        }
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

/// Means, then biased variances, of a part of each of `groups` equal groups of planes, and the number of values in each. The part
/// has these shares of the planes' rows and columns.
pub fn of_part(values: &[f32], groups: usize, shares: &[Vec<f32>; 2]) -> (Vec<f32>, f64) {
    let [rows, columns] = shares.each_ref().map(Vec::len);
    let [high, wide] = shares.each_ref().map(|shares| {
        let shares = shares.iter().map(|&share| f64::from(share));
        shares.sum::<f64>()
    });
    let length = values.len() / groups;
    let count = (length / (rows * columns)) as f64 * high * wide;
    let of_group = |group: &[f32]| {
        let mean = sum(group, shares, |x| x) / count;
        let square = |x: f64| (x - mean) * (x - mean);
        (mean as f32, (sum(group, shares, square) / count) as f32)
    };
    let groups = values.par_chunks_exact(length);
    let (means, variances): (Vec<f32>, Vec<f32>) = groups.map(of_group).unzip();
    ([means, variances].concat(), count)
}

/// The sum of a function of the planes' values, each as far as it belongs to the part.
fn sum(planes: &[f32], [rows, columns]: &[Vec<f32>; 2], term: impl Fn(f64) -> f64) -> f64 {
    // one sum for each column: enough to fill vectors
    let mut sums = vec![0.0; columns.len()];
    let lines = planes.chunks_exact(columns.len());
    for (line, &share) in lines.zip(rows.iter().cycle()) {
        if share == 0.0 {
            continue;
        }
        for (sum, &x) in sums.iter_mut().zip(line) {
            *sum += f64::from(share) * term(f64::from(x));
        }
    }
    let shared = sums.iter().zip(columns);
    shared.map(|(sum, &share)| sum * f64::from(share)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two groups of two planes of 2x3, of which the second row, half of the second and all of the third column count.
    #[test]
    fn a_part_by_hand() {
        let mut values = [99.0f32; 24];
        for (place, value) in [(4, 1.0), (5, 2.0), (10, 3.0), (11, 5.0)] {
            values[place] = value;
            values[12 + place] = -2.0;
        }
        let shares = [vec![0.0, 1.0], vec![0.0, 0.5, 1.0]];
        let (found, count) = of_part(&values, 2, &shares);
        assert_eq!(count, 3.0);
        // (0.5 + 2 + 1.5 + 5) / 3, and (0.5 * 4 + 1 + 0 + 4) / 3
        assert_eq!(found, [3.0, -2.0, 7.0 / 3.0, 0.0]);
    }

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
            moments.add(&of(part), part.len() as f64);
        }
        for (found, expected) in moments.statistics().iter().zip(of(&values)) {
            assert!(
                (found - expected).abs() < 1e-3,
                "{found} instead of {expected}"
            );
        }
    }
}
