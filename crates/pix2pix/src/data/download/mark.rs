//! The mark beside a download: it says that a file is a download of this program, and nobody else's.
//!
//! A part of a download has a mark with the version of the server's file that it is of: bytes of two versions must not be
//! joined. A complete one has a mark with its length and time: another file may take its place.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use pix2pix_runtime::regular_file;
use ureq::http::header::{ETAG, LAST_MODIFIED};
use ureq::http::{HeaderValue, Response};

use crate::error::{Error, Result};

/// The beginning of a mark. A file that begins otherwise is none.
const FIRST: &str = "a download of pix2pix\n";

/// The place of the mark of a file.
fn of(file: &Path) -> PathBuf {
    file.with_added_extension("version")
}

/// The place of what has arrived of a download to `file`.
pub fn part_of(file: &Path) -> PathBuf {
    file.with_added_extension("part")
}

/// What is in the place of a mark.
enum Found {
    /// No file, or one without content: a full disk may have left no more of a mark.
    Nothing,
    /// A mark, and what it says.
    Mark(String),
    /// Somebody's file, or a link to one.
    Other,
}

impl Found {
    fn at(mark: &Path) -> Self {
        match fs::symlink_metadata(mark) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Self::Nothing,
            Ok(found) if found.is_file() => {}
            _ => return Self::Other,
        }
        match regular_file::read_to_string(mark) {
            Ok(text) if text.is_empty() => Self::Nothing,
            Ok(text) => match text.strip_prefix(FIRST) {
                Some(said) => Self::Mark(said.trim_end().to_string()),
                None => Self::Other,
            },
            Err(_) => Self::Other,
        }
    }
}

/// Checks that the place of a file's mark has no other file.
///
/// # Errors
/// When it has.
pub fn check(file: &Path) -> Result<()> {
    match Found::at(&of(file)) {
        Found::Other => {
            let reason = "it has the name of a mark of this program, and is none";
            Err(somebodys(&of(file), reason))
        }
        _ => Ok(()),
    }
}

/// Refuses to touch a file that is in the place of one of this program's.
pub fn somebodys(file: &Path, reason: &str) -> Error {
    Error::file(file, reason, "move it away, or choose another `folder`")
}

/// Whether a file is a download of this program, and nobody else's.
pub fn is_download(file: &Path) -> bool {
    let identity = fs::symlink_metadata(file).ok().and_then(identity);
    match Found::at(&of(file)) {
        Found::Mark(said) => identity == Some(said),
        _ => false,
    }
}

/// What tells a file from another in its place.
fn identity(found: Metadata) -> Option<String> {
    let time = found.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    let (seconds, rest) = (time.as_secs(), time.subsec_nanos());
    let length = found.len();
    found
        .is_file()
        .then(|| format!("{length} bytes of {seconds}.{rest:09}"))
}

/// Gives a complete part, open as `target`, the name of its file, and the file its mark.
///
/// # Errors
/// When the mark or the name cannot be written.
pub fn complete(target: &File, file: &Path) -> Result<()> {
    let named = |e| Error::io(file, "name the download", e);
    let said = identity(target.metadata().map_err(named)?).unwrap_or_default();
    // before the file: without a mark, it would be somebody's
    let written = fs::write(of(file), format!("{FIRST}{said}\n"));
    written.map_err(|e| Error::io(&of(file), "write the mark of the download", e))?;
    let part = part_of(file);
    fs::rename(&part, file).map_err(named)?;
    forget(&part);
    Ok(())
}

/// Removes a download that is complete, if it is still there.
///
/// # Errors
/// When it cannot be removed.
pub fn remove(file: &Path) -> Result<()> {
    // the file first: without a mark, it would be somebody's
    match fs::remove_file(file) {
        Err(e) if e.kind() != ErrorKind::NotFound => {
            return Err(Error::io(file, "remove the download", e));
        }
        _ => {}
    }
    forget(file);
    Ok(())
}

/// Removes the mark of a file, if it has one.
pub fn forget(file: &Path) {
    if !matches!(Found::at(&of(file)), Found::Other) {
        let _ = fs::remove_file(of(file));
    }
}

/// Whether a part has a mark.
pub fn is_marked(part: &Path) -> bool {
    matches!(Found::at(&of(part)), Found::Mark(_))
}

/// The version that the mark of a part names; `None` without one.
pub fn version(part: &Path) -> Option<String> {
    match Found::at(&of(part)) {
        // it is sent as a header
        Found::Mark(said) if HeaderValue::from_str(&said).is_ok() => {
            Some(said).filter(|version| !version.is_empty())
        }
        _ => None,
    }
}

/// Writes the mark of a part.
///
/// # Errors
/// When it cannot be written.
pub fn write(part: &Path, version: Option<&str>) -> io::Result<()> {
    let version = version.unwrap_or_default();
    fs::write(of(part), format!("{FIRST}{version}\n"))
}

/// The version of a server's file: a name for exactly these bytes, or the time of its last change.
pub fn version_of<T>(response: &Response<T>) -> Option<String> {
    let header = |name| response.headers().get(name)?.to_str().ok();
    let exact = header(ETAG).filter(|tag| !tag.starts_with("W/"));
    exact.or_else(|| header(LAST_MODIFIED)).map(str::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The mark is of one file, not of all that take its place.
    #[test]
    fn a_download_is_told_from_another_file_of_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.tar.gz");
        let part = part_of(&file);
        fs::write(&part, b"download").unwrap();
        write(&part, Some("\"one\"")).unwrap();
        assert_eq!(version(&part).as_deref(), Some("\"one\""));
        complete(&File::open(&part).unwrap(), &file).unwrap();
        assert!(is_download(&file) && !part.exists() && !is_marked(&part));
        let time = fs::metadata(&file).unwrap().modified().unwrap();
        let replace = |content: &[u8], time| {
            fs::remove_file(&file).unwrap();
            fs::write(&file, content).unwrap();
            let open = File::options().append(true).open(&file).unwrap();
            open.set_modified(time).unwrap();
        };
        replace(b"of another length", time);
        assert!(!is_download(&file));
        replace(b"another.", time + std::time::Duration::from_millis(1));
        assert!(!is_download(&file));
        // only a file that is the same in both is taken for it
        replace(b"another.", time);
        assert!(is_download(&file));
        remove(&file).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_is_no_mark_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x");
        let notes = folder.path().join("x.version");
        fs::write(&notes, "notes").unwrap();
        forget(&file);
        assert_eq!(fs::read(&notes).unwrap(), b"notes");
        let error = check(&file).unwrap_err().to_string();
        assert!(
            error.contains("x.version: it has the name of a mark"),
            "{error}"
        );
        // what a full disk left of a mark
        fs::write(&notes, "").unwrap();
        check(&file).unwrap();
        forget(&file);
        assert!(!notes.exists());
    }
}
