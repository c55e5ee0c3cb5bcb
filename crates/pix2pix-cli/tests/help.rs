//! `--help` of every command: all options have a help text and their default, and the examples are valid commands.

use crate::common::Scratch;

/// Every command and subcommand with its help, as the program itself lists them.
fn commands(scratch: &Scratch) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut left = vec![String::new()];
    while let Some(command) = left.pop() {
        let help = scratch.ok(&format!("{command} --help"));
        if let Some((_, listed)) = help.split_once("\nCommands:\n") {
            let listed = listed.lines().take_while(|line| !line.is_empty());
            for line in listed {
                // the names are indented by two spaces, the lines that continue a description by more
                let name = line.strip_prefix("  ").expect("an indented line");
                let name = name.split(' ').next().unwrap();
                if !name.is_empty() && name != "help" {
                    left.push(format!("{command} {name}").trim_start().to_string());
                }
            }
        }
        found.push((command, help));
    }
    found
}

#[test]
fn every_option_has_help_and_its_default() {
    let scratch = Scratch::new();
    let commands = commands(&scratch);
    let mut seen = 0;
    for (command, help) in &commands {
        let usage = help.lines().find(|line| line.starts_with("Usage: "));
        let usage = usage.unwrap_or_else(|| panic!("{command}: no usage in {help}"));
        let options = help.split("\nExamples:").next().unwrap();
        for option in options.split("\n      --").skip(1) {
            // the text stands behind two spaces, or below
            let (line, below) = option.split_once('\n').unwrap_or((option, ""));
            let (name, text) = match line.split_once("  ") {
                Some((name, text)) => (name, format!("{text} {below}")),
                None => (line, below.to_string()),
            };
            let described = text
                .trim()
                .starts_with(|letter: char| letter.is_alphabetic());
            assert!(described, "{command}: no help of --{option}");
            // a required option has no default; the last three are required unless something else is given
            let required = usage.contains(&format!("--{name}"))
                || matches!(
                    (command.as_str(), name),
                    ("train", "out <RUN>" | "resume <RUN>") | ("translate", "out <DIR>")
                );
            assert!(
                required || text.contains("[default"),
                "{command}: no default of --{option}"
            );
            seen += 1;
        }
    }
    // without this, the test would also pass on no options
    assert!(
        commands.len() >= 29 && seen >= 120,
        "only {seen} options of {} commands",
        commands.len()
    );
}

/// What a help text says of other options of its command, such as their defaults with a preset, can be typed. Commands in
/// backticks and examples have options of their own.
#[test]
fn options_that_help_names_are_there() {
    let is_of_name =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    let name = |text: &str| {
        text.split(|letter| !is_of_name(letter))
            .next()
            .unwrap()
            .to_string()
    };
    let mut seen = 0;
    for (command, help) in commands(&Scratch::new()) {
        let help = help.split("\nExamples:").next().unwrap();
        let defined = help.lines().filter_map(|line| {
            let alias = line.split_once("[alias: --").map(|(_, rest)| rest);
            let option = line.strip_prefix("      --");
            let option =
                option.or_else(|| line.strip_prefix("  -")?.get(1..)?.strip_prefix(", --"));
            option.or(alias).map(name)
        });
        let defined: Vec<String> = defined.collect();
        let outside: String = help.split('`').step_by(2).collect();
        for named in outside.split("--").skip(1).map(name) {
            assert!(defined.contains(&named), "{command}: there is no --{named}");
            seen += 1;
        }
    }
    assert!(seen >= 200, "only {seen} options");
}

/// The options of a help text, each with its heading.
fn headed(help: &str) -> Vec<(String, String)> {
    let mut heading = "";
    let mut found = Vec::new();
    for line in help.lines() {
        if let Some(name) = line.strip_suffix(':').filter(|name| !name.starts_with(' ')) {
            heading = name;
        }
        if let Some(option) = line.strip_prefix("      --") {
            let name = option.split([' ', '[']).next().unwrap();
            found.push((heading.to_string(), name.to_string()));
        }
    }
    found
}

#[test]
fn options_stand_under_what_people_look_for() {
    let scratch = Scratch::new();
    let help = scratch.ok("train --help");
    let options = headed(&help);
    for (heading, option) in [
        ("Options", "out"),
        ("Training", "lr"),
        ("Training", "lambda"),
        ("Training", "epochs"),
        ("Training", "seed"),
        ("Data", "direction"),
        ("Sizes and augmentation", "crop-size"),
        ("Networks", "generator"),
        ("Begin from a model", "from"),
        ("Device, speed and memory", "device"),
        ("Files of the run", "keep"),
        ("Losses and weights beyond the paper", "gan"),
        (
            "Several processes (mpirun -n N pix2pix train ...)",
            "sync-norm",
        ),
    ] {
        let there = options.iter().find(|(_, name)| name == option);
        assert_eq!(there.unwrap().0, heading, "--{option}");
    }
    let mut headings: Vec<&str> = options
        .iter()
        .map(|(heading, _)| heading.as_str())
        .collect();
    headings.dedup();
    assert_eq!(headings.len(), 10, "{headings:?}");
    assert_eq!(headings[..3], ["Options", "Training", "Data"]);
    // an option of its own does not stand among those that several commands share
    for (command, option) in [("inspect", "sheet"), ("plot", "out")] {
        let options = headed(&scratch.ok(&format!("{command} --help")));
        assert!(options.contains(&("Options".to_string(), option.to_string())));
    }
    let short = scratch.ok("train -h");
    assert_eq!(headed(&short).len(), 21, "{short}");
    assert!(short.contains("All options, and examples: pix2pix train --help"));
    assert!(
        scratch
            .ok("help")
            .contains("Options of a command: pix2pix COMMAND --help")
    );
}

/// The argument parser accepts every example: if an example fails, it fails later.
#[test]
fn the_examples_of_help_can_be_typed() {
    let mut seen = 0;
    for (_, help) in commands(&Scratch::new()) {
        let scratch = Scratch::new();
        let Some((_, examples)) = help.split_once("Examples:") else {
            continue;
        };
        for line in examples
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
        {
            // two spaces start a remark
            let typed = line.split("  ").next().unwrap();
            // another program may pipe into ours
            let mut piped = typed.split(" | ");
            let arguments = piped.find_map(|part| part.strip_prefix("pix2pix "));
            let arguments = arguments.expect("a command of ours");
            // tests must not use public servers
            if arguments.starts_with("download ") && !arguments.contains("--mirror") {
                continue;
            }
            // a server does not end; tests/serve.rs starts this one
            if arguments == "serve" {
                continue;
            }
            let output = scratch.run(arguments);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_ne!(output.status.code(), Some(2), "{typed}: {said}");
            assert!(!said.contains("panicked"), "{typed}: {said}");
            seen += 1;
        }
    }
    assert!(seen >= 35, "only {seen} examples");
}
