//! The progress bar of a file that takes long.

use std::io::{IsTerminal, stderr};

use indicatif::{ProgressBar, ProgressStyle};

/// A bar of this length on a terminal, and none elsewhere or if `quiet`. `done` is the template of how much is done.
pub fn bar(length: u64, done: &str, quiet: bool) -> ProgressBar {
    let bar = match stderr().is_terminal() && !quiet {
        true => ProgressBar::new(length),
        false => ProgressBar::hidden(),
    };
    let template = format!("{{bar:24}} {done}  {{eta}} left");
    bar.set_style(ProgressStyle::with_template(&template).expect("a valid template"));
    bar
}
