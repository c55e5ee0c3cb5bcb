//! The spread of several values of the same thing: their mean and their standard deviation, element by element.

/// The values so far.
pub struct Spread {
    /// The first values; sums are of what the others differ from them, so that digits are not lost.
    first: Vec<f32>,
    sums: Vec<f64>,
    squares: Vec<f64>,
    count: f64,
}

impl Spread {
    /// Begins with some values.
    pub fn new(values: Vec<f32>) -> Self {
        Self {
            sums: vec![0.0; values.len()],
            squares: vec![0.0; values.len()],
            first: values,
            count: 1.0,
        }
    }

    /// Adds as many values.
    pub fn add(&mut self, values: &[f32]) {
        let sums = self.sums.iter_mut().zip(&mut self.squares);
        for ((value, first), (sum, square)) in values.iter().zip(&self.first).zip(sums) {
            let gap = f64::from(*value) - f64::from(*first);
            *sum += gap;
            *square += gap * gap;
        }
        self.count += 1.0;
    }

    /// The mean of each element.
    pub fn mean(&self) -> Vec<f32> {
        let sums = self.first.iter().zip(&self.sums);
        sums.map(|(first, sum)| (f64::from(*first) + sum / self.count) as f32)
            .collect()
    }

    /// The standard deviation of each element, with the count less one as divisor; 0 for single values.
    pub fn deviation(&self) -> Vec<f32> {
        let sums = self.sums.iter().zip(&self.squares);
        sums.map(|(sum, square)| {
            let squares = (square - sum * sum / self.count).max(0.0);
            (squares / (self.count - 1.0).max(1.0)).sqrt() as f32
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2, 4, 4, 4, 5, 5, 7, 9: mean 5, squares 32.
    #[test]
    fn mean_and_deviation_by_hand() {
        let mut spread = Spread::new(vec![2.0, 60002.0]);
        for value in [4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0] {
            spread.add(&[value, 60000.0 + value]);
        }
        assert_eq!(spread.mean(), [5.0, 60005.0]);
        let expected = (32.0f64 / 7.0).sqrt() as f32;
        assert_eq!(spread.deviation(), [expected; 2]);
        assert_eq!(Spread::new(vec![3.0]).deviation(), [0.0]);
    }
}
