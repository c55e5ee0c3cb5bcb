//! PyTorch's files of weights, written in the zip format.

use std::collections::BTreeMap;
use std::io::{self, Cursor, Write};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// A tensor to write.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// Its dimensions; empty for a scalar.
    pub shape: Vec<usize>,
    /// Its values.
    pub values: StoredValues,
}

/// The values of a tensor to write.
#[derive(Clone, Debug, PartialEq)]
pub enum StoredValues {
    /// 32-bit floating point.
    Floats(Vec<f32>),
    /// A 64-bit counter.
    Counter(i64),
}

impl Stored {
    /// Makes a floating-point tensor.
    pub fn floats(shape: Vec<usize>, values: Vec<f32>) -> Self {
        Self {
            shape,
            values: StoredValues::Floats(values),
        }
    }

    /// Makes a scalar counter.
    pub fn counter(value: i64) -> Self {
        Self {
            shape: Vec::new(),
            values: StoredValues::Counter(value),
        }
    }

    /// The bytes of the values, little-endian.
    pub fn bytes(&self) -> Vec<u8> {
        match &self.values {
            StoredValues::Floats(values) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            StoredValues::Counter(value) => value.to_le_bytes().to_vec(),
        }
    }
}

/// Writes a dictionary of tensors in the zip container, as `torch.save(state_dict)` does.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, tensors: &BTreeMap<String, Stored>) -> io::Result<()> {
    // in memory, where nothing fails: dropped after a failure, `ZipWriter` prints one more message
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .large_file(true);
    let mut entry = |name: &str, content: &[u8]| -> io::Result<()> {
        zip.start_file(format!("archive/{name}"), options)?;
        zip.write_all(content)
    };
    entry("data.pkl", &pickle(tensors))?;
    entry("byteorder", b"little")?;
    for (index, tensor) in tensors.values().enumerate() {
        entry(&format!("data/{index}"), &tensor.bytes())?;
    }
    entry("version", b"3\n")?;
    std::fs::write(path, zip.finish()?.into_inner())
}

/// The pickle (protocol 2) of an ordered dictionary of tensors. Each tensor has its own storage in the zip file.
fn pickle(tensors: &BTreeMap<String, Stored>) -> Vec<u8> {
    let mut out = b"\x80\x02ccollections\nOrderedDict\n)R(".to_vec();
    for (index, (name, tensor)) in tensors.iter().enumerate() {
        let (kind, count) = match &tensor.values {
            StoredValues::Floats(values) => ("FloatStorage", values.len()),
            StoredValues::Counter(_) => ("LongStorage", 1),
        };
        text(&mut out, name);
        out.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        text(&mut out, "storage");
        out.extend(format!("ctorch\n{kind}\n").bytes());
        text(&mut out, &index.to_string());
        text(&mut out, "cpu");
        number(&mut out, count);
        out.extend(b"tQ"); // the storage
        number(&mut out, 0); // its offset
        let strides = (0..tensor.shape.len()).map(|axis| tensor.shape[axis + 1..].iter().product());
        for sides in [tensor.shape.clone(), strides.collect()] {
            out.push(b'(');
            sides.into_iter().for_each(|side| number(&mut out, side));
            out.push(b't');
        }
        // requires_grad is false, and there are no hooks
        out.extend(b"\x89ccollections\nOrderedDict\n)RtR");
    }
    out.extend(b"u.");
    out
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.push(b'X');
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text.bytes());
}

fn number(out: &mut Vec<u8>, value: usize) {
    out.push(b'J');
    let value = i32::try_from(value).expect("our tensors have fewer than 2^31 values");
    out.extend(value.to_le_bytes());
}
