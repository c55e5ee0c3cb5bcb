//! What a survey has seen of the files of a large folder, remembered between runs: a file that is as long as it was, and
//! was not written since, is not opened again.

use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::atomic_file;
use crate::data::picture::Header;

/// Fewest pairs of a folder that are worth a file.
const LARGE: usize = 1000;
/// A file that was written so lately may be written again without a trace.
const SETTLED: Duration = Duration::from_secs(2);

/// Headers of A and B, and the extremes of floating-point pictures.
pub type Seen = ([Header; 2], [Option<[f32; 2]>; 2]);

/// What is known of a folder's pairs, by their files' paths.
#[derive(Default)]
pub struct Remembered {
    /// Where it is kept; nothing for small data sets, and where there is no place.
    file: Option<PathBuf>,
    known: HashMap<String, Known>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Known {
    stamps: Vec<Stamp>,
    seen: Seen,
}

/// By which a file is known to be the same: its length, and when it was written, in nanoseconds.
type Stamp = [u64; 2];

impl Remembered {
    /// What is remembered of a folder with as many pairs.
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
        // whatever is wrong with it, the files themselves are still there
        let bytes = place.as_ref().and_then(|file| fs::read(file).ok());
        let known = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self {
            file: place,
            known: known.unwrap_or_default(),
        }
    }

    /// What was seen of a pair, if its files are still the same.
    pub fn recall(&self, files: &[PathBuf]) -> Option<Seen> {
        let known = self.known.get(&key(files))?;
        (stamps(files)? == known.stamps).then_some(known.seen)
    }

    /// Remembers what has been seen, of pairs that were not known.
    pub fn keep(mut self, seen: impl IntoIterator<Item = (Vec<PathBuf>, Seen)>) {
        let Some(file) = self.file.take() else {
            return;
        };
        let mut news = false;
        for (files, seen) in seen {
            if let Some(stamps) = stamps(&files).filter(|stamps| settled(stamps)) {
                self.known.insert(key(&files), Known { stamps, seen });
                news = true;
            }
        }
        if news {
            let bytes = serde_json::to_vec(&self.known).expect("plain data");
            let folder = file.parent().expect("it is in a folder");
            // a disk that takes nothing costs time and no more
            let _ = fs::create_dir_all(folder).map(|()| atomic_file::write(&file, &bytes));
        }
    }
}

fn key(files: &[PathBuf]) -> String {
    let paths: Vec<_> = files.iter().map(|file| file.to_string_lossy()).collect();
    paths.join("\n")
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
