//! Resumable download to a file.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use pix2pix_runtime::regular_file;
use ureq::Agent;
use ureq::http::header::{CONTENT_LENGTH, CONTENT_RANGE, IF_RANGE, RANGE, TRANSFER_ENCODING};
use ureq::http::{Response, StatusCode, Uri};

use super::mark;
use crate::error::{Error, Result};

/// Number of consecutive attempts with fewer than [`PROGRESS`] new bytes after which a download fails.
const ATTEMPTS: u32 = 3;
/// Number of attempts in all.
const MOST_ATTEMPTS: u32 = 1000;
/// Bytes that an attempt must bring beyond all before; a server that sends less at a time, or begins again and again, would
/// be asked for ever.
const PROGRESS: u64 = 1 << 16;
/// Pause before another attempt; it doubles with each that was fruitless.
const PAUSE: Duration = Duration::from_millis(250);
/// A download has at most this many times its approximate size. A server without end would fill the disk.
const LARGER: u64 = 4;
/// Timeout for the connection, the response and each read.
const PATIENCE: Duration = Duration::from_secs(60);

/// Downloads `address`, of about so many megabytes, to `file`. Bytes go to `file.part` first, which is locked meanwhile;
/// after an interruption, the next call resumes from there if the server's file is the same, whose version is kept in
/// `file.part.version`. Beside a complete file is `file.version`, by which it is known again: [`remove`](super::remove)
/// removes both. `tell` receives the number of bytes so far and, if the server reports it, the total. Returns whether the server
/// has said where the file ends: if not, a connection that broke off looks like the end, and the file may be a part.
///
/// # Errors
/// When `address` is none, or the server cannot be reached, refuses, or repeatedly breaks off; `file.part` is kept if it can
/// be resumed. When the server's file has more than four times the size; `file.part` is removed. When another process is
/// downloading the file, or the disk is full. When `file` exists, or another file is in the place of one of the others: it is
/// somebody's.
pub fn fetch(
    address: &str,
    megabytes: u32,
    file: &Path,
    tell: &mut dyn FnMut(u64, Option<u64>),
) -> Result<bool> {
    check(address)?;
    check_free(file)?;
    let part = mark::part_of(file);
    mark::check(file)?;
    mark::check(&part)?;
    let disk = |e| Error::io(&part, "write the download", e);
    let target = open(&part)?;
    lock(&target, &part)?;
    if target.metadata().map_err(disk)?.len() > 0 && !mark::is_marked(&part) {
        return Err(mark::somebodys(&part, "it is no download of this program"));
    }
    let mut download = Download {
        agent: Agent::config_builder()
            .timeout_connect(Some(PATIENCE))
            .timeout_recv_response(Some(PATIENCE))
            .timeout_per_read(Some(PATIENCE))
            .http_status_as_error(false)
            .build()
            .into(),
        address,
        part: &part,
        target,
        version: mark::version(&part),
        total: None,
        is_ended: false,
        most: LARGER * u64::from(megabytes) * 1_000_000,
    };
    if download.version.is_none() {
        // nobody knows of which version these bytes are
        download.target.set_len(0).map_err(disk)?;
    }
    let (mut fruitless, mut largest) = (0, download.length().map_err(disk)?);
    for attempt in 1.. {
        let outcome = download.attempt(tell);
        let length = download.length().map_err(disk)?;
        match outcome {
            Ok(()) => break,
            Err(Failed::Disk(e)) => return Err(download.unwritten(e, length)),
            Err(Failed::Refused(reason)) => {
                return Err(download.unreachable(&reason, length));
            }
            Err(Failed::Broken(reason)) => {
                fruitless = match length >= largest + PROGRESS {
                    true => 0,
                    false => fruitless + 1,
                };
                largest = largest.max(length);
                if fruitless == ATTEMPTS || attempt == MOST_ATTEMPTS {
                    return Err(download.unreachable(&reason, length));
                }
                thread::sleep(PAUSE * (1 << fruitless));
            }
        }
    }
    download.target.sync_all().map_err(disk)?;
    // it may have come meanwhile
    check_free(file)?;
    mark::complete(&download.target, file)?;
    Ok(download.total.is_some() || download.is_ended)
}

/// Checks that an address has the form of one.
fn check(address: &str) -> Result<()> {
    let is_one = address.parse().is_ok_and(|uri: Uri| {
        let is_known = matches!(uri.scheme_str(), Some("http" | "https"));
        is_known && uri.host().is_some_and(|host| !host.is_empty())
    });
    match is_one {
        true => Ok(()),
        false => Err(Error::field(
            "address",
            format!(
                "gives {address}, which is no address; give one such as http://localhost:8000/datasets"
            ),
        )),
    }
}

/// Checks that a download can have its name.
fn check_free(file: &Path) -> Result<()> {
    match fs::symlink_metadata(file) {
        Ok(_) => Err(mark::somebodys(file, "it is here already")),
        Err(_) => Ok(()),
    }
}

/// Opens a partial file, or creates it. Links are not followed: they lead to somebody's file.
fn open(part: &Path) -> Result<File> {
    if fs::symlink_metadata(part).is_ok_and(|found| !found.is_file()) {
        return Err(mark::somebodys(part, regular_file::SPECIAL));
    }
    let target = OpenOptions::new().create(true).append(true).open(part);
    target.map_err(|e| Error::io(part, "write the download", e))
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

/// Why an attempt failed.
enum Failed {
    /// Refused: another attempt would fail too.
    Refused(String),
    /// The transfer broke off: another attempt may succeed.
    Broken(String),
    /// The file could not be written.
    Disk(io::Error),
}

/// A download under way.
struct Download<'a> {
    agent: Agent,
    address: &'a str,
    /// The place of what has arrived.
    part: &'a Path,
    /// What has arrived.
    target: File,
    /// The version of the server's file that it is of, if the server names versions.
    version: Option<String>,
    /// The length of that file, if the server has said it.
    total: Option<u64>,
    /// Whether its end is sent too, as that of chunks is.
    is_ended: bool,
    /// The most bytes that it may have.
    most: u64,
}

impl Download<'_> {
    fn length(&self) -> io::Result<u64> {
        Ok(self.target.metadata()?.len())
    }

    /// Requests the rest of the file, and appends it to what has arrived.
    fn attempt(
        &mut self,
        tell: &mut dyn FnMut(u64, Option<u64>),
    ) -> std::result::Result<(), Failed> {
        let from = self.length().map_err(Failed::Disk)?;
        let mut request = self.agent.get(self.address);
        if from > 0 {
            request = request.header(RANGE, format!("bytes={from}-"));
            if let Some(version) = &self.version {
                // of another version, all is sent
                request = request.header(IF_RANGE, version);
            }
        }
        let mut response = request.call().map_err(|e| match e {
            ureq::Error::BadUri(_) | ureq::Error::HostNotFound => Failed::Refused(e.to_string()),
            e => Failed::Broken(e.to_string()),
        })?;
        let mut done = self.begin(&response, from)?;
        if self.total.is_some_and(|total| total > self.most) {
            return self.too_large();
        }
        tell(done, self.total);
        if self.total == Some(done) {
            return Ok(());
        }
        let mut body = response.body_mut().as_reader();
        let mut buffer = vec![0; 1 << 16];
        loop {
            match body.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) if done + count as u64 > self.most => return self.too_large(),
                Ok(count) => {
                    let written = self.target.write_all(&buffer[..count]);
                    written.map_err(Failed::Disk)?;
                    done += count as u64;
                    tell(done, self.total);
                }
                Err(e) => return Err(Failed::Broken(e.to_string())),
            }
        }
        match self.total {
            Some(total) if done != total => {
                Err(Failed::Broken(format!("received {done} of {total} bytes")))
            }
            _ => Ok(()),
        }
    }

    /// Takes note of the file of which a response to a request from byte `from` on brings bytes. Returns the number of the
    /// first of them.
    fn begin<T>(&mut self, response: &Response<T>, from: u64) -> std::result::Result<u64, Failed> {
        let version = mark::version_of(response);
        let range = range(response);
        let total = range.and_then(|(_, total)| total);
        match response.status() {
            StatusCode::PARTIAL_CONTENT if range.is_some_and(|(start, _)| start == Some(from)) => {
                // some servers do not heed the version that they are asked for
                if differ(&version, &self.version) || differ(&total, &self.total) {
                    return Err(self.begin_again("the server's file has changed"));
                }
                self.total = total;
                Ok(from)
            }
            // nothing follows byte `from`: the download is complete if the server reports that length
            StatusCode::RANGE_NOT_SATISFIABLE => {
                if total == Some(from) && !differ(&version, &self.version) {
                    self.total = total;
                    return Ok(from);
                }
                Err(self.begin_again("the partial file does not match the server's file"))
            }
            StatusCode::OK => {
                // all of it: of another version, or of a server that ignores ranges
                self.target.set_len(0).map_err(Failed::Disk)?;
                mark::write(self.part, version.as_deref()).map_err(Failed::Disk)?;
                let length = response.headers().get(CONTENT_LENGTH);
                self.total = length.and_then(|length| length.to_str().ok()?.parse().ok());
                self.is_ended = response.headers().contains_key(TRANSFER_ENCODING);
                self.version = version;
                Ok(0)
            }
            status if status.is_server_error() => {
                Err(Failed::Broken(format!("the server answered {status}")))
            }
            status => Err(Failed::Refused(format!("the server answered {status}"))),
        }
    }

    /// Drops what has arrived, for another attempt.
    fn begin_again(&mut self, reason: &str) -> Failed {
        (self.version, self.total) = (None, None);
        match self.target.set_len(0) {
            Ok(()) => Failed::Broken(reason.to_string()),
            Err(e) => Failed::Disk(e),
        }
    }

    fn too_large(&mut self) -> std::result::Result<(), Failed> {
        // nothing that another attempt could go on with
        self.target.set_len(0).map_err(Failed::Disk)?;
        Err(Failed::Refused(format!(
            "the server's file has more than {} MB, {LARGER} times the expected size",
            self.most / 1_000_000
        )))
    }

    /// What to say of the bytes that are kept; none are where nothing could resume from them.
    fn kept(&self, length: u64) -> String {
        if length == 0 || self.version.is_none() {
            let _ = fs::remove_file(self.part);
            mark::forget(self.part);
            return String::new();
        }
        format!(
            "; {length} bytes are kept in {}, and the next attempt resumes from there",
            self.part.display()
        )
    }

    fn unreachable(&self, reason: &str, length: u64) -> Error {
        let kept = self.kept(length);
        Error::File {
            path: PathBuf::from(self.address),
            reason: format!("the download failed ({reason}){kept}"),
            remedy: "check the connection and run the command again, or choose another `address`"
                .to_string(),
        }
    }

    fn unwritten(&self, reason: io::Error, length: u64) -> Error {
        let kept = self.kept(length);
        match Error::io(self.part, "write the download", reason) {
            Error::Io {
                action,
                reason,
                remedy,
                ..
            } => Error::file(
                self.part,
                format!("cannot {action}: {reason}{kept}"),
                remedy,
            ),
            other => other,
        }
    }
}

/// Whether two things are known and not the same.
fn differ<T: PartialEq>(one: &Option<T>, other: &Option<T>) -> bool {
    matches!((one, other), (Some(one), Some(other)) if one != other)
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
