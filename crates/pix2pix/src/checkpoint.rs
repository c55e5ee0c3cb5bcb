//! Checkpoints: one safetensors file with both networks' tensors and, in its metadata, the
//! configuration. One file alone is enough to translate.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use burn::tensor::{Device, TensorData};
use safetensors::{Dtype, SafeTensorError, SafeTensors, View};

use crate::atomic_file;
use crate::config::RunConfig;
use crate::error::{Error, Result};
use crate::init::WeightInit;
use crate::patch_gan::PatchGan;
use crate::unet::Unet;
use crate::weights::{self, Weights};

/// Metadata entry that says which program wrote the file.
const FORMAT: (&str, &str) = ("format", "pix2pix-1");
const CONFIG: &str = "config";
const STEP: &str = "step";
const REMEDY: &str = "give a checkpoint that `pix2pix train` wrote, or its run folder";

/// A checkpoint in memory.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// The run that it belongs to.
    pub config: RunConfig,
    /// Training steps behind it.
    pub step: u64,
    generator: Weights,
    discriminator: Weights,
}

impl Checkpoint {
    /// Takes both networks' tensors.
    pub fn new(config: RunConfig, step: u64, generator: &Unet, discriminator: &PatchGan) -> Self {
        Self {
            config,
            step,
            generator: weights::collect(generator),
            discriminator: weights::collect(discriminator),
        }
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written; a file of that name then stays as it was.
    pub fn save(&self, path: &Path) -> Result<()> {
        let config = serde_json::to_string(&self.config).expect("a configuration is plain data");
        let metadata = HashMap::from([
            (FORMAT.0.to_string(), FORMAT.1.to_string()),
            (CONFIG.to_string(), config),
            (STEP.to_string(), self.step.to_string()),
        ]);
        let named = |network: &'static str, tensors| named(network, tensors);
        let tensors =
            named("generator", &self.generator).chain(named("discriminator", &self.discriminator));
        atomic_file::write_at(path, |temporary| {
            safetensors::serialize_to_file(tensors, Some(metadata), temporary).map_err(
                |e| match e {
                    SafeTensorError::IoError(e) => e,
                    other => std::io::Error::other(other),
                },
            )
        })
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, is cut short, or is not a checkpoint of this program.
    pub fn load(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(|e| Error::io(path, "read the checkpoint", e))?;
        let wrong = |reason: String| Error::file(path, reason, REMEDY);
        let damaged =
            |e: SafeTensorError| wrong(format!("not a whole safetensors checkpoint ({e})"));
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(damaged)?;
        let file = SafeTensors::deserialize(&bytes).map_err(damaged)?;
        let entry = |key: &str| header.metadata().as_ref().and_then(|m| m.get(key));
        if entry(FORMAT.0).is_none_or(|format| format != FORMAT.1) {
            return Err(wrong(
                "a safetensors file, but not a pix2pix checkpoint".to_string(),
            ));
        }
        let config = entry(CONFIG).ok_or_else(|| wrong("its configuration is missing".into()))?;
        let config = serde_json::from_str(config)
            .map_err(|e| wrong(format!("its configuration cannot be read ({e})")))?;
        let step = entry(STEP)
            .and_then(|step| step.parse().ok())
            .ok_or_else(|| wrong("its step is missing".into()))?;

        let mut networks = [Weights::new(), Weights::new()];
        for (name, view) in file.tensors() {
            let place = match name.split_once('.') {
                Some(("generator", name)) => Some((0, name)),
                Some(("discriminator", name)) => Some((1, name)),
                _ => None,
            };
            let (Some((network, name)), Dtype::F32) = (place, view.dtype()) else {
                return Err(wrong(format!(
                    "its tensor {name} is not of a pix2pix network"
                )));
            };
            let values: Vec<f32> = view
                .data()
                .as_chunks()
                .0
                .iter()
                .map(|&bytes| f32::from_le_bytes(bytes))
                .collect();
            let data = TensorData::new(values, view.shape().to_vec());
            networks[network].insert(name.to_string(), data);
        }
        let [generator, discriminator] = networks;
        Ok(Self {
            config,
            step,
            generator,
            discriminator,
        })
    }

    /// Builds the generator; `path` is for messages.
    ///
    /// # Errors
    /// When the tensors are not those of the configuration's network.
    pub fn generator(self, path: &Path, device: &Device) -> Result<Unet> {
        let blank = &mut WeightInit::blank();
        let network = self.config.generator.init(blank, device)?;
        weights::restore(network, self.generator).map_err(|e| Error::file(path, e, REMEDY))
    }
}

/// Tensors under their network's name.
fn named<'a>(
    network: &'static str,
    tensors: &'a Weights,
) -> impl Iterator<Item = (String, Bytes<'a>)> {
    tensors
        .iter()
        .map(move |(name, data)| (format!("{network}.{name}"), Bytes(data)))
}

/// A tensor as safetensors wants to see it.
struct Bytes<'a>(&'a TensorData);

impl View for Bytes<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        self.0.shape()
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(self.0.as_bytes())
    }

    fn data_len(&self) -> usize {
        self.0.as_bytes().len()
    }
}

/// File name of a step's checkpoint.
pub fn file_name(step: u64) -> String {
    format!("step_{step:07}.safetensors")
}

/// The checkpoints of a folder, oldest first.
///
/// # Errors
/// When the folder cannot be read.
pub fn in_folder(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |e| Error::io(folder, "read the checkpoints", e);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let step = name
            .strip_prefix("step_")
            .and_then(|rest| rest.strip_suffix(".safetensors"))
            .and_then(|step| step.parse::<u64>().ok());
        if let Some(step) = step {
            found.push((step, path));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

/// The checkpoint that `model` means: itself, or the newest of a run folder.
///
/// # Errors
/// When there is none.
pub fn find(model: &Path) -> Result<PathBuf> {
    if !model.is_dir() {
        return Ok(model.to_path_buf());
    }
    let folder = model.join("checkpoints");
    let newest = if folder.is_dir() {
        in_folder(&folder)?.pop()
    } else {
        None
    };
    newest.ok_or_else(|| Error::file(model, "the folder holds no checkpoint", REMEDY))
}
