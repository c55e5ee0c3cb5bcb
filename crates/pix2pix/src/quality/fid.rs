//! The Fréchet distance of two sets of features (Heusel et al. 2017, equation 6): that of two normal
//! distributions with their means and covariances.

use nalgebra::DMatrix;

/// The Fréchet distance of two sets of features, with one row for each picture; both have the same number of columns.
/// `None` if a set has fewer than two rows, which have no covariance.
///
/// `|m1 - m2|^2 + tr(S1) + tr(S2) - 2 tr((S1 S2)^(1/2))`. With centered features A and B, S1 is AᵀA / (n1 - 1) and S2
/// is BᵀB / (n2 - 1), and the eigenvalues of S1 S2 are the squares of the singular values of A Bᵀ / sqrt((n1 - 1)(n2 -
/// 1)). This avoids the square root of a matrix that rounding has made indefinite, which a literal implementation of
/// the formula takes.
pub fn frechet_distance(a: &[Vec<f32>], b: &[Vec<f32>]) -> Option<f64> {
    if a.len() < 2 || b.len() < 2 {
        return None;
    }
    let ((mean_a, a), (mean_b, b)) = (centered(a), centered(b));
    let means: f64 = mean_a
        .iter()
        .zip(&mean_b)
        .map(|(a, b)| (a - b).powi(2))
        .sum();
    let [free_a, free_b] = [&a, &b].map(|m| m.nrows() as f64 - 1.0);
    let variances = a.norm_squared() / free_a + b.norm_squared() / free_b;
    let singular = (triangle(a) * triangle(b).transpose()).singular_values();
    let shared = singular.sum() / (free_a * free_b).sqrt();
    let distance = means + variances - 2.0 * shared;
    // rounding may make it negative; `max` would make a number of NaN
    Some(if distance < 0.0 { 0.0 } else { distance })
}

/// The mean of the rows, and the rows minus the mean.
fn centered(rows: &[Vec<f32>]) -> (Vec<f64>, DMatrix<f64>) {
    let columns = rows[0].len();
    let count = rows.len() as f64;
    let mean = |column: usize| rows.iter().map(|row| f64::from(row[column])).sum::<f64>() / count;
    let means: Vec<f64> = (0..columns).map(mean).collect();
    let matrix = DMatrix::from_fn(rows.len(), columns, |i, j| f64::from(rows[i][j]) - means[j]);
    (means, matrix)
}

/// A matrix with the same MᵀM and no more rows than columns.
fn triangle(matrix: DMatrix<f64>) -> DMatrix<f64> {
    if matrix.nrows() <= matrix.ncols() {
        matrix
    } else {
        matrix.qr().r()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In one dimension: (m1 - m2)^2 + (s1 - s2)^2.
    #[test]
    fn one_dimension_by_hand() {
        let rows = |values: &[f32]| values.iter().map(|&value| vec![value]).collect::<Vec<_>>();
        // means 2 and 10, deviations 1 and 4
        let found = frechet_distance(&rows(&[1.0, 2.0, 3.0]), &rows(&[6.0, 10.0, 14.0])).unwrap();
        assert!((found - 73.0).abs() < 1e-9, "{found}");
        assert_eq!(frechet_distance(&rows(&[1.0]), &rows(&[6.0, 10.0])), None);
    }

    /// Independent columns add up, also after the same rotation of both sets.
    #[test]
    fn many_dimensions_by_hand() {
        let turned = |x: f32, y: f32| vec![0.6 * x - 0.8 * y, 0.8 * x + 0.6 * y];
        let set = |scale: [f32; 2], shift: f32| -> Vec<Vec<f32>> {
            [(1.0, 1.0), (1.0, -1.0), (-1.0, 1.0), (-1.0, -1.0)]
                .map(|(x, y)| turned(scale[0] * x + shift, scale[1] * y))
                .to_vec()
        };
        // deviations are the scales times sqrt(4 / 3)
        let found = frechet_distance(&set([1.0, 5.0], 0.0), &set([3.0, 2.0], 7.0)).unwrap();
        let expected = 49.0 + (4.0 + 9.0) * 4.0 / 3.0;
        assert!(
            (found - expected).abs() < 1e-4,
            "{found} instead of {expected}"
        );
        let same = set([1.0, 5.0], 0.0);
        assert!(frechet_distance(&same, &same).unwrap() < 1e-9);
    }
}
