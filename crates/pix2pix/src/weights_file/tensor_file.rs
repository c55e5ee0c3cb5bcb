//! Files of named tensors with a header: safetensors with a single metadata entry of JSON. Equal content gives equal
//! bytes.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::Path;

use burn::tensor::TensorData;
use memmap2::Mmap;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensorError, SafeTensors, View};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::atomic_file;
use crate::choice::choices;
use crate::error::{Error, Result};
use crate::network::weights::Weights;
use crate::weights_file::check_exists;
use crate::weights_file::pytorch_file::{Stored, StoredValues};

/// Name of the metadata entry. With a single entry, the order of entries cannot vary.
const ENTRY: &str = "pix2pix";

/// A kind of file.
#[derive(Clone, Copy, Debug)]
pub struct FileKind {
    /// Name and version of the format, as in the header.
    pub format: &'static str,
    /// Its name in messages, e.g. "checkpoint".
    pub name: &'static str,
    /// Verb phrase for messages about reading it, e.g. "read the checkpoint".
    pub action: &'static str,
    /// Remedy for messages about a file of another kind.
    pub remedy: &'static str,
}

#[derive(Serialize, Deserialize)]
struct Header<H> {
    format: String,
    #[serde(flatten)]
    content: H,
}

/// The values of a tensor, borrowed if they are already in host memory.
pub struct Values<'a> {
    shape: Vec<usize>,
    values: Cow<'a, [f32]>,
}

impl<'a> Values<'a> {
    /// A tensor of one dimension.
    pub fn vector(values: &'a [f32]) -> Self {
        Self {
            shape: vec![values.len()],
            values: Cow::Borrowed(values),
        }
    }
}

impl<'a> From<&'a TensorData> for Values<'a> {
    fn from(data: &'a TensorData) -> Self {
        Self {
            shape: data.shape().to_vec(),
            values: Cow::Borrowed(data.as_slice().expect("all our tensors are f32")),
        }
    }
}

impl From<TensorData> for Values<'_> {
    fn from(data: TensorData) -> Self {
        Self {
            shape: data.shape().to_vec(),
            values: Cow::Owned(data.try_into_vec().expect("all our tensors are f32")),
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

impl View for &Values<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(bytemuck::cast_slice(&self.values))
    }

    fn data_len(&self) -> usize {
        size_of_val(&*self.values)
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
    tensors: &[(String, Values)],
) -> Result<()> {
    write_with(path, Some(metadata(kind, header)), tensors)
}

/// The metadata that holds a header.
fn metadata<H: Serialize>(kind: FileKind, header: &H) -> HashMap<String, String> {
    let header = Header {
        format: kind.format.to_string(),
        content: header,
    };
    let header = serde_json::to_string(&header).expect("a header is plain data");
    HashMap::from([(ENTRY.to_string(), header)])
}

/// Writes a file without a header, atomically.
///
/// # Errors
/// As [`write()`].
#[cfg(feature = "download")]
pub fn write_plain(path: &Path, tensors: &[(String, Values)]) -> Result<()> {
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
    tensors: &[(String, Values)],
) -> Result<()> {
    let tensors = tensors.iter().map(|(name, values)| (name.as_str(), values));
    serialize(path, tensors, metadata)
}

fn serialize<'a, V: View>(
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

/// Reads the header and the tensors of a file.
///
/// # Errors
/// When the file cannot be read, is truncated, or is of another kind.
pub fn read<H: DeserializeOwned>(path: &Path, kind: FileKind) -> Result<(H, Weights)> {
    let mapped = Mapped::open(path).map_err(|e| Error::io(path, kind.action, e))?;
    let wrong = |reason: String| Error::file(path, reason, kind.remedy);
    let file = SafeTensors::deserialize(mapped.bytes()).map_err(|e| damaged(path, kind, e))?;
    let content = header(path, kind, &mapped)?;
    let mut tensors = Weights::new();
    for (name, view) in file.tensors() {
        let Some(values) = widened(&view) else {
            let dtype = view.dtype();
            return Err(wrong(format!(
                "its tensor {name} is of the type {dtype}, not floating-point"
            )));
        };
        tensors.insert(name, TensorData::new(values, view.shape().to_vec()));
    }
    Ok((content, tensors))
}

/// Reads the header of a file alone.
///
/// # Errors
/// As [`read()`], but not when tensors are missing.
pub fn read_header<H: DeserializeOwned>(path: &Path, kind: FileKind) -> Result<H> {
    let mapped = Mapped::open(path).map_err(|e| Error::io(path, kind.action, e))?;
    header(path, kind, &mapped)
}

fn damaged(path: &Path, kind: FileKind, reason: SafeTensorError) -> Error {
    let reason = format!("damaged safetensors {} ({reason})", kind.name);
    Error::file(path, reason, kind.remedy)
}

fn header<H: DeserializeOwned>(path: &Path, kind: FileKind, mapped: &Mapped) -> Result<H> {
    let wrong = |reason: String| Error::file(path, reason, kind.remedy);
    let (_, metadata) =
        SafeTensors::read_metadata(mapped.bytes()).map_err(|e| damaged(path, kind, e))?;
    let entry = metadata.metadata().as_ref().and_then(|m| m.get(ENTRY));
    let foreign = || {
        wrong(format!(
            "a safetensors file, but not a pix2pix {}",
            kind.name
        ))
    };
    let entry = entry.ok_or_else(foreign)?;
    let unreadable = |e| wrong(format!("its configuration cannot be read ({e})"));
    let header: Header<serde_json::Value> = serde_json::from_str(entry).map_err(unreadable)?;
    if header.format != kind.format {
        return Err(wrong(format!(
            "its format is {}, not {}",
            header.format, kind.format
        )));
    }
    serde_json::from_value(header.content).map_err(unreadable)
}

/// Puts `prefix.` before the names of tensors.
pub fn prefixed<N: AsRef<str>, T>(
    prefix: &str,
    tensors: impl IntoIterator<Item = (N, T)>,
) -> impl Iterator<Item = (String, T)> {
    let tensors = tensors.into_iter();
    tensors.map(move |(name, tensor)| (format!("{prefix}.{}", name.as_ref()), tensor))
}

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

/// Reads the floating-point tensors of any safetensors file, and converts 16-bit ones to 32 bits; `remedy` is for
/// messages.
///
/// # Errors
/// When the file cannot be read, is truncated, or has no floating-point tensors.
pub fn read_foreign(path: &Path, remedy: &str) -> Result<Weights> {
    check_exists(path, remedy)?;
    let mapped = Mapped::open(path).map_err(|e| Error::io(path, "read the weights", e))?;
    let damaged = |e| Error::file(path, format!("damaged safetensors file ({e})"), remedy);
    let file = SafeTensors::deserialize(mapped.bytes()).map_err(damaged)?;
    let mut tensors = Weights::new();
    for (name, view) in file.tensors() {
        // other tensors are counters, such as the number of batches of a norm
        if let Some(values) = widened(&view) {
            tensors.insert(name, TensorData::new(values, view.shape().to_vec()));
        }
    }
    if tensors.is_empty() {
        return Err(Error::file(
            path,
            "it has no floating-point tensors",
            remedy,
        ));
    }
    Ok(tensors)
}

/// A memory-mapped file.
struct Mapped(Option<Mmap>);

impl Mapped {
    fn open(path: &Path) -> std::io::Result<Self> {
        let file = File::open(path)?;
        if file.metadata()?.len() == 0 {
            return Ok(Self(None)); // some systems cannot map an empty file
        }
        // SAFETY: the map is read-only, and lives only until the tensors are copied out of it. Our own files are
        // replaced by renaming and never changed in place. If another process truncates a foreign file in these
        // milliseconds, the system ends this program, as with any other reader of mapped files.
        let map = unsafe { Mmap::map(&file)? };
        Ok(Self(Some(map)))
    }

    fn bytes(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }
}

/// The values of a floating-point tensor, converted to 32 bits; `None` for integers.
fn widened(view: &TensorView) -> Option<Vec<f32>> {
    let wide = |half: fn([u8; 2]) -> f32| {
        let chunks = view.data().as_chunks().0;
        chunks.iter().map(|&bytes| half(bytes)).collect()
    };
    match view.dtype() {
        Dtype::F32 => {
            let chunks = view.data().as_chunks().0;
            Some(
                chunks
                    .iter()
                    .map(|&bytes| f32::from_le_bytes(bytes))
                    .collect(),
            )
        }
        Dtype::F16 => Some(wide(|bytes| half::f16::from_le_bytes(bytes).to_f32())),
        Dtype::BF16 => Some(wide(|bytes| half::bf16::from_le_bytes(bytes).to_f32())),
        _ => None,
    }
}

/// A 16-bit floating-point format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// IEEE half precision: 11 significant bits, up to 65504.
    F16,
    /// bfloat16: 8 significant bits, the range of 32-bit numbers.
    Bf16,
}

choices!(Half, "format",
    F16: "f16", "IEEE half precision: 11 significant bits";
    Bf16: "bf16", "bfloat16: 8 significant bits";
);

impl Half {
    /// The nearest number of the format, and its bytes.
    fn rounded(self, value: f32) -> (f32, [u8; 2]) {
        match self {
            Self::F16 => {
                let half = half::f16::from_f32(value);
                (half.to_f32(), half.to_le_bytes())
            }
            Self::Bf16 => {
                let half = half::bf16::from_f32(value);
                (half.to_f32(), half.to_le_bytes())
            }
        }
    }
}

/// A tensor in a 16-bit format.
struct HalfValues {
    shape: Vec<usize>,
    dtype: Dtype,
    bytes: Vec<u8>,
}

impl View for HalfValues {
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

/// As [`write()`], but rounds every value to a 16-bit format. Returns the largest rounding error, relative to the
/// largest value of the same tensor.
///
/// # Errors
/// As [`write()`].
pub fn write_half<H: Serialize>(
    path: &Path,
    kind: FileKind,
    header: &H,
    tensors: &[(String, Values)],
    half: Half,
) -> Result<f32> {
    let mut worst: f32 = 0.0;
    let mut halves = Vec::new();
    for (name, tensor) in tensors {
        let largest = tensor
            .values
            .iter()
            .fold(0.0f32, |most, value| most.max(value.abs()));
        let mut error: f32 = 0.0;
        let mut bytes = Vec::with_capacity(2 * tensor.values.len());
        for &value in tensor.values.iter() {
            let (rounded, pair) = half.rounded(value);
            error = error.max((rounded - value).abs());
            bytes.extend(pair);
        }
        if largest > 0.0 {
            worst = worst.max(error / largest);
        }
        let dtype = match half {
            Half::F16 => Dtype::F16,
            Half::Bf16 => Dtype::BF16,
        };
        let shape = tensor.shape.clone();
        halves.push((
            name.as_str(),
            HalfValues {
                shape,
                dtype,
                bytes,
            },
        ));
    }
    serialize(path, halves.into_iter(), Some(metadata(kind, header)))?;
    Ok(worst)
}
