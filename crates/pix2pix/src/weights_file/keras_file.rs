//! Whole models saved by Keras: `.h5` (HDF5) and `.keras` (a zip of the model's configuration and an HDF5 file with its
//! weights). Both are read as data: no code in them, such as a Lambda layer, is run.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use hdf5_reader::group::Group;
use hdf5_reader::{Dataset, Datatype, Hdf5File, OpenOptions};
use pix2pix_runtime::weights::Array;
use serde_json::Value;
use zip::ZipArchive;

use crate::error::{Error, Result};
use crate::weights_file::{check_exists, ends_in};

/// At most this many times the size of a file is read from it, because weights hardly compress.
const EXPANSION: u64 = 2;

/// One layer of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct KerasLayer {
    /// Its class, e.g. `Conv2D`.
    pub class: String,
    /// Its name, e.g. `conv2d_1`.
    pub name: String,
    /// Its configuration, e.g. `strides`.
    pub config: Value,
    /// Names of the layers whose outputs it reads.
    pub inputs: Vec<String>,
    /// Whether it is called with `training=True`, and so does the same when the model predicts as when it trains.
    pub training: bool,
    /// Its tensors in Keras' order, e.g. kernel, bias.
    pub weights: Vec<Array>,
}

/// Reads the layers of a functional model, in the order of its configuration; `remedy` is for messages.
///
/// # Errors
/// When the file cannot be read, or is not a functional Keras model.
pub fn read(path: &Path, remedy: &str) -> Result<Vec<KerasLayer>> {
    check_exists(path, remedy)?;
    let file = File::open(path).map_err(|e| Error::io(path, "read the model", e))?;
    let bytes = file.metadata().map_or(0, |found| found.len());
    let layers = match ends_in(path, &["keras"]) {
        true => of_zip(file, bytes),
        false => of_hdf5(path, bytes),
    };
    layers.map_err(|reason| Error::file(path, reason, remedy))
}

/// A result with the reason in words, if something cannot be read.
type Found<T> = std::result::Result<T, String>;

fn damaged(e: impl std::fmt::Display) -> String {
    format!("damaged Keras model ({e})")
}

/// Reads the model of a `.keras` file of `bytes` bytes.
fn of_zip(file: File, bytes: u64) -> Found<Vec<KerasLayer>> {
    let mut zip = ZipArchive::new(file).map_err(damaged)?;
    let mut entry = |name: &str| -> Found<Vec<u8>> {
        let limit = most(bytes) as u64;
        let found = zip
            .by_name(name)
            .map_err(|e| damaged(format!("{name}: {e}")))?;
        let mut content = Vec::new();
        found
            .take(limit)
            .read_to_end(&mut content)
            .map_err(|e| damaged(format!("{name}: {e}")))?;
        if content.len() as u64 == limit {
            return Err(damaged(format!(
                "{name} unpacks to more data than weights can"
            )));
        }
        Ok(content)
    };
    let config = serde_json::from_slice(&entry("config.json")?).map_err(damaged)?;
    let mut layers = described(&config)?;
    let weights = entry("model.weights.h5")?;
    let limits = limits(weights.len() as u64);
    let weights = Hdf5File::from_bytes_with_options(&weights, limits).map_err(damaged)?;
    let groups = weights.group("/layers").map_err(damaged)?;
    let mut left = most(bytes);
    let mut seen: HashMap<String, usize> = HashMap::new();
    for layer in &mut layers {
        // a group is named after the layer's class, in snake case, with a number
        let class = snake_case(&layer.class);
        let count = seen.entry(class.clone()).or_default();
        let numbered = match *count {
            0 => class,
            count => format!("{class}_{count}"),
        };
        *count += 1;
        if !has_weights(&layer.class) {
            continue;
        }
        let group = groups.group(&numbered).map_err(damaged)?;
        let variables = group.group("vars").map_err(damaged)?;
        let mut names = variables.member_names().map_err(damaged)?.1;
        names.sort_by_key(|name| name.parse().unwrap_or(usize::MAX));
        for name in names {
            let dataset = variables.dataset(&name).map_err(damaged)?;
            layer.weights.push(tensor(&dataset, &mut left)?);
        }
    }
    Ok(layers)
}

/// Reads the model of an `.h5` file of `bytes` bytes.
fn of_hdf5(path: &Path, bytes: u64) -> Found<Vec<KerasLayer>> {
    let file = Hdf5File::open_with_options(path, limits(bytes)).map_err(damaged)?;
    let root = file.root_group().map_err(damaged)?;
    let config = root.attribute("model_config").map_err(|_| {
        "it has weights but no model: save it with Keras' save instead of save_weights".to_string()
    })?;
    let config = serde_json::from_str(&config.read_string().map_err(damaged)?).map_err(damaged)?;
    let mut layers = described(&config)?;
    let groups = root.group("model_weights").map_err(damaged)?;
    let mut left = most(bytes);
    for layer in layers.iter_mut().filter(|layer| has_weights(&layer.class)) {
        let group = groups.group(&layer.name).map_err(damaged)?;
        let names = group.attribute("weight_names").map_err(damaged)?;
        for name in names.read_strings().map_err(damaged)? {
            let dataset = within(&group, &name)?;
            layer.weights.push(tensor(&dataset, &mut left)?);
        }
    }
    Ok(layers)
}

/// Maximum number of bytes to read from a file of `bytes` bytes.
fn most(bytes: u64) -> usize {
    usize::try_from(bytes.saturating_mul(EXPANSION)).unwrap_or(usize::MAX)
}

fn limits(bytes: u64) -> OpenOptions {
    let most = most(bytes);
    OpenOptions::default()
        .with_max_read_bytes(most)
        .with_max_chunk_bytes(most)
        .with_max_object_header_bytes(most)
}

/// Most parts of a weight's name, of which Keras writes one for each level of a nested model. A group can contain itself, so
/// that a small file has names of any length.
const PARTS: usize = 32;

/// The dataset at a path below a group.
fn within(group: &Group, path: &str) -> Found<Dataset> {
    let parts: Vec<&str> = path.split('/').take(PARTS + 1).collect();
    let (last, groups) = parts.split_last().expect("a text has a first part");
    if groups.len() == PARTS {
        return Err(damaged(format!(
            "the name of a weight has more than {PARTS} parts"
        )));
    }
    let mut inner = group.clone();
    for name in groups {
        inner = inner.group(name).map_err(damaged)?;
    }
    inner.dataset(last).map_err(damaged)
}

/// Reads the values of a dataset, of 16, 32 or 64 bits; `left` is the number of bytes that may still be read from the file.
fn tensor(dataset: &Dataset, left: &mut usize) -> Found<Array> {
    let &Datatype::FloatingPoint { size, .. } = dataset.dtype() else {
        return Err(
            "its weights are not stored as floating-point numbers, as those of bfloat16 are not: save it in float32"
                .to_string(),
        );
    };
    let count = dataset.num_elements().map_err(damaged)?;
    // they become 32 bits
    let bytes = count.saturating_mul(u64::from(size).max(4));
    *left = left
        .checked_sub(usize::try_from(bytes).unwrap_or(usize::MAX))
        .ok_or_else(|| damaged("its tensors are larger than the file"))?;
    let values = match size {
        2 => {
            let bytes = dataset.read_native_bytes().map_err(damaged)?;
            let halves = bytes.as_chunks().0.iter();
            halves
                .map(|b| half::f16::from_ne_bytes(*b).to_f32())
                .collect()
        }
        8 => {
            let mut values = vec![0.0f64; count as usize];
            dataset.read_into(&mut values).map_err(damaged)?;
            values.into_iter().map(|value| value as f32).collect()
        }
        _ => {
            let mut values = vec![0.0f32; count as usize];
            dataset.read_into(&mut values).map_err(damaged)?;
            values
        }
    };
    let shape: Vec<usize> = dataset.shape().iter().map(|&side| side as usize).collect();
    Ok(Array::new(&shape, values))
}

/// Whether layers of this class have tensors. Covers the classes of a generator only.
fn has_weights(class: &str) -> bool {
    ["Conv2D", "Conv2DTranspose", "BatchNormalization"].contains(&class)
}

/// Reads the layers of a functional model's configuration, without their tensors.
fn described(config: &Value) -> Found<Vec<KerasLayer>> {
    let layers = config["config"]["layers"].as_array();
    let layers = layers.ok_or("not a functional Keras model")?;
    let text = |value: &Value| value.as_str().map(str::to_string);
    let layer = |layer: &Value| -> Option<KerasLayer> {
        let mut inputs = Vec::new();
        names(&layer["inbound_nodes"], &mut inputs);
        Some(KerasLayer {
            class: text(&layer["class_name"])?,
            name: text(&layer["config"]["name"])?,
            config: layer["config"].clone(),
            inputs,
            training: is_training(&layer["inbound_nodes"]),
            weights: Vec::new(),
        })
    };
    let found: Option<Vec<_>> = layers.iter().map(layer).collect();
    found.ok_or_else(|| damaged("a layer without a class or a name"))
}

/// Collects the names of layers from a description of connections. In both Keras 2 and 3, each connection is a list
/// that starts with the name of a layer and two numbers.
fn names(connections: &Value, found: &mut Vec<String>) {
    match connections {
        Value::Array(parts) => match parts.as_slice() {
            [Value::String(name), Value::Number(_), Value::Number(_), ..] => {
                found.push(name.clone());
            }
            parts => parts.iter().for_each(|part| names(part, found)),
        },
        Value::Object(parts) => parts.values().for_each(|part| names(part, found)),
        _ => {}
    }
}

/// Whether a description of connections has the argument `training=True`: in Keras 2 behind the numbers of a connection, in
/// Keras 3 beside all of a call.
fn is_training(connections: &Value) -> bool {
    match connections {
        Value::Array(parts) => parts.iter().any(is_training),
        Value::Object(parts) => {
            parts.get("training") == Some(&Value::Bool(true))
                || parts.get("kwargs").is_some_and(is_training)
        }
        _ => false,
    }
}

/// Converts `Conv2DTranspose` to `conv2d_transpose`, as Keras does for the names of layers.
fn snake_case(class: &str) -> String {
    let mut name = String::new();
    let letters: Vec<char> = class.chars().collect();
    for (at, letter) in letters.iter().enumerate() {
        let after_small = at > 0 && letters[at - 1].is_ascii_lowercase();
        let before_small = at > 0 && letters.get(at + 1).is_some_and(char::is_ascii_lowercase);
        if letter.is_ascii_uppercase() && (after_small || before_small) {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_many_parts_is_refused() {
        let fixture = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/fixtures/keras/keras-3.h5"
        );
        let root = Hdf5File::open(fixture).unwrap().root_group().unwrap();
        let said = |name: &str| within(&root, name).err().expect("there is no such weight");
        assert!(said(&"c/".repeat(20_000)).contains("more than 32 parts"));
        assert!(!said(&"c/".repeat(31)).contains("parts"));
    }

    #[test]
    fn names_are_keras_own() {
        for (class, name) in [
            ("Conv2D", "conv2d"),
            ("Conv2DTranspose", "conv2d_transpose"),
            ("BatchNormalization", "batch_normalization"),
            ("LeakyReLU", "leaky_re_lu"),
        ] {
            assert_eq!(snake_case(class), name);
        }
    }
}
