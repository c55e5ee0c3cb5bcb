//! Which of many things are looked at where all would take too long.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// At most `count` of the numbers below `length`, in order: one by chance in each of `count` equal parts, or all if they are no
/// more. Steps of one length would meet only one phase of what recurs: the first slice of each volume, a few columns of a
/// picture. The same arguments give the same numbers everywhere.
pub fn probes(length: usize, count: usize, seed: u64) -> Vec<usize> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let count = count.min(length);
    let start = |part: usize| (part as u64 * length as u64 / count as u64) as usize;
    let parts = (0..count).map(|part| start(part)..start(part + 1));
    parts.map(|part| rng.random_range(part)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_has_a_probe() {
        for (length, count) in [(7, 3), (640, 64), (100_000, 16_384)] {
            let found = probes(length, count, 0);
            assert_eq!(found.len(), count);
            for (part, place) in found.iter().enumerate() {
                assert_eq!(((place + 1) * count - 1) / length, part, "{place}");
            }
        }
        assert_eq!(probes(4, 9, 1), [0, 1, 2, 3]);
        assert!(probes(0, 9, 0).is_empty());
    }

    #[test]
    fn what_recurs_is_met_in_all_phases() {
        for recurs in [8, 10, 16] {
            let found = probes(64 * recurs, 64, 0);
            let mut phases: Vec<usize> = found.iter().map(|place| place % recurs).collect();
            phases.sort_unstable();
            phases.dedup();
            assert!(phases.len() > recurs / 2, "{phases:?}");
        }
        assert_ne!(probes(640, 64, 0), probes(640, 64, 1));
    }
}
