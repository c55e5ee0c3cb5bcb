//! The name of this program, as the user can type it again.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use crate::paths::word;

static TYPED: OnceLock<String> = OnceLock::new();

/// Keeps how the program was started, for the commands that it prints.
pub fn remember(arguments: &[OsString]) {
    let typed = arguments.first().map(Path::new);
    // started by its path, e.g. by `cargo run`: its plain name is typed only if the shell finds this program by it
    let by_path = typed.filter(|typed| typed.components().count() > 1 && !is_found(typed));
    let _ = TYPED.set(by_path.map_or("pix2pix".to_string(), word));
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

/// The program as the first word of a command to type.
pub fn program() -> &'static str {
    TYPED.get().map_or("pix2pix", String::as_str)
}
