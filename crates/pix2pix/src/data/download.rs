//! Public data sets: resumable download to a file, checksum, and safe unpacking.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::read::MultiGzDecoder;
use ureq::Agent;
use ureq::http::header::{CONTENT_LENGTH, CONTENT_RANGE, RANGE};
use ureq::http::{Response, StatusCode};

use crate::atomic_file::{self, Scratch};
use crate::data::dataset::store::inside;
use crate::data::picture::content::most_unpacked;
use crate::error::{Error, Result};

/// Download address of the data sets, from the paper's authors; the public ports use it too.
pub const ADDRESS: &str = "http://efrosgans.eecs.berkeley.edu/pix2pix/datasets";
/// Number of consecutive attempts with fewer than [`PROGRESS`] new bytes after which a download fails.
const ATTEMPTS: usize = 3;
/// Bytes that an attempt must bring; a server that sends less at a time would be asked for ever.
const PROGRESS: u64 = 1 << 16;
/// A download has at most this many times its approximate size. A server without end would fill the disk.
const LARGER: u64 = 4;
/// Timeout for the connection, the response and each read.
const PATIENCE: Duration = Duration::from_secs(60);

/// A public data set of the paper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicDataset {
    /// Name of the data set and of its archive.
    pub name: &'static str,
    /// Content of A and B.
    pub about: &'static str,
    /// Approximate size of the archive, in megabytes.
    pub megabytes: u32,
    /// Translation direction in the paper: `a-to-b` or `b-to-a`.
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
        direction: "a-to-b",
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

/// Downloads `address`, of about so many megabytes, to `file`. Bytes go to `file.part` first, which is locked meanwhile;
/// after an interruption, the next call resumes from there. `tell` receives the number of bytes so far and, if the server
/// reports it, the total.
///
/// # Errors
/// When the server cannot be reached, refuses, or repeatedly breaks off; `file.part` is kept. When the server's file has
/// more than four times the size; `file.part` is removed. When another process is downloading the file.
pub fn fetch(
    address: &str,
    megabytes: u32,
    file: &Path,
    tell: &mut dyn FnMut(u64, Option<u64>),
) -> Result<()> {
    let most = LARGER * u64::from(megabytes) * 1_000_000;
    let agent: Agent = Agent::config_builder()
        .timeout_connect(Some(PATIENCE))
        .timeout_recv_response(Some(PATIENCE))
        .timeout_per_read(Some(PATIENCE))
        .http_status_as_error(false)
        .build()
        .into();
    let part = file.with_added_extension("part");
    let disk = |e| Error::io(&part, "write the download", e);
    let mut target = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&part)
        .map_err(disk)?;
    lock(&target, &part)?;
    let mut fruitless = 0;
    loop {
        let before = target.metadata().map_err(disk)?.len();
        let outcome = attempt(&agent, address, &mut target, [before, most], tell);
        let after = target.metadata().map_err(disk)?.len();
        match outcome {
            Ok(()) => break,
            Err(Failed::Disk(e)) => return Err(disk(e)),
            Err(Failed::Refused(reason)) => {
                return Err(unreachable(address, &reason, &part, after));
            }
            Err(Failed::Broken(reason)) => {
                fruitless = match after >= before + PROGRESS {
                    true => 0,
                    false => fruitless + 1,
                };
                if fruitless == ATTEMPTS {
                    return Err(unreachable(address, &reason, &part, after));
                }
            }
        }
    }
    target.sync_all().map_err(disk)?;
    fs::rename(&part, file).map_err(|e| Error::io(file, "name the download", e))
}

/// Locks a partial file until it is closed, so that two processes do not write to it by turns.
fn lock(target: &File, part: &Path) -> Result<()> {
    let is_locked = match target.try_lock() {
        // the one that had it has just finished, and given the file its name
        Ok(()) => part.exists(),
        Err(TryLockError::WouldBlock) => false,
        // a file system without locks
        Err(TryLockError::Error(_)) => true,
    };
    match is_locked {
        true => Ok(()),
        false => Err(Error::file(
            part,
            "another process is downloading it",
            "wait until that has ended, or choose another `folder`",
        )),
    }
}

fn unreachable(address: &str, reason: &str, part: &Path, length: u64) -> Error {
    let kept = match length {
        0 => {
            // nothing to resume from
            let _ = fs::remove_file(part);
            String::new()
        }
        length => format!(
            "; {length} bytes are kept in {}, and the next attempt resumes from there",
            part.display()
        ),
    };
    Error::File {
        path: PathBuf::from(address),
        reason: format!("the download failed ({reason}){kept}"),
        remedy: "check the connection and run the command again, or choose another `address`"
            .to_string(),
    }
}

/// Why an attempt failed.
enum Failed {
    /// Refused: another attempt would fail too.
    Refused(String),
    /// The transfer broke off: another attempt may succeed.
    Broken(String),
    /// The file could not be written.
    Disk(io::Error),
}

/// Requests the rest of the file, from byte `from`, and appends it to `target`, which then has at most `most` bytes.
fn attempt(
    agent: &Agent,
    address: &str,
    target: &mut File,
    [from, most]: [u64; 2],
    tell: &mut dyn FnMut(u64, Option<u64>),
) -> std::result::Result<(), Failed> {
    let mut request = agent.get(address);
    if from > 0 {
        request = request.header(RANGE, format!("bytes={from}-"));
    }
    let mut response = request.call().map_err(|e| match e {
        ureq::Error::BadUri(_) | ureq::Error::HostNotFound => Failed::Refused(e.to_string()),
        e => Failed::Broken(e.to_string()),
    })?;
    let (mut done, total) = match response.status() {
        StatusCode::PARTIAL_CONTENT
            if range(&response).is_some_and(|(start, _)| start == Some(from)) =>
        {
            (from, range(&response).and_then(|(_, total)| total))
        }
        // nothing follows byte `from`: the download is complete if the server reports that length
        StatusCode::RANGE_NOT_SATISFIABLE => {
            if range(&response).and_then(|(_, total)| total) == Some(from) {
                return Ok(());
            }
            target.set_len(0).map_err(Failed::Disk)?;
            return Err(Failed::Broken(
                "the partial file does not match the server's file".to_string(),
            ));
        }
        StatusCode::OK => {
            // the server ignores the range and sends the whole file
            target.set_len(0).map_err(Failed::Disk)?;
            let length = response.headers().get(CONTENT_LENGTH);
            (
                0,
                length.and_then(|length| length.to_str().ok()?.parse().ok()),
            )
        }
        status if status.is_server_error() => {
            return Err(Failed::Broken(format!("the server answered {status}")));
        }
        status => return Err(Failed::Refused(format!("the server answered {status}"))),
    };
    let too_large = |target: &mut File| {
        // nothing that another attempt could go on with
        target.set_len(0).map_err(Failed::Disk)?;
        Err(Failed::Refused(format!(
            "the server's file has more than {} MB, {LARGER} times the expected size",
            most / 1_000_000
        )))
    };
    if total.is_some_and(|total| total > most) {
        return too_large(target);
    }
    tell(done, total);
    let mut body = response.body_mut().as_reader();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match body.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) if done + count as u64 > most => return too_large(target),
            Ok(count) => {
                target.write_all(&buffer[..count]).map_err(Failed::Disk)?;
                done += count as u64;
                tell(done, total);
            }
            Err(e) => return Err(Failed::Broken(e.to_string())),
        }
    }
    match total {
        Some(total) if done != total => {
            Err(Failed::Broken(format!("received {done} of {total} bytes")))
        }
        _ => Ok(()),
    }
}

/// Parses a Content-Range header such as `bytes 5-9/10` or `bytes */10`: first byte and total length.
fn range<T>(response: &Response<T>) -> Option<(Option<u64>, Option<u64>)> {
    let text = response.headers().get(CONTENT_RANGE)?.to_str().ok()?;
    let (span, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let start = span
        .split_once('-')
        .and_then(|(start, _)| start.parse().ok());
    Some((start, total.parse().ok()))
}

/// Unpacks a `.tar.gz` to `folder`, which appears complete or not at all. If the archive contains a single top-level
/// folder, that becomes `folder`.
///
/// # Errors
/// When the archive is damaged, is too large when unpacked, or contains a path that leads outside the folder.
pub fn unpack(archive: &Path, folder: &Path) -> Result<()> {
    let parent = folder
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let disk = |e| Error::io(folder, "unpack the data set", e);
    let scratch = Scratch::new(parent.unwrap_or(Path::new("."))).map_err(disk)?;
    let content_of = scratch.path().join("content");
    atomic_file::create_folder(&content_of)?;
    let file = File::open(archive).map_err(|e| Error::io(archive, "read the archive", e))?;
    let packed = file.metadata().map_err(disk)?.len();
    let content = MultiGzDecoder::new(BufReader::new(file));
    unpack_entries(archive, content, &content_of, most_unpacked(packed))?;
    let mut entries: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(&content_of).map_err(disk)? {
        entries.push(entry.map_err(disk)?.path());
    }
    let whole = match entries.as_slice() {
        [only] if only.is_dir() => only.clone(),
        [] => return Err(bad(archive, "it is empty")),
        _ => content_of,
    };
    fs::rename(&whole, folder).map_err(disk)
}

fn bad(archive: &Path, reason: &str) -> Error {
    Error::file(
        archive,
        format!("a bad archive ({reason})"),
        "download it again, or choose another `address`",
    )
}

fn unpack_entries(archive: &Path, content: impl Read, to: &Path, most: u64) -> Result<()> {
    let damaged = |e: io::Error| bad(archive, &e.to_string());
    let mut unpacked = 0u64;
    // the reader stops at the limit, so no entry can exceed it
    let mut tar = tar::Archive::new(content.take(most + 1));
    for entry in tar.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        let path = entry.path().map_err(damaged)?.into_owned();
        let Some(path) = inside(&path) else {
            return Err(bad(
                archive,
                &format!("{} leads outside the folder", path.display()),
            ));
        };
        // links and devices are not unpacked: a data set has none
        if entry.header().entry_type().is_dir() {
            atomic_file::create_folder(&to.join(path))?;
        } else if entry.header().entry_type().is_file() {
            unpacked = unpacked.saturating_add(entry.size());
            if unpacked > most {
                return Err(bad(archive, "it is too large when unpacked"));
            }
            let target = to.join(&path);
            atomic_file::create_folder(target.parent().unwrap_or(to))?;
            let disk = |e| Error::io(&target, "write the file", e);
            let mut file = File::create(&target).map_err(disk)?;
            let mut buffer = vec![0; 1 << 16];
            loop {
                match entry.read(&mut buffer).map_err(damaged)? {
                    0 => break,
                    count => file.write_all(&buffer[..count]).map_err(disk)?,
                }
            }
        }
    }
    Ok(())
}
