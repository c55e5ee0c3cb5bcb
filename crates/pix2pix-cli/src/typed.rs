//! The options that stand on the command line.

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};

/// The long names of the options that stand behind the subcommand, without defaults.
pub fn options(program: &Command, matches: &ArgMatches) -> Vec<String> {
    let Some((name, matches)) = matches.subcommand() else {
        return Vec::new();
    };
    let known = program.find_subcommand(name).into_iter();
    known
        .flat_map(Command::get_arguments)
        .filter(|argument| is_typed(matches, argument))
        .filter_map(Arg::get_long)
        .map(str::to_string)
        .collect()
}

/// Whether an argument of the command of these matches stands on the command line.
pub fn is_typed(matches: &ArgMatches, argument: &Arg) -> bool {
    let id = argument.get_id().as_str();
    // the matches know no `--help`
    matches.try_get_raw(id).is_ok() && matches.value_source(id) == Some(ValueSource::CommandLine)
}

/// Whether an option is among those that are `typed`.
pub fn is_given(typed: &[String], option: &str) -> bool {
    typed.iter().any(|name| name == option)
}
