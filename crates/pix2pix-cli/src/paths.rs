//! Paths that a run stores, and paths in printed commands.

use std::fs;
use std::path::{Path, PathBuf};

use pix2pix::data::path_text;
use pix2pix::identity::Identity;
use pix2pix::{is_obeyed, one_line};

/// A path in what a person reads: a name may hold anything.
pub trait Plain {
    /// The path as one line, in which the characters that a terminal would obey are escaped.
    fn plain(&self) -> String;
}

impl Plain for Path {
    fn plain(&self) -> String {
        one_line(&self.to_string_lossy())
    }
}

/// The absolute form of a path, because the run may be resumed from another folder.
pub fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

/// The absolute form of a path without links, whether or not all of it exists.
pub fn real(path: &Path) -> PathBuf {
    let path = absolute(path);
    let known = path.ancestors().find_map(|above| {
        let rest = path.strip_prefix(above).ok()?;
        let above = fs::canonicalize(above).ok()?;
        Some(match rest.as_os_str().is_empty() {
            true => above,
            false => above.join(rest),
        })
    });
    known.unwrap_or(path)
}

/// Whether a path lies in a folder, or is that folder, whatever links, mounts or letters lead there.
pub fn lies_in(path: &Path, folder: &Path) -> bool {
    let folder = Identity::of(folder).filter(|_| folder.is_dir());
    folder.is_some_and(|folder| {
        let real = real(path);
        let mut above = real.ancestors();
        above.any(|above| Identity::of(above).as_ref() == Some(&folder))
    })
}

/// The absolute form of a path, as the text that a configuration stores.
pub fn stored(path: &Path) -> String {
    path_text::text_of(&absolute(path))
}

/// A path as a word of a command for the shell, so that the command can be pasted.
#[cfg(windows)]
pub fn word(path: &Path) -> String {
    let text = path.display().to_string();
    // it would be taken for an option
    let dash = if text.starts_with('-') { ".\\" } else { "" };
    let is_plain = |c: char| c.is_alphanumeric() || "\\/:._-+".contains(c);
    // a path has no double quotes there
    match text.chars().all(is_plain) && !text.is_empty() {
        true => format!("{dash}{text}"),
        false => format!("\"{dash}{text}\""),
    }
}

/// A path as a word of a command for the shell, so that the command can be pasted.
#[cfg(not(windows))]
pub fn word(path: &Path) -> String {
    let bytes = path.as_os_str().as_encoded_bytes();
    // it would be taken for an option
    let dash = if bytes.starts_with(b"-") { "./" } else { "" };
    match path.to_str() {
        Some(text) if !text.contains(is_obeyed) => {
            let text = format!("{dash}{text}");
            let quoted = shlex::try_quote(&text).expect("a path has no NUL");
            quoted.into_owned()
        }
        // the quotes of bash, zsh and ksh for bytes that are not text
        _ => {
            let escaped = bytes.iter().map(|&byte| match byte {
                b'\'' | b'\\' => format!("\\{}", char::from(byte)),
                b' '..=b'~' => char::from(byte).to_string(),
                _ => format!("\\x{byte:02x}"),
            });
            format!("$'{dash}{}'", escaped.collect::<String>())
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::process::Command;

    use super::*;

    /// What bash makes of a word.
    #[test]
    fn a_word_is_the_path_again() {
        for (bytes, expected) in [
            (&b"runs/facades"[..], &b"runs/facades"[..]),
            (
                b"my runs/it's $HOME \"x\" `y` !z",
                b"my runs/it's $HOME \"x\" `y` !z",
            ),
            (b"-run", b"./-run"),
            (b"-\xff 'r\\un\n", b"./-\xff 'r\\un\n"),
            (b"caf\xc3\xa9*", b"caf\xc3\xa9*"),
            ("a\u{202e}b".as_bytes(), "a\u{202e}b".as_bytes()),
        ] {
            let word = word(Path::new(OsStr::from_bytes(bytes)));
            assert!(!word.contains(is_obeyed), "{word}");
            let script = format!("printf %s {word}");
            let output = Command::new("bash").args(["-c", &script]).output().unwrap();
            assert_eq!(output.stdout, expected, "{word}");
        }
    }
}
