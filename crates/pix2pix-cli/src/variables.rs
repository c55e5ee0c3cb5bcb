//! Environment variables in place of options.

use std::env;
use std::ffi::OsString;

use clap::error::{ContextKind, ErrorKind};
use clap::{Arg, Command};

/// The one variable that must not be empty. It is a secret, and a server whose secret was forgotten must not be open to everybody.
const SECRET: &str = "PIX2PIX_TOKEN";

/// The command without variables that are set and empty, as `${RATE:-}` makes them in the files of other programs: they are
/// as good as unset.
pub fn without_empty(command: Command) -> Command {
    command.mut_args(|option| {
        let name = option.get_env().filter(|name| *name != SECRET);
        let value = name.and_then(env::var_os);
        match value.is_some_and(|value| value.is_empty()) {
            true => option.env(None::<&'static str>),
            false => option,
        }
    })
}

/// The variable whose value clap does not accept, if it was none of the arguments.
pub fn at_fault(error: &clap::Error, command: &Command, arguments: &[OsString]) -> Option<String> {
    let is_typed = |option: &&Arg| {
        let names = option.get_long_and_visible_aliases().unwrap_or_default();
        let mut words = arguments.iter().filter_map(|word| word.to_str());
        words.any(|word| {
            let name = word
                .split('=')
                .next()
                .and_then(|word| word.strip_prefix("--"));
            name.is_some_and(|name| names.contains(&name))
        })
    };
    let named = error.get(ContextKind::InvalidArg).map(ToString::to_string);
    let mut options = command.get_arguments().filter(|option| !is_typed(option));
    let option = match error.kind() {
        ErrorKind::InvalidUtf8 if arguments.iter().all(|word| word.to_str().is_some()) => options
            .find(|option| {
                let value = option.get_env().and_then(env::var_os);
                value.is_some_and(|value| value.to_str().is_none())
            }),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            options.find(|option| named.as_ref() == Some(&option.to_string()))
        }
        _ => None,
    };
    let name = option?.get_env()?;
    env::var_os(name).map(|_| name.to_string_lossy().into_owned())
}
