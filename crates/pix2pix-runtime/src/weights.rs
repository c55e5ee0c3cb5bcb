//! Tensors in memory, by name.

use std::collections::BTreeMap;

/// A tensor of 32-bit floats, row by row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Array {
    /// Its sides; empty for a single value.
    pub shape: Vec<usize>,
    /// Its values.
    pub values: Vec<f32>,
}

impl Array {
    /// A tensor of these values.
    ///
    /// # Panics
    /// When their number does not fit the shape.
    pub fn new(shape: &[usize], values: Vec<f32>) -> Self {
        assert_eq!(
            values.len(),
            shape.iter().product::<usize>(),
            "values of a tensor"
        );
        Self {
            shape: shape.to_vec(),
            values,
        }
    }
}

/// Tensors by name, e.g. `encoder.0.conv.weight`.
pub type Weights = BTreeMap<String, Array>;

/// Takes the tensors whose names start with `prefix.` out of `tensors`, and removes the prefix from their names.
pub fn take(tensors: &mut Weights, prefix: &str) -> Weights {
    let prefix = format!("{prefix}.");
    let names: Vec<String> = tensors
        .keys()
        .filter(|name| name.starts_with(&prefix))
        .cloned()
        .collect();
    names
        .into_iter()
        .map(|name| {
            let values = tensors.remove(&name).expect("it was just listed");
            (name[prefix.len()..].to_string(), values)
        })
        .collect()
}
