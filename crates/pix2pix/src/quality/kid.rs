//! The kernel Inception distance of two sets of features (Bińkowski et al. 2018, section 4): unlike the Fréchet distance,
//! its estimate has no bias, so that small sets can be compared with large ones.

/// The squared maximum mean discrepancy of two sets of features, with one row for each picture; both have the same number
/// of columns. The kernel is the paper's, `(x·y / columns + 1)³`, the estimate its unbiased one over all pictures, which
/// may be slightly negative. `None` if a set has fewer than two rows.
pub fn kernel_distance(a: &[Vec<f32>], b: &[Vec<f32>]) -> Option<f64> {
    if a.len() < 2 || b.len() < 2 {
        return None;
    }
    let within = |set: &[Vec<f32>]| {
        let count = set.len() as f64;
        let pairs = (0..set.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
        let sum: f64 = pairs.map(|(i, j)| kernel(&set[i], &set[j])).sum();
        2.0 * sum / (count * (count - 1.0))
    };
    let across = a.iter().flat_map(|x| b.iter().map(|y| kernel(x, y)));
    let across = across.sum::<f64>() / (a.len() as f64 * b.len() as f64);
    Some(within(a) + within(b) - 2.0 * across)
}

fn kernel(x: &[f32], y: &[f32]) -> f64 {
    let products = x.iter().zip(y).map(|(x, y)| f64::from(*x) * f64::from(*y));
    (products.sum::<f64>() / x.len() as f64 + 1.0).powi(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One column: kernels are `(xy + 1)³`.
    #[test]
    fn one_column_by_hand() {
        let rows = |values: &[f32]| values.iter().map(|&value| vec![value]).collect::<Vec<_>>();
        // within: (0 + 1)³ = 1 and (2 + 1)³ = 27; across: 1, 1, (1 + 1)³ = 8 and (2 + 1)³ = 27
        let found = kernel_distance(&rows(&[0.0, 1.0]), &rows(&[1.0, 2.0])).unwrap();
        assert!(
            (found - (1.0 + 27.0 - 2.0 * 37.0 / 4.0)).abs() < 1e-12,
            "{found}"
        );
        assert_eq!(kernel_distance(&rows(&[1.0]), &rows(&[6.0, 10.0])), None);
    }
}
