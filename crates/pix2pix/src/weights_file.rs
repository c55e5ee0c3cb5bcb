//! Files of tensors in the formats of safetensors, PyTorch and Keras. They are read as data: no code in them is run.

#[cfg(feature = "import")]
pub(crate) mod keras_file;
pub(crate) mod pytorch_file;
#[cfg(any(feature = "import", feature = "download"))]
pub(crate) mod pytorch_read;
pub(crate) mod rounding;
pub(crate) mod tensor_file;

use std::path::Path;

use crate::error::{Error, Result};

/// Checks that a file of another program is there; `remedy` says where it comes from.
fn check_exists(path: &Path, remedy: &str) -> Result<()> {
    match path.exists() {
        true => Ok(()),
        false => Err(Error::file(path, "no such file", remedy)),
    }
}
