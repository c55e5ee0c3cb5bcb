//! Result files: what a command writes where the user says.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use pix2pix::identity::are_one;
use pix2pix::{Error, atomic_file};

use crate::failure::Failure;
use crate::output::{say, tell};
use crate::paths::Plain;

/// What happens to files that exist.
#[derive(clap::Args)]
pub struct ResultArgs {
    /// Replace result files that exist [default: refuse]
    #[arg(long)]
    force: bool,
}

/// The help of `--force` where a command without `--out` writes into the run's folder.
pub const OF_RUN: &str = "Replace result files that exist [default: refuse, except for what the command itself writes into the run folder]";

/// Where the notes of a command go.
#[derive(Clone, Copy)]
pub enum Notes {
    /// To standard output.
    Output,
    /// To standard error, as the result itself goes to standard output.
    Errors,
}

impl ResultArgs {
    /// Checks that a command may and can write its results to these files, before it works for them, and returns where its
    /// notes go. What killed commands left unfinished beside them is removed.
    ///
    /// # Errors
    /// If one exists and is not to be replaced, two are the same, or one cannot be written.
    pub fn check(&self, files: &[&Path]) -> Result<Notes, Failure> {
        let notes = self.check_names(files)?;
        files.iter().try_for_each(|file| atomic_file::check(file))?;
        Ok(notes)
    }

    /// As [`check`](Self::check), without trying to write.
    fn check_names(&self, files: &[&Path]) -> Result<Notes, Failure> {
        let mut notes = Notes::Output;
        for (index, &file) in files.iter().enumerate() {
            files[..index]
                .iter()
                .try_for_each(|other| are_two(file, other))?;
            if !self.force && atomic_file::replaces(file) {
                let remedy = "choose another name, or replace it with --force";
                return Err(Error::file(file, "the file exists", remedy).into());
            }
            if atomic_file::is_standard_output(file) {
                notes = Notes::Errors;
            }
        }
        for file in files {
            // only what it finds is of interest
            let _ = atomic_file::remove_unfinished_beside(file);
        }
        Ok(notes)
    }
}

impl ResultArgs {
    /// As [`check`](Self::check), for a file whose name the command chooses: one that it has written before, which
    /// `is_ours` tells, is replaced. Whether it can be written is not tried: what a command prints may be worth more.
    ///
    /// # Errors
    /// If another file has this name, or what is no file.
    pub fn check_own(
        &self,
        file: &Path,
        is_ours: impl Fn(&Path) -> bool,
    ) -> Result<Notes, Failure> {
        atomic_file::check_own(file)?;
        let force = self.force || is_ours(file);
        Self { force }.check_names(&[file])
    }

    /// As [`check_own`](Self::check_own), for the file of this name in a run's folder, which takes long to make: whether it can be
    /// written is tried before. Returns the file too.
    ///
    /// # Errors
    /// As [`check_own`](Self::check_own); if it cannot be written. What is no folder is no run, which the command tells.
    pub fn check_in_run(
        &self,
        run: &Path,
        name: &str,
        is_ours: impl Fn(&Path) -> bool,
    ) -> Result<(PathBuf, Notes), Failure> {
        let file = run.join(name);
        let notes = self.check_own(&file, is_ours)?;
        if run.is_dir() {
            atomic_file::check(&file)?;
        }
        Ok((file, notes))
    }

    /// Whether files that exist are to be replaced.
    pub fn replaces(&self) -> bool {
        self.force
    }

    /// Checks that a command may and can write its results into a folder: one that is new or empty, or that is to be replaced.
    /// What killed commands left unfinished in it does not count, and is removed.
    ///
    /// # Errors
    /// If it has files, or none can be written into it.
    pub fn check_folder(&self, folder: &Path) -> Result<(), Failure> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut names = entries.map(|entry| entry.file_name());
        if names.any(|name| !atomic_file::is_unfinished(&name)) && !self.force {
            let remedy = "choose another folder, or replace its files with --force";
            return Err(Error::file(folder, "the folder has files", remedy).into());
        }
        // only what it finds is of interest
        let _ = atomic_file::remove_unfinished(folder);
        Ok(atomic_file::check_folder(folder)?)
    }
}

/// A file whose name a command chooses, and whether one that exists there is of an earlier use of the command.
pub type Own = (PathBuf, fn(&Path) -> bool);

/// Checks that the files whose names a command chooses in the folder of `--out` are not there, or its own, and that they can
/// be written.
///
/// # Errors
/// If another file has one of the names, or what is no file, or a folder cannot be written into.
pub fn check_names(files: &[Own]) -> Result<(), Failure> {
    let mut paths = files.iter().map(|(file, _)| file);
    paths.try_for_each(|file| atomic_file::check_own(file))?;
    match files
        .iter()
        .find(|(file, is_ours)| atomic_file::replaces(file) && !is_ours(file))
    {
        None => {
            let folders: BTreeSet<_> = files.iter().filter_map(|(file, _)| file.parent()).collect();
            Ok(folders
                .into_iter()
                .try_for_each(atomic_file::check_folder)?)
        }
        Some((file, _)) => {
            let reason = "the file exists, and this program did not write it";
            let remedy = "move it away, or choose another folder with --out";
            Err(Error::file(file, reason, remedy).into())
        }
    }
}

/// Checks that a result does not replace a file that it is made of, even if files that exist are to be replaced.
///
/// # Errors
/// If it would, by whatever path, link or mount.
pub fn keep(inputs: &[impl AsRef<Path>], result: &Path) -> Result<(), Failure> {
    let is_input = |input: &Path| input.exists() && are_one(result, input);
    if !inputs.iter().any(|input| is_input(input.as_ref())) {
        return Ok(());
    }
    let message = "the result would replace the file that it is made of; choose another name";
    Err(Failure::Usage(format!("{}: {message}", result.plain())))
}

/// Checks that two results do not go to one file.
///
/// # Errors
/// If they would.
pub fn are_two(file: &Path, other: &Path) -> Result<(), Failure> {
    if !are_one(file, other) {
        return Ok(());
    }
    let message = "two results cannot have the same file; choose another for one";
    Err(Failure::Usage(format!("{}: {message}", file.plain())))
}

/// Checks that the name that `option` gives a result has an ending of its format, or none, as that of a stream.
///
/// # Errors
/// If it has that of another format: the file would not hold what its name says.
pub fn check_ending(file: &Path, option: &str, endings: &[&str]) -> Result<(), Failure> {
    let ending = file.extension().unwrap_or_default();
    let is_known = |known: &&str| ending.eq_ignore_ascii_case(known);
    if ending.is_empty() || endings.iter().any(is_known) {
        return Ok(());
    }
    let [format, ..] = endings else { return Ok(()) };
    let message = format!("the result is a .{format} file; end {option} in .{format}");
    Err(Failure::Usage(format!("{}: {message}", file.plain())))
}

impl Notes {
    /// Writes a note of one or several lines.
    pub fn say(self, text: &str) {
        match self {
            Self::Output => say(text),
            Self::Errors => tell(text.trim_end_matches('\n')),
        }
    }
}
