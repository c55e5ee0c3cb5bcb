//! How a command fails: one line on standard error and an exit code.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::error::ErrorKind;
use pix2pix::Error;

/// Why a command did not do what it was asked.
pub enum Failure {
    /// What was asked for cannot be: exit code 2.
    Usage(String),
    /// It could be, but something was in the way: exit code 1.
    Runtime(String),
    /// The user stopped it, and everything was saved: exit code 130, as shells expect of SIGINT.
    Interrupted,
    /// One of the processes that train together has said why: exit code 1.
    Told,
    /// Nobody reads the output any more (`pix2pix summary generator | head`): success.
    ClosedPipe,
}

impl Failure {
    /// A fault of the data on standard input.
    pub fn input(reason: impl Display) -> Self {
        Self::Runtime(format!("standard input: {reason}"))
    }

    /// Why, in words; nothing where there are none.
    pub fn message(&self) -> String {
        match self {
            Self::Usage(message) | Self::Runtime(message) => message.clone(),
            Self::Told | Self::Interrupted | Self::ClosedPipe => String::new(),
        }
    }

    /// The same, of one of several processes.
    pub fn of_rank(self, rank: usize) -> Self {
        match self {
            Self::Usage(message) => Self::Usage(format!("rank {rank}: {message}")),
            Self::Runtime(message) => Self::Runtime(format!("rank {rank}: {message}")),
            other => other,
        }
    }

    /// Prints the line, if there is one, and returns the exit code.
    pub fn report(self) -> ExitCode {
        let (message, code) = match self {
            Self::Usage(message) => (message, 2),
            Self::Runtime(message) => (message, 1),
            Self::Told => return ExitCode::from(1),
            Self::Interrupted => return ExitCode::from(130),
            Self::ClosedPipe => return ExitCode::SUCCESS,
        };
        // a message is one line, whatever an operating system or a decoder put into it
        let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
        // standard error itself may be closed: there is nowhere left to say so
        let _ = writeln!(io::stderr(), "error: {line}");
        ExitCode::from(code)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Config(_) => Self::Usage(error.to_string()),
            _ => Self::Runtime(error.to_string()),
        }
    }
}

/// Reports arguments that clap refused as one line; help and version are printed as they are.
pub fn usage(error: clap::Error) -> ExitCode {
    let asked_for_help =
        !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    if asked_for_help {
        error.exit();
    }
    let text = error.to_string();
    let reason = text.split("\n\nUsage:").next().unwrap_or(&text);
    let reason = reason.split("\n\nFor more").next().unwrap_or(reason);
    let reason = reason.trim_start_matches("error: ");
    Failure::Usage(format!("{reason}; see pix2pix help")).report()
}

/// Writes to standard output.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|e| match e.kind() {
            io::ErrorKind::BrokenPipe => Failure::ClosedPipe,
            _ => Failure::Runtime(format!("standard output: cannot write: {e}")),
        })
}
