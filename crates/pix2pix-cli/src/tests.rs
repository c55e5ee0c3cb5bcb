//! The fields that the library names, and the options that the command line has for them.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

use clap::{Command, CommandFactory};

use crate::Cli;
use crate::flags::{self, FLAGS};
use crate::port::{ANSWERS, EARLIER, OF_A_MODEL, WITH_A_MODEL, answers, options_of};

/// The code of the library's crates, without comments.
fn code() -> Vec<String> {
    let mut code = Vec::new();
    for name in [
        "pix2pix",
        "pix2pix-kernels",
        "pix2pix-runtime",
        "pix2pix-server",
    ] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
        read(&folder.join("src"), &mut code);
    }
    // without this, the tests would also pass on no code
    assert!(code.len() > 150, "only {} files", code.len());
    code
}

fn read(folder: &Path, code: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, code);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(path).unwrap();
            let lines = text.lines().map(|line| match line.split_once("// ") {
                Some((before, _)) if before.trim().is_empty() || before.ends_with(' ') => before,
                _ => line,
            });
            let lines = lines.filter(|line| !line.trim_start().starts_with("//"));
            code.push(lines.collect::<Vec<_>>().join("\n"));
        }
    }
}

/// Every long option of a command and its subcommands.
fn options(command: &Command, found: &mut BTreeSet<String>) {
    let own = command
        .get_arguments()
        .filter_map(|option| option.get_long());
    found.extend(own.map(|name| format!("--{name}")));
    for command in command.get_subcommands() {
        options(command, found);
    }
}

#[test]
fn the_library_names_no_option() {
    for file in code() {
        for line in file.lines() {
            let mut places = line.match_indices("--");
            let option = places.find(|(at, _)| line[at + 2..].starts_with(char::is_alphabetic));
            assert!(option.is_none(), "name the field instead: {line}");
        }
    }
}

/// Every field that a message of the library names, in backticks or as that of an error.
fn fields() -> BTreeSet<String> {
    let mut fields = BTreeSet::new();
    let code = code();
    for file in &code {
        for start in ["Error::field(", "at_least_one(", "within(", "below_one("] {
            let calls = file.split(start).skip(1);
            let names =
                calls.filter_map(|call| call.trim_start().strip_prefix('"')?.split_once('"'));
            fields.extend(names.map(|(name, _)| name.to_string()));
        }
        for line in file.lines() {
            let marked = line.split('`').skip(1).step_by(2);
            // with spaces, it is a command
            fields.extend(
                marked
                    .filter(|name| !name.contains(' '))
                    .map(str::to_string),
            );
        }
    }
    // these are filled in at run time
    assert!(fields.remove("{field}"));
    for filled in ["channels", "labels", "nodata"] {
        assert!(fields.remove(&format!("{filled}[{{side}}]")), "{filled}");
        fields.extend([0, 1].map(|side| format!("{filled}[{side}]")));
    }
    // these are in a table of the sides
    for name in ["range[0]", "range[1]"] {
        let written = format!("\"{name}\"");
        assert!(code.iter().any(|file| file.contains(&written)), "{name}");
        fields.insert(name.to_string());
    }
    fields
}

#[test]
fn every_field_that_the_library_names_has_an_option() {
    let mut named = fields();
    // the paper's value, which no option changes; numbers that belong to the name of a network
    for name in ["beta2", "blocks", "halvings", "local_blocks"] {
        assert!(named.remove(name) && flags::of(name).is_none(), "{name}");
    }
    for field in &named {
        assert!(flags::of(field).is_some(), "{field}");
    }
    // the table has no more than these, and only what does not follow from the name
    for (field, flag) in FLAGS {
        assert!(named.contains(*field) || field.contains(' '), "{field}");
        assert_ne!(*flag, format!("--{}", field.replace('_', "-")));
    }
}

#[test]
fn the_options_of_fields_exist() {
    let mut known = BTreeSet::new();
    options(&Cli::command(), &mut known);
    for (field, flag) in FLAGS {
        assert!(
            known.contains(*flag) || flag.starts_with('`'),
            "{field}: {flag}"
        );
    }
}

/// Descriptions of values name options without asking the command, which is made of them.
#[test]
fn descriptions_of_values_name_options_that_exist() {
    let program = Cli::command();
    let mut known = BTreeSet::new();
    options(&program, &mut known);
    let arguments = program.get_subcommands().flat_map(Command::get_arguments);
    let values = arguments.flat_map(|argument| argument.get_possible_values());
    let texts: Vec<String> = values
        .filter_map(|value| Some(value.get_help()?.to_string()))
        .collect();
    let named = texts.iter().flat_map(|text| options_of(text));
    let named: BTreeSet<&str> = named
        .map(|option| option.trim_end_matches([';', '.', ')']))
        .collect();
    assert!(named.contains("--load-size") && named.contains("--keep-best"));
    for option in named {
        assert!(known.contains(option), "{option}");
    }
}

/// The answers name options that exist, to options that do not, and the document has the same table.
#[test]
fn options_of_the_port_are_answered_with_ours() {
    let mut ours = BTreeSet::new();
    options(&Cli::command(), &mut ours);
    let document = include_str!("../../../docs/from-pytorch.md");
    for (option, given, answer) in ANSWERS {
        assert!(!ours.contains(option) || !given.is_empty(), "{option}");
        for named in options_of(answer) {
            assert!(ours.contains(named), "{answer}");
        }
        let typed = format!("{option} {given}");
        let row = format!("| `{}` | {answer} |\n", typed.trim_end());
        assert!(document.contains(&row), "{row}");
    }
    let section = |title: &str| {
        let rest = document.split(&format!("\n## {title}\n")).nth(1).unwrap();
        rest.split("\n## ").next().unwrap()
    };
    let rows = section("The options").matches("\n| `--").count();
    assert_eq!(rows, ANSWERS.len());
    for (option, commands, answer) in WITH_A_MODEL {
        let commands = format!("`{}`", commands.join("`, `"));
        let row = format!("| `{option}` | {commands} | {answer} |\n");
        assert!(section("With a model").contains(&row), "{row}");
    }
    let rows = section("With a model").matches("\n| `--").count();
    assert_eq!(rows, WITH_A_MODEL.len());
    for (earlier, later) in EARLIER {
        assert!(
            section("The options").contains(&format!("`{earlier}`")),
            "{earlier}"
        );
        assert!(
            ANSWERS.iter().any(|(option, ..)| *option == later),
            "{later}"
        );
    }
    // the other way round
    let reverse = section("Ours, and the port's");
    for option in ANSWERS.iter().flat_map(|(.., answer)| options_of(answer)) {
        assert!(reverse.contains(option), "{option}");
    }
    let named = |text: &str| -> Vec<String> {
        let marked = text.split('`').skip(1).step_by(2);
        let words = marked.flat_map(str::split_whitespace);
        words.map(str::to_string).collect()
    };
    let first_columns = reverse
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    let others = reverse.split("Without a counterpart:").nth(1);
    for word in first_columns.chain(others).flat_map(named) {
        assert!(!word.starts_with("--") || ours.contains(&word), "{word}");
    }
}

/// What a command answers can be typed with it, or with the command that the answer names.
#[test]
fn answers_to_the_port_fit_the_command() {
    let program = Cli::command();
    let names = |command: &str| {
        let mut found = BTreeSet::new();
        options(program.find_subcommand(command).unwrap(), &mut found);
        found
    };
    for name in OF_A_MODEL {
        let command = program.find_subcommand(name).unwrap();
        let own = names(name);
        let later = ANSWERS.iter().map(|(option, given, _)| (*option, *given));
        let earlier = EARLIER.iter().map(|(option, _)| (*option, ""));
        let only = WITH_A_MODEL.iter().map(|(option, ..)| (*option, ""));
        for (option, given) in later.chain(earlier).chain(only) {
            let words: [OsString; 2] = [option, given].map(Into::into);
            let answer = answers(&words, command);
            let (_, answer) = answer.split_once(": ").unwrap_or_default();
            for named in options_of(answer) {
                let elsewhere = OF_A_MODEL.into_iter().find(|other| {
                    answer.ends_with(&format!(" of {other}")) && names(other).contains(named)
                });
                assert!(
                    own.contains(named) || elsewhere.is_some(),
                    "{name} {option}: {answer}"
                );
            }
            // a model knows no files and no machine
            let says_so = answer.contains("the model knows");
            let is_other = ["--phase", "--results_dir", "--num_threads"].contains(&option);
            assert!(!says_so || !is_other, "{name} {option}");
        }
    }
}
