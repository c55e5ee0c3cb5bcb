//! Options of `pix2pix train` in a TOML file: `--config FILE`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, Command};
use pix2pix::{Error, foreign, regular_file};
use toml::Value;

use crate::elsewhere;
use crate::failure::{Failure, names_file};
use crate::paths::Plain;
use crate::typed::is_typed;

/// The command whose options can be in a file.
const COMMAND: &str = "train";
/// The key of the file for the data set, which is no option.
const DATA: &str = "data";

/// The arguments of a command, with those of its file.
pub struct Merged {
    /// The arguments.
    pub arguments: Vec<OsString>,
    /// The file, and the names of the options that it adds.
    added: Option<(PathBuf, Vec<String>)>,
}

impl Merged {
    fn without_file(arguments: Vec<OsString>) -> Self {
        Self {
            arguments,
            added: None,
        }
    }

    /// A failure with the file in front, if it is one of the arguments and the first option in it is the file's.
    pub fn told(&self, failure: Failure) -> Failure {
        match (failure, &self.added) {
            (Failure::Usage(message), Some((file, names)))
                if elsewhere::options(&message)
                    .next()
                    .is_some_and(|name| names.iter().any(|added| added == name)) =>
            {
                Failure::Usage(format!("{}: {message}", file.plain()))
            }
            (failure, _) => failure,
        }
    }
}

/// The arguments with those of the file that they name, except what the arguments set themselves: the command line wins.
/// Without a file, they are unchanged. Of the configuration of a run, the data set alone is added.
///
/// # Errors
/// When the file cannot be read, or has a key that is no option.
pub fn merged(program: &Command, arguments: Vec<OsString>) -> Result<Merged, Failure> {
    let (mut arguments, off) = without_off(program, arguments);
    if !names_file(&arguments) {
        return Ok(Merged::without_file(arguments));
    }
    // here only the name of the file matters; errors of the arguments are reported later, with those of the file
    let lenient = program.clone().ignore_errors(true);
    let Ok(matches) = lenient.try_get_matches_from(&arguments) else {
        return Ok(Merged::without_file(arguments));
    };
    let Some((COMMAND, matches)) = matches.subcommand() else {
        return Ok(Merged::without_file(arguments));
    };
    let Some(file) = matches.try_get_one::<PathBuf>("config").ok().flatten() else {
        return Ok(Merged::without_file(arguments));
    };
    let mut program = program.clone();
    program.build();
    let train = program
        .find_subcommand(COMMAND)
        .expect("it has just been parsed");
    let typed: Vec<&Arg> = train
        .get_arguments()
        .filter(|argument| is_typed(matches, argument))
        .collect();
    let (mut added, mut names) = (Vec::new(), Vec::new());
    let table = read(file)?;
    let is_of_run = is_of_run(&table);
    for (key, value) in table {
        // a run's other settings are not options, and its plan reads them itself
        if is_of_run && key != DATA {
            continue;
        }
        let known = match option(train, &key) {
            None if key == DATA => train.get_positionals().next(),
            Some(known) if matches!(known.get_long(), Some("config" | "resume")) => None,
            known => known,
        };
        let Some(known) = known else {
            let reason = format!("{key} is not an option of pix2pix train");
            let remedy = "see pix2pix train --help";
            return Err(Error::file(file, reason, remedy).into());
        };
        let is_excluded = |other: &&Arg| {
            let conflicts = |a: &Arg, b: &Arg| {
                let others = train.get_arg_conflicts_with(a);
                others.iter().any(|other| other.get_id() == b.get_id())
            };
            other.get_id() == known.get_id() || conflicts(known, other) || conflicts(other, known)
        };
        let is_off = known
            .get_long()
            .is_some_and(|name| off.iter().any(|off| off == name));
        if !is_off && !typed.iter().any(is_excluded) {
            added.extend(words(known, &value).ok_or_else(|| {
                let reason = format!("{key} cannot have this value");
                Error::file(file, reason, "see pix2pix train --help")
            })?);
            names.extend(known.get_long().map(str::to_string));
        }
    }
    // behind the name of the command
    let at = arguments.iter().position(|word| word == COMMAND);
    let at = at.map_or(arguments.len(), |at| at + 1);
    arguments.splice(at..at, added);
    Ok(Merged {
        arguments,
        added: Some((file.clone(), names)),
    })
}

/// The arguments without the switches of the command that are turned off, as in `--turn=false`, and the names of these. A file
/// may turn them on.
fn without_off(program: &Command, arguments: Vec<OsString>) -> (Vec<OsString>, Vec<String>) {
    let is_of_command = arguments.get(1).is_some_and(|word| word == COMMAND);
    let Some(command) = program.find_subcommand(COMMAND).filter(|_| is_of_command) else {
        return (arguments, Vec::new());
    };
    let end = arguments.iter().position(|word| word == "--");
    let end = end.unwrap_or(arguments.len());
    let (mut left, mut off) = (Vec::new(), Vec::new());
    for (index, word) in arguments.into_iter().enumerate() {
        let text = word.to_str().filter(|_| index < end);
        let name = text.and_then(|text| text.strip_prefix("--")?.strip_suffix("=false"));
        let mut options = command.get_arguments();
        let is_switch =
            |name: &&str| options.any(|known| known.get_long() == Some(*name) && is_switch(known));
        match name.filter(is_switch) {
            Some(name) => off.push(name.to_string()),
            None => left.push(word),
        }
    }
    (left, off)
}

/// Whether an option takes no value.
fn is_switch(option: &Arg) -> bool {
    matches!(option.get_action(), ArgAction::SetTrue)
}

/// Whether an option of a command is a switch that can be turned off where a file may turn it on.
pub fn can_be_off(command: &str, option: &Arg) -> bool {
    command == COMMAND && is_switch(option)
}

/// Whether a file is the configuration of a run, and not one with options.
pub fn is_of_run(file: &toml::Table) -> bool {
    let is_table = |key| matches!(file.get(key), Some(Value::Table(_)));
    file.contains_key("data_digest") && is_table("generator") && is_table("optimizer")
}

/// Reads a file of options, or the configuration of a run.
///
/// # Errors
/// When it cannot be read, or is no TOML.
pub fn read(file: &Path) -> Result<toml::Table, Failure> {
    let text = regular_file::read_to_string(file);
    let text = text.map_err(|e| Error::io(file, "read the options", e))?;
    text.parse().map_err(|e: toml::de::Error| {
        let reason = format!("not a TOML file ({})", foreign(e.message()));
        Error::file(file, reason, "write options as in: batch_size = 4").into()
    })
}

/// The option of a command with this name, or this older one, whose words may be joined by underscores.
pub fn option<'a>(command: &'a Command, name: &str) -> Option<&'a Arg> {
    let name = name.replace('_', "-");
    let mut options = command.get_arguments();
    options.find(|known| {
        let aliases = known.get_all_aliases().unwrap_or_default();
        let mut names = known.get_long().into_iter().chain(aliases);
        names.any(|known| known == name) && !matches!(known.get_long(), Some("help" | "version"))
    })
}

/// An option with its value as words of a command; `None` if no option can have such a value.
pub fn words(argument: &Arg, value: &Value) -> Option<Vec<OsString>> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Boolean(_) | Value::Datetime(_) | Value::Array(_) | Value::Table(_) => None,
    };
    let Some(name) = argument.get_long() else {
        return Some(vec![text(value)?.into()]);
    };
    let several = argument
        .get_num_args()
        .is_some_and(|count| count.min_values() > 1);
    let takes_value = argument
        .get_num_args()
        .is_some_and(|count| count.min_values() > 0);
    let words = match value {
        Value::Boolean(is_on) if takes_value => {
            let word = if *is_on { "on" } else { "off" };
            let mut possible = argument.get_possible_values().into_iter();
            possible.find(|known| known.matches(word, false))?;
            vec![format!("--{name}={word}")]
        }
        Value::Boolean(true) => vec![format!("--{name}")],
        Value::Boolean(false) => Vec::new(),
        Value::Array(values) => {
            let values: Vec<String> = values.iter().map(text).collect::<Option<_>>()?;
            match several {
                true => [vec![format!("--{name}")], values].concat(),
                false => vec![format!("--{name}={}", values.join(","))],
            }
        }
        value => vec![format!("--{name}={}", text(value)?)],
    };
    Some(words.into_iter().map(OsString::from).collect())
}
