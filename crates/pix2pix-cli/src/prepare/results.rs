//! What all tasks share: reading what they are given, and making the files that are not there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use pix2pix::Error;
use pix2pix::data::passed_over::{self, PassedOver};
use pix2pix::data::picture::{
    self, Format, Header, MAX_BYTES, MAX_SIDE, MIN_SIDE, Metadata, Picture,
};
use pix2pix::data::{Dataset, Narrow, Nodata, Options, Pages, Pairs, earth, nodata};
use pix2pix::device::set_threads;
use pix2pix::folder_lock::FolderLock;
use pix2pix::identity::{Identity, alike};
use rayon::prelude::*;

use crate::failure::Failure;
use crate::flags;
use crate::output::{say, tell};
use crate::output_folder::{create_folder_of, remove_unfinished};
use crate::paths::{Plain, lies_in, word};
use crate::program::program;
use crate::progress;
use crate::words;

use super::{Common, prepared};

/// Said of slices and pages that became files: what they were together is no longer known.
pub const SLICES_APART: &str = "note: slices and pages are now files of their own, and --val-fraction would hold out some of one \
                            volume and train on the others; split the volumes first (prepare split)\n";

/// Tells which files are left out.
pub fn tell_of(passed_over: &[PassedOver]) {
    if let Some(files) = passed_over::summary(passed_over) {
        say(&format!("{files}\n"));
    }
}

/// Opens a data set, and tells what it leaves out.
pub fn open(
    common: &Common,
    pages: Option<Pages>,
    nodata: Option<Nodata>,
) -> Result<Dataset, Failure> {
    let options = Options {
        seed: common.seed,
        pages,
        nodata: [nodata; 2],
        narrow: Narrow::Pairs, // nothing is trained on them here
        ..Options::default()
    };
    let data = match earth::is_typed(&common.input) {
        true => earth::open(&options)?,
        false => Dataset::open(&common.input, &options)?,
    };
    for note in &data.notes {
        say(&format!("note: {note}\n"));
    }
    tell_of(&data.passed_over);
    for path in &data.unmatched {
        tell(&format!(
            "skipped: {}: no partner of the same name",
            path.plain()
        ));
    }
    for line in &data.incomplete {
        tell(&format!("skipped: {}", line.said()));
    }
    Ok(data)
}

/// Whether pages or slices of one split become files, which may be split later.
pub fn are_unsplit_slices(data: &Dataset) -> bool {
    let pairs = &data.train;
    data.splits.len() == 1 && (0..pairs.len()).any(|index| pairs.is_slice(index))
}

/// Checks that a pair of pictures with this header can be read side by side, before any is made.
pub fn check_pair(common: &Common, shown: &Path, header: Header) -> Result<(), Error> {
    let [width, height] = common.size.map_or(header.size, |size| size.0);
    if common.size.is_some() && width.min(height) < MIN_SIDE {
        return Err(Error::file(
            shown,
            format!(
                "its pictures would have {width}x{height} pixels, and nothing reads sides below {MIN_SIDE}"
            ),
            "give a larger --size",
        ));
    }
    let both = Header {
        size: [2 * width, height],
        ..header
    };
    if both.size[0] <= MAX_SIDE && both.bytes() <= MAX_BYTES {
        return Ok(());
    }
    Err(Error::file(
        shown,
        format!("two pictures of {width}x{height} pixels are too large side by side"),
        format!(
            "give a smaller --size, or cut it into parts: a file may be up to {MAX_SIDE} pixels wide and have 2 GiB"
        ),
    ))
}

/// Checks that no pixel has the value that the file names for those without data, given if some have it: a file of both sides
/// would not say it, and they would be mixed with others.
pub fn whole(shown: &Path, gap: Option<f32>) -> Result<(), Error> {
    match gap {
        None => Ok(()),
        Some(gap) => Err(Error::file(
            shown,
            format!(
                "some pixels have no data: {}, as the files say",
                nodata::text(gap)
            ),
            "fill them first (`gdal_fillnodata`), remove the tag if they have data (`gdal_edit -unsetnodata`), leave the file \
             out, or train on folders A/ and B/ with --nodata tag",
        )),
    }
}

/// Writes a side-by-side picture as PNG, or as TIFF if PNG cannot hold it. With `alpha`, the last one of two or four channels is
/// the opacity; otherwise, the file must not say so. `target` has no ending.
pub fn write(target: &Path, both: &Picture, alpha: bool) -> Result<(), Error> {
    let (channels, depth) = (both.channels(), both.depth());
    let (format, metadata) = match alpha {
        true => (Format::Png.for_result(channels, depth), Metadata::default()),
        false => (
            Format::Png.for_bands(channels, depth),
            Metadata::default().of_amounts(),
        ),
    };
    let target = target.with_added_extension(format.extension());
    create_folder_of(&target)?;
    picture::write_with(&target, both, format, &metadata)
}

/// The name of pair `index`'s files. No layout has side-by-side pairs in folders of other names, so those become parts of it.
pub fn file_name(pairs: &Pairs, index: usize) -> String {
    pairs.name(index).replace('/', "_")
}

/// Adds a job; an error if another job writes the same file.
pub fn add<T>(
    jobs: &mut BTreeMap<PathBuf, T>,
    target: PathBuf,
    job: T,
    shown: impl Fn(&T) -> PathBuf,
) -> Result<(), Failure> {
    let path = shown(&job);
    let Some(other) = jobs.insert(target, job) else {
        return Ok(());
    };
    let other = shown(&other);
    let (reason, remedy) = match path == other {
        true => (
            "it is in two pairs, which would have the same name".to_string(),
            "give one of them a copy of it, of another name",
        ),
        false => (
            format!(
                "its pair would have the same name as the pair of {}",
                other.plain()
            ),
            "rename one of them",
        ),
    };
    Err(Error::file(&path, reason, remedy).into())
}

/// Checks that no picture of a data set has the place of a result, where it would count as made. Those of a table may lie in
/// the folder of the results.
pub fn keep(data: &Dataset, targets: impl Iterator<Item = PathBuf>) -> Result<(), Failure> {
    let endings = picture::RESULT_EXTENSIONS.iter();
    let places = targets.flat_map(|target| {
        let files = endings
            .clone()
            .map(|ending| target.with_added_extension(ending));
        files.chain([target.clone()]).collect::<Vec<_>>()
    });
    let there: Vec<PathBuf> = places.filter(|file| file.is_file()).collect();
    if there.is_empty() {
        return Ok(());
    }
    let files = data
        .splits
        .iter()
        .flat_map(|(_, pairs)| (0..pairs.len()).flat_map(|index| pairs.shown(index)));
    let places: BTreeSet<Identity> = files.filter_map(|file| Identity::of(&file)).collect();
    let is_picture = |file: &Path| Identity::of(file).is_some_and(|place| places.contains(&place));
    match there.iter().find(|file| is_picture(file)) {
        None => Ok(()),
        Some(file) => {
            let message = "a result would have the place of this picture; choose another --out";
            Err(Failure::Usage(format!("{}: {message}", file.plain())))
        }
    }
}

/// Tells how many pairs training finds in the folder of the results, if these are not the `pairs` of this command: others may
/// be there, and those of one split may be missing.
pub fn tell_found(common: &Common, pairs: usize, pages: Option<Pages>) {
    let options = Options {
        pages,
        narrow: Narrow::Pairs,
        ..Options::default()
    };
    let data = match Dataset::open(&common.out, &options) {
        Ok(data) => data,
        Err(error) => return say(&format!("note: {}\n", flags::named(&error.to_string()))),
    };
    let found: usize = data.splits.iter().map(|(_, pairs)| pairs.len()).sum();
    if found != pairs {
        say(&format!(
            "note: as a data set, {} has {}; this command's are {pairs}\n",
            common.out.plain(),
            words::count(found as u64, "pair")
        ));
        tell_of(&data.passed_over);
    }
}

/// Checks that the disk tells the files in the folder of the results apart.
fn are_apart<'a>(out: &Path, targets: impl Iterator<Item = &'a PathBuf>) -> Result<(), Error> {
    let names = targets.filter_map(|target| target.strip_prefix(out).ok());
    let Some([name, other]) = alike(out, names) else {
        return Ok(());
    };
    let reason = format!(
        "it and {} would be one file on this disk, which takes their names for the same",
        out.join(other).plain()
    );
    let remedy = "rename one of their pictures, or choose an --out on another disk";
    Err(Error::file(&out.join(name), reason, remedy))
}

/// Whether a picture was written to a target without an ending.
pub fn is_made(target: &Path) -> bool {
    let mut endings = picture::RESULT_EXTENSIONS.iter();
    endings.any(|ending| target.with_added_extension(ending).is_file())
}

/// Makes every file that is not there, in parallel, with a progress bar on a terminal. Returns the number of all. `options` are
/// those that the files depend on: files that are there and were made with others are an error. `check` is asked about each
/// target while no other command makes files in the folder.
pub fn make<T: Sync>(
    common: &Common,
    options: &str,
    jobs: BTreeMap<PathBuf, T>,
    is_there: fn(&Path) -> bool,
    check: impl Fn(&Path) -> Result<(), Error>,
    work: impl Fn(&T, &Path) -> Result<(), Error> + Sync,
) -> Result<usize, Failure> {
    if jobs.is_empty() {
        let remedy = "put pictures into it, or choose another folder";
        return Err(Error::file(&common.input, "contains no picture", remedy).into());
    }
    if lies_in(&common.out, &common.input) {
        let message =
            "the folder of the pairs lies in that of their pictures; choose another --out";
        return Err(Failure::Usage(format!("{}: {message}", common.out.plain())));
    }
    are_apart(&common.out, jobs.keys())?;
    set_threads(common.threads)?;
    let mark = prepared::mark(options);
    // where all is made, nothing is written, and the folder may be one that lets nobody write
    let lock = match jobs.keys().all(|target| is_there(target)) {
        true => None,
        false => Some(prepared::lock(&common.out)?),
    };
    let earlier = lock
        .as_ref()
        .map_or_else(|| prepared::mark_of(&common.out), FolderLock::text);
    jobs.keys().try_for_each(|target| check(target))?;
    // pairs of other pictures may be there, whose mark would be replaced
    if prepared::has_others(&common.out) {
        prepared::check(&common.out, &earlier, options)?;
    }
    if let Some(lock) = &lock {
        lock.use_for(&mark)?;
    }
    remove_unfinished(jobs.keys().cloned());
    let bar = progress::bar(Some(jobs.len() as u64), "{pos}/{len}  {eta} left", false);
    let made = AtomicUsize::new(0);
    let result = jobs.par_iter().try_for_each(|(target, job)| {
        if !is_there(target) {
            work(job, target)?;
            made.fetch_add(1, Ordering::Relaxed);
        }
        bar.inc(1);
        Ok::<_, Error>(())
    });
    bar.finish_and_clear();
    let made = made.into_inner();
    if let Some(lock) = lock
        && made == 0
        && earlier != mark
    {
        // the mark would be of nothing, or of files that were here before
        lock.discard();
    }
    result?;
    let there = jobs.len() - made;
    let there = if there > 0 {
        format!(", {there} already existed")
    } else {
        String::new()
    };
    say(&format!(
        "{} in {}{there}\n",
        words::count(made as u64, "file"),
        common.out.plain()
    ));
    Ok(jobs.len())
}

/// Says what to type next, behind all that there is to say of the results.
pub fn tell_next(common: &Common) {
    let (program, out) = (program(), word(&common.out));
    say(&format!("Now type: {program} inspect {out}\n"));
}
