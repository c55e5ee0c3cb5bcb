//! Checkpoints: the files of trained networks, and the run folders in which they lie.

use std::fmt::Display;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::network::GeneratorConfig;
use crate::picture::{Domain, Size};
use crate::regular_file;
use crate::scale::TrainingScale;
use crate::tensor_file::{self, FileKind};
use crate::weights::{Weights, take};
use crate::words::count;

/// The file format of checkpoints.
pub const KIND: FileKind = FileKind {
    format: "pix2pix-checkpoint-1",
    name: "checkpoint",
    action: "read the checkpoint",
    remedy: "give a checkpoint that `pix2pix train` wrote, or its run folder; convert those of other programs with \
             `pix2pix import` first",
};

/// Reports a checkpoint from which no network can be built. A field that the reason names is the file's, and no argument of
/// the caller.
pub fn no_network(path: &Path, reason: &dyn Display) -> Error {
    Error::file(path, reason.to_string().replace('`', ""), KIND.remedy)
}

/// A trained generator, as it is stored.
#[derive(Clone, Debug)]
pub struct Model {
    /// What the run's configuration says of it.
    pub config: ModelConfig,
    /// Number of training steps done.
    pub step: u64,
    /// Its tensors by name.
    pub weights: Weights,
}

/// What translation needs of a run's configuration.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ModelConfig {
    /// Domain of the source.
    #[serde(default)]
    pub source: Domain,
    /// Domain of the target.
    #[serde(default)]
    pub target: Domain,
    /// Slices of a volume on either side of a slice whose channels the source has too; 0 for none.
    #[serde(default, alias = "neighbours")]
    pub neighbors: usize,
    /// What the training made of the size of its pictures; `None` if it is unknown. In browsers, pictures are translated at their
    /// own scale, and the module is smaller without it.
    #[serde(default)]
    #[cfg_attr(target_arch = "wasm32", serde(skip))]
    pub scale: Option<TrainingScale>,
    /// The generator.
    pub generator: GeneratorConfig,
    jitter: Jitter,
}

/// What translation needs of the configuration of the jitter.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
struct Jitter {
    crop_size: Size,
}

impl ModelConfig {
    /// A configuration of a generator that was trained on pictures of `size`, at an unknown scale.
    pub fn new(
        [source, target]: [Domain; 2],
        neighbors: usize,
        generator: GeneratorConfig,
        size: Size,
    ) -> Self {
        Self {
            source,
            target,
            neighbors,
            scale: None,
            generator,
            jitter: Jitter { crop_size: size },
        }
    }

    /// Checks that the generator has the channels of its pictures, and that all values are in range.
    ///
    /// # Errors
    /// Names the first value that is not.
    pub fn check(&self) -> Result<()> {
        self.generator.validate()?;
        let channels = self.generator.channels();
        let sides = [("source", &self.source), ("target", &self.target)];
        for ((name, domain), of_generator) in sides.into_iter().zip(channels) {
            domain.validate(name)?;
            let planes = domain.planes();
            if planes != of_generator {
                return Err(Error::Config(format!(
                    "{name}.channels is {planes}, but the generator has {} for it",
                    count(of_generator as u64, "channel")
                )));
            }
        }
        Ok(())
    }

    /// Size of the pictures that the generator was trained on. Where it was trained on whole pictures, the size of crops,
    /// which were none, brought to one that it accepts.
    pub fn size(&self) -> Size {
        let unit = 1 << self.generator.halvings();
        self.jitter.crop_size.up_to_multiple(unit)
    }
}

#[derive(Deserialize)]
struct Header {
    step: u64,
    config: ModelConfig,
}

/// The step of a checkpoint alone.
#[derive(Deserialize)]
struct Step {
    step: u64,
}

impl Model {
    /// Reads the generator of a checkpoint file.
    ///
    /// # Errors
    /// When the file cannot be read, is truncated, or is not a checkpoint of this program.
    pub fn load(path: &Path) -> Result<Self> {
        Self::new(tensor_file::read_some(path, KIND, &of_generator)?, path)
    }

    /// Reads the generator of a checkpoint that is in memory; `path` is its name for messages.
    ///
    /// # Errors
    /// When it is truncated, or not a checkpoint of this program.
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Self> {
        Self::new(tensor_file::parse(bytes, path, KIND, &of_generator)?, path)
    }

    fn new((header, mut tensors): (Header, Weights), path: &Path) -> Result<Self> {
        let Header { step, config } = header;
        config.check().map_err(|reason| no_network(path, &reason))?;
        Ok(Self {
            config,
            step,
            weights: take(&mut tensors, "generator"),
        })
    }
}

fn of_generator(name: &str) -> bool {
    name.starts_with("generator.")
}

/// File name of a step's checkpoint.
pub fn file_name(step: u64) -> String {
    format!("step_{step:07}.safetensors")
}

/// File name of a run's configuration.
pub const CONFIG: &str = "config.toml";

/// File name of a run's best checkpoint.
pub const BEST: &str = "best.safetensors";

/// Name of a run's folder of checkpoints.
pub const CHECKPOINTS: &str = "checkpoints";

/// The step in a checkpoint's file name; `None` of any other file.
pub fn named_step(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    let step = name.strip_prefix("step_")?.strip_suffix(".safetensors")?;
    step.parse().ok()
}

/// The checkpoints of a folder, oldest first. A missing folder has none.
///
/// # Errors
/// When the folder cannot be read.
pub fn in_folder(folder: &Path) -> Result<Vec<PathBuf>> {
    let steps = steps_in(folder)?.into_iter();
    Ok(steps.map(|(_, path)| path).collect())
}

/// The checkpoints of a folder with their steps, oldest first. A step is that of the content, whatever the name: files
/// are copied and renamed. Of a damaged file, it is that of the name.
///
/// # Errors
/// As [`in_folder`].
pub fn steps_in(folder: &Path) -> Result<Vec<(u64, PathBuf)>> {
    let failed = |e| Error::io(folder, "read the checkpoints", e);
    let entries = match std::fs::read_dir(folder) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        read => read.map_err(failed)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if let Some(named) = named_step(&path) {
            let header = tensor_file::read_header::<Step>(&path, KIND);
            found.push((header.map_or(named, |header| header.step), path));
        }
    }
    found.sort();
    Ok(found)
}

/// Finds the checkpoint: `model` itself, or the newest one if `model` is a run folder, or the folder of checkpoints in it.
///
/// # Errors
/// When there is no checkpoint.
pub fn find(model: &Path) -> Result<PathBuf> {
    if !model.is_dir() {
        return Ok(model.to_path_buf());
    }
    for folder in places(model) {
        if let Some(newest) = in_folder(&folder)?.pop() {
            return Ok(newest);
        }
    }
    Err(match regular_file::read_to_string(&model.join(CONFIG)) {
        Err(_) => Error::file(model, "the folder contains no checkpoint", KIND.remedy),
        Ok(config) => none_yet(model, &config),
    })
}

/// Where the checkpoints of a run folder are, if it is one, or of the folder of the checkpoints itself.
fn places(folder: &Path) -> [PathBuf; 2] {
    [folder.join(CHECKPOINTS), folder.to_path_buf()]
}

/// The error for a run that has not saved yet; `config` is its configuration, of which one line is of interest.
fn none_yet(run: &Path, config: &str) -> Error {
    let mut lines = config.lines();
    let first = lines.find_map(|line| line.strip_prefix("save_every = "));
    let first = first.map_or(String::new(), |step| format!(" at step {step}"));
    let remedy = format!(
        "a training saves its first{first} (`save_every`), or when Ctrl-C stops it; one that was killed before begins anew \
         with `run::resume`"
    );
    Error::file(run, "the run has no checkpoint yet", remedy)
}

/// The best checkpoint of a run folder.
///
/// # Errors
/// When it is not a folder, or has no best checkpoint.
pub fn find_best(run: &Path) -> Result<PathBuf> {
    let mut found = places(run).into_iter().map(|folder| folder.join(BEST));
    let reason = if let Some(best) = found.find(|best| best.is_file()) {
        return Ok(best);
    } else if run.is_dir() {
        "the run has kept no best checkpoint"
    } else {
        "not a run folder, which may have a best checkpoint"
    };
    let remedy = "omit `best`, or give a run that was trained with `keep_best`";
    Err(Error::file(run, reason, remedy))
}
