//! `pix2pix runs`.

use std::fs::DirEntry;
use std::io;
use std::path::{Path, PathBuf};

use pix2pix::quality::Score;
use pix2pix::run::History;
use pix2pix::run::file::is_run;
use pix2pix::text_table::aligned;
use pix2pix::{Error, one_line};

use crate::failure::{Failure, print};
use crate::flags;
use crate::output::tell;
use crate::paths::Plain;
use crate::words::length_of;

/// Options of `pix2pix runs`.
#[derive(clap::Args)]
pub struct Args {
    /// Folder with run folders, or with folders of them; or one run folder
    #[arg(default_value = ".", value_name = "DIR")]
    folder: PathBuf,
}

/// The columns of pictures.
const OF_PICTURES: [Score; 4] = [Score::L1, Score::Psnr, Score::Ssim, Score::Swd];
/// The columns of label maps.
const OF_LABELS: [Score; 2] = [Score::Accuracy, Score::Iou];

/// Prints a table of the runs.
pub fn run(args: Args) -> Result<(), Failure> {
    let found = find(&args.folder)?;
    let mut runs = Vec::new();
    for root in &found {
        let history = match History::read(root) {
            Ok(history) => Some(history),
            // the other runs are still of interest
            Err(error) if found.len() > 1 => {
                tell(&format!("note: {}", flags::named(&error.to_string())));
                None
            }
            Err(error) => return Err(error.into()),
        };
        for unread in history.iter().flat_map(|history| &history.unread) {
            tell(&format!("note: {}", one_line(unread)));
        }
        runs.push((root, history));
    }
    let columns = columns(runs.iter().filter_map(|(_, history)| history.as_ref()));
    let head = ["run", "state", "step", "of"].map(str::to_string);
    let head = head.into_iter().chain(columns.iter().copied().map(title));
    let mut rows = vec![head.chain(["at step".to_string()]).collect()];
    rows.extend(runs.iter().map(|(root, history)| match history {
        Some(history) => row(root, history, &columns),
        None => {
            let unknown = std::iter::repeat_n("-".to_string(), columns.len() + 3);
            let known = [root.plain(), "unreadable".to_string()];
            known.into_iter().chain(unknown).collect()
        }
    }));
    print(&aligned(&rows))?;
    print("Scores are the best ones on held-out pairs; the last column has their steps.\n")?;
    let histories: Vec<&History> = runs.iter().flat_map(|(_, history)| history).collect();
    if let Some(told) = History::apart(&histories) {
        tell(&format!("note: {told}"));
    }
    Ok(())
}

/// The scores of a table of these runs: those of label maps if a run has such targets, and those of pictures unless all have.
fn columns<'a>(runs: impl Iterator<Item = &'a History>) -> Vec<Score> {
    let (of_labels, of_pictures): (Vec<_>, Vec<_>) =
        runs.partition(|history| history.config.target.labels.is_some());
    let mut columns = Vec::new();
    if !of_pictures.is_empty() || of_labels.is_empty() {
        columns.extend(OF_PICTURES);
    }
    if !of_labels.is_empty() {
        columns.extend(OF_LABELS);
    }
    columns
}

/// The title of a score's column, in which the name's last word has to do.
fn title(score: Score) -> String {
    let whole = score.measure().heading();
    let last = score.label().rfind(' ').map_or(0, |space| space + 1);
    whole[last..].to_string()
}

fn row(root: &Path, history: &History, columns: &[Score]) -> Vec<String> {
    let best = history.best();
    let mut row = vec![
        root.plain(),
        history.state.to_string(),
        history.step().to_string(),
        match history.config.time.filter(|_| history.config.is_open()) {
            Some(time) => length_of(time),
            None => history.config.steps.to_string(),
        },
    ];
    let mut steps = Vec::new();
    for score in columns {
        let best = best.get(score.label());
        row.push(best.map_or("-".to_string(), |best| score.measure().shown(best.value)));
        steps.extend(best.map(|best| best.step.to_string()));
    }
    row.push(match steps.is_empty() {
        true => "-".to_string(),
        false => steps.join("/"),
    });
    row
}

/// The run folders in a folder and in its folders, or the folder itself if it is one.
fn find(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    if is_run(folder) {
        return Ok(vec![folder.to_path_buf()]);
    }
    let inside = folders(folder).map_err(|e| Error::io(folder, "read the folder", e))?;
    let (mut runs, others): (Vec<_>, Vec<_>) = inside.into_iter().partition(|path| is_run(path));
    // runs of several settings and seeds; what cannot be read there need not be of runs
    let deeper = others
        .iter()
        .flat_map(|other| folders(other).unwrap_or_default());
    runs.extend(deeper.filter(|path| is_run(path)));
    runs.sort();
    if runs.is_empty() {
        let remedy = "give the parent folder of runs made with `pix2pix train --out`";
        return Err(Error::file(folder, "contains no run folder", remedy));
    }
    Ok(runs)
}

/// The folders in a folder, and what leads to one.
fn folders(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    // not asked of each file of a large data set
    let is_folder = |entry: &DirEntry| entry.file_type().is_ok_and(|kind| !kind.is_file());
    let found = entries.into_iter().filter(is_folder);
    Ok(found.map(|entry| entry.path()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_short_titles_with_units() {
        let titles = [&OF_PICTURES[..], &OF_LABELS].concat();
        let titles: Vec<String> = titles.into_iter().map(title).collect();
        assert_eq!(
            titles,
            [
                "L1 (of 255)",
                "PSNR (dB)",
                "SSIM",
                "SWD (x1000)",
                "accuracy",
                "IoU"
            ]
        );
    }
}
