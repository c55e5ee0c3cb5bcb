//! `pix2pix download`.

use std::fs;
use std::io::{IsTerminal, stderr};
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use indicatif::{ProgressBar, ProgressStyle};
use pix2pix::download::{ADDRESS, DATASETS, fetch, sha256, unpack};
use pix2pix::{Error, atomic_file};

use crate::failure::{Failure, print};

/// Shown after the options.
pub const EXAMPLES: &str = "\
Examples:
  pix2pix download
  pix2pix download facades
  pix2pix download maps --out data --mirror http://localhost:8000/datasets";

/// Options of `pix2pix download`.
#[derive(clap::Args)]
pub struct Args {
    /// Data set; without one, all are listed with their sizes
    #[arg(value_parser = PossibleValuesParser::new(DATASETS.map(|dataset| dataset.name)))]
    name: Option<String>,
    /// Folder for the data sets
    #[arg(long, default_value = "datasets", value_name = "DIR")]
    out: PathBuf,
    /// Address of a folder with NAME.tar.gz in it
    #[arg(long, default_value = ADDRESS, value_name = "URL")]
    mirror: String,
    /// SHA-256 that the archive must have [default: not checked, but printed]
    #[arg(long, value_name = "HEX")]
    sha256: Option<String>,
}

/// Downloads and unpacks.
pub fn run(args: Args) -> Result<(), Failure> {
    let Some(name) = args.name else {
        for dataset in DATASETS {
            let size = format!("{} MB", dataset.megabytes);
            let direction = format!("--direction {}", dataset.direction);
            print(&format!(
                "{:<15} {size:>8}  {direction}  {}\n",
                dataset.name, dataset.about
            ))?;
        }
        return Ok(());
    };
    let dataset = DATASETS.into_iter().find(|dataset| dataset.name == name);
    let dataset = dataset.expect("clap takes known names only");
    let folder = args.out.join(dataset.name);
    if folder.exists() {
        let remedy = "remove it, or choose another --out";
        return Err(Error::file(&folder, "the data set is there already", remedy).into());
    }
    atomic_file::create_folder(&args.out)?;
    let address = format!("{}/{name}.tar.gz", args.mirror.trim_end_matches('/'));
    let archive = args.out.join(format!("{name}.tar.gz"));
    print(&format!(
        "{name}: {}, about {} MB from {address}\n",
        dataset.about, dataset.megabytes
    ))?;
    if !archive.exists() {
        let bar = if stderr().is_terminal() {
            ProgressBar::no_length()
        } else {
            ProgressBar::hidden()
        };
        let template = "{bar:24} {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left";
        bar.set_style(ProgressStyle::with_template(template).expect("a valid template"));
        let fetched = fetch(&address, &archive, &mut |done, total| {
            if let Some(total) = total {
                bar.set_length(total);
            }
            bar.set_position(done);
        });
        bar.finish_and_clear();
        fetched?;
    }
    let found = sha256(&archive)?;
    let unpacked = match &args.sha256 {
        Some(wanted) if !wanted.eq_ignore_ascii_case(&found) => Err(Error::file(
            &archive,
            format!("its SHA-256 is {found}, not {wanted}"),
            "it was removed: download it again, or give another --sha256",
        )),
        _ => unpack(&archive, &folder),
    };
    // a bad archive must not be taken for a good one the next time, and a good one is not needed any more;
    // one for which the disk was too full stays
    if !matches!(unpacked, Err(Error::Io { .. })) {
        fs::remove_file(&archive).map_err(|e| Error::io(&archive, "remove the archive", e))?;
    }
    unpacked?;
    let (folder, direction) = (folder.display(), dataset.direction);
    print(&format!(
        "SHA-256 {found}\n{folder} is there. Now type:\n  \
         pix2pix inspect {folder}\n  \
         pix2pix train {folder} --direction {direction} --out runs/{name}\n"
    ))
}
