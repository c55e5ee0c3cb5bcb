//! Folders that a command fills with files. They are made when there is a file to write, so that a command that fails at
//! first leaves nothing behind.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use pix2pix::{Error, atomic_file};

/// Creates the folder of a file that is about to be written, under a name that follows from an input's. A pipe of this name
/// is an error.
pub fn create_folder_of(file: &Path) -> Result<(), Error> {
    atomic_file::check_own(file)?;
    match file.parent() {
        Some(folder) => atomic_file::create_folder(folder),
        None => Ok(()),
    }
}

/// Whether the disk of a folder, which may not exist yet, takes names as long as that of this file.
pub fn takes(folder: &Path, file: &Path) -> bool {
    let place = atomic_file::there(folder).join(file.file_name().unwrap_or_default());
    let looked = fs::symlink_metadata(place);
    looked.map_or_else(|e| e.kind() != ErrorKind::InvalidFilename, |_| true)
}

/// Removes what killed commands left unfinished in the folders of these files.
pub fn remove_unfinished(files: impl Iterator<Item = PathBuf>) {
    let folders = files.filter_map(|file| file.parent().map(Path::to_path_buf));
    for folder in folders.collect::<BTreeSet<PathBuf>>() {
        // only what it finds is of interest
        let _ = atomic_file::remove_unfinished(&folder);
    }
}
