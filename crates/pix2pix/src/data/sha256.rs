//! Digests.

use std::io::Read;
use std::path::Path;

use pix2pix_runtime::regular_file;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// The SHA-256 of a file, in hexadecimal digits. `action` says in the error what the file is read for, e.g. "read the
/// model".
///
/// # Errors
/// When it cannot be read.
pub fn of_file(file: &Path, action: &'static str) -> Result<String> {
    let failed = |e| Error::io(file, action, e);
    let mut content = regular_file::open(file).map_err(failed)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match content.read(&mut buffer).map_err(failed)? {
            0 => break,
            count => hasher.update(&buffer[..count]),
        }
    }
    Ok(digits(&hasher.finalize()))
}

/// The SHA-256 of bytes, in hexadecimal digits.
pub fn of(bytes: &[u8]) -> String {
    digits(&Sha256::digest(bytes))
}

/// A digest in hexadecimal digits.
pub(crate) fn digits(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
