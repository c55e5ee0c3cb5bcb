//! Atomic file writes: a file is written in a temporary folder beside its place, synced, then renamed. No reader ever
//! sees a part of it. A symbolic link is followed: the file that it leads to is replaced, and the link stays. What has no
//! content to replace, such as a pipe, `/dev/stdout` or `/dev/null`, is written to.

use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use pix2pix_runtime::regular_file::{self, SPECIAL};

use crate::error::{Error, Result};

/// Prefix and suffix of temporary names: the mark of this program.
const PREFIX: &str = ".pix2pix-";
const SUFFIX: &str = ".part";
/// The file in a temporary folder that its process locks.
const LOCK: &str = "lock";
/// Bytes of a file that is made to see whether one can be: a full disk still takes an empty one.
const TRIED: usize = 4096;
/// Number of links after which a path is taken for a circle, as on Linux.
const LINKS: usize = 40;

/// Writes `bytes` to `path` atomically and replaces an existing file.
///
/// # Errors
/// When the folder is missing or unwritable or the disk is full. The old file is then unchanged, and no temporary file
/// is left.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    write_at(path, |temporary| fs::write(temporary, bytes))
}

/// As [`write()`], under a name that this program chooses.
///
/// # Errors
/// As [`write()`] and [`check_own`].
pub fn write_own(path: &Path, bytes: &[u8]) -> Result<()> {
    check_own(path).and_then(|()| write(path, bytes))
}

/// Checks that a name that this program chooses does not lead to what has no content to replace. Whoever names a pipe wants
/// it to be written to; at a name of ours, nobody reads, and the program would wait for ever.
///
/// # Errors
/// When a pipe, a socket or a device has the name.
pub fn check_own(path: &Path) -> Result<()> {
    match Place::of(path) {
        Ok(Place::Stream(_)) => Err(Error::file(path, SPECIAL, "move it away")),
        _ => Ok(()),
    }
}

/// As [`write()`], but `fill` writes the content to the temporary path that it receives.
///
/// # Errors
/// As [`write()`].
pub fn write_at(path: &Path, fill: impl FnOnce(&Path) -> io::Result<()>) -> Result<()> {
    let written = Place::of(path).and_then(|place| match place {
        Place::File(file) => replace(&file, fill),
        Place::Stream(stream) => send(&stream, fill),
    });
    written.map_err(|e| Error::io(path, "write the file", e))
}

/// Checks that [`write()`] can write to `path`, before the work whose result it is to hold: that a file can be made beside it.
/// Nothing is left there.
///
/// # Errors
/// As [`write()`].
pub fn check(path: &Path) -> Result<()> {
    let tried = Place::of(path).and_then(|place| match place {
        Place::File(file) => try_in(folder_of(&file)),
        Place::Stream(_) => Ok(()),
    });
    tried.map_err(|e| Error::io(path, "write the file", e))
}

/// Checks that files can be made in a folder, which may not exist yet. Nothing is left there.
///
/// # Errors
/// As [`create_folder`] and [`write()`].
pub fn check_folder(folder: &Path) -> Result<()> {
    try_in(there(folder)).map_err(|e| Error::io(folder, "write into the folder", e))
}

/// The innermost of a folder and those above it that is there.
pub fn there(folder: &Path) -> &Path {
    let mut above = folder.ancestors();
    let there = above.find(|folder| fs::symlink_metadata(folder).is_ok());
    there.unwrap_or(Path::new("."))
}

/// The bytes that this user may still write to the disk of a folder, which may not exist yet; `None` if they are not known.
#[cfg(unix)]
pub(crate) fn room_in(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(there(folder)).ok()?;
    // some blocks are kept for root
    let free = match rustix::process::geteuid().is_root() {
        true => disk.f_bfree,
        false => disk.f_bavail,
    };
    // a disk of no size is one that does not say it
    (disk.f_blocks > 0).then(|| free.saturating_mul(disk.f_frsize))
}

/// The bytes that this user may still write to the disk of a folder; `None`, as they are not known.
#[cfg(not(unix))]
pub(crate) fn room_in(_: &Path) -> Option<u64> {
    None
}

/// Makes a file in a folder, and removes it.
fn try_in(folder: &Path) -> io::Result<()> {
    let scratch = Scratch::new(folder)?;
    fs::write(scratch.path().join("file"), [0; TRIED])
}

/// Whether writing to `path` would replace a file.
pub fn replaces(path: &Path) -> bool {
    matches!(Place::of(path), Ok(Place::File(file)) if file.exists())
}

/// The file that writing to `path` would replace or make, behind all links; `None` for what has no content to replace.
pub(crate) fn file_behind(path: &Path) -> Option<PathBuf> {
    match Place::of(path) {
        Ok(Place::File(file)) => Some(file),
        _ => None,
    }
}

/// Whether `path` is a name of this process's standard output.
pub fn is_standard_output(path: &Path) -> bool {
    matches!(Place::of(path), Ok(Place::Stream(stream)) if descriptor(&stream) == Some(1))
}

/// What a path leads to.
enum Place {
    /// A regular file, or none yet.
    File(PathBuf),
    /// A terminal, a pipe, a device without content, or an open file of a process.
    Stream(PathBuf),
}

impl Place {
    fn of(path: &Path) -> io::Result<Self> {
        let mut end = path.to_path_buf();
        for _ in 0..LINKS {
            // an open file may be in use at any place in it: it is never replaced
            let folder = fs::canonicalize(folder_of(&end));
            if folder.is_ok_and(|folder| folder.starts_with("/proc")) {
                return Ok(Self::Stream(end));
            }
            match fs::symlink_metadata(&end) {
                Ok(found) if found.is_symlink() => {
                    end = folder_of(&end).join(fs::read_link(&end)?);
                }
                Ok(found) if found.is_file() => return Ok(Self::File(end)),
                Ok(found) if found.is_dir() => return Err(ErrorKind::IsADirectory.into()),
                Ok(found) if is_disk(&found) => {
                    return Err(io::Error::new(ErrorKind::InvalidInput, "it is a disk"));
                }
                Ok(_) => return Ok(Self::Stream(end)),
                Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Self::File(end)),
                Err(e) => return Err(e),
            }
        }
        Err(io::Error::other("its links form a circle"))
    }
}

#[cfg(unix)]
fn is_disk(found: &fs::Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt;
    found.file_type().is_block_device()
}

#[cfg(not(unix))]
fn is_disk(_: &fs::Metadata) -> bool {
    false
}

/// The number of this process's descriptor that a path in `/proc` names.
fn descriptor(stream: &Path) -> Option<u32> {
    let folder = fs::canonicalize(folder_of(stream)).ok()?;
    let own = PathBuf::from(format!("/proc/{}/fd", std::process::id()));
    let number = stream.file_name()?.to_str()?.parse().ok()?;
    (folder == own).then_some(number)
}

/// The folder of a file.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Replaces a file, or creates it.
fn replace(file: &Path, fill: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let folder = folder_of(file);
    let scratch = Scratch::new(folder)?;
    let temporary = scratch.path().join("file");
    // the permissions of the file that is replaced, or those of any new file
    let new = File::create(&temporary)?.metadata()?.permissions();
    let permissions = fs::metadata(file).map_or(new, |old| old.permissions());
    keep_usable(&temporary)?;
    fill(&temporary)?;
    // `fill` may have replaced the temporary file
    keep_usable(&temporary)?;
    let written = File::options().write(true).open(&temporary)?;
    written.sync_all()?;
    drop(written);
    fs::set_permissions(&temporary, permissions)?;
    fs::rename(&temporary, file)?;
    sync_folder(folder);
    Ok(())
}

/// Lets this process use a temporary file or folder again, whatever the user's mask takes from the permissions of new ones.
#[cfg(unix)]
fn keep_usable(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let found = fs::metadata(path)?;
    let (mode, wanted) = (
        found.permissions().mode(),
        if found.is_dir() { 0o700 } else { 0o600 },
    );
    // a file system without permissions refuses to change them
    match mode & wanted == wanted {
        true => Ok(()),
        false => fs::set_permissions(path, fs::Permissions::from_mode(mode | wanted)),
    }
}

#[cfg(not(unix))]
fn keep_usable(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Writes to a stream once the content is complete.
fn send(stream: &Path, fill: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let folder = std::env::temp_dir();
    // a process that is killed while nobody reads leaves its content here; only what is found is of interest
    let _ = remove_unfinished(&folder);
    let scratch = Scratch::new(&folder)?;
    let temporary = scratch.path().join("file");
    fill(&temporary)?;
    let mut content = File::open(&temporary)?;
    let mut stream: Box<dyn Write> = match descriptor(stream) {
        // what was written before stays before it
        Some(1) => Box::new(io::stdout()),
        Some(2) => Box::new(io::stderr()),
        _ => Box::new(File::options().write(true).open(stream)?),
    };
    io::copy(&mut content, &mut stream)?;
    stream.flush()
}

/// Makes the rename survive a power cut. Errors are ignored: some systems (Windows) cannot sync a folder, and the file
/// itself is complete either way.
fn sync_folder(folder: &Path) {
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
}

/// A temporary folder with this program's mark, locked as long as its process uses it.
pub(crate) struct Scratch {
    /// The system releases this lock when the process ends, even if it crashes. It is released before the folder is
    /// removed: Windows removes no open file.
    _lock: File,
    folder: Removed,
}

impl Scratch {
    /// Creates it in a folder.
    pub(crate) fn new(folder: &Path) -> io::Result<Self> {
        loop {
            let folder = Removed::new_in(folder)?;
            // before the lock, another process may take the folder for that of a killed one and remove it
            let lock = keep_usable(&folder.0).and_then(|()| File::create_new(folder.0.join(LOCK)));
            let lock = match lock {
                Err(e) if e.kind() == ErrorKind::NotFound => continue,
                created => created?,
            };
            // a file system without locks keeps the folders of killed processes
            if !matches!(lock.try_lock(), Err(TryLockError::WouldBlock)) && folder.0.exists() {
                return Ok(Self {
                    _lock: lock,
                    folder,
                });
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.folder.0
    }
}

/// A folder that is removed at the end. Those of the `tempfile` crate have errors that hide the system's, and its number.
struct Removed(PathBuf);

impl Removed {
    /// Creates one of a name that nothing in `folder` has.
    fn new_in(folder: &Path) -> io::Result<Self> {
        // the current folder may be another one at the end
        let folder = std::path::absolute(folder)?;
        loop {
            // each state is keyed by other random numbers
            let name = RandomState::new().build_hasher().finish();
            let path = folder.join(format!("{PREFIX}{name:016x}{SUFFIX}"));
            match fs::create_dir(&path) {
                Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
                made => return made.map(|()| Self(path)),
            }
        }
    }
}

impl Drop for Removed {
    fn drop(&mut self) {
        // what is left is swept by the next command that writes there
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Whether a file or folder of this name is an unfinished one of this program.
pub fn is_unfinished(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with(PREFIX) && name.ends_with(SUFFIX)
}

/// Removes what killed processes left unfinished beside a file. What another process is writing stays.
///
/// # Errors
/// As [`remove_unfinished`].
pub fn remove_unfinished_beside(file: &Path) -> Result<()> {
    remove_unfinished(folder_of(file))
}

/// Removes what killed processes left unfinished in a folder. What another process is writing stays.
///
/// # Errors
/// When the folder cannot be read, or something that this user may remove cannot be removed.
pub fn remove_unfinished(folder: &Path) -> Result<()> {
    let failed = |e| Error::io(folder, "read the folder", e);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if !is_unfinished(path.file_name().unwrap_or_default()) {
            continue;
        }
        // a file is of an earlier version of this program
        let is_folder = path.is_dir();
        let lock = if is_folder {
            path.join(LOCK)
        } else {
            path.clone()
        };
        let lock = match regular_file::open(&lock) {
            Ok(lock) if lock.try_lock().is_ok() => Some(lock),
            Err(e) if e.kind() == ErrorKind::NotFound => None,
            _ => continue,
        };
        // it is held meanwhile, so that no other process begins to write there; Windows removes no open file
        let _held = lock.filter(|_| !cfg!(windows));
        let removed = if is_folder {
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
        };
        match removed {
            // another process was faster
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            // another user's, in a folder of all
            Err(e) if e.kind() == ErrorKind::PermissionDenied => {}
            removed => removed.map_err(|e| Error::io(&path, "remove the unfinished file", e))?,
        }
    }
    Ok(())
}

/// Creates a folder and its parents.
///
/// # Errors
/// When one cannot be created.
pub fn create_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|e| Error::io(path, "create the folder", e))
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_link_stays_and_its_file_is_replaced() {
        let scratch = tempfile::tempdir().unwrap();
        let at = |name: &str| scratch.path().join(name);
        fs::create_dir(at("far")).unwrap();
        fs::write(at("far/file"), "old").unwrap();
        fs::set_permissions(at("far/file"), fs::Permissions::from_mode(0o640)).unwrap();
        symlink("far/file", at("near")).unwrap();
        symlink("near", at("nearer")).unwrap();
        symlink("far/none-yet", at("dangling")).unwrap();
        symlink("circle", at("circle")).unwrap();
        assert!(replaces(&at("nearer")) && !replaces(&at("dangling")));
        write(&at("nearer"), b"new").unwrap();
        write(&at("dangling"), b"new").unwrap();
        for name in ["near", "nearer", "dangling"] {
            assert!(at(name).is_symlink(), "{name}");
            assert_eq!(fs::read(at(name)).unwrap(), b"new", "{name}");
        }
        let mode = fs::metadata(at("far/file")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
        assert!(write(&at("circle"), b"new").is_err());
        assert!(write(&at("far"), b"new").is_err());
    }

    #[test]
    fn nobody_waits_at_a_pipe_of_our_name() {
        let scratch = tempfile::tempdir().unwrap();
        let at = |name: &str| scratch.path().join(name);
        fs::create_dir(at(".pix2pix-a1b2c3.part")).unwrap();
        for name in ["own", ".pix2pix-a1b2c3.part/lock", ".pix2pix-d4e5f6.part"] {
            let made = std::process::Command::new("mkfifo").arg(at(name)).status();
            assert!(made.unwrap().success());
        }
        symlink("own", at("link")).unwrap();
        symlink("/dev/null", at("device")).unwrap();
        for name in ["own", "link", "device"] {
            let told = write_own(&at(name), b"new").unwrap_err().to_string();
            assert!(
                told.contains("it is no regular file; move it away"),
                "{told}"
            );
        }
        write_own(&at("new"), b"new").unwrap();
        write_own(&at("new"), b"newer").unwrap();
        // only what is locked as ours is ours
        remove_unfinished(scratch.path()).unwrap();
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 6);
    }

    #[test]
    fn a_place_is_tried_and_nothing_is_left() {
        let scratch = tempfile::tempdir().unwrap();
        let at = |name: &str| scratch.path().join(name);
        fs::write(at("file"), "old").unwrap();
        symlink("none/yet", at("dangling")).unwrap();
        check(&at("file")).unwrap();
        check(&at("new")).unwrap();
        check(Path::new("/dev/null")).unwrap();
        check_folder(scratch.path()).unwrap();
        check_folder(&at("new/deep")).unwrap();
        for name in ["none/new", "file/new", "dangling"] {
            let told = check(&at(name)).unwrap_err().to_string();
            assert!(
                told.contains(&format!("{name}: cannot write the file")),
                "{told}"
            );
        }
        for name in ["file", "file/new"] {
            let told = check_folder(&at(name)).unwrap_err().to_string();
            assert!(told.contains("a file is in the way"), "{told}");
        }
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 2);
        assert_eq!(fs::read(at("file")).unwrap(), b"old");
    }

    #[test]
    fn a_disk_has_room() {
        let scratch = tempfile::tempdir().unwrap();
        let room = room_in(scratch.path()).unwrap();
        assert!(room > TRIED as u64, "{room}");
        assert!(room_in(&scratch.path().join("new/deep")).is_some());
        // a disk without a size
        #[cfg(target_os = "linux")]
        assert_eq!(room_in(Path::new("/proc")), None);
    }

    /// With its number, the remedies for its kind are found; a path inside would be told twice.
    #[test]
    fn what_the_system_says_is_told_as_it_is() {
        let scratch = tempfile::tempdir().unwrap();
        let Err(refused) = Scratch::new(&scratch.path().join("none")) else {
            panic!("it is made in no folder");
        };
        // ENOENT
        assert_eq!(refused.raw_os_error(), Some(2));
        let [one, other] = [(); 2].map(|()| Scratch::new(scratch.path()).unwrap());
        assert!(is_unfinished(one.path().file_name().unwrap()));
        assert_ne!(one.path(), other.path());
        drop([one, other]);
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
    }

    #[test]
    fn only_what_nobody_writes_is_removed() {
        let scratch = tempfile::tempdir().unwrap();
        let at = |name: &str| scratch.path().join(name);
        fs::write(at(".tmp123456"), "of another program").unwrap();
        fs::write(at(".pix2pix-notes"), "of a person").unwrap();
        fs::write(at(".pix2pix-a1b2c3.part"), "of an earlier version").unwrap();
        fs::create_dir(at(".pix2pix-d4e5f6.part")).unwrap();
        fs::write(at(".pix2pix-d4e5f6.part/file"), "of a killed process").unwrap();
        let living = Scratch::new(scratch.path()).unwrap();
        remove_unfinished(scratch.path()).unwrap();
        assert!(living.path().is_dir());
        assert!(at(".tmp123456").is_file() && at(".pix2pix-notes").is_file());
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 3);
    }
}
