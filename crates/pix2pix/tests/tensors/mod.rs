//! Fixtures of tensors, read with the safetensors crate alone.

use std::fs;
use std::path::Path;

use pix2pix::network::weights::{Array, Weights};
use safetensors::{Dtype, SafeTensors};

/// The 32-bit tensors of a safetensors file.
pub fn read(path: &Path) -> Weights {
    let bytes = fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let tensors = file.iter().filter(|(_, view)| view.dtype() == Dtype::F32);
    let values = |bytes: &[u8]| -> Vec<f32> {
        let words = bytes.as_chunks().0.iter();
        words.map(|&word| f32::from_le_bytes(word)).collect()
    };
    tensors
        .map(|(name, view)| {
            let array = Array::new(view.shape(), values(view.data()));
            (name.to_string(), array)
        })
        .collect()
}
