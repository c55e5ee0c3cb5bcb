//! Options whose value may be left out, and therefore stands behind an equals sign: behind a space, it would be a path.

use std::ffi::OsString;
use std::path::Path;

use clap::Command;

use crate::failure::Failure;
use crate::serve;

/// Checks that no value of such an option of this command stands behind a space. A word that is the path of something stays
/// one.
///
/// # Errors
/// Says what to write.
pub fn check(command: &Command, arguments: &[OsString]) -> Result<(), Failure> {
    let options = command.get_arguments();
    let options = options.filter(|option| option.is_require_equals_set());
    let names: Vec<String> = options
        .filter_map(|option| option.get_long())
        .map(|name| format!("--{name}"))
        .collect();
    for pair in arguments.windows(2) {
        let [Some(option), Some(value)] = [&pair[0], &pair[1]].map(|word| word.to_str()) else {
            continue;
        };
        let is_option = names.iter().any(|name| name == option);
        if is_option && is_value(value) && !Path::new(value).exists() {
            return Err(Failure::Usage(format!(
                "{option} {value}: write {option}={value}, without a space, which would make {value} a path"
            )));
        }
    }
    Ok(())
}

/// Whether a word is more likely a value than a path: a number, an address, `true` or `false`.
fn is_value(word: &str) -> bool {
    let is_number = word.parse::<f64>().is_ok();
    is_number || serve::address(word).is_ok() || matches!(word, "true" | "false")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_behind_a_space_are_told() {
        for (command, typed, told) in [
            ("train", "--resume run --serve 8481", "write --serve=8481"),
            (
                "train",
                "data --out run --serve localhost:80",
                "write --serve=localhost:80",
            ),
            (
                "train",
                "--serve 0.0.0.0:80 data --out run",
                "write --serve=0.0.0.0:80",
            ),
            (
                "translate",
                "run --stdin-y4m --temporal 16",
                "write --temporal=16",
            ),
            (
                "serve",
                "run --hide-details false",
                "write --hide-details=false",
            ),
            ("train", "data --out run --serve", ""),
            ("train", "--serve data --out run", ""),
            ("train", "data --out run --serve=8481", ""),
            ("train", "data --out run --serve --steps 8", ""),
            ("translate", "run photo.jpg --out 16", ""),
        ] {
            let program = crate::command();
            let command = program.find_subcommand(command).unwrap();
            let words: Vec<OsString> = typed.split(' ').map(OsString::from).collect();
            match check(command, &words) {
                Ok(()) => assert_eq!(told, "", "{typed}"),
                Err(failure) => {
                    let said = failure.message();
                    assert!(!told.is_empty() && said.contains(told), "{typed}: {said}");
                }
            }
        }
    }
}
