//! Places of values in one block of memory: values that are never needed at the same time share theirs.

use std::ops::Range;

/// Places begin at multiples of this many values: a cache line.
pub const ALIGNMENT: usize = 16;

/// A value, and the steps during which it is needed: from the first that writes it to the last that reads it.
#[derive(Clone, Debug)]
pub struct Value {
    /// Number of its floats.
    pub length: usize,
    /// The steps.
    pub steps: Range<usize>,
}

/// Places values: the largest first, each at the lowest place that is free during its steps (Pisarchyk and Lee 2020,
/// "Efficient memory management for deep neural net inference", greedy by size). Returns the start of each and the
/// length of the block.
pub fn place(values: &[Value]) -> (Vec<usize>, usize) {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by_key(|&index| std::cmp::Reverse(values[index].length));
    let mut starts = vec![0; values.len()];
    let mut placed: Vec<usize> = Vec::new();
    let mut end = 0;
    for index in order {
        let value = &values[index];
        let together = |other: &&usize| {
            let other = &values[**other].steps;
            other.start < value.steps.end && value.steps.start < other.end
        };
        let mut taken: Vec<Range<usize>> = placed
            .iter()
            .filter(together)
            .map(|&other| starts[other]..starts[other] + values[other].length)
            .collect();
        taken.sort_by_key(|range| range.start);
        let mut start = 0;
        for range in taken {
            if start + value.length <= range.start {
                break;
            }
            start = start.max(range.end.next_multiple_of(ALIGNMENT));
        }
        starts[index] = start;
        end = end.max(start + value.length);
        placed.push(index);
    }
    (starts, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(length: usize, steps: Range<usize>) -> Value {
        Value { length, steps }
    }

    #[test]
    fn values_that_are_not_needed_together_share_memory() {
        let chain: Vec<Value> = (0..10).map(|step| value(160, step..step + 2)).collect();
        let (starts, length) = place(&chain);
        assert_eq!(length, 320);
        assert!(
            starts.windows(2).all(|pair| pair[0] != pair[1]),
            "{starts:?}"
        );
    }

    #[test]
    fn values_that_are_needed_together_do_not_overlap() {
        // a skip connection over a chain of other sizes
        let values = [
            value(100, 0..9),
            value(320, 1..3),
            value(17, 2..4),
            value(160, 3..6),
            value(33, 5..9),
        ];
        let (starts, length) = place(&values);
        for (i, a) in values.iter().enumerate() {
            assert!(starts[i].is_multiple_of(ALIGNMENT) && starts[i] + a.length <= length);
            for (j, b) in values.iter().enumerate().skip(i + 1) {
                let together = a.steps.start < b.steps.end && b.steps.start < a.steps.end;
                let apart = starts[i] + a.length <= starts[j] || starts[j] + b.length <= starts[i];
                assert!(!together || apart, "{i} and {j}");
            }
        }
        assert!(length < 100 + 320 + 17 + 160 + 33);
    }
}
