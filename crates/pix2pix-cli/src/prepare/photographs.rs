//! Pairs that are made from photographs.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use pix2pix::Error;
use pix2pix::data::picture::{self, Depth, Header, Metadata, Page, Picture};
use pix2pix::data::values::typed;
use pix2pix::data::{Pages, Store, Task, nodata, places_of_pairs, side_by_side, sized};

use crate::failure::Failure;
use crate::output::say;

use super::results::{SLICES_APART, add, check_pair, is_made, make, tell_found, tell_of, write};
use super::{Common, prepared};

/// Makes a pair from each photograph, where a data set has its pairs.
pub fn photographs(common: &Common, task: Task) -> Result<(), Failure> {
    task.validate()?;
    let store = Store::open(&common.input)?;
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
        let (photo, format) = picture::decode_page(&shown, &content, *page)?;
        let gap = || Metadata::read(&content, format, *page, photo.channels()).nodata();
        let range = range_of(common, &shown, &photo, gap)?;
        let photo = sized(&photo, common.size.map(|size| size.0), false);
        // a seed per picture, so that the result does not depend on threads or order
        let mut hasher = DefaultHasher::new();
        (common.seed, file).hash(&mut hasher);
        if let Page::At(index @ 1..) = page {
            index.hash(&mut hasher);
        }
        let source = task.apply(&photo, range, *alpha, hasher.finish());
        let both = side_by_side(&source, &photo).expect("both have one depth and size");
        write(target, &both, *alpha)
    };
    let pairs = make(common, &options, jobs, is_made, work)?;
    tell_found(common, pairs, None);
    if are_slices {
        say(SLICES_APART);
    }
    Ok(())
}

/// A photograph's values of black and white; `gap` reads what its file names as the value of pixels without data.
fn range_of(
    common: &Common,
    shown: &Path,
    photo: &Picture,
    gap: impl FnOnce() -> Option<f32>,
) -> Result<[f32; 2], Error> {
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
        if let Some((gap, [least, most])) = gap().and_then(|gap| Some((gap, without(photo, gap)?)))
        {
            return Err(Error::file(
                shown,
                format!(
                    "its values are from {low} to {high}, and {gap} is what it names for pixels without data"
                ),
                format!(
                    "give the values of black and white of the others, e.g. --range {}",
                    typed([least, most])
                ),
            ));
        }
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

/// Smallest and largest value of a photograph without the samples of a value; `None` if no sample has it, or all have.
fn without(photo: &Picture, gap: f32) -> Option<[f32; 2]> {
    let samples = photo.to_floats();
    if !samples.iter().any(|sample| nodata::is(*sample, gap)) {
        return None;
    }
    let others = samples.iter().filter(|sample| !nodata::is(**sample, gap));
    let none = [f32::INFINITY, f32::NEG_INFINITY];
    let [least, most] = others.fold(none, |[least, most], sample| {
        [least.min(*sample), most.max(*sample)]
    });
    (least <= most).then_some([least, most])
}
