//! Paths that a run stores, and the pictures of a folder.

use std::path::{Path, PathBuf};

use pix2pix::Error;
use pix2pix::data::passed_over::{PassedOver, Why};
use pix2pix::data::{Store, picture};

/// The absolute form of a path, because the run may be resumed from another folder.
pub fn absolute(path: &Path) -> String {
    let absolute = std::path::absolute(path);
    let absolute = absolute.unwrap_or_else(|_| path.to_path_buf());
    absolute.display().to_string()
}

/// The pictures of a folder and its sub-folders, relative to it and sorted, and the files that are passed over.
///
/// # Errors
/// When the folder cannot be read or has no pictures.
pub fn pictures(folder: &Path) -> Result<(Vec<PathBuf>, Vec<PassedOver>), Error> {
    let (files, mut passed_over) = Store::open(folder)?.files()?;
    let (pictures, others): (Vec<_>, Vec<_>) = files
        .into_iter()
        .partition(|file| picture::is_picture(file));
    let why = Why::Ending;
    passed_over.extend(others.into_iter().map(|file| PassedOver { file, why }));
    if pictures.is_empty() {
        let remedy = "put pictures into it or choose another folder";
        return Err(Error::file(
            folder,
            "the folder contains no picture",
            remedy,
        ));
    }
    Ok((pictures, passed_over))
}
