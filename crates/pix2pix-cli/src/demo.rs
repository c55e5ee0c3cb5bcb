//! `pix2pix demo`.

use std::fs;
use std::path::{Path, PathBuf};

use pix2pix::data::{CacheKind, earth, picture};
use pix2pix::device::set_threads;
use pix2pix::draw::contact_sheet::Row;
use pix2pix::run::{Event, RunFolder};
use pix2pix::{Error, RunConfig, atomic_file};

use crate::failure::{Failure, print};
use crate::processes::Processes;
use crate::train::{self, RunArgs, Session};

const SHEET: &str = "contact-sheet.png";

/// Options of `pix2pix demo`.
#[derive(clap::Args)]
pub struct Args {
    /// Folder for the run and its pictures; replaces an earlier demo in it
    #[arg(long, default_value = "pix2pix-demo", value_name = "DIR")]
    out: PathBuf,
    /// Training steps
    #[arg(long, default_value_t = 540, value_name = "N")]
    steps: u64,
    #[command(flatten)]
    run: RunArgs,
}

/// Trains the paper's networks on the built-in pairs and keeps a contact sheet up to date.
pub fn run(args: Args) -> Result<(), Failure> {
    let processes = Processes::join()?;
    if processes.shard().ranks > 1 {
        return processes.agreed(Err(Failure::Usage(
            "the demo trains in one process; start it without mpirun".to_string(),
        )));
    }
    let data = earth::earth();
    let config = RunConfig {
        data: earth::NAME.to_string(),
        data_digest: data.digest(),
        cache: CacheKind::Ram,
        steps: args.steps,
        seed: args.run.seed,
        threads: set_threads(args.run.machine.threads)?,
        device: args.run.machine.device.resolved(args.run.machine.precision),
        precision: args.run.machine.precision,
        sample_every: 20,
        save_every: 100,
        keep: 1,
        ..RunConfig::default()
    };
    config.validate()?;
    let out = &args.out;
    let folder = RunFolder::lock(out)?;
    remove_earlier_demo(out)?;
    let quiet = args.run.quiet;
    let outcome = train::train(
        Session {
            device: config.device.open(config.precision)?,
            config,
            data: &data,
            folder,
            group: None,
            goes_on: false,
            shown: args.run.shown(),
        },
        &mut |event| match event {
            Event::Sampled { sheet, rows, .. } => {
                picture::write_png(&out.join(SHEET), sheet)?;
                write_pictures(&out.join("inputs"), rows, |row| &row.input)?;
                write_pictures(&out.join("outputs"), rows, |row| &row.output)
            }
            _ => Ok(()),
        },
    )?;
    if !quiet {
        let out = out.display();
        print(&format!(
            "{} after {} steps. Input, output and target of eight held-out tiles:\n  \
             {out}/{SHEET}\n\
             single outputs: {out}/outputs/; model: {}\n\
             {}Now type:\n  \
             pix2pix translate {out} {out}/inputs --out {out}/translated\n  \
             pix2pix train YOUR_PAIRS --out my-run\n",
            if outcome.interrupted {
                "Stopped"
            } else {
                "Done"
            },
            outcome.steps,
            outcome.checkpoint.display(),
            match outcome.interrupted {
                true => format!("To resume, type:\n  pix2pix train --resume {out}\n"),
                false => String::new(),
            },
        ))?;
    }
    train::end(&outcome)
}

fn write_pictures(
    folder: &Path,
    rows: &[Row],
    which: fn(&Row) -> &image::RgbImage,
) -> Result<(), Error> {
    atomic_file::create_folder(folder)?;
    for row in rows {
        picture::write_png(&folder.join(format!("{}.png", row.name)), which(row))?;
    }
    Ok(())
}

/// Removes the files of an earlier demo. Any other file in the folder stays, and the run then refuses the folder.
fn remove_earlier_demo(out: &Path) -> Result<(), Error> {
    let is_demo = fs::read_to_string(out.join("config.toml"))
        .is_ok_and(|config| config.contains(&format!("data = \"{}\"", earth::NAME)));
    if !is_demo {
        return Ok(());
    }
    let failed = |path: &Path, e| Error::io(path, "remove the earlier demo", e);
    for name in [
        "samples",
        "checkpoints",
        "inputs",
        "outputs",
        "translated",
        "tensorboard",
    ] {
        let folder = out.join(name);
        if folder.is_dir() {
            fs::remove_dir_all(&folder).map_err(|e| failed(&folder, e))?;
        }
    }
    // the configuration last: it marks the folder as a demo
    let files = [
        "metrics.jsonl",
        "timings.jsonl",
        "scores.jsonl",
        "warnings.jsonl",
        "machine.json",
        "report.html",
        SHEET,
        "config.toml",
    ];
    for name in files {
        let file = out.join(name);
        if file.is_file() {
            fs::remove_file(&file).map_err(|e| failed(&file, e))?;
        }
    }
    Ok(())
}
