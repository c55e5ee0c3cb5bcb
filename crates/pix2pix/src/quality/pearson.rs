//! Pearson's correlation of two pictures, as microscopists report it (Ounkomol et al. 2018, "Label-free prediction of
//! three-dimensional fluorescence images", equation 1).

use crate::quality::Planes;

/// The correlation of all samples of two pictures, -1 to 1; `None` if all samples of one are equal.
pub fn pearson(a: &Planes, b: &Planes) -> Option<f64> {
    let count = a.values.len() as f64;
    let mean = |planes: &Planes| planes.values.iter().map(|v| f64::from(*v)).sum::<f64>() / count;
    let [mean_a, mean_b] = [a, b].map(mean);
    let (mut product, mut square_a, mut square_b) = (0.0, 0.0, 0.0);
    for (a, b) in a.values.iter().zip(&b.values) {
        let [a, b] = [f64::from(*a) - mean_a, f64::from(*b) - mean_b];
        product += a * b;
        square_a += a * a;
        square_b += b * b;
    }
    let found = product / (square_a * square_b).sqrt();
    found.is_finite().then(|| found.clamp(-1.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planes(values: &[f32]) -> Planes {
        Planes {
            values: values.to_vec(),
            channels: 1,
            size: [values.len(), 1],
        }
    }

    /// Of 1, 2, 3 and 2, 1, 3: the deviations are -1, 0, 1 and 0, -1, 1, so the correlation is 1 / sqrt(2 * 2).
    #[test]
    fn a_correlation_by_hand() {
        let found = pearson(&planes(&[1.0, 2.0, 3.0]), &planes(&[2.0, 1.0, 3.0])).unwrap();
        assert!((found - 0.5).abs() < 1e-12, "{found}");
        // brightness and contrast do not matter, their sign does
        let line = planes(&[10.0, 20.0, 30.0]);
        for (other, expected) in [([7.0, 9.0, 11.0], 1.0), ([3.0, 2.0, 1.0], -1.0)] {
            let found = pearson(&line, &planes(&other)).unwrap();
            assert!((found - expected).abs() < 1e-12, "{found}");
        }
        assert_eq!(pearson(&line, &planes(&[4.0; 3])), None);
    }
}
