//! A trained generator, as a Python object.

use std::path::PathBuf;

use pix2pix::model::built_in;
use pix2pix_runtime::{TranslateOptions, Translator};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::failure::Error;
use crate::picture::{from_array, to_array};

/// A trained generator. Several threads may use it at the same time.
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
    #[pyo3(signature = (picture, *, dropout = true, seed = 0))]
    fn __call__<'py>(
        &self,
        py: Python<'py>,
        picture: &Bound<'py, PyAny>,
        dropout: bool,
        seed: u64,
    ) -> PyResult<Bound<'py, PyAny>> {
        let picture = from_array(picture)?;
        let options = TranslateOptions {
            dropout,
            seed,
            ..TranslateOptions::default()
        };
        // release the interpreter lock: other Python threads run during the translation
        let translated = py.detach(|| self.0.translate_with(picture, &options));
        let translated = translated.map_err(|e| PyValueError::new_err(e.to_string()))?;
        to_array(py, translated)
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
