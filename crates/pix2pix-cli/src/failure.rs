//! Failures of a command: one line on standard error and an exit code.

use std::ffi::OsString;
use std::fmt::Display;
use std::io::{self, Write, stdout};

use clap::Command;
use clap::error::{ContextKind, ErrorKind};
use pix2pix::{Error, escaped};

use crate::elsewhere;
use crate::flags;
use crate::output::{plain, plain_json, tell};
use crate::paths::{Plain, word};
use crate::port;
use crate::program::program;
use crate::variables;

/// The reason a command failed or ended early.
#[derive(Debug)]
pub enum Failure {
    /// The arguments or options are invalid: exit code 2.
    Usage(String),
    /// The run that is to be resumed is done, and so is what was asked for: `train` makes a note of it. For other programs, that is
    /// an error as of the arguments.
    Done(String),
    /// An error at run time, such as a missing file: exit code 1.
    Runtime(String),
    /// Stopped by the user after saving: exit code 130, the shell convention for SIGINT.
    Interrupted,
    /// Another process of the same training, or this one, has already printed the error: exit code 1.
    Told,
    /// The reader closed the output pipe (`pix2pix summary generator | head`): success.
    ClosedPipe,
}

impl Failure {
    /// An error in the data on standard input.
    pub fn input(reason: impl Display) -> Self {
        Self::Runtime(format!("standard input: {reason}"))
    }

    /// The error message, in one line; empty for failures that print none.
    pub fn message(&self) -> String {
        match self {
            Self::Usage(message) | Self::Done(message) | Self::Runtime(message) => {
                one_line(message)
            }
            Self::Told | Self::Interrupted | Self::ClosedPipe => String::new(),
        }
    }

    /// The same failure, with the message prefixed by the process's rank.
    pub fn of_rank(self, rank: usize) -> Self {
        self.map(|message| format!("rank {rank}: {message}"))
    }

    /// The same failure of the command that these arguments name, whose message says which of the options in it are not that
    /// command's.
    pub fn of_command(self, arguments: &[OsString]) -> Self {
        let program = crate::command();
        self.map(|message| elsewhere::told(message, command_of(&program, arguments).1))
    }

    /// The same failure with another message, if it has one.
    fn map(self, change: impl FnOnce(String) -> String) -> Self {
        match self {
            Self::Usage(message) => Self::Usage(change(message)),
            Self::Done(message) => Self::Done(change(message)),
            Self::Runtime(message) => Self::Runtime(change(message)),
            other => other,
        }
    }

    /// Prints the error line, if there is one, and returns the exit code.
    pub fn report(self) -> u8 {
        let (message, code) = match self {
            Self::Usage(message) | Self::Done(message) => (message, 2),
            Self::Runtime(message) => (message, 1),
            Self::Told => return 1,
            Self::Interrupted => return 130,
            Self::ClosedPipe => return 0,
        };
        tell(&format!("error: {}", one_line(&message)));
        code
    }
}

/// A message as one line: those of the operating system or a decoder may contain line breaks, and the names in them
/// control characters, which a terminal would obey.
fn one_line(message: &str) -> String {
    let lines = message.lines().map(str::trim);
    let lines: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    escaped(&lines.join(" "))
}

impl From<Error> for Failure {
    /// An error of the library, with options instead of the fields that it names.
    fn from(error: Error) -> Self {
        let message = flags::named(&error.to_string());
        match error {
            Error::Field { .. } | Error::Config(_) => Self::Usage(message),
            Error::Done(_) => Self::Done(message),
            Error::Taken {
                folder,
                is_run: true,
            } => Self::Runtime(format!(
                "{}: the folder is not empty, but a new run needs an empty one; resume its run with \
                 `{} train --resume {}`, or choose another --out",
                folder.plain(),
                program(),
                word(&folder)
            )),
            // a result that is written to a pipe, such as /dev/stdout
            Error::Io { reason, .. } if reason.kind() == io::ErrorKind::BrokenPipe => {
                Self::ClosedPipe
            }
            _ => Self::Runtime(message),
        }
    }
}

/// Prints help and version unchanged, and returns the exit code.
///
/// # Errors
/// The failure of another of clap's argument errors.
pub fn usage(error: &clap::Error, arguments: &[OsString]) -> Result<u8, Failure> {
    let asked_for_help =
        !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    if asked_for_help {
        let code = error.exit_code() as u8;
        return match error.print() {
            Ok(()) => Ok(code),
            Err(e) => Err(unwritten(&e)),
        };
    }
    Err(wrong(error, arguments))
}

/// The failure of clap's argument error.
pub fn wrong(error: &clap::Error, arguments: &[OsString]) -> Failure {
    // built, it knows how its options are written
    let mut program = crate::command();
    program.build();
    let (path, command) = command_of(&program, arguments);
    let answers = port::answers(arguments, command);
    let unknown = matches!(
        error.kind(),
        ErrorKind::UnknownArgument | ErrorKind::InvalidValue
    );
    if unknown && !answers.is_empty() {
        let message = format!("options of the PyTorch port: {answers}; see docs/from-pytorch.md");
        return Failure::Usage(message);
    }
    let first = arguments.get(1).and_then(|word| word.to_str());
    if let (ErrorKind::InvalidSubcommand, Some(script)) =
        (error.kind(), first.and_then(port::script))
    {
        let message =
            format!("a script of the PyTorch port: use {script}; see docs/from-pytorch.md");
        return Failure::Usage(message);
    }
    let text = error.to_string();
    let reason = text.split("\n\nUsage:").next().unwrap_or(&text);
    let reason = reason.split("\n\nFor more").next().unwrap_or(reason);
    let reason = reason.trim_start_matches("error: ");
    let (tips, reason): (Vec<&str>, Vec<&str>) = reason
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .partition(|line| line.starts_with("tip: "));
    let mut message = reason.join(" ");
    if let Some(variable) = variables::at_fault(error, command, arguments) {
        message = format!("{variable}: {message}");
    }
    let usage = error.get(ContextKind::Usage).map(ToString::to_string);
    // what is missing in a file of options is not all that the command needs without it
    let usage = usage.filter(|_| !names_file(arguments));
    if let (ErrorKind::MissingRequiredArgument, Some(usage)) = (error.kind(), usage) {
        message += &format!("; type {}", usage.trim_start_matches("Usage: "));
    }
    for tip in tips.into_iter().filter(|_| !is_far(error)) {
        // how to give a word with dashes as a path is rarely what was meant
        if let Some(tip) = tip
            .strip_prefix("tip: ")
            .filter(|tip| !tip.starts_with("to pass"))
        {
            message += &format!("; {tip}");
        }
    }
    Failure::Usage(format!("{message}; see `{path} --help`"))
}

/// Whether clap suggests an option that every command has for a typed one of quite another length: `--version` for
/// `--val-fraction`, where a command has neither.
fn is_far(error: &clap::Error) -> bool {
    let name = |kind| {
        let word = error.get(kind).map(ToString::to_string);
        word.map(|word| word.trim_start_matches('-').to_string())
    };
    let (typed, known) = (
        name(ContextKind::InvalidArg),
        name(ContextKind::SuggestedArg),
    );
    typed.zip(known).is_some_and(|(typed, known)| {
        ["version", "help"].contains(&known.as_str()) && typed.len().abs_diff(known.len()) > 2
    })
}

/// Whether a file of options is among the arguments.
pub fn names_file(arguments: &[OsString]) -> bool {
    let names_one = |word: &OsString| word.as_encoded_bytes().starts_with(b"--config");
    arguments.iter().any(names_one)
}

/// The command of the program that these arguments name, as it is typed, with its subcommands.
pub fn command_of<'a>(program: &'a Command, arguments: &[OsString]) -> (String, &'a Command) {
    let mut path = "pix2pix".to_string();
    let mut command = program;
    for argument in arguments.iter().skip(1) {
        let Some(inner) = command.find_subcommand(argument) else {
            break;
        };
        path += &format!(" {}", inner.get_name());
        command = inner;
    }
    (path, command)
}

/// Writes a result to standard output: what the command was started for. In what names hold, only ends of lines are left of
/// control characters.
///
/// # Errors
/// If it cannot be written; if its reader has closed the pipe, the command ends quietly.
pub fn print(text: &str) -> Result<(), Failure> {
    write(&plain(text))
}

/// Writes a result in JSON, as [`print`] does.
///
/// # Errors
/// As [`print`].
pub fn print_json(text: &str) -> Result<(), Failure> {
    write(&plain_json(text))
}

fn write(text: &str) -> Result<(), Failure> {
    let mut out = stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|e| unwritten(&e))
}

/// The failure of a command whose result cannot be written to standard output.
pub fn unwritten(reason: &io::Error) -> Failure {
    match reason.kind() {
        io::ErrorKind::BrokenPipe => Failure::ClosedPipe,
        _ => Failure::Runtime(format!("standard output: cannot write: {reason}")),
    }
}
