//! Pairs that are made from photographs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pix2pix::Error;
use pix2pix::data::picture::{self, Depth, Gaps, Header, Metadata, Page, Picture};
use pix2pix::data::{Pages, Store, Task, nodata, places_of_pairs, sha256, side_by_side, sized};

use crate::failure::Failure;
use crate::output::say;

use super::results::{
    SLICES_APART, add, check_pair, is_made, make, tell_found, tell_next, tell_of, whole, write,
};
use super::{Common, prepared};

/// Makes a pair from each photograph, where a data set has its pairs.
pub fn photographs(common: &Common, task: Task) -> Result<(), Failure> {
    task.validate()?;
    let store = Store::of_pictures(&common.input)?;
    let (files, passed_over) = store.pictures()?;
    tell_of(&passed_over);
    let mut jobs = BTreeMap::new();
    let mut are_slices = false;
    let places = places_of_pairs(&files);
    for (file, place) in files.into_iter().zip(places) {
        let count = match common.pages {
            Some(Pages::Each) => picture::pages(&store.stored(&file)?),
            _ => 1,
        };
        are_slices |= count > 1;
        for index in 0..count {
            // the ending is that of the depth
            let mut target = common.out.join(&place).into_os_string();
            let page = match count {
                1 => Page::of(common.pages),
                _ => {
                    target.push(format!("-{}", index + 1));
                    Page::At(index)
                }
            };
            let shown = store.shown(&file);
            let header = Header::read(&shown, &store.stored(&file)?, page)?;
            check_pair(common, &shown, header)?;
            let job = (file.clone(), page, header.alpha);
            add(&mut jobs, target.into(), job, |job| store.shown(&job.0))?;
        }
    }
    let options = prepared::of_photographs(common, task);
    let work = |(file, page, alpha): &(PathBuf, Page, bool), target: &Path| {
        let (shown, content) = (store.shown(file), store.content(file)?);
        let (photo, format) = picture::decode_marked(&shown, &content, *page, Gaps::OfPalettes)?;
        let at = (&content, format, *page);
        let [gap, tag] = Metadata::named(at, photo.channels());
        let has_it = |gap: &f32| {
            photo
                .to_floats()
                .iter()
                .any(|sample| nodata::is(*sample, *gap))
        };
        let is_marked = gap.is_some_and(|gap| has_it(&gap));
        whole(&shown, tag.filter(|_| is_marked))?;
        let range = range_of(common, &shown, &photo)?;
        let photo = sized(&photo, common.size.map(|size| size.0), false);
        let seed = seed_of(common.seed, file, *page);
        let source = task.apply(&photo, range, *alpha, seed);
        let both = side_by_side(&source, &photo).expect("both have one depth and size");
        write(target, &both, *alpha)
    };
    let pairs = make(common, &options, jobs, is_made, |_| Ok(()), work)?;
    tell_found(common, pairs, None);
    if are_slices {
        say(SLICES_APART);
    }
    tell_next(common);
    Ok(())
}

/// The seed of a picture's noise or holes: of the command's seed, of the picture's path in its folder and of its page, so that it
/// does not depend on threads, order, the system or the version of a library.
fn seed_of(seed: u64, file: &Path, page: Page) -> u64 {
    let parts: Vec<_> = file.iter().map(|part| part.to_string_lossy()).collect();
    let index = match page {
        Page::At(index) => index,
        Page::Only | Page::Channels => 0,
    };
    let digest = sha256::of(format!("{seed} {index} {}", parts.join("/")).as_bytes());
    u64::from_str_radix(&digest[..16], 16).expect("hexadecimal digits")
}

/// A photograph's values of black and white.
fn range_of(common: &Common, shown: &Path, photo: &Picture) -> Result<[f32; 2], Error> {
    let Some([low, high]) = photo.extremes() else {
        let remedy = "fill them with a value, or leave the file out";
        return Err(Error::file(shown, "some of its values are NaN", remedy));
    };
    let usual = photo.depth().range();
    // a folder may have 8-bit pictures beside others
    if photo.depth() == Depth::U8 {
        return Ok(usual);
    }
    if let Some(range) = common.range {
        return Ok(range);
    }
    let is_dark = photo.depth() == Depth::U16 && high < usual[1] / 4.0;
    if low < usual[0] || high > usual[1] || is_dark {
        return Err(Error::file(
            shown,
            format!(
                "its values are from {low} to {high}, not from {} to {}",
                usual[0], usual[1]
            ),
            "give the values of black and white, e.g. --range 0,4095",
        ));
    }
    Ok(usual)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same on all systems: the first digits of `printf '0 0 train/1.jpg' | sha256sum`.
    #[test]
    fn the_seed_of_a_picture_is_of_its_path() {
        let file = Path::new("train").join("1.jpg");
        let seed = seed_of(0, &file, Page::Only);
        assert_eq!(seed, 0xf07c_145b_94b2_7400);
        assert_eq!(seed_of(0, &file, Page::At(0)), seed);
        for other in [
            seed_of(1, &file, Page::Only),
            seed_of(0, &file, Page::At(1)),
            seed_of(0, Path::new("1.jpg"), Page::Only),
        ] {
            assert_ne!(other, seed);
        }
    }
}
