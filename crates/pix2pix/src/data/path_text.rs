//! Paths in files of text: a configuration stores where the data set is. A path that is not UTF-8 is stored as a
//! `file://` address with its bytes percent-encoded.

use std::path::{Path, PathBuf};

#[cfg(unix)]
use std::ffi::OsStr;
#[cfg(unix)]
use std::os::unix::ffi::OsStrExt;

#[cfg(unix)]
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

/// What an absolute path never begins with.
#[cfg(unix)]
const MARK: &str = "file://";
#[cfg(unix)]
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'.')
    .remove(b'-')
    .remove(b'_');

/// The text of an absolute path.
pub fn text_of(path: &Path) -> String {
    #[cfg(unix)]
    if path.to_str().is_none() {
        let bytes = path.as_os_str().as_bytes();
        return format!("{MARK}{}", percent_encode(bytes, ENCODED));
    }
    path.display().to_string()
}

/// The path of a text.
pub fn path_of(text: &str) -> PathBuf {
    #[cfg(unix)]
    if let Some(encoded) = text.strip_prefix(MARK) {
        let bytes: Vec<u8> = percent_decode_str(encoded).collect();
        return PathBuf::from(OsStr::from_bytes(&bytes));
    }
    PathBuf::from(text)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn every_path_comes_back() {
        for bytes in [&b"/data/facades"[..], b"/a b/\xff%20\n/x", b"/caf\xc3\xa9"] {
            let path = Path::new(OsStr::from_bytes(bytes));
            assert_eq!(path_of(&text_of(path)), path);
        }
        assert_eq!(text_of(Path::new("/caf\u{e9} x")), "/caf\u{e9} x");
    }
}
