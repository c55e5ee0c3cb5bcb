//! Whether paths lead to one file or folder: by links, by two mounts of a folder, or by other letters, where a disk takes
//! small and capital ones for the same. All names of a file that has several (hard links) lead to it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;

use icu_normalizer::ComposingNormalizerBorrowed;

use crate::atomic_file::{self, Scratch};

/// What tells a file or a folder that exists from all others, whatever path leads to it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity(Found);

/// The disk, and the number there.
#[cfg(unix)]
type Found = (u64, u64);
/// The path on the disk itself: such systems give it in the disk's own letters.
#[cfg(not(unix))]
type Found = std::path::PathBuf;

impl Identity {
    /// That of the file or folder at the end of a path; `None` if there is none, or it cannot be found out.
    #[cfg(unix)]
    pub fn of(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let found = fs::metadata(path).ok()?;
        Some(Self((found.dev(), found.ino())))
    }

    /// That of the file or folder at the end of a path; `None` if there is none, or it cannot be found out.
    #[cfg(not(unix))]
    pub fn of(path: &Path) -> Option<Self> {
        fs::canonicalize(path).ok().map(Self)
    }
}

/// Whether writing to both paths would write to one file, also before it exists.
pub fn are_one(path: &Path, other: &Path) -> bool {
    let ends = [path, other].map(atomic_file::file_behind);
    let [Some(file), Some(second)] = &ends else {
        return path == other;
    };
    match [file, second].map(|file| Identity::of(file)) {
        [None, None] => are_one_yet_to_be(file, second),
        [found, other] => found == other,
    }
}

/// As [`are_one`], of two files of which none is there.
fn are_one_yet_to_be(file: &Path, second: &Path) -> bool {
    let folders = [file, second].map(atomic_file::folder_of);
    let [Some(folder), Some(other)] = folders.map(Identity::of) else {
        return file == second;
    };
    let [Some(name), Some(other_name)] = [file, second].map(|file| file.file_name()) else {
        return false;
    };
    let names = [name, other_name].map(Path::new);
    folder == other && (name == other_name || alike(folders[0], names).is_some())
}

/// Two of these different names, relative paths, that are one on the disk of `folder`, which may not exist yet: many disks
/// take `a.png` and `A.png` for the same, and both spellings of an accent. `None` if there are no such two, or nothing can be
/// tried there.
pub fn alike<'a>(
    folder: &Path,
    names: impl IntoIterator<Item = &'a Path>,
) -> Option<[&'a Path; 2]> {
    let pairs = may_be_one(names);
    if pairs.is_empty() {
        return None;
    }
    let scratch = Scratch::new(atomic_file::there(folder)).ok()?;
    let mut folders = (0..).map(|number| scratch.path().join(format!("{number}")));
    let mut pairs = pairs.into_iter();
    pairs.find(|pair| are_one_in(&folders.next().expect("they have no end"), *pair))
}

/// Pairs of names that some disk takes for one.
fn may_be_one<'a>(names: impl IntoIterator<Item = &'a Path>) -> Vec<[&'a Path; 2]> {
    let mut known = BTreeMap::new();
    let mut pairs = Vec::new();
    for name in names {
        let text = name.to_string_lossy();
        let composed = ComposingNormalizerBorrowed::new_nfc().normalize(&text);
        if let Some(other) = known.insert(composed.to_lowercase(), name) {
            pairs.push([other, name]);
        }
    }
    pairs
}

/// Whether a file of the one name, which is made in a folder, has the other name too.
fn are_one_in(folder: &Path, [name, other]: [&Path; 2]) -> bool {
    let file = folder.join(name);
    let made = fs::create_dir_all(atomic_file::folder_of(&file));
    made.and_then(|()| File::create_new(&file)).is_ok() && folder.join(other).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn whatever_leads_to_a_file_is_that_file() {
        use std::os::unix::fs::symlink;
        let scratch = tempfile::tempdir().unwrap();
        let at = |name: &str| scratch.path().join(name);
        fs::create_dir(at("folder")).unwrap();
        symlink("folder", at("link")).unwrap();
        symlink("folder/new", at("dangling")).unwrap();
        fs::write(at("folder/file"), "one").unwrap();
        fs::write(at("folder/other"), "one").unwrap();
        // as two spellings of a name do, on a disk that takes small and capital letters for the same
        fs::hard_link(at("folder/file"), at("folder/again")).unwrap();
        for (path, other, expected) in [
            ("folder/file", "link/file", true),
            ("folder/file", "folder/again", true),
            ("folder/file", "folder/other", false),
            ("folder/file", "folder/new", false),
            ("folder/new", "link/new", true),
            ("folder/new", "dangling", true),
            ("folder/new", "folder/newer", false),
            ("folder/new", "new", false),
            ("none/new", "none/new", true),
        ] {
            assert_eq!(are_one(&at(path), &at(other)), expected, "{path} {other}");
        }
        assert_eq!(Identity::of(&at("folder")), Identity::of(&at("link")));
        assert_ne!(Identity::of(&at("folder")), Identity::of(&at(".")));
        assert_eq!(Identity::of(&at("dangling")), None);
        let null = Path::new("/dev/null");
        assert!(are_one(null, null) && !are_one(null, Path::new("/dev/zero")));
    }

    #[test]
    fn names_that_differ_in_letters_alone_may_be_one() {
        let names = ["a/x", "b/x", "A/x", "caf\u{e9}", "Cafe\u{301}", "a/X"].map(Path::new);
        let pairs = may_be_one(names);
        let expected = [["a/x", "A/x"], ["caf\u{e9}", "Cafe\u{301}"], ["A/x", "a/X"]];
        assert_eq!(pairs, expected.map(|pair| pair.map(Path::new)));
    }

    /// Two spellings that are one name on every disk stand for two that are on some.
    #[test]
    fn the_disk_says_whether_names_are_one() {
        let scratch = tempfile::tempdir().unwrap();
        let tried = |folder: &str, names: [&str; 2]| {
            are_one_in(&scratch.path().join(folder), names.map(Path::new))
        };
        assert!(tried("0", ["a//x", "a/x"]));
        assert!(!tried("1", ["x", "y"]));
    }

    /// Others, and other settings of these, may have other disks.
    #[cfg(target_os = "linux")]
    #[test]
    fn linux_tells_small_letters_from_capitals() {
        let scratch = tempfile::tempdir().unwrap();
        let names = ["a/x", "A/x", "y"].map(Path::new);
        assert_eq!(alike(&scratch.path().join("none/yet"), names), None);
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
    }
}
