//! What the pairs of a folder were made with: a hidden file in it says it. Files that exist are kept, and those of another
//! task or of other options must not be taken for the ones that a command would make.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use pix2pix::data::{Nodata, PREPARED, Task};
use pix2pix::{Error, atomic_file, one_line, regular_file};

use super::{Common, Sides};

/// What the options end with of tasks that an earlier version did in another way: drawings took other colors for equally light,
/// blurs were narrower than they said, and noise was another on other systems.
const REVISED: &str = " (2)";
/// The same of tasks that were revised twice: the holes of `mask` covered less than their share, and then were others on other
/// systems.
const REVISED_TWICE: &str = " (3)";

/// Options without what says that their task was revised.
fn unrevised(options: &str) -> &str {
    let ends = [REVISED, REVISED_TWICE].into_iter();
    let mut rests = ends.filter_map(|end| options.strip_suffix(end));
    rests.next().unwrap_or(options)
}

/// Checks that the files in the folder were made with these options, as far as it is known: earlier versions did not say it.
///
/// # Errors
/// If they were made with others.
pub fn check(out: &Path, options: &str) -> Result<(), Error> {
    let Ok(text) = regular_file::read_to_string(&place(out)) else {
        return Ok(());
    };
    let earlier = text.trim_end();
    if earlier == options {
        return Ok(());
    }
    let earlier = unrevised(earlier);
    let reason = match unrevised(options) == earlier {
        true => "has pairs of an earlier version, which made them in another way".to_string(),
        false => format!(
            "has pairs of another command: prepare {}",
            one_line(earlier)
        ),
    };
    let remedy = "choose another folder with --out, or empty this one";
    Err(Error::file(out, reason, remedy))
}

/// What a command has left in its folder before its first file.
#[derive(Debug)]
pub struct Begun {
    /// The mark, if there was none, or that of other options.
    mark: Option<PathBuf>,
    /// The folders that there were not, the innermost first.
    folders: Vec<PathBuf>,
    /// Whether the folder had nothing but a mark.
    was_empty: bool,
}

/// Says that the files in the folder are made with these options, before there is one: a killed command leaves none without
/// the mark. Files of an earlier version, which have none, are taken for those of these options.
///
/// # Errors
/// If it cannot be written; the folder is then as it was.
pub fn begin(out: &Path, options: &str) -> Result<Begun, Error> {
    let wanted = format!("{options}\n");
    let place = place(out);
    if regular_file::read_to_string(&place).is_ok_and(|text| text == wanted) {
        return Ok(Begun {
            mark: None,
            folders: Vec::new(),
            was_empty: !has_others(out),
        });
    }
    let missing = out
        .ancestors()
        .take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists());
    let mut begun = Begun {
        mark: None,
        folders: missing.map(Path::to_path_buf).collect(),
        was_empty: !has_others(out),
    };
    let written = atomic_file::create_folder(out)
        .and_then(|()| atomic_file::write_own(&place, wanted.as_bytes()));
    match written {
        Ok(()) => {
            begun.mark = Some(place);
            Ok(begun)
        }
        Err(error) => {
            begun.undo();
            Err(error)
        }
    }
}

impl Begun {
    /// Leaves nothing behind, as nothing was made. Files that another command has made in the folder meanwhile keep the mark.
    pub fn undo(self) {
        let was_empty = self.was_empty;
        let is_needed = |mark: &PathBuf| was_empty && mark.parent().is_some_and(has_others);
        // what is not removed harms nobody: an empty folder, or a mark without files
        if let Some(mark) = self.mark.filter(|mark| !is_needed(mark)) {
            let _ = std::fs::remove_file(mark);
        }
        for folder in self.folders {
            let _ = std::fs::remove_dir(folder);
        }
    }
}

/// Whether the folder has anything but the mark. One that has been emptied, as a person sees it, has not.
pub fn has_others(out: &Path) -> bool {
    let entries = std::fs::read_dir(out).into_iter().flatten().flatten();
    let mut names = entries.map(|entry| entry.file_name());
    names.any(|name| name != PREPARED && !atomic_file::is_unfinished(&name))
}

fn place(out: &Path) -> PathBuf {
    out.join(PREPARED)
}

/// A task on photographs and the options that its files depend on, as they are typed, with [`REVISED`] or [`REVISED_TWICE`] if it
/// is.
pub fn of_photographs(common: &Common, task: Task) -> String {
    let seed = common.seed;
    let revision = match task {
        Task::Edges { .. }
        | Task::Sketch { .. }
        | Task::Halftone { .. }
        | Task::Blur { .. }
        | Task::Noise { .. } => REVISED,
        Task::Mask { .. } => REVISED_TWICE,
        Task::Gray | Task::LowRes { .. } => "",
    };
    let task = match task {
        Task::Edges { low, high } => format!("edges --low {low} --high {high}"),
        Task::Sketch { sigma } => format!("sketch --sigma {sigma}"),
        Task::Gray => "gray".to_string(),
        Task::LowRes { factor } => format!("lowres --factor {factor}"),
        Task::Noise { sigma } => format!("noise --sigma {sigma} --seed {seed}"),
        Task::Blur { sigma } => format!("blur --sigma {sigma}"),
        Task::Mask { share } => format!("mask --share {share} --seed {seed}"),
        Task::Halftone { cell } => format!("halftone --cell {cell}"),
    };
    task + &of_common(common) + revision
}

/// The same of `combine`.
pub fn of_combine(common: &Common, nearest: Option<Sides>) -> String {
    let nearest = nearest.and_then(|sides| sides.to_possible_value());
    let nearest = nearest.map(|sides| format!(" --nearest {}", sides.get_name()));
    format!(
        "combine{}{}",
        of_common(common),
        nearest.unwrap_or_default()
    )
}

/// The same of `align`.
pub fn of_align(common: &Common, nodata: Option<Nodata>) -> String {
    let nodata = nodata.map(|nodata| format!(" --nodata {nodata}"));
    format!("align{}{}", of_common(common), nodata.unwrap_or_default())
}

/// `split`, whose copies do not depend on its options; their places do, and it looks there itself.
pub const SPLIT: &str = "split";

fn of_common(common: &Common) -> String {
    let size = common.size.map(|size| format!(" --size {size}"));
    let range = common
        .range
        .map(|[low, high]| format!(" --range {low},{high}"));
    let pages = common.pages.map(|pages| format!(" --pages {pages}"));
    [size, range, pages].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_a_word_is_taken_for_anybodys() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path();
        assert!(check(out, "gray").is_ok());
        begin(out, "gray").unwrap();
        assert!(check(out, "gray").is_ok());
        let said = check(out, "gray --size 64").unwrap_err().to_string();
        assert!(
            said.contains("another command: prepare gray; choose"),
            "{said}"
        );
    }

    /// An interrupted command of an earlier version is not finished by one that computes other pictures.
    #[test]
    fn revised_tasks_have_the_mark() {
        let folder = tempfile::tempdir().unwrap();
        let common = Common {
            input: PathBuf::from("photos"),
            out: folder.path().to_path_buf(),
            size: None,
            range: None,
            pages: None,
            seed: 0,
            threads: 0,
        };
        let out = &common.out;
        for (task, before) in [
            (Task::Blur { sigma: 2.0 }, "blur --sigma 2"),
            (Task::Sketch { sigma: 5.0 }, "sketch --sigma 5"),
            (Task::Noise { sigma: 25.0 }, "noise --sigma 25 --seed 0"),
            (Task::Mask { share: 0.25 }, "mask --share 0.25 --seed 0"),
            (Task::Mask { share: 0.25 }, "mask --share 0.25 --seed 0 (2)"),
        ] {
            begin(out, before).unwrap();
            let now = of_photographs(&common, task);
            let said = check(out, &now).unwrap_err().to_string();
            assert!(
                said.contains("pairs of an earlier version, which"),
                "{said}"
            );
        }
        assert_eq!(of_photographs(&common, Task::Gray), "gray");
    }

    #[test]
    fn pairs_that_an_earlier_version_made_in_another_way_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path();
        let said = |options: &str| check(out, options).unwrap_err().to_string();
        begin(out, "sketch --sigma 5").unwrap();
        let told = said("sketch --sigma 5 (2)");
        assert!(
            told.contains("pairs of an earlier version, which"),
            "{told}"
        );
        let told = said("sketch --sigma 6 (2)");
        assert!(
            told.contains("command: prepare sketch --sigma 5;"),
            "{told}"
        );
        begin(out, "sketch --sigma 5 (2)").unwrap();
        assert!(check(out, "sketch --sigma 5 (2)").is_ok());
        let told = said("gray");
        assert!(
            told.contains("command: prepare sketch --sigma 5;"),
            "{told}"
        );
    }

    #[test]
    fn what_makes_nothing_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("new/deep");
        let begun = begin(&out, "gray").unwrap();
        assert!(out.join(PREPARED).is_file());
        begun.undo();
        assert!(!folder.path().join("new").exists());
        // a mark that was there, and a folder that has files, stay
        begin(&out, "gray").unwrap();
        begin(&out, "gray").unwrap().undo();
        assert!(out.join(PREPARED).is_file());
        begin(&out, "blur").unwrap().undo();
        assert!(out.is_dir() && !out.join(PREPARED).exists());
        // and the mark of files that another command of the same options makes meanwhile
        let begun = begin(&out, "gray").unwrap();
        begin(&out, "gray").unwrap();
        std::fs::write(out.join("1.png"), "another's").unwrap();
        begun.undo();
        assert!(out.join(PREPARED).is_file());
        // what was there before needs no mark
        std::fs::remove_file(out.join(PREPARED)).unwrap();
        begin(&out, "gray").unwrap().undo();
        assert!(!out.join(PREPARED).exists());
    }
}
