//! Whether several files show the same place, by what they say themselves: volumes and GeoTIFFs.

use std::path::PathBuf;

use super::content::Content;
use super::grid::Grid;
use super::place::{self, System};
use super::{Format, Page, Stack};
use crate::error::shown;

/// Largest distance of corners, in voxels or pixels, of pictures that show the same place.
const NEAR: f64 = 0.5;

/// Two files that do not show the same place.
pub struct Apart {
    /// By so many voxels or pixels of the first one; infinite in two coordinate systems.
    pub far: f64,
    /// In words: "b.tif is up to 12.5 pixels off a.tif".
    pub said: String,
}

/// That one of several files, with their paths for messages, which is farthest from the first one, if one lies apart. Those of
/// another size and those that do not say where they lie are taken as they are.
pub fn apart(files: impl Iterator<Item = (PathBuf, Content)>, page: Page) -> Option<Apart> {
    let located = files.filter_map(|(path, content)| Located::of(path, &content, page));
    farthest(located)
}

fn farthest(mut located: impl Iterator<Item = Located>) -> Option<Apart> {
    let first = located.next()?;
    let apart = located.filter_map(|other| first.apart(&other));
    apart.reduce(|most, next| if next.far > most.far { next } else { most })
}

/// A file that says where its picture lies.
struct Located {
    path: PathBuf,
    grid: Grid,
    /// The coordinate system of a map.
    system: Option<System>,
}

impl Located {
    fn of(path: PathBuf, content: &Content, page: Page) -> Option<Self> {
        let (system, grid) = match Format::guess(&content.starts().ok()?)? {
            Format::Nifti => (None, Stack::of(content)?.grid?),
            Format::Tiff => {
                let (system, grid) = place::read(content, page)?;
                (Some(system), grid)
            }
            _ => return None,
        };
        Some(Self { path, grid, system })
    }

    /// How another file lies apart from this one.
    fn apart(&self, other: &Self) -> Option<Apart> {
        // a mask of one slice belongs to all
        if self.grid.sides != other.grid.sides {
            return None;
        }
        let [first, second] = [self, other].map(|file| shown(&file.path));
        if let (Some(System::Numbered(one)), Some(System::Numbered(another))) =
            (&self.system, &other.system)
            && one != another
        {
            let said = format!("{second} is in EPSG:{another}, and {first} in EPSG:{one}");
            let far = f64::INFINITY;
            return Some(Apart { far, said });
        }
        let far = self.grid.off(&other.grid);
        // two systems of their own may be one in other words
        (self.system == other.system && far > NEAR).then(|| {
            let said = match self.system {
                None => format!(
                    "{second} (spacing {}) is up to {far:.1} voxels off {first} (spacing {})",
                    other.grid.spacing(),
                    self.grid.spacing()
                ),
                Some(_) => format!("{second} is up to {far:.1} pixels off {first}"),
            };
            Apart { far, said }
        })
    }
}
