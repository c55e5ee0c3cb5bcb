//! What can go wrong, each as one line that names the file, the reason and the remedy.

use std::path::{Path, PathBuf};

/// Any failure of this library.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file system refused an operation: missing, unwritable, no space.
    #[error("{}: cannot {action}: {reason}; {remedy}", path.display())]
    Io {
        /// What was being read or written.
        path: PathBuf,
        /// A verb phrase, e.g. "read the folder".
        action: &'static str,
        /// The operating system's own words.
        reason: std::io::Error,
        /// What the user can do about it.
        remedy: &'static str,
    },
    /// A file's content is not what it has to be.
    #[error("{}: {reason}; {remedy}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// What the user can do about it.
        remedy: String,
    },
    /// A configuration that no network can be built from.
    #[error("{0}")]
    Config(String),
    /// A device that this machine or this build does not have.
    #[error("{0}")]
    Device(String),
}

/// This library's result.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Wraps an I/O error with the path, what was attempted, and a remedy that fits its kind.
    pub fn io(path: &Path, action: &'static str, reason: std::io::Error) -> Self {
        use std::io::ErrorKind;
        let remedy = match reason.kind() {
            ErrorKind::NotFound => "check the path",
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                "change its permissions or choose another place"
            }
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                "free some space or choose another disk"
            }
            ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
                "a file is in the way: move it or choose another path"
            }
            _ => "check the disk and the path",
        };
        Self::Io {
            path: path.to_path_buf(),
            action,
            reason,
            remedy,
        }
    }

    /// Reports a file whose content is wrong.
    pub fn file(path: &Path, reason: impl ToString, remedy: impl ToString) -> Self {
        Self::File {
            path: path.to_path_buf(),
            reason: reason.to_string(),
            remedy: remedy.to_string(),
        }
    }
}
