//! The pages and slices of files: each is a pair, or one is.

use pix2pix_runtime::words::count;

use super::layout::{Entry, Files};
use super::pairs::Pairs;
use super::store::Store;
use crate::data::picture::tiff::Tiff;
use crate::data::picture::{self, Page, Pages, Stack};
use crate::error::{Result, shown};

impl Pairs {
    /// What to say of neighbors that are not those of a slice alone: if the pages of the first stack are of several channels,
    /// slices or time points at once. `None` without neighbors. The stacks of a data set are alike, and volumes have slices alone.
    pub fn mixed_neighbors(&self) -> Option<String> {
        let (side, _) = self.neighbors()?;
        let stack = self.entries.iter().find(|entry| entry.pages > 1)?;
        let path = &stack.files.of_side(side)[0];
        if picture::is_volume(path) {
            return None;
        }
        let axes = Tiff::axes(&self.store.content(path).ok()?)?;
        let several = ["channel", "slice", "time point"].into_iter().zip(axes);
        let several = several.filter(|(_, length)| *length > 1);
        let several: Vec<String> = several
            .map(|(name, length)| count(length as u64, name))
            .collect();
        (several.len() > 1).then(|| {
            format!(
                "the pages of {} are of {}, and neighbors are those beside each other, whatever they are: give each channel \
                 and each time point a file of its own",
                shown(&self.store.shown(path)),
                several.join(" and ")
            )
        })
    }
}

/// The pairs with the page that is read of each: with [`Pages::Each`], and of volumes without a choice, one pair for every
/// page or slice.
pub fn with_pages(entries: Vec<Entry>, store: &Store, pages: Option<Pages>) -> Result<Vec<Entry>> {
    let mut all = Vec::new();
    for entry in entries {
        let is_volume = match &entry.files {
            Files::Together(path) => picture::is_volume(path),
            Files::Apart(a, b) => a.iter().chain(b).any(|path| picture::is_volume(path)),
        };
        let pages = pages.or(is_volume.then_some(Pages::Each));
        let page = Page::of(pages);
        let each = pages == Some(Pages::Each);
        let count = match each || is_volume {
            true => count_pages(&entry, store, each)?,
            false => Some(1),
        };
        let Some(count) = count else {
            let page = Page::At(0);
            all.push(Entry { page, ..entry });
            continue;
        };
        for index in 0..count {
            let entry = entry.clone();
            all.push(match count {
                1 => Entry { page, ..entry },
                _ => Entry {
                    name: format!("{}-{}", entry.name, index + 1),
                    page: Page::At(index),
                    pages: count,
                    ..entry
                },
            });
        }
    }
    Ok(all)
}

/// Number of pages or slices of a pair's files that are pairs: one, or with `each` all, which must be as many for A and B.
/// Volumes must lie in the same way, those of masks too. `None` if a file cannot be read: the survey reports it, and nothing is
/// wrong with its partners.
fn count_pages(entry: &Entry, store: &Store, each: bool) -> Result<Option<usize>> {
    let mut stacks = Vec::new();
    for path in entry.files.all().chain(&entry.mask) {
        match Stack::read(&store.stored(path)?) {
            Ok(stack) => stacks.push((path, store.shown(path), stack)),
            Err(_) => return Ok(None),
        }
    }
    let check = match each {
        true => Stack::check_partners,
        false => Stack::check_axes,
    };
    let (_, shown, found) = &stacks[0];
    for (path, other_shown, other) in &stacks[1..] {
        let is_single = other.as_ref().is_none_or(|stack| stack.count == 1);
        let check = match entry.mask.as_ref() == Some(path) && is_single {
            // a mask of one page or slice belongs to all
            true => Stack::check_axes,
            false => check,
        };
        check((other_shown, other.as_ref()), (shown, found.as_ref()))?;
    }
    let found = found.as_ref().filter(|_| each);
    Ok(Some(found.map_or(1, |stack| stack.count)))
}
