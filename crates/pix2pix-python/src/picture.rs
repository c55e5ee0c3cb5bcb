//! Pictures as NumPy arrays.

use std::path::PathBuf;

use numpy::{
    Element, IntoPyArray, PyArrayDescrMethods, PyArrayDyn, PyArrayMethods, PyUntypedArray,
    PyUntypedArrayMethods,
};
use pix2pix::data::picture::{self, Content, Page, Pages, Picture, Samples, check_size};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::failure::exception;

/// Reads a picture file: PNG, JPEG, WebP, BMP, TIFF, npy or NIfTI, of 8 or 16 bits or floating point.
///
/// An array of shape ``(height, width, channels)``. Of a file with several pages or slices, ``pages`` says which to read:
/// "first", "channels" (all, as the channels of one picture) or "each", which gives a list of arrays. Raises ``pix2pix.Error``
/// if the file cannot be read, or has several and ``pages`` is None.
#[pyfunction]
#[pyo3(signature = (path, *, pages = None))]
pub fn read_picture<'py>(
    py: Python<'py>,
    path: PathBuf,
    pages: Option<&str>,
) -> PyResult<Bound<'py, PyAny>> {
    let pages = pages
        .map(str::parse::<Pages>)
        .transpose()
        .map_err(|e| PyValueError::new_err(format!("pages: {e}")))?;
    let failed = |error: pix2pix::Error| exception(error.into());
    let content = match pages {
        // once, and not for each slice again
        Some(Pages::Each) => py.detach(|| picture::unpacked(&path)).map_err(failed)?,
        _ => Content::from(path.as_path()),
    };
    let read = |page| {
        let read = py.detach(|| picture::decode_page(&path, &content, page));
        let (picture, _) = read.map_err(failed)?;
        to_array(py, picture)
    };
    if pages == Some(Pages::Each) {
        let count = py.detach(|| picture::pages(&content));
        let all: PyResult<Vec<_>> = (0..count).map(|index| read(Page::At(index))).collect();
        return Ok(PyList::new(py, all?)?.into_any());
    }
    read(Page::of(pages))
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

/// The pixels of a mask that have data, as an array of shape (height, width).
pub fn to_mask<'py>(py: Python<'py>, mask: &Picture) -> PyResult<Bound<'py, PyAny>> {
    let [width, height] = mask.size().map(|side| side as usize);
    let known: Vec<bool> = mask.bytes().iter().map(|&byte| byte > 0).collect();
    Ok(known.into_pyarray(py).reshape([height, width])?.into_any())
}

fn array<'py, T: Element>(
    py: Python<'py>,
    values: Vec<T>,
    shape: [usize; 3],
) -> PyResult<Bound<'py, PyAny>> {
    Ok(values.into_pyarray(py).reshape(shape)?.into_any())
}

/// Converts an array to a picture.
pub fn from_array(given: &Bound<'_, PyAny>) -> PyResult<Picture> {
    let array = native(given)?;
    if let Ok(array) = array.cast::<PyArrayDyn<u8>>() {
        return of_values(array, Samples::U8);
    }
    if let Ok(array) = array.cast::<PyArrayDyn<u16>>() {
        return of_values(array, Samples::U16);
    }
    if let Ok(array) = array.cast::<PyArrayDyn<f32>>() {
        return of_values(array, Samples::F32);
    }
    let dtype = given.cast::<PyUntypedArray>()?.dtype();
    let remedy = match dtype.kind() {
        b'f' => {
            ".astype(numpy.float32) converts it (0 is black and 1 white, unless the model was trained with another range)"
        }
        b'i' | b'u' => {
            ".astype(numpy.uint8) converts values of 0 to 255, .astype(numpy.uint16) those of 0 to 65535"
        }
        b'b' => {
            ".astype(numpy.uint8) makes classes 0 and 1 of it, and 255 times that black and white"
        }
        _ => "convert it",
    };
    Err(not_a_picture(&format!("of {dtype}"), remedy))
}

/// The array with its values aligned and in this machine's order of bytes, as Rust reads them: a copy if they are not.
///
/// # Errors
/// `ValueError` if it is no array, or has masked values, which a picture has not.
fn native<'py>(given: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let Ok(array) = given.cast::<PyUntypedArray>() else {
        let remedy = match given.extract::<PathBuf>() {
            Ok(_) => "pix2pix.read_picture reads a file",
            Err(_) => "numpy.asarray converts the pictures of other libraries",
        };
        return Err(not_a_picture(&given.get_type().to_string(), remedy));
    };
    let numpy = given.py().import("numpy")?;
    let is_masked = numpy.getattr("ma")?.call_method1("is_masked", (array,))?;
    if is_masked.is_truthy()? {
        let message = "the picture has masked values; give them a value: picture.filled(0)";
        return Err(PyValueError::new_err(message));
    }
    let dtype = array.dtype().call_method1("newbyteorder", ("=",))?;
    numpy.call_method1("require", (array, dtype, ["ALIGNED"]))
}

fn not_a_picture(given: &str, remedy: &str) -> PyErr {
    let message = format!(
        "a picture must be a NumPy array of uint8, uint16 or float32, not {given}; {remedy}"
    );
    PyValueError::new_err(message)
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
