//! The Rust part of the Python package; see `python/pix2pix/_pix2pix.pyi` for its types.

// PyO3's macros generate items without documentation
#![allow(missing_docs)]

mod failure;
mod generator;
mod options;
mod picture;
mod run;
mod whole;

use std::ffi::OsString;

use pyo3::prelude::*;

/// Runs the `pix2pix` command.
#[pyfunction]
fn command(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    py.detach(|| pix2pix_cli::run(arguments))
}

#[pymodule]
#[pyo3(name = "_pix2pix")]
fn pix2pix_module(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add("__version__", env!("CARGO_PKG_VERSION"))?;
    m.add("Error", m.py().get_type::<failure::Error>())?;
    m.add_class::<generator::Generator>()?;
    m.add_class::<run::Pairs>()?;
    m.add_function(wrap_pyfunction!(command, m)?)?;
    m.add_function(wrap_pyfunction!(picture::read_picture, m)?)?;
    m.add_function(wrap_pyfunction!(options::options, m)?)?;
    m.add_function(wrap_pyfunction!(run::train, m)?)?;
    m.add_function(wrap_pyfunction!(run::resume, m)?)?;
    m.add_function(wrap_pyfunction!(run::best, m)?)?;
    m.add_function(wrap_pyfunction!(run::history, m)?)?;
    m.add_function(wrap_pyfunction!(run::curves, m)?)?;
    m.add_function(wrap_pyfunction!(run::evaluate, m)?)?;
    m.add_function(wrap_pyfunction!(run::summary, m)?)?;
    m.add_function(wrap_pyfunction!(run::receptive_field, m)?)
}
