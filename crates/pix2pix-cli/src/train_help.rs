//! The help of `pix2pix train`: its options under headings by what people look for, the most used first, and the few that
//! `-h` shows.

use clap::Command;

/// Headings, with their options in order. Those without a heading come first.
const HEADINGS: [(Option<&str>, &[&str]); 10] = [
    (
        None,
        &[
            "out", "resume", "config", "dry-run", "report", "serve", "quiet",
        ],
    ),
    (
        Some("Training"),
        &[
            "epochs",
            "steps",
            "time",
            "batch-size",
            "preset",
            "lr",
            "lr-schedule",
            "decay-epochs",
            "lambda",
            "seed",
            "beta1",
            "accumulate",
            "keep-best",
            "patience",
        ],
    ),
    (
        Some("Data"),
        &[
            "direction",
            "val-fraction",
            "range",
            "range-a",
            "range-b",
            "channels-a",
            "channels-b",
            "labels-a",
            "labels-b",
            "nodata",
            "nodata-a",
            "nodata-b",
            "pages",
            "neighbors",
            "match",
            "squares",
            "on-error",
        ],
    ),
    (
        Some("Sizes and augmentation"),
        &[
            "load-size",
            "crop-size",
            "resize",
            "no-mirror",
            "vertical-mirror",
            "turn",
            "color-jitter",
        ],
    ),
    (
        Some("Networks"),
        &[
            "generator",
            "discriminator",
            "patch",
            "discriminators",
            "filters",
            "depth",
            "norm",
            "dropout",
            "upsample",
            "input-skip",
            "spectral-norm",
            "bias-before-norm",
        ],
    ),
    (
        Some("Begin from a model"),
        &["from", "from-channels", "freeze", "freeze-generator"],
    ),
    (
        Some("Device, speed and memory"),
        &[
            "device",
            "precision",
            "threads",
            "workers",
            "cache",
            "recompute",
            "moments",
        ],
    ),
    (
        Some("Files of the run"),
        &[
            "save-every",
            "keep",
            "sample-every",
            "log-every",
            "tensorboard",
        ],
    ),
    (
        Some("Losses and weights beyond the paper"),
        &[
            "ema",
            "gan",
            "l1-pyramid",
            "feature-matching",
            "r1",
            "diff-augment",
            "augment-target",
            "augment-pairs",
            "pool",
            "perceptual",
            "perceptual-weights",
        ],
    ),
    (
        Some("Several processes (mpirun -n N pix2pix train ...)"),
        &["sync-norm", "allreduce", "check-every"],
    ),
];

/// The options that `-h` shows.
const SHORT: [&str; 21] = [
    "out",
    "resume",
    "report",
    "serve",
    "epochs",
    "steps",
    "time",
    "batch-size",
    "preset",
    "lr",
    "lambda",
    "seed",
    "direction",
    "val-fraction",
    "range",
    "load-size",
    "crop-size",
    "resize",
    "generator",
    "device",
    "save-every",
];

/// Puts the options of `train` in order.
pub fn in_order(mut train: Command) -> Command {
    let mut place = 0;
    for (heading, options) in HEADINGS {
        for option in options {
            let id = train
                .get_arguments()
                .find(|known| known.get_long() == Some(option))
                .expect("an option of train")
                .get_id()
                .clone();
            place += 1;
            // an argument that is changed becomes the last, and headings follow their first argument
            train = train.mut_arg(id, |known| {
                known
                    .help_heading(heading)
                    .display_order(place)
                    .hide_short_help(!SHORT.contains(option))
            });
        }
    }
    train
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory;

    use super::*;
    use crate::Cli;

    #[test]
    fn every_option_of_train_has_a_place() {
        let command = Cli::command();
        let train = command.find_subcommand("train").unwrap();
        let known: BTreeSet<&str> = train
            .get_arguments()
            .filter_map(|known| known.get_long())
            .collect();
        let placed: Vec<&str> = HEADINGS
            .iter()
            .flat_map(|(_, options)| options.iter().copied())
            .collect();
        assert_eq!(placed.iter().copied().collect::<BTreeSet<_>>(), known);
        assert_eq!(placed.len(), known.len());
        assert!(SHORT.iter().all(|option| placed.contains(option)));
    }
}
