//! `pix2pix prepare`.

mod prepared;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{IsTerminal, stderr};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::{Subcommand, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use pix2pix::data::passed_over::{self, PassedOver};
use pix2pix::data::picture::{
    self, Depth, Format, Header, MAX_BYTES, MAX_SIDE, Metadata, Page, Picture,
};
use pix2pix::data::values::typed;
use pix2pix::data::{
    Aligned, Dataset, Narrow, Nodata, Options, Pages, Pairs, Size, Store, Task, Values, earth,
    nodata, places_of_pairs, side_by_side, sized,
};
use pix2pix::device::set_threads;
use pix2pix::{Error, atomic_file, one_line};
use rayon::prelude::*;

use crate::choice::choice;
use crate::data_args::{looked_at, low_and_high};
use crate::failure::Failure;
use crate::flags;
use crate::inspect::alignment::few;
use crate::output::{say, tell};
use crate::output_folder::{create_folder_of, remove_unfinished};
use crate::paths::{Plain, lies_in, real, word};
use crate::program::program;
use crate::words;

/// Shown after the options.
pub const EXAMPLES: &str = "\
Examples:
  pix2pix prepare edges photographs --out edges --size 256
  pix2pix prepare edges photographs --out lines --low 20 --high 60
  pix2pix prepare sketch photographs --out sketches
  pix2pix prepare gray photographs --out colorization
  pix2pix prepare lowres photographs --out sharp --factor 4
  pix2pix prepare noise photographs --out clean --sigma 25
  pix2pix prepare blur photographs --out crisp --sigma 2
  pix2pix prepare mask photographs --out whole --share 0.25
  pix2pix prepare halftone photographs --out smooth --cell 6
  pix2pix prepare combine photos --out together
  pix2pix prepare align photos --out aligned
  pix2pix prepare split together --out split --val-fraction 0.1 --test-fraction 0.1";

/// Options of `pix2pix prepare`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    task: TaskArgs,
}

/// Options shared by all tasks.
#[derive(clap::Args)]
struct Common {
    /// Folder or archive of photographs, also with train/ and val/ in it; for combine, align and split, a data set
    input: PathBuf,
    /// Folder for the pairs; existing files are kept, so repeat an interrupted command to finish it. Those of another task
    /// or of other options are refused
    #[arg(long, value_name = "DATA")]
    out: PathBuf,
    /// Size of each picture of a pair, PIXELS or WIDTHxHEIGHT: photographs are cropped around their middle and
    /// resized; not of align and split [default: the photograph's own]
    #[arg(long, value_name = "SIZE")]
    size: Option<Size>,
    /// Values of black and white of 16-bit and floating-point photographs; not of combine, align and split [default:
    /// 0,65535 and 0,1]
    #[arg(long, value_name = "LOW,HIGH", value_parser = low_and_high, allow_hyphen_values = true)]
    range: Option<[f32; 2]>,
    /// How to read TIFF files with several pages, and NIfTI volumes; not of split, which copies them whole [default:
    /// refuse such TIFF files; combine and align read each slice of volumes]
    #[arg(long, value_parser = choice::<Pages>(), value_name = "PAGES")]
    pages: Option<Pages>,
    /// Random seed of noise, holes and splits
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// CPU threads; 0 for all cores
    #[arg(long, default_value_t = 0, value_name = "N")]
    threads: usize,
}

#[derive(Subcommand)]
enum TaskArgs {
    /// Edges → photographs (Canny)
    Edges {
        #[command(flatten)]
        common: Common,
        /// Drop edges with a weaker gradient
        #[arg(long, default_value_t = 50.0, value_name = "GRADIENT")]
        low: f32,
        /// Keep edges with a stronger gradient, and weaker edges connected to them
        #[arg(long, default_value_t = 100.0, value_name = "GRADIENT")]
        high: f32,
    },
    /// Pencil sketches → photographs
    Sketch {
        #[command(flatten)]
        common: Common,
        /// Softness of the strokes, in pixels
        #[arg(long, default_value_t = 5.0, value_name = "PIXELS")]
        sigma: f32,
    },
    /// Gray → color photographs (colorization)
    Gray {
        #[command(flatten)]
        common: Common,
    },
    /// Low-resolution → sharp photographs (super-resolution)
    Lowres {
        #[command(flatten)]
        common: Common,
        /// Downscaling factor
        #[arg(long, default_value_t = 4, value_name = "K")]
        factor: u32,
    },
    /// Noisy → clean photographs (denoising)
    Noise {
        #[command(flatten)]
        common: Common,
        /// Standard deviation of the noise, in levels of 0 to 255
        #[arg(long, default_value_t = 25.0, value_name = "LEVELS")]
        sigma: f32,
    },
    /// Blurred → sharp photographs (deblurring)
    Blur {
        #[command(flatten)]
        common: Common,
        /// Standard deviation of the blur, in pixels
        #[arg(long, default_value_t = 2.0, value_name = "PIXELS")]
        sigma: f32,
    },
    /// Photographs with white holes → whole photographs (inpainting)
    Mask {
        #[command(flatten)]
        common: Common,
        /// Share of the picture that the holes cover; the last one may cover a little more
        #[arg(long, default_value_t = 0.25, value_name = "SHARE")]
        share: f32,
    },
    /// Halftone dots, as in newspapers → photographs
    Halftone {
        #[command(flatten)]
        common: Common,
        /// Distance between dots, in pixels
        #[arg(long, default_value_t = 6, value_name = "PIXELS")]
        cell: u32,
    },
    /// Write two folders A/ and B/, or any other data set, as side-by-side pairs
    Combine {
        #[command(flatten)]
        common: Common,
        /// Sides of which --size takes the nearest pixels and mixes none, as the classes of label maps must be [default:
        /// those that look like label maps]
        #[arg(long, value_name = "SIDES", requires = "size")]
        nearest: Option<Sides>,
    },
    /// Move B onto A by the shift that `inspect --align` reports, and crop both to what they both show
    Align {
        #[command(flatten)]
        common: Common,
        /// Value of pixels without data, whose edges do not count: a number, nan, or tag (what each TIFF names itself)
        /// [default: none, all pixels have data]
        #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
        nodata: Option<Nodata>,
    },
    /// Split a data set into train/, val/ and test/
    Split {
        #[command(flatten)]
        common: Common,
        /// Share of the pairs for val/
        #[arg(long, default_value_t = 0.1, value_name = "SHARE")]
        val_fraction: f64,
        /// Share of the pairs for test/
        #[arg(long, default_value_t = 0.0, value_name = "SHARE")]
        test_fraction: f64,
    },
}

/// Some of the sides A and B.
#[derive(Clone, Copy, ValueEnum)]
enum Sides {
    /// A
    A,
    /// B
    B,
    /// A and B
    Both,
    /// Neither: all pixels are mixed
    None,
}

impl Sides {
    /// Whether A and B are among them.
    fn flags(self) -> [bool; 2] {
        match self {
            Self::A => [true, false],
            Self::B => [false, true],
            Self::Both => [true; 2],
            Self::None => [false; 2],
        }
    }
}

/// Makes the pairs.
pub fn run(args: Args) -> Result<(), Failure> {
    match args.task {
        TaskArgs::Edges { common, low, high } => photographs(&common, Task::Edges { low, high }),
        TaskArgs::Sketch { common, sigma } => photographs(&common, Task::Sketch { sigma }),
        TaskArgs::Gray { common } => photographs(&common, Task::Gray),
        TaskArgs::Lowres { common, factor } => photographs(&common, Task::LowRes { factor }),
        TaskArgs::Noise { common, sigma } => photographs(&common, Task::Noise { sigma }),
        TaskArgs::Blur { common, sigma } => photographs(&common, Task::Blur { sigma }),
        TaskArgs::Mask { common, share } => photographs(&common, Task::Mask { share }),
        TaskArgs::Halftone { common, cell } => photographs(&common, Task::Halftone { cell }),
        TaskArgs::Combine { common, nearest } => combine(&common, nearest),
        TaskArgs::Align { common, nodata } => align(&common, nodata),
        TaskArgs::Split {
            common,
            val_fraction,
            test_fraction,
        } => split(&common, [val_fraction, test_fraction]),
    }
}

/// Makes a pair from each photograph, where a data set has its pairs.
fn photographs(common: &Common, task: Task) -> Result<(), Failure> {
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
            let job = (file.clone(), page);
            add(&mut jobs, target.into(), job, |(file, _)| store.shown(file))?;
        }
    }
    let options = prepared::of_photographs(common, task);
    let pairs = make(common, &options, jobs, is_made, |(file, page), target| {
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
        let has_alpha = picture::has_alpha(&content, *page);
        let source = task.apply(&photo, range, has_alpha, hasher.finish());
        let both = side_by_side(&source, &photo).expect("both have one depth and size");
        write(target, &both)
    })?;
    tell_found(common, pairs, None);
    if are_slices {
        say(SLICES_APART);
    }
    Ok(())
}

/// Said of slices and pages that became files: what they were together is no longer known.
const SLICES_APART: &str = "note: slices and pages are now files of their own, and --val-fraction would hold out some of one \
                            volume and train on the others; split the volumes first (prepare split)\n";

/// Said of the indices of a palette that became its colors: the other half of the file has colors of its own.
const INDICES_LOST: &str = "note: indices of palettes are now their colors; for classes, train with the palette that \
                            inspect writes, or on the folders themselves\n";

/// Whether pages or slices of one split become files, which may be split later.
fn are_unsplit_slices(data: &Dataset) -> bool {
    let pairs = &data.train;
    data.splits.len() == 1 && (0..pairs.len()).any(|index| pairs.is_slice(index))
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
    if let Some(range) = common.range {
        return Ok(range);
    }
    let usual = photo.depth().range();
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

/// Checks that a pair of pictures with this header can be read side by side, before any is made.
fn check_pair(common: &Common, shown: &Path, header: Header) -> Result<(), Error> {
    let [width, height] = common.size.map_or(header.size, |size| size.0);
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

/// Tells which files are left out.
fn tell_of(passed_over: &[PassedOver]) {
    if let Some(files) = passed_over::summary(passed_over) {
        say(&format!("{files}\n"));
    }
}

/// Writes a side-by-side picture as PNG, or as TIFF if PNG cannot hold it. `target` has no ending.
fn write(target: &Path, both: &Picture) -> Result<(), Error> {
    let format = Format::Png.for_result(both.channels(), both.depth());
    let target = target.with_added_extension(format.extension());
    create_folder_of(&target)?;
    picture::write(&target, both, format)
}

fn open(common: &Common, pages: Option<Pages>, nodata: Option<Nodata>) -> Result<Dataset, Failure> {
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

/// Writes each pair of a data set to one side-by-side file.
fn combine(common: &Common, nearest: Option<Sides>) -> Result<(), Failure> {
    if common.range.is_some() {
        let message = "combine keeps the values of pictures; omit --range";
        return Err(Failure::Usage(message.to_string()));
    }
    let data = open(common, common.pages, None)?;
    let mut jobs = BTreeMap::new();
    let (mut are_indexed, mut pixels) = (false, 0);
    for (split, pairs) in &data.splits {
        let folder = if data.splits.len() > 1 {
            common.out.join(split)
        } else {
            common.out.clone()
        };
        without_mask(pairs)?;
        for index in 0..pairs.len() {
            let headers = pairs.headers(index)?;
            let channels = headers[0].channels.max(headers[1].channels);
            let header = Header {
                channels,
                ..headers[0]
            };
            check_pair(common, &pairs.shown(index)[0], header)?;
            let indexed = headers.map(|header| header.indexed);
            are_indexed |= indexed.contains(&true);
            pixels = pixels.max(headers[0].pixels());
            let target = folder.join(pairs.name(index));
            let job = (pairs, index, indexed);
            add(&mut jobs, target, job, |(pairs, index, _)| {
                pairs.shown(*index)[0].clone()
            })?;
        }
    }
    let maps = match (common.size, nearest) {
        (Some(_), None) => label_maps(common, &data, pixels)?,
        _ => [false; 2],
    };
    keep(&data, jobs.keys().cloned())?;
    let work = |(pairs, index, indexed): &(&Pairs, usize, [bool; 2]), target: &Path| {
        let sides = pairs.read_sides(*index)?;
        let [a, b] = [0, 1].map(|side| {
            let size = common.size.map(|size| size.0);
            let is_unmixed = match nearest {
                Some(nearest) => nearest.flags()[side],
                None => maps[side] || indexed[side],
            };
            sized(&sides[side], size, is_unmixed)
        });
        let both = side_by_side(&a, &b).map_err(|reason| {
            let remedy = "convert one of the two, or train on the two folders directly";
            Error::file(&pairs.shown(*index)[0], reason, remedy)
        })?;
        write(target, &both)
    };
    let options = prepared::of_combine(common, nearest);
    let pairs = make(common, &options, jobs, is_made, work)?;
    tell_found(common, pairs, None);
    for (name, _) in ["A", "B"].into_iter().zip(maps).filter(|(_, is)| *is) {
        say(&format!(
            "note: {name} looks like label maps, and --size took the nearest pixels of it; for drawings, repeat with \
             --nearest none and another --out\n"
        ));
    }
    if are_indexed {
        say(INDICES_LOST);
    }
    if are_unsplit_slices(&data) {
        say(SLICES_APART);
    }
    Ok(())
}

/// Whether A and B of a data set, whose largest picture has so many pixels, look like label maps.
fn label_maps(common: &Common, data: &Dataset, pixels: u64) -> Result<[bool; 2], Failure> {
    set_threads(common.threads)?;
    let Values(sides) = Values::of(&data.train, looked_at(pixels));
    Ok(sides.map(|side| side.classes().is_some()))
}

/// Writes each pair of a data set with B moved onto A, in one file or in two, as it was.
fn align(common: &Common, nodata: Option<Nodata>) -> Result<(), Failure> {
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
            let name = pairs.name(index);
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
    let pairs = make(common, &options, jobs, is_made, work)?;
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

/// Copies a data set's files to train/, val/ and test/.
fn split(common: &Common, [val, test]: [f64; 2]) -> Result<(), Failure> {
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
    let order = pairs.order(common.seed, 0);
    let [val, test] = held_out(common, pairs.len(), [val, test])?;
    let mut jobs = BTreeMap::new();
    for (place, index) in order.into_iter().enumerate() {
        let name = match place {
            place if place < val => "val",
            place if place < val + test => "test",
            _ => "train",
        };
        for Copied { from, folder } in copied(pairs, index) {
            let ending = from.extension().unwrap_or_default().to_string_lossy();
            let whole = picture::volume_extension(&from).or_else(|| picture::ome_extension(&from));
            let file = format!("{}.{}", pairs.name(index), whole.unwrap_or(&ending));
            let in_split = |split: &str| common.out.join(split).join(&folder).join(&file);
            let others = ["train", "val", "test"]
                .into_iter()
                .filter(|other| *other != name);
            if let Some(there) = others.map(in_split).find(|file| file.exists()) {
                let reason = "it is there from another split, and now belongs elsewhere";
                let remedy = "empty the folder, or choose another one with --out";
                return Err(Error::file(&there, reason, remedy).into());
            }
            let target = in_split(name);
            add(&mut jobs, target, from, PathBuf::clone)?;
        }
    }
    let work = |from: &PathBuf, target: &Path| {
        let bytes = pairs.bytes_of(from)?;
        create_folder_of(target)?;
        atomic_file::write(target, &bytes)
    };
    keep(&data, jobs.keys().cloned())?;
    // a copy has all of its name
    make(common, prepared::SPLIT, jobs, Path::is_file, work)?;
    tell_found(common, pairs.len(), Some(Pages::First));
    let train = pairs.len() - val - test;
    say(&format!(
        "pairs: {train} in train/, {val} in val/, {test} in test/\n"
    ));
    Ok(())
}

/// A file of a pair that is copied, and its folder in the pair's split.
struct Copied {
    from: PathBuf,
    folder: String,
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
    copied
        .map(|(from, folder)| Copied { from, folder })
        .collect()
}

/// Numbers of pairs for val/ and test/: at least one for each that has a share, and one to train on.
fn held_out(common: &Common, pairs: usize, shares: [f64; 2]) -> Result<[usize; 2], Error> {
    let wanted = shares.iter().filter(|share| **share > 0.0).count();
    if pairs < 1 + wanted {
        return Err(Error::file(
            &common.input,
            format!(
                "{} cannot be split into {} parts",
                words::count(pairs as u64, "pair"),
                1 + wanted
            ),
            "add pairs, or give --val-fraction 0 or --test-fraction 0",
        ));
    }
    let [mut val, mut test] = shares.map(|share| match share > 0.0 {
        true => ((pairs as f64 * share).round() as usize).max(1),
        false => 0,
    });
    while val + test >= pairs {
        *(if val >= test { &mut val } else { &mut test }) -= 1;
    }
    Ok([val, test])
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

/// Adds a job; an error if another job writes the same file.
fn add<T>(
    jobs: &mut BTreeMap<PathBuf, T>,
    target: PathBuf,
    job: T,
    shown: impl Fn(&T) -> PathBuf,
) -> Result<(), Failure> {
    let path = shown(&job);
    if let Some(other) = jobs.insert(target, job) {
        return Err(Error::file(
            &path,
            format!(
                "its pair would have the same name as the pair of {}",
                shown(&other).plain()
            ),
            "rename one of them",
        )
        .into());
    }
    Ok(())
}

/// Checks that no picture of a data set has the place of a result, where it would count as made. Those of a table may lie in
/// the folder of the results.
fn keep(data: &Dataset, targets: impl Iterator<Item = PathBuf>) -> Result<(), Failure> {
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
    let places: BTreeSet<PathBuf> = files.map(|file| real(&file)).collect();
    match there.iter().find(|file| places.contains(&real(file))) {
        None => Ok(()),
        Some(file) => {
            let message = "a result would have the place of this picture; choose another --out";
            Err(Failure::Usage(format!("{}: {message}", file.plain())))
        }
    }
}

/// Tells how many pairs training finds in the folder of the results, if these are not the `pairs` of this command: others may
/// be there, and those of one split may be missing.
fn tell_found(common: &Common, pairs: usize, pages: Option<Pages>) {
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

/// Whether a picture was written to a target without an ending.
fn is_made(target: &Path) -> bool {
    let mut endings = picture::RESULT_EXTENSIONS.iter();
    endings.any(|ending| target.with_added_extension(ending).is_file())
}

/// Makes every file that is not there, in parallel, with a progress bar on a terminal. Returns the number of all. `options` are
/// those that the files depend on: files that are there and were made with others are an error.
fn make<T: Sync>(
    common: &Common,
    options: &str,
    jobs: BTreeMap<PathBuf, T>,
    is_there: fn(&Path) -> bool,
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
    let before = jobs.keys().filter(|target| is_there(target)).count();
    // pairs of other pictures may be there, whose mark would be replaced
    if before > 0 || prepared::has_others(&common.out) {
        prepared::check(&common.out, options)?;
    }
    set_threads(common.threads)?;
    let begun = match before == jobs.len() {
        true => None,
        false => Some(prepared::begin(&common.out, options)?),
    };
    remove_unfinished(jobs.keys().cloned());
    let bar = if stderr().is_terminal() {
        ProgressBar::new(jobs.len() as u64)
    } else {
        ProgressBar::hidden()
    };
    let template = "{bar:24} {pos}/{len}  {eta} left";
    bar.set_style(ProgressStyle::with_template(template).expect("a valid template"));
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
    match begun {
        Some(begun) if made == 0 => begun.undo(),
        // another command that began before may have ended without a file meanwhile, and removed the mark
        Some(_) => {
            prepared::begin(&common.out, options)?;
        }
        None => {}
    }
    result?;
    let there = jobs.len() - made;
    let there = if there > 0 {
        format!(", {there} already existed")
    } else {
        String::new()
    };
    let program = program();
    say(&format!(
        "{} in {}{there}\nNow type: {program} inspect {}\n",
        words::count(made as u64, "file"),
        common.out.plain(),
        word(&common.out)
    ));
    Ok(jobs.len())
}
