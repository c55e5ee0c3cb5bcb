//! Names of pairs whose files are called the same, as `T1.nii.gz` in a folder for each patient.

use std::collections::{BTreeMap, HashMap};
use std::path::{Component, Path};

use super::layout::{Entry, Split};
use crate::data::pair;

/// Names the pairs of a table by the paths of their first files without the folders that all share, if different files of a
/// split have one name: `sub-01/T1` for `bids/sub-01/T1.nii.gz`.
pub fn name_by_path(splits: &mut BTreeMap<Option<Split>, Vec<Entry>>) {
    if splits.values().all(|entries| have_own_names(entries)) {
        return;
    }
    let entries = splits.values().flatten();
    let folders: Vec<Vec<String>> = entries.map(|entry| folders(first_file(entry))).collect();
    let is_shared = |depth: &usize| {
        let mut folders = folders.iter().map(|folders| folders.get(*depth));
        let first = folders.next().flatten();
        first.is_some() && folders.all(|folder| folder == first)
    };
    let shared = (0..).take_while(is_shared).count();
    for (entry, folders) in splits.values_mut().flatten().zip(&folders) {
        let own = folders[shared..].iter().chain([&entry.name]);
        let own: Vec<&str> = own.map(String::as_str).collect();
        entry.name = own.join("/");
    }
}

/// Whether no two different first files of these pairs have one name.
fn have_own_names(entries: &[Entry]) -> bool {
    let mut files: HashMap<&str, &Path> = HashMap::new();
    entries.iter().all(|entry| {
        let file = first_file(entry);
        *files.entry(&entry.name).or_insert(file) == file
    })
}

fn first_file(entry: &Entry) -> &Path {
    entry.files.all().next().expect("a pair has a file")
}

/// The names of the folders that a file is in.
fn folders(file: &Path) -> Vec<String> {
    let parts = file.parent().into_iter().flat_map(Path::components);
    let names = parts.filter_map(|part| match part {
        Component::Normal(name) => Some(pair::stem(Path::new(name))),
        _ => None,
    });
    names.collect()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::data::dataset::layout::Files;

    /// The names of the pairs of these files, of A and of B, each in its split.
    fn names(pairs: &[(Split, &str, &str)]) -> Vec<String> {
        let mut splits: BTreeMap<Option<Split>, Vec<Entry>> = BTreeMap::new();
        for (split, a, b) in pairs {
            let files = Files::Apart(vec![PathBuf::from(a)], vec![PathBuf::from(b)]);
            let entry = Entry::new(pair::stem(Path::new(a)), files);
            splits.entry(Some(*split)).or_default().push(entry);
        }
        name_by_path(&mut splits);
        let names = splits.into_values().flatten().map(|entry| entry.name);
        names.collect()
    }

    #[test]
    fn files_that_are_called_the_same_have_the_names_of_their_folders() {
        use Split::{Train, Val};

        let one = (Train, "../bids/p1/anat/t1.nii.gz", "../bids/p1/anat/t2.nii");
        let other = (Train, "../bids/p2/t1.nii.gz", "../bids/p2/t2.nii");
        let third = (Val, "../bids/p3/t1.nii.gz", "../bids/p3/t2.nii");
        assert_eq!(
            names(&[one, other, third]),
            ["p1/anat/t1", "p2/t1", "p3/t1"]
        );
        // one in each split, as in the folders of a data set, and one file in two pairs
        assert_eq!(names(&[one, third]), ["t1", "t1"]);
        let again = (Train, one.1, "../bids/p1/anat/pd.nii");
        let own = (Train, "../bids/p2/u1.nii.gz", "../bids/p2/t2.nii");
        assert_eq!(names(&[one, again, own]), ["t1", "t1", "u1"]);
        // nothing but an ending tells them apart
        let png = (Train, "x/t1.png", "y/t1.png");
        let tif = (Train, "x/t1.tif", "y/t1.png");
        assert_eq!(names(&[png, tif]), ["t1", "t1"]);
        // a path without a name is an error when it is read
        assert_eq!(names(&[png, (Train, "..", "b.png")]), ["t1", ""]);
        assert_eq!(names(&[png, (Train, "t1.png", "b.png")]), ["x/t1", "t1"]);
    }
}
