//! The name of this program, as the user can type it again.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::paths::word;

/// The first word of the command with which the program was started.
static STARTED: OnceLock<PathBuf> = OnceLock::new();

/// Keeps how the program was started, for the commands that it prints.
pub fn remember(arguments: &[OsString]) {
    if let Some(first) = arguments.first() {
        let _ = STARTED.set(PathBuf::from(first));
    }
}

/// The program as the first word of a command to type.
pub fn program() -> String {
    // started by its path, e.g. by `cargo run`: its plain name is typed only if the shell finds this program by it
    let by_path = STARTED
        .get()
        .filter(|started| started.components().count() > 1 && !is_found(started));
    by_path.map_or("pix2pix".to_string(), |started| word(started))
}

/// Whether the shell finds this program by its plain name.
fn is_found(program: &Path) -> bool {
    let folders = env::var_os("PATH").unwrap_or_default();
    let mut files = env::split_paths(&folders).map(|folder| folder.join("pix2pix"));
    let same = |file: &Path| fs::canonicalize(file).ok() == fs::canonicalize(program).ok();
    files
        .find(|file| file.is_file())
        .is_some_and(|file| same(&file))
}
