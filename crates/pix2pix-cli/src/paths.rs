//! Paths that a run stores.

use std::path::Path;

/// The absolute form of a path, because the run may be resumed from another folder.
pub fn absolute(path: &Path) -> String {
    let absolute = std::path::absolute(path);
    let absolute = absolute.unwrap_or_else(|_| path.to_path_buf());
    absolute.display().to_string()
}
