//! Whether the volumes of a pair show the same place: the same voxels, by what their headers say.

use std::path::PathBuf;

use pix2pix_runtime::words::count;

use super::Dataset;
use super::layout::Entry;
use crate::data::picture::{self, Stack};
use crate::error::shown;

/// Largest distance of corners, in voxels, of volumes that lie at the same place.
const NEAR: f64 = 0.5;

impl Dataset {
    /// What to say of pairs whose volumes, those of masks too, lie apart by more than half a voxel. `None` if there are none;
    /// volumes that do not say where they lie, and those that cannot be read, are taken as they are.
    pub fn apart(&self) -> Option<String> {
        let mut pairs = 0;
        let mut farthest: Option<Apart> = None;
        for (_, split) in &self.splits {
            let mut last = None;
            // the slices of a pair stand beside each other
            let entries = split.entries.iter();
            for entry in entries.filter(|entry| last.replace(&entry.files) != Some(&entry.files)) {
                let stack = |path: &PathBuf| Stack::of(&split.store.stored(path).ok()?);
                let Some(found) = apart(entry, stack) else {
                    continue;
                };
                pairs += 1;
                if farthest
                    .as_ref()
                    .is_none_or(|most| found.voxels > most.voxels)
                {
                    farthest = Some(Apart {
                        volumes: found
                            .volumes
                            .map(|(path, spacing)| (split.store.shown(&path), spacing)),
                        ..found
                    });
                }
            }
        }
        let Apart { voxels, volumes } = farthest?;
        let [first, other] =
            volumes.map(|(path, spacing)| format!("{} (spacing {spacing})", shown(&path)));
        Some(format!(
            "by their headers, volumes of {} do not lie at the same place: {other} is up to {voxels:.1} voxels off {first}; \
             register and resample them first, as training compares voxel by voxel",
            count(pairs, "pair")
        ))
    }
}

/// Two volumes of a pair that lie apart.
struct Apart {
    /// By so many voxels of the first one.
    voxels: f64,
    /// Their paths and the sides of their voxels.
    volumes: [(PathBuf, String); 2],
}

/// That volume of a pair which is farthest from the first one, if one lies apart.
fn apart(entry: &Entry, stack: impl Fn(&PathBuf) -> Option<Stack>) -> Option<Apart> {
    let volumes = entry.files.all().chain(&entry.mask);
    let volumes = volumes.filter(|path| picture::is_volume(path));
    let mut grids = volumes.filter_map(|path| Some((path, stack(path)?.grid?)));
    let (first, grid) = grids.next()?;
    // a mask of one slice belongs to all
    let others = grids.filter(|(_, other)| other.sides == grid.sides);
    let others = others.map(|(path, other)| Apart {
        voxels: grid.off(&other),
        volumes: [
            (first.clone(), grid.spacing()),
            (path.clone(), other.spacing()),
        ],
    });
    let apart = others.filter(|other| other.voxels > NEAR);
    apart.max_by(|one, other| one.voxels.total_cmp(&other.voxels))
}
