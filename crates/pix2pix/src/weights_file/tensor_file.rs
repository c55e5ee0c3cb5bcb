//! Files of named tensors with a header: safetensors with a single metadata entry of JSON. Equal content gives equal
//! bytes.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use pix2pix_kernels::Bf16;
use pix2pix_runtime::regular_file::unchanged;
use pix2pix_runtime::tensor_file::{TensorReader, Unread, metadata};
use pix2pix_runtime::weights::{Array, Weights};
use safetensors::{Dtype, SafeTensorError, View};
use serde::Serialize;

pub use pix2pix_runtime::tensor_file::FileKind;

use crate::atomic_file;
use crate::error::{Error, Result};
use crate::weights_file::check_exists;
use crate::weights_file::pytorch_file::{Stored, StoredValues};

/// The values of a tensor, borrowed if they are already in host memory.
pub struct TensorValues<'a> {
    pub(super) shape: Vec<usize>,
    numbers: Numbers<'a>,
}

enum Numbers<'a> {
    F32(Cow<'a, [f32]>),
    Bf16(&'a [Bf16]),
}

impl<'a> TensorValues<'a> {
    /// A tensor of one dimension.
    pub fn vector(values: &'a [f32]) -> Self {
        Self {
            shape: vec![values.len()],
            numbers: Numbers::F32(Cow::Borrowed(values)),
        }
    }

    /// The values in 32 bits.
    pub(super) fn floats(&self) -> Cow<'_, [f32]> {
        match &self.numbers {
            Numbers::F32(values) => Cow::Borrowed(values),
            Numbers::Bf16(values) => values.iter().map(|value| f32::from(*value)).collect(),
        }
    }

    /// A tensor of one dimension, of 16 bits.
    pub fn vector_bf16(values: &'a [Bf16]) -> Self {
        Self {
            shape: vec![values.len()],
            numbers: Numbers::Bf16(values),
        }
    }
}

impl<'a> From<&'a Array> for TensorValues<'a> {
    fn from(array: &'a Array) -> Self {
        Self {
            shape: array.shape.clone(),
            numbers: Numbers::F32(Cow::Borrowed(&array.values)),
        }
    }
}

impl From<Array> for TensorValues<'_> {
    fn from(array: Array) -> Self {
        Self {
            shape: array.shape,
            numbers: Numbers::F32(Cow::Owned(array.values)),
        }
    }
}

impl View for &Stored {
    fn dtype(&self) -> Dtype {
        match self.values {
            StoredValues::Floats(_) => Dtype::F32,
            StoredValues::Counter(_) => Dtype::I64,
        }
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.bytes())
    }

    fn data_len(&self) -> usize {
        match &self.values {
            StoredValues::Floats(values) => size_of_val(values.as_slice()),
            StoredValues::Counter(value) => size_of_val(value),
        }
    }
}

impl View for &TensorValues<'_> {
    fn dtype(&self) -> Dtype {
        match self.numbers {
            Numbers::F32(_) => Dtype::F32,
            Numbers::Bf16(_) => Dtype::BF16,
        }
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(match &self.numbers {
            Numbers::F32(values) => bytemuck::cast_slice(values),
            Numbers::Bf16(values) => bytemuck::cast_slice(values),
        })
    }

    fn data_len(&self) -> usize {
        match &self.numbers {
            Numbers::F32(values) => size_of_val(&**values),
            Numbers::Bf16(values) => size_of_val(*values),
        }
    }
}

/// Writes a file atomically.
///
/// # Errors
/// When the file cannot be written; an existing file of that name is then unchanged.
pub fn write<H: Serialize>(
    path: &Path,
    kind: FileKind,
    header: &H,
    tensors: &[(String, TensorValues)],
) -> Result<()> {
    write_with(path, Some(metadata(kind, header)), tensors)
}

/// Writes a file without a header, atomically.
///
/// # Errors
/// As [`write()`].
#[cfg(feature = "download")]
pub fn write_plain(path: &Path, tensors: &[(String, TensorValues)]) -> Result<()> {
    write_with(path, None, tensors)
}

/// Writes tensors under the names of another program, atomically.
///
/// # Errors
/// As [`write()`].
pub fn write_stored(path: &Path, tensors: &BTreeMap<String, Stored>) -> Result<()> {
    let tensors = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor));
    serialize(path, tensors, None)
}

fn write_with(
    path: &Path,
    metadata: Option<HashMap<String, String>>,
    tensors: &[(String, TensorValues)],
) -> Result<()> {
    let tensors = tensors.iter().map(|(name, values)| (name.as_str(), values));
    serialize(path, tensors, metadata)
}

pub(super) fn serialize<'a, V: View>(
    path: &Path,
    tensors: impl Iterator<Item = (&'a str, V)>,
    metadata: Option<HashMap<String, String>>,
) -> Result<()> {
    atomic_file::write_at(path, |temporary| {
        safetensors::serialize_to_file(tensors, metadata, temporary).map_err(|e| match e {
            SafeTensorError::IoError(e) => e,
            other => std::io::Error::other(other),
        })
    })
}

/// Puts `prefix.` before the names of tensors.
pub fn prefixed<N: AsRef<str>, T>(
    prefix: &str,
    tensors: impl IntoIterator<Item = (N, T)>,
) -> impl Iterator<Item = (String, T)> {
    let tensors = tensors.into_iter();
    tensors.map(move |(name, tensor)| (format!("{prefix}.{}", name.as_ref()), tensor))
}

/// Reads the floating-point tensors of any safetensors file, and converts 16-bit ones to 32 bits; `remedy` is for
/// messages.
///
/// # Errors
/// When the file cannot be read, is truncated, changes meanwhile, or has no floating-point tensors.
pub fn read_foreign(path: &Path, remedy: &str) -> Result<Weights> {
    check_exists(path, remedy)?;
    const ACTION: &str = "read the weights";
    let unread = |reason| match reason {
        Unread::Io(e) => Error::io(path, ACTION, e),
        Unread::Foreign(what) => Error::file(path, format!("{what}, and not safetensors"), remedy),
        Unread::Damaged(reason) => {
            Error::file(path, format!("damaged safetensors file ({reason})"), remedy)
        }
    };
    let tensors = unchanged(path, ACTION, |file| {
        let mut file = TensorReader::new(file).map_err(unread)?;
        let mut tensors = Weights::new();
        for name in file.names() {
            // other tensors are counters, such as the number of batches of a norm
            if let Some(values) = file.floats(&name).map_err(unread)? {
                let (_, shape) = file.description(&name);
                tensors.insert(name, Array::new(&shape, values));
            }
        }
        Ok(tensors)
    })?;
    if tensors.is_empty() {
        return Err(Error::file(
            path,
            "it has no floating-point tensors",
            remedy,
        ));
    }
    Ok(tensors)
}
