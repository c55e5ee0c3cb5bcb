//! Curves of long runs, with as many points as a page can draw.

/// A curve of at most `most` points, for values that scatter: the last step and the mean value of equally many neighbors.
///
/// # Panics
/// If `most` is 0.
pub fn means(points: &[(u64, f64)], most: usize) -> Vec<(u64, f64)> {
    let mean = |chunk: &[(u64, f64)]| {
        let sum: f64 = chunk.iter().map(|point| point.1).sum();
        Some((chunk.last()?.0, sum / chunk.len() as f64))
    };
    points
        .chunks(together(points, most))
        .filter_map(mean)
        .collect()
}

/// A curve of at most `most` points, for values that are exact: the last one of equally many neighbors; and besides, those at
/// the steps `kept`.
///
/// # Panics
/// If `most` is 0.
pub fn some(points: &[(u64, f64)], most: usize, kept: &[u64]) -> Vec<(u64, f64)> {
    let together = together(points, most);
    let is_last = |index: usize| (index + 1).is_multiple_of(together) || index + 1 == points.len();
    let points = points.iter().enumerate();
    points
        .filter(|(index, point)| is_last(*index) || kept.contains(&point.0))
        .map(|(_, point)| *point)
        .collect()
}

/// How many neighbors become one point.
fn together(points: &[(u64, f64)], most: usize) -> usize {
    points.len().div_ceil(most).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(last: u64) -> Vec<(u64, f64)> {
        (1..=last).map(|step| (step, step as f64)).collect()
    }

    #[test]
    fn long_curves_are_thinned_to_their_end() {
        let (means, some) = (means(&line(599), 300), some(&line(599), 300, &[]));
        assert_eq!((means.len(), some.len()), (300, 300));
        assert_eq!((means[0], some[0]), ((2, 1.5), (2, 2.0)));
        assert_eq!((means[299], some[299]), ((599, 599.0), (599, 599.0)));
    }

    #[test]
    fn short_curves_stay() {
        for last in [0, 1, 300] {
            assert_eq!(means(&line(last), 300), line(last));
            assert_eq!(some(&line(last), 300, &[]), line(last));
        }
    }

    #[test]
    fn steps_with_a_mark_are_kept() {
        // of every ten, the last one
        assert_eq!(
            some(&line(30), 3, &[13, 20, 99]),
            [(10, 10.0), (13, 13.0), (20, 20.0), (30, 30.0)]
        );
    }
}
