//! Keyword arguments as options of the command line.

use std::path::PathBuf;

use pix2pix_cli::embedded::{self, Takes, Value};
use pyo3::exceptions::{PyOverflowError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

use crate::failure::{argument, named};

/// The options of `arguments`, without those that are None.
///
/// # Errors
/// `TypeError` when a value cannot be that of an option.
pub fn read(arguments: &Bound<'_, PyDict>) -> PyResult<Vec<(String, Value)>> {
    let mut options = Vec::new();
    for (name, value) in arguments {
        let name: String = name.extract()?;
        if value.is_none() {
            continue;
        }
        let value = of(&value).ok_or_else(|| {
            let kind = value.get_type();
            PyTypeError::new_err(format!("{name} cannot be of the type {kind}"))
        })?;
        // lambda_ is an option's name with what Python needs behind it
        options.push((name.trim_end_matches('_').to_string(), value));
    }
    Ok(options)
}

fn of(value: &Bound<'_, PyAny>) -> Option<Value> {
    if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
        let values: Vec<Bound<'_, PyAny>> = value.extract().ok()?;
        return values
            .iter()
            .map(of)
            .collect::<Option<_>>()
            .map(Value::Array);
    }
    if value.is_instance_of::<PyBool>() {
        return value.extract().ok().map(Value::Boolean);
    }
    if value.is_instance_of::<PyString>() {
        return value.extract().ok().map(Value::String);
    }
    if value.is_instance_of::<PyInt>() {
        return whole(value);
    }
    if value.is_instance_of::<PyFloat>() {
        return value.extract().ok().map(Value::Float);
    }
    if let Ok(path) = value.extract::<PathBuf>() {
        return Some(Value::String(path.to_str()?.to_string()));
    }
    // the numbers of NumPy
    let is_on = value.extract().ok().map(Value::Boolean);
    let number = || value.extract().ok().map(Value::Float);
    is_on.or_else(|| whole(value)).or_else(number)
}

/// A whole number; a text if it needs more than 63 bits, which a seed may have: the command line's parser reads it.
fn whole(value: &Bound<'_, PyAny>) -> Option<Value> {
    match value.extract() {
        Ok(number) => Some(Value::Integer(number)),
        Err(error) if error.is_instance_of::<PyOverflowError>(value.py()) => {
            Some(Value::String(value.to_string()))
        }
        Err(_) => None,
    }
}

/// The options of a command as keyword arguments: name, description, what it takes (`nothing`, `whole`, `number`, `path`,
/// `one of`, `words`, `text` or `word`), and the words that it may be.
#[pyfunction]
pub fn options(command: &str) -> Vec<(String, String, &'static str, Vec<String>)> {
    let options = embedded::options(command).into_iter();
    let listed = options.map(|option| {
        let (takes, words) = match option.takes {
            Takes::Nothing => ("nothing", Vec::new()),
            Takes::Whole => ("whole", Vec::new()),
            Takes::Number => ("number", Vec::new()),
            Takes::Path => ("path", Vec::new()),
            Takes::OneOf(words) => ("one of", words),
            Takes::Words => ("words", Vec::new()),
            Takes::Text => ("text", Vec::new()),
            Takes::Word => ("word", Vec::new()),
        };
        (argument(&option.name), named(&option.help), takes, words)
    });
    listed.collect()
}
