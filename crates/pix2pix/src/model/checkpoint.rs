//! Checkpoints: one safetensors file with the tensors of both networks and, in its header, the configuration. A
//! checkpoint is all that translation needs.

use std::path::Path;

use burn::tensor::Device;
use pix2pix_kernels as kernels;
use pix2pix_runtime::checkpoint::{KIND, no_network};
use pix2pix_runtime::weights::{Weights, take};
use serde::{Deserialize, Serialize};

use crate::config::RunConfig;
use crate::data::jitter::JitterConfig;
use crate::error::{Error, Result};
use crate::model::built_in;
use crate::network::generator::Generator;
use crate::network::init::{Init, WeightInit};
use crate::network::patch_gan::PatchGan;
use crate::network::weights;
use crate::weights_file::rounding::{Rounding, write_rounded};
use crate::weights_file::tensor_file::{self, TensorValues, prefixed};

pub use pix2pix_runtime::checkpoint::{
    BEST, CHECKPOINTS, file_name, find, find_best, in_folder, steps_in,
};

/// A checkpoint in memory.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// Configuration of the run that made it.
    pub config: RunConfig,
    /// Number of training steps done.
    pub step: u64,
    generator: Weights,
    discriminator: Weights,
}

#[derive(Serialize, Deserialize)]
struct Header {
    step: u64,
    config: RunConfig,
}

impl Checkpoint {
    /// Makes a checkpoint of both networks.
    pub fn new(
        config: RunConfig,
        step: u64,
        generator: &Generator,
        discriminator: &PatchGan,
    ) -> Self {
        Self {
            config,
            step,
            generator: weights::collect(generator),
            discriminator: weights::collect(discriminator),
        }
    }

    /// Makes a checkpoint of both networks after `steps` training steps of your own. Its configuration is theirs; the
    /// rest is the paper's: 8-bit RGB pictures, resized to 286x286 and cropped to 256x256, or to sizes above these that the
    /// generator accepts.
    pub fn of_networks(generator: &Generator, discriminator: &PatchGan, steps: u64) -> Self {
        let multiple = 1 << generator.config().halvings();
        let crop_size = JitterConfig::default().crop_size.up_to_multiple(multiple);
        let config = RunConfig {
            steps,
            jitter: JitterConfig {
                load_size: JitterConfig::usual_load_size(crop_size),
                crop_size,
                multiple,
                ..JitterConfig::default()
            },
            generator: generator.config(),
            discriminator: discriminator.config().clone(),
            ..RunConfig::default()
        };
        Self::new(config, steps, generator, discriminator)
    }

    /// Makes a checkpoint of tensors from another program, at step 0.
    pub fn of_tensors(config: RunConfig, generator: Weights, discriminator: Weights) -> Self {
        Self {
            config,
            step: 0,
            generator,
            discriminator,
        }
    }

    /// The generator's tensors, by name.
    pub fn generator_tensors(&self) -> &Weights {
        &self.generator
    }

    /// The discriminator's tensors, by name; empty if the checkpoint has no discriminator.
    pub fn discriminator_tensors(&self) -> &Weights {
        &self.discriminator
    }

    /// Checks that the tensors match the configuration's networks. The discriminator may be missing. `path` is for
    /// messages.
    ///
    /// # Errors
    /// When a tensor is missing, left over, or has the wrong shape; when a value is infinite or not a number.
    pub fn check(self, path: &Path) -> Result<()> {
        if let Some(name) = self.not_finite() {
            let reason = format!("its weights are not finite numbers (our name: {name})");
            let remedy = "its training has failed; give the file of an earlier epoch";
            return Err(Error::file(path, reason, remedy));
        }
        let device = Device::flex();
        if self.discriminator.is_empty() {
            return self.generator(path, &device).map(drop);
        }
        self.networks(path, &device).map(drop)
    }

    /// The checkpoint itself, once [`check`](Self::check) has passed it.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn checked(self, path: &Path) -> Result<Self> {
        self.clone().check(path)?;
        Ok(self)
    }

    /// The name of the first tensor with a value that is infinite or not a number, if there is one.
    fn not_finite(&self) -> Option<&str> {
        let mut tensors = self.generator.iter().chain(&self.discriminator);
        let found = tensors.find(|(_, tensor)| !tensor.values.iter().all(|v| v.is_finite()));
        found.map(|(name, _)| name.as_str())
    }

    fn header(&self, config: RunConfig) -> Header {
        Header {
            step: self.step,
            config,
        }
    }

    /// Writes the file atomically.
    ///
    /// # Errors
    /// When the file cannot be written; an existing file of that name is then unchanged.
    pub fn save(&self, path: &Path) -> Result<()> {
        let tensors: Vec<(String, TensorValues)> = prefixed("generator", &self.generator)
            .chain(prefixed("discriminator", &self.discriminator))
            .map(|(name, data)| (name, data.into()))
            .collect();
        let header = self.header(self.config.clone());
        tensor_file::write(path, KIND, &header, &tensors)
    }

    /// Writes only the generator, rounded: that is enough for translation, in a half (16 bits) or a quarter (8 bits) of its size.
    /// It is for others: its configuration is [`for_others`](RunConfig::for_others). Returns the largest rounding error, relative to
    /// the largest value of the same tensor.
    ///
    /// # Errors
    /// As [`save`](Self::save).
    pub fn save_rounded(&self, path: &Path, rounding: Rounding) -> Result<f32> {
        let tensors: Vec<(String, TensorValues)> = prefixed("generator", &self.generator)
            .map(|(name, data)| (name, data.into()))
            .collect();
        let header = self.header(self.config.for_others());
        write_rounded(path, KIND, &header, &tensors, rounding)
    }

    /// Reads a file, or the [built-in model](crate::model::built_in).
    ///
    /// # Errors
    /// When the file cannot be read, is truncated, or is not a checkpoint of this program.
    pub fn load(path: &Path) -> Result<Self> {
        let (Header { step, config }, mut tensors) = match built_in::bytes(path) {
            Some(bytes) => pix2pix_runtime::tensor_file::parse(bytes, path, KIND, &|_| true)?,
            None => pix2pix_runtime::tensor_file::read(path, KIND)?,
        };
        let [generator, discriminator] =
            ["generator", "discriminator"].map(|network| take(&mut tensors, network));
        if let Some(name) = tensors.keys().next() {
            let reason = format!("its tensor {name} does not belong to a pix2pix network");
            return Err(Error::file(path, reason, KIND.remedy));
        }
        let checked = config.model().check();
        let checked = checked.and_then(|()| config.discriminator.validate());
        let checked = checked.and_then(|()| config.check_crop());
        checked.map_err(|reason| no_network(path, &reason))?;
        Ok(Self {
            config,
            step,
            generator,
            discriminator,
        })
    }

    /// Interpolates linearly: moves every tensor towards that of `other` by `share` of the distance, 0 to 1.
    ///
    /// # Errors
    /// The reason, when the networks of the two checkpoints differ.
    pub(super) fn move_towards(
        &mut self,
        other: &Self,
        share: f32,
    ) -> std::result::Result<(), String> {
        let pairs = [
            (&mut self.generator, &other.generator),
            (&mut self.discriminator, &other.discriminator),
        ];
        for (ours, theirs) in pairs {
            if ours.len() != theirs.len() {
                return Err("its networks have other tensors".to_string());
            }
            for (name, values) in ours {
                let other = theirs.get(name).filter(|other| other.shape == values.shape);
                let other = other
                    .ok_or_else(|| format!("its tensor {name} is missing or has another shape"))?;
                kernels::move_towards(&mut values.values, &other.values, share);
            }
        }
        Ok(())
    }

    /// Builds the generator; `path` is for messages.
    ///
    /// # Errors
    /// When the tensors do not match the configuration's network.
    pub fn generator(self, path: &Path, device: &Device) -> Result<Generator> {
        let blank = &mut WeightInit::blank();
        let network = self.config.generator.init_with(blank, device);
        let network = network.map_err(|e| no_network(path, &e))?;
        restored(network, self.generator, path)
    }

    /// Builds both networks; `path` is for messages.
    ///
    /// # Errors
    /// As [`generator`](Self::generator).
    pub fn networks(self, path: &Path, device: &Device) -> Result<(Generator, PatchGan)> {
        let blank = &mut WeightInit::blank();
        let discriminator = self.config.discriminator.init_with(blank, device);
        let discriminator = discriminator.map_err(|e| no_network(path, &e))?;
        let discriminator = restored(discriminator, self.discriminator.clone(), path)?;
        Ok((self.generator(path, device)?, discriminator))
    }
}

fn restored<M: burn::module::Module>(network: M, weights: Weights, path: &Path) -> Result<M> {
    weights::restore(network, weights).map_err(|e| no_network(path, &e))
}

/// The configuration of the run that made a checkpoint file, or the [built-in model](crate::model::built_in). No weights are
/// read.
///
/// # Errors
/// When the file cannot be read or is not a checkpoint of this program, or its generator does not accept its crops.
pub fn config(path: &Path) -> Result<RunConfig> {
    let Header { config, .. } = match built_in::bytes(path) {
        Some(bytes) => pix2pix_runtime::tensor_file::parse_header(bytes, path, KIND)?,
        None => pix2pix_runtime::tensor_file::read_header(path, KIND)?,
    };
    let checked = config.check_crop();
    checked.map_err(|reason| no_network(path, &reason))?;
    Ok(config)
}

#[cfg(test)]
mod tests {
    use pix2pix_runtime::picture::Size;

    use super::*;
    use crate::network::{PatchGanConfig, UnetConfig};

    /// Nine levels do not accept the paper's crops of 256 pixels.
    #[test]
    fn networks_of_any_depth_are_loaded_again() {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("model.safetensors");
        let device = Device::flex();
        let discriminator = PatchGanConfig {
            filters: 2,
            ..PatchGanConfig::default()
        };
        let discriminator = discriminator.init(&device).unwrap();
        for (depth, sides) in [(6, [286, 256]), (8, [286, 256]), (9, [572, 512])] {
            let generator = UnetConfig {
                filters: 2,
                depth,
                ..UnetConfig::default()
            };
            let generator = generator.init(&device).unwrap().into();
            let checkpoint = Checkpoint::of_networks(&generator, &discriminator, 0);
            checkpoint.save(&file).unwrap();
            let jitter = Checkpoint::load(&file).unwrap().config.jitter;
            let found = [jitter.load_size, jitter.crop_size];
            assert_eq!(found, sides.map(Size::square), "{depth}");
        }
    }
}
