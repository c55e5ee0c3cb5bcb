//! Pictures as NumPy arrays.

use std::path::PathBuf;

use numpy::{Element, IntoPyArray, PyArrayDyn, PyArrayMethods, PyUntypedArrayMethods};
use pix2pix::data::picture::{self, Picture, Samples, check_size};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::failure::exception;

/// Reads a picture file: an array of shape (height, width, channels).
#[pyfunction]
pub fn read_picture(py: Python<'_>, path: PathBuf) -> PyResult<Bound<'_, PyAny>> {
    let read = py.detach(|| picture::read(&path));
    let (picture, _) = read.map_err(|error| exception(error.into()))?;
    to_array(py, picture)
}

/// A picture as an array of shape (height, width, channels).
pub fn to_array(py: Python<'_>, picture: Picture) -> PyResult<Bound<'_, PyAny>> {
    let [width, height] = picture.size().map(|side| side as usize);
    let shape = [height, width, picture.channels()];
    match picture.into_samples() {
        Samples::U8(values) => array(py, values, shape),
        Samples::U16(values) => array(py, values, shape),
        Samples::F32(values) => array(py, values, shape),
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
pub fn from_array(array: &Bound<'_, PyAny>) -> PyResult<Picture> {
    if let Ok(array) = array.cast::<PyArrayDyn<u8>>() {
        return of_values(array, Samples::U8);
    }
    if let Ok(array) = array.cast::<PyArrayDyn<u16>>() {
        return of_values(array, Samples::U16);
    }
    if let Ok(array) = array.cast::<PyArrayDyn<f32>>() {
        return of_values(array, Samples::F32);
    }
    let message = "a picture must be a NumPy array of uint8, uint16 or float32";
    Err(PyValueError::new_err(message))
}

fn of_values<T: Element + Copy>(
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
    let side = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
    let size = [width, height].map(side);
    check_size(size).map_err(|reason| PyValueError::new_err(reason.to_string()))?;
    if channels == 0 {
        let message = "a picture without channels; it must have at least 1";
        return Err(PyValueError::new_err(message));
    }
    // iterates row by row, whatever the memory layout of the array
    let values: Vec<T> = array.try_readonly()?.as_array().iter().copied().collect();
    Ok(Picture::new(size, channels, samples(values)))
}
