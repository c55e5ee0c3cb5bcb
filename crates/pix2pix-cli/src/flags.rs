//! The options for the fields that the library names.
//!
//! The library knows no command line: its messages name fields, in backticks. This program prints options instead.

/// A field, as the library names it, and what a user of the command line types for it.
pub const FLAGS: &[(&str, &str)] = &[
    // of a run
    ("folder", "--out"),
    ("steps", "--steps"),
    ("time", "--time"),
    ("batch_size", "--batch-size"),
    ("workers", "--workers"),
    ("cache", "--cache"),
    ("threads", "--threads"),
    ("device", "--device"),
    ("precision", "--precision"),
    ("recompute", "--recompute"),
    ("moments", "--moments"),
    ("log_every", "--log-every"),
    ("sample_every", "--sample-every"),
    ("save_every", "--save-every"),
    ("keep", "--keep"),
    ("keep_best", "--keep-best"),
    ("patience", "--patience"),
    ("best", "--best"),
    ("last", "--last"),
    ("sync_norm", "--sync-norm"),
    ("check_every", "--check-every"),
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
    // of the data
    ("val_fraction", "--val-fraction"),
    ("on_error", "--on-error"),
    ("channels[0]", "--channels-a"),
    ("channels[1]", "--channels-b"),
    ("range", "--range"),
    ("range[0]", "--range-a"),
    ("range[1]", "--range-b"),
    ("labels[0]", "--labels-a"),
    ("labels[1]", "--labels-b"),
    ("nodata", "--nodata"),
    ("nodata[0]", "--nodata-a"),
    ("nodata[1]", "--nodata-b"),
    ("pages", "--pages"),
    ("neighbors", "--neighbors"),
    ("matching", "--match"),
    ("squares", "--squares"),
    ("resize", "--resize"),
    ("load_size", "--load-size"),
    ("crop_size", "--crop-size"),
    ("color", "--color-jitter"),
    // of the networks
    ("generator", "--generator"),
    ("patch", "--patch"),
    ("unet", "--discriminator"),
    ("scales", "--discriminators"),
    ("filters", "--filters"),
    ("depth", "--depth"),
    ("in_channels", "--in-channels"),
    ("out_channels", "--out-channels"),
    ("source_channels", "--in-channels"),
    ("target_channels", "--out-channels"),
    ("dropout", "--dropout"),
    ("norm", "--norm"),
    ("upsample", "--upsample"),
    ("input_skip", "--input-skip"),
    ("bias_before_norm", "--bias-before-norm"),
    ("spectral_norm", "--spectral-norm"),
    // of the objective and the optimizer
    ("gan", "--gan"),
    ("lambda", "--lambda"),
    ("l1_pyramid", "--l1-pyramid"),
    ("feature_matching", "--feature-matching"),
    ("r1", "--r1"),
    ("diff_augment", "--diff-augment"),
    ("augment_target", "--augment-target"),
    ("augment_pairs", "--augment-pairs"),
    ("pool", "--pool"),
    ("perceptual", "--perceptual"),
    ("perceptual_weights", "--perceptual-weights"),
    ("lr", "--lr"),
    ("schedule", "--lr-schedule"),
    ("decay_steps", "--decay-epochs"),
    ("beta1", "--beta1"),
    ("ema", "--ema"),
    ("accumulate", "--accumulate"),
    ("from", "--from"),
    ("from_channels", "--from-channels"),
    ("freeze", "--freeze"),
    ("freeze_generator", "--freeze-generator"),
    // of scores, translations and exports
    ("lpips", "--lpips"),
    ("dists", "--dists"),
    ("inception", "--fid"),
    ("samples", "--samples"),
    ("scale", "--scale"),
    ("temporal", "--temporal"),
    ("side", "--tile"),
    ("overlap", "--overlap"),
    ("half", "--f16"),
    ("key", "--key"),
    ("opset", "--opset"),
    ("onnx::export", "`pix2pix export --out g.onnx`"),
    ("discriminator", "--discriminator"),
    // of prepared and downloaded data sets
    ("low", "--low"),
    ("high", "--high"),
    ("sigma", "--sigma"),
    ("factor", "--factor"),
    ("share", "--share"),
    ("cell", "--cell"),
    ("address", "--mirror"),
    // of the server
    ("host", "--host"),
];

/// A text of the library with options instead of fields. Other words in backticks, such as commands, stay as they are.
pub fn named(text: &str) -> String {
    let mut named = String::new();
    let mut left = text;
    while let Some((before, after)) = left.split_once('`') {
        let Some((name, rest)) = after.split_once('`') else {
            break;
        };
        named += before;
        match FLAGS.iter().find(|(field, _)| *field == name) {
            Some((_, flag)) => named += flag,
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
    }
}
