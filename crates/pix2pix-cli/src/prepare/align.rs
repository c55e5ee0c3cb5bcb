//! `pix2pix prepare align`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use pix2pix::data::picture::{self, Picture};
use pix2pix::data::{Aligned, Nodata, Pairs};
use pix2pix::{Error, one_line};

use crate::failure::Failure;
use crate::inspect::alignment::few;
use crate::output::say;
use crate::output_folder::create_folder_of;

use super::results::{
    SLICES_APART, add, are_unsplit_slices, file_name, is_made, keep, make, open, tell_found,
    tell_next,
};
use super::{Common, prepared};

/// Writes each pair of a data set with B moved onto A, in one file or in two, as it was.
pub fn align(common: &Common, nodata: Option<Nodata>) -> Result<(), Failure> {
    if common.size.is_some() || common.range.is_some() {
        let message = "align moves whole pixels and keeps their values; omit --size and --range";
        return Err(Failure::Usage(message.to_string()));
    }
    let data = open(common, common.pages, nodata)?;
    let mut jobs = BTreeMap::new();
    for (split, pairs) in &data.splits {
        let folder = match data.splits.len() {
            1 => common.out.clone(),
            _ => common.out.join(split),
        };
        for index in 0..pairs.len() {
            let name = file_name(pairs, index);
            // of two files, B is written last: a pair with a B is whole
            let target = match pairs.is_together(index) {
                true => folder.join(name),
                false => folder.join("B").join(name),
            };
            add(&mut jobs, target, (pairs, index), |(pairs, index)| {
                pairs.shown(*index)[0].clone()
            })?;
        }
    }
    let unsure = Mutex::new(Vec::new());
    let moved = AtomicUsize::new(0);
    let work = |(pairs, index): &(&Pairs, usize), target: &Path| {
        let aligned = pairs.read_aligned(*index)?;
        match aligned.shift.map(|shift| shift.whole()) {
            None => {
                let mut unsure = unsure.lock().expect("no panic while it is held");
                unsure.push(one_line(pairs.name(*index)));
            }
            Some([0, 0]) => {}
            Some(_) => {
                moved.fetch_add(1, Ordering::Relaxed);
            }
        }
        write_aligned(target, &aligned)
    };
    let results = jobs.iter().flat_map(|(target, (pairs, index))| {
        let a = (!pairs.is_together(*index)).then(|| place_of_a(target));
        [target.clone()].into_iter().chain(a)
    });
    keep(&data, results)?;
    let options = prepared::of_align(common, nodata);
    let pairs = make(common, &options, jobs, is_made, |_| Ok(()), work)?;
    tell_found(common, pairs, None);
    let mut unsure = unsure.into_inner().expect("no panic while it is held");
    unsure.sort();
    say(&format!(
        "moved: {} of these pairs; no reliable shift, left as they are: {}\n",
        moved.into_inner(),
        few(&unsure)
    ));
    if are_unsplit_slices(&data) {
        say(SLICES_APART);
    }
    tell_next(common);
    Ok(())
}

/// Writes an aligned pair. `target` has no ending; it is the pair's file, or that of B.
fn write_aligned(target: &Path, aligned: &Aligned) -> Result<(), Error> {
    let write = |target: &Path, picture: &Picture, side: usize| {
        let (_, format, metadata) = &aligned.sides[side];
        let target = target.with_added_extension(format.extension());
        create_folder_of(&target)?;
        picture::write_with(&target, picture, *format, metadata)
    };
    let [(a, ..), (b, ..)] = &aligned.sides;
    if aligned.together {
        return write(target, &a.beside(b), 0);
    }
    write(&place_of_a(target), a, 0)?;
    write(target, b, 1)
}

/// The place of A of a pair of two files, whose B goes to `target`.
fn place_of_a(target: &Path) -> PathBuf {
    let folder = target.parent().and_then(Path::parent);
    let name = target.file_name().expect("the pair's name");
    folder.expect("B is in a folder").join("A").join(name)
}
