//! What the pairs of a folder were made with: a hidden file in it says it. Files that exist are kept, and those of another
//! task or of other options must not be taken for the ones that a command would make.

use std::path::Path;

use clap::ValueEnum;
use pix2pix::data::{Nodata, PREPARED, Task};
use pix2pix::folder_lock::{self, FolderLock, Taken};
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

/// The options that the files in the folder were made with, if it is known.
pub fn mark_of(out: &Path) -> String {
    regular_file::read_to_string(&out.join(PREPARED)).unwrap_or_default()
}

/// Locks the folder until its files are made, with the file that says what they are made with. Two commands of other options
/// would mix their files, and neither would see it.
///
/// # Errors
/// If another command makes files there, or the folder cannot be written to.
pub fn lock(out: &Path) -> Result<FolderLock, Error> {
    match folder_lock::take(out, PREPARED)? {
        Taken::Ours(lock) => Ok(lock),
        Taken::Others(_) => {
            let remedy = "wait until it has ended, or choose another --out";
            Err(Error::file(
                out,
                "another `pix2pix prepare` is making files here",
                remedy,
            ))
        }
    }
}

/// Checks that the files in the folder, whose mark is this, were made with these options, as far as it is known: earlier versions
/// did not say it.
///
/// # Errors
/// If they were made with others.
pub fn check(out: &Path, mark: &str, options: &str) -> Result<(), Error> {
    let earlier = mark.trim_end();
    if earlier.is_empty() || earlier == options {
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

/// The mark of these options. It is written before the first file: a killed command leaves none without it. Files of an earlier
/// version, which have none, are taken for those of these options.
pub fn mark(options: &str) -> String {
    format!("{options}\n")
}

/// Whether the folder has anything but the mark. One that has been emptied, as a person sees it, has not.
pub fn has_others(out: &Path) -> bool {
    let entries = std::fs::read_dir(out).into_iter().flatten().flatten();
    let mut names = entries.map(|entry| entry.file_name());
    names.any(|name| name != PREPARED && !atomic_file::is_unfinished(&name))
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
    use std::path::PathBuf;

    #[test]
    fn a_folder_without_a_word_is_taken_for_anybodys() {
        let out = Path::new("pairs");
        assert!(check(out, "", "gray").is_ok());
        assert!(check(out, &mark("gray"), "gray").is_ok());
        let refused = check(out, &mark("gray"), "gray --size 64").unwrap_err();
        let said = refused.to_string();
        assert!(
            said.contains("another command: prepare gray; choose"),
            "{said}"
        );
    }

    /// An interrupted command of an earlier version is not finished by one that computes other pictures.
    #[test]
    fn revised_tasks_have_the_mark() {
        let common = Common {
            input: PathBuf::from("photos"),
            out: PathBuf::from("pairs"),
            size: None,
            range: None,
            pages: None,
            seed: 0,
            threads: 0,
        };
        for (task, before) in [
            (Task::Blur { sigma: 2.0 }, "blur --sigma 2"),
            (Task::Sketch { sigma: 5.0 }, "sketch --sigma 5"),
            (Task::Noise { sigma: 25.0 }, "noise --sigma 25 --seed 0"),
            (Task::Mask { share: 0.25 }, "mask --share 0.25 --seed 0"),
            (Task::Mask { share: 0.25 }, "mask --share 0.25 --seed 0 (2)"),
        ] {
            let now = of_photographs(&common, task);
            let refused = check(&common.out, &mark(before), &now).unwrap_err();
            let said = refused.to_string();
            assert!(
                said.contains("pairs of an earlier version, which"),
                "{said}"
            );
        }
        assert_eq!(of_photographs(&common, Task::Gray), "gray");
    }

    #[test]
    fn pairs_that_an_earlier_version_made_in_another_way_are_told() {
        let said = |before: &str, options: &str| {
            let refused = check(Path::new("pairs"), &mark(before), options);
            refused.unwrap_err().to_string()
        };
        let told = said("sketch --sigma 5", "sketch --sigma 5 (2)");
        assert!(
            told.contains("pairs of an earlier version, which"),
            "{told}"
        );
        let told = said("sketch --sigma 5", "sketch --sigma 6 (2)");
        assert!(
            told.contains("command: prepare sketch --sigma 5;"),
            "{told}"
        );
        let same = mark("sketch --sigma 5 (2)");
        assert!(check(Path::new("pairs"), &same, "sketch --sigma 5 (2)").is_ok());
        let told = said("sketch --sigma 5 (2)", "gray");
        assert!(
            told.contains("command: prepare sketch --sigma 5;"),
            "{told}"
        );
    }

    #[test]
    fn one_command_makes_files_in_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("new");
        let first = lock(&out).unwrap();
        first.use_for(&mark("split")).unwrap();
        let Err(refused) = lock(&out) else {
            panic!("two commands have it");
        };
        let said = refused.to_string();
        assert!(said.contains("is making files here; wait"), "{said}");
        drop(first);
        assert_eq!(lock(&out).unwrap().text(), mark("split"));
        assert_eq!(mark_of(&out), mark("split"));
        assert!(!has_others(&out));
    }
}
