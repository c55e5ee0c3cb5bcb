//! PyTorch's files of weights, read in the zip and the legacy format. Their pickle is read as data: no code in it is run.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
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
    let opened = match unambiguous(path) {
        Ok(None) | Err(_) => PytorchReader::new(path),
        Ok(Some(bytes)) => PytorchReader::from_bytes(bytes, None),
    };
    let reader = opened.map_err(|e| wrong(format!("not a PyTorch file of weights ({e})")))?;
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

/// Length of a zip file's last record without a comment, and of the two ZIP64 records before it, in bytes.
const LAST: usize = 22;
const ZIP64: usize = 56 + 20;

/// The bytes of a zip file in which the crate `zip` 9 mistakes the second entry of the directory for the first; `None` for
/// all other files.
///
/// PyTorch writes ZIP64 records between the directory and the last record, which nevertheless holds the real numbers. The
/// crate then ignores those records (76 bytes), takes the directory to end where they end, and so to begin 76 bytes too
/// late. It notices unless an entry begins there, which is when the first one has 76 bytes: a name of 30 letters, the
/// archive's folder of 21 and `/data.pkl`. Without the real numbers in the last record, it uses the ZIP64 records.
fn unambiguous(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let tail = (LAST + ZIP64) as u64;
    if length < tail {
        return Ok(None);
    }
    let mut end = [0; LAST + ZIP64];
    file.seek(SeekFrom::Start(length - tail))?;
    file.read_exact(&mut end)?;
    let is_zip64 = end.starts_with(b"PK\x06\x06") && end[ZIP64..].starts_with(b"PK\x05\x06");
    let number = |at: usize| u32::from_le_bytes(end[at..at + 4].try_into().expect("four bytes"));
    let (size, start) = (number(ZIP64 + 12), number(ZIP64 + 16));
    let is_real = start != u32::MAX && u64::from(start) + u64::from(size) + tail == length;
    if !is_zip64 || !is_real {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(u64::from(start) + ZIP64 as u64))?;
    let mut entry = [0; 4];
    file.read_exact(&mut entry)?;
    if &entry != b"PK\x01\x02" {
        return Ok(None);
    }
    let mut bytes = fs::read(path)?;
    let last = bytes.len() - LAST;
    bytes[last + 8..last + 20].fill(0xff); // numbers of entries, size and start of the directory
    Ok(Some(bytes))
}
