//! Moving averages.

use rayon::prelude::*;

use crate::instruction_set::wide;

/// Values of a task.
const CHUNK: usize = 1 << 14;

/// Moves every value of `average` towards that of `newest`, by `share` (0 to 1) of their distance.
///
/// # Panics
/// If the slices differ in length.
pub fn move_towards(average: &mut [f32], newest: &[f32], share: f32) {
    assert_eq!(average.len(), newest.len(), "lengths");
    let chunks = average.par_chunks_mut(CHUNK).zip(newest.par_chunks(CHUNK));
    chunks.for_each(|(average, newest)| {
        wide(
            #[inline(always)]
            move || {
                for (average, newest) in average.iter_mut().zip(newest) {
                    *average += share * (newest - *average);
                }
            },
        );
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_of_the_way() {
        let mut average: Vec<f32> = (0..40_000).map(|i| i as f32).collect();
        move_towards(&mut average, &vec![8.0; 40_000], 0.25);
        for (i, value) in average.iter().enumerate() {
            assert_eq!(*value, i as f32 + 0.25 * (8.0 - i as f32));
        }
    }
}
