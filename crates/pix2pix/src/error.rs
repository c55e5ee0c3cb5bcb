//! Errors. Each prints as one line: the file, the reason and the remedy.

use std::path::{Path, PathBuf};

/// An error of this library.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file system refused an operation: missing, unwritable, no space.
    #[error("{}: cannot {action}: {reason}; {remedy}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// A verb phrase, e.g. "read the folder".
        action: &'static str,
        /// The operating system's error.
        reason: std::io::Error,
        /// The remedy.
        remedy: &'static str,
    },
    /// A file with invalid content.
    #[error("{}: {reason}; {remedy}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
        /// The remedy.
        remedy: String,
    },
    /// An invalid option, or options that do not work together.
    #[error("{0}")]
    Config(String),
    /// A device that is missing on this machine or in this build, or that lacks the arithmetic.
    #[error("{0}")]
    Device(String),
}

/// A result with this library's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Wraps an I/O error with the path, the attempted action, and a remedy for its kind.
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

    /// Reports a file with invalid content.
    pub fn file(path: &Path, reason: impl ToString, remedy: impl ToString) -> Self {
        Self::File {
            path: path.to_path_buf(),
            reason: reason.to_string(),
            remedy: remedy.to_string(),
        }
    }
}
