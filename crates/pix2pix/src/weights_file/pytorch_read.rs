//! PyTorch's files of weights, read in the zip and the legacy format. Their pickle is read as data: no code in it is run.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use pix2pix_runtime::regular_file;
use pix2pix_runtime::tensor_file::{TensorReader, Unread};
use pytorch_reader::{DType, PytorchError, PytorchReader};
use zip::{CompressionMethod, ZipArchive};

use crate::error::{Error, Result};
use crate::network::weights::{Array, Weights};
use crate::weights_file::{check_exists, unread};

/// At most this many times the size of a file is read from it: 16-bit numbers become 32 bits.
const EXPANSION: u64 = 2;

/// Whether tensors of this type are read.
fn is_float(kind: DType) -> bool {
    matches!(kind, DType::F32 | DType::F64 | DType::F16 | DType::BF16)
}

/// Reads the floating-point tensors, and converts them to 32 bits; `remedy` is for messages.
///
/// # Errors
/// When the file cannot be read or is not a PyTorch file of weights.
pub fn read(path: &Path, remedy: &str) -> Result<Weights> {
    check_exists(path, remedy)?;
    let wrong = |reason: String| Error::file(path, reason, remedy);
    if is_packed(path) {
        return Err(wrong(
            "damaged PyTorch file (it is compressed, which PyTorch's files are not)".to_string(),
        ));
    }
    let opened = match unambiguous(path) {
        Ok(None) | Err(_) => PytorchReader::new(path),
        Ok(Some(bytes)) => PytorchReader::from_bytes(bytes, None),
    };
    let no_weights = |e: PytorchError| match written_by(path) {
        Some(what) => wrong(format!("{what}, and not a file of PyTorch")),
        None => wrong(format!("not a PyTorch file of weights ({e})")),
    };
    let reader = opened.map_err(|e| match e {
        PytorchError::Io(e) => unread(path, e, |e| no_weights(e.into())),
        e => no_weights(e),
    })?;
    let length = fs::metadata(path).map_or(0, |found| found.len());
    let stored = reader.into_tensors();
    let floats = stored.values().filter(|tensor| is_float(tensor.dtype()));
    let bytes = floats.map(|tensor| 4 * tensor.num_elements() as u64);
    if bytes.fold(0, u64::saturating_add) > length.saturating_mul(EXPANSION) {
        // a stride of 0 repeats a value without end
        return Err(wrong(
            "damaged PyTorch file (its tensors are larger than the file)".to_string(),
        ));
    }
    let mut tensors = Weights::new();
    for (name, tensor) in stored {
        if !is_float(tensor.dtype()) {
            continue; // an integer, such as a counter of batches
        }
        let bytes = tensor.read().map_err(|e| {
            unread(path, e, |e| {
                wrong(format!("its tensor {name} cannot be read ({e})"))
            })
        })?;
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
            _ => unreachable!("not a float"),
        };
        tensors.insert(name, Array::new(tensor.shape(), values));
    }
    Ok(tensors)
}

/// What a file is, where its first bytes say so and it is not PyTorch's.
fn written_by(path: &Path) -> Option<&'static str> {
    match TensorReader::new(regular_file::open(path).ok()?) {
        Err(Unread::Foreign(what)) if !what.contains("PyTorch") => Some(what),
        _ => None,
    }
}

/// Whether it is a zip file with compressed entries, of which a few bytes could become gigabytes.
fn is_packed(path: &Path) -> bool {
    let Ok(mut zip) = File::open(path).and_then(|file| Ok(ZipArchive::new(BufReader::new(file))?))
    else {
        return false; // the legacy format, or damaged, which the reader says
    };
    (0..zip.len()).any(|index| {
        let entry = zip.by_index_raw(index);
        entry.is_ok_and(|entry| entry.compression() != CompressionMethod::Stored)
    })
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

#[cfg(test)]
mod tests {
    /// A file of /proc that is there and cannot be read: EIO.
    #[test]
    #[cfg(target_os = "linux")]
    fn a_fault_of_the_disk_is_no_damaged_file() {
        let error = super::read("/proc/self/mem".as_ref(), "download it again").unwrap_err();
        let said = error.to_string();
        assert!(said.contains("cannot read the file"), "{said}");
        assert!(!said.contains("download"), "{said}");
    }
}
