//! Leakage: pairs that occur in more than one split, byte for byte. Held-out scores then also measure what the network
//! has memorized. A file that occurs in two splits in pairs that differ may be as bad, or an empty label map.

use std::collections::{HashMap, HashSet};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::Dataset;
use super::pairs::Pairs;
use crate::data::picture::{Page, content};

/// Number of bytes from the middle of a file by which files of one size are compared before all of them is read.
const SAMPLE: u64 = 4096;

/// A pair or a file that occurs in two splits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duplicate {
    /// Its path in the first split; of a pair, that of its first file.
    pub first: PathBuf,
    /// Its path in the other split.
    pub again: PathBuf,
    /// Whether all files of both pairs are the same.
    pub is_pair: bool,
}

/// Finds pairs, and files of other pairs, that occur in more than one split; skips files that cannot be read. Files are read as
/// far as others of the same size and with the same middle are in another split.
pub fn duplicates(data: &Dataset) -> Vec<Duplicate> {
    let splits: Vec<&Pairs> = data.splits.iter().map(|(_, pairs)| pairs).collect();
    let pairs = items(&splits);
    let again = repeated(pairs.iter().map(|pair| pair.iter().collect()).collect());
    let mut found: Vec<Duplicate> = again.iter().map(|pair| pair.told(true)).collect();
    let told: HashSet<[usize; 2]> = again.iter().map(|pair| pair.files[0].place).collect();
    let others = pairs.iter().flatten();
    let others = others.filter(|file| !told.contains(&file.place));
    let again = repeated(others.map(|file| vec![file]).collect());
    found.extend(again.iter().map(|file| file.told(false)));
    found
}

/// Finds held-out pairs that are training pairs too, of which scores say nothing.
pub fn leaked(train: &Pairs, held_out: &Pairs) -> Vec<Duplicate> {
    let pairs = items(&[train, held_out]);
    let again = repeated(pairs.iter().map(|pair| pair.iter().collect()).collect());
    again.iter().map(|pair| pair.told(true)).collect()
}

/// A file of a pair, and what is known of its bytes.
struct File<'a> {
    pairs: &'a Pairs,
    /// The split, and the pair in it.
    place: [usize; 2],
    path: &'a Path,
    size: OnceLock<Option<u64>>,
    sample: OnceLock<Option<Hash>>,
    whole: OnceLock<Option<Hash>>,
}

/// SHA-256.
type Hash = [u8; 32];

impl File<'_> {
    fn shown(&self) -> PathBuf {
        self.pairs.store.shown(self.path)
    }

    fn size(&self) -> Option<u64> {
        *self.size.get_or_init(|| self.pairs.store.size(self.path))
    }

    /// The digest of its middle.
    fn sample(&self) -> Option<Hash> {
        *self.sample.get_or_init(|| {
            let stored = self.pairs.store.stored(self.path).ok()?;
            Some(Sha256::digest(sample(&stored).ok()?).into())
        })
    }

    fn whole(&self) -> Option<Hash> {
        *self.whole.get_or_init(|| {
            let bytes = self.pairs.store.read(self.path).ok()?;
            Some(Sha256::digest(&bytes).into())
        })
    }
}

/// The middle of a file.
fn sample(content: &content::Content) -> io::Result<Vec<u8>> {
    let mut reader = content.reader()?;
    let length = content::length(&mut *reader)?;
    reader.seek(SeekFrom::Start(length.saturating_sub(SAMPLE) / 2))?;
    let mut sample = Vec::new();
    reader.take(SAMPLE).read_to_end(&mut sample)?;
    Ok(sample)
}

/// The files of the pairs of each split.
fn items<'a>(splits: &[&'a Pairs]) -> Vec<Vec<File<'a>>> {
    let of_split = |(split, pairs): (usize, &&'a Pairs)| {
        let pairs = *pairs;
        // the pages of a file are compared with the first
        let is_first = move |index: &usize| !matches!(pairs.page(*index), Page::At(1..));
        let file = move |index, path: &'a PathBuf| File {
            pairs,
            place: [split, index],
            path,
            size: OnceLock::new(),
            sample: OnceLock::new(),
            whole: OnceLock::new(),
        };
        (0..pairs.len()).filter(is_first).map(move |index| {
            let files = pairs.entries[index].files.all();
            files.map(|path| file(index, path)).collect()
        })
    };
    splits.iter().enumerate().flat_map(of_split).collect()
}

/// Files that have been seen before, in another split.
struct Repeated<'a> {
    first: PathBuf,
    files: Vec<&'a File<'a>>,
}

impl Repeated<'_> {
    fn told(&self, is_pair: bool) -> Duplicate {
        Duplicate {
            first: self.first.clone(),
            again: self.files[0].shown(),
            is_pair,
        }
    }
}

/// Those of the items, files that are compared together, that have been seen before in another split, byte for byte.
fn repeated<'a>(items: Vec<Vec<&'a File<'a>>>) -> Vec<Repeated<'a>> {
    let sizes = |files: &[&File]| files.iter().map(|file| file.size()).collect();
    let samples = |files: &[&File]| files.iter().map(|file| file.sample()).collect();
    let digests = |files: &[&File]| files.iter().map(|file| file.whole()).collect();
    let items = without_keys(alike::<Vec<u64>>(items, sizes));
    // of most, the first file says that they differ
    let items = without_keys(alike(items, |files| files[0].sample()));
    let items = without_keys(alike::<Vec<Hash>>(items, samples));
    let same = alike::<Vec<Hash>>(items, digests);
    let mut seen = HashMap::new();
    let again = same.into_iter().filter_map(|(files, key)| {
        let split = files[0].place[0];
        let (other, first) = seen.entry(key).or_insert_with(|| (split, files[0].shown()));
        (*other != split).then(|| Repeated {
            first: first.clone(),
            files,
        })
    });
    again.collect()
}

/// The items without their keys.
fn without_keys<'a, K>(items: Vec<(Vec<&'a File<'a>>, K)>) -> Vec<Vec<&'a File<'a>>> {
    items.into_iter().map(|(files, _)| files).collect()
}

/// The items whose key is also that of one of another split, with their keys. Those without a key are like no other.
fn alike<'a, K: Clone + Eq + std::hash::Hash + Send>(
    items: Vec<Vec<&'a File<'a>>>,
    key: impl Fn(&[&File]) -> Option<K> + Sync,
) -> Vec<(Vec<&'a File<'a>>, K)> {
    let keyed = items.into_par_iter();
    let keyed = keyed.filter_map(|files| key(&files).map(|key| (files, key)));
    let keyed: Vec<(Vec<&File>, K)> = keyed.collect();
    // the split of a key, and whether another one has it too
    let mut splits = HashMap::new();
    for (files, key) in &keyed {
        let split = files[0].place[0];
        let (first, is_in_two) = splits.entry(key.clone()).or_insert((split, false));
        *is_in_two |= *first != split;
    }
    let alike = keyed.into_iter().filter(|(_, key)| splits[key].1);
    alike.collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::data::dataset::Options;

    #[test]
    fn pairs_are_compared_and_then_files() {
        let folder = tempfile::tempdir().unwrap();
        for (path, bytes) in [
            ("train/A/1.png", "one"),
            ("train/B/1.png", "empty"),
            ("train/A/2.png", "two"),
            ("train/B/2.png", "empty"),
            ("val/A/3.png", "three"),
            ("val/B/3.png", "empty"),
            ("val/A/4.png", "two"),
            ("val/B/4.png", "empty"),
        ] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        let data = Dataset::open(folder.path(), &Options::default()).unwrap();
        let duplicate = |again: &str, first: &str, is_pair| Duplicate {
            first: folder.path().join(first),
            again: folder.path().join(again),
            is_pair,
        };
        let expected = [
            duplicate("val/A/4.png", "train/A/2.png", true),
            duplicate("val/B/3.png", "train/B/1.png", false),
        ];
        assert_eq!(duplicates(&data), expected);
        let held_out = data.val.as_ref().unwrap();
        assert_eq!(leaked(&data.train, held_out), expected[..1]);
    }

    /// Of uncompressed pictures all sizes are equal, and the middle may be too.
    #[test]
    fn files_of_one_size_are_read_as_far_as_they_are_alike() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, at: usize, byte: u8| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let mut bytes = vec![0; 20_000];
            bytes[at] = byte;
            fs::write(path, bytes).unwrap();
        };
        // another start, another middle, another end; the last one is a copy
        for (index, (at, byte)) in [(0, 1), (10_000, 1), (19_999, 1), (5, 1)]
            .into_iter()
            .enumerate()
        {
            write(&format!("train/A/{index}.npy"), at, byte);
            write(&format!("train/B/{index}.npy"), 7, 0);
            let byte = if index == 3 { byte } else { 2 };
            write(&format!("val/A/{index}.npy"), at, byte);
            write(&format!("val/B/{index}.npy"), 7, 0);
        }
        let data = Dataset::open(folder.path(), &Options::default()).unwrap();
        let again: Vec<PathBuf> = leaked(&data.train, data.val.as_ref().unwrap())
            .into_iter()
            .map(|duplicate| duplicate.again)
            .collect();
        assert_eq!(again, [folder.path().join("val/A/3.npy")]);
    }
}
