//! The digest of a data set, by which a run notices that its data has changed.

use std::path::Path;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::{Dataset, Pairs};
use crate::data::{pair, sha256};

/// How a data set differs from the one of a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Its pairs are others, or in another order.
    Pairs,
    /// Its pairs have the same names, but some of their files another size, or masks have come or gone.
    Files,
}

/// The digest of the names in the digest of a data set.
pub(crate) fn names_of(digest: &str) -> &str {
    digest.split_once(' ').map_or(digest, |(names, _)| names)
}

impl Dataset {
    /// SHA-256, in hexadecimal, of the names of all pairs, split by split, and behind a space that of their files' sizes in
    /// bytes: the same for the same pairs in the same order. Files are not read. Earlier versions had the names alone.
    pub fn digest(&self) -> String {
        format!("{} {}", self.names(), self.sizes())
    }

    /// How this data set differs from the one of a `digest`, as far as that one knows; `None` if it does not, or the digest is
    /// empty.
    pub fn changed_since(&self, digest: &str) -> Option<Change> {
        if !self.has_pairs_of(digest) {
            return Some(Change::Pairs);
        }
        let (_, sizes) = digest.split_once(' ')?;
        (sizes != self.sizes()).then_some(Change::Files)
    }

    /// Whether its pairs are those of a `digest`, which may be empty. No file is asked for its size.
    pub(crate) fn has_pairs_of(&self, digest: &str) -> bool {
        let names = names_of(digest);
        digest.is_empty()
            || names == self.names()
            || names == self.names_by(|pairs, index| pairs.name_alone(index).to_string())
            || names == self.names_by(|pairs, index| pairs.name_with_ome(index))
    }

    /// The digest of the names.
    pub(crate) fn names(&self) -> String {
        self.names_by(|pairs, index| pairs.name(index).to_string())
    }

    /// The digest of the names that `name` gives the pairs.
    fn names_by(&self, name: impl Fn(&Pairs, usize) -> String) -> String {
        let mut hash = Sha256::new();
        for (split, pairs) in &self.splits {
            for index in 0..pairs.len() {
                hash.update(format!("{split}/{}\n", name(pairs, index)));
            }
        }
        sha256::digits(&hash.finalize())
    }

    /// The digest of the files' sizes.
    fn sizes(&self) -> String {
        let mut hash = Sha256::new();
        for (_, pairs) in &self.splits {
            // a folder on another machine answers slowly
            let sizes: Vec<String> = (0..pairs.len())
                .into_par_iter()
                .map(|index| pairs.sizes(index))
                .collect();
            sizes.iter().for_each(|sizes| hash.update(sizes));
        }
        sha256::digits(&hash.finalize())
    }
}

impl Pairs {
    /// The name of pair `index` as earlier versions had it, without folders.
    fn name_alone(&self, index: usize) -> &str {
        let name = self.name(index);
        name.rsplit('/').next().unwrap_or(name)
    }

    /// The name of pair `index` as still earlier versions had it, of which the `.ome` of an OME-TIFF is a part.
    fn name_with_ome(&self, index: usize) -> String {
        let files = &self.entries[index].files;
        let file = files.all().next().expect("a pair has a file");
        let name = self.name_alone(index);
        match name.strip_prefix(&pair::stem(file)) {
            Some(page) => pair::stem_with_ome(file) + page,
            None => name.to_string(),
        }
    }

    /// The sizes in bytes of pair `index`'s files, a line of text; those of a pair of pages are at its first one.
    fn sizes(&self, index: usize) -> String {
        let entry = &self.entries[index];
        if index > 0 && self.entries[index - 1].files == entry.files {
            return String::new();
        }
        let size = |path: &Path| match self.store.size(path) {
            Some(bytes) => bytes.to_string(),
            None => "-".to_string(),
        };
        let files = entry.files.all().chain(&entry.mask);
        let sizes: Vec<String> = files.map(|path| size(path)).collect();
        format!("{}\n", sizes.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::*;
    use crate::data::dataset::Options;

    /// Earlier versions took `c0.ome.tif` for a picture called `c0.ome`.
    #[test]
    fn runs_on_ome_files_of_earlier_versions_know_their_pairs() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["A/c0.ome.tif", "B/c0.ome.tif", "A/c1.tif", "B/c1.tif"] {
            let file = folder.path().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, b"1").unwrap();
        }
        let data = Dataset::open(folder.path(), &Options::default()).unwrap();
        let names = [0, 1].map(|index| data.train.name(index).to_string());
        assert_eq!(names, ["c0", "c1"]);
        let digest = |names: &str| sha256::digits(&Sha256::digest(names));
        for names in ["train/c0\ntrain/c1\n", "train/c0.ome\ntrain/c1\n"] {
            assert_eq!(data.changed_since(&digest(names)), None, "{names}");
        }
        let other = digest("train/c0\ntrain/c1.ome\n");
        assert_eq!(data.changed_since(&other), Some(Change::Pairs));
    }

    /// Tables of one folder for each patient, whose files are called the same in all of them.
    #[test]
    fn other_patients_are_other_pairs() {
        let folder = tempfile::tempdir().unwrap();
        let opened = |patients: &[[&str; 2]]| {
            let line = |[patient, split]: &[&str; 2]| {
                format!("{patient}/t1.png,{patient}/t2.png,{split}\n")
            };
            let table = folder.path().join("t.csv");
            fs::write(&table, patients.iter().map(line).collect::<String>()).unwrap();
            Dataset::open(&table, &Options::default()).unwrap()
        };
        let data = opened(&[["p1", "train"], ["p2", "train"], ["p3", "val"]]);
        let digest = data.digest();
        assert_eq!(data.changed_since(&digest), None);
        let others = opened(&[["p1", "train"], ["p3", "train"], ["p2", "val"]]);
        assert_eq!(others.changed_since(&digest), Some(Change::Pairs));
        // earlier versions had the names of the files alone
        let earlier = sha256::digits(&Sha256::digest("train/t1\ntrain/t1\nval/t1\n"));
        assert_eq!(data.changed_since(&earlier), None);
    }

    #[test]
    fn a_file_of_another_size_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for side in ["A", "B", "mask"] {
            fs::create_dir(at(side)).unwrap();
            for name in ["x.png", "y.png"] {
                fs::write(at(side).join(name), b"1").unwrap();
            }
        }
        let open = |path: &Path| Dataset::open(path, &Options::default()).unwrap();
        let whole = || open(folder.path());
        let digest = whole().digest();
        let (names, _) = digest.split_once(' ').unwrap();
        let now = || {
            let data = whole();
            [digest.as_str(), names, ""].map(|digest| data.changed_since(digest))
        };
        assert_eq!(now(), [None; 3]);
        for file in ["A/y.png", "B/x.png", "mask/x.png"] {
            fs::write(at(file), b"12").unwrap();
            assert_eq!(now(), [Some(Change::Files), None, None], "{file}");
            fs::write(at(file), b"2").unwrap();
            assert_eq!(now(), [None; 3]);
        }
        fs::remove_file(at("mask/x.png")).unwrap();
        assert_eq!(now(), [Some(Change::Files), None, None]);
        fs::write(at("mask/x.png"), b"1").unwrap();
        // packed, they are the same files
        let mut tar = tar::Builder::new(File::create(at("x.tar")).unwrap());
        let mut zip = zip::ZipWriter::new(File::create(at("x.zip")).unwrap());
        for side in ["A", "B", "mask"] {
            for name in ["x.png", "y.png"] {
                let name = format!("{side}/{name}");
                tar.append_path_with_name(at(&name), &name).unwrap();
                let options = zip::write::SimpleFileOptions::default();
                zip.start_file(&name, options).unwrap();
                std::io::Write::write_all(&mut zip, &fs::read(at(&name)).unwrap()).unwrap();
            }
        }
        tar.finish().unwrap();
        zip.finish().unwrap();
        for archive in ["x.tar", "x.zip"] {
            assert_eq!(open(&at(archive)).digest(), digest, "{archive}");
        }
        for side in ["A", "B", "mask"] {
            fs::rename(at(side).join("y.png"), at(side).join("z.png")).unwrap();
        }
        assert_eq!(now(), [Some(Change::Pairs), Some(Change::Pairs), None]);
    }
}
