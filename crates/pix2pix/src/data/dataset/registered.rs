//! Whether the files of a pair show the same place, by what they say themselves, and whether the volumes of all pairs lie in one
//! way.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};

use pix2pix_runtime::words::count;
use rayon::prelude::*;

use super::Dataset;
use super::layout::Entry;
use super::pairs::Pairs;
use super::store::Store;
use crate::data::picture::{self, Apart, Grid, Stack};
use crate::data::probes::probes;
use crate::error::shown;

/// Most pairs of a split whose files are looked at, from all parts of it.
const LOOKED: usize = 1000;

impl Dataset {
    /// What to say of pairs whose volumes or GeoTIFFs, those of masks too, lie apart by more than half a voxel or pixel, and of
    /// GeoTIFFs in several coordinate systems. At most 1000 pairs of each split are looked at. Files that do not say where they
    /// lie, and those that cannot be read, are taken as they are.
    pub fn apart(&self) -> Vec<String> {
        let volumes = self.farthest(picture::is_volume).map(|(pairs, said)| {
            format!(
                "by their headers, volumes of {} do not lie at the same place: {said}; register and resample them first, as \
                 training compares voxel by voxel",
                count(pairs as u64, "pair")
            )
        });
        let maps = self.farthest(picture::is_tiff).map(|(pairs, said)| {
            format!(
                "by their tags, pictures of {} do not lie at the same place on the map: {said}; bring them to one grid first, \
                 e.g. with gdalwarp, as training compares pixel by pixel",
                count(pairs as u64, "pair")
            )
        });
        volumes.into_iter().chain(maps).collect()
    }

    /// The number of pairs whose files of a kind lie apart, and those files that are farthest apart, in words. `None` if there are
    /// none.
    fn farthest(&self, is_of_kind: fn(&Path) -> bool) -> Option<(usize, String)> {
        let mut found: Vec<Apart> = Vec::new();
        for (_, pairs) in &self.splits {
            let entries = pairs.whole();
            let looked = probes(entries.len(), LOOKED, 0).into_par_iter();
            let apart = |index: usize| apart(entries[index], &pairs.store, is_of_kind);
            found.extend(looked.filter_map(apart).collect::<Vec<_>>());
        }
        let pairs = found.len();
        let farther = |most: Apart, next: Apart| if next.far > most.far { next } else { most };
        let farthest = found.into_iter().reduce(farther)?;
        Some((pairs, farthest.said))
    }

    /// What to say of volumes whose axes point to other sides in some pairs than in others. `None` if all lie in one way; those of
    /// one pair do.
    pub fn turned(&self) -> Option<String> {
        let ways = ways(self.splits.iter().map(|(_, pairs)| pairs));
        if ways.len() < 2 {
            return None;
        }
        let said = ways.iter().map(|way| {
            let pairs = count(way.pairs, "pair");
            format!("{} in {pairs} (first {})", way.name, shown(&way.first))
        });
        let said: Vec<String> = said.collect();
        Some(format!(
            "the axes of volumes do not point to the same sides in all pairs: {}; nothing is turned, so bring all to one \
             orientation first, e.g. with nibabel.as_closest_canonical",
            said.join(", ")
        ))
    }
}

/// A way in which volumes lie.
struct Way {
    /// Where their axes point: "RAS".
    name: String,
    grid: Grid,
    /// Number of pairs of such volumes.
    pairs: u64,
    /// The first of them.
    first: PathBuf,
}

/// The ways in which volumes lie, that of most pairs first.
fn ways<'a>(splits: impl Iterator<Item = &'a Pairs>) -> Vec<Way> {
    let mut ways: Vec<Way> = Vec::new();
    for pairs in splits {
        for entry in pairs.whole() {
            let mut volumes = entry.files.all().filter(|path| picture::is_volume(path));
            let grid = |path: &PathBuf| Stack::of(&pairs.store.stored(path).ok()?)?.grid;
            let Some((path, grid)) = volumes.find_map(|path| Some((path, grid(path)?))) else {
                continue;
            };
            let name = grid.orientation();
            let mut known = ways.iter_mut();
            match known.find(|way| way.name == name || way.grid.lies_as(&grid)) {
                Some(way) => way.pairs += 1,
                None => ways.push(Way {
                    name,
                    grid,
                    pairs: 1,
                    first: pairs.store.shown(path),
                }),
            }
        }
    }
    ways.sort_by_key(|way| Reverse(way.pairs));
    ways
}

impl Pairs {
    /// Where the axes of most of the volumes point, e.g. "RAS"; `None` without volumes that say so.
    pub fn orientation(&self) -> Option<String> {
        let most = ways([self].into_iter()).into_iter().next()?;
        Some(most.name)
    }

    /// A pair of each group of files: the slices or pages of files stand beside each other.
    fn whole(&self) -> Vec<&Entry> {
        let mut last = None;
        let entries = self.entries.iter();
        let whole = entries.filter(|entry| last.replace(&entry.files) != Some(&entry.files));
        whole.collect()
    }
}

/// How the files of a kind of a pair lie apart.
fn apart(entry: &Entry, store: &Store, is_of_kind: fn(&Path) -> bool) -> Option<Apart> {
    let files = entry.files.all().chain(&entry.mask);
    let files = files.filter(|path| is_of_kind(path));
    if files.clone().count() < 2 {
        return None;
    }
    let contents = files.filter_map(|path| Some((store.shown(path), store.stored(path).ok()?)));
    picture::apart(contents, entry.page)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::data::Options;
    use crate::data::picture::handmade;

    /// Types of values in TIFF.
    const SHORT: u16 = 3;
    const DOUBLE: u16 = 12;

    /// A GeoTIFF of 16x16 pixels of this size, of which the first is so far to the east and the north, in the coordinate system of
    /// these keys.
    fn map(path: &Path, pixel: f64, [east, north]: [f64; 2], keys: &[[u16; 4]]) {
        let doubles = |numbers: &[f64]| -> Vec<u8> {
            let bytes = numbers.iter().flat_map(|number| number.to_le_bytes());
            bytes.collect()
        };
        let (scale, point) = (
            doubles(&[pixel, pixel, 0.0]),
            doubles(&[0.0, 0.0, 0.0, east, north, 0.0]),
        );
        let mut directory = vec![1, 1, 0, keys.len() as u16];
        directory.extend(keys.as_flattened());
        let count = directory.len() as u32;
        let directory: Vec<u8> = directory.into_iter().flat_map(u16::to_le_bytes).collect();
        let file = handmade::file(&[
            (33550, DOUBLE, 3, &scale),
            (33922, DOUBLE, 6, &point),
            (34735, SHORT, count, &directory),
        ]);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file.bytes().unwrap()).unwrap();
    }

    fn numbered(system: u16) -> [[u16; 4]; 1] {
        [[3072, 0, 1, system]]
    }

    #[test]
    fn maps_of_other_places_are_told() {
        let utm = numbered(32632);
        let centers = [[1025, 0, 1, 2], utm[0]];
        let own = |unit: u16| [[3072, 0, 1, 32767], [3076, 0, 1, unit]];
        let (here, there) = ([500.0, 8000.0], [660.0, 8000.0]);
        for (pixel, place, keys, expected) in [
            (10.0, here, &utm[..], None),
            (10.0, [504.0, 7996.0], &utm, None),
            (10.0, there, &utm, Some("B/1.tif is up to 16.0 pixels off")),
            (10.0, [500.0, 7980.0], &utm, Some("up to 2.0 pixels off")),
            // the last of 16 pixels is 15 pixels and a half further
            (20.0, here, &utm, Some("up to 15.5 pixels off")),
            (10.0, here, &numbered(25833), Some("is in EPSG:25833, and")),
            // this is the place of the pixel's center, and 4 metres off
            (10.0, [509.0, 7991.0], &centers, None),
            // which system it is, nobody knows
            (10.0, there, &own(9001), None),
            (10.0, there, &[[1025, 0, 1, 1]], None),
        ] {
            let scratch = tempfile::tempdir().unwrap();
            let file = |name: &str| scratch.path().join(name);
            map(&file("A/1.tif"), 10.0, here, &utm);
            map(&file("B/1.tif"), pixel, place, keys);
            for side in ["A", "B"] {
                map(&file(&format!("{side}/2.tif")), 10.0, here, &own(9001));
            }
            let data = Dataset::open(scratch.path(), &Options::default()).unwrap();
            let said = data.apart();
            let Some(expected) = expected else {
                assert!(said.is_empty(), "{said:?}");
                continue;
            };
            assert_eq!(said.len(), 1);
            assert!(said[0].contains(expected), "{said:?}");
            let told = "pictures of 1 pair do not lie at the same place on the map";
            assert!(said[0].contains(told), "{said:?}");
        }
        // systems of their own that are alike
        let scratch = tempfile::tempdir().unwrap();
        for (name, place) in [("A/1.tif", here), ("B/1.tif", there)] {
            map(&scratch.path().join(name), 10.0, place, &own(9001));
        }
        let data = Dataset::open(scratch.path(), &Options::default()).unwrap();
        let said = data.apart();
        assert!(said[0].contains("up to 16.0 pixels off"), "{said:?}");
    }
}
