//! The names of runs that stand together on a page or in a table.

use std::path::{Component, Path, PathBuf, absolute};

/// Names of run folders: that of the folder, with as many of the folders around it as tell it from the others. One that is
/// given twice has one name.
pub fn of(roots: &[&Path]) -> Vec<String> {
    let whole = roots
        .iter()
        .map(|root| absolute(root).unwrap_or_else(|_| root.to_path_buf()));
    let whole: Vec<PathBuf> = whole.collect();
    let names = whole.iter().map(|root| {
        let length = root.components().count();
        let is_unique = |length: &usize| {
            let mut others = whole.iter().filter(|other| *other != root);
            others.all(|other| tail(other, *length) != tail(root, *length))
        };
        let shortest = (1..length).find(is_unique).unwrap_or(length);
        tail(root, shortest).display().to_string()
    });
    names.collect()
}

/// The last folders of a path.
fn tail(path: &Path, length: usize) -> PathBuf {
    let parts: Vec<Component> = path.components().collect();
    parts[parts.len().saturating_sub(length)..].iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_as_long_as_it_must_be() {
        let named = |roots: &[&str]| {
            let roots: Vec<&Path> = roots.iter().map(Path::new).collect();
            let parts = of(&roots).into_iter();
            parts
                .map(|name| name.replace('\\', "/"))
                .collect::<Vec<_>>()
        };
        assert_eq!(named(&["runs/one", "runs/two/"]), ["one", "two"]);
        assert_eq!(
            named(&["moved/run", "other/run", "third"]),
            ["moved/run", "other/run", "third"]
        );
        assert_eq!(
            named(&["a/b/run", "c/b/run", "d/run"]),
            ["a/b/run", "c/b/run", "d/run"]
        );
        assert_eq!(named(&["run", "./run"]), ["run", "run"]);
    }
}
