//! Whole numbers as arguments. An error names the argument, which those of Python's conversion do not.

use std::convert::Infallible;
use std::fmt::Display;

use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;

/// What is given for a whole number.
pub enum Whole {
    /// A number.
    Number(u64),
    /// A whole number that is negative or larger, as a text.
    Beyond(String),
    /// Something else: its type.
    Other(String),
}

impl<'py> FromPyObject<'_, 'py> for Whole {
    type Error = Infallible;

    /// Takes NumPy's numbers too.
    fn extract(given: Borrowed<'_, 'py, PyAny>) -> Result<Self, Infallible> {
        Ok(match given.extract::<u64>() {
            Ok(number) => Self::Number(number),
            Err(error) if error.is_instance_of::<PyOverflowError>(given.py()) => {
                Self::Beyond(given.to_string())
            }
            Err(_) => Self::Other(given.get_type().to_string()),
        })
    }
}

impl Whole {
    /// The number, which the argument `name` has.
    ///
    /// # Errors
    /// `ValueError` if it is negative or larger than `most`; `TypeError` if it is no whole number.
    pub fn of<T: TryFrom<u64> + Display>(self, name: &str, most: T) -> PyResult<T> {
        let given = match self {
            Self::Number(number) => match T::try_from(number) {
                Ok(number) => return Ok(number),
                Err(_) => number.to_string(),
            },
            Self::Beyond(number) => number,
            Self::Other(kind) => {
                let message = format!("{name} must be a whole number, not of the type {kind}");
                return Err(PyTypeError::new_err(message));
            }
        };
        let message = format!("{name} is {given}; it must be from 0 to {most}");
        Err(PyValueError::new_err(message))
    }
}
