//! The mark beside a download: it says that the file is a download of this program, and which version of the server's file it
//! is. Bytes of two versions must not be joined.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use pix2pix_runtime::regular_file;
use ureq::http::header::{ETAG, LAST_MODIFIED};
use ureq::http::{HeaderValue, Response};

use crate::error::{Error, Result};

/// The mark of a download to `file`.
pub fn of(file: &Path) -> PathBuf {
    file.with_added_extension("version")
}

/// Whether a file is a download of this program, and nobody else's.
pub fn is_download(file: &Path) -> bool {
    file.is_file() && of(file).is_file()
}

/// Removes a download.
///
/// # Errors
/// When it cannot be removed.
pub fn remove(file: &Path) -> Result<()> {
    // the file first: without a mark, it would be somebody's
    fs::remove_file(file).map_err(|e| Error::io(file, "remove the download", e))?;
    forget(file);
    Ok(())
}

/// Removes the mark of a download to `file`, if it has one.
pub fn forget(file: &Path) {
    let _ = fs::remove_file(of(file));
}

/// The version that the mark of a download to `file` names; `None` without one.
pub fn read(file: &Path) -> Option<String> {
    let text = regular_file::read_to_string(&of(file)).ok()?;
    let version = text.trim_end();
    // it is sent as a header
    (!version.is_empty() && HeaderValue::from_str(version).is_ok()).then(|| version.to_string())
}

/// Writes the mark of a download to `file`.
///
/// # Errors
/// When it cannot be written.
pub fn write(file: &Path, version: Option<&str>) -> io::Result<()> {
    fs::write(of(file), format!("{}\n", version.unwrap_or_default()))
}

/// The version of a server's file: a name for exactly these bytes, or the time of its last change.
pub fn version_of<T>(response: &Response<T>) -> Option<String> {
    let header = |name| response.headers().get(name)?.to_str().ok();
    let exact = header(ETAG).filter(|tag| !tag.starts_with("W/"));
    exact.or_else(|| header(LAST_MODIFIED)).map(str::to_string)
}
