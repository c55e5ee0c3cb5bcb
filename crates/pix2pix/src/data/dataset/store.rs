//! Stores of a data set's files: a folder, an archive that is read in place, or data embedded in this program.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex};

use flate2::read::MultiGzDecoder;
use pix2pix_runtime::regular_file;
use zip::ZipArchive;

use super::passed_over::{PassedOver, Why};
use crate::data::picture::content::{MAX_GROWTH, most_unpacked, temporary};
use crate::data::picture::{Content, is_picture, is_volume, nifti};
use crate::error::{Error, Result};

/// Maximum depth of the folders that are searched.
const DEPTH: usize = 4;
/// Maximum size of a file inside an archive, in bytes.
const MAX_FILE: u64 = 1 << 31;

/// The files of a data set, by paths relative to its root.
pub struct Store {
    root: PathBuf,
    container: Container,
    /// Entries of an archive that are not read.
    unread: Vec<PassedOver>,
    unpacked: Mutex<Unpacked>,
}

/// Volumes that were packed, by their paths. They are unpacked once, into an unnamed temporary file, which disappears at
/// program end: to find one slice, all before it would be unpacked again.
#[derive(Default)]
struct Unpacked {
    file: Option<Arc<Mutex<File>>>,
    /// With the errors of those that could not be unpacked: all their slices are asked for.
    volumes: HashMap<PathBuf, Result<Content>>,
}

enum Container {
    Folder,
    Tar(Mutex<File>, BTreeMap<PathBuf, Span>),
    Zip(Mutex<ZipArchive<BufReader<File>>>, BTreeMap<PathBuf, usize>),
    Embedded(BTreeMap<PathBuf, &'static [u8]>),
}

/// Position of a file's bytes in a tar.
#[derive(Clone, Copy)]
struct Span {
    start: u64,
    length: u64,
}

/// A kind of archive.
#[derive(Clone, Copy, PartialEq)]
enum Archive {
    Tar,
    TarGz,
    Zip,
}

impl Archive {
    fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_string_lossy().to_lowercase();
        let endings = [
            (".tar", Self::Tar),
            (".tar.gz", Self::TarGz),
            (".tgz", Self::TarGz),
            (".zip", Self::Zip),
        ];
        endings
            .into_iter()
            .find(|(ending, _)| name.ends_with(ending))
            .map(|(_, kind)| kind)
    }
}

impl Store {
    /// Opens a folder or an archive (`.tar`, `.tar.gz`, `.tgz`, `.zip`).
    ///
    /// # Errors
    /// When it does not exist, is neither, or the archive is damaged.
    pub fn open(path: &Path) -> Result<Self> {
        let mut unread = Vec::new();
        let container = match Archive::of(path) {
            _ if path.is_dir() => Container::Folder,
            Some(kind) if path.is_file() => archive(path, kind, &mut unread)?,
            _ => {
                let reason = if path.exists() {
                    "a file, not a folder"
                } else {
                    "no such folder"
                };
                return Err(Error::file(
                    path,
                    reason,
                    "give a folder of side-by-side pairs, a folder with A/ and B/ or train/ in it, a .csv or \
                     .jsonl manifest, or a .tar, .tar.gz or .zip of these",
                ));
            }
        };
        Ok(Self {
            root: path.to_path_buf(),
            container,
            unread,
            unpacked: Mutex::default(),
        })
    }

    /// Makes a store of files that are embedded in the program.
    pub fn embedded(files: BTreeMap<PathBuf, &'static [u8]>) -> Self {
        Self {
            root: PathBuf::new(),
            container: Container::Embedded(files),
            unread: Vec::new(),
            unpacked: Mutex::default(),
        }
    }

    /// A file's path, for messages.
    pub fn shown(&self, path: &Path) -> PathBuf {
        self.root.join(path)
    }

    /// Whether this is a folder on disk.
    pub fn is_folder(&self) -> bool {
        matches!(self.container, Container::Folder)
    }

    /// Path of the folder or archive, for messages.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Lists all files, sorted, and those that are passed over: hidden ones, links without a target, and what lies too
    /// deep.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub fn files(&self) -> Result<(Vec<PathBuf>, Vec<PassedOver>)> {
        let mut passed_over = self.unread.clone();
        let mut files = match &self.container {
            Container::Folder => {
                let mut files = Vec::new();
                walk(
                    &self.root,
                    Path::new(""),
                    DEPTH,
                    &mut files,
                    &mut passed_over,
                )?;
                files
            }
            Container::Tar(_, index) => index.keys().cloned().collect(),
            Container::Zip(_, index) => index.keys().cloned().collect(),
            Container::Embedded(files) => files.keys().cloned().collect(),
        };
        files.retain(|path| {
            let hidden = is_hidden(path);
            if hidden {
                passed_over.push(PassedOver::new(path, Why::Hidden));
            }
            !hidden
        });
        files.sort();
        passed_over.sort_by(|one, other| one.file.cmp(&other.file));
        Ok((files, passed_over))
    }

    /// Lists the pictures, sorted, and all files that are passed over.
    ///
    /// # Errors
    /// When a folder cannot be read, or there are no pictures.
    pub fn pictures(&self) -> Result<(Vec<PathBuf>, Vec<PassedOver>)> {
        let (files, mut passed_over) = self.files()?;
        let (pictures, others): (Vec<_>, Vec<_>) =
            files.into_iter().partition(|file| is_picture(file));
        let others = others.into_iter();
        passed_over.extend(others.map(|file| PassedOver::new(file, Why::Ending)));
        if pictures.is_empty() {
            let remedy = "put pictures into it or choose another folder";
            return Err(Error::file(&self.root, "contains no picture", remedy));
        }
        Ok((pictures, passed_over))
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&self, path: &Path) -> Result<Vec<u8>> {
        let failed = |e| Error::io(&self.shown(path), "read the file", e);
        let missing = || failed(io::Error::from(io::ErrorKind::NotFound));
        match &self.container {
            Container::Folder => regular_file::read(&self.root.join(path)).map_err(failed),
            Container::Tar(file, index) => {
                let span = index.get(path).ok_or_else(missing)?;
                let mut file = lock(file);
                file.seek(SeekFrom::Start(span.start)).map_err(failed)?;
                read_all(&mut *file, span.length).map_err(failed)
            }
            Container::Zip(archive, index) => {
                let index = *index.get(path).ok_or_else(missing)?;
                let mut archive = lock(archive);
                let unpacked = |reason: String| {
                    let remedy = "unpack the archive, and give the folder";
                    Error::file(
                        &self.shown(path),
                        format!("cannot unpack the file: {reason}"),
                        remedy,
                    )
                };
                let entry = archive
                    .by_index(index)
                    .map_err(|e| unpacked(e.to_string()))?;
                let (length, packed) = (entry.size(), entry.compressed_size());
                if length > most_of_entry(packed) {
                    let reason = format!("it has more than {MAX_GROWTH} times its packed size");
                    return Err(unpacked(reason));
                }
                read_all(entry, length).map_err(|e| unpacked(e.to_string()))
            }
            Container::Embedded(files) => files
                .get(path)
                .map(|bytes| bytes.to_vec())
                .ok_or_else(missing),
        }
    }

    /// The content of a file, which is read from a folder only where needed. Volumes are unpacked.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn content(&self, path: &Path) -> Result<Content> {
        let is_packed = || {
            let in_folder = self.is_folder();
            let packed = |content: Content| content.is_packed().unwrap_or(false);
            !in_folder || packed(Content::Disk(self.root.join(path)))
        };
        if !is_volume(path) || !is_packed() {
            return self.stored(path);
        }
        let Unpacked { file, volumes } = &mut *lock(&self.unpacked);
        match volumes.get(path) {
            Some(Ok(volume)) => return Ok(volume.clone()),
            Some(Err(error)) => return Err(again(error)),
            None => {}
        }
        let file = match file {
            Some(file) => file,
            None => file.insert(temporary()?),
        };
        let volume = nifti::unpacked(&self.shown(path), &self.stored(path)?, file);
        let answer = match &volume {
            Ok(volume) => Ok(volume.clone()),
            Err(error) => Err(again(error)),
        };
        volumes.insert(path.to_path_buf(), volume);
        answer
    }

    /// The content of a file as it is stored: volumes stay packed, which is enough for their headers.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn stored(&self, path: &Path) -> Result<Content> {
        match self.container {
            Container::Folder => Ok(Content::Disk(self.root.join(path))),
            _ => Ok(self.read(path)?.into()),
        }
    }
}

/// The same error.
fn again(error: &Error) -> Error {
    match error {
        Error::File {
            path,
            reason,
            remedy,
        } => Error::file(path, reason, remedy),
        Error::Io {
            path,
            action,
            reason,
            ..
        } => {
            let reason = io::Error::new(reason.kind(), reason.to_string());
            Error::io(path, action, reason)
        }
        other => Error::Config(other.to_string()),
    }
}

/// Locks a mutex, even if another thread panicked while holding it: its content is never left half changed.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Reads exactly `length` bytes. Memory grows with the bytes that arrive, not with `length`.
fn read_all(from: impl Read, length: u64) -> io::Result<Vec<u8>> {
    if length > MAX_FILE {
        return Err(io::Error::other(
            "a file of more than 2 GiB inside an archive",
        ));
    }
    let mut bytes = Vec::new();
    from.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != length {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
    }
    Ok(bytes)
}

fn is_hidden(path: &Path) -> bool {
    path.components().any(|part| {
        let name = part.as_os_str().to_string_lossy();
        name.starts_with('.') || name == "__MACOSX"
    })
}

fn walk(
    root: &Path,
    below: &Path,
    depth: usize,
    files: &mut Vec<PathBuf>,
    passed_over: &mut Vec<PassedOver>,
) -> Result<()> {
    let folder = root.join(below);
    let failed = |e| Error::io(&folder, "read the folder", e);
    for entry in fs::read_dir(&folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = below.join(entry.file_name());
        // follows links
        let Ok(kind) = fs::metadata(entry.path()) else {
            passed_over.push(PassedOver::new(&path, Why::Link));
            continue;
        };
        if kind.is_file() {
            files.push(path);
        } else if is_hidden(&path) {
            passed_over.push(PassedOver::new(&path, Why::Hidden));
        } else if kind.is_dir() && is_above(&entry.path(), &folder) {
            passed_over.push(PassedOver::new(&path, Why::Link));
        } else if kind.is_dir() && depth > 1 {
            walk(root, &path, depth - 1, files, passed_over)?;
        } else if kind.is_dir() {
            passed_over.push(PassedOver::new(&path, Why::Deep));
        } else {
            passed_over.push(PassedOver::new(&path, Why::Device));
        }
    }
    Ok(())
}

/// Whether a path leads back to the folder that it is in, or to one above, by a link.
fn is_above(path: &Path, folder: &Path) -> bool {
    if !path.is_symlink() {
        return false;
    }
    let [target, folder] = [path, folder].map(fs::canonicalize);
    matches!((target, folder), (Ok(target), Ok(folder)) if folder.starts_with(&target))
}

/// Removes `.` from a path inside an archive. Returns `None` if it is absolute or contains `..`.
pub(crate) fn inside(path: &Path) -> Option<PathBuf> {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => clean.push(name),
            Component::CurDir => {}
            _ => return None,
        }
    }
    Some(clean)
}

/// Maximum number of bytes of a picture in a zip of which `packed` bytes are stored. Pictures hardly compress, apart from
/// plain areas in formats without compression.
fn most_of_entry(packed: u64) -> u64 {
    packed.saturating_mul(MAX_GROWTH).saturating_add(256 << 20)
}

fn archive(path: &Path, kind: Archive, unread: &mut Vec<PassedOver>) -> Result<Container> {
    let failed = |e| Error::io(path, "read the archive", e);
    let damaged = |e: String| {
        Error::file(
            path,
            format!("damaged archive ({e})"),
            "download it again, or unpack it",
        )
    };
    let file = regular_file::open(path).map_err(failed)?;
    match kind {
        Archive::Zip => {
            let mut archive =
                ZipArchive::new(BufReader::new(file)).map_err(|e| damaged(e.to_string()))?;
            let mut index = BTreeMap::new();
            for place in 0..archive.len() {
                let entry = archive
                    .by_index_raw(place)
                    .map_err(|e| damaged(e.to_string()))?;
                // some programs of Windows write its separator, which ZIP forbids
                let name = entry.name().map_err(|e| damaged(e.to_string()))?;
                let name = name.replace('\\', "/");
                match inside(Path::new(&name)) {
                    _ if name.ends_with('/') => {}
                    Some(path) if entry.is_symlink() => {
                        unread.push(PassedOver::new(&path, Why::Link))
                    }
                    Some(path) => {
                        index.insert(path, place);
                    }
                    None => unread.push(PassedOver::new(name, Why::Outside)),
                }
            }
            Ok(Container::Zip(Mutex::new(archive), index))
        }
        Archive::Tar => {
            let index = tar_index(&file, unread).map_err(|e| damaged(e.to_string()))?;
            Ok(Container::Tar(Mutex::new(file), index))
        }
        Archive::TarGz => {
            // compressed as a whole, so unpacked once into an unnamed temporary file, which disappears at program end
            let packed = file.metadata().map_err(failed)?.len();
            let most = most_unpacked(packed);
            let mut unpacked = tempfile::tempfile().map_err(failed)?;
            let mut content = MultiGzDecoder::new(BufReader::new(file)).take(most + 1);
            let length =
                io::copy(&mut content, &mut unpacked).map_err(|e| damaged(e.to_string()))?;
            if length > most {
                return Err(damaged(format!(
                    "it unpacks to more than {MAX_GROWTH} times its size"
                )));
            }
            unpacked.rewind().map_err(failed)?;
            let index = tar_index(&unpacked, unread).map_err(|e| damaged(e.to_string()))?;
            Ok(Container::Tar(Mutex::new(unpacked), index))
        }
    }
}

/// Maximum size of a name in a tar, or of what else it says of a file, in bytes.
const MAX_NAME: u64 = 1 << 20;

/// Refuses a tar with longer names, which are read whole. The file is then at its start.
fn check_names(mut file: &File) -> io::Result<()> {
    for entry in tar::Archive::new(file).entries_with_seek()?.raw(true) {
        let entry = entry?;
        let kind = entry.header().entry_type();
        let is_name = kind.is_gnu_longname() || kind.is_gnu_longlink();
        let is_said = kind.is_pax_local_extensions() || kind.is_pax_global_extensions();
        if (is_name || is_said) && entry.size() > MAX_NAME {
            return Err(io::Error::other("a name of more than 1 MiB"));
        }
    }
    file.rewind()
}

fn tar_index(file: &File, unread: &mut Vec<PassedOver>) -> io::Result<BTreeMap<PathBuf, Span>> {
    let length = file.metadata()?.len();
    check_names(file)?;
    let mut archive = tar::Archive::new(file);
    let mut index = BTreeMap::new();
    for entry in archive.entries_with_seek()? {
        let entry = entry?;
        let kind = entry.header().entry_type();
        let path = entry.path()?.into_owned();
        if kind.is_symlink() || kind.is_hard_link() {
            unread.push(PassedOver::new(&path, Why::Link));
        }
        if kind.is_fifo() || kind.is_character_special() || kind.is_block_special() {
            unread.push(PassedOver::new(&path, Why::Device));
        }
        if !kind.is_file() {
            continue;
        }
        let span = Span {
            start: entry.raw_file_position(),
            length: entry.size(),
        };
        if span.start.saturating_add(span.length) > length {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        match inside(&path) {
            Some(path) => {
                index.insert(path, span);
            }
            None => unread.push(PassedOver::new(&path, Why::Outside)),
        }
    }
    Ok(index)
}

#[cfg(test)]
mod volume_tests {
    use super::*;

    /// A damaged volume is unpacked once, not again for each of its slices, and leaves nothing behind.
    #[test]
    fn a_damaged_volume_is_remembered() {
        let volumes = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/volumes");
        let whole = fs::read(volumes.join("i16.nii.gz")).unwrap();
        let mut wrong = whole.clone();
        let checksum = wrong.len() - 8;
        wrong[checksum] ^= 1;
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
        write("wrong.nii.gz", &wrong);
        write("cut.nii.gz", &whole[..whole.len() - 40]);
        write("whole.nii.gz", &whole);
        let store = Store::open(folder.path()).unwrap();
        let length = || {
            let unpacked = lock(&store.unpacked);
            let file = unpacked.file.as_ref().expect("a file was unpacked");
            lock(file).metadata().unwrap().len()
        };
        for name in ["wrong.nii.gz", "cut.nii.gz"] {
            let error = || store.content(Path::new(name)).unwrap_err().to_string();
            let first = error();
            assert!(first.contains("damaged NIfTI picture"), "{first}");
            assert_eq!(length(), 0, "{name}");
            // it would be read now
            write(name, &whole);
            assert_eq!(error(), first);
        }
        store.content(Path::new("whole.nii.gz")).unwrap();
        assert!(length() > 0);
    }
}
