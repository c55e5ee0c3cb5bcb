//! The part of a tile whose features count in the statistics of a picture.

use std::ops::Range;

/// A part of a picture's rows and columns, as fractions of its height and width: in each layer the same part, whose border may
/// cross features.
#[derive(Clone, Debug, PartialEq)]
pub struct Core {
    /// The rows, within 0 to 1.
    pub rows: Range<f64>,
    /// The columns, within 0 to 1.
    pub columns: Range<f64>,
}

impl Core {
    /// All of a picture.
    pub const WHOLE: Self = Self {
        rows: 0.0..1.0,
        columns: 0.0..1.0,
    };

    /// How much of each row, and of each column, of a plane of this height and width lies inside, 0 to 1.
    pub fn shares(&self, [height, width]: [usize; 2]) -> [Vec<f32>; 2] {
        [shares(&self.rows, height), shares(&self.columns, width)]
    }
}

fn shares(part: &Range<f64>, length: usize) -> Vec<f32> {
    let [start, end] = [part.start, part.end].map(|at| at * length as f64);
    let share = |at: usize| {
        let at = at as f64;
        (end.min(at + 1.0) - start.max(at)).max(0.0) as f32
    };
    (0..length).map(share).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_border_may_cross_features() {
        let core = Core {
            rows: 0.25..1.0,
            columns: 0.375..0.875,
        };
        let [rows, columns] = core.shares([4, 2]);
        assert_eq!(rows, [0.0, 1.0, 1.0, 1.0]);
        assert_eq!(columns, [0.25, 0.75]);
        assert_eq!(Core::WHOLE.shares([1, 3]), [vec![1.0], vec![1.0; 3]]);
    }
}
