//! The served models.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use image::RgbImage;
use pix2pix::data::path_text;
use pix2pix::data::picture::Depth;
use pix2pix::data::survey::OnError;
use pix2pix::device::{DeviceName, Precision};
use pix2pix::network::summary;
use pix2pix::{Error, RunConfig, Translator, model, regular_file};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::encoding::{self, Encoding};
use crate::tagged::Tagged;
use crate::{fingerprint, palette};

/// Largest number of examples per model.
pub const EXAMPLES: usize = 6;
/// Channels of a drawing: red, green, blue and alpha.
const RGBA: usize = 4;
/// Largest number of training inputs whose colors make the palette.
const PALETTE_OF: usize = 24;

/// A model's description for clients.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ModelInfo {
    /// Name of the model in requests.
    pub name: String,
    /// Training step of the checkpoint; 0 for an imported model.
    pub step: u64,
    /// 64 hexadecimal digits that tell checkpoints apart: others after a reload are another model. They are no checksum of the
    /// whole file.
    pub digest: String,
    /// Short description of the generator, e.g. `U-Net of 8 levels, 64 filters`.
    pub network: String,
    /// Number of parameters of the generator.
    pub parameters: usize,
    /// Table of the generator's layers, in the style of Keras.
    pub summary: String,
    /// Channels and depth of the source, e.g. `3 channels, 8-bit`.
    pub source: String,
    /// Channels and depth of the target.
    pub target: String,
    /// Format that stores the results without loss: `png`, or `tiff` for floats and for more than four channels.
    pub format: Encoding,
    /// Whether browsers show results as they are: 8 bits from black to white, gray or RGB. Others need `display=on`.
    pub plain: bool,
    /// Whether the model's inputs are such pictures, or of 8 bits over a range of their own, which a drawing has too. Others should
    /// be shown by `/v1/preview`.
    pub plain_source: bool,
    /// Whether a drawing, which has colors or grays, can be the model's input: of one or three channels, or label maps. Others
    /// take files alone, and have no examples.
    pub drawable: bool,
    /// Width and height of the training pictures, in pixels; the model translates other sizes too.
    pub size: [u32; 2],
    /// Colors of the training inputs, as `#rrggbb`, most frequent first, and for inputs that have more than 8 bits or a range of
    /// their own grays over it; without the training data these grays alone, or nothing. Of label maps, the colors of all classes.
    pub palette: Vec<String>,
    /// Names of the classes, in the order of the palette, where the inputs are label maps; otherwise nothing.
    pub classes: Vec<String>,
    /// Names of the example inputs.
    pub examples: Vec<String>,
}

/// An example input, taken from the model's data set.
pub struct Example {
    /// Name of the example.
    pub name: String,
    /// The picture as PNG.
    pub(crate) file: Tagged,
}

/// A loaded model.
pub struct Model {
    /// The description for clients.
    pub info: ModelInfo,
    /// The translator.
    pub translator: Translator,
    /// Example inputs, in the order of `info.examples`.
    pub examples: Vec<Example>,
}

/// Name and path of a model.
#[derive(Clone, Debug)]
pub struct Source {
    /// Name of the model.
    pub name: String,
    /// Checkpoint file or run folder.
    pub path: PathBuf,
    /// Whether the name has a number, because an earlier model has the name of the file or folder itself.
    pub is_numbered: bool,
}

/// The served models, which can be reloaded while they are in use.
pub struct Models {
    sources: Vec<Source>,
    device: DeviceName,
    precision: Precision,
    best: bool,
    current: ArcSwap<Vec<Arc<Model>>>,
    /// Held while models are loaded: of two that load at once, the one that was asked for last comes last.
    loading: Mutex<()>,
}

impl Models {
    /// The models of these checkpoint files and run folders. None is served before [`reload`](Self::reload) loads it.
    pub fn new(paths: &[PathBuf], device: DeviceName, precision: Precision) -> Self {
        Self {
            sources: named(paths),
            device,
            precision,
            best: false,
            current: ArcSwap::default(),
            loading: Mutex::default(),
        }
    }

    /// Whether the best checkpoint of each run is served instead of its newest. All models must then be run folders.
    pub fn with_best(self, best: bool) -> Self {
        Self { best, ..self }
    }

    /// Loads or reloads all models. Requests in progress keep the model that they started with.
    ///
    /// # Errors
    /// If one cannot be loaded; then all models stay as before.
    pub fn reload(&self) -> Result<(), Error> {
        let _alone = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        let load = |source: &Source| {
            let checkpoint = match self.best {
                true => model::find_best(&source.path)?,
                false => model::find(&source.path)?,
            };
            self.load(source, &checkpoint)
        };
        let models: Result<Vec<_>, Error> = self.sources.iter().map(load).collect();
        self.current.store(Arc::new(models?));
        Ok(())
    }

    /// Loads this checkpoint of the first model's run, and serves it under that model's name.
    ///
    /// # Errors
    /// If it cannot be loaded; then all models stay as before.
    pub fn replace_first(&self, checkpoint: &Path) -> Result<(), Error> {
        let _alone = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(first) = self.sources.first() else {
            return Ok(());
        };
        let first = self.load(first, checkpoint)?;
        let all = self.all();
        let others = all.iter().skip(1).cloned();
        let models = std::iter::once(first).chain(others).collect();
        self.current.store(Arc::new(models));
        Ok(())
    }

    fn load(&self, source: &Source, checkpoint: &Path) -> Result<Arc<Model>, Error> {
        let digest = fingerprint::of(checkpoint)?;
        let device = self.device.open(self.precision)?;
        let translator = Translator::load_on(checkpoint, device, self.precision)?;
        // the digest is of the weights that were loaded, and these of one file
        if fingerprint::of(checkpoint)? != digest {
            return Err(regular_file::changed(checkpoint));
        }
        let name = source.name.clone();
        Ok(Arc::new(Model::new(name, digest, translator)))
    }

    /// Names and paths of all models, in the order of their paths.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// All models, in the order of their paths.
    pub fn all(&self) -> Arc<Vec<Arc<Model>>> {
        self.current.load_full()
    }

    /// The model with this name, or the first model if `name` is `None`.
    pub fn get(&self, name: Option<&str>) -> Option<Arc<Model>> {
        let models = self.all();
        let mut models = models.iter();
        match name {
            None => models.next().cloned(),
            Some(name) => models.find(|model| model.info.name == name).cloned(),
        }
    }
}

/// Names the models after their run folders or files. Of several with one name, the first keeps it, and the others get a number
/// with which it is no other model's own name.
fn named(paths: &[PathBuf]) -> Vec<Source> {
    let own: Vec<String> = paths.iter().map(|path| own_name(path)).collect();
    let mut taken: HashSet<String> = own.iter().cloned().collect();
    let sources = paths
        .iter()
        .zip(&own)
        .enumerate()
        .map(|(at, (path, called))| {
            let is_numbered = own[..at].contains(called);
            let name = match is_numbered {
                false => called.clone(),
                true => (2..)
                    .map(|number| format!("{called}-{number}"))
                    .find(|name| !taken.contains(name))
                    .expect("numbers do not end"),
            };
            taken.insert(name.clone());
            Source {
                name,
                path: path.clone(),
                is_numbered,
            }
        });
    sources.collect()
}

/// The name of a run folder or file as it is typed, so that a link that is moved to another target keeps its name.
fn own_name(path: &Path) -> String {
    let called = match model::built_in::is_named(path) {
        true => Path::new(model::built_in::WORD),
        false => path,
    };
    let part = |path: Option<&Path>| {
        let name = path
            .and_then(|path| path.file_name())
            .map(|name| name.to_string_lossy());
        name.map(|name| name.trim_end_matches(".safetensors").to_string())
    };
    // `.` and `..` are no names
    let full = || part(std::fs::canonicalize(called).ok().as_deref());
    let name = part(Some(called)).or_else(full);
    name.unwrap_or_else(|| "model".to_string())
}

impl Model {
    /// Describes a model; takes examples and palette from its training data, if that still exists.
    fn new(name: String, digest: String, translator: Translator) -> Self {
        let config = &translator.config;
        let graph = translator.layers();
        let drawable = is_drawable(&translator);
        // what is shown of other inputs is no input
        let inputs = match drawable {
            true => training_inputs(config),
            false => Vec::new(),
        };
        let examples: Vec<Example> = inputs
            .iter()
            .take(EXAMPLES)
            .filter_map(|(name, picture)| {
                let mut png = std::io::Cursor::new(Vec::new());
                picture.write_to(&mut png, image::ImageFormat::Png).ok()?;
                Some(Example {
                    name: name.clone(),
                    file: Tagged::new(png.into_inner().into(), "image/png"),
                })
            })
            .collect();
        let source = &config.source;
        let has_own_range = encoding::has_own_range(source);
        let is_plain = encoding::is_plain(source);
        let grays = (!is_plain).then(|| match has_own_range {
            true => source.range.of(0),
            false => Depth::U8.range(),
        });
        let info = ModelInfo {
            name,
            step: translator.step,
            digest,
            network: config.generator.described(),
            parameters: graph.trainable(),
            summary: summary::table(&graph),
            source: config.source.to_string(),
            target: config.target.to_string(),
            format: Encoding::lossless(&config.target),
            plain: encoding::is_plain(&config.target),
            plain_source: is_plain || has_own_range,
            drawable,
            size: config.size().0,
            palette: match &config.source.labels {
                Some(labels) => palette::of_classes(labels),
                None => palette::of(inputs.iter().map(|(_, picture)| picture), grays),
            },
            classes: match &config.source.labels {
                Some(labels) => (0..labels.classes.len())
                    .map(|class| labels.name(class))
                    .collect(),
                None => Vec::new(),
            },
            examples: examples
                .iter()
                .map(|example| example.name.clone())
                .collect(),
        };
        Self {
            info,
            translator,
            examples,
        }
    }
}

/// Whether a drawing can be the model's input. Two or four channels, unless they store classes, are other things than the colors
/// by which they are shown.
fn is_drawable(translator: &Translator) -> bool {
    let source = &translator.config.source;
    let is_of_colors = source.labels.is_some() || matches!(source.channels, 1 | 3);
    is_of_colors && translator.check_channels(RGBA).is_ok()
}

/// Names and input pictures of a run's pairs, resized as for the networks, held-out pairs first; empty if the data set
/// no longer exists.
fn training_inputs(config: &RunConfig) -> Vec<(String, RgbImage)> {
    let opened = config.open(&path_text::path_of(&config.data), OnError::Skip);
    let Ok((data, _)) = opened else {
        return Vec::new();
    };
    let splits = data.val.iter().chain([&data.train]);
    let pairs = splits.flat_map(|pairs| {
        let probes = pairs.probes(PALETTE_OF).into_iter();
        probes.map(|index| pairs.read(index))
    });
    pairs
        .flatten()
        .take(PALETTE_OF)
        .filter_map(|pair| {
            let pair = config.jitter.still(pair).ok()?;
            Some((pair.name, encoding::drawn(&config.source, &pair.source)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_called_after_their_folders_and_files() {
        let paths = [
            "/runs/facades",
            "/models/maps.safetensors",
            "/other/facades/",
        ];
        let names: Vec<String> = named(&paths.map(PathBuf::from))
            .into_iter()
            .map(|source| source.name)
            .collect();
        assert_eq!(names, ["facades", "maps", "facades-2"]);
    }

    /// A number never makes the name of another model, wherever that stands.
    #[test]
    fn a_models_own_name_is_no_others() {
        let of = |paths: &[&str]| -> Vec<(String, bool)> {
            let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
            let sources = named(&paths).into_iter();
            sources
                .map(|source| (source.name, source.is_numbered))
                .collect()
        };
        let expected = |names: &[(&str, bool)]| -> Vec<(String, bool)> {
            let names = names.iter();
            names
                .map(|(name, is_numbered)| (name.to_string(), *is_numbered))
                .collect()
        };
        assert_eq!(
            of(&["hr/a/m", "hr/b/m", "hr/m-2"]),
            expected(&[("m", false), ("m-3", true), ("m-2", false)])
        );
        assert_eq!(
            of(&["a/m-2", "a/m", "b/m-2", "b/m", "c/m"]),
            expected(&[
                ("m-2", false),
                ("m", false),
                ("m-2-2", true),
                ("m-3", true),
                ("m-4", true)
            ])
        );
    }

    #[test]
    #[cfg(unix)]
    fn a_link_has_its_own_name_and_a_dot_that_of_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let [version, link] = ["v1", "live"].map(|name| folder.path().join(name));
        std::fs::create_dir(&version).unwrap();
        std::os::unix::fs::symlink(&version, &link).unwrap();
        let names: Vec<String> = named(&[link, version.join("."), version.join("../v1/..")])
            .into_iter()
            .map(|source| source.name)
            .collect();
        let own = folder.path().file_name().unwrap().to_string_lossy();
        assert_eq!(names, ["live", "v1", &own]);
    }
}
