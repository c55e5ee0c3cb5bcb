//! `pix2pix report`.

use std::path::{Path, PathBuf};

use pix2pix::report;

use crate::failure::Failure;
use crate::output::tell;
use crate::result_file::ResultArgs;

/// Shown after the options.
pub const EXAMPLES: &str = "\
Examples:
  pix2pix report run                      writes run/report.html
  pix2pix report run-1 run-2 --out comparison.html
  pix2pix report run --csv run.csv";

/// Options of `pix2pix report`.
#[derive(clap::Args)]
pub struct Args {
    /// Run folders; several are compared on one page
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// Output file: a self-contained HTML page [default: report.html in the first run folder]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Output file for a CSV table of all metrics and scores [default: none]
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    #[command(flatten)]
    result: ResultArgs,
}

/// Writes the page, and the table if `--csv` is given.
pub fn run(args: Args) -> Result<(), Failure> {
    let asked = args.out.iter().chain(&args.csv);
    let asked: Vec<&Path> = asked.map(PathBuf::as_path).collect();
    let notes = args.result.check(&asked)?;
    let page = args.out.unwrap_or_else(|| args.runs[0].join("report.html"));
    for unread in report::write(&args.runs, &page)? {
        tell(&format!("note: {unread}"));
    }
    notes.say(&format!("{}\n", page.display()));
    if let Some(csv) = &args.csv {
        report::write_csv(&args.runs, csv)?;
        notes.say(&format!("{}\n", csv.display()));
    }
    Ok(())
}
