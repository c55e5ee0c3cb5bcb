//! Files of many pages that were read last. To find one page, a reader must follow the chain of all: to read each page of a file
//! by itself would take the square of their number.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use super::content::Content;

/// Files that are kept; each is open, and takes some kB a page.
const KEPT: usize = 8;

/// What was found in the files, the last used one at the end.
pub struct Recent<T>(Mutex<Vec<(Version, Arc<T>)>>);

/// Where a file is.
#[derive(PartialEq)]
enum Place {
    Path(PathBuf),
    /// In an open file, which what was found keeps open.
    Part((usize, u64)),
}

/// A file as it was when it was read.
#[derive(PartialEq)]
struct Version {
    place: Place,
    /// Length and time of the last change; a part of an open file does not change.
    state: Option<(u64, SystemTime)>,
}

impl Version {
    /// `None` of what is in memory, and of files that cannot be read.
    fn of(content: &Content) -> Option<Self> {
        match content {
            Content::Memory(_) => None,
            Content::Part(part) => Some(Self {
                place: Place::Part(part.place()),
                state: None,
            }),
            Content::Disk(path) => {
                let found = fs::metadata(path).ok()?;
                Some(Self {
                    place: Place::Path(std::path::absolute(path).ok()?),
                    state: Some((found.len(), found.modified().ok()?)),
                })
            }
        }
    }
}

impl<T> Recent<T> {
    /// No file.
    pub const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// What is known of a file, or what `read` finds if that is not known or the file has changed. It is kept if it
    /// `is_large`.
    pub fn read<E>(
        &self,
        content: &Content,
        read: impl FnOnce() -> Result<T, E>,
        is_large: impl FnOnce(&T) -> bool,
    ) -> Result<Arc<T>, E> {
        let Some(version) = Version::of(content) else {
            return Ok(Arc::new(read()?));
        };
        if let Some(found) = self.known(&version) {
            return Ok(found);
        }
        let found = Arc::new(read()?);
        if is_large(&found) {
            self.keep(version, &found);
        }
        Ok(found)
    }

    /// What is known of this version of a file, which is then the last used one. Another version is forgotten.
    fn known(&self, version: &Version) -> Option<Arc<T>> {
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = files
            .iter()
            .position(|(kept, _)| kept.place == version.place)?;
        let file = files.remove(place);
        let found = (file.0 == *version).then(|| file.1.clone())?;
        files.push(file);
        Some(found)
    }

    fn keep(&self, version: Version, found: &Arc<T>) {
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        files.retain(|(kept, _)| kept.place != version.place);
        files.push((version, found.clone()));
        if files.len() > KEPT {
            files.remove(0);
        }
    }
}
