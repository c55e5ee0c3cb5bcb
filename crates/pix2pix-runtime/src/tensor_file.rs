//! Files of named tensors with a header: safetensors with a single metadata entry of JSON.

use std::collections::HashMap;
use std::path::Path;

use memmap2::Mmap;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensorError, SafeTensors};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::regular_file;
use crate::weights::{Array, Weights};

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

/// The metadata that holds a header.
pub fn metadata<H: Serialize>(kind: FileKind, header: &H) -> HashMap<String, String> {
    let header = Header {
        format: kind.format.to_string(),
        content: header,
    };
    let header = serde_json::to_string(&header).expect("a header is plain data");
    HashMap::from([(ENTRY.to_string(), header)])
}

/// Reads the header and the tensors of a file.
///
/// # Errors
/// When the file cannot be read, is truncated, or is of another kind.
pub fn read<H: DeserializeOwned>(path: &Path, kind: FileKind) -> Result<(H, Weights)> {
    read_some(path, kind, &|_| true)
}

/// As [`read`], but only the tensors whose names `wanted` accepts.
///
/// # Errors
/// As [`read`].
pub fn read_some<H: DeserializeOwned>(
    path: &Path,
    kind: FileKind,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<(H, Weights)> {
    let mapped = Mapped::open(path).map_err(|e| Error::io(path, kind.action, e))?;
    parse(mapped.bytes(), path, kind, wanted)
}

/// As [`read_some`], of a file that is in memory; `path` is its name for messages.
///
/// # Errors
/// When the file is truncated, or of another kind.
pub fn parse<H: DeserializeOwned>(
    bytes: &[u8],
    path: &Path,
    kind: FileKind,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<(H, Weights)> {
    let wrong = |reason: String| Error::file(path, reason, kind.remedy);
    let file = SafeTensors::deserialize(bytes).map_err(|e| damaged(bytes, path, kind, e))?;
    let content = parse_header(bytes, path, kind)?;
    let mut tensors = Weights::new();
    for (name, view) in file.tensors().into_iter().filter(|(name, _)| wanted(name)) {
        if holds_scales(&file, &name) {
            continue;
        }
        let values = match view.dtype() {
            Dtype::I8 => scaled(&file, &name, &view),
            _ => widened(&view),
        };
        let Some(values) = values else {
            let dtype = view.dtype();
            return Err(wrong(format!(
                "its tensor {name} is of the type {dtype}, not floating-point"
            )));
        };
        if !values.iter().all(|value| value.is_finite()) {
            return Err(wrong(format!(
                "damaged: its tensor {name} has values that are not finite numbers"
            )));
        }
        tensors.insert(name, Array::new(view.shape(), values));
    }
    Ok((content, tensors))
}

/// Reads the header of a file alone.
///
/// # Errors
/// As [`read()`], but not when tensors are missing.
pub fn read_header<H: DeserializeOwned>(path: &Path, kind: FileKind) -> Result<H> {
    let mapped = Mapped::open(path).map_err(|e| Error::io(path, kind.action, e))?;
    parse_header(mapped.bytes(), path, kind)
}

/// Whether a file is one of this program, of any kind.
pub fn is_own(path: &Path) -> bool {
    let has_header = |mapped: Mapped| {
        let read = SafeTensors::read_metadata(mapped.bytes());
        let (_, found) = read.ok()?;
        Some(found.metadata().as_ref()?.contains_key(ENTRY))
    };
    let mapped = Mapped::open(path).ok();
    mapped.and_then(has_header).unwrap_or(false)
}

fn damaged(bytes: &[u8], path: &Path, kind: FileKind, reason: SafeTensorError) -> Error {
    let reason = match program_of(bytes) {
        Some(program) => format!("a file of {program}, and not a pix2pix {}", kind.name),
        None => format!("damaged safetensors {} ({reason})", kind.name),
    };
    Error::file(path, reason, kind.remedy)
}

/// The programs that write files of weights that begin with these bytes.
fn program_of(bytes: &[u8]) -> Option<&'static str> {
    const BEGINNINGS: [(&[u8], &str); 4] = [
        (b"PK\x03\x04", "PyTorch or Keras"),
        (b"\x80\x02\x8a\x0a", "PyTorch"),
        (b"\x89HDF\r\n", "Keras"),
        // the version of the format, and the name of the program that has written it
        (b"\x08\x08\x12", "ONNX"),
    ];
    let found = BEGINNINGS
        .iter()
        .find(|(beginning, _)| bytes.starts_with(beginning));
    found.map(|(_, program)| *program)
}

/// As [`read_header`], of a file that is in memory; `path` is its name for messages.
///
/// # Errors
/// As [`read_header`].
pub fn parse_header<H: DeserializeOwned>(bytes: &[u8], path: &Path, kind: FileKind) -> Result<H> {
    let wrong = |reason: String| Error::file(path, reason, kind.remedy);
    let (_, metadata) =
        SafeTensors::read_metadata(bytes).map_err(|e| damaged(bytes, path, kind, e))?;
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

/// A memory-mapped file.
pub struct Mapped(Option<Mmap>);

impl Mapped {
    /// Maps a file.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        let file = regular_file::open(path)?;
        if file.metadata()?.len() == 0 {
            return Ok(Self(None)); // some systems cannot map an empty file
        }
        // SAFETY: the map is read-only, and lives only until the tensors are copied out of it. Our own files are
        // replaced by renaming and never changed in place. If another process truncates a foreign file in these
        // milliseconds, the system ends this program, as with any other reader of mapped files.
        let map = unsafe { Mmap::map(&file)? };
        Ok(Self(Some(map)))
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }
}

/// End of the names of tensors that hold scales.
const SCALES: &str = ".scales";

/// The name of the tensor that holds the scales of an 8-bit one: a number for each index of its first dimension.
pub fn scales_of(name: &str) -> String {
    format!("{name}{SCALES}")
}

fn holds_scales(file: &SafeTensors, name: &str) -> bool {
    let of = name.strip_suffix(SCALES);
    of.is_some_and(|of| file.tensor(of).is_ok_and(|of| of.dtype() == Dtype::I8))
}

/// The values of an 8-bit tensor; `None` without its scales.
fn scaled(file: &SafeTensors, name: &str, view: &TensorView) -> Option<Vec<f32>> {
    let scales = file.tensor(&scales_of(name)).ok()?;
    let (&[rows], Some(scales)) = (scales.shape(), widened(&scales)) else {
        return None;
    };
    if view.shape().first() != Some(&rows) {
        return None;
    }
    let row = view.data().len().checked_div(rows)?;
    let values = scales.iter().enumerate().flat_map(|(index, scale)| {
        let steps = &view.data()[index * row..(index + 1) * row];
        steps
            .iter()
            .map(move |step| f32::from(step.cast_signed()) * scale)
    });
    Some(values.collect())
}

/// The values of a floating-point tensor, converted to 32 bits; `None` for integers.
pub fn widened(view: &TensorView) -> Option<Vec<f32>> {
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
