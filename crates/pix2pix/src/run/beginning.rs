//! Weights to begin a run from: those of another model, of this program or of another.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use pix2pix_runtime::network::{GeneratorConfig, HdConfig};
use pix2pix_runtime::picture::Domain;
use pix2pix_runtime::picture::labels::Stored;
use pix2pix_runtime::words::count;

use crate::config::RunConfig;
use crate::data::pair::Direction;
use crate::data::path_text::{path_of, text_of};
use crate::data::sha256;
use crate::error::{Error, Result};
use crate::model::built_in;
use crate::model::checkpoint::{self, Checkpoint};
use crate::network::generator::Generator;
use crate::network::init::{Init, WeightInit};
use crate::network::patch_gan::{PatchGan, PatchGanConfig};
use crate::network::weights::{self, Weights};
use crate::train::origin::{Freeze, FromChannels, Origin};

/// A model to begin a run from.
pub struct Beginning {
    /// Where its weights are.
    pub origin: Origin,
    checkpoint: Checkpoint,
}

impl Beginning {
    /// Reads a model: a checkpoint, the newest checkpoint of a run folder, the built-in model, or a file that
    /// [`import`](crate::exchange::import) reads.
    ///
    /// # Errors
    /// When it cannot be read or is no model.
    pub fn open(model: &Path, channels: FromChannels) -> Result<Self> {
        let (path, sha256) = match built_in::bytes(model) {
            Some(bytes) => (PathBuf::from(built_in::NAME), sha256::of(bytes)),
            None => {
                let path = checkpoint::find(model)?;
                let path = std::path::absolute(&path).unwrap_or(path);
                let digest = sha256::of_file(&path, "read the model")?;
                (path, digest)
            }
        };
        let origin = Origin {
            model: text_of(&path),
            sha256,
            channels,
        };
        let checkpoint = read(&path)?.checked(&path)?;
        Ok(Self { origin, checkpoint })
    }

    /// The model that a run began from, which must not have changed.
    fn again(origin: &Origin) -> Result<Self> {
        let path = path_of(&origin.model);
        let found = Self::open(&path, origin.channels)?;
        match found.origin.sha256 == origin.sha256 {
            true => Ok(found),
            false => Err(Error::file(
                &path,
                "the model has changed since the run was planned",
                "restore the file, or start a new run",
            )),
        }
    }

    /// Whether the model has a discriminator.
    pub fn has_discriminator(&self) -> bool {
        !self.checkpoint.discriminator_tensors().is_empty()
    }

    /// The direction in which the model was trained.
    pub fn direction(&self) -> Direction {
        self.checkpoint.config.direction
    }

    /// Channels of the model's source and target.
    pub fn channels(&self) -> [usize; 2] {
        self.checkpoint.config.generator.channels()
    }

    /// Checks that the model's sources and targets are label maps where those of a data set are, with as many classes: an output for
    /// each class is no amount. With new first and last layers, they need not be.
    ///
    /// # Errors
    /// When they are not, and the channels are to be the same.
    pub fn check_labels(&self, direction: Direction, data: [&Domain; 2]) -> Result<()> {
        if self.origin.channels == FromChannels::New {
            return Ok(());
        }
        let Checkpoint { config, .. } = &self.checkpoint;
        let fields = direction.order(["labels[0]", "labels[1]"]);
        let sides = [
            ("sources", &config.source, data[0]),
            ("targets", &config.target, data[1]),
        ];
        for ((side, model, data), field) in sides.into_iter().zip(fields) {
            let classes = |domain: &Domain| {
                let labels = domain.labels.as_ref();
                labels.map(|labels| labels.classes.len())
            };
            let (wanted, found) = (classes(model), classes(data));
            // files of other programs do not say that their channels are classes
            let is_unknown = wanted.is_none() && model.planes() == data.planes();
            if wanted == found || is_unknown {
                continue;
            }
            let anew = "begin the first and last layers anew with `from_channels` new";
            let remedy = match &model.labels {
                Some(labels) if labels.stored == Stored::Ids => {
                    format!("give `{field}` {}, or {anew}", labels.classes.len())
                }
                Some(_) => format!("give `{field}` the file of that palette, or {anew}"),
                None => format!("omit `{field}`, or {anew}"),
            };
            return Err(Error::Config(format!(
                "{}: the {side} of the model are {}, and those of the data {}; {remedy}",
                self.origin.model,
                kind(model),
                kind(data)
            )));
        }
        Ok(())
    }

    /// The model's generator, for the channels of a data set's source and target.
    ///
    /// # Errors
    /// When its channels are others, and are to be the same.
    pub fn generator(&self, channels: [usize; 2]) -> Result<GeneratorConfig> {
        let generator = &self.checkpoint.config.generator;
        let [into, out] = generator.channels();
        if [into, out] != channels && self.origin.channels == FromChannels::Same {
            let [source, target] = channels;
            return Err(Error::Config(format!(
                "{}: the model translates {} to {out}, and the data has {source} and {target}; begin the \
                 first and last layers anew with `from_channels` new, or convert the pictures with `channels[0]` and \
                 `channels[1]`",
                self.origin.model,
                count(into as u64, "channel")
            )));
        }
        Ok(generator.clone().with_channels(channels))
    }

    /// Checks that no layer of the model that keeps its weights begins anew: the first one, where the sources have other channels.
    ///
    /// # Errors
    /// When it does.
    pub fn check_freeze(&self, freeze: Freeze, [source, _]: [usize; 2]) -> Result<()> {
        let [into, _] = self.channels();
        if freeze == Freeze::Nothing || into == source {
            return Ok(());
        }
        Err(Error::Config(format!(
            "{}: the model has {into} channels for the source, and the data {source}, so its first layer begins anew, with random \
             weights that `freeze` would keep; omit `freeze`, or convert the pictures with `channels[0]` and `channels[1]`",
            self.origin.model
        )))
    }

    /// The model's generator as the coarse part of a coarse-to-fine generator, or itself if it is one already.
    ///
    /// # Errors
    /// When it is a U-Net; as [`generator`](Self::generator).
    pub fn coarse_to_fine(&self, channels: [usize; 2]) -> Result<GeneratorConfig> {
        match self.generator(channels)? {
            GeneratorConfig::Unet(_) => Err(Error::Config(format!(
                "{}: the model's generator is a U-Net, and the coarse part of a coarse-to-fine generator is a ResNet; begin \
                 from a run of `generator` hd-coarse",
                self.origin.model
            ))),
            GeneratorConfig::Resnet(coarse) => Ok(HdConfig::around(coarse).into()),
            whole @ GeneratorConfig::Hd(_) => Ok(whole),
        }
    }

    /// Whether the model's generator is a coarse-to-fine one.
    pub fn is_coarse_to_fine(&self) -> bool {
        matches!(self.checkpoint.config.generator, GeneratorConfig::Hd(_))
    }

    /// The discriminator: the model's, or else a `fresh` one with the filters and the norm of the model's generator.
    pub fn discriminator(&self, channels: [usize; 2], fresh: PatchGanConfig) -> PatchGanConfig {
        let [source_channels, target_channels] = channels;
        let generator = &self.checkpoint.config.generator;
        let network = match self.has_discriminator() {
            true => self.checkpoint.config.discriminator.clone(),
            false => PatchGanConfig {
                filters: generator.filters(),
                norm: generator.norm(),
                ..fresh
            },
        };
        PatchGanConfig {
            source_channels,
            target_channels,
            ..network
        }
    }
}

/// The networks of a new run on a device with autodiff: with the weights of the model that it begins from, and with
/// random ones where that has none.
///
/// # Errors
/// When the model cannot be read, has changed, or has other networks than the run.
pub fn networks(config: &RunConfig, device: &Device) -> Result<(Generator, PatchGan)> {
    let seed = config.seed;
    let generator = config
        .generator
        .init_with(&mut WeightInit::generator(seed), device)?;
    let discriminator = config
        .discriminator
        .init_with(&mut WeightInit::discriminator(seed), device)?;
    let Some(origin) = &config.from else {
        return Ok((generator, discriminator));
    };
    let model = Beginning::again(origin)?;
    let channels = config.generator.channels();
    let other = |network: &str| {
        let reason = format!("its {network} is not that of the run's configuration");
        Error::file(
            &path_of(&origin.model),
            reason,
            "restore the configuration, or start a new run",
        )
    };
    let theirs = model.generator(channels)?;
    // a ResNet can become the coarse part of a coarse-to-fine generator
    let (ours, prefix) = match (&config.generator, &theirs) {
        (GeneratorConfig::Hd(hd), GeneratorConfig::Resnet(_)) => {
            (GeneratorConfig::Resnet(hd.coarse.clone()), "coarse.")
        }
        (generator, _) => (generator.clone(), ""),
    };
    // dropout has no weights
    if theirs.with_dropout(0.0) != ours.with_dropout(0.0) {
        return Err(other("generator"));
    }
    let fresh = config.discriminator.clone();
    if model.discriminator(channels, fresh) != config.discriminator {
        return Err(other("discriminator"));
    }
    let given = model.checkpoint.generator_tensors();
    let tensors = merged(weights::collect(&generator), given, prefix);
    let generator = weights::restore(generator, tensors)?;
    let given = model.checkpoint.discriminator_tensors();
    let tensors = merged(weights::collect(&discriminator), given, "");
    Ok((generator, weights::restore(discriminator, tensors)?))
}

/// The tensors of a model, whose names `prefix` precedes here, and fresh ones for the layers that it does not have in the same
/// shape: only the channels of the first and the last layer may differ, and a ResNet has no layers of an enhancer.
fn merged(fresh: Weights, given: &Weights, prefix: &str) -> Weights {
    let layer = |name: &str| {
        name.rsplit_once('.')
            .map_or("", |(layer, _)| layer)
            .to_string()
    };
    let given = |name: &str| given.get(name.strip_prefix(prefix)?);
    let is_given =
        |name: &String, shape: &[usize]| given(name).is_some_and(|tensor| tensor.shape == shape);
    let anew: Vec<String> = fresh
        .iter()
        .filter(|(name, tensor)| !is_given(name, &tensor.shape))
        .map(|(name, _)| layer(name))
        .collect();
    let tensors = fresh.into_iter().map(|(name, tensor)| {
        match given(&name).filter(|_| !anew.contains(&layer(&name))) {
            Some(given) => (name, given.clone()),
            None => (name, tensor),
        }
    });
    tensors.collect()
}

/// What pictures of a domain are, for messages.
fn kind(domain: &Domain) -> String {
    match &domain.labels {
        Some(labels) => format!("label maps of {labels}"),
        None => format!("amounts in {}", count(domain.channels as u64, "channel")),
    }
}

/// Reads a checkpoint, or else a file of another program.
fn read(path: &Path) -> Result<Checkpoint> {
    let loaded = Checkpoint::load(path);
    #[cfg(feature = "import")]
    if loaded.is_err() {
        use crate::exchange::import;
        use crate::weights_file::ends_in;
        let imported = import::of_files(&[path.to_path_buf()], &import::Options::default());
        // of a checkpoint, the first error is the one that helps
        if imported.is_ok() || !ends_in(path, &["safetensors"]) {
            return imported.map(|imported| imported.checkpoint);
        }
    }
    loaded
}
