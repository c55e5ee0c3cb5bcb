//! Stores of a data set's files: a folder, an archive that is read in place, or data embedded in this program.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::env;
use std::fs::{self, DirEntry, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex};

use pix2pix_runtime::regular_file;
use tar::EntryType;
use zip::ZipArchive;
use zip::result::ZipError;

use super::passed_over::{self, CONVERT, PassedOver, Why};
use super::tar_names;
use crate::data::copying;
use crate::data::gzip::Gunzip;
use crate::data::picture::content::{MAX_GROWTH, Part, most_unpacked, temporary};
use crate::data::picture::{self, Content, is_picture, is_volume, nifti};
use crate::data::prepare::PREPARED;
use crate::error::{Error, Result};

/// Maximum depth of the folders that are searched.
const DEPTH: usize = 4;
/// Number of times that a folder is read by way of links: links of many folders to one another would be followed for hours.
const LINKED: usize = 16;
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

/// Volumes and files of many pages that were packed, by their paths. They are unpacked once, into an unnamed temporary file,
/// which disappears at program end: to find one slice or page, all before it would be unpacked again.
#[derive(Default)]
struct Unpacked {
    file: Option<Arc<Mutex<File>>>,
    /// With the errors of those that could not be unpacked: all their slices are asked for.
    files: HashMap<PathBuf, Result<Content>>,
}

impl Unpacked {
    /// What is known of a file.
    fn known(&self, path: &Path) -> Option<Result<Content>> {
        Some(match self.files.get(path)? {
            Ok(content) => Ok(content.clone()),
            Err(error) => Err(again(error)),
        })
    }
}

/// What is unpacked of a file before it is read.
enum Unpacks {
    /// The volume in it.
    Volume,
    /// The file, if it has several pages.
    Pages,
    /// Nothing: it is read where it is, or whole.
    No,
}

enum Container {
    Folder,
    Tar(Arc<Mutex<File>>, BTreeMap<PathBuf, Span>),
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
        Self::opened(
            path,
            "give a folder of side-by-side pairs, a folder with A/ and B/ or train/ in it, a .csv or \
             .jsonl manifest, or a .tar, .tar.gz or .zip of these",
        )
    }

    /// As [`open`](Self::open), of pictures that are not in pairs.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn of_pictures(path: &Path) -> Result<Self> {
        Self::opened(
            path,
            "give a folder of pictures, or a .tar, .tar.gz or .zip of them",
        )
    }

    fn opened(path: &Path, remedy: &str) -> Result<Self> {
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
                return Err(Error::file(path, reason, remedy));
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

    /// Lists all files, sorted, and those that are passed over: hidden ones, links that lead nowhere or back, what lies too
    /// deep, and what is no file.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub fn files(&self) -> Result<(Vec<PathBuf>, Vec<PassedOver>)> {
        let mut passed_over = self.unread.clone();
        let mut files = match &self.container {
            Container::Folder => {
                let mut walk = Walk {
                    root: &self.root,
                    above: vec![real(&self.root)?],
                    linked: HashMap::new(),
                    files: Vec::new(),
                    passed_over: &mut passed_over,
                };
                walk.folder(Path::new(""))?;
                walk.files
            }
            Container::Tar(_, index) => index.keys().cloned().collect(),
            Container::Zip(_, index) => index.keys().cloned().collect(),
            Container::Embedded(files) => files.keys().cloned().collect(),
        };
        files.retain(|path| {
            let hidden = is_hidden(path);
            if hidden && !path.ends_with(PREPARED) {
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
        passed_over.extend(others.map(|file| {
            let why = Why::of_ending(&file);
            PassedOver::new(file, why)
        }));
        if pictures.is_empty() {
            return Err(match passed_over::of_other_endings(&passed_over) {
                Some(others) => {
                    let reason = format!("contains no picture that is read; {others}");
                    Error::file(&self.root, reason, CONVERT)
                }
                None => {
                    let remedy = "put pictures into it or choose another folder";
                    Error::file(&self.root, "contains no picture", remedy)
                }
            });
        }
        Ok((pictures, passed_over))
    }

    /// The size of a file in bytes, unpacked; `None` if there is no such file.
    pub fn size(&self, path: &Path) -> Option<u64> {
        match &self.container {
            Container::Folder => Some(fs::metadata(self.root.join(path)).ok()?.len()),
            Container::Tar(_, index) => Some(index.get(path)?.length),
            Container::Zip(archive, index) => {
                let mut archive = lock(archive);
                let entry = archive.by_index_raw(*index.get(path)?).ok()?;
                Some(entry.size())
            }
            Container::Embedded(files) => Some(files.get(path)?.len() as u64),
        }
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

    /// The content of a file, of which only what is needed is read if it is not packed. Packed volumes and files of several pages
    /// are unpacked once.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn content(&self, path: &Path) -> Result<Content> {
        match self.unpacks(path) {
            Unpacks::Volume => self.unpacked(path, |file| {
                nifti::unpacked(&self.shown(path), &self.stored(path)?, file)
            }),
            Unpacks::Pages => {
                if let Some(known) = lock(&self.unpacked).known(path) {
                    return known;
                }
                let stored = self.stored(path)?;
                match picture::pages(&stored) {
                    1 => Ok(stored),
                    _ => self.unpacked(path, |file| appended(&stored, file)),
                }
            }
            Unpacks::No => self.stored(path),
        }
    }

    /// Whether a file is unpacked once, because its slices or pages are read one by one.
    fn unpacks(&self, path: &Path) -> Unpacks {
        let is_inside = matches!(self.container, Container::Zip(..) | Container::Embedded(_));
        let is_packed = || {
            let packed = |stored: Content| stored.is_packed().unwrap_or(false);
            is_inside || self.stored(path).is_ok_and(packed)
        };
        match is_volume(path) {
            true if is_packed() => Unpacks::Volume,
            false if is_inside => Unpacks::Pages,
            _ => Unpacks::No,
        }
    }

    /// What is unpacked of a file, once.
    fn unpacked(
        &self,
        path: &Path,
        unpack: impl FnOnce(&Arc<Mutex<File>>) -> Result<Content>,
    ) -> Result<Content> {
        let mut unpacked = lock(&self.unpacked);
        if let Some(known) = unpacked.known(path) {
            return known;
        }
        let file = match unpacked.file.clone() {
            Some(file) => file,
            None => unpacked.file.insert(temporary()?).clone(),
        };
        let found = unpack(&file);
        unpacked.files.insert(path.to_path_buf(), found);
        unpacked.known(path).expect("it was just unpacked")
    }

    /// The content of a file as it is stored: volumes stay packed, which is enough for their headers.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn stored(&self, path: &Path) -> Result<Content> {
        match &self.container {
            Container::Folder => Ok(Content::Disk(self.root.join(path))),
            Container::Tar(file, index) => match index.get(path) {
                Some(span) if span.length <= MAX_FILE => {
                    Ok(Content::Part(Part::new(file, span.start, span.length)))
                }
                // says why not
                _ => Ok(self.read(path)?.into()),
            },
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
        other => Error::Data(other.to_string()),
    }
}

/// A copy at the end of a file.
fn appended(content: &Content, file: &Arc<Mutex<File>>) -> Result<Content> {
    let failed = |e| Error::io(&env::temp_dir(), "unpack pages to a temporary file", e);
    let bytes = content.reader().map_err(failed)?;
    let part = Part::append(file, bytes, MAX_FILE, 0).map_err(failed)?;
    Ok(Content::Part(part))
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

/// A walk through the files of a folder.
struct Walk<'a> {
    root: &'a Path,
    /// The folders that lead to the one that is read, from the root on, without links.
    above: Vec<PathBuf>,
    /// The folders that were read by way of links, without these, and how often.
    linked: HashMap<PathBuf, usize>,
    files: Vec<PathBuf>,
    passed_over: &'a mut Vec<PassedOver>,
}

impl Walk<'_> {
    /// Finds the files below the root.
    fn folder(&mut self, below: &Path) -> Result<()> {
        let folder = self.root.join(below);
        let failed = |e| Error::io(&folder, "read the folder", e);
        let entries: io::Result<Vec<DirEntry>> = fs::read_dir(&folder).map_err(failed)?.collect();
        let mut entries = entries.map_err(failed)?;
        // which links are followed does not depend on the disk
        entries.sort_by_key(DirEntry::file_name);
        for entry in entries {
            let path = below.join(entry.file_name());
            // follows links
            let Ok(kind) = fs::metadata(entry.path()) else {
                self.pass_over(path, Why::Link);
                continue;
            };
            if kind.is_file() {
                self.files.push(path);
            } else if is_hidden(&path) {
                self.pass_over(path, Why::Hidden);
            } else if !kind.is_dir() {
                self.pass_over(path, Why::Device);
            } else {
                let real = real(&entry.path())?;
                // a link to where it is in would be followed forever, across other links too
                if self.above.iter().any(|above| above.starts_with(&real)) {
                    self.pass_over(path, Why::Link);
                } else if self.above.len() >= DEPTH {
                    self.pass_over(path, Why::Deep);
                } else if real != self.above[0].join(&path) && !self.may_follow(&real) {
                    self.pass_over(path, Why::Link);
                } else {
                    self.above.push(real);
                    self.folder(&path)?;
                    self.above.pop();
                }
            }
        }
        Ok(())
    }

    /// Counts one more link to a folder. Returns whether it is not one too many.
    fn may_follow(&mut self, real: &Path) -> bool {
        let count = self.linked.entry(real.to_path_buf()).or_default();
        *count += 1;
        *count <= LINKED
    }

    fn pass_over(&mut self, path: PathBuf, why: Why) {
        self.passed_over.push(PassedOver::new(path, why));
    }
}

/// The path of a folder without links.
fn real(folder: &Path) -> Result<PathBuf> {
    fs::canonicalize(folder).map_err(|e| Error::io(folder, "read the folder", e))
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
    // what the system says is of the disk, and all else of the content
    let broken = |e: io::Error| match e.raw_os_error() {
        Some(_) => failed(e),
        None => damaged(e.to_string()),
    };
    let file = regular_file::open(path).map_err(failed)?;
    match kind {
        Archive::Zip => {
            let unlisted = |e| match e {
                ZipError::Io(e) => broken(e),
                e => damaged(e.to_string()),
            };
            let mut archive = ZipArchive::new(BufReader::new(file)).map_err(unlisted)?;
            let mut index = BTreeMap::new();
            for place in 0..archive.len() {
                let entry = archive.by_index_raw(place).map_err(unlisted)?;
                // some programs of Windows write its separator, which ZIP forbids
                let name = entry.name().map_err(unlisted)?;
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
            let index = tar_index(&file, unread).map_err(broken)?;
            Ok(Container::Tar(Arc::new(Mutex::new(file)), index))
        }
        Archive::TarGz => {
            // compressed as a whole, so unpacked once into an unnamed temporary file, which disappears at program end
            let packed = file.metadata().map_err(failed)?.len();
            let most = most_unpacked(packed);
            let unpacked = temporary()?;
            let unwritten =
                |e| Error::io(&env::temp_dir(), "unpack an archive to a temporary file", e);
            let mut content = Gunzip::new(BufReader::new(file)).take(most + 1);
            let index = {
                let mut tar = lock(&unpacked);
                let length = copying::copy(&mut content, &mut *tar, broken, unwritten)?;
                if length > most {
                    return Err(damaged(format!(
                        "it unpacks to more than {MAX_GROWTH} times its size"
                    )));
                }
                tar.rewind().map_err(unwritten)?;
                tar_index(&tar, unread).map_err(broken)?
            };
            Ok(Container::Tar(unpacked, index))
        }
    }
}

/// The places of the files in a tar, which is at its start.
fn tar_index(file: &File, unread: &mut Vec<PassedOver>) -> io::Result<BTreeMap<PathBuf, Span>> {
    let length = file.metadata()?.len();
    let (tar, place) = tar_names::limited(file);
    let mut archive = tar::Archive::new(tar);
    let mut index = BTreeMap::new();
    for entry in archive.entries_with_seek()? {
        let mut entry = entry?;
        place.behind_content();
        let kind = entry.header().entry_type();
        let path = entry.path()?.into_owned();
        let why = match kind {
            EntryType::Regular | EntryType::Continuous => {
                sparse(&mut entry)?.map(|path| (path, Why::Sparse))
            }
            EntryType::Symlink | EntryType::Link => Some((path.clone(), Why::Link)),
            EntryType::GNUSparse => Some((path.clone(), Why::Sparse)),
            EntryType::Directory | EntryType::XGlobalHeader => continue,
            _ => Some((path.clone(), Why::Device)),
        };
        if let Some((path, why)) = why {
            unread.push(PassedOver::new(path, why));
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

/// The path of a file that is stored without its holes by newer extensions of tar, whose own name is in them.
pub(crate) fn sparse(entry: &mut tar::Entry<'_, impl Read>) -> io::Result<Option<PathBuf>> {
    let mut path = None;
    let mut is_sparse = false;
    for extension in entry.pax_extensions()?.into_iter().flatten() {
        let extension = extension?;
        is_sparse |= extension.key_bytes().starts_with(b"GNU.sparse.");
        if extension.key_bytes() == b"GNU.sparse.name" {
            path = extension.value().ok().map(PathBuf::from);
        }
    }
    let path = path.map_or_else(|| entry.path().map(Cow::into_owned), Ok)?;
    Ok(is_sparse.then_some(path))
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

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::write::SimpleFileOptions;

    use super::*;
    use crate::data::picture::{Metadata, Page, Picture, Samples, StackWriter};

    /// A TIFF with so many pages, each of its number.
    fn stack(path: &Path, pages: u8) {
        let mut stack = StackWriter::tiff(path).unwrap();
        for page in 0..pages {
            let picture = Picture::new([16, 16], 1, Samples::U8(vec![page; 256]));
            stack.write(&picture, &Metadata::default()).unwrap();
        }
        stack.finish().unwrap();
    }

    /// No page costs the bytes of all others.
    #[test]
    fn pages_in_an_archive_are_found_in_place() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        stack(&at("many.btf"), 20);
        stack(&at("one.tif"), 1);
        let mut tar = tar::Builder::new(File::create(at("x.tar")).unwrap());
        let mut zip = zip::ZipWriter::new(File::create(at("x.zip")).unwrap());
        for name in ["many.btf", "one.tif"] {
            tar.append_path_with_name(at(name), name).unwrap();
            zip.start_file(name, SimpleFileOptions::default()).unwrap();
            zip.write_all(&fs::read(at(name)).unwrap()).unwrap();
        }
        tar.finish().unwrap();
        zip.finish().unwrap();
        for archive in ["x.tar", "x.zip"] {
            let store = Store::open(&at(archive)).unwrap();
            for page in [19, 0, 7] {
                let content = store.content(Path::new("many.btf")).unwrap();
                assert!(matches!(content, Content::Part(_)), "{archive}");
                let read = picture::decode_page(Path::new("x"), &content, Page::At(page));
                assert_eq!(read.unwrap().0.bytes(), vec![page as u8; 256]);
            }
            let content = store.content(Path::new("one.tif")).unwrap();
            let whole = picture::decode_page(Path::new("x"), &content, Page::Only);
            assert_eq!(whole.unwrap().0.bytes(), [0; 256]);
            let bytes = fs::read(at("one.tif")).unwrap();
            assert_eq!(&content.bytes().unwrap()[..], bytes);
        }
    }

    /// Tapes and disks fill their last block with zeros.
    #[test]
    fn zeros_behind_a_packed_tar_are_no_damage() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.tar.gz");
        let packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let mut tar = tar::Builder::new(packed);
        let mut header = tar::Header::new_ustar();
        header.set_size(0);
        header.set_cksum();
        tar.append_data(&mut header, "A/x.png", io::empty())
            .unwrap();
        let packed = tar.into_inner().unwrap().finish().unwrap();
        let files = |behind: &[u8]| {
            fs::write(&path, [&packed[..], behind].concat()).unwrap();
            Store::open(&path).and_then(|store| Ok(store.files()?.0))
        };
        assert_eq!(files(&[0; 10_240]).unwrap(), [PathBuf::from("A/x.png")]);
        let error = files(b"rest").unwrap_err().to_string();
        assert!(error.contains("damaged archive"), "{error}");
    }

    /// What tar stores in another way, or has beside files, is named.
    #[test]
    fn what_a_tar_holds_besides_files_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.tar");
        let mut tar = tar::Builder::new(File::create(&path).unwrap());
        let mut add = |name: &str, kind: EntryType| {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(kind);
            header.set_size(0);
            header.set_cksum();
            tar.append_data(&mut header, name, io::empty()).unwrap();
        };
        add("A/x.png", EntryType::Regular);
        add("A", EntryType::Directory);
        add("A/pipe", EntryType::Fifo);
        let sparse = [
            ("GNU.sparse.major", &b"1"[..]),
            ("GNU.sparse.name", b"A/s.png"),
        ];
        tar.append_pax_extensions(sparse).unwrap();
        let mut header = tar::Header::new_ustar();
        header.set_size(0);
        header.set_cksum();
        tar.append_data(&mut header, "A/GNUSparseFile.0/s.png", io::empty())
            .unwrap();
        tar.finish().unwrap();
        let (files, passed_over) = Store::open(&path).unwrap().files().unwrap();
        assert_eq!(files, [PathBuf::from("A/x.png")]);
        let expected = [("A/pipe", Why::Device), ("A/s.png", Why::Sparse)];
        assert_eq!(
            passed_over,
            expected.map(|(file, why)| PassedOver::new(file, why))
        );
    }

    #[cfg(unix)]
    #[test]
    fn links_that_lead_back_are_not_followed() {
        use std::os::unix::fs::symlink;

        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["a", "b"] {
            fs::create_dir(at(name)).unwrap();
            fs::write(at(name).join("1.png"), b"").unwrap();
        }
        symlink(at("b"), at("a/other")).unwrap();
        symlink(at("a"), at("b/other")).unwrap();
        // the same pictures on both sides, on purpose
        symlink(at("a"), at("c")).unwrap();
        let (files, passed_over) = Store::open(folder.path()).unwrap().files().unwrap();
        let files: Vec<&str> = files.iter().map(|file| file.to_str().unwrap()).collect();
        let expected = [
            "a/1.png",
            "a/other/1.png",
            "b/1.png",
            "b/other/1.png",
            "c/1.png",
            "c/other/1.png",
        ];
        assert_eq!(files, expected);
        let back = ["a/other/other", "b/other/other", "c/other/other"];
        assert_eq!(
            passed_over,
            back.map(|file| PassedOver::new(file, Why::Link))
        );
    }

    /// Folders with links to one another: followed by each path, they would be thousands.
    #[cfg(unix)]
    #[test]
    fn links_of_many_folders_to_one_another_have_an_end() {
        const MANY: usize = 24;
        let folder = tempfile::tempdir().unwrap();
        let name = |index: usize| format!("{index:02}");
        for index in 0..MANY {
            let here = folder.path().join(name(index));
            fs::create_dir(&here).unwrap();
            fs::write(here.join("x.png"), b"").unwrap();
            for other in (0..MANY).filter(|other| *other != index) {
                std::os::unix::fs::symlink(folder.path().join(name(other)), here.join(name(other)))
                    .unwrap();
            }
        }
        let (files, passed_over) = Store::open(folder.path()).unwrap().files().unwrap();
        assert_eq!(files.len(), MANY * (1 + LINKED));
        for index in 0..MANY {
            let own = Path::new(&name(index)).join("x.png");
            assert!(files.contains(&own), "{}", own.display());
        }
        let is_told = |why| passed_over.iter().any(|file| file.why == why);
        assert!(is_told(Why::Link) && is_told(Why::Deep));
    }
}
