//! A trained generator, as a Python object.

use std::path::PathBuf;

use pix2pix::model::built_in;
use pix2pix_cli::embedded::Failure;
use pix2pix_runtime::{NormStatistics, Tiling, TranslateOptions, Translator};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::failure::{Error, named};
use crate::picture::{from_array, to_array};
use crate::whole::Whole;

/// A trained generator. Several threads may use it at the same time, and processes that are forked.
#[pyclass(frozen, module = "pix2pix")]
pub struct Generator(Translator);

#[pymethods]
impl Generator {
    #[new]
    fn new(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let generator = py.detach(|| match built_in::bytes(&path) {
            Some(bytes) => Translator::parse(bytes, &path),
            None => Translator::load(&path),
        });
        let generator = generator.map_err(|e| Error::new_err(e.to_string()))?;
        Ok(Self(generator))
    }

    /// Translates a picture of shape (height, width, channels), or (height, width) for one channel.
    #[pyo3(signature = (picture, *, dropout = true, seed = Whole::Number(0), tile = None, overlap = None, norm_stats = "tile"))]
    #[allow(clippy::too_many_arguments)] // keyword arguments
    fn __call__<'py>(
        &self,
        py: Python<'py>,
        picture: &Bound<'py, PyAny>,
        dropout: bool,
        seed: Whole,
        tile: Option<Whole>,
        overlap: Option<Whole>,
        norm_stats: &str,
    ) -> PyResult<Bound<'py, PyAny>> {
        let picture = from_array(picture)?;
        let statistics: NormStatistics = norm_stats
            .parse()
            .map_err(|e| PyValueError::new_err(format!("norm_stats: {e}")))?;
        let refused = |e| PyValueError::new_err(named(&Failure::from(e).message()));
        let tiling = Tiling::of(side("tile", tile)?, side("overlap", overlap)?);
        let options = TranslateOptions {
            dropout,
            seed: seed.of("seed", u64::MAX)?,
            tiling: tiling.map_err(refused)?,
            statistics,
            ..TranslateOptions::default()
        };
        // release the interpreter lock: other Python threads run during the translation
        let translated = py.detach(|| self.0.translate_with(picture, &options));
        to_array(py, translated.map_err(refused)?)
    }

    /// Height and width of the pictures that it was trained on, as in the shape of an array.
    #[getter]
    fn size(&self) -> (u32, u32) {
        let [width, height] = self.0.model.size().0;
        (height, width)
    }

    /// Number of channels of the input pictures.
    #[getter]
    fn source_channels(&self) -> usize {
        self.0.model.source.channels
    }

    /// Number of channels of the output pictures.
    #[getter]
    fn target_channels(&self) -> usize {
        self.0.model.target.channels
    }

    /// Number of training steps done; 0 for imported weights.
    #[getter]
    fn step(&self) -> u64 {
        self.0.step
    }

    fn __repr__(&self) -> String {
        let model = &self.0.model;
        format!(
            "<pix2pix.Generator from {} to {}, step {}>",
            model.source, model.target, self.0.step
        )
    }
}

fn side(name: &str, given: Option<Whole>) -> PyResult<Option<u32>> {
    given.map(|whole| whole.of(name, u32::MAX)).transpose()
}
