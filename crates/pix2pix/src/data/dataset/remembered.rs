//! Results of surveys of large folders, kept between runs: a file with the same length and modification time is not
//! opened again.

use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pix2pix_runtime::picture::Nodata;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::atomic_file;
use crate::data::picture::{Header, Page};

/// Smallest number of pairs for which results are kept.
const LARGE: usize = 1000;
/// Results of files modified more recently than this are not kept: a second change could get the same time stamp.
const SETTLED: Duration = Duration::from_secs(2);

/// Headers of A and B, and the extremes of floating-point pictures.
pub type Seen = ([Header; 2], [Option<[f32; 2]>; 2]);

/// How the files of a data set are read.
#[derive(Clone, Copy)]
pub struct ReadAs {
    /// How pixels of A and of B without data are known.
    pub nodata: [Option<Nodata>; 2],
    /// The side that is read with slices on either side as channels, and how many.
    pub neighbours: Option<(usize, usize)>,
}

/// Known results for the pairs of a folder, by the paths of their files.
#[derive(Default)]
pub struct Remembered {
    /// The file with the results; `None` for small data sets, and if there is no cache folder.
    file: Option<PathBuf>,
    known: HashMap<String, Known>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Known {
    stamps: Vec<Stamp>,
    seen: Seen,
}

/// Identifies the content of a file: its length in bytes and its modification time in nanoseconds.
type Stamp = [u64; 2];

impl Remembered {
    /// Loads the known results for a folder with this number of pairs.
    pub fn of(folder: &Path, pairs: usize) -> Self {
        let root = fs::canonicalize(folder).ok().filter(|_| pairs >= LARGE);
        let place = root.and_then(|root| {
            let digest = Sha256::digest(root.as_os_str().as_encoded_bytes());
            let name: String = digest
                .iter()
                .take(16)
                .map(|byte| format!("{byte:02x}"))
                .collect();
            Some(
                dirs::cache_dir()?
                    .join("pix2pix/surveys")
                    .join(name + ".json"),
            )
        });
        // an unreadable file is ignored: the survey then reads the pictures again
        let bytes = place.as_ref().and_then(|file| fs::read(file).ok());
        let known = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self {
            file: place,
            known: known.unwrap_or_default(),
        }
    }

    /// Returns the result for a pair, if its files have not changed.
    pub fn recall(&self, files: &[PathBuf], page: Page, read: ReadAs) -> Option<Seen> {
        let known = self.known.get(&key(files, page, read))?;
        (stamps(files)? == known.stamps).then_some(known.seen)
    }

    /// Saves the results for new pairs.
    pub fn keep(
        mut self,
        seen: impl IntoIterator<Item = (Vec<PathBuf>, Page, Seen)>,
        read: ReadAs,
    ) {
        let Some(file) = self.file.take() else {
            return;
        };
        let mut news = false;
        for (files, page, seen) in seen {
            if let Some(stamps) = stamps(&files).filter(|stamps| settled(stamps)) {
                self.known
                    .insert(key(&files, page, read), Known { stamps, seen });
                news = true;
            }
        }
        if news {
            let bytes = serde_json::to_vec(&self.known).expect("plain data");
            let folder = file.parent().expect("it is in a folder");
            // failing to save only makes the next survey slower
            let _ = fs::create_dir_all(folder).map(|()| atomic_file::write(&file, &bytes));
        }
    }
}

fn key(files: &[PathBuf], page: Page, ReadAs { nodata, neighbours }: ReadAs) -> String {
    let mut parts: Vec<_> = files.iter().map(|file| file.to_string_lossy()).collect();
    match page {
        Page::Only => {}
        Page::At(index) => parts.push(format!("page {index}").into()),
        Page::Channels => parts.push("all pages".into()),
    }
    // the extremes are those of the pixels that have data
    let gaps = nodata.map(|nodata| nodata.map_or(String::new(), |nodata| nodata.to_string()));
    if gaps.iter().any(|gap| !gap.is_empty()) {
        parts.push(format!("no data {}", gaps.join(" ")).into());
    }
    if let Some((side, neighbours)) = neighbours {
        parts.push(format!("{neighbours} neighbours of {side}").into());
    }
    parts.join("\n")
}

fn stamps(files: &[PathBuf]) -> Option<Vec<Stamp>> {
    let stamp = |file: &PathBuf| stamp(&fs::metadata(file).ok()?);
    files.iter().map(stamp).collect()
}

fn stamp(file: &Metadata) -> Option<Stamp> {
    let written = file.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some([file.len(), written.as_nanos() as u64])
}

fn settled(stamps: &[Stamp]) -> bool {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let latest = now.saturating_sub(SETTLED).as_nanos() as u64;
    stamps.iter().all(|[_, written]| *written < latest)
}
