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
    let reason = match path.metadata() {
        Ok(found) if found.is_file() || found.is_dir() => return Ok(()),
        // a pipe would wait for its writer, and a device may never end
        Ok(_) => "it is no regular file",
        Err(_) => "no such file",
    };
    Err(Error::file(path, reason, remedy))
}
