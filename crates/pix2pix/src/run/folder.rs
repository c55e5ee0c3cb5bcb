//! A run folder: the paths of its files, the lock for writing, and how a run starts and resumes.

use std::fs::{self, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use pix2pix_runtime::regular_file;

use super::file::{self, CHECKPOINTS, CONFIG, LOCK, SAMPLES, is_run};
use super::stray;
use crate::atomic_file;
use crate::config::RunConfig;
use crate::error::{Error, Result, foreign, shown};
use crate::folder_lock::{self, FolderLock, Taken};
use crate::model::checkpoint;

/// A run folder, locked by this process. Until a run begins or resumes in it, its files stay as they are; if none does,
/// what the lock itself needed is removed.
pub struct RunFolder {
    root: PathBuf,
    lock: Option<FolderLock>,
    replaced: Option<Remove>,
}

/// Removes an earlier run from its folder, but for the lock.
pub type Remove = fn(&Path) -> Result<()>;

impl RunFolder {
    /// Locks a run's folder, or an empty folder for a new run, which is created if needed.
    ///
    /// # Errors
    /// When the folder has other files, cannot be created or written to, or another process has locked it, and when the
    /// lock is a link: the file that it leads to may be anyone's.
    pub fn lock(root: &Path) -> Result<Self> {
        if root.is_dir() && !root.join(CONFIG).exists() && !is_empty(root)? {
            return Err(taken(root));
        }
        match folder_lock::take(root, LOCK)? {
            Taken::Ours(lock) => Ok(Self {
                root: root.to_path_buf(),
                lock: Some(lock),
                replaced: None,
            }),
            Taken::Others(holder) => {
                // without the process's number, the message is still useful
                let holder = match holder.trim() {
                    "" => String::new(),
                    process => format!(" ({process})"),
                };
                Err(Error::file(
                    root,
                    format!("another process{holder} is training here"),
                    "wait for it, or stop it; for a new run, choose another `folder`",
                ))
            }
        }
    }

    /// The folder for a run that replaces the one in it: `remove` is called once nothing else can refuse the new run.
    pub fn replacing(self, remove: Remove) -> Self {
        Self {
            replaced: Some(remove),
            ..self
        }
    }

    /// The folder of a group's run, which rank 0 has locked; this process does not write to it.
    pub fn of_root(root: &Path) -> Self {
        Self {
            root: root.to_path_buf(),
            lock: None,
            replaced: None,
        }
    }

    /// Starts a new run in an empty folder, or in place of [another](Self::replacing).
    ///
    /// # Errors
    /// When the folder is not empty, or a file cannot be written or removed.
    pub fn begin(&self, config: &RunConfig) -> Result<()> {
        if let Some(remove) = self.replaced {
            remove(&self.root)?;
        }
        self.check_empty()?;
        self.use_for(config)
    }

    /// Checks that a new run can start in the folder.
    ///
    /// # Errors
    /// When it is not empty.
    pub fn check_empty(&self) -> Result<()> {
        match is_empty(&self.root)? {
            true => Ok(()),
            false => Err(taken(&self.root)),
        }
    }

    /// Uses the folder for a run: notes this process in the lock, removes what a killed process left unfinished, writes
    /// the configuration and creates the subfolders.
    ///
    /// # Errors
    /// When a file cannot be written or removed.
    pub fn use_for(&self, config: &RunConfig) -> Result<()> {
        if let Some(lock) = &self.lock {
            lock.use_for(&format!("{}\n", std::process::id()))?;
        }
        self.remove_unfinished()?;
        let text = toml::to_string(config).expect("a configuration is plain data");
        atomic_file::write_own(&self.config_path(), text.as_bytes())?;
        atomic_file::create_folder(&self.samples())?;
        atomic_file::create_folder(&self.checkpoints())
    }

    /// Removes what a killed process left unfinished.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove_unfinished(&self) -> Result<()> {
        let folders = [self.root.clone(), self.samples(), self.checkpoints()];
        let mut there = folders.iter().filter(|folder| folder.is_dir());
        there.try_for_each(|folder| atomic_file::remove_unfinished(folder))
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Path of a file or a subfolder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn config_path(&self) -> PathBuf {
        self.path(CONFIG)
    }

    /// Folder of the contact sheets.
    pub fn samples(&self) -> PathBuf {
        self.path(SAMPLES)
    }

    /// Path of a step's contact sheet.
    pub fn sheet(&self, step: u64) -> PathBuf {
        self.samples().join(file::sheet(step))
    }

    /// Folder of the checkpoints.
    pub fn checkpoints(&self) -> PathBuf {
        self.path(CHECKPOINTS)
    }

    /// Path of the optimizers' state that belongs to a step's checkpoint.
    pub fn state(&self, step: u64) -> PathBuf {
        self.checkpoints().join(file::state(step))
    }

    /// Paths of all optimizers' states. A killed process may leave one without a checkpoint.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn states(&self) -> Result<Vec<PathBuf>> {
        let folder = self.checkpoints();
        let failed = |e| Error::io(&folder, "read the checkpoints", e);
        let mut states = Vec::new();
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if file::is_state(&name) {
                states.push(path);
            }
        }
        Ok(states)
    }

    /// The newest step from which the run can be resumed, with its checkpoint: the newest that has a state too. `None`
    /// before the first checkpoint.
    ///
    /// # Errors
    /// When the folder cannot be read, there are checkpoints but none has a state, or one is newer than the newest state:
    /// it would be taken for the run's newest from then on.
    pub fn newest(&self) -> Result<Option<(u64, PathBuf)>> {
        let all = checkpoint::steps_in(&self.checkpoints())?;
        let Some((last, path)) = all.last() else {
            return Ok(None);
        };
        let mut newest = all.iter().rev();
        let newest = newest.find(|(step, _)| self.state(*step).is_file());
        let missing = format!("its {} is missing", file::state(*last));
        match newest {
            Some((step, _)) if step == last => Ok(newest.cloned()),
            Some((step, _)) => Err(Error::file(
                path,
                format!("{missing}, and there is one of step {step}"),
                format!("put it back, or move this checkpoint away, to go on from step {step}"),
            )),
            None => Err(Error::file(
                path,
                format!(
                    "{missing}; without the optimizers' moments in it, the run cannot be resumed"
                ),
                "put it back, or start a new run; the checkpoint still translates",
            )),
        }
    }
}

/// Whether a folder has no file but a run's lock, and what a killed process left unfinished.
fn is_empty(root: &Path) -> Result<bool> {
    let failed = |e| Error::io(root, "read the folder", e);
    let mut empty = true;
    for entry in fs::read_dir(root).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        empty &= name == LOCK || atomic_file::is_unfinished(&name);
    }
    Ok(empty)
}

/// The error for a new run in a folder with other files.
fn taken(root: &Path) -> Error {
    Error::Taken {
        folder: root.to_path_buf(),
        is_run: is_run(root),
    }
}

/// Reads a run's configuration, and checks every value of it.
///
/// # Errors
/// When it is not a run folder, or its configuration cannot be read or is invalid.
pub fn read_config(root: &Path) -> Result<RunConfig> {
    let path = root.join(CONFIG);
    match path.try_exists() {
        Ok(true) => read_config_file(&path),
        Ok(false) => Err(not_a_run(root)),
        Err(e) if e.kind() == ErrorKind::NotADirectory => Err(not_a_run(root)),
        Err(e) => Err(Error::io(&path, "read the configuration", e)),
    }
}

fn not_a_run(root: &Path) -> Error {
    let reason = format!("not a run folder (no {CONFIG})");
    // given a run's checkpoint, or the folder of all
    let mut above = root.ancestors().skip(1).take(2).map(|folder| match folder {
        folder if folder.as_os_str().is_empty() => Path::new("."),
        folder => folder,
    });
    let remedy = match above.find(|folder| is_run(folder)) {
        Some(run) => format!("give the run's folder, {}", shown(run)),
        None => "give a folder that `run::train` made".to_string(),
    };
    Error::file(root, reason, remedy)
}

/// Reads the file of a run's configuration, wherever it is, and checks every value of it.
///
/// # Errors
/// When it cannot be read or is invalid, or has a setting that no run has.
pub fn read_config_file(path: &Path) -> Result<RunConfig> {
    let invalid = |reason: &str| {
        Error::file(
            path,
            format!("invalid configuration of a run ({reason})"),
            "restore the original file",
        )
    };
    let text = regular_file::read_to_string(path).map_err(|e| match e.kind() {
        ErrorKind::InvalidData => invalid("it is no text"),
        _ => Error::io(path, "read the configuration", e),
    })?;
    let config: RunConfig = toml::from_str(&text).map_err(|e| invalid(&foreign(e.message())))?;
    stray::check(path, &text, &config)?;
    let tables = [
        ("jitter.", config.jitter.validate()),
        ("objective.", config.objective.validate()),
        ("generator.", config.generator.validate()),
        ("discriminator.", config.discriminator.validate()),
        ("", config.validate()),
    ];
    for (table, checked) in tables {
        // here, a field is a line of the file, and not an option
        checked.map_err(|e| invalid(&format!("{table}{}", e.to_string().replace('`', ""))))?;
    }
    Ok(config)
}

/// Whether a process is training in this folder. Who looks has the lock for a moment.
pub fn is_locked(root: &Path) -> bool {
    let lock = regular_file::open(&root.join(LOCK));
    lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A whole folder may be elsewhere.
    #[cfg(unix)]
    #[test]
    fn a_lock_is_no_link_to_a_file_of_somebody() {
        use std::os::unix::fs::symlink;
        let scratch = tempfile::tempdir().unwrap();
        let at = |name: &str| scratch.path().join(name);
        fs::create_dir(at("run")).unwrap();
        fs::write(at("notes"), "years of work").unwrap();
        for target in ["../notes", "../none-yet", "/dev/null", ".."] {
            symlink(target, at("run").join(LOCK)).unwrap();
            let Err(refused) = RunFolder::lock(&at("run")) else {
                panic!("{target}: it is locked");
            };
            let told = refused.to_string();
            assert!(told.contains("run.lock: a link"), "{target}: {told}");
            fs::remove_file(at("run").join(LOCK)).unwrap();
        }
        assert_eq!(fs::read(at("notes")).unwrap(), b"years of work");
        assert!(!at("none-yet").exists());
        symlink("run", at("link")).unwrap();
        let folder = RunFolder::lock(&at("link")).unwrap();
        folder.use_for(&RunConfig::default()).unwrap();
        assert!(at("run").join(CONFIG).is_file());
    }

    #[test]
    fn a_run_that_trains_is_seen_from_outside() {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path().join("run");
        let held = RunFolder::lock(&root).unwrap();
        held.use_for(&RunConfig::default()).unwrap();
        assert!(is_locked(&root));
        assert!(RunFolder::lock(&root).is_err());
        drop(held);
        assert!(!is_locked(&root));
        assert!(RunFolder::lock(&root).is_ok());
    }
}
