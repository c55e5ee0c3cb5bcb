//! The pictures on which `pix2pix export --int8` measures the ranges of activations.

use std::path::{Path, PathBuf};

use pix2pix::data::pair::Direction;
use pix2pix::data::picture::{self, Content, Format, Metadata, Outside, Page, Picture, Stack};
use pix2pix::data::{Domain, Pairs, Store, probes};
use pix2pix::{Error, RunConfig};

use crate::direction::is_of_targets;
use crate::failure::Failure;

/// Largest number of pictures.
const MOST_PICTURES: usize = 100;

/// Remedy for a picture that the model does not take.
const REMEDY: &str = "give pictures like the training pictures";

/// Pictures of a folder or an archive as the network takes them: with the source's number of channels, and with the middle of
/// the range where they have no data. Of pairs, those are the sources. Files of several pages or slices are read as the model's
/// training read them, and give as many each, from all parts of them.
///
/// # Errors
/// If there are none, one cannot be read, or their values are not those that the model was trained on.
pub fn sources(folder: &Path, config: &RunConfig) -> Result<Vec<Picture>, Failure> {
    let (store, mut files) = listed(folder)?;
    let named = match pairs(folder, config) {
        Some(pairs) => of_pairs(&pairs, config.direction)?,
        None => {
            // of pairs that are no whole data set, as of one without train/
            let is_target = |file: &PathBuf| is_of_targets(file, config.direction);
            if !files.iter().all(is_target) {
                files.retain(|file| !is_target(file));
            }
            of_files(folder, (&store, &files), config)?
        }
    };
    check(folder, &named, &config.source)?;
    Ok(named.into_iter().map(|(_, picture)| picture).collect())
}

/// The pictures of a folder or an archive.
fn listed(folder: &Path) -> Result<(Store, Vec<PathBuf>), Failure> {
    let listed = Store::open(folder).and_then(|store| {
        let (files, _) = store.pictures()?;
        Ok((store, files))
    });
    listed.map_err(|error| match error {
        Error::File { path, reason, .. } => {
            let remedy =
                "--int8 takes a folder or an archive of pictures like the training pictures";
            Error::file(&path, reason, remedy).into()
        }
        other => other.into(),
    })
}

/// The pairs of a data set that has other pictures than sources: targets in files of their own, or masks.
fn pairs(folder: &Path, config: &RunConfig) -> Option<Vec<Pairs>> {
    let data = config.in_domains(config.find(folder).ok()?);
    let has_others = |pairs: &Pairs| !pairs.is_together(0) || pairs.has_masks();
    let splits = data.splits.into_iter().map(|(_, pairs)| pairs);
    let splits: Vec<Pairs> = splits.filter(|pairs| !pairs.is_empty()).collect();
    splits.iter().any(has_others).then_some(splits)
}

/// The sources of pairs from all parts of the data set, with their files.
fn of_pairs(splits: &[Pairs], direction: Direction) -> Result<Vec<(PathBuf, Picture)>, Failure> {
    let all = splits
        .iter()
        .flat_map(|pairs| (0..pairs.len()).map(move |index| (pairs, index)));
    let all: Vec<(&Pairs, usize)> = all.collect();
    let mut sources = Vec::new();
    for place in probes(all.len(), MOST_PICTURES, 0) {
        let (pairs, index) = all[place];
        let files = pairs.shown(index);
        let [file, _] = direction.order([&files[0], &files[files.len() - 1]]);
        sources.push((file.clone(), pairs.read(index)?.source));
    }
    Ok(sources)
}

/// The pictures of files that are sources, or side-by-side pairs, with their files.
fn of_files(
    folder: &Path,
    (store, files): (&Store, &[PathBuf]),
    config: &RunConfig,
) -> Result<Vec<(PathBuf, Picture)>, Failure> {
    let mut sources = Vec::new();
    let places = probes(files.len(), MOST_PICTURES, 0);
    for (part, &place) in places.iter().enumerate() {
        let each = share(part, places.len());
        let file = &files[place];
        let content = match store.is_folder() {
            true => picture::unpacked(&folder.join(file))?,
            false => store.content(file)?,
        };
        let file = store.shown(file);
        let stack = Stack::of(&content);
        let (pages, count) = match &stack {
            Some(stack) => (stack.pages(config.pages), stack.count),
            None => (vec![Page::of(config.pages)], 1),
        };
        let is_volume = stack.is_some_and(|stack| stack.format == Format::Nifti);
        // other places in each file
        for index in probes(pages.len(), each, place as u64) {
            let page = pages[index];
            let around = page.around(config.neighbors, count);
            let source = source((&file, &content), &around, is_volume, config)?;
            sources.push((file.clone(), source));
        }
    }
    Ok(sources)
}

/// Number of pictures that one of so many files gives, at least 1, so that all together give the most.
fn share(part: usize, parts: usize) -> usize {
    (part + 1) * MOST_PICTURES / parts - part * MOST_PICTURES / parts
}

/// Reads a source, whose channels are those of all these pages.
fn source(
    (file, content): (&Path, &Content),
    pages: &[Page],
    is_volume: bool,
    config: &RunConfig,
) -> Result<Picture, Error> {
    let domain = &config.source;
    let (mut picture, format) = picture::decode_pages(file, content, pages, Some(domain))?;
    if pages.len() > 1 || pages == [Page::Channels] && picture::pages(content) > 1 {
        let checked = domain.check_joined(picture.channels());
        checked.map_err(|reason| Error::file(file, reason, REMEDY))?;
    }
    let channels = picture.channels() / pages.len();
    let gaps = pages.iter().flat_map(|page| {
        let at = (content, format, *page);
        let gap = Metadata::gap_of(domain.nodata, at, channels, Some(domain));
        std::iter::repeat_n(gap, channels)
    });
    let gaps: Vec<Option<f32>> = gaps.collect();
    if !is_volume && config.is_pair(picture.size()) {
        picture = config.direction.source(file, &picture)?;
    }
    let (picture, _) = domain.without_gaps_of(picture, &gaps);
    let picture = domain.in_channels(picture).and_then(|picture| {
        match domain.labels.as_ref().filter(|_| format.is_exact()) {
            Some(labels) => labels.check(&picture).map(|()| picture),
            None => Ok(picture),
        }
    });
    picture.map_err(|reason| Error::file(file, reason, REMEDY))
}

/// Checks the values of each picture, and how many of all are clipped: a slice of a volume may be empty.
fn check(folder: &Path, sources: &[(PathBuf, Picture)], domain: &Domain) -> Result<(), Error> {
    let (mut all, mut depth) = (Outside::default(), domain.depth);
    for (file, picture) in sources {
        depth = picture.depth();
        let outside = domain.outside(picture);
        let unknown = Outside {
            clipped: 0,
            ..outside
        };
        let checked = domain.check_values(unknown, depth);
        checked.map_err(|reason| Error::file(file, reason, REMEDY))?;
        all.add(outside);
    }
    let checked = domain.check_values(all, depth);
    checked.map_err(|reason| Error::file(folder, reason, REMEDY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_files_together_give_the_most() {
        for parts in [1, 3, 7, 60, 99, 100] {
            let shares = (0..parts).map(|part| share(part, parts));
            assert_eq!(shares.clone().sum::<usize>(), MOST_PICTURES, "{parts}");
            assert!(shares.clone().min() >= Some(1), "{parts}");
        }
    }
}
