//! Atomic file writes: a file is written under a temporary name in the same folder, synced, then renamed. No reader
//! ever sees a part of it.

use std::fs;
use std::path::Path;

use crate::error::{Error, Result};

/// Prefix and suffix of temporary file names.
const PREFIX: &str = ".pix2pix-";
const SUFFIX: &str = ".part";

/// Removes the temporary files of killed processes. No process may be writing to the folder.
///
/// # Errors
/// When the folder cannot be read or a file cannot be removed.
pub fn remove_unfinished(folder: &Path) -> Result<()> {
    let failed = |e| Error::io(folder, "read the folder", e);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let ours = name.starts_with(PREFIX) && name.ends_with(SUFFIX);
        // the safetensors crate writes to a temporary file of its own first
        let safetensors = name.starts_with(".tmp") && name.len() == ".tmp123456".len();
        if ours || safetensors {
            fs::remove_file(&path)
                .map_err(|e| Error::io(&path, "remove the unfinished file", e))?;
        }
    }
    Ok(())
}

/// Writes `bytes` to `path` atomically and replaces an existing file.
///
/// # Errors
/// When the folder is missing or unwritable or the disk is full. The old file is then unchanged, and no temporary file
/// is left.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    write_at(path, |temporary| fs::write(temporary, bytes))
}

/// As [`write()`], but `fill` writes the content to the temporary path that it receives.
///
/// # Errors
/// As [`write()`].
pub fn write_at(path: &Path, fill: impl FnOnce(&Path) -> std::io::Result<()>) -> Result<()> {
    let failed = |e| Error::io(path, "write the file", e);
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let temporary = tempfile::Builder::new()
        .prefix(PREFIX)
        .suffix(SUFFIX)
        .permissions_like_new_files()
        .tempfile_in(folder)
        .map_err(failed)?;
    let permissions = temporary
        .as_file()
        .metadata()
        .map_err(failed)?
        .permissions();
    fill(temporary.path()).map_err(failed)?;
    // `fill` may have replaced the temporary file
    fs::set_permissions(temporary.path(), permissions).map_err(failed)?;
    let written = fs::File::open(temporary.path()).map_err(failed)?;
    written.sync_all().map_err(failed)?;
    temporary.persist(path).map_err(|e| failed(e.error))?;
    sync_folder(folder);
    Ok(())
}

/// Makes the rename survive a power cut. Errors are ignored: some systems (Windows) cannot sync a folder, and the file
/// itself is complete either way.
fn sync_folder(folder: &Path) {
    if let Ok(folder) = fs::File::open(folder) {
        let _ = folder.sync_all();
    }
}

/// Gives a temporary file, which is private by default, the permissions of any new file.
trait NewFilePermissions {
    fn permissions_like_new_files(&mut self) -> &mut Self;
}

impl NewFilePermissions for tempfile::Builder<'_, '_> {
    #[cfg(unix)]
    fn permissions_like_new_files(&mut self) -> &mut Self {
        use std::os::unix::fs::PermissionsExt;
        // the kernel applies the umask
        self.permissions(fs::Permissions::from_mode(0o666))
    }

    #[cfg(not(unix))]
    fn permissions_like_new_files(&mut self) -> &mut Self {
        self
    }
}

/// Creates a folder and its parents.
///
/// # Errors
/// When one cannot be created.
pub fn create_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|e| Error::io(path, "create the folder", e))
}
