//! `pix2pix average`.

use std::path::PathBuf;

use pix2pix::model::average;

use crate::failure::{Failure, print};

/// Options of `pix2pix average`.
#[derive(clap::Args)]
pub struct Args {
    /// Run folder
    run: PathBuf,
    /// Number of newest checkpoints to average; `train --keep` decides how many exist
    #[arg(long, default_value_t = 3, value_name = "N")]
    last: usize,
    /// Output file [default: averaged.safetensors in the run folder]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Averages the checkpoints and writes the result.
pub fn run(args: Args) -> Result<(), Failure> {
    let (mean, files) = average(&args.run, args.last)?;
    let out = args
        .out
        .unwrap_or_else(|| args.run.join("averaged.safetensors"));
    mean.save(&out)?;
    for file in &files {
        print(&format!("{}\n", file.display()))?;
    }
    let (count, out) = (files.len(), out.display());
    print(&format!(
        "averaged these {count} into {out}. To compare, type:\n  \
         pix2pix evaluate {} {out} DATA\n",
        args.run.display()
    ))
}
