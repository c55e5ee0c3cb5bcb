//! The lock of a folder: a file in it, which one process holds while it writes there. The system releases it when the process
//! ends, even if it crashes.

use std::cell::Cell;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::atomic_file;
use crate::error::{Error, Result};

/// A time longer than a look at the lock takes, and how often it is waited for.
const LOOK: Duration = Duration::from_millis(10);
const LOOKS: u32 = 20;

/// A folder that this process has locked. Unless it [is used](Self::use_for), what the lock itself needed is removed at the end.
pub struct FolderLock {
    path: PathBuf,
    file: File,
    /// What was made for the lock, in the order in which it is removed.
    made: Vec<PathBuf>,
    in_use: Cell<bool>,
}

/// What comes of an attempt to lock a folder.
pub enum Taken {
    /// It is this process's.
    Ours(FolderLock),
    /// Another process has it, which has written this text into the lock, if that can be read.
    Others(String),
}

/// Locks a folder, which is created if needed, by the file of this name in it.
///
/// # Errors
/// When the folder cannot be created or written to, the system has no locks there, or the lock is a link: the file that it leads
/// to may be anyone's.
pub fn take(folder: &Path, name: &str) -> Result<Taken> {
    let missing = folder.ancestors().take_while(|folder| {
        !folder.as_os_str().is_empty() && fs::symlink_metadata(folder).is_err()
    });
    let missing: Vec<PathBuf> = missing.map(Path::to_path_buf).collect();
    let path = folder.join(name);
    let failed = |e| Error::io(&path, "write the lock", e);
    let mut options = File::options();
    options.read(true).write(true);
    loop {
        let mut made = missing.clone();
        atomic_file::create_folder(folder)?;
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
        let mut lock = FolderLock {
            path: path.clone(),
            file: opened.map_err(failed)?,
            made,
            in_use: Cell::new(false),
        };
        match try_lock(&lock.file) {
            Ok(()) => match is_at(&path, &lock.file) {
                Ok(true) => return Ok(Taken::Ours(lock)),
                // between opening and locking, the process that held it has removed it, and a third may hold the next one
                Ok(false) => lock.made.clear(),
                Err(e) => return Err(failed(e)),
            },
            Err(TryLockError::WouldBlock) => {
                lock.made.clear();
                return Ok(Taken::Others(lock.text()));
            }
            Err(TryLockError::Error(e)) => return Err(failed(e)),
        }
    }
}

impl FolderLock {
    /// What this or an earlier process has written into the lock; empty if that cannot be read.
    pub fn text(&self) -> String {
        let mut file = &self.file;
        let mut text = String::new();
        let read = file.rewind().and_then(|()| file.read_to_string(&mut text));
        read.map_or(String::new(), |_| text)
    }

    /// Uses the folder, and writes this text into the lock, which is not removed.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn use_for(&self, text: &str) -> Result<()> {
        // of a text that is there already, no crash may leave nothing
        if self.text() != text {
            let mut file = &self.file;
            let written = file.rewind().and_then(|()| file.set_len(0));
            written
                .and_then(|()| file.write_all(text.as_bytes()))
                .map_err(|e| Error::io(&self.path, "write the lock", e))?;
        }
        self.in_use.set(true);
        Ok(())
    }

    /// Removes the lock, and the folders that were made for it.
    pub fn discard(mut self) {
        self.in_use.set(false);
        if !self.made.contains(&self.path) {
            self.made.insert(0, self.path.clone());
        }
    }
}

impl Drop for FolderLock {
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

/// Checks that a lock, whose content is replaced, is a file of the folder or not there yet.
fn is_no_link(lock: &Path) -> Result<()> {
    match fs::symlink_metadata(lock) {
        Ok(found) if !found.is_file() => {
            let reason = "a link, a folder, a pipe or a device in the place of a lock";
            Err(Error::file(lock, reason, "move it away"))
        }
        _ => Ok(()),
    }
}

/// Takes a lock. Who looks whether a process has it shares it for a moment, which is waited for.
fn try_lock(file: &File) -> std::result::Result<(), TryLockError> {
    for _ in 0..LOOKS {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => thread::sleep(LOOK),
            locked => return locked,
        }
    }
    file.try_lock()
}

/// Whether a path leads to an open file, and not to another one or to none. This needs no further descriptor.
#[cfg(unix)]
fn is_at(path: &Path, file: &File) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let place = |found: fs::Metadata| (found.dev(), found.ino());
    let open = place(file.metadata()?);
    match fs::symlink_metadata(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
        found => Ok(place(found?) == open),
    }
}

/// Whether a path leads to an open file, and not to another one or to none.
#[cfg(not(unix))]
fn is_at(path: &Path, file: &File) -> io::Result<bool> {
    use same_file::Handle;
    let open = Handle::from_file(file.try_clone()?)?;
    match Handle::from_path(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
        there => Ok(there? == open),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours(folder: &Path) -> FolderLock {
        match take(folder, "lock").unwrap() {
            Taken::Ours(lock) => lock,
            Taken::Others(text) => panic!("another has it: {text}"),
        }
    }

    #[test]
    fn one_process_has_a_folder_and_others_see_what_it_has_written() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("new/deep");
        let first = ours(&folder);
        first.use_for("a longer text").unwrap();
        first.use_for("a text").unwrap();
        match take(&folder, "lock").unwrap() {
            Taken::Others(text) => assert!(cfg!(windows) || text == "a text", "{text}"),
            Taken::Ours(_) => panic!("two have it"),
        }
        drop(first);
        assert_eq!(ours(&folder).text(), "a text");
        // who does not use it leaves it as it was
        assert_eq!(fs::read(folder.join("lock")).unwrap(), b"a text");
    }

    #[test]
    fn what_is_not_used_is_removed() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("new/deep");
        drop(ours(&folder));
        assert!(!scratch.path().join("new").exists());
        let lock = ours(&folder);
        lock.use_for("").unwrap();
        lock.discard();
        assert!(!scratch.path().join("new").exists());
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("lock"), "of another").unwrap();
        fs::write(folder.join("file"), "of another").unwrap();
        ours(&folder).discard();
        assert!(folder.join("file").is_file() && !folder.join("lock").exists());
    }

    /// A file that is locked and at no path is that of a process that has ended.
    #[cfg(unix)]
    #[test]
    fn a_lock_counts_only_at_its_place() {
        let scratch = tempfile::tempdir().unwrap();
        let at = |name: &str| scratch.path().join(name);
        let file = File::create(at("lock")).unwrap();
        assert!(is_at(&at("lock"), &file).unwrap());
        fs::rename(at("lock"), at("other")).unwrap();
        assert!(!is_at(&at("lock"), &file).unwrap());
        fs::write(at("lock"), "a third's").unwrap();
        assert!(!is_at(&at("lock"), &file).unwrap());
        // what cannot be found out is no answer: it would be asked for ever
        assert!(is_at(&at("lock/deeper"), &file).is_err());
    }

    #[test]
    fn who_looks_at_a_lock_has_it_for_a_moment_only() {
        let scratch = tempfile::tempdir().unwrap();
        ours(scratch.path()).use_for("").unwrap();
        let look = File::open(scratch.path().join("lock")).unwrap();
        look.lock_shared().unwrap();
        let looking = thread::spawn(move || {
            thread::sleep(3 * LOOK);
            drop(look);
        });
        drop(ours(scratch.path()));
        looking.join().unwrap();
    }
}
