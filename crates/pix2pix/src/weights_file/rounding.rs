//! Smaller files of tensors: values rounded to 16 bits or 8.

use std::borrow::Cow;
use std::path::Path;

use pix2pix_runtime::tensor_file::{FileKind, metadata, scales_of};
use safetensors::{Dtype, View};
use serde::Serialize;

use super::tensor_file::{TensorValues, serialize};
use crate::choice::choices;
use crate::error::Result;

/// The format that values are rounded to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// IEEE half precision: 11 significant bits, up to 65504. Tensors with larger values stay in 32 bits.
    F16,
    /// bfloat16: 8 significant bits, the range of 32-bit numbers.
    Bf16,
    /// Integers of 8 bits, -127 to 127, with a 32-bit scale for each row of a tensor: the values of one index of its first
    /// dimension. Tensors of one dimension are few values, and stay [`F16`](Self::F16).
    Int8,
}

choices!(Rounding, "format",
    F16: "f16", "IEEE half precision: 11 significant bits";
    Bf16: "bf16", "bfloat16: 8 significant bits";
    Int8: "int8", "8-bit integers with a scale for each row of a weight; biases and norms in f16";
);

/// Largest 8-bit step; the range is symmetric.
const MOST: f32 = 127.0;

/// A tensor as its file holds it.
struct Rounded {
    shape: Vec<usize>,
    dtype: Dtype,
    bytes: Vec<u8>,
}

impl Rounded {
    /// Rounds values one by one; `to` returns the nearest number of the format, and its bytes.
    fn each(
        shape: &[usize],
        values: &[f32],
        dtype: Dtype,
        to: impl Fn(f32) -> (f32, [u8; 2]),
    ) -> (Self, f32) {
        let mut error: f32 = 0.0;
        let mut bytes = Vec::with_capacity(2 * values.len());
        for &value in values {
            let (rounded, pair) = to(value);
            error = error.max((rounded - value).abs());
            bytes.extend(pair);
        }
        let shape = shape.to_vec();
        (
            Self {
                shape,
                dtype,
                bytes,
            },
            error,
        )
    }

    /// Keeps values in 32 bits.
    fn whole(shape: &[usize], values: &[f32]) -> Self {
        Self {
            shape: shape.to_vec(),
            dtype: Dtype::F32,
            bytes: values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect(),
        }
    }

    fn f16(shape: &[usize], values: &[f32]) -> (Self, f32) {
        Self::each(shape, values, Dtype::F16, |value| {
            let half = half::f16::from_f32(value);
            (half.to_f32(), half.to_le_bytes())
        })
    }

    fn bf16(shape: &[usize], values: &[f32]) -> (Self, f32) {
        Self::each(shape, values, Dtype::BF16, |value| {
            let half = half::bf16::from_f32(value);
            (half.to_f32(), half.to_le_bytes())
        })
    }

    /// Rounds each row to steps of a scale of its own. Returns the scales too.
    fn int8(shape: &[usize], values: &[f32]) -> (Self, Self, f32) {
        let row = values.len() / shape[0];
        let mut error: f32 = 0.0;
        let mut bytes = Vec::with_capacity(values.len());
        let mut scales = Vec::with_capacity(4 * shape[0]);
        for values in values.chunks_exact(row) {
            let scale = (largest(values) / MOST).max(f32::MIN_POSITIVE);
            scales.extend(scale.to_le_bytes());
            for &value in values {
                let step = (value / scale).round();
                error = error.max((step * scale - value).abs());
                bytes.push((step as i8).cast_unsigned());
            }
        }
        let tensor = |shape: &[usize], dtype, bytes| Self {
            shape: shape.to_vec(),
            dtype,
            bytes,
        };
        (
            tensor(shape, Dtype::I8, bytes),
            tensor(&shape[..1], Dtype::F32, scales),
            error,
        )
    }
}

impl View for &Rounded {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

fn largest(values: &[f32]) -> f32 {
    values
        .iter()
        .fold(0.0, |most: f32, value| most.max(value.abs()))
}

/// As [`write`](super::tensor_file::write()), but rounds every value; tensors with values beyond those of the format stay as
/// they are. Returns the largest rounding error, relative to the largest value of the same tensor.
///
/// # Errors
/// As [`write`](super::tensor_file::write()).
pub fn write_rounded<H: Serialize>(
    path: &Path,
    kind: FileKind,
    header: &H,
    tensors: &[(String, TensorValues)],
    rounding: Rounding,
) -> Result<f32> {
    let mut worst: f32 = 0.0;
    let mut rounded = Vec::new();
    for (name, tensor) in tensors {
        let (shape, values) = (&tensor.shape, &*tensor.floats());
        let (tensor, error) = match rounding {
            Rounding::Bf16 => Rounded::bf16(shape, values),
            Rounding::Int8 if shape.len() > 1 && !values.is_empty() => {
                let (tensor, scales, error) = Rounded::int8(shape, values);
                rounded.push((scales_of(name), scales));
                (tensor, error)
            }
            _ => Rounded::f16(shape, values),
        };
        // a value that would be infinite
        let (tensor, error) = match error.is_finite() {
            true => (tensor, error),
            false => (Rounded::whole(shape, values), 0.0),
        };
        let largest = largest(values);
        if largest > 0.0 {
            worst = worst.max(error / largest);
        }
        rounded.push((name.clone(), tensor));
    }
    let rounded = rounded.iter().map(|(name, tensor)| (name.as_str(), tensor));
    serialize(path, rounded, Some(metadata(kind, header)))?;
    Ok(worst)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use pix2pix_runtime::tensor_file::read;
    use pix2pix_runtime::weights::Array;
    use safetensors::SafeTensors;

    use super::*;

    /// A header without fields.
    type Empty = BTreeMap<String, String>;

    const KIND: FileKind = FileKind {
        format: "test 1",
        name: "test",
        action: "read the test",
        remedy: "none",
    };

    /// Steps and scales by hand.
    #[test]
    fn rows_of_8_bits_have_scales_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rounded.safetensors");
        let weight = Array::new(&[3, 2], vec![1.0, -0.4, 0.25, -0.1, 0.0, 0.0]);
        let bias = Array::new(&[2], vec![3.0, 0.1]);
        let tensors = [
            ("weight".to_string(), TensorValues::from(&weight)),
            ("bias".to_string(), TensorValues::from(&bias)),
        ];
        let error = write_rounded(&path, KIND, &Empty::new(), &tensors, Rounding::Int8);
        // the worst is -0.4, that is -50.8 steps of 1 / 127
        assert!((error.unwrap() - 0.2 / 127.0).abs() < 1e-6);
        let bytes = std::fs::read(&path).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let steps: Vec<i8> = file
            .tensor("weight")
            .unwrap()
            .data()
            .iter()
            .map(|byte| byte.cast_signed())
            .collect();
        assert_eq!(steps, [127, -51, 127, -51, 0, 0]);

        let (_, found) = read::<Empty>(&path, KIND).unwrap();
        assert_eq!(found.len(), 2);
        let wanted = [1.0, -51.0 / 127.0, 0.25, -0.25 * 51.0 / 127.0, 0.0, 0.0];
        for (found, wanted) in found["weight"].values.iter().zip(wanted) {
            assert!((found - wanted).abs() < 1e-7, "{found} {wanted}");
        }
        assert_eq!(found["bias"].values[0], 3.0);
        assert!((found["bias"].values[1] - 0.1).abs() < 3e-5);
    }

    /// As a running variance can be. 65520 is the first that rounds to infinity.
    #[test]
    fn tensors_with_values_beyond_the_format_stay_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large.safetensors");
        let large = [
            Array::new(&[2], vec![1e5, 0.3]),
            Array::new(&[2], vec![65520.0, 0.3]),
        ];
        let small = Array::new(&[2], vec![65504.0, 0.3]);
        let tensors = [("a", &large[0]), ("b", &large[1]), ("c", &small)]
            .map(|(name, array)| (name.to_string(), TensorValues::from(array)));
        for rounding in [Rounding::F16, Rounding::Int8] {
            let error = write_rounded(&path, KIND, &Empty::new(), &tensors, rounding).unwrap();
            assert!(error < 1e-6, "{error}");
            let (_, found) = read::<Empty>(&path, KIND).unwrap();
            assert_eq!(found["a"].values, large[0].values);
            assert_eq!(found["b"].values, large[1].values);
            assert_ne!(found["c"].values, small.values);
        }
        let near = Array::new(&[1], vec![f32::MAX]);
        let tensors = [("near".to_string(), TensorValues::from(&near))];
        let error = write_rounded(&path, KIND, &Empty::new(), &tensors, Rounding::Bf16);
        assert_eq!(error.unwrap(), 0.0);
        assert_eq!(
            read::<Empty>(&path, KIND).unwrap().1["near"].values,
            near.values
        );
    }

    /// Weights that no picture can be made with, in every format that has them.
    #[test]
    fn values_that_are_no_finite_numbers_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("damaged.safetensors");
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let weight = Array::new(&[2], vec![1.0, value]);
            let tensors = [("weight".to_string(), TensorValues::from(&weight))];
            for rounding in [Rounding::F16, Rounding::Bf16] {
                write_rounded(&path, KIND, &Empty::new(), &tensors, rounding).unwrap();
                let error = read::<Empty>(&path, KIND).unwrap_err().to_string();
                assert!(
                    error.contains("weight has values that are not finite"),
                    "{error}"
                );
            }
        }
    }
}
