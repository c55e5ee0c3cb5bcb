//! Public data sets: resumable download to a file, and safe unpacking.

mod fetch;
mod mark;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use pix2pix_runtime::regular_file;
use tar::EntryType;

use crate::atomic_file::{self, Scratch};
use crate::data::copying;
use crate::data::dataset::passed_over::{PassedOver, Why};
use crate::data::dataset::store::{inside, sparse};
use crate::data::dataset::tar_names;
use crate::data::gzip::Gunzip;
use crate::data::picture::content::most_unpacked;
use crate::error::{Error, Result};

pub use fetch::fetch;
pub use mark::{is_download, remove};

/// Download address of the data sets, from the paper's authors; the public ports use it too.
pub const ADDRESS: &str = "http://efrosgans.eecs.berkeley.edu/pix2pix/datasets";

/// A public data set of the paper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicDataset {
    /// Name of the data set and of its archive.
    pub name: &'static str,
    /// Content of A and B.
    pub about: &'static str,
    /// Approximate size of the archive, in megabytes.
    pub megabytes: u32,
    /// Translation direction in the paper: `a-to-b` or `b-to-a`. Of maps, for which the paper has both, it is that to maps.
    pub direction: &'static str,
}

/// All public data sets of the paper.
pub const DATASETS: [PublicDataset; 6] = [
    PublicDataset {
        name: "facades",
        about: "facades and their labels",
        megabytes: 29,
        direction: "b-to-a",
    },
    PublicDataset {
        name: "cityscapes",
        about: "street scenes and their labels",
        megabytes: 99,
        direction: "b-to-a",
    },
    PublicDataset {
        name: "maps",
        about: "aerial photographs and maps",
        megabytes: 239,
        direction: "a-to-b",
    },
    PublicDataset {
        name: "night2day",
        about: "views by night and by day",
        megabytes: 1900,
        direction: "b-to-a",
    },
    PublicDataset {
        name: "edges2shoes",
        about: "edges and shoes",
        megabytes: 2000,
        direction: "a-to-b",
    },
    PublicDataset {
        name: "edges2handbags",
        about: "edges and handbags",
        megabytes: 8000,
        direction: "a-to-b",
    },
];

/// Unpacks a `.tar.gz` to `folder`, which appears complete or not at all. If the archive contains a single top-level
/// folder, that becomes `folder`. Returns what is left out: links and devices.
///
/// # Errors
/// When the archive is damaged, is too large when unpacked, or contains a path that leads outside the folder.
pub fn unpack(archive: &Path, folder: &Path) -> Result<Vec<PassedOver>> {
    let parent = folder
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let disk = |e| Error::io(folder, "unpack the data set", e);
    let scratch = Scratch::new(parent.unwrap_or(Path::new("."))).map_err(disk)?;
    let content_of = scratch.path().join("content");
    atomic_file::create_folder(&content_of)?;
    let file = regular_file::open(archive).map_err(|e| unread(archive, e))?;
    let packed = file.metadata().map_err(disk)?.len();
    let content = Gunzip::new(BufReader::new(file));
    let left_out = unpack_entries(archive, content, &content_of, most_unpacked(packed))?;
    let mut entries: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(&content_of).map_err(disk)? {
        entries.push(entry.map_err(disk)?.path());
    }
    let whole = match entries.as_slice() {
        [only] if only.is_dir() => only.clone(),
        [] => return Err(bad(archive, "it is empty")),
        _ => content_of,
    };
    fs::rename(&whole, folder).map_err(disk)?;
    Ok(left_out)
}

fn bad(archive: &Path, reason: &str) -> Error {
    Error::file(
        archive,
        format!("a bad archive ({reason})"),
        "download it again, or choose another `address`",
    )
}

/// An error of reading an archive: what the system says is of the disk, and all else of the content.
fn unread(archive: &Path, e: io::Error) -> Error {
    match e.raw_os_error() {
        Some(_) => Error::io(archive, "read the archive", e),
        None => bad(archive, &e.to_string()),
    }
}

/// An error of writing what an archive has at `path`: names that no folder can have, or not together, are the archive's
/// fault, and all else the disk's.
fn unwritten(archive: &Path, path: &Path, error: Error) -> Error {
    match error {
        Error::Io { reason, .. }
            if matches!(
                reason.kind(),
                ErrorKind::AlreadyExists
                    | ErrorKind::NotADirectory
                    | ErrorKind::IsADirectory
                    | ErrorKind::InvalidFilename
                    | ErrorKind::InvalidInput
            ) =>
        {
            let reason = format!("{} cannot be unpacked: {reason}", path.display());
            bad(archive, &reason)
        }
        other => other,
    }
}

fn unpack_entries(
    archive: &Path,
    content: impl Read,
    to: &Path,
    most: u64,
) -> Result<Vec<PassedOver>> {
    let damaged = |e: io::Error| unread(archive, e);
    let mut unpacked = 0u64;
    let mut left_out = Vec::new();
    let mut files = BTreeSet::new();
    // the reader stops at the limit, so no entry can exceed it
    let (content, place) = tar_names::limited(content.take(most + 1));
    let mut tar = tar::Archive::new(content);
    for entry in tar.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        place.in_content();
        unpacked = unpacked.saturating_add(entry.size());
        if unpacked > most {
            return Err(bad(archive, "it is too large when unpacked"));
        }
        let path = entry.path().map_err(damaged)?.into_owned();
        let Some(path) = inside(&path) else {
            return Err(bad(
                archive,
                &format!("{} leads outside the folder", path.display()),
            ));
        };
        let kind = entry.header().entry_type();
        if kind.is_gnu_sparse() || sparse(&mut entry).map_err(damaged)?.is_some() {
            let reason = format!("{} is stored without its holes", path.display());
            return Err(bad(archive, &reason));
        }
        let written = match kind {
            EntryType::Directory => atomic_file::create_folder(&to.join(&path)),
            EntryType::Regular | EntryType::Continuous => {
                let is_again = !files.insert(path.clone());
                unpack_file(&mut entry, &to.join(&path), is_again, damaged)
            }
            EntryType::XGlobalHeader => Ok(()),
            other => {
                let why = match other {
                    EntryType::Symlink | EntryType::Link => Why::Link,
                    _ => Why::Device,
                };
                left_out.push(PassedOver::new(path.clone(), why));
                Ok(())
            }
        };
        written.map_err(|error| unwritten(archive, &path, error))?;
        // whatever is left of it
        io::copy(&mut entry, &mut io::sink()).map_err(damaged)?;
        place.behind_content();
    }
    // gzip's checksum is behind the end of the tar
    place.in_content();
    io::copy(&mut tar.into_inner(), &mut io::sink()).map_err(damaged)?;
    Ok(left_out)
}

/// Writes a file of an archive, in place of an earlier one if the archive has it again; files whose names are one on this disk
/// alone do not replace each other. `damaged` makes errors of what cannot be read of it.
fn unpack_file(
    content: &mut impl Read,
    to: &Path,
    is_again: bool,
    damaged: impl Fn(io::Error) -> Error,
) -> Result<()> {
    let disk = |e| Error::io(to, "write the file", e);
    atomic_file::create_folder(to.parent().unwrap_or(to))?;
    let file = match is_again {
        true => File::create(to),
        false => File::create_new(to),
    };
    let mut file = file.map_err(disk)?;
    copying::copy(content, &mut file, damaged, disk)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    /// A picture is never left out in silence because tar stores it in another way.
    #[test]
    fn files_without_their_holes_are_refused() {
        let scratch = tempfile::tempdir().unwrap();
        let at = |name: &str| scratch.path().join(name);
        let archive = |name: &str, kind: EntryType, extension: Option<&str>| {
            let file = File::create(at(name)).unwrap();
            let mut tar = tar::Builder::new(GzEncoder::new(file, Compression::fast()));
            if let Some(key) = extension {
                tar.append_pax_extensions([(key, &b"1"[..])]).unwrap();
            }
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(kind);
            header.set_size(0);
            header.as_gnu_mut().unwrap().set_real_size(0);
            header.set_cksum();
            tar.append_data(&mut header, "A/1.png", io::empty())
                .unwrap();
            tar.into_inner().unwrap().finish().unwrap();
            unpack(&at(name), &at("data"))
        };
        for (name, kind, extension) in [
            ("old.tar.gz", EntryType::GNUSparse, None),
            ("new.tar.gz", EntryType::Regular, Some("GNU.sparse.major")),
        ] {
            let error = archive(name, kind, extension).unwrap_err().to_string();
            assert!(error.contains("A/1.png is stored without"), "{error}");
            assert!(!at("data").exists());
        }
        archive("plain.tar.gz", EntryType::Regular, Some("mtime")).unwrap();
        assert!(at("data/1.png").exists());
    }

    /// It is behind the end of the tar. Zeros may follow it, with which tapes and disks fill their last block.
    #[test]
    fn the_checksum_of_an_archive_is_compared() {
        let scratch = tempfile::tempdir().unwrap();
        let at = |name: &str| scratch.path().join(name);
        let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        let mut header = tar::Header::new_gnu();
        header.set_size(4);
        header.set_cksum();
        tar.append_data(&mut header, "A/1.png", &b"good"[..])
            .unwrap();
        let whole = tar.into_inner().unwrap().finish().unwrap();
        let checksum = whole.len() - 8;
        let mut wrong = whole.clone();
        wrong[checksum] ^= 1;
        fs::write(at("wrong.tar.gz"), wrong).unwrap();
        let error = unpack(&at("wrong.tar.gz"), &at("wrong")).unwrap_err();
        assert!(error.to_string().contains("a bad archive"), "{error}");
        assert!(!at("wrong").exists());
        fs::write(at("filled.tar.gz"), [whole, vec![0; 10_240]].concat()).unwrap();
        unpack(&at("filled.tar.gz"), &at("filled")).unwrap();
        assert_eq!(fs::read(at("filled/1.png")).unwrap(), b"good");
    }

    /// Of a file that was added to an archive again, the last one counts. Two files are never one, whatever the disk is.
    #[test]
    fn only_the_same_file_is_replaced() {
        let scratch = tempfile::tempdir().unwrap();
        let at = |name: &str| scratch.path().join(name);
        let unpacked = |folder: &str, files: [(&str, &str); 2]| {
            let file = File::create(at("data.tar.gz")).unwrap();
            let mut tar = tar::Builder::new(GzEncoder::new(file, Compression::fast()));
            for (name, content) in files {
                let mut header = tar::Header::new_gnu();
                header.set_size(content.len() as u64);
                header.set_cksum();
                tar.append_data(&mut header, name, content.as_bytes())
                    .unwrap();
            }
            tar.into_inner().unwrap().finish().unwrap();
            unpack(&at("data.tar.gz"), &at(folder))
        };
        unpacked("again", [("A/x.png", "old one"), ("A/x.png", "new")]).unwrap();
        assert_eq!(fs::read(at("again/x.png")).unwrap(), b"new");
        match unpacked("two", [("A/x.png", "one"), ("A/X.png", "other")]) {
            Ok(_) => {
                assert_eq!(fs::read(at("two/x.png")).unwrap(), b"one");
                assert_eq!(fs::read(at("two/X.png")).unwrap(), b"other");
            }
            Err(error) => {
                let told = error.to_string();
                assert!(told.contains("X.png cannot be unpacked"), "{told}");
            }
        }
    }
}
