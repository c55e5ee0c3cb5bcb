//! Files with several pictures: pages of TIFF files, slices of volumes.

use std::path::Path;

use super::content::{Content, temporary};
use super::fault::{Fault, guarded};
use super::grid::Grid;
use super::nifti::{self, Nifti};
use super::tiff::Tiff;
use super::{Format, Page, Pages};
use crate::error::{Error, Result};

/// What a file says of its pages or slices.
#[derive(Clone, Debug)]
pub struct Stack {
    /// The format.
    pub format: Format,
    /// Number of pages or slices.
    pub count: usize,
    /// Where the voxels of a volume lie, if it says so.
    pub(crate) grid: Option<Grid>,
}

impl Stack {
    /// Reads it from a file; `None` for other formats than TIFF and NIfTI, and for files that cannot be read.
    pub fn of(content: &Content) -> Option<Self> {
        Self::read(content).ok().flatten()
    }

    /// As [`of`](Self::of); an error for TIFF and NIfTI files that cannot be read.
    pub(crate) fn read(content: &Content) -> std::result::Result<Option<Self>, Fault> {
        let start = content.starts().unwrap_or_default();
        let (format, (count, grid)) = match Format::guess(&start) {
            Some(format @ Format::Tiff) => (format, (guarded(|| Tiff::pages(content))?, None)),
            Some(format @ Format::Nifti) => (format, guarded(|| Nifti::stack(content))?),
            _ => return Ok(None),
        };
        Ok(Some(Self {
            format,
            count,
            grid,
        }))
    }

    /// Where the axes of a volume point, e.g. "RAS", if it says so.
    pub fn orientation(&self) -> Option<String> {
        self.grid.as_ref().map(Grid::orientation)
    }

    /// The pages or slices that are read one by one by a choice; of a volume, each without one.
    pub fn pages(&self, choice: Option<Pages>) -> Vec<Page> {
        match (choice, self.format) {
            (Some(Pages::Each), _) | (None, Format::Nifti) => {
                (0..self.count).map(Page::At).collect()
            }
            _ => vec![Page::of(choice)],
        }
    }

    /// Checks that the files of a pair have as many pages or slices each, a file of another format one, and that volumes lie
    /// in the same way: mirrored ones train a network to nonsense. Volumes that do not say how they lie are taken as they
    /// are.
    ///
    /// # Errors
    /// When `path` does not fit its partner.
    pub fn check_partners(
        (path, stack): (&Path, Option<&Self>),
        (partner, other): (&Path, Option<&Self>),
    ) -> Result<()> {
        let count = |stack: Option<&Self>| stack.map_or(1, |stack| stack.count);
        if count(stack) != count(other) {
            let what = match stack {
                Some(stack) if stack.format == Format::Nifti => "slices",
                _ => "pages",
            };
            return Err(Error::file(
                path,
                format!(
                    "{} {what}, but its partner {} has {}",
                    count(stack),
                    partner.display(),
                    count(other)
                ),
                format!(
                    "all files of a pair must have the same number of {what}: remove them, or choose other `pages`"
                ),
            ));
        }
        Self::check_axes((path, stack), (partner, other))
    }

    /// Checks only that volumes lie in the same way: see [`check_partners`](Self::check_partners).
    ///
    /// # Errors
    /// When `path` does not lie as its partner does.
    pub fn check_axes(
        (path, stack): (&Path, Option<&Self>),
        (partner, other): (&Path, Option<&Self>),
    ) -> Result<()> {
        let [Some(grid), Some(others)] = [stack, other].map(|stack| stack?.grid.as_ref()) else {
            return Ok(());
        };
        if grid.lies_as(others) {
            return Ok(());
        }
        let (own, others) = (grid.orientation(), others.orientation());
        Err(Error::file(
            path,
            format!(
                "its axes point to {own}, but those of its partner {} to {others}",
                partner.display()
            ),
            "bring both to one orientation, e.g. with nibabel.as_closest_canonical",
        ))
    }
}

/// The content of a file whose slices are read one by one: a packed volume is unpacked into an unnamed temporary file.
///
/// # Errors
/// When it is damaged, or the temporary file cannot be written.
pub fn unpacked(path: &Path) -> Result<Content> {
    let content = Content::from(path);
    let failed = |e| Error::io(path, "read the picture", e);
    let format = Format::guess(&content.starts().map_err(failed)?);
    if format != Some(Format::Nifti) || !content.is_packed().map_err(failed)? {
        return Ok(content);
    }
    nifti::unpacked(path, &content, &temporary()?)
}
