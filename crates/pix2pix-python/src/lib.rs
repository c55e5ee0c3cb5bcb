//! A Python module of trained generators; `python/pix2pix/_pix2pix.pyi` tells its types.

// macros of PyO3 make items without documentation
#![allow(missing_docs)]

use std::path::PathBuf;

use numpy::{Element, IntoPyArray, PyArrayDyn, PyArrayMethods, PyUntypedArrayMethods};
use pix2pix::data::picture::{MAX_PIXELS, Picture, Samples};
use pix2pix::model::TranslateOptions;
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;

/// A trained generator.
#[pyclass(frozen, module = "pix2pix")]
struct Generator(pix2pix::Translator);

#[pymethods]
impl Generator {
    #[new]
    fn new(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let generator = py.detach(|| pix2pix::Translator::load(&path));
        let generator = generator.map_err(|e| PyOSError::new_err(e.to_string()))?;
        Ok(Self(generator))
    }

    /// Translates a picture, (height, width, channels) or, of one channel, (height, width).
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
        // other threads of Python run while this one translates
        let translated = py.detach(|| self.0.translate_with(picture, &options));
        let translated = translated.map_err(PyValueError::new_err)?;
        let [width, height] = translated.size().map(|side| side as usize);
        let shape = [height, width, translated.channels()];
        match translated.into_samples() {
            Samples::U8(values) => array(py, values, shape),
            Samples::U16(values) => array(py, values, shape),
            Samples::F32(values) => array(py, values, shape),
        }
    }

    /// Channels of the pictures that it translates.
    #[getter]
    fn source_channels(&self) -> usize {
        self.0.config.source.channels
    }

    /// Channels of the pictures that it makes.
    #[getter]
    fn target_channels(&self) -> usize {
        self.0.config.target.channels
    }

    /// Training steps behind it; 0 when another program has trained it.
    #[getter]
    fn step(&self) -> u64 {
        self.0.step
    }

    fn __repr__(&self) -> String {
        let config = &self.0.config;
        format!(
            "<pix2pix.Generator from {} to {}, step {}>",
            config.source, config.target, self.0.step
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

/// A picture of an array.
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
    let message = "a picture is a NumPy array of uint8, uint16 or float32";
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
                "a picture is (height, width) or (height, width, channels), not of {} dimensions",
                other.len()
            );
            return Err(PyValueError::new_err(message));
        }
    };
    let pixels = (height as u64).saturating_mul(width as u64);
    if pixels == 0 || pixels > MAX_PIXELS || channels == 0 {
        let message = format!(
            "{width}x{height} pixels of {channels} channels; a picture has 1 to {MAX_PIXELS} pixels"
        );
        return Err(PyValueError::new_err(message));
    }
    // row by row, whatever lies how in memory
    let values: Vec<T> = array.try_readonly()?.as_array().iter().copied().collect();
    Ok(Picture::new(
        [width as u32, height as u32],
        channels,
        samples(values),
    ))
}

#[pymodule]
#[pyo3(name = "_pix2pix")]
fn pix2pix_module(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add("__version__", env!("CARGO_PKG_VERSION"))?;
    m.add_class::<Generator>()
}
