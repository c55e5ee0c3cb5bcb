//! Results of surveys of large folders, kept between runs: a file with the same length and modification time is not
//! opened again.

use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pix2pix_runtime::picture::Nodata;
use pix2pix_runtime::regular_file;
use serde::{Deserialize, Serialize};

use crate::atomic_file;
use crate::data::pair::Narrow;
use crate::data::path_text;
use crate::data::picture::{Header, Page};
use crate::data::sha256;

/// Smallest number of pairs for which results are kept.
const LARGE: usize = 1000;
/// Results of files modified more recently than this are not kept: a second change could get the same time stamp.
const SETTLED: Duration = Duration::from_secs(2);

/// Headers of A and B, and the values of floating-point pictures.
pub type Seen = ([Header; 2], [Option<Extremes>; 2]);

/// The smallest and the largest value of a floating-point picture.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Extremes {
    /// Of all samples that may have data.
    pub all: [f32; 2],
    /// The value that the file itself names for pixels without data, and the extremes of the other samples, if they differ from
    /// `all`.
    pub without: Option<(f32, [f32; 2])>,
}

/// How the files of a data set are read.
#[derive(Clone, Copy)]
pub struct ReadAs {
    /// What files that are not wider than high are.
    pub narrow: Narrow,
    /// How pixels of A and of B without data are known.
    pub nodata: [Option<Nodata>; 2],
    /// The side that is read with slices on either side as channels, and how many.
    pub neighbors: Option<(usize, usize)>,
}

/// A pair, as results know it.
pub struct Asked {
    /// Paths of its files: those of A, B and the mask, or the one of both and the mask.
    pub files: Vec<Vec<PathBuf>>,
    /// Their page.
    pub page: Page,
    /// The side that is the source, where the pair has a mask: all values of the source are looked at.
    pub source: Option<usize>,
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
            let digest = sha256::of(root.as_os_str().as_encoded_bytes());
            let name = format!("{}.json", &digest[..32]);
            Some(dirs::cache_dir()?.join("pix2pix/surveys").join(name))
        });
        Self::at(place)
    }

    /// Loads the results of a file, if there is one.
    fn at(place: Option<PathBuf>) -> Self {
        // a pipe would wait for someone who reads it
        let place = place.filter(|file| atomic_file::check_own(file).is_ok());
        // an unreadable file is ignored: the survey then reads the pictures again
        let bytes = place
            .as_ref()
            .and_then(|file| regular_file::read(file).ok());
        let known = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self {
            file: place,
            known: known.unwrap_or_default(),
        }
    }

    /// Returns the result for a pair, if its files have not changed.
    pub fn recall(&self, asked: &Asked, read: ReadAs) -> Option<Seen> {
        let known = self.known.get(&key(asked, read))?;
        (stamps(asked)? == known.stamps).then_some(known.seen)
    }

    /// Saves the results for new pairs.
    pub fn keep(mut self, seen: impl IntoIterator<Item = (Asked, Seen)>, read: ReadAs) {
        let Some(file) = self.file.take() else {
            return;
        };
        let mut news = false;
        for (asked, seen) in seen {
            if let Some(stamps) = stamps(&asked).filter(|stamps| settled(stamps)) {
                self.known.insert(key(&asked, read), Known { stamps, seen });
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

/// All that a result depends on but the content of the files. Another version of this program may read them in another way.
fn key(asked: &Asked, read: ReadAs) -> String {
    let ReadAs {
        narrow,
        nodata,
        neighbors,
    } = read;
    let text = |file: &PathBuf| path_text::text_of(file);
    let files = asked.files.iter();
    let files: Vec<Vec<String>> = files
        .map(|files| files.iter().map(text).collect())
        .collect();
    let version = env!("CARGO_PKG_VERSION");
    let of_pair = (version, files, asked.page, asked.source);
    let all = (of_pair, narrow, nodata, neighbors);
    serde_json::to_string(&all).expect("plain data")
}

fn stamps(asked: &Asked) -> Option<Vec<Stamp>> {
    let stamp = |file: &PathBuf| stamp(&fs::metadata(file).ok()?);
    asked.files.iter().flatten().map(stamp).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::dataset::{Dataset, Options};
    use crate::data::pair::Direction;
    use crate::data::picture::{Depth, Format};

    fn asked(files: &[&[&str]]) -> Asked {
        let paths = |files: &&[&str]| files.iter().map(PathBuf::from).collect();
        Asked {
            files: files.iter().map(paths).collect(),
            page: Page::Only,
            source: None,
        }
    }

    const PLAIN: ReadAs = ReadAs {
        narrow: Narrow::Refused,
        nodata: [None; 2],
        neighbors: None,
    };

    #[test]
    fn whatever_is_read_in_another_way_has_a_key_of_its_own() {
        let files: [&[&[&str]]; 6] = [
            &[&["a"], &["b"], &[]],
            // the files of a side
            &[&["a", "b"], &["c"], &[]],
            &[&["a"], &["b", "c"], &[]],
            // a mask
            &[&["a"], &["b"], &["c"]],
            // side by side
            &[&["a"], &["b"]],
            &[&["a\nb"], &[]],
        ];
        let mut keys: Vec<String> = files.map(|files| key(&asked(files), PLAIN)).into();
        let first = asked(files[0]);
        keys.extend(
            [
                ReadAs {
                    narrow: Narrow::OnlySquaresRefused,
                    ..PLAIN
                },
                ReadAs {
                    narrow: Narrow::Pairs,
                    ..PLAIN
                },
                ReadAs {
                    nodata: [None, Some(Nodata::Tag)],
                    ..PLAIN
                },
                ReadAs {
                    nodata: [Some(Nodata::Tag), None],
                    ..PLAIN
                },
                ReadAs {
                    neighbors: Some((0, 1)),
                    ..PLAIN
                },
            ]
            .map(|read| key(&first, read)),
        );
        for page in [Page::At(0), Page::At(1), Page::Channels] {
            keys.push(key(
                &Asked {
                    page,
                    ..asked(files[0])
                },
                PLAIN,
            ));
        }
        #[cfg(unix)]
        for byte in [0xfe, 0xff] {
            use std::os::unix::ffi::OsStringExt;
            let name = std::ffi::OsString::from_vec(vec![byte]);
            let files = vec![vec![name.into()], Vec::new()];
            keys.push(key(
                &Asked {
                    files,
                    ..asked(&[])
                },
                PLAIN,
            ));
        }
        let count = keys.len();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), count);
    }

    /// NaN under a mask is refused in the source alone.
    #[test]
    fn what_a_mask_covers_is_known_of_one_direction() {
        let folder = tempfile::tempdir().unwrap();
        for side in ["A", "B"] {
            fs::create_dir(folder.path().join(side)).unwrap();
            fs::write(folder.path().join(side).join("x.png"), "").unwrap();
        }
        let keys = || {
            [Direction::AToB, Direction::BToA].map(|direction| {
                let options = Options {
                    direction,
                    ..Options::default()
                };
                let pairs = Dataset::open(folder.path(), &options).unwrap().train;
                key(&pairs.asked(0), pairs.read_as())
            })
        };
        let [one, other] = keys();
        assert_eq!(one, other);
        fs::create_dir(folder.path().join("mask")).unwrap();
        fs::write(folder.path().join("mask/x.png"), "").unwrap();
        let [one, other] = keys();
        assert_ne!(one, other);
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_remembers_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("results.json");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        let remembered = Remembered::at(Some(pipe));
        assert!(remembered.file.is_none() && remembered.known.is_empty());
    }

    #[test]
    fn a_mask_that_changes_is_looked_at_again() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["x.png", "mask.png"].map(|name| folder.path().join(name));
        let old = SystemTime::now() - 10 * SETTLED;
        let write = |path: &Path, bytes: &[u8]| {
            fs::write(path, bytes).unwrap();
            let file = fs::File::options().append(true).open(path).unwrap();
            file.set_modified(old).unwrap();
        };
        paths.iter().for_each(|path| write(path, b"1"));
        let asked = || Asked {
            files: paths.iter().map(|path| vec![path.clone()]).collect(),
            page: Page::Only,
            source: None,
        };
        let header = Header {
            format: Format::Png,
            size: [16, 16],
            channels: 1,
            depth: Depth::U8,
            indexed: false,
            alpha: false,
            files: 1,
            mixed: false,
        };
        let file = folder.path().join("results.json");
        let remembered = Remembered {
            file: Some(file.clone()),
            known: HashMap::new(),
        };
        remembered.keep([(asked(), ([header; 2], [None; 2]))], PLAIN);
        let remembered = Remembered {
            file: None,
            known: serde_json::from_slice(&fs::read(file).unwrap()).unwrap(),
        };
        assert!(remembered.recall(&asked(), PLAIN).is_some());
        write(&paths[1], b"12");
        assert!(remembered.recall(&asked(), PLAIN).is_none());
    }
}
