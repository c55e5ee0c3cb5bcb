//! Failures of a command as exceptions, with the names of Python's arguments instead of the command line's options.

use pix2pix_cli::embedded::Failure;
use pyo3::create_exception;
use pyo3::exceptions::{PyKeyboardInterrupt, PyOSError, PyValueError};
use pyo3::prelude::*;

create_exception!(
    pix2pix,
    Error,
    PyOSError,
    "A file that cannot be read or written, data that cannot be used as it is, a device that fails, or a training that cannot go on."
);

/// Words that Python's grammar has: an argument of that name has an underscore behind it.
const RESERVED: [&str; 32] = [
    "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del", "elif",
    "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda",
    "nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];

/// The argument for an option, e.g. `batch_size` for "batch-size", and `lambda_` for "lambda".
pub fn argument(option: &str) -> String {
    let end = if RESERVED.contains(&option) { "_" } else { "" };
    option.replace('-', "_") + end
}

/// A text of the command line with arguments instead of its options, and functions instead of their commands, which are in
/// backticks. Other commands stay as they are: the package brings the program.
pub fn named(text: &str) -> String {
    let mut named = String::new();
    for (index, part) in text.split('`').enumerate() {
        if index > 0 {
            named.push('`');
        }
        match index % 2 {
            0 => named += &with_arguments(part),
            _ => named += &as_called(part),
        }
    }
    named
}

/// Commands that are functions.
const FUNCTIONS: [&str; 4] = ["train", "evaluate", "summary", "receptive-field"];

/// A command as Python calls it, if it is a function there.
fn as_called(command: &str) -> String {
    let words: Vec<&str> = command.splitn(4, ' ').collect();
    match words.as_slice() {
        ["pix2pix", "train", "--resume"] => "pix2pix.resume".to_string(),
        ["pix2pix", "train", "--resume", run] => {
            format!("pix2pix.resume(\"{}\")", run.trim_matches('\''))
        }
        ["pix2pix", "train", data, rest] if rest.starts_with("--out NEW --from ") => {
            let from = rest["--out NEW --from ".len()..].trim_matches('\'');
            format!("pix2pix.train({data}, NEW, from_=\"{from}\")")
        }
        ["pix2pix", name] | ["pix2pix", name, "--out"] if FUNCTIONS.contains(name) => {
            format!("pix2pix.{}", argument(name))
        }
        ["pix2pix", name, "--help"] if FUNCTIONS.contains(name) => {
            format!("help(pix2pix.{}Options)", capitalized(name))
        }
        _ => command.to_string(),
    }
}

/// The name of a class for a command, e.g. `ReceptiveField` for "receptive-field".
fn capitalized(command: &str) -> String {
    let words = command.split('-').map(|word| {
        let (first, rest) = word.split_at(1);
        first.to_uppercase() + rest
    });
    words.collect()
}

fn with_arguments(text: &str) -> String {
    let mut named = String::new();
    let mut left = text;
    while let Some((before, after)) = left.split_once("--") {
        let is_of_name =
            |letter: char| letter.is_ascii_lowercase() || letter == '-' || letter.is_ascii_digit();
        let end = after
            .find(|letter| !is_of_name(letter))
            .unwrap_or(after.len());
        let starts = after.starts_with(|letter: char| letter.is_ascii_lowercase());
        // inside of a word, dashes are no option
        let begins = !before.ends_with(|letter: char| letter.is_alphanumeric() || letter == '-');
        named += before;
        match starts && begins {
            true => named += &argument(&after[..end]),
            false => named = named + "--" + &after[..end],
        }
        left = &after[end..];
    }
    named + left
}

/// The exception for a failure.
pub fn exception(failure: Failure) -> PyErr {
    let message = named(&failure.message());
    match failure {
        Failure::Usage(_) | Failure::Done(_) => PyValueError::new_err(message),
        Failure::Interrupted => PyKeyboardInterrupt::new_err(()),
        Failure::Runtime(_) | Failure::Told | Failure::ClosedPipe => Error::new_err(message),
    }
}
