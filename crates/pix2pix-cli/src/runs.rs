//! `pix2pix runs`.

use std::path::{Path, PathBuf};

use pix2pix::run::History;
use pix2pix::{Error, one_line};

use crate::failure::{Failure, print};
use crate::flags;
use crate::output::tell;
use crate::paths::Plain;
use crate::table::aligned;

/// Options of `pix2pix runs`.
#[derive(clap::Args)]
pub struct Args {
    /// Folder with run folders, or one run folder
    #[arg(default_value = ".", value_name = "DIR")]
    folder: PathBuf,
}

/// Prints a table of the runs.
pub fn run(args: Args) -> Result<(), Failure> {
    let mut rows = vec![
        [
            "run",
            "state",
            "step",
            "of",
            "L1 (of 255)",
            "PSNR (dB)",
            "SSIM",
            "SWD (x1000)",
            "at step",
        ]
        .map(str::to_string)
        .to_vec(),
    ];
    let runs = find(&args.folder)?;
    for run in &runs {
        let history = match History::read(run) {
            Ok(history) => history,
            // the other runs are still of interest
            Err(error) if runs.len() > 1 => {
                tell(&format!("note: {}", flags::named(&error.to_string())));
                let unknown = |_| "-".to_string();
                let known = [run.plain(), "unreadable".to_string()];
                rows.push(known.into_iter().chain((2..9).map(unknown)).collect());
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        for unread in &history.unread {
            tell(&format!("note: {}", one_line(unread)));
        }
        let best = history.best();
        let score = |name: &str, digits: usize| match best.get(name) {
            Some(best) => format!("{:.digits$}", best.value),
            None => "-".to_string(),
        };
        let shown = ["L1", "PSNR", "SSIM", "SWD"];
        let steps = shown.iter().filter_map(|name| best.get(name));
        let steps: Vec<String> = steps.map(|best| best.step.to_string()).collect();
        rows.push(vec![
            run.plain(),
            history.state.to_string(),
            history.step().to_string(),
            match history.config.time.filter(|_| history.config.is_open()) {
                Some(time) => format!("{time} s"),
                None => history.config.steps.to_string(),
            },
            score("L1", 2),
            score("PSNR", 2),
            score("SSIM", 4),
            score("SWD", 1),
            if steps.is_empty() {
                "-".to_string()
            } else {
                steps.join("/")
            },
        ]);
    }
    print(&aligned(&rows))?;
    print("Scores are the best ones on held-out pairs; the last column has their steps.\n")
}

/// The run folders in a folder, or the folder itself if it is one.
fn find(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let is_run = |path: &Path| path.join("config.toml").is_file();
    if is_run(folder) {
        return Ok(vec![folder.to_path_buf()]);
    }
    let failed = |e| Error::io(folder, "read the folder", e);
    let mut runs = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if is_run(&path) {
            runs.push(path);
        }
    }
    runs.sort();
    if runs.is_empty() {
        let remedy = "give the parent folder of runs made with `pix2pix train --out`";
        return Err(Error::file(folder, "contains no run folder", remedy));
    }
    Ok(runs)
}
