//! PyTorch's files of weights, read in the zip and the legacy format. Their pickle is read as data: no code in it is run.

use std::path::Path;

use burn::tensor::TensorData;
use pytorch_reader::{DType, PytorchReader};

use crate::error::{Error, Result};
use crate::network::weights::Weights;
use crate::weights_file::check_exists;

/// Reads the floating-point tensors, and converts them to 32 bits; `remedy` is for messages.
///
/// # Errors
/// When the file cannot be read or is not a PyTorch file of weights.
pub fn read(path: &Path, remedy: &str) -> Result<Weights> {
    check_exists(path, remedy)?;
    let wrong = |reason: String| Error::file(path, reason, remedy);
    let reader = PytorchReader::new(path)
        .map_err(|e| wrong(format!("not a PyTorch file of weights ({e})")))?;
    let mut tensors = Weights::new();
    for (name, tensor) in reader.into_tensors() {
        let bytes = tensor
            .read()
            .map_err(|e| wrong(format!("its tensor {name} cannot be read ({e})")))?;
        let values: Vec<f32> = match tensor.dtype() {
            DType::F32 => bytes
                .as_chunks()
                .0
                .iter()
                .map(|b| f32::from_le_bytes(*b))
                .collect(),
            DType::F64 => bytes
                .as_chunks()
                .0
                .iter()
                .map(|b| f64::from_le_bytes(*b) as f32)
                .collect(),
            DType::F16 => {
                let halves = bytes.as_chunks().0.iter();
                halves
                    .map(|b| half::f16::from_le_bytes(*b).to_f32())
                    .collect()
            }
            DType::BF16 => {
                let halves = bytes.as_chunks().0.iter();
                halves
                    .map(|b| half::bf16::from_le_bytes(*b).to_f32())
                    .collect()
            }
            _ => continue, // an integer, such as a counter of batches
        };
        tensors.insert(name, TensorData::new(values, tensor.shape().to_vec()));
    }
    Ok(tensors)
}
