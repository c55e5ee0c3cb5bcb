//! `pix2pix prepare split`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pix2pix::data::{Pages, Pairs, picture};
use pix2pix::{Error, atomic_file};

use crate::failure::Failure;
use crate::output::say;
use crate::output_folder::create_folder_of;
use crate::words;

use super::results::{add, file_name, keep, make, open, tell_found, tell_next};
use super::{Common, prepared};

/// The folders of the parts.
const SPLITS: [&str; 3] = ["train", "val", "test"];

/// Copies a data set's files to train/, val/ and test/.
pub fn split(common: &Common, [val, test]: [f64; 2]) -> Result<(), Failure> {
    if !(0.0..1.0).contains(&val) || !(0.0..1.0).contains(&test) || val + test >= 1.0 {
        let message = "--val-fraction and --test-fraction must be at least 0 and together below 1";
        return Err(Failure::Usage(message.to_string()));
    }
    if common.size.is_some() || common.pages.is_some() || common.range.is_some() {
        let message = "split copies files unchanged; omit --size, --range and --pages";
        return Err(Failure::Usage(message.to_string()));
    }
    // files are copied whole, so that the slices of a volume stay together
    let data = open(common, Some(Pages::First), None)?;
    if data.splits.len() > 1 {
        return Err(Error::file(
            &common.input,
            "the data set is already split",
            "give one without val/ and test/",
        )
        .into());
    }
    let pairs = &data.train;
    let groups = pairs.in_groups(common.seed);
    let [val, test] = held_out(common, pairs.len(), groups.len(), [val, test])?;
    let mut jobs = BTreeMap::new();
    let mut counts = [0; SPLITS.len()];
    for (place, group) in groups.iter().enumerate() {
        let split = match place {
            place if place < val => 1,
            place if place < val + test => 2,
            _ => 0,
        };
        counts[split] += group.len();
        let files = group.iter().flat_map(|index| copied(pairs, *index));
        for Copied { from, folder, name } in files {
            let ending = from.extension().unwrap_or_default().to_string_lossy();
            let whole = picture::volume_extension(&from).or_else(|| picture::ome_extension(&from));
            let file = format!("{name}.{}", whole.unwrap_or(&ending));
            let target = common.out.join(SPLITS[split]).join(&folder).join(&file);
            add(&mut jobs, target, from, PathBuf::clone)?;
        }
    }
    let work = |from: &PathBuf, target: &Path| {
        let bytes = pairs.bytes_of(from)?;
        create_folder_of(target)?;
        atomic_file::write(target, &bytes)
    };
    keep(&data, jobs.keys().cloned())?;
    let check = |target: &Path| is_in_no_other(&common.out, target);
    // a copy has all of its name
    make(common, prepared::SPLIT, jobs, Path::is_file, check, work)?;
    let [train, val, test] = counts;
    say(&format!(
        "pairs: {train} in train/, {val} in val/, {test} in test/\n"
    ));
    tell_found(common, pairs.len(), Some(Pages::First));
    tell_next(common);
    Ok(())
}

/// Checks that what is to be copied to `target` is not there in the folder of another part: it would be trained on and held out.
fn is_in_no_other(out: &Path, target: &Path) -> Result<(), Error> {
    let in_part = |part: &str| {
        let inside = target.strip_prefix(out.join(part)).ok()?;
        Some(inside.to_path_buf())
    };
    let Some(inside) = SPLITS.into_iter().find_map(in_part) else {
        return Ok(());
    };
    let places = SPLITS.map(|part| out.join(part).join(&inside));
    let mut others = places.iter().filter(|place| *place != target);
    match others.find(|place| place.exists()) {
        None => Ok(()),
        Some(there) => {
            let reason = "it is there from another split, and now belongs elsewhere";
            let remedy = "empty the folder, or choose another one with --out";
            Err(Error::file(there, reason, remedy))
        }
    }
}

/// A file of a pair that is copied, its folder in the pair's split, and its name there without an ending.
struct Copied {
    from: PathBuf,
    folder: String,
    name: String,
}

/// The files of pair `index`, its mask included.
fn copied(pairs: &Pairs, index: usize) -> Vec<Copied> {
    let (files, folders) = (pairs.shown(index), pairs.folders(index));
    // a side-by-side pair is beside the folders
    let folders = folders.into_iter().chain(std::iter::once(String::new()));
    let sides = files.into_iter().zip(folders);
    let mask = pairs
        .mask_file(index)
        .map(|mask| (mask, "mask".to_string()));
    let copied = sides.chain(mask);
    let copied = copied.map(|(from, folder)| Copied {
        from,
        folder,
        name: file_name(pairs, index),
    });
    copied.collect()
}

/// Numbers of groups of pairs for val/ and test/: at least one for each that has a share, and one to train on.
fn held_out(
    common: &Common,
    pairs: usize,
    groups: usize,
    shares: [f64; 2],
) -> Result<[usize; 2], Error> {
    let wanted = shares.iter().filter(|share| **share > 0.0).count();
    if groups < 1 + wanted {
        let together = match groups < pairs {
            true => ", of which those that share a file stay together,",
            false => "",
        };
        return Err(Error::file(
            &common.input,
            format!(
                "{}{together} cannot be split into {} parts",
                words::count(pairs as u64, "pair"),
                1 + wanted
            ),
            "add pairs, or give --val-fraction 0 or --test-fraction 0",
        ));
    }
    let [mut val, mut test] = shares.map(|share| match share > 0.0 {
        true => ((groups as f64 * share).round() as usize).max(1),
        false => 0,
    });
    while val + test >= groups {
        *(if val >= test { &mut val } else { &mut test }) -= 1;
    }
    Ok([val, test])
}
