//! The options for the fields that the library names.
//!
//! The library knows no options: its messages name fields, in backticks. This program prints options instead.

use std::collections::HashSet;
use std::sync::LazyLock;

use clap::Command;

/// A field whose option has another name, as the library names it, and what a user of the command line types for it.
pub const FLAGS: &[(&str, &str)] = &[
    ("folder", "--out"),
    (
        "feature = \"cuda\"",
        "`cargo build --release --features pix2pix-cli/cuda`",
    ),
    (
        "feature = \"wgpu\"",
        "`cargo build --release --features pix2pix-cli/wgpu`",
    ),
    ("run::train", "`pix2pix train --out`"),
    ("run::resume", "`pix2pix train --resume`"),
    ("channels[0]", "--channels-a"),
    ("channels[1]", "--channels-b"),
    ("range[0]", "--range-a"),
    ("range[1]", "--range-b"),
    ("labels[0]", "--labels-a"),
    ("labels[1]", "--labels-b"),
    ("nodata[0]", "--nodata-a"),
    ("nodata[1]", "--nodata-b"),
    ("matching", "--match"),
    ("color", "--color-jitter"),
    ("unet", "--discriminator"),
    ("scales", "--discriminators"),
    ("source_channels", "--in-channels"),
    ("target_channels", "--out-channels"),
    ("schedule", "--lr-schedule"),
    ("decay_steps", "--decay-epochs"),
    ("inception", "--fid"),
    ("side", "--tile"),
    ("half", "--f16"),
    ("onnx::export", "`pix2pix export --out g.onnx`"),
    ("address", "--mirror"),
];

/// What a user types for a field: the option of its name, unless that is another one. `None` if there is none.
pub fn of(field: &str) -> Option<String> {
    let flag = flag(field);
    let is_there = match flag.strip_prefix("--") {
        Some(option) => OPTIONS.contains(option),
        None => true,
    };
    is_there.then_some(flag)
}

/// As [`of`], of a field that has an option.
fn flag(field: &str) -> String {
    let other = FLAGS.iter().find(|(other, _)| *other == field);
    other.map_or_else(
        || format!("--{}", field.replace('_', "-")),
        |(_, flag)| flag.to_string(),
    )
}

/// The options of all commands.
static OPTIONS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let mut options = HashSet::new();
    collect(&crate::command(), &mut options);
    options
});

/// Adds the options of a command, and of those inside it.
fn collect(command: &Command, options: &mut HashSet<String>) {
    let own = command
        .get_arguments()
        .filter_map(|option| option.get_long());
    options.extend(own.map(str::to_string));
    command
        .get_subcommands()
        .for_each(|inner| collect(inner, options));
}

/// A text of the library with options instead of fields. Other words in backticks, such as commands, stay as they are.
pub fn named(text: &str) -> String {
    replaced(text, of)
}

/// As [`named`], for the help of an option, in which all words in backticks are fields that have options: while the command is
/// made, none can be looked up in it.
pub fn named_in_help(text: &str) -> String {
    replaced(text, |field| Some(flag(field)))
}

fn replaced(text: &str, flag: impl Fn(&str) -> Option<String>) -> String {
    let mut named = String::new();
    let mut left = text;
    while let Some((before, after)) = left.split_once('`') {
        let Some((name, rest)) = after.split_once('`') else {
            break;
        };
        named += before;
        match flag(name) {
            Some(flag) => named += &flag,
            None => named += &format!("`{name}`"),
        }
        left = rest;
    }
    named + left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_take_the_place_of_fields_and_nothing_else_changes() {
        for (library, shown) in [
            (
                "`steps` is 0; it must be at least 1",
                "--steps is 0; it must be at least 1",
            ),
            (
                "use `batch_size` 1 or `resize` crop",
                "use --batch-size 1 or --resize crop",
            ),
            (
                "check the pairs (`pix2pix inspect`)",
                "check the pairs (`pix2pix inspect`)",
            ),
            (
                "no mark, `keep` and a lone `",
                "no mark, --keep and a lone `",
            ),
            ("steps", "steps"),
        ] {
            assert_eq!(named(library), shown);
        }
        let help = "Resize to `load_size`, then crop to `crop_size`";
        assert_eq!(
            named_in_help(help),
            "Resize to --load-size, then crop to --crop-size"
        );
    }
}
