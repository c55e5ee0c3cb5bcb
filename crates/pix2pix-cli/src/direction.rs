//! Notes on data of the other side than a model translates.

use std::path::Path;

use pix2pix::data::pair::Direction;

use crate::paths::Plain;

/// The side that a folder's name says: that of A/, trainA/ or testA/ is A.
fn side_of(folder: &Path) -> Option<char> {
    let name = folder.file_name()?.to_str()?;
    let side = name.chars().next_back()?;
    let named = ["", "train", "val", "test"].contains(&&name[..name.len() - side.len_utf8()]);
    (named && ['A', 'B'].contains(&side)).then_some(side)
}

/// Whether a picture lies in a folder that is named for the side of a model's targets.
pub fn is_of_targets(picture: &Path, direction: Direction) -> bool {
    let [_, target] = direction.order(['A', 'B']);
    picture.parent().and_then(side_of) == Some(target)
}

/// A note on pictures of which one lies in a folder that is named for the side of a model's targets.
pub fn of_pictures<'a>(
    mut pictures: impl Iterator<Item = &'a Path>,
    direction: Direction,
) -> Option<String> {
    let [source, target] = direction.order(['A', 'B']);
    let wrong = pictures.find(|picture| is_of_targets(picture, direction));
    let folder = wrong?.parent()?;
    Some(format!(
        "note: {} is named for {target}, and the model was trained from {source} to {target}: it takes pictures of \
         {source}",
        folder.plain()
    ))
}

/// A note on pairs for a model that was trained from B to A.
pub fn of_pairs(model: &Path, direction: Direction) -> Option<String> {
    (direction == Direction::BToA).then(|| {
        format!(
            "note: {} was trained from B to A: it translates B, and is compared with A",
            model.plain()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_named_for_a_side() {
        for (folder, side) in [
            ("photos/A", Some('A')),
            ("trainB", Some('B')),
            ("x/testA", Some('A')),
            ("valB", Some('B')),
            ("DATA", None),
            ("C", None),
            ("Grüße", None),
            ("", None),
        ] {
            assert_eq!(side_of(Path::new(folder)), side, "{folder}");
        }
        let told = |path: &str, direction| of_pictures([Path::new(path)].into_iter(), direction);
        let note = told("photos/B/1.png", Direction::AToB).unwrap();
        assert!(note.contains("photos/B is named for B"), "{note}");
        assert!(note.ends_with("it takes pictures of A"), "{note}");
        assert!(told("photos/A/1.png", Direction::BToA).is_some());
        assert!(told("photos/B/1.png", Direction::BToA).is_none());
        assert!(told("photos/1.png", Direction::BToA).is_none());
    }
}
