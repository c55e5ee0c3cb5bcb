//! Why a picture file is not read.

use std::path::Path;

use super::Format;
use crate::caught::caught;
use crate::error::Error;

/// Why a picture file is not read.
#[derive(Debug)]
pub enum Fault {
    /// It is damaged; the reason.
    Damaged(String),
    /// It is whole, but of a kind that is not read.
    Kind {
        /// What it holds, e.g. "complex numbers".
        what: String,
        /// What to do about it.
        remedy: &'static str,
    },
    /// It has several pages or slices, this many, and nobody said which to read.
    Pages(usize),
}

impl From<String> for Fault {
    fn from(reason: String) -> Self {
        Self::Damaged(reason)
    }
}

impl From<&str> for Fault {
    fn from(reason: &str) -> Self {
        Self::Damaged(reason.to_string())
    }
}

impl From<std::io::Error> for Fault {
    fn from(reason: std::io::Error) -> Self {
        Self::Damaged(reason.to_string())
    }
}

impl Fault {
    /// A kind of file that is not read.
    pub fn kind(what: impl Into<String>, remedy: &'static str) -> Self {
        let what = what.into();
        Self::Kind { what, remedy }
    }

    /// The error for a file of this format.
    pub fn of(self, path: &Path, format: Format) -> Error {
        match self {
            Self::Damaged(reason) => {
                Error::file(path, format!("damaged {format} picture ({reason})"), REMEDY)
            }
            Self::Kind { what, remedy } => Error::file(
                path,
                format!("a {format} picture with {what} is not read"),
                remedy,
            ),
            Self::Pages(count) => {
                let page = match format {
                    Format::Nifti => "slice",
                    _ => "page",
                };
                let remedy = format!(
                    "choose with `pages` which to read: first (the first {page}), channels (all {page}s as the channels \
                     of one picture) or each (each {page} as a picture)"
                );
                Error::file(path, format!("it has {count} {page}s"), remedy)
            }
        }
    }
}

/// What to do about a broken file.
pub const REMEDY: &str = "replace or remove the file";

/// The reason for refusing a file without its end. Decoders do not always reject it, but fill the missing part with
/// gray, which a network would learn.
pub const TRUNCATED: &str = "it is truncated: its end is missing";

/// Runs a decoder, and takes its panic for an error: a bug of a decoder must not end the program.
pub fn guarded<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    caught(work).unwrap_or_else(|panic| Err(format!("its decoder failed: {panic}").into()))
}
