//! Files of tensors in the formats of safetensors, PyTorch and Keras. They are read as data: no code in them is run.

#[cfg(feature = "import")]
pub(crate) mod keras_file;
pub(crate) mod pytorch_file;
#[cfg(any(feature = "import", feature = "download"))]
pub(crate) mod pytorch_read;
pub(crate) mod rounding;
pub(crate) mod tensor_file;

use std::path::Path;

use pix2pix_runtime::regular_file;

use crate::error::{Error, Result};

/// Whether a file's name ends in a dot and one of these endings, in letters of any case.
#[cfg(feature = "import")]
pub(crate) fn ends_in(path: &Path, endings: &[&str]) -> bool {
    let ending = path.extension().unwrap_or_default();
    endings
        .iter()
        .any(|known| ending.eq_ignore_ascii_case(known))
}

/// Checks that a file of another program is there; `remedy` says where it comes from.
fn check_exists(path: &Path, remedy: &str) -> Result<()> {
    let reason = match path.metadata() {
        Ok(found) if regular_file::is_special(&found) => regular_file::SPECIAL,
        Ok(_) => return Ok(()),
        Err(_) => "no such file",
    };
    Err(Error::file(path, reason, remedy))
}
