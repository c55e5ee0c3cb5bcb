//! `pix2pix prepare combine`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use pix2pix::Error;
use pix2pix::data::picture::Header;
use pix2pix::data::{Dataset, Pairs, Shared, Values, side_by_side, sized};
use pix2pix::device::set_threads;

use crate::data_args::looked_at;
use crate::failure::Failure;
use crate::output::say;
use crate::words;

use super::results::{
    SLICES_APART, add, are_unsplit_slices, check_pair, file_name, is_made, keep, make, open,
    tell_found, tell_next, whole, write,
};
use super::{Common, Sides, prepared};

/// What to do about pictures that cannot share a file.
const SEPARATE: &str = "convert one of the two, or train on the two folders directly";

/// Said of the indices of a palette that became its colors: the other half of the file has colors of its own.
const INDICES_LOST: &str = "note: indices of palettes are now their colors; for classes, train with the palette that \
                            inspect writes, or on the folders themselves\n";

/// Writes each pair of a data set to one side-by-side file.
pub fn combine(common: &Common, nearest: Option<Sides>) -> Result<(), Failure> {
    if common.range.is_some() {
        let message = "combine keeps the values of pictures; omit --range";
        return Err(Failure::Usage(message.to_string()));
    }
    let data = open(common, common.pages, None)?;
    let mut jobs = BTreeMap::new();
    let (mut are_indexed, mut pixels) = (false, 0);
    // numbers of channels of A and of B, and of the files
    let mut became = [BTreeSet::new(), BTreeSet::new()];
    for (split, pairs) in &data.splits {
        let folder = if data.splits.len() > 1 {
            common.out.join(split)
        } else {
            common.out.clone()
        };
        without_mask(pairs)?;
        for index in 0..pairs.len() {
            let (headers, shown) = (pairs.headers(index)?, pairs.shown(index));
            let Shared { channels, alpha } =
                Shared::of(&headers).map_err(|reason| Error::file(&shown[0], reason, SEPARATE))?;
            let header = Header {
                channels,
                ..headers[0]
            };
            check_pair(common, &shown[0], header)?;
            for (header, found) in headers.iter().zip(&mut became) {
                found.insert((header.channels, channels));
            }
            let indexed = headers.map(|header| header.indexed);
            are_indexed |= indexed.contains(&true);
            pixels = pixels.max(headers[0].pixels());
            let target = folder.join(file_name(pairs, index));
            let job = (pairs, index, indexed, alpha);
            add(&mut jobs, target, job, |(pairs, index, ..)| {
                pairs.shown(*index)[0].clone()
            })?;
        }
    }
    let maps = match (common.size, nearest) {
        (Some(_), None) => label_maps(common, &data, pixels)?,
        _ => [false; 2],
    };
    keep(&data, jobs.keys().cloned())?;
    let work = |(pairs, index, indexed, alpha): &(&Pairs, usize, [bool; 2], bool),
                target: &Path| {
        let shown = &pairs.shown(*index)[0];
        let sides = pairs.read_sides_and_gaps(*index)?;
        for (_, gap) in &sides {
            whole(shown, *gap)?;
        }
        let [a, b] = [0, 1].map(|side| {
            let size = common.size.map(|size| size.0);
            let is_unmixed = match nearest {
                Some(nearest) => nearest.flags()[side],
                None => maps[side] || indexed[side],
            };
            sized(&sides[side].0, size, is_unmixed)
        });
        let both = side_by_side(&a, &b).map_err(|reason| Error::file(shown, reason, SEPARATE))?;
        write(target, &both, *alpha)
    };
    let options = prepared::of_combine(common, nearest);
    let pairs = make(common, &options, jobs, is_made, |_| Ok(()), work)?;
    tell_found(common, pairs, None);
    for (name, _) in ["A", "B"].into_iter().zip(maps).filter(|(_, is)| *is) {
        say(&format!(
            "note: {name} looks like label maps, and --size took the nearest pixels of it; for drawings, repeat with \
             --nearest none and another --out\n"
        ));
    }
    for (side, became) in ["a", "b"].into_iter().zip(&became) {
        if let Some(note) = changed(side, became) {
            say(&note);
        }
    }
    if are_indexed {
        say(INDICES_LOST);
    }
    if are_unsplit_slices(&data) {
        say(SLICES_APART);
    }
    tell_next(common);
    Ok(())
}

/// What to say of a side, `a` or `b`, whose pictures have all so many channels, and the files another number. `None` if they have
/// the same, or the pictures have several, which training would convert too.
fn changed(side: &str, became: &BTreeSet<(usize, usize)>) -> Option<String> {
    let (own, _) = *became.first()?;
    let (last, made) = *became.last()?;
    if own != last || own == made {
        return None;
    }
    let name = side.to_uppercase();
    let pictures = format!(
        "pictures of {name} with {}",
        words::count(own as u64, "channel")
    );
    Some(match (own, made) {
        (2, 3) => format!("note: {pictures} have lost their opacity, as the other side has none\n"),
        _ => format!(
            "note: {pictures} have {made} in the files, as the other side has; to train on their own, give --channels-{side} \
             {own}\n"
        ),
    })
}

/// Whether A and B of a data set, whose largest picture has so many pixels, look like label maps.
fn label_maps(common: &Common, data: &Dataset, pixels: u64) -> Result<[bool; 2], Failure> {
    set_threads(common.threads)?;
    let Values(sides) = Values::of(&data.train, looked_at(pixels), None);
    Ok(sides.map(|side| side.classes().is_some()))
}

/// Checks that no pair has a mask, which would be lost.
fn without_mask(pairs: &Pairs) -> Result<(), Error> {
    match (0..pairs.len()).find_map(|index| pairs.mask_file(index)) {
        None => Ok(()),
        Some(mask) => Err(Error::file(
            &mask,
            "a mask, which these tasks do not copy",
            "move mask/ away, or train on the pairs as they are",
        )),
    }
}
