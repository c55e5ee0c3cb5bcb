//! What each file is translated as: a picture, or pages or slices.

use std::path::{Path, PathBuf};

use pix2pix::RunConfig;
use pix2pix::data::Pages;
use pix2pix::data::picture::{Format, Page, Stack, TiffWindows};

/// What a file is translated as.
pub enum Part {
    /// This page, to a picture.
    Picture(Page),
    /// These pages or slices, to one file.
    Slices(Vec<Page>),
}

impl Part {
    /// Number of pictures.
    pub fn count(&self) -> usize {
        match self {
            Self::Picture(_) => 1,
            Self::Slices(pages) => pages.len(),
        }
    }
}

/// What a file is translated as, with the names of the outputs. Pages that are too large for memory become files of their
/// own, if each is translated by itself.
pub fn parts(
    name: &Path,
    path: &Path,
    pages: Option<Pages>,
    config: &RunConfig,
) -> Vec<(PathBuf, Part)> {
    let one = |part| vec![(name.to_path_buf(), part)];
    let Some(stack) = Stack::of(&path.into()) else {
        return one(Part::Picture(Page::of(pages)));
    };
    if stack.format == Format::Nifti {
        return one(Part::Slices(stack.pages(pages)));
    }
    let first = TiffWindows::open(path, Page::At(0)).ok().flatten();
    // one page may have the channels of its neighbors itself
    let is_whole = first
        .as_ref()
        .is_none_or(|first| first.header().channels == config.source.channels);
    let is_one = stack.count == 1 && (config.neighbors == 0 || is_whole);
    if pages != Some(Pages::Each) || is_one {
        return one(Part::Picture(Page::of(pages)));
    }
    if config.neighbors > 0 || !first.is_some_and(|first| first.is_large()) {
        return one(Part::Slices(stack.pages(pages)));
    }
    let numbered = |page: Page, number: usize| {
        let mut numbered = name.as_os_str().to_owned();
        numbered.push(format!("-{number}"));
        (PathBuf::from(numbered), Part::Picture(page))
    };
    stack
        .pages(pages)
        .into_iter()
        .zip(1..)
        .map(|(page, number)| numbered(page, number))
        .collect()
}
