//! `pix2pix report`.

use std::path::{Path, PathBuf};

use pix2pix::device::set_threads;
use pix2pix::report::{self, Reported};
use pix2pix::run::file::is_run;

use crate::failure::Failure;
use crate::flags;
use crate::output::tell;
use crate::paths::Plain;
use crate::progress;
use crate::result_file::{OF_RUN, ResultArgs, are_two, check_ending};

/// Shown after the options.
pub const EXAMPLES: &str = "\
Examples:
  pix2pix report run                      writes run/report.html
  pix2pix report run-1 run-2 --out comparison.html
  pix2pix report run --csv run.csv";

/// Options of `pix2pix report`.
#[derive(clap::Args)]
#[command(mut_arg("force", |force| force.help(OF_RUN)))]
pub struct Args {
    /// Run folders; several are compared on one page
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// Output file: a self-contained HTML page; required for several runs [default: report.html in the run folder]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Output file for a CSV table of all metrics and scores [default: none]
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Leave out the gallery of held-out pairs, which the newest checkpoint translates again [default: with it]
    #[arg(long)]
    no_gallery: bool,
    #[command(flatten)]
    result: ResultArgs,
}

/// Writes the page, and the table if `--csv` is given.
pub fn run(args: Args) -> Result<(), Failure> {
    if args.out.is_none() && args.runs.len() > 1 {
        let message = "a page that compares runs belongs to none of them: name it, as in --out comparison.html";
        return Err(Failure::Usage(message.to_string()));
    }
    if let Some(page) = &args.out {
        check_ending(page, "--out", &["html", "htm"])?;
    }
    if let Some(table) = &args.csv {
        check_ending(table, "--csv", &["csv"])?;
    }
    let asked = args.out.iter().chain(&args.csv);
    let asked: Vec<&Path> = asked.map(PathBuf::as_path).collect();
    let notes = args.result.check(&asked)?;
    let page = match args.out {
        Some(page) => page,
        None => {
            let run = &args.runs[0];
            let own = args
                .result
                .check_in_run(run, report::NAME, report::is_report);
            let (page, _) = own?;
            if let Some(csv) = &args.csv {
                are_two(csv, &page)?;
            }
            page
        }
    };
    let runs: Vec<Reported> = match args.no_gallery {
        true => args.runs.iter().map(Reported::new).collect(),
        false => {
            set_threads(0)?;
            let count = args.runs.len();
            let runs = args.runs.iter();
            runs.map(|run| with_gallery(run, count)).collect()
        }
    };
    for told in report::write(&runs, &page)? {
        tell(&format!("note: {told}"));
    }
    notes.say(&format!("{}\n", page.plain()));
    if let Some(csv) = &args.csv {
        report::write_csv(&args.runs, csv)?;
        notes.say(&format!("{}\n", csv.plain()));
    }
    Ok(())
}

/// A run with its gallery, or without if its pairs cannot be translated again, which is told.
fn with_gallery(run: &Path, runs: usize) -> Reported {
    let bar = progress::of_pairs(0, run.plain());
    let found = Reported::with_gallery(run, runs, &mut |[done, all]| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();
    found.unwrap_or_else(|error| {
        // what is wrong with the run itself, the report says
        if is_run(run) {
            tell(&format!(
                "note: no gallery: {}",
                flags::named(&error.to_string())
            ));
        }
        Reported::new(run)
    })
}
