//! Translation with a trained generator on any device.

use std::ops::Deref;
use std::path::Path;

use burn::tensor::Device;
use pix2pix_runtime::engine::{Cpu, Engine};
use pix2pix_runtime::error::Result;

use crate::backend::device::{Precision, is_card};
use crate::config::RunConfig;
use crate::model::built_in;
use crate::model::checkpoint::{self, Checkpoint};
use crate::model::tensors::Tensors;
use crate::network::generator::Generator;
use crate::network::weights;

/// A trained model, ready to translate: a [`pix2pix_runtime::Translator`] on any device, with the configuration of its
/// run.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let translator = pix2pix::Translator::load("model.safetensors")?;
/// let photo = pix2pix::image::open("photo.jpg")?;
/// translator.translate(&photo)?.save("translated.png")?;
/// # Ok(())
/// # }
/// ```
pub struct Translator {
    runtime: pix2pix_runtime::Translator,
    /// Configuration of the run that made it.
    pub config: RunConfig,
    device: Device,
}

impl Translator {
    /// Loads a checkpoint file, the newest checkpoint of a run folder, or the [built-in model](crate::model::built_in), for the
    /// CPU and 32-bit arithmetic.
    ///
    /// # Errors
    /// When there is no checkpoint, or it is damaged.
    pub fn load(model: impl AsRef<Path>) -> Result<Self> {
        Self::load_on(model.as_ref(), Device::flex(), Precision::F32)
    }

    /// As [`load`](Self::load), for a device (without autodiff) and a precision that it supports.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_on(model: &Path, device: Device, precision: Precision) -> Result<Self> {
        let path = checkpoint::find(model)?;
        if !is_card(&device) {
            let arithmetic = precision.arithmetic();
            let runtime = match built_in::bytes(&path) {
                Some(bytes) => pix2pix_runtime::Translator::parse_with(bytes, &path, arithmetic)?,
                None => pix2pix_runtime::Translator::load_with(&path, arithmetic)?,
            };
            return Ok(Self {
                runtime,
                config: checkpoint::config(&path)?,
                device,
            });
        }
        let checkpoint = Checkpoint::load(&path)?;
        let (config, step) = (checkpoint.config.clone(), checkpoint.step);
        let network = checkpoint.generator(&path, &device)?;
        let network = network.with_precision(precision);
        let engine = Tensors::new(network, device.clone()).replayed();
        Ok(Self::of_engine(Box::new(engine), config, step, device))
    }

    /// A generator in training, on a device without autodiff; `step` is the number of steps done. On the CPU it is copied.
    pub(crate) fn of_network(
        network: &Generator,
        config: &RunConfig,
        step: u64,
        device: &Device,
    ) -> Self {
        let engine: Box<dyn Engine> = match is_card(device) {
            false => {
                let tensors = weights::collect(network);
                let arithmetic = config.precision.arithmetic();
                let engine = Cpu::new(&network.config(), tensors, arithmetic);
                Box::new(engine.expect("a network has the tensors of its configuration"))
            }
            true => Box::new(Tensors::new(network.clone(), device.clone())),
        };
        Self::of_engine(engine, config.clone(), step, device.clone())
    }

    fn of_engine(engine: Box<dyn Engine>, config: RunConfig, step: u64, device: Device) -> Self {
        Self {
            runtime: pix2pix_runtime::Translator::new(engine, config.model(), step),
            config,
            device,
        }
    }

    /// The device on which it translates.
    pub fn device(&self) -> &Device {
        &self.device
    }
}

impl Deref for Translator {
    type Target = pix2pix_runtime::Translator;

    fn deref(&self) -> &Self::Target {
        &self.runtime
    }
}
