//! Errors. Each prints as one line: the file, the reason and the remedy.
//!
//! Messages name fields of configurations and arguments of functions in backticks, e.g. `batch_size`. The command line
//! prints its options instead.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// An error of this library.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file system refused an operation: missing, unwritable, no space.
    #[error("{}: cannot {action}: {reason}; {remedy}", shown(path))]
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
    #[error("{}: {reason}; {remedy}", shown(path))]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
        /// The remedy.
        remedy: String,
    },
    /// A field of a configuration, or an argument, with an invalid value.
    #[error("`{field}` {reason}")]
    Field {
        /// Its name, e.g. "batch_size".
        field: &'static str,
        /// Its value and the values that it may have, e.g. "is 0; it must be at least 1".
        reason: String,
    },
    /// Fields that do not work together, or that ask for what this data or this model does not have.
    #[error("{0}")]
    Config(String),
    /// Data that cannot be used as it is: the sizes, channels or values of its pictures, or the tensors of a network.
    #[error("{0}")]
    Data(String),
    /// Work that cannot go on, with valid fields and data: numbers that are no longer finite, a thread that has ended.
    #[error("{0}")]
    Failed(String),
    /// A new run in a folder that is not empty.
    #[error(
        "{}: the folder is not empty, but a new run needs an empty one; {}",
        shown(folder),
        if *is_run { "resume its run, or choose another `folder`" } else { "choose another `folder` or empty it" }
    )]
    Taken {
        /// The folder.
        folder: PathBuf,
        /// Whether a run is in it, which can be resumed.
        is_run: bool,
    },
    /// A picture that cannot be converted to the channels or the type of samples that are needed.
    #[error("{0}")]
    Picture(String),
    /// A device that is missing on this machine or in this build, or that lacks the arithmetic.
    #[error("{0}")]
    Device(String),
    /// A run that is to be resumed, and is done: its folder, and how to train longer.
    #[error("{0}")]
    Done(String),
}

/// A result with this library's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Wraps an I/O error with the path, the attempted action, and a remedy for its kind.
    pub fn io(path: &Path, action: &'static str, reason: std::io::Error) -> Self {
        use std::io::ErrorKind;
        let of_its_kind = match reason.kind() {
            ErrorKind::NotFound => "check the path",
            ErrorKind::PermissionDenied => "change its permissions or choose another place",
            ErrorKind::ReadOnlyFilesystem => "its disk is mounted read-only; choose another place",
            // a disk has room for so many files, too, and tells neither from the other
            ErrorKind::StorageFull => "free some space, or remove files, or choose another disk",
            ErrorKind::QuotaExceeded => "free some of your space, or choose another disk",
            // of the process, or of a disk whose files have at most 4 GB
            ErrorKind::FileTooLarge => {
                "raise the limit on sizes of files (ulimit -f) or choose another disk"
            }
            ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
                "a file is in the way: move it or choose another path"
            }
            // a text that is none, or too long for one
            ErrorKind::InvalidData => "check that it is the file that you mean",
            _ => "check the disk and the path",
        };
        let remedy = for_files(&reason).unwrap_or(of_its_kind);
        Self::Io {
            path: path.to_path_buf(),
            action,
            reason,
            remedy,
        }
    }

    /// Whether it is of the system, and not of a file that was given: of the folder for temporary files, of a disk on which nothing
    /// can be written any more, or of too many open files. To skip the file would not help.
    pub fn is_of_system(&self) -> bool {
        use std::io::ErrorKind;
        let Self::Io { path, reason, .. } = self else {
            return false;
        };
        let is_full = matches!(
            reason.kind(),
            ErrorKind::StorageFull
                | ErrorKind::QuotaExceeded
                | ErrorKind::FileTooLarge
                | ErrorKind::ReadOnlyFilesystem
        );
        is_full || *path == std::env::temp_dir() || for_files(reason).is_some()
    }

    /// Reports a field or an argument with an invalid value.
    pub fn field(field: &'static str, reason: impl ToString) -> Self {
        Self::Field {
            field,
            reason: reason.to_string(),
        }
    }

    /// Reports a file with invalid content.
    pub fn file(path: &Path, reason: impl ToString, remedy: impl ToString) -> Self {
        Self::File {
            path: path.to_path_buf(),
            reason: one_line(&reason.to_string()),
            remedy: one_line(&remedy.to_string()),
        }
    }
}

/// The remedy when the system opens no more files; `None` for other reasons.
pub fn for_files(reason: &std::io::Error) -> Option<&'static str> {
    // ENFILE, for all programs, and EMFILE, for this one, have the same numbers on all systems of Unix
    let is_limit = cfg!(unix) && matches!(reason.raw_os_error(), Some(23 | 24));
    is_limit.then_some("raise the limit on open files (ulimit -n)")
}

/// The remedy when the system does not start a thread for this reason: what a thread listens to counts as an open file.
pub fn for_threads(reason: &std::io::Error) -> &'static str {
    for_files(reason).unwrap_or("raise the limit on processes (ulimit -u)")
}

/// Longest part of a message, in characters.
const LONGEST: usize = 1000;

/// A text that may hold anything, such as names from a file, as a part of a message: without control characters, and cut
/// if it is long.
pub fn one_line(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        None => escaped(text),
        Some((end, _)) => escaped(&text[..end]) + "...",
    }
}

/// What another library says, for a message of ours, in which backticks mark our fields: its own are quotation marks.
pub fn foreign(text: &str) -> String {
    text.replace('`', "\"")
}

/// Whether a terminal would obey a character rather than show it: control characters, the ends of lines and paragraphs of
/// Unicode, and those that turn the direction of the text around them, so that it reads as another.
pub fn is_obeyed(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A text whose characters that a terminal [would obey](is_obeyed) are escaped.
pub fn escaped(text: &str) -> String {
    let mut line = String::new();
    for letter in text.chars() {
        match is_obeyed(letter) {
            true => line.extend(letter.escape_default()),
            false => line.push(letter),
        }
    }
    line
}

/// A path in a message, as [`one_line`]: the name of a file may hold anything.
pub fn shown(path: &Path) -> String {
    one_line(&path.to_string_lossy())
}

/// Checks that a field is not 0.
pub fn at_least_one(field: &'static str, value: u64) -> Result<()> {
    match value {
        0 => Err(Error::field(field, "is 0; it must be at least 1")),
        _ => Ok(()),
    }
}

/// Checks that a field is in its range.
pub fn within<T: PartialOrd + Display>(
    field: &'static str,
    value: T,
    range: RangeInclusive<T>,
) -> Result<()> {
    beyond(value, range).map_or(Ok(()), |reason| Err(Error::field(field, reason)))
}

/// Checks a setting that no argument changes: only an edited file has another value.
pub fn setting<T: PartialOrd + Display>(
    name: &str,
    value: T,
    range: RangeInclusive<T>,
) -> Result<()> {
    beyond(value, range).map_or(Ok(()), |reason| {
        Err(Error::Config(format!("{name} {reason}")))
    })
}

/// What is wrong with a value outside of its range.
fn beyond<T: PartialOrd + Display>(value: T, range: RangeInclusive<T>) -> Option<String> {
    let (least, most) = (range.start(), range.end());
    (!range.contains(&value)).then(|| format!("is {value}; it must be from {least} to {most}"))
}

/// Checks that a rate or a share is at least 0 and below 1.
pub fn below_one<T: Copy + Display + Into<f64>>(field: &'static str, value: T) -> Result<()> {
    if (0.0..1.0).contains(&value.into()) {
        return Ok(());
    }
    let reason = format!("is {value}; it must be at least 0 and below 1");
    Err(Error::field(field, reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn a_limit_of_the_system_is_told_by_its_name() {
        // ENFILE, EMFILE and, on Linux, EAGAIN
        let [all, own, threads] = [23, 24, 11].map(std::io::Error::from_raw_os_error);
        let remedy = "raise the limit on open files (ulimit -n)";
        for files in [all, own] {
            assert_eq!(for_threads(&files), remedy);
            let error = Error::io(Path::new("x"), "read the file", files).to_string();
            assert!(error.ends_with(&format!("; {remedy}")), "{error}");
        }
        assert_eq!(
            for_threads(&threads),
            "raise the limit on processes (ulimit -u)"
        );
    }

    /// What helps against one does not help against another.
    #[test]
    #[cfg(target_os = "linux")]
    fn each_limit_of_a_disk_has_its_remedy() {
        // EACCES, EROFS, ENOSPC, EDQUOT and EFBIG
        for (number, remedy) in [
            (13, "change its permissions or choose another place"),
            (30, "its disk is mounted read-only; choose another place"),
            (
                28,
                "free some space, or remove files, or choose another disk",
            ),
            (122, "free some of your space, or choose another disk"),
            (
                27,
                "raise the limit on sizes of files (ulimit -f) or choose another disk",
            ),
        ] {
            let reason = std::io::Error::from_raw_os_error(number);
            let error = Error::io(Path::new("x"), "write the file", reason).to_string();
            assert!(error.ends_with(&format!("; {remedy}")), "{error}");
        }
    }

    /// U+202E shows what follows from right to left: such a name of a program ends like that of a picture.
    #[test]
    fn no_name_reads_as_another() {
        let name = "a\u{202e}gnp.exe\u{2028}\u{2029}\u{2066}\u{2069}\u{9b}";
        assert_eq!(
            escaped(name),
            "a\\u{202e}gnp.exe\\u{2028}\\u{2029}\\u{2066}\\u{2069}\\u{9b}"
        );
        // letters that are written from right to left need none of them, and their neighbors are shown
        let plain = "\u{5d0}\u{628}\u{e9}\u{2027}\u{202f}\u{2065}\u{206a}";
        assert_eq!(escaped(plain), plain);
    }

    #[test]
    fn messages_are_one_line_whatever_a_file_holds() {
        let path = Path::new("a\nb\u{1b}[31m.png");
        let error = Error::file(path, "x\r\n".repeat(10_000), "try é").to_string();
        assert!(!error.contains(char::is_control), "{error}");
        assert!(
            error.starts_with("a\\nb\\u{1b}[31m.png: x\\r\\n"),
            "{error}"
        );
        assert!(
            error.ends_with("...; try é") && error.len() < 3000,
            "{error}"
        );
    }
}
