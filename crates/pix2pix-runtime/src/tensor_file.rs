//! Files of named tensors with a header: safetensors with a single metadata entry of JSON.

use std::collections::HashMap;
use std::io::{self, Cursor, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::Metadata;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, foreign};
use crate::regular_file::{self, unchanged};
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
/// When the file cannot be read, is truncated, is of another kind, or changes meanwhile.
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
    unchanged(path, kind.action, |file| {
        tensors_in(file, path, kind, wanted)
    })
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
    tensors_in(Cursor::new(bytes), path, kind, wanted)
}

/// Reads the header and the wanted tensors out of a file.
fn tensors_in<H: DeserializeOwned>(
    content: impl Read + Seek,
    path: &Path,
    kind: FileKind,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<(H, Weights)> {
    let wrong = |reason: String| Error::file(path, reason, kind.remedy);
    let unread = |reason| unread(path, kind, reason);
    let mut file = TensorReader::new(content).map_err(unread)?;
    let header = header_in(&file, path, kind)?;
    let mut tensors = Weights::new();
    for name in file.names().into_iter().filter(|name| wanted(name)) {
        if file.holds_scales(&name) {
            continue;
        }
        let (dtype, shape) = file.description(&name);
        let values = match dtype {
            Dtype::I8 => file.scaled(&name),
            _ => file.floats(&name),
        };
        let Some(values) = values.map_err(unread)? else {
            return Err(wrong(format!(
                "its tensor {name} is of the type {dtype}, not floating-point"
            )));
        };
        if !values.iter().all(|value| value.is_finite()) {
            return Err(wrong(format!(
                "damaged: its tensor {name} has values that are not finite numbers"
            )));
        }
        tensors.insert(name, Array::new(&shape, values));
    }
    Ok((header, tensors))
}

/// Reads the header of a file alone.
///
/// # Errors
/// As [`read()`].
pub fn read_header<H: DeserializeOwned>(path: &Path, kind: FileKind) -> Result<H> {
    unchanged(path, kind.action, |file| {
        let file = TensorReader::new(file).map_err(|reason| unread(path, kind, reason))?;
        header_in(&file, path, kind)
    })
}

/// As [`read_header`], of a file that is in memory; `path` is its name for messages.
///
/// # Errors
/// As [`parse`].
pub fn parse_header<H: DeserializeOwned>(bytes: &[u8], path: &Path, kind: FileKind) -> Result<H> {
    let file = TensorReader::new(Cursor::new(bytes));
    header_in(
        &file.map_err(|reason| unread(path, kind, reason))?,
        path,
        kind,
    )
}

/// Whether a file is one of this program, of any kind.
pub fn is_own(path: &Path) -> bool {
    let file = regular_file::open(path).ok().map(TensorReader::new);
    file.is_some_and(|file| file.is_ok_and(|file| file.entry().is_some()))
}

fn unread(path: &Path, kind: FileKind, reason: Unread) -> Error {
    let reason = match reason {
        Unread::Io(e) => return Error::io(path, kind.action, e),
        Unread::Foreign(what) => format!("{what}, and not a pix2pix {}", kind.name),
        Unread::Damaged(reason) => format!("damaged safetensors {} ({reason})", kind.name),
    };
    Error::file(path, reason, kind.remedy)
}

/// What a file is that begins with these bytes: of weights, or one that is easily given in place of them.
fn other_kind(bytes: &[u8]) -> Option<&'static str> {
    const BEGINNINGS: [(&[u8], &str); 8] = [
        (b"PK\x03\x04", "a file of PyTorch or Keras"),
        (b"\x80\x02\x8a\x0a", "a file of PyTorch"),
        (b"\x89HDF\r\n", "a file of Keras"),
        // the version of the format, and the name of the program that has written it
        (b"\x08\x08\x12", "a file of ONNX"),
        (b"\xff\xd8\xff", "a JPEG picture"),
        (b"\x89PNG\r\n", "a PNG picture"),
        (b"II*\0", "a TIFF picture"),
        (b"MM\0*", "a TIFF picture"),
    ];
    let found = BEGINNINGS
        .iter()
        .find(|(beginning, _)| bytes.starts_with(beginning));
    found.map(|(_, what)| *what)
}

/// Reads this program's header out of that of a safetensors file.
fn header_in<H: DeserializeOwned, R>(
    file: &TensorReader<R>,
    path: &Path,
    kind: FileKind,
) -> Result<H> {
    let wrong = |reason: String| Error::file(path, reason, kind.remedy);
    let foreign = || {
        wrong(format!(
            "a safetensors file, but not a pix2pix {}",
            kind.name
        ))
    };
    let entry = file.entry().ok_or_else(foreign)?;
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

/// Why a file of tensors cannot be read.
#[derive(Debug)]
pub enum Unread {
    /// The system's reason.
    Io(io::Error),
    /// What it is, e.g. "a file of Keras", and no safetensors.
    Foreign(&'static str),
    /// What is wrong with its content.
    Damaged(String),
}

impl From<io::Error> for Unread {
    fn from(reason: io::Error) -> Self {
        match reason.kind() {
            ErrorKind::UnexpectedEof => Self::Damaged("it ends early".to_string()),
            _ => Self::Io(reason),
        }
    }
}

/// A safetensors file, on the disk or in memory. Its tensors are read one by one, each when it is asked for. A file on the disk is
/// not mapped into memory: if another program truncated it, the system would end this one.
pub struct TensorReader<R> {
    content: R,
    header: Metadata,
    /// Where the values begin.
    start: u64,
}

/// Bytes in front of the header, which are its length.
const LENGTH: usize = size_of::<u64>();

/// Bytes of the longest header, as other readers of the format have it.
const LONGEST_HEADER: u64 = 100_000_000;

impl<R> TensorReader<R> {
    /// The names of its tensors, in the order in which the file has their values.
    pub fn names(&self) -> Vec<String> {
        self.header.offset_keys()
    }

    /// The entry that holds the header of this program's files; `None` in other files.
    fn entry(&self) -> Option<&String> {
        self.header.metadata().as_ref()?.get(ENTRY)
    }

    /// The type and the sides of a tensor.
    ///
    /// # Panics
    /// When there is none of this name.
    pub fn description(&self, name: &str) -> (Dtype, Vec<usize>) {
        let tensor = self.header.info(name).expect("a tensor of the file");
        (tensor.dtype, tensor.shape.clone())
    }

    fn holds_scales(&self, name: &str) -> bool {
        let of = name.strip_suffix(SCALES);
        let of = of.and_then(|of| self.header.info(of));
        of.is_some_and(|of| of.dtype == Dtype::I8)
    }
}

impl<R: Read + Seek> TensorReader<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// When it cannot be read, or is none, or the tensors in it are not those of the whole file.
    pub fn new(mut content: R) -> std::result::Result<Self, Unread> {
        let length = content.seek(SeekFrom::End(0))?;
        content.rewind()?;
        let mut first = [0; LENGTH];
        content.read_exact(&mut first)?;
        let header = header_of(&mut content, u64::from_le_bytes(first), length);
        let (header, start) = header.map_err(|reason| match (reason, other_kind(&first)) {
            (Unread::Damaged(_), Some(what)) => Unread::Foreign(what),
            (reason, _) => reason,
        })?;
        Ok(Self {
            content,
            header,
            start,
        })
    }

    /// The values of a floating-point tensor, converted to 32 bits; `None` for integers.
    ///
    /// # Errors
    /// When they cannot be read.
    ///
    /// # Panics
    /// When there is no tensor of this name.
    pub fn floats(&mut self, name: &str) -> std::result::Result<Option<Vec<f32>>, Unread> {
        let (dtype, shape) = self.description(name);
        Ok(Some(match dtype {
            Dtype::F32 => {
                let mut values = vec![0.0_f32; shape.iter().product()];
                self.fill(name, bytemuck::cast_slice_mut(&mut values))?;
                values
            }
            Dtype::F16 => each(&self.bytes(name)?, |bytes| {
                half::f16::from_le_bytes(bytes).to_f32()
            }),
            Dtype::BF16 => each(&self.bytes(name)?, |bytes| {
                half::bf16::from_le_bytes(bytes).to_f32()
            }),
            Dtype::F64 => each(&self.bytes(name)?, |bytes| f64::from_le_bytes(bytes) as f32),
            _ => return Ok(None),
        }))
    }

    /// The values of an 8-bit tensor; `None` without its scales.
    fn scaled(&mut self, name: &str) -> std::result::Result<Option<Vec<f32>>, Unread> {
        let of = scales_of(name);
        if self.header.info(&of).is_none() {
            return Ok(None);
        }
        let (_, sides) = self.description(&of);
        let (&[rows], Some(scales)) = (sides.as_slice(), self.floats(&of)?) else {
            return Ok(None);
        };
        let (_, shape) = self.description(name);
        let steps = self.bytes(name)?;
        let Some(row) = steps.len().checked_div(rows) else {
            return Ok(None);
        };
        if shape.first() != Some(&rows) {
            return Ok(None);
        }
        let values = scales.iter().enumerate().flat_map(|(index, scale)| {
            let steps = &steps[index * row..(index + 1) * row];
            steps
                .iter()
                .map(move |step| f32::from(step.cast_signed()) * scale)
        });
        Ok(Some(values.collect()))
    }

    fn bytes(&mut self, name: &str) -> io::Result<Vec<u8>> {
        let (start, end) = self.header.info(name).expect("a tensor").data_offsets;
        let mut bytes = vec![0; end - start];
        self.fill(name, &mut bytes)?;
        Ok(bytes)
    }

    /// Reads the bytes of a tensor, of which there are so many.
    fn fill(&mut self, name: &str, bytes: &mut [u8]) -> io::Result<()> {
        let (start, _) = self.header.info(name).expect("a tensor").data_offsets;
        let start = SeekFrom::Start(self.start + start as u64);
        self.content.seek(start)?;
        self.content.read_exact(bytes)
    }
}

/// The numbers that so many bytes are each.
fn each<const BYTES: usize>(bytes: &[u8], number: fn([u8; BYTES]) -> f32) -> Vec<f32> {
    let chunks = bytes.as_chunks().0.iter();
    chunks.map(|&bytes| number(bytes)).collect()
}

/// The header of a file of this length, which itself has `size` bytes, and where the values begin.
fn header_of(
    content: &mut impl Read,
    size: u64,
    length: u64,
) -> std::result::Result<(Metadata, u64), Unread> {
    let damaged = |reason: &str| Unread::Damaged(reason.to_string());
    let start = size.saturating_add(LENGTH as u64);
    if start > length {
        return Err(damaged("its header is longer than the file"));
    }
    if size > LONGEST_HEADER {
        return Err(damaged("its header has more than 100 MB"));
    }
    let mut header = vec![0; size as usize];
    content.read_exact(&mut header)?;
    let header: Metadata =
        serde_json::from_slice(&header).map_err(|e| Unread::Damaged(foreign(&e.to_string())))?;
    // every byte behind the header is a tensor's
    match start.checked_add(header.data_len() as u64) == Some(length) {
        true => Ok((header, start)),
        false => Err(damaged("its tensors are not as long as its header says")),
    }
}

/// End of the names of tensors that hold scales.
const SCALES: &str = ".scales";

/// The name of the tensor that holds the scales of an 8-bit one: a number for each index of its first dimension.
pub fn scales_of(name: &str) -> String {
    format!("{name}{SCALES}")
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;
    use std::time::{Duration, SystemTime};

    use safetensors::tensor::TensorView;

    use super::*;

    const KIND: FileKind = FileKind {
        format: "test-1",
        name: "test",
        action: "read the test",
        remedy: "give another",
    };

    type Settings = HashMap<String, String>;

    /// A file of two tensors with this value.
    fn file(value: f32) -> Vec<u8> {
        let values = value.to_le_bytes().repeat(4096);
        let tensor = || TensorView::new(Dtype::F32, vec![64, 64], &values).unwrap();
        let tensors = [("a", tensor()), ("b", tensor())];
        safetensors::serialize(tensors, Some(metadata(KIND, &Settings::new()))).unwrap()
    }

    /// What is read of a file on which `meanwhile` works between the header and the values.
    fn read_while(meanwhile: impl Fn(&Path)) -> Result<Weights> {
        let path = std::env::temp_dir().join(format!(
            "pix2pix-{}-{:?}.safetensors",
            std::process::id(),
            std::thread::current().id()
        ));
        std::fs::write(&path, file(1.0)).unwrap();
        let read = read_some::<Settings>(&path, KIND, &|name| {
            if name == "b" {
                meanwhile(&path);
            }
            true
        });
        std::fs::remove_file(&path).unwrap();
        read.map(|(_, tensors)| tensors)
    }

    /// A mapped file would end this program here.
    #[test]
    fn a_file_that_is_truncated_meanwhile_is_an_error() {
        assert_eq!(read_while(|_| {}).unwrap()["b"].values, [1.0; 4096]);
        for left in [0, 100, 20_000] {
            let truncate = |path: &Path| {
                let file = File::options().write(true).open(path).unwrap();
                file.set_len(left).unwrap();
            };
            let error = read_while(truncate).unwrap_err().to_string();
            let wanted = "it was changed while it was read; try again when it is written whole";
            assert!(error.ends_with(wanted), "{error}");
        }
    }

    #[test]
    fn a_file_is_never_half_of_one_and_half_of_another() {
        let overwrite = |path: &Path| {
            let mut open = File::options().write(true).open(path).unwrap();
            open.write_all(&file(2.0)).unwrap();
            // clocks of file systems may be slow
            let later = SystemTime::now() + Duration::from_secs(10);
            open.set_modified(later).unwrap();
        };
        let error = read_while(overwrite).unwrap_err().to_string();
        assert!(
            error.contains("it was changed while it was read"),
            "{error}"
        );
        // what takes its place by name changes nothing
        let replace = |path: &Path| {
            let other = path.with_extension("other");
            std::fs::write(&other, file(2.0)).unwrap();
            std::fs::rename(other, path).unwrap();
        };
        assert_eq!(read_while(replace).unwrap()["b"].values, [1.0; 4096]);
    }

    #[test]
    fn numbers_of_16_and_64_bits_become_32() {
        let numbers = [0.5_f32, -2.0];
        for (dtype, bytes) in [
            (
                Dtype::F64,
                numbers.map(|n| f64::from(n).to_le_bytes().to_vec()),
            ),
            (
                Dtype::F16,
                numbers.map(|n| half::f16::from_f32(n).to_le_bytes().to_vec()),
            ),
            (
                Dtype::BF16,
                numbers.map(|n| half::bf16::from_f32(n).to_le_bytes().to_vec()),
            ),
        ] {
            let bytes = bytes.concat();
            let tensor = TensorView::new(dtype, vec![2], &bytes).unwrap();
            let file = safetensors::serialize([("a", tensor)], None).unwrap();
            let mut file = TensorReader::new(Cursor::new(file)).unwrap();
            assert_eq!(file.floats("a").unwrap().unwrap(), numbers, "{dtype}");
        }
    }

    #[test]
    fn what_is_no_safetensors_file_is_told() {
        let whole = file(1.0);
        let refused = |bytes: &[u8]| {
            let read = parse::<Settings>(bytes, Path::new("x"), KIND, &|_| true);
            read.unwrap_err().to_string()
        };
        let damaged =
            |reason: &str| format!("x: damaged safetensors test ({reason}); give another");
        assert_eq!(refused(&[]), damaged("it ends early"));
        assert_eq!(
            refused(&whole[..20]),
            damaged("its header is longer than the file")
        );
        let longer = [&whole[..], &[0]].concat();
        for bytes in [&whole[..whole.len() - 1], &longer] {
            assert_eq!(
                refused(bytes),
                damaged("its tensors are not as long as its header says")
            );
        }
        assert_eq!(
            refused(&[0xff; 64]),
            damaged("its header is longer than the file")
        );
        for (beginning, what) in [
            (&b"PK\x03\x04"[..], "a file of PyTorch or Keras"),
            (b"\xff\xd8\xff\xe0", "a JPEG picture"),
            (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
        ] {
            assert_eq!(
                refused(&[beginning, b" and so on"].concat()),
                format!("x: {what}, and not a pix2pix test; give another")
            );
        }
    }
}
