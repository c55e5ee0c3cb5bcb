//! The models that are served.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use image::RgbImage;
use pix2pix::data::earth;
use pix2pix::data::survey::OnError;
use pix2pix::device::{DeviceName, Precision};
use pix2pix::network::{GeneratorConfig, summary};
use pix2pix::{Error, RunConfig, Translator};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::palette;

/// Examples of a model, at most.
const EXAMPLES: usize = 6;
/// Training inputs whose colours make the palette, at most.
const PALETTE_OF: usize = 24;

/// A model as it is told to clients.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ModelInfo {
    /// What it is called in requests.
    pub name: String,
    /// Training steps behind it; 0 when another program has trained it.
    pub step: u64,
    /// The generator in words, e.g. `U-Net of 8 levels, 64 filters`.
    pub network: String,
    /// Parameters of the generator.
    pub parameters: usize,
    /// Its layers, as Keras prints them.
    pub summary: String,
    /// What it translates from, e.g. `3 channels, 8-bit`.
    pub source: String,
    /// What it translates to.
    pub target: String,
    /// Width and height of the pictures that it was trained on; it takes any.
    pub size: [u32; 2],
    /// Colours of its training inputs, as `#rrggbb`, the most frequent first; none where they are not at hand.
    pub palette: Vec<String>,
    /// Names of examples to start from.
    pub examples: Vec<String>,
}

/// An input that the model knows the like of.
pub struct Example {
    /// Its name.
    pub name: String,
    /// A PNG.
    pub png: Vec<u8>,
}

/// A model that is served.
pub struct Model {
    /// What is told of it.
    pub info: ModelInfo,
    /// The generator.
    pub generator: Translator,
    /// Inputs to start from, in the order of their names in `info`.
    pub examples: Vec<Example>,
}

/// Where a model is.
#[derive(Clone, Debug)]
pub struct Source {
    /// What it is called.
    pub name: String,
    /// Checkpoint file or run folder.
    pub path: PathBuf,
}

/// The models that are served, each of which can be replaced while it is.
pub struct Models {
    sources: Vec<Source>,
    device: DeviceName,
    precision: Precision,
    current: ArcSwap<Vec<Arc<Model>>>,
}

impl Models {
    /// The models of these checkpoint files and run folders, none of which is served before it is loaded.
    pub fn new(paths: &[PathBuf], device: DeviceName, precision: Precision) -> Self {
        Self {
            sources: named(paths),
            device,
            precision,
            current: ArcSwap::default(),
        }
    }

    /// Loads all of them, perhaps anew, and serves them from then on; requests under way keep theirs.
    ///
    /// # Errors
    /// When one cannot be loaded: then all stay what they are.
    pub fn reload(&self) -> Result<(), Error> {
        let load = |source: &Source| {
            let device = self.device.open(self.precision)?;
            let generator = Translator::load_on(&source.path, device, self.precision)?;
            Ok(Arc::new(Model::new(source.name.clone(), generator)))
        };
        let models: Result<Vec<_>, Error> = self.sources.iter().map(load).collect();
        self.current.store(Arc::new(models?));
        Ok(())
    }

    /// All of them, in the order in which they were named.
    pub fn all(&self) -> Arc<Vec<Arc<Model>>> {
        self.current.load_full()
    }

    /// The model of a name, or the first one without a name.
    pub fn get(&self, name: Option<&str>) -> Option<Arc<Model>> {
        let models = self.all();
        let mut models = models.iter();
        match name {
            None => models.next().cloned(),
            Some(name) => models.find(|model| model.info.name == name).cloned(),
        }
    }
}

/// Names of models: those of their run folders or files, numbered where they are not enough.
fn named(paths: &[PathBuf]) -> Vec<Source> {
    let mut sources: Vec<Source> = Vec::new();
    for path in paths {
        let part = |path: Option<&Path>| {
            let name = path
                .and_then(|path| path.file_name())
                .map(|name| name.to_string_lossy());
            name.map(|name| name.trim_end_matches(".safetensors").to_string())
        };
        let full = std::fs::canonicalize(path).unwrap_or_else(|_| path.clone());
        let name = part(Some(&full)).unwrap_or_else(|| "model".to_string());
        let taken = |name: &str| sources.iter().any(|source| source.name == name);
        let numbers = (2..).map(|number| format!("{name}-{number}"));
        let mut names = std::iter::once(name.clone()).chain(numbers);
        let name = names.find(|name| !taken(name)).expect("numbers do not end");
        sources.push(Source {
            name,
            path: path.clone(),
        });
    }
    sources
}

impl Model {
    /// Looks at a generator and, where it is still there, at what it was trained on.
    fn new(name: String, generator: Translator) -> Self {
        let config = &generator.config;
        let graph = generator.layers();
        let inputs = training_inputs(config);
        let examples: Vec<Example> = inputs
            .iter()
            .take(EXAMPLES)
            .filter_map(|(name, picture)| {
                let mut png = std::io::Cursor::new(Vec::new());
                picture.write_to(&mut png, image::ImageFormat::Png).ok()?;
                Some(Example {
                    name: name.clone(),
                    png: png.into_inner(),
                })
            })
            .collect();
        let info = ModelInfo {
            name,
            step: generator.step,
            network: match &config.generator {
                GeneratorConfig::Unet(unet) => {
                    format!("U-Net of {} levels, {} filters", unet.depth, unet.filters)
                }
                GeneratorConfig::Resnet(resnet) => {
                    format!(
                        "ResNet of {} blocks, {} filters",
                        resnet.blocks, resnet.filters
                    )
                }
            },
            parameters: graph.trainable(),
            summary: summary::table(&graph),
            source: config.source.to_string(),
            target: config.target.to_string(),
            size: config.jitter.crop_size.0,
            palette: palette::of(inputs.iter().map(|(_, picture)| picture)),
            examples: examples
                .iter()
                .map(|example| example.name.clone())
                .collect(),
        };
        Self {
            info,
            generator,
            examples,
        }
    }
}

/// Inputs of the pairs that a run had, as the networks saw them, held-out ones first; none where the data is not at
/// hand any more.
fn training_inputs(config: &RunConfig) -> Vec<(String, RgbImage)> {
    let data = if config.data == earth::NAME {
        Some(config.in_domains(earth::earth()))
    } else {
        let opened = config.open(Path::new(&config.data), OnError::Skip);
        opened.ok().map(|(data, _)| data)
    };
    let Some(data) = data else {
        return Vec::new();
    };
    let splits = data.val.iter().chain([&data.train]);
    let pairs = splits.flat_map(|pairs| {
        // spread over the split: neighbours are often alike
        let step = pairs.len().div_ceil(PALETTE_OF).max(1);
        (0..pairs.len())
            .step_by(step)
            .map(|index| pairs.read(index))
    });
    pairs
        .flatten()
        .take(PALETTE_OF)
        .map(|pair| {
            let pair = config.jitter.still(pair);
            (
                pair.name,
                pair.source
                    .to_rgb8(config.source.range_of(pair.source.depth())),
            )
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
}
