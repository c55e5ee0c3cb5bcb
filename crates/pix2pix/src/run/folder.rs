//! A run folder: the names of its files, the lock for writing, and how a run starts and resumes.

use std::fs::{self, File, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use crate::atomic_file;
use crate::config::RunConfig;
use crate::error::{Error, Result};
use crate::model::checkpoint;

const CONFIG: &str = "config.toml";
const LOCK: &str = "run.lock";
const SAMPLES: &str = "samples";
const CHECKPOINTS: &str = "checkpoints";

/// A run folder, locked by this process.
pub struct RunFolder {
    root: PathBuf,
    /// The system releases this lock when the process ends, even if it crashes.
    _lock: Option<File>,
}

impl RunFolder {
    /// Creates the folder if needed, locks it, and removes unfinished files of a killed process.
    ///
    /// # Errors
    /// When it cannot be created or written to, or another process has locked it.
    pub fn lock(root: &Path) -> Result<Self> {
        atomic_file::create_folder(root)?;
        let path = root.join(LOCK);
        let failed = |e| Error::io(&path, "write the lock", e);
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        let mut lock = options.open(&path).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // without the process's number, the message is still useful
                let _ = lock.read_to_string(&mut holder);
                return Err(Error::file(
                    root,
                    format!("another process ({}) is training here", holder.trim()),
                    "wait for it, stop it, or choose another `folder`",
                ));
            }
            Err(TryLockError::Error(e)) => return Err(failed(e)),
        }
        lock.set_len(0).map_err(failed)?;
        writeln!(lock, "{}", std::process::id()).map_err(failed)?;
        let folder = Self {
            root: root.to_path_buf(),
            _lock: Some(lock),
        };
        for folder in [root, &folder.samples(), &folder.checkpoints()] {
            if folder.is_dir() {
                atomic_file::remove_unfinished(folder)?;
            }
        }
        Ok(folder)
    }

    /// The folder of a group's run, which rank 0 has locked; this process does not write to it.
    pub fn of_root(root: &Path) -> Self {
        Self {
            root: root.to_path_buf(),
            _lock: None,
        }
    }

    /// Starts a new run in an empty folder.
    ///
    /// # Errors
    /// When the folder is not empty, or a file cannot be written.
    pub fn begin(&self, config: &RunConfig) -> Result<()> {
        let root = &self.root;
        let failed = |e| Error::io(root, "read the folder", e);
        let mut empty = true;
        for entry in fs::read_dir(root).map_err(failed)? {
            empty &= entry.map_err(failed)?.file_name() == LOCK;
        }
        if !empty {
            return Err(Error::Taken {
                folder: root.clone(),
                is_run: self.config_path().is_file(),
            });
        }
        self.write_config(config)
    }

    /// Writes the configuration and creates the subfolders.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write_config(&self, config: &RunConfig) -> Result<()> {
        let text = toml::to_string(config).expect("a configuration is plain data");
        atomic_file::write(&self.config_path(), text.as_bytes())?;
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

    /// Folder of the checkpoints.
    pub fn checkpoints(&self) -> PathBuf {
        self.path(CHECKPOINTS)
    }

    /// Path of the optimizers' state that belongs to a step's checkpoint.
    pub fn state(&self, step: u64) -> PathBuf {
        self.checkpoints()
            .join(format!("state_{step:07}.safetensors"))
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
            if name.starts_with("state_") && name.ends_with(".safetensors") {
                states.push(path);
            }
        }
        Ok(states)
    }

    /// The newest step from which the run can be resumed: the newest with both a checkpoint and a state. `None` before
    /// the first checkpoint.
    ///
    /// # Errors
    /// When the folder cannot be read, or there are checkpoints but none has a state.
    pub fn newest_step(&self) -> Result<Option<u64>> {
        let checkpoints = self.checkpoints();
        if !checkpoints.is_dir() {
            return Ok(None);
        }
        let all = checkpoint::in_folder(&checkpoints)?;
        let steps = all
            .iter()
            .rev()
            .filter_map(|path| checkpoint::step_of(path));
        let newest = steps.into_iter().find(|step| self.state(*step).is_file());
        match (newest, all.last()) {
            (None, Some(last)) => Err(Error::file(
                last,
                "its state_*.safetensors file is missing; without the optimizers' moments in it, the run cannot \
                 be resumed",
                "put it back, or start a new run",
            )),
            (newest, _) => Ok(newest),
        }
    }
}

/// Reads a run's configuration.
///
/// # Errors
/// When it is not a run folder, or its configuration cannot be read.
pub fn read_config(root: &Path) -> Result<RunConfig> {
    let path = root.join(CONFIG);
    if !path.is_file() {
        return Err(Error::file(
            root,
            format!("not a run folder (no {CONFIG})"),
            "give a folder that `run::train` made",
        ));
    }
    let text =
        fs::read_to_string(&path).map_err(|e| Error::io(&path, "read the configuration", e))?;
    toml::from_str(&text).map_err(|e: toml::de::Error| {
        Error::file(
            &path,
            format!("invalid configuration of a run ({})", e.message()),
            "restore the original file",
        )
    })
}

/// Whether a process is training in this folder.
pub fn is_locked(root: &Path) -> bool {
    let lock = File::open(root.join(LOCK));
    lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
}
