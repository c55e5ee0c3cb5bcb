//! Rank correlation.

/// Spearman's rank correlation of two lists of one length: -1 to 1, and 1 if both have the same order. Equal values share
/// the mean of their ranks. `None` if a list has only one value.
pub fn spearman(a: &[f32], b: &[f32]) -> Option<f64> {
    let [a, b] = [a, b].map(ranks);
    let middle = (a.len() as f64 - 1.0) / 2.0;
    let product = |x: &[f64], y: &[f64]| -> f64 {
        let pairs = x.iter().zip(y);
        pairs.map(|(x, y)| (x - middle) * (y - middle)).sum()
    };
    let spread = (product(&a, &a) * product(&b, &b)).sqrt();
    (spread > 0.0).then(|| product(&a, &b) / spread)
}

/// The rank of each value, from 0.
fn ranks(values: &[f32]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    for equal in order.chunk_by(|a, b| values[*a] == values[*b]) {
        let shared = first as f64 + (equal.len() as f64 - 1.0) / 2.0;
        for at in equal {
            ranks[*at] = shared;
        }
        first += equal.len();
    }
    ranks
}
