//! Files of tensors in the formats of safetensors, PyTorch and Keras. They are read as data: no code in them is run.

#[cfg(feature = "import")]
pub(crate) mod keras_file;
pub(crate) mod pytorch_file;
#[cfg(any(feature = "import", feature = "download"))]
pub(crate) mod pytorch_read;
pub(crate) mod rounding;
pub(crate) mod tensor_file;

use std::io::ErrorKind;
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
    match path.metadata() {
        Ok(found) if regular_file::is_special(&found) => {
            Err(Error::file(path, regular_file::SPECIAL, remedy))
        }
        Ok(_) => Ok(()),
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Err(Error::file(path, "no such file", remedy))
        }
        Err(e) => Err(Error::io(path, "read the file", e)),
    }
}

/// The error for a file of another program that cannot be read: what the system says is of the disk, and all else of the content,
/// which `damaged` is told.
#[cfg(any(feature = "import", feature = "download"))]
fn unread(
    path: &Path,
    reason: std::io::Error,
    damaged: impl FnOnce(std::io::Error) -> Error,
) -> Error {
    match reason.raw_os_error() {
        Some(_) => Error::io(path, "read the file", reason),
        None => damaged(reason),
    }
}
