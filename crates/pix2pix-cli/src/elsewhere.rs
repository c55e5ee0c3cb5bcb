//! Options in messages that the typed command does not have. The library names the field that would help, and that may be a
//! setting of the training that made a model: only `pix2pix train` takes it.

use clap::Command;

/// A message with a word on the options in it that are those of training, and not of this command.
pub fn told(message: String, command: &Command) -> String {
    let program = crate::command();
    let train = program.find_subcommand("train").expect("a command");
    let mut found: Vec<&str> = Vec::new();
    for option in options(&message) {
        if !has(command, option) && has(train, option) && !found.contains(&option) {
            found.push(option);
        }
    }
    let named: Vec<String> = found.iter().map(|option| format!("--{option}")).collect();
    match named.as_slice() {
        [] => message,
        [option] => format!("{message} ({option} is an option of `pix2pix train`)"),
        options => {
            let options = options.join(" and ");
            format!("{message} ({options} are options of `pix2pix train`)")
        }
    }
}

fn has(command: &Command, option: &str) -> bool {
    command
        .get_arguments()
        .any(|argument| argument.get_long() == Some(option))
}

/// The names of options in a text, without dashes. Commands, in backticks, have their own, and so has a run that somebody is
/// told to train.
pub fn options(text: &str) -> impl Iterator<Item = &str> {
    let outside = text.split('`').step_by(2);
    outside.flat_map(|part| {
        part.match_indices("--").filter_map(move |(at, _)| {
            let (before, name) = (&part[..at], &part[at + 2..]);
            let is_of_name = |letter: char| {
                letter.is_ascii_lowercase() || letter == '-' || letter.is_ascii_digit()
            };
            let end = name
                .find(|letter| !is_of_name(letter))
                .unwrap_or(name.len());
            let begins =
                !before.ends_with(|letter: char| letter.is_alphanumeric() || letter == '-');
            let is_told = before.ends_with("train with ") || before.ends_with("trained with ");
            (begins && !is_told && end > 0).then(|| &name[..end])
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_training_are_told_where_a_command_lacks_them() {
        let program = crate::command();
        let told = |command: &str, message: &str| {
            let command = program.find_subcommand(command).expect("a command");
            told(message.to_string(), command)
        };
        let message = "a.tif: it has NaN; replace it, or give --nodata nan";
        assert_eq!(told("train", message), message);
        let wanted = format!("{message} (--nodata is an option of `pix2pix train`)");
        assert_eq!(told("evaluate", message), wanted);
        let several = told("evaluate", "choose --channels-a, --channels-b or --split");
        let wanted = "(--channels-a and --channels-b are options of `pix2pix train`)";
        assert!(several.ends_with(wanted), "{several}");
        for own in [
            "choose one of them with --split, e.g. --split val",
            "resume it with `pix2pix train --resume run`",
            "give a run that was trained with --keep-best",
            "a--nodata and --what-is-none",
        ] {
            assert_eq!(told("evaluate", own), own);
        }
    }
}
