//! A run folder: the paths of its files, the lock for writing, and how a run starts and resumes.

use std::cell::Cell;
use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use pix2pix_runtime::regular_file;
use same_file::Handle;

use super::file::{self, CHECKPOINTS, CONFIG, LOCK, SAMPLES, is_run};
use super::stray;
use crate::atomic_file;
use crate::config::RunConfig;
use crate::error::{Error, Result, foreign, shown};
use crate::model::checkpoint;

/// A time longer than a look at the lock takes, and how often it is waited for.
const LOOK: Duration = Duration::from_millis(10);
const LOOKS: u32 = 20;

/// A run folder, locked by this process. Until a run begins or resumes in it, its files stay as they are; if none does,
/// what the lock itself needed is removed.
pub struct RunFolder {
    root: PathBuf,
    lock: Option<Lock>,
    replaced: Option<Remove>,
}

/// Removes an earlier run from its folder, but for the lock.
pub type Remove = fn(&Path) -> Result<()>;

/// The lock of a run folder.
struct Lock {
    /// The system releases this lock when the process ends, even if it crashes.
    file: File,
    /// What was made for the lock, in the order in which it is removed if no run begins.
    made: Vec<PathBuf>,
    in_use: Cell<bool>,
}

impl Drop for Lock {
    fn drop(&mut self) {
        if self.in_use.get() {
            return;
        }
        for made in &self.made {
            // a folder that is no longer empty stays
            let _ = match made.is_dir() {
                true => fs::remove_dir(made),
                false => fs::remove_file(made),
            };
        }
    }
}

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
        let missing = root.ancestors().take_while(|folder| {
            !folder.as_os_str().is_empty() && fs::symlink_metadata(folder).is_err()
        });
        let missing: Vec<PathBuf> = missing.map(Path::to_path_buf).collect();
        let path = root.join(LOCK);
        let failed = |e| Error::io(&path, "write the lock", e);
        let mut options = File::options();
        options.read(true).write(true);
        loop {
            let mut made = missing.clone();
            atomic_file::create_folder(root)?;
            is_no_link(&path)?;
            let opened = match options.clone().create_new(true).open(&path) {
                Err(e) if e.kind() == ErrorKind::AlreadyExists => match options.open(&path) {
                    // the process that made it has removed it
                    Err(e) if e.kind() == ErrorKind::NotFound => continue,
                    opened => opened,
                },
                created => {
                    made.insert(0, path.clone());
                    created
                }
            };
            let mut lock = Lock {
                file: opened.map_err(failed)?,
                made,
                in_use: Cell::new(false),
            };
            match try_lock(&lock.file) {
                Ok(()) if is_at(&path, &lock.file) => {
                    return Ok(Self {
                        root: root.to_path_buf(),
                        lock: Some(lock),
                        replaced: None,
                    });
                }
                // between opening and locking, the process that held it has removed it, and a third may hold the next one
                Ok(()) => lock.made.clear(),
                Err(TryLockError::WouldBlock) => {
                    lock.made.clear();
                    let mut holder = String::new();
                    // without the process's number, the message is still useful
                    let _ = lock.file.read_to_string(&mut holder);
                    let holder = match holder.trim() {
                        "" => String::new(),
                        process => format!(" ({process})"),
                    };
                    return Err(Error::file(
                        root,
                        format!("another process{holder} is training here"),
                        "wait for it, or stop it; for a new run, choose another `folder`",
                    ));
                }
                Err(TryLockError::Error(e)) => return Err(failed(e)),
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
            lock.in_use.set(true);
            let mut file = &lock.file;
            let noted = file.rewind().and_then(|()| file.set_len(0));
            noted
                .and_then(|()| writeln!(file, "{}", std::process::id()))
                .map_err(|e| Error::io(&self.path(LOCK), "write the lock", e))?;
        }
        for folder in [&self.root, &self.samples(), &self.checkpoints()] {
            if folder.is_dir() {
                atomic_file::remove_unfinished(folder)?;
            }
        }
        let text = toml::to_string(config).expect("a configuration is plain data");
        atomic_file::write_own(&self.config_path(), text.as_bytes())?;
        atomic_file::create_folder(&self.samples())?;
        atomic_file::create_folder(&self.checkpoints())
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

/// Checks that a lock, whose content is replaced, is a file of the run folder or not there yet.
fn is_no_link(lock: &Path) -> Result<()> {
    match fs::symlink_metadata(lock) {
        Ok(found) if !found.is_file() => {
            let reason = "a link, a folder or a device in the place of the run's lock";
            Err(Error::file(lock, reason, "move it away"))
        }
        _ => Ok(()),
    }
}

/// Takes a lock. Who looks whether a process trains there shares it for a moment (see [`is_locked`]), which is waited for.
fn try_lock(file: &File) -> std::result::Result<(), TryLockError> {
    for _ in 0..LOOKS {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => thread::sleep(LOOK),
            locked => return locked,
        }
    }
    file.try_lock()
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

/// Whether a path leads to an open file, and not to another one or to none.
fn is_at(path: &Path, file: &File) -> bool {
    let open = file.try_clone().and_then(Handle::from_file);
    open.is_ok_and(|open| Handle::from_path(path).is_ok_and(|there| there == open))
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

/// Whether a process is training in this folder.
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
    fn who_looks_at_a_lock_does_not_refuse_a_run() {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path().join("run");
        let held = RunFolder::lock(&root).unwrap();
        held.use_for(&RunConfig::default()).unwrap();
        assert!(is_locked(&root));
        assert!(RunFolder::lock(&root).is_err());
        drop(held);
        let look = File::open(root.join(LOCK)).unwrap();
        look.lock_shared().unwrap();
        let looking = thread::spawn(move || {
            thread::sleep(3 * LOOK);
            drop(look);
        });
        assert!(RunFolder::lock(&root).is_ok());
        looking.join().unwrap();
    }
}
