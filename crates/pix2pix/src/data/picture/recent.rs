//! TIFF files of many pages that were read last. To find one page, a reader must follow the chain of all: to read each page of
//! a file by itself would take the square of their number.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use super::fault::Fault;
use super::tiff::Parsed;

/// Files of fewer pages are opened anew.
const MANY: usize = 16;
/// Files that are kept; each is open, and takes some kB a page.
const KEPT: usize = 8;

/// The files, the last used one at the end.
static FILES: Mutex<Vec<(Version, Arc<Parsed>)>> = Mutex::new(Vec::new());

/// A file as it was when it was read.
#[derive(Clone, PartialEq)]
struct Version {
    path: PathBuf,
    length: u64,
    modified: SystemTime,
}

impl Version {
    fn of(path: &Path) -> Option<Self> {
        let found = fs::metadata(path).ok()?;
        Some(Self {
            path: std::path::absolute(path).ok()?,
            length: found.len(),
            modified: found.modified().ok()?,
        })
    }
}

/// The pages of the file at `path`: those that are kept if it has not changed since, else those that `parse` finds.
pub fn parsed(
    path: &Path,
    parse: impl FnOnce() -> Result<Parsed, Fault>,
) -> Result<Arc<Parsed>, Fault> {
    let Some(version) = Version::of(path) else {
        return Ok(Arc::new(parse()?));
    };
    let files = || FILES.lock().unwrap_or_else(PoisonError::into_inner);
    let take = |files: &mut Vec<(Version, Arc<Parsed>)>| {
        let place = files.iter().position(|(kept, _)| kept.path == version.path);
        place.map(|place| files.remove(place))
    };
    {
        let mut files = files();
        if let Some((_, parsed)) = take(&mut files).filter(|(kept, _)| *kept == version) {
            files.push((version, parsed.clone()));
            return Ok(parsed);
        }
    }
    let parsed = Arc::new(parse()?);
    if parsed.count() >= MANY {
        let mut files = files();
        take(&mut files);
        files.push((version, parsed.clone()));
        if files.len() > KEPT {
            files.remove(0);
        }
    }
    Ok(parsed)
}
