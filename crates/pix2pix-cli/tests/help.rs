//! The examples of `--help` are valid commands.

mod common;

use common::Scratch;

/// The argument parser accepts every example: if an example fails, it fails later.
#[test]
fn the_examples_of_help_can_be_typed() {
    let mut seen = 0;
    for command in [
        "train",
        "inspect",
        "prepare",
        "download",
        "translate",
        "evaluate",
        "report",
        "import",
        "export",
    ] {
        let scratch = Scratch::new();
        let help = scratch.ok(&format!("{command} --help"));
        let (_, examples) = help.split_once("Examples:").expect("help has examples");
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
            let output = scratch.run(arguments);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_ne!(output.status.code(), Some(2), "{typed}: {said}");
            assert!(!said.contains("panicked"), "{typed}: {said}");
            seen += 1;
        }
    }
    assert!(seen >= 35, "only {seen} examples");
}
