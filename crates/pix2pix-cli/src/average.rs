//! `pix2pix average`.

use std::path::PathBuf;

use pix2pix::model::{self, average};

use crate::failure::Failure;
use crate::paths::{Plain, word};
use crate::program::program;
use crate::result_file::{OF_RUN, ResultArgs, check_ending, keep};

/// Options of `pix2pix average`.
#[derive(clap::Args)]
#[command(mut_arg("force", |force| force.help(OF_RUN)))]
pub struct Args {
    /// Run folder
    run: PathBuf,
    /// Number of newest checkpoints to average; `train --keep` decides how many exist
    #[arg(long, default_value_t = 3, value_name = "N")]
    last: usize,
    /// Output file [default: averaged.safetensors in the run folder]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    result: ResultArgs,
}

/// Averages the checkpoints and writes the result.
pub fn run(args: Args) -> Result<(), Failure> {
    let (out, notes) = match args.out {
        Some(out) => {
            check_ending(&out, "--out", &["safetensors"])?;
            let notes = args.result.check(&[&out])?;
            (out, notes)
        }
        None => args
            .result
            .check_in_run(&args.run, "averaged.safetensors", |file| {
                model::config(file).is_ok()
            })?,
    };
    let (mean, files) = average(&args.run, args.last)?;
    keep(&files, &out)?;
    mean.save(&out)?;
    for file in &files {
        notes.say(&format!("{}\n", file.plain()));
    }
    if files.len() < args.last {
        notes.say(&format!(
            "note: --last is {}, and the run has no others; `train --keep` decides how many stay\n",
            args.last
        ));
    }
    let program = program();
    notes.say(&format!(
        "averaged these {} into {}. To compare, type:\n  \
         {program} evaluate {} {} DATA\n",
        files.len(),
        out.plain(),
        word(&args.run),
        word(&out)
    ));
    Ok(())
}
