//! Detects the layout of a data set from the names of its files and folders.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::slice;

use pix2pix_runtime::words::count;

use super::incomplete::Incomplete;
use super::passed_over::{self, CONVERT, PassedOver, Why};
use super::pattern::{self, Pattern};
use crate::data::pair;
use crate::data::picture::{Page, is_picture};
use crate::error::{Error, Result, shown};

/// A split of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Split {
    /// Training pairs.
    Train,
    /// Held-out pairs, for validation.
    Val,
    /// Held-out pairs, for the final test.
    Test,
}

impl Split {
    /// Parses the name of a split in a folder or a manifest; `None` if it is not one.
    pub fn parse(name: &str) -> Option<Self> {
        match name.to_lowercase().as_str() {
            "train" | "training" => Some(Self::Train),
            "val" | "valid" | "validation" | "dev" | "eval" => Some(Self::Val),
            "test" | "testing" => Some(Self::Test),
            _ => None,
        }
    }

    /// The split that a folder's own name says.
    pub fn of_folder(folder: &Path) -> Option<Self> {
        Self::parse(&folder.file_name()?.to_string_lossy())
    }

    /// The name of its folder.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Val => "val",
            Self::Test => "test",
        }
    }
}

/// The files of a pair.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Files {
    /// Side by side in one file.
    Together(PathBuf),
    /// In files of their own: those of A and those of B, whose channels are joined if there are several.
    Apart(Vec<PathBuf>, Vec<PathBuf>),
}

impl Files {
    /// All files: the one of both sides, or those of A and then those of B.
    pub fn all(&self) -> impl Iterator<Item = &PathBuf> + Clone {
        let (first, rest): (&[PathBuf], &[PathBuf]) = match self {
            Self::Together(path) => (slice::from_ref(path), &[]),
            Self::Apart(a, b) => (a, b),
        };
        first.iter().chain(rest)
    }

    /// The files of A or B (`side` 0 or 1).
    pub fn of_side(&self, side: usize) -> &[PathBuf] {
        match self {
            Self::Together(path) => slice::from_ref(path),
            Self::Apart(a, b) => [a, b][side],
        }
    }
}

/// A pair's name and files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name, without extension.
    pub name: String,
    /// Its files.
    pub files: Files,
    /// The page or slice of its files.
    pub page: Page,
    /// Number of pages or slices of its files that are pairs.
    pub pages: usize,
    /// The picture that is 0 where the pair has no data.
    pub mask: Option<PathBuf>,
    /// Width and height of A and of B, where a survey has found them.
    pub size: Option<[u32; 2]>,
}

impl Entry {
    /// The pair in the only page of these files.
    pub fn new(name: String, files: Files) -> Self {
        Self {
            name,
            files,
            page: Page::Only,
            pages: 1,
            mask: None,
            size: None,
        }
    }
}

/// Pairs of a data set by split, and its pictures without a partner.
#[derive(Debug, Default)]
pub struct Layout {
    /// Description in plain language.
    pub description: String,
    /// The pairs of each split; `None` is the key of pairs without a split.
    pub splits: BTreeMap<Option<Split>, Vec<Entry>>,
    /// Pictures of A without a partner in B, and vice versa.
    pub unmatched: Vec<PathBuf>,
    /// Lines of a table that lack a picture.
    pub incomplete: Vec<Incomplete>,
    /// What to say of columns of a table that are not used, and of pairs that it lists again.
    pub notes: Vec<String>,
    /// Files that are not of a pair.
    pub passed_over: Vec<PassedOver>,
    /// A picture of A without a partner, and one of B of the same split.
    pub example: Option<[PathBuf; 2]>,
    /// Patterns that would match the names of pictures without a partner.
    pub proposal: Option<[String; 2]>,
    /// Whether the names of files say what is a pair.
    pub by_name: bool,
}

impl Layout {
    /// Notes a file that is not of a pair.
    pub fn pass_over(&mut self, file: &Path, why: Why) {
        self.passed_over.push(PassedOver::new(file, why));
    }
}

/// Side of the pictures in a folder, according to its name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    Both,
    /// A, or A1, A2, ...
    A(u8),
    /// B, or B1, B2, ...
    B(u8),
    Mask,
}

/// The side that a folder's name says: `A`, `B2` or `mask`, in small letters or large ones.
fn side(name: &str) -> Option<Side> {
    let mut masks = ["mask", "masks"].into_iter();
    if masks.any(|known| name.eq_ignore_ascii_case(known)) {
        return Some(Side::Mask);
    }
    let (letter, number) = name.split_at_checked(1)?;
    let number = match number {
        "" => 0,
        _ if number.starts_with(['0', '+']) => return None,
        number => number.parse().ok()?,
    };
    match letter {
        "A" | "a" => Some(Side::A(number)),
        "B" | "b" => Some(Side::B(number)),
        _ => None,
    }
}

/// Whether a folder is one in which a layout has pictures, in whatever folders it is.
pub fn has_place(folder: &Path) -> bool {
    let parts: Vec<_> = folder.iter().collect();
    (0..parts.len()).any(|from| meaning(&parts[from..].iter().collect::<PathBuf>()).is_some())
}

/// Parses the path of a folder: `train`, `A`, `trainA`, `train/A`, `A/train`, or empty, and with `A1`, `A2` ... for `A`.
/// `None` for all others.
fn meaning(folder: &Path) -> Option<(Option<Split>, Side)> {
    let parts: Vec<_> = folder
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    match parts.as_slice() {
        [] => Some((None, Side::Both)),
        [name] => {
            if let Some(split) = Split::parse(name) {
                return Some((Some(split), Side::Both));
            }
            if let Some(side) = side(name) {
                return Some((None, side));
            }
            let word = name.trim_end_matches(|letter: char| letter.is_ascii_digit());
            let (split, last) = name.split_at_checked(word.len().checked_sub(1)?)?;
            Some((
                Some(Split::parse(split.trim_end_matches(['_', '-']))?),
                side(last)?,
            ))
        }
        [first, second] => match (Split::parse(first), Split::parse(second)) {
            (Some(split), None) => Some((Some(split), side(second)?)),
            (None, Some(split)) => Some((Some(split), side(first)?)),
            _ => None,
        },
        _ => None,
    }
}

/// A picture of a layout.
struct Placed<'a> {
    file: &'a PathBuf,
    /// The folders that it is in below that of its side, as pairs are called after them: `scene1/`.
    below: String,
}

/// What a folder's path says, and the folders below that of a side: those of `trainA/scene1` are `scene1/`. `None` for a folder
/// that is in none of a layout.
fn place(folder: &Path) -> Option<((Option<Split>, Side), String)> {
    if let Some(known) = meaning(folder) {
        return Some((known, String::new()));
    }
    let parts: Vec<_> = folder.iter().collect();
    // of `train/A/scene1`, the first two say what it is
    let depths = [2, 1].into_iter().filter(|depth| *depth < parts.len());
    let mut places = depths.filter_map(|depth| {
        let known = meaning(&parts[..depth].iter().collect::<PathBuf>())?;
        let below = parts[depth..].iter();
        let below = below.map(|name| pair::stem(Path::new(name)) + "/");
        (known.1 != Side::Both).then(|| (known, below.collect()))
    });
    places.next()
}

/// The folder that contains all files, relative to the root: archives often have one.
pub fn base(files: &[PathBuf]) -> PathBuf {
    let mut base = PathBuf::new();
    loop {
        let mut names = files.iter().map(|file| {
            let mut parts = file.strip_prefix(&base).ok()?.iter();
            let first = parts.next()?;
            parts.next().map(|_| first)
        });
        let Some(Some(first)) = names.next() else {
            return base;
        };
        let known = meaning(Path::new(first)).is_some();
        if known || !names.all(|name| name == Some(first)) {
            return base;
        }
        base.push(first);
    }
}

/// The places, in a data set, of the side-by-side pairs that are made of these pictures: paths without an ending. No layout
/// has pairs in other folders than those of splits, so the names of all other folders become parts of the pairs' names.
pub fn places_of_pairs(pictures: &[PathBuf]) -> Vec<PathBuf> {
    let base = base(pictures);
    let inside = |picture: &PathBuf| place_of_pair(picture.strip_prefix(&base).unwrap_or(picture));
    pictures.iter().map(inside).collect()
}

/// The place of the pair of one picture: the folder of its split, if it is in one, and its name behind those of the other
/// folders that it is in.
fn place_of_pair(picture: &Path) -> PathBuf {
    let mut names: Vec<String> = picture
        .iter()
        .map(|name| pair::stem(Path::new(name)))
        .collect();
    let last = names.pop().unwrap_or_default();
    let split = match names.first().and_then(|first| meaning(Path::new(first))) {
        Some((Some(_), Side::Both)) => Some(names.remove(0)),
        // trainA
        Some((Some(split), _)) => Some(split.name().to_string()),
        // A/train
        Some((None, _))
            if names
                .get(1)
                .is_some_and(|name| Split::parse(name).is_some()) =>
        {
            Some(names.remove(1))
        }
        _ => None,
    };
    names.push(last);
    PathBuf::from(split.unwrap_or_default()).join(names.join("_"))
}

/// Finds the pairs among `files`. Their paths are relative to `root`, which is for messages. `matching` are the patterns
/// of the names of A and of B.
///
/// # Errors
/// When no layout fits, or two pictures of one folder have the same name without extension.
pub fn find(root: &Path, files: &[PathBuf], matching: Option<&[Pattern; 2]>) -> Result<Layout> {
    let base = base(files);
    let mut layout = Layout::default();
    let mut folders: BTreeMap<(Option<Split>, Side), Vec<Placed>> = BTreeMap::new();
    for file in files {
        let folder = file.parent().unwrap_or(Path::new(""));
        let folder = folder.strip_prefix(&base).unwrap_or(folder);
        match place(folder) {
            _ if !is_picture(file) => layout.pass_over(file, Why::of_ending(file)),
            Some((known, below)) => {
                let placed = Placed { file, below };
                folders.entry(known).or_default().push(placed);
            }
            None => layout.pass_over(file, Why::Folder),
        }
    }
    // masks belong to pairs of any layout
    let mut masks = BTreeMap::new();
    for ((split, _), files) in folders.extract_if(.., |(_, side), _| *side == Side::Mask) {
        masks.insert(split, by_name(root, &files, None, &mut layout)?);
    }
    let apart = folders.keys().any(|(_, side)| *side != Side::Both);
    let has_split = folders
        .keys()
        .any(|(split, side)| split.is_some() && (*side == Side::Both) != apart);
    folders.retain(|(split, side), files| {
        let kept = (*side == Side::Both) != apart && split.is_some() == has_split;
        if !kept {
            files
                .iter()
                .for_each(|placed| layout.pass_over(placed.file, Why::Folder));
        }
        kept
    });
    let folder = match base.as_os_str().is_empty() {
        true => root.to_path_buf(),
        false => root.join(base),
    };
    if folders.is_empty() {
        return Err(without_pictures(&folder, &layout.passed_over));
    }
    if let (true, Some(mask)) = (apart, masks.values().flat_map(BTreeMap::values).next()) {
        check_both_sides(&folder, folders.keys().map(|(_, side)| *side), mask)?;
    }
    layout.by_name = apart;
    if apart {
        let mut names: Vec<String> = Vec::new();
        for (_, side) in folders.keys() {
            let name = match side {
                Side::A(0) => "A".to_string(),
                Side::B(0) => "B".to_string(),
                Side::A(number) => format!("A{number}"),
                Side::B(number) => format!("B{number}"),
                Side::Both | Side::Mask => continue,
            };
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names.sort();
        layout.description = match names.as_slice() {
            [] | [_] | [_, _] => "two folders, A and B, matched by name".to_string(),
            names => format!("folders {}, matched by name", names.join(", ")),
        };
        // of A and of B, in any split
        let mut below = [BTreeSet::from([""]), BTreeSet::from([""])];
        for ((_, side), files) in &folders {
            let known = &mut below[usize::from(matches!(side, Side::B(_)))];
            known.extend(files.iter().map(|placed| placed.below.as_str()));
        }
        let splits: BTreeSet<_> = folders.keys().map(|(split, _)| *split).collect();
        for split in splits {
            let mut sides = [Vec::new(), Vec::new()];
            for ((of, side), files) in &folders {
                match side {
                    Side::A(_) if *of == split => sides[0].push(files.as_slice()),
                    Side::B(_) if *of == split => sides[1].push(files.as_slice()),
                    _ => {}
                }
            }
            let entries = matched(root, sides, &below, matching, &mut layout)?;
            layout.splits.insert(split, entries);
        }
        layout.splits.retain(|_, entries| !entries.is_empty());
    } else {
        layout.description = "side-by-side pairs".to_string();
        for ((split, _), files) in folders {
            let entries = files.into_iter().map(|Placed { file, .. }| {
                Entry::new(pair::stem(file), Files::Together(file.clone()))
            });
            layout.splits.insert(split, entries.collect());
        }
    }
    if !masks.is_empty() {
        layout.description += ", with masks";
    }
    let names = layout.splits.values().flatten().map(|entry| &entry.name);
    let of_pairs: BTreeSet<String> = names.map(|name| below_of(name).to_string()).collect();
    for (split, masks) in masks {
        let mut names = BTreeSet::new();
        for entry in layout.splits.get_mut(&split).into_iter().flatten() {
            entry.mask = masks.get(&entry.name).cloned();
            names.insert(entry.name.clone());
        }
        let alone = masks.into_iter().filter(|(name, _)| !names.contains(name));
        for (name, mask) in alone {
            match below_of(&name) {
                below if below.is_empty() || of_pairs.contains(below) => {
                    layout.unmatched.push(mask);
                }
                _ => layout.pass_over(&mask, Why::Folder),
            }
        }
    }
    Ok(layout)
}

/// The error for a folder in which no picture has a place, and these files were passed over.
fn without_pictures(folder: &Path, passed_over: &[PassedOver]) -> Error {
    let reason = "the folder has no pictures in the places of a known layout";
    let elsewhere = elsewhere(passed_over);
    match passed_over::of_other_endings(passed_over).filter(|_| elsewhere.is_none()) {
        Some(others) => Error::file(folder, format!("{reason}; {others}"), CONVERT),
        None => Error::file(
            folder,
            format!("{reason}{}", elsewhere.unwrap_or_default()),
            "put side-by-side pairs into it or into train/, or pictures into A/ and B/, or name the paths in a table \
             (pairs.csv); supported formats are JPEG, PNG, WebP, TIFF, BMP, npy and NIfTI",
        ),
    }
}

/// The folders outside of the layout that have pictures: ": 56 pictures lie in images/, labels/". `None` if there are none.
fn elsewhere(passed_over: &[PassedOver]) -> Option<String> {
    const NAMED: usize = 3;
    let pictures = passed_over.iter().filter(|file| file.why == Why::Folder);
    let folders: BTreeSet<&Path> = pictures
        .clone()
        .filter_map(|file| file.file.parent())
        .collect();
    let named = folders.iter().take(NAMED).map(|folder| shown(folder) + "/");
    let named: Vec<String> = named.collect();
    let more = if folders.len() > NAMED { ", ..." } else { "" };
    let lie = if pictures.clone().count() == 1 {
        "lies"
    } else {
        "lie"
    };
    let pictures = count(pictures.count() as u64, "picture");
    (!folders.is_empty()).then(|| format!(": {pictures} {lie} in {}{more}", named.join(", ")))
}

/// Checks that there are pictures of A and of B beside masks, of which this is one: programs for segmentation call their targets
/// so.
fn check_both_sides(folder: &Path, sides: impl Iterator<Item = Side>, mask: &Path) -> Result<()> {
    let mut has = [false; 2];
    for side in sides {
        match side {
            Side::A(_) => has[0] = true,
            Side::B(_) => has[1] = true,
            Side::Both | Side::Mask => {}
        }
    }
    let [own, missing] = match has {
        [true, false] => ["A", "B"],
        [false, true] => ["B", "A"],
        _ => return Ok(()),
    };
    let masks = mask.parent().map(shown).unwrap_or_default();
    Err(Error::file(
        folder,
        format!("there are pictures of {own} and masks in {masks}/, and none of {missing}"),
        format!(
            "a mask says where a pair has data; if these are the pictures of {missing}, call their folder {missing}"
        ),
    ))
}

/// The pictures of a folder by their names without extension, or by the part of the names that a pattern says, behind those of
/// the folders below it. What does not fit the pattern is passed over.
///
/// # Errors
/// When two have the same.
fn by_name(
    root: &Path,
    files: &[Placed],
    pattern: Option<&Pattern>,
    layout: &mut Layout,
) -> Result<BTreeMap<String, PathBuf>> {
    let mut names: BTreeMap<String, PathBuf> = BTreeMap::new();
    for Placed { file, below } in files {
        let name = pair::stem(file);
        // patterns were written for names with `.ome` too
        let earlier = pair::stem_with_ome(file);
        let part = match pattern {
            None => Some(name.as_str()),
            Some(pattern) => pattern.part(&name).or_else(|| pattern.part(&earlier)),
        };
        let Some(part) = part else {
            layout.pass_over(file, Why::Name);
            continue;
        };
        let name = format!("{below}{part}");
        if let Some(other) = names.insert(name, PathBuf::clone(file)) {
            return Err(Error::file(
                &root.join(file),
                format!("it has the same name as {}", root.join(other).display()),
                "pairs are matched by name: rename or remove one of them",
            ));
        }
    }
    Ok(names)
}

/// The folders of a pair's name: `scene1/`, or nothing.
fn below_of(name: &str) -> &str {
    name.rfind('/').map_or("", |end| &name[..=end])
}

/// Pairs the pictures of A and B that have the same name without extension, or the same part of the name by a pattern. Pictures
/// in folders that only one side has `below` its own, such as thumbnails, are passed over where all others have a partner.
fn matched(
    root: &Path,
    sides: [Vec<&[Placed]>; 2],
    below: &[BTreeSet<&str>; 2],
    matching: Option<&[Pattern; 2]>,
    layout: &mut Layout,
) -> Result<Vec<Entry>> {
    let patterns = [matching.map(|[a, _]| a), matching.map(|[_, b]| b)];
    let [a, b] = [0, 1].map(|side: usize| {
        let first = sides[side].first().copied().unwrap_or_default();
        by_name(root, first, patterns[side], layout)
    });
    let (a, mut b) = (a?, b?);
    let mut entries = Vec::new();
    let mut alone = [Vec::new(), Vec::new()];
    for (name, a) in a {
        match b.remove(&name) {
            Some(b) => entries.push(Entry::new(name, Files::Apart(vec![a], vec![b]))),
            None => alone[0].push((name, a)),
        }
    }
    alone[1].extend(b);
    for side in [0, 1] {
        if alone[1 - side].is_empty() && !entries.is_empty() {
            alone[side].retain(|(name, file)| {
                let is_known = below[1 - side].contains(below_of(name));
                if !is_known {
                    layout.pass_over(file, Why::Folder);
                }
                is_known
            });
        }
    }
    let alone = alone.map(|files| files.into_iter().map(|(_, file)| file).collect::<Vec<_>>());
    if matching.is_none() && layout.proposal.is_none() {
        layout.proposal = pattern::propose(alone.each_ref().map(|files| files.as_slice()));
    }
    if let ([a, ..], [b, ..], None) = (&alone[0][..], &alone[1][..], &layout.example) {
        layout.example = Some([a.clone(), b.clone()]);
    }
    layout.unmatched.extend(alone.into_iter().flatten());
    for (side, folders) in sides.iter().enumerate() {
        for files in folders.iter().skip(1) {
            let mut names = by_name(root, files, patterns[side], layout)?;
            // pairs without all of their pictures are no pairs
            entries.retain_mut(|entry: &mut Entry| {
                let Files::Apart(a, b) = &mut entry.files else {
                    return true;
                };
                match names.remove(&entry.name) {
                    Some(file) => {
                        [a, b][side].push(file);
                        true
                    }
                    None => {
                        layout.unmatched.push(a[0].clone());
                        false
                    }
                }
            });
            for (name, file) in names {
                match below[1 - side].contains(below_of(&name)) {
                    true => layout.unmatched.push(file),
                    false => layout.pass_over(&file, Why::Folder),
                }
            }
        }
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_of_pictures_are_where_a_layout_has_pairs() {
        let places = |pictures: &[&str]| {
            let pictures: Vec<PathBuf> = pictures.iter().map(PathBuf::from).collect();
            let places = places_of_pairs(&pictures);
            let shown = places.iter().map(|place| place.display().to_string());
            shown.collect::<Vec<_>>()
        };
        assert_eq!(
            places(&["1.jpg", "sub/sprite 0.jpg", "sub/deep/N64.4E016.png"]),
            ["1", "sub_sprite 0", "sub_deep_N64.4E016"]
        );
        assert_eq!(
            places(&[
                "train/cats/1.jpg",
                "training/2.jpg",
                "val/3.jpg",
                "trainA/4.jpg"
            ]),
            ["train/cats_1", "training/2", "val/3", "train/trainA_4"]
        );
        assert_eq!(
            places(&[
                "A/val/1.jpg",
                "A/x/2.jpg",
                "B/test/y/3.jpg",
                "cats/train/4.jpg"
            ]),
            ["val/A_1", "A_x_2", "test/B_y_3", "cats_train_4"]
        );
        // what contains all, as in archives
        assert_eq!(
            places(&["photos/1.jpg", "photos/val/2.jpg"]),
            ["1", "val/2"]
        );
        // whatever they are, a data set has all of them
        let folders = [
            "x/1.png",
            "train/x/1.png",
            "A/1.png",
            "valB/1.png",
            "B/train/1.png",
        ];
        for folder in folders {
            let place = places(&["1.png", folder]).remove(1);
            let layout = found(&[format!("{place}.png").as_str()]).unwrap();
            assert_eq!(
                layout.splits.values().map(Vec::len).sum::<usize>(),
                1,
                "{folder}"
            );
        }
    }

    fn found(files: &[&str]) -> Result<Layout> {
        let files: Vec<PathBuf> = files.iter().map(PathBuf::from).collect();
        find(Path::new("data"), &files, None)
    }

    #[test]
    fn files_of_other_endings_are_named_where_there_is_no_picture() {
        let said = |files: &[&str]| found(files).unwrap_err().to_string();
        let gifs = said(&["A/0.gif", "A/1.gif", "B/0.gif"]);
        assert!(
            gifs.contains("3 in formats that are not read (A/0.gif, ...)"),
            "{gifs}"
        );
        assert!(gifs.ends_with(CONVERT), "{gifs}");
        // pictures in other places come first
        let elsewhere = said(&["x/0.png", "y/0.png", "y/notes.txt"]);
        assert!(elsewhere.contains("pictures into A/ and B/"), "{elsewhere}");
        let folders = "known layout: 2 pictures lie in x/, y/; put";
        assert!(elsewhere.contains(folders), "{elsewhere}");
        let many = said(&["p/0.png", "train/q/0.png", "r/0.png", "s/0.png", "s/1.png"]);
        let folders = "known layout: 5 pictures lie in p/, r/, s/, ...; put";
        assert!(many.contains(folders), "{many}");
    }

    /// The names of the pairs of each split, by its name.
    fn names(layout: &Layout) -> Vec<(&'static str, Vec<&str>)> {
        let splits = layout.splits.iter().map(|(split, entries)| {
            let names = entries.iter().map(|entry| entry.name.as_str());
            (split.map_or("", Split::name), names.collect())
        });
        splits.collect()
    }

    /// As those of cities and of videos are.
    #[test]
    fn folders_below_those_of_a_side_are_parts_of_names() {
        let layout = found(&[
            "trainA/ulm/1.png",
            "trainA/bonn/1.png",
            "trainA/2.png",
            "trainB/ulm/1.png",
            "trainB/bonn/1.jpg",
            "trainB/2.png",
            "train/mask/ulm/1.png",
            "B/val/ulm/deep/1.png",
            "val/A/ulm/deep/1.png",
            "trainA/jena/3.png",
            "trainB/Jena/3.png",
        ])
        .unwrap();
        let expected = [
            ("train", vec!["2", "bonn/1", "ulm/1"]),
            ("val", vec!["ulm/deep/1"]),
        ];
        assert_eq!(names(&layout), expected);
        let masks = layout.splits[&Some(Split::Train)].iter();
        let masks: Vec<bool> = masks.map(|entry| entry.mask.is_some()).collect();
        assert_eq!(masks, [false, false, true]);
        assert!(layout.passed_over.is_empty(), "{:?}", layout.passed_over);
        let example = ["trainA/jena/3.png", "trainB/Jena/3.png"].map(PathBuf::from);
        assert_eq!(layout.unmatched, example);
        assert_eq!(layout.example, Some(example));
    }

    /// Thumbnails, and what else lies beside the pictures of a side.
    #[test]
    fn a_folder_that_the_other_side_lacks_is_passed_over() {
        let layout = found(&[
            "trainA/1.png",
            "trainA/thumbs/1.png",
            "trainB/1.png",
            "trainB2/1.png",
            "trainB2/old/1.png",
            "train/mask/1.png",
            "train/mask/old/1.png",
        ])
        .unwrap();
        assert_eq!(names(&layout), [("train", vec!["1"])]);
        assert!(layout.unmatched.is_empty(), "{:?}", layout.unmatched);
        let others = layout
            .passed_over
            .iter()
            .map(|file| (file.file.as_path(), file.why));
        let expected = [
            "trainA/thumbs/1.png",
            "trainB2/old/1.png",
            "train/mask/old/1.png",
        ];
        let expected = expected.map(|file| (Path::new(file), Why::Folder));
        assert_eq!(others.collect::<Vec<_>>(), expected);

        let unmatched = |files: &[&str]| found(files).unwrap().unmatched;
        // another split has it
        let split = [
            "trainA/1.png",
            "trainA/ulm/1.png",
            "trainB/1.png",
            "valA/ulm/2.png",
            "valB/ulm/2.png",
        ];
        assert_eq!(unmatched(&split), [PathBuf::from(split[1])]);
        // a picture of the other side may be its partner
        let moved = ["A/1.png", "A/ulm/2.png", "B/1.png", "B/2.png"];
        assert_eq!(unmatched(&moved), [moved[1], moved[3]].map(PathBuf::from));
        assert_eq!(unmatched(&["A/ulm/1.png", "B/1.png"]).len(), 2);
        assert_eq!(unmatched(&["A/ulm/1.png"]).len(), 1);
    }

    /// Side by side, no folder says that a picture is a pair.
    #[test]
    fn folders_below_those_of_pairs_are_passed_over() {
        let layout = found(&["train/1.png", "train/ulm/2.png"]).unwrap();
        assert_eq!(names(&layout), [("train", vec!["1"])]);
        assert_eq!(layout.passed_over.len(), 1);
    }

    /// Other pictures of B are of both splits, so that no name of A is among them.
    #[test]
    fn an_example_is_of_both_sides() {
        let layout = found(&[
            "trainA/1.png",
            "trainB/1.png",
            "trainB/1_x.png",
            "valA/2.png",
            "valB/2.png",
            "valB/2_x.png",
        ]);
        let layout = layout.unwrap();
        assert_eq!((layout.unmatched.len(), layout.example), (2, None));
    }

    #[test]
    fn masks_may_be_targets_of_another_name() {
        for (files, expected) in [
            (
                ["A/0.png", "masks/0.png"],
                "there are pictures of A and masks in masks/, and none of B; a mask says where a pair has data; if these are \
                 the pictures of B, call their folder B",
            ),
            (
                ["trainB/0.png", "train/mask/0.png"],
                "there are pictures of B and masks in train/mask/, and none of A; a mask says where a pair has data; if these \
                 are the pictures of A, call their folder A",
            ),
        ] {
            let said = found(&files).unwrap_err().to_string();
            assert!(said.ends_with(expected), "{said}");
        }
        assert!(found(&["0.png", "masks/0.png"]).is_ok());
    }

    #[test]
    fn patterns_choose_files() {
        let patterns = ["*_x", "*_ids"].map(|text| Pattern::parse(text).unwrap());
        let files = [
            "A/1_x.png",
            "A/readme.png",
            "B/1_color.png",
            "B/1_ids.png",
            "B/2_ids.png",
            "B/readme.png",
        ];
        let files = files.map(PathBuf::from);
        let layout = find(Path::new("data"), &files, Some(&patterns)).unwrap();
        assert_eq!(names(&layout), [("", vec!["1"])]);
        assert_eq!(layout.unmatched, [PathBuf::from("B/2_ids.png")]);
        let others = layout.passed_over.iter().map(|file| (&file.file, file.why));
        let expected = [&files[1], &files[2], &files[5]].map(|file| (file, Why::Name));
        assert_eq!(others.collect::<Vec<_>>(), expected);
    }

    /// Fiji and Cellpose write masks of `c0.ome.tif` as `c0.tif`.
    #[test]
    fn an_ome_file_has_the_name_of_its_partner() {
        let files = [
            "A/c0.ome.tif",
            "A/c1.OME.TIFF",
            "B/c0.tif",
            "B/c1.png",
            "mask/c0.tif",
        ];
        let layout = found(&files).unwrap();
        let pairs = layout.splits[&None].iter();
        let pairs: Vec<_> = pairs
            .map(|entry| (entry.name.as_str(), entry.mask.is_some()))
            .collect();
        assert_eq!(pairs, [("c0", true), ("c1", false)]);
        assert!(layout.unmatched.is_empty(), "{:?}", layout.unmatched);
        // two files of one name are never taken for one another
        let twice = found(&["A/c0.ome.tif", "A/c0.tif", "B/c0.tif"]).unwrap_err();
        let twice = twice.to_string();
        assert!(
            twice.contains("it has the same name as data/A/c0"),
            "{twice}"
        );
    }

    #[test]
    fn patterns_for_names_with_ome_still_match() {
        let patterns = ["*_BF.ome", "*_FL"].map(|text| Pattern::parse(text).unwrap());
        let files = ["A/c0_BF.ome.tif", "B/c0_FL.ome.tif"].map(PathBuf::from);
        let layout = find(Path::new("data"), &files, Some(&patterns)).unwrap();
        let names = layout.splits[&None].iter().map(|entry| entry.name.as_str());
        assert_eq!(names.collect::<Vec<_>>(), ["c0"]);
    }

    #[test]
    fn no_mask_is_dropped_without_a_word() {
        let twice = found(&["A/x.png", "B/x.png", "mask/x.png", "masks/x.jpg"]).unwrap_err();
        let said = twice.to_string();
        assert!(said.contains("the same name as data/mask/x.png"), "{said}");
        let layout = found(&["x.png", "x.jpg", "y.png", "mask/x.png", "mask/z.png"]).unwrap();
        let masks = layout.splits[&None].iter().map(|entry| entry.mask.clone());
        let mask = Some(PathBuf::from("mask/x.png"));
        assert_eq!(masks.collect::<Vec<_>>(), [mask.clone(), mask, None]);
        assert_eq!(layout.unmatched, [PathBuf::from("mask/z.png")]);
        for mask in ["Mask/x.png", "MASKS/x.png", "train/Masks/x.png"] {
            let places = match mask.starts_with("train") {
                true => ["train/A/x.png", "train/B/x.png", mask],
                false => ["A/x.png", "B/x.png", mask],
            };
            let layout = found(&places).unwrap();
            let mut pairs = layout.splits.values().flatten();
            let found = pairs.next().and_then(|entry| entry.mask.clone());
            assert_eq!(found, Some(PathBuf::from(mask)));
            assert!(layout.passed_over.is_empty());
        }
    }
}
