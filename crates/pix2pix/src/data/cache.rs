//! A cache of loaded pairs. Each pair is decoded and resized once, then kept in memory or in an unnamed temporary
//! file, which disappears when the program ends.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::choice::choices;
use crate::data::pair::Pair;
use crate::data::picture::{Depth, Dimensions, Picture, Samples};
use crate::error::{Error, Result};

/// Where to keep loaded pairs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CacheKind {
    /// In memory.
    Ram,
    /// In a file in the run's folder.
    Disk,
    /// Nowhere: every epoch decodes them again.
    #[default]
    Off,
}

choices!(CacheKind, "cache",
    Ram: "ram", "In memory";
    Disk: "disk", "In a file in the run folder, deleted when the program ends";
    Off: "off", "No cache";
);

/// Loaded pairs by index.
pub enum Cache {
    /// In memory.
    Ram(Mutex<HashMap<usize, Arc<Pair>>>),
    /// In a file.
    Disk(Mutex<DiskCache>),
    /// Nowhere.
    Off,
}

impl Cache {
    /// Makes an empty cache; for [`CacheKind::Disk`], with a file in `folder`.
    ///
    /// # Errors
    /// When the file cannot be created.
    pub fn new(kind: CacheKind, folder: &Path) -> Result<Self> {
        Ok(match kind {
            CacheKind::Ram => Self::Ram(Mutex::default()),
            CacheKind::Disk => Self::Disk(Mutex::new(DiskCache::new(folder)?)),
            CacheKind::Off => Self::Off,
        })
    }

    /// Returns pair `index` from the cache. If it is not there, calls `load` and keeps the result.
    ///
    /// # Errors
    /// When the pair cannot be loaded, or the cache's file cannot be read or written.
    pub fn get(&self, index: usize, load: impl FnOnce() -> Result<Pair>) -> Result<Arc<Pair>> {
        match self {
            Self::Off => load().map(Arc::new),
            Self::Ram(pairs) => {
                if let Some(pair) = lock(pairs).get(&index) {
                    return Ok(pair.clone());
                }
                let pair = Arc::new(load()?);
                lock(pairs).insert(index, pair.clone());
                Ok(pair)
            }
            Self::Disk(cache) => {
                if let Some(pair) = lock(cache).read(index)? {
                    return Ok(Arc::new(pair));
                }
                let pair = load()?;
                lock(cache).write(index, &pair)?;
                Ok(Arc::new(pair))
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Pairs in a file, one after another.
pub struct DiskCache {
    file: File,
    end: u64,
    records: HashMap<usize, Record>,
    folder: std::path::PathBuf,
}

/// Position and format of a pair in the file.
#[derive(Clone)]
struct Record {
    start: u64,
    name: String,
    labels: [bool; 2],
    /// Source and target, and the mask if there is one.
    pictures: Vec<Dimensions>,
}

impl DiskCache {
    fn new(folder: &Path) -> Result<Self> {
        let file =
            tempfile::tempfile_in(folder).map_err(|e| Error::io(folder, "create the cache", e))?;
        Ok(Self {
            file,
            end: 0,
            records: HashMap::new(),
            folder: folder.to_path_buf(),
        })
    }

    fn read(&mut self, index: usize) -> Result<Option<Pair>> {
        let Some(record) = self.records.get(&index).cloned() else {
            return Ok(None);
        };
        let folder = self.folder.clone();
        let failed = |e| Error::io(&folder, "read the cache", e);
        self.file
            .seek(SeekFrom::Start(record.start))
            .map_err(failed)?;
        let mut picture = |dimensions| read_picture(&mut self.file, dimensions);
        Ok(Some(Pair {
            source: picture(record.pictures[0]).map_err(failed)?,
            target: picture(record.pictures[1]).map_err(failed)?,
            mask: match record.pictures.get(2) {
                Some(mask) => Some(picture(*mask).map_err(failed)?),
                None => None,
            },
            name: record.name,
            labels: record.labels,
        }))
    }

    fn write(&mut self, index: usize, pair: &Pair) -> Result<()> {
        let folder = self.folder.clone();
        let failed = |e| Error::io(&folder, "write the cache", e);
        let start = self.end;
        self.file.seek(SeekFrom::Start(start)).map_err(failed)?;
        let pictures = || [&pair.source, &pair.target].into_iter().chain(&pair.mask);
        for picture in pictures() {
            let bytes = picture.bytes();
            self.file.write_all(bytes).map_err(failed)?;
            self.end += bytes.len() as u64;
        }
        self.records.insert(
            index,
            Record {
                start,
                name: pair.name.clone(),
                labels: pair.labels,
                pictures: pictures().map(Picture::dimensions).collect(),
            },
        );
        Ok(())
    }
}

fn read_picture(file: &mut File, dimensions: Dimensions) -> io::Result<Picture> {
    let Dimensions {
        size,
        channels,
        depth,
    } = dimensions;
    let length = size[0] as usize * size[1] as usize * channels;
    let samples = match depth {
        Depth::U8 => {
            let mut values = vec![0; length];
            file.read_exact(&mut values)?;
            Samples::U8(values)
        }
        Depth::U16 => {
            let mut values = vec![0; length];
            file.read_exact(bytemuck::cast_slice_mut(&mut values))?;
            Samples::U16(values)
        }
        Depth::F32 => {
            let mut values = vec![0.0; length];
            file.read_exact(bytemuck::cast_slice_mut(&mut values))?;
            Samples::F32(values)
        }
    };
    Ok(Picture::new(size, channels, samples))
}
