//! A Python module for trained generators, with the `pix2pix` command; see `python/pix2pix/_pix2pix.pyi` for its types.

// PyO3's macros generate items without documentation
#![allow(missing_docs)]

use std::ffi::OsString;
use std::path::PathBuf;

use numpy::{Element, IntoPyArray, PyArrayDyn, PyArrayMethods, PyUntypedArrayMethods};
use pix2pix_runtime::picture::{MAX_PIXELS, Picture, Samples};
use pix2pix_runtime::{TranslateOptions, Translator};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;

/// A trained generator. Several threads may use it at the same time.
#[pyclass(frozen, module = "pix2pix")]
struct Generator(Translator);

#[pymethods]
impl Generator {
    #[new]
    fn new(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let generator = py.detach(|| Translator::load(&path));
        let generator = generator.map_err(|e| PyOSError::new_err(e.to_string()))?;
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
        let picture = read(picture)?;
        let options = TranslateOptions {
            dropout,
            seed,
            ..TranslateOptions::default()
        };
        // release the interpreter lock: other Python threads run during the translation
        let translated = py.detach(|| self.0.translate_with(picture, &options));
        let translated = translated.map_err(|e| PyValueError::new_err(e.to_string()))?;
        let [width, height] = translated.size().map(|side| side as usize);
        let shape = [height, width, translated.channels()];
        match translated.into_samples() {
            Samples::U8(values) => array(py, values, shape),
            Samples::U16(values) => array(py, values, shape),
            Samples::F32(values) => array(py, values, shape),
        }
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

fn array<'py, T: Element>(
    py: Python<'py>,
    values: Vec<T>,
    shape: [usize; 3],
) -> PyResult<Bound<'py, PyAny>> {
    Ok(values.into_pyarray(py).reshape(shape)?.into_any())
}

/// Converts an array to a picture.
fn read(array: &Bound<'_, PyAny>) -> PyResult<Picture> {
    if let Ok(array) = array.cast::<PyArrayDyn<u8>>() {
        return picture(array, Samples::U8);
    }
    if let Ok(array) = array.cast::<PyArrayDyn<u16>>() {
        return picture(array, Samples::U16);
    }
    if let Ok(array) = array.cast::<PyArrayDyn<f32>>() {
        return picture(array, Samples::F32);
    }
    let message = "a picture must be a NumPy array of uint8, uint16 or float32";
    Err(PyValueError::new_err(message))
}

fn picture<T: Element + Copy>(
    array: &Bound<'_, PyArrayDyn<T>>,
    samples: impl Fn(Vec<T>) -> Samples,
) -> PyResult<Picture> {
    let (height, width, channels) = match *array.shape() {
        [height, width] => (height, width, 1),
        [height, width, channels] => (height, width, channels),
        ref other => {
            let message = format!(
                "a picture must have the shape (height, width) or (height, width, channels), not {} dimensions",
                other.len()
            );
            return Err(PyValueError::new_err(message));
        }
    };
    let pixels = (height as u64).saturating_mul(width as u64);
    if pixels == 0 || pixels > MAX_PIXELS || channels == 0 {
        let message = format!(
            "a picture of {width}x{height} pixels with {channels} channels; it must have 1 to {MAX_PIXELS} pixels and \
             at least 1 channel"
        );
        return Err(PyValueError::new_err(message));
    }
    // iterates row by row, whatever the memory layout of the array
    let values: Vec<T> = array.try_readonly()?.as_array().iter().copied().collect();
    Ok(Picture::new(
        [width as u32, height as u32],
        channels,
        samples(values),
    ))
}

/// Runs the `pix2pix` command.
#[pyfunction]
fn run(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    py.detach(|| pix2pix_cli::run(arguments))
}

#[pymodule]
#[pyo3(name = "_pix2pix")]
fn pix2pix_module(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add("__version__", env!("CARGO_PKG_VERSION"))?;
    m.add_class::<Generator>()?;
    m.add_function(wrap_pyfunction!(run, m)?)
}
