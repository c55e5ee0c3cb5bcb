//! `pix2pix translate`.

mod slices;
mod stream;
mod y4m;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, IsTerminal, stderr};
use std::iter;
use std::path::{Path, PathBuf};
use std::slice;

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};
use pix2pix::data::pair::Direction;
use pix2pix::data::passed_over::{self, PassedOver};
use pix2pix::data::picture::{
    self, Content, Format, LargeWriter, Metadata, Outside, Page, Picture, Stack, TiffWindows,
};
use pix2pix::data::{Depth, Domain, Nodata, Pages, Size, Store, nodata, pair};
use pix2pix::device::set_threads;
use pix2pix::model::{
    DEVIATION_SCALE, Fit, NormStatistics, Sampled, Temporal, Tiling, TranslateOptions, Windows,
};
use pix2pix::report::{Gallery, PictureScores, gallery};
use pix2pix::{Error, RunConfig, Translator, atomic_file};

use crate::best_args::BestArgs;
use crate::choice::choice;
use crate::direction;
use crate::failure::Failure;
use crate::flags;
use crate::machine_args::MachineArgs;
use crate::noise_args::NoiseArgs;
use crate::output::{say, tell};
use crate::output_folder::{create_folder_of, remove_unfinished};
use crate::paths::{Plain, real};
use crate::result_file::check_names;
use crate::words;
use stream::Frames;

/// Shown after the options.
pub const EXAMPLES: &str = "\
Examples:
  pix2pix translate run photo.jpg more-photos/ --out translated
  pix2pix translate run facades/test --out translated --gallery
  pix2pix translate run scan16.png --out translated --dropout off
  pix2pix translate run scan.png --out translated --samples 8    mean and deviation
  pix2pix translate run photos/ depths/ --stack --out translated
  pix2pix translate run brain.nii.gz --out translated            slice by slice, to a volume
  pix2pix translate run huge.tif --out translated --tile 1024 --overlap 256 --norm-stats image
  ffmpeg -i in.mp4 -f yuv4mpegpipe - | pix2pix translate run --stdin-y4m | ffmpeg -i - out.mp4";

/// The options of a video, which has no files.
const VIDEO: [&str; 2] = ["stdin_raw", "stdin_y4m"];

/// Options of `pix2pix translate`.
#[derive(clap::Args)]
pub struct Args {
    /// Run folder (uses its newest checkpoint) or checkpoint file; earth is the built-in model
    model: PathBuf,
    #[command(flatten)]
    best: BestArgs,
    /// Pictures (JPEG, PNG, WebP, TIFF, BMP, npy, NIfTI) or folders of pictures, with their sub-folders
    #[arg(required_unless_present_any = VIDEO)]
    input: Vec<PathBuf>,
    /// Folder for the translated pictures, in the size of their inputs: TIFF, npy and NIfTI keep their format, all
    /// others become NAME.png
    #[arg(long, value_name = "DIR", required_unless_present_any = VIDEO)]
    out: Option<PathBuf>,
    /// Write gallery.html too, a page with all inputs and outputs, and for pairs the targets and scores [default: off]
    #[arg(long, conflicts_with_all = VIDEO)]
    gallery: bool,
    /// Translate a YUV4MPEG2 video from standard input to standard output [default: files]
    #[arg(long, conflicts_with_all = ["stdin_raw", "input", "out"])]
    stdin_y4m: bool,
    /// Translate a raw video from standard input to standard output: frames of this size, in the model's
    /// channels and depth (rgb24, gray, rgb48le) [default: files]
    #[arg(long, value_name = "WIDTHxHEIGHT", conflicts_with_all = ["input", "out"])]
    stdin_raw: Option<Size>,
    /// Dropout noise of video frames
    #[arg(long, value_enum, default_value_t = FrameNoise::Same, conflicts_with = "input")]
    frame_noise: FrameNoise,
    /// Reduce the flicker of a video: average about FRAMES translated frames where the input stays the same; what moves
    /// stays sharp, and a new scene begins anew [default: off; without a number 8]
    #[arg(long, value_name = "FRAMES", num_args = 0..=1, require_equals = true, default_missing_value = "8",
        value_parser = clap::value_parser!(u32).range(2..=1000))]
    temporal: Option<u32>,
    /// Whether inputs are side-by-side pairs, of which only the source half is translated
    #[arg(long, value_enum, default_value_t = Inputs::Auto, conflicts_with_all = VIDEO)]
    pairs: Inputs,
    /// Join the channels of the inputs: each input is one picture of a side, in the order of training (A1, A2, ...), or a
    /// folder of such pictures with the same names [default: each input is a picture]
    #[arg(long, conflicts_with_all = VIDEO)]
    stack: bool,
    /// How to read TIFF files with several pages, and NIfTI volumes; with each, the result has all pages or slices too
    /// [default: as the model was trained; otherwise refuse such TIFF files, and read each slice of volumes]
    #[arg(long, value_parser = choice::<Pages>(), value_name = "PAGES", conflicts_with_all = VIDEO)]
    pages: Option<Pages>,
    /// Action on files that cannot be translated; skipped ones are named, and the exit code is 1
    #[arg(long, value_enum, default_value_t = OnFailure::Stop, conflicts_with_all = VIDEO)]
    on_error: OnFailure,
    #[command(flatten)]
    noise: NoiseArgs,
    /// Translate each picture N times with different dropout, and write the mean as NAME and the standard deviation as
    /// NAME-deviation, which 8 bits show 16 times as large [default: once]
    #[arg(long, value_name = "N", conflicts_with_all = VIDEO,
        value_parser = clap::value_parser!(u64).range(2..=10_000))]
    samples: Option<u64>,
    /// How to fit pictures whose size the network does not accept; the output is cut or resized back
    #[arg(long, value_parser = choice::<Fit>(), default_value_t = Fit::Pad)]
    fit: Fit,
    /// Side of the overlapping tiles that large pictures are cut into, to bound memory; 0 never cuts. Each
    /// tile is normalized by its own statistics: see --norm-stats [default: 1024 for pictures of more than 2
    /// million pixels]
    #[arg(long, value_name = "PIXELS")]
    tile: Option<u32>,
    /// Overlap of neighbouring tiles, which is blended [default: a quarter of --tile]
    #[arg(long, value_name = "PIXELS", requires = "tile")]
    overlap: Option<u32>,
    /// Statistics that normalize a tile
    #[arg(long, value_parser = choice::<NormStatistics>(), default_value_t = NormStatistics::Tile)]
    norm_stats: NormStatistics,
    #[command(flatten)]
    machine: MachineArgs,
    /// Print errors only [default: off]
    #[arg(long)]
    quiet: bool,
}

/// What the inputs are.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Inputs {
    /// Pictures exactly twice as wide as high are pairs
    Auto,
    /// All inputs are pairs
    Yes,
    /// No input is a pair
    No,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum OnFailure {
    /// Stop at the first one
    Stop,
    /// Go on
    Skip,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum FrameNoise {
    /// The same for all frames, for a steady video
    Same,
    /// New noise for each frame
    New,
}

impl Args {
    /// The options for a picture.
    fn options(&self) -> TranslateOptions {
        TranslateOptions {
            fit: self.fit,
            tiling: match self.tile {
                None => Tiling::Auto,
                Some(0) => Tiling::Never,
                Some(side) => Tiling::Cut {
                    side,
                    overlap: self.overlap.unwrap_or(side / 4),
                },
            },
            statistics: self.norm_stats,
            ..self.noise.options()
        }
    }

    /// The options for frame number `index` of a video.
    fn frame_options(&self, index: u64) -> TranslateOptions {
        TranslateOptions {
            index: match self.frame_noise {
                FrameNoise::Same => 0,
                FrameNoise::New => index,
            },
            ..self.options()
        }
    }

    /// Checks that `--out` is not meant as the name of a picture: it is a folder.
    fn check_out(&self) -> Result<(), Failure> {
        let Some(out) = self.out.as_ref().filter(|out| !out.is_dir()) else {
            return Ok(());
        };
        match picture::is_picture(out) {
            false => Ok(()),
            true => Err(Failure::Usage(format!(
                "--out {} is the folder for the results, which have the names of their inputs; give a folder, such as \
                 --out translated",
                out.plain()
            ))),
        }
    }

    /// Checks that `--overlap` has tiles.
    fn check_overlap(&self) -> Result<(), Failure> {
        match (self.tile, self.overlap) {
            (Some(0), Some(_)) => Err(Failure::Usage(
                "--overlap is that of tiles, and --tile 0 never cuts; omit one of them".to_string(),
            )),
            _ => Ok(()),
        }
    }

    /// Checks that `--temporal` has frames to average.
    fn check_temporal(&self) -> Result<(), Failure> {
        let reason = match self.temporal {
            Some(_) if self.out.is_some() => {
                "--temporal averages the frames of a video; give --stdin-y4m or --stdin-raw in place of files"
            }
            Some(_) if self.frame_noise == FrameNoise::New => {
                "--temporal needs frames of the same noise, and --frame-noise new changes it; omit one of them"
            }
            _ => return Ok(()),
        };
        Err(Failure::Usage(reason.to_string()))
    }

    /// Whether a picture of this size is a side-by-side pair.
    fn is_pair(&self, size: [u32; 2]) -> bool {
        match self.pairs {
            Inputs::Auto => pair::is_side_by_side(size),
            Inputs::Yes => true,
            Inputs::No => false,
        }
    }
}

/// Translates every input.
pub fn run(args: Args) -> Result<(), Failure> {
    args.check_temporal()?;
    args.check_overlap()?;
    args.check_out()?;
    set_threads(args.machine.threads)?;
    let device = args.machine.device.open(args.machine.precision)?;
    let load = || {
        let model = args.best.find(&args.model)?;
        Translator::load_on(&model, device, args.machine.precision)
    };
    let Some(out) = &args.out else {
        let translator = load()?;
        translator.check(&args.options())?;
        let temporal = match args.temporal {
            None => None,
            Some(frames) => {
                Temporal::check(&translator.config.target)?;
                Some(Temporal::over(frames))
            }
        };
        let options = |index| args.frame_options(index);
        let frames = Frames::new(&translator, &options, temporal, args.quiet);
        return match args.stdin_raw {
            Some(size) => stream::raw(frames, size),
            None => stream::yuv4mpeg(frames),
        };
    };
    if args.gallery {
        check_names(&[(out.join(gallery::NAME), gallery::is_gallery)])?;
    }
    let (inputs, passed_over) = match args.stack {
        true => stacks(&args.input, out)?,
        false => inputs(&args.input, out)?,
    };
    if args.samples.is_some() {
        check_deviations(&inputs)?;
    }
    if let Some(files) = passed_over::summary(&passed_over).filter(|_| !args.quiet) {
        say(&format!("{files}\n"));
    }
    let translator = load()?;
    translator.check(&args.options())?;
    if args.samples.is_some() {
        translator.check_samples(&args.options())?;
    }
    let of_side = direction::of_pictures(
        inputs.values().map(|files| files[0].as_path()),
        translator.config.direction,
    );
    if let Some(note) = of_side.filter(|_| !args.quiet) {
        say(&format!("{note}\n"));
    }
    let pages = args.pages.or(translator.config.pages);
    let mut jobs = Vec::new();
    for (name, files) in &inputs {
        for (name, part) in parts(name, &files[0], pages, &translator.config) {
            jobs.push((name, files.as_slice(), part));
        }
    }
    let mut gallery = args.gallery.then(|| {
        let domains = [&translator.config.source, &translator.config.target];
        let domains = domains.map(Domain::clone);
        let pictures = jobs.iter().map(|(_, _, part)| part.count()).sum();
        Gallery::new(args.model.display().to_string(), domains, pictures)
    });
    remove_unfinished(inputs.keys().map(|name| out.join(name)));
    let mut failed = 0;
    for (name, files, part) in &jobs {
        let shown = gallery.as_mut().map(|gallery| (gallery, name.as_path()));
        let (target, model) = (out.join(name), (&args, &translator));
        let done = match part {
            Part::Picture(page) => translate(model, (files, *page), &target, shown),
            Part::Slices(pages) => slices::translate(model, (files, pages), &target, shown),
        };
        match done {
            Ok(text) if !args.quiet => say(&text),
            Ok(_) => {}
            Err(error) if args.on_error == OnFailure::Skip && !error.is_of_temporary_files() => {
                tell(&format!("skipped: {}", flags::named(&error.to_string())));
                failed += 1;
            }
            Err(error) => return Err(error.into()),
        }
    }
    if let Some(mut gallery) = gallery.filter(|gallery| !gallery.is_empty()) {
        let (count, step) = (gallery.len(), translator.step);
        gallery.about(format!(
            "{count} pictures, translated by the model of step {step}."
        ));
        let page = out.join(gallery::NAME);
        gallery::write(&[gallery], &page)?;
        if !args.quiet {
            say(&format!("gallery: {}\n", page.plain()));
        }
    }
    match failed {
        0 => Ok(()),
        1 => Err(Failure::Runtime("1 picture was skipped".to_string())),
        failed => Err(Failure::Runtime(format!("{failed} pictures were skipped"))),
    }
}

/// What a file is translated as.
enum Part {
    /// This page, to a picture.
    Picture(Page),
    /// These pages or slices, to one file.
    Slices(Vec<Page>),
}

impl Part {
    /// Number of pictures.
    fn count(&self) -> usize {
        match self {
            Self::Picture(_) => 1,
            Self::Slices(pages) => pages.len(),
        }
    }
}

/// What a file is translated as, with the names of the outputs. Pages that are too large for memory become files of their
/// own, if each is translated by itself.
fn parts(
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
    // one page may have the channels of its neighbours itself
    let is_whole = first
        .as_ref()
        .is_none_or(|first| first.header().channels == config.source.channels);
    let is_one = stack.count == 1 && (config.neighbours == 0 || is_whole);
    if pages != Some(Pages::Each) || is_one {
        return one(Part::Picture(Page::of(pages)));
    }
    if config.neighbours > 0 || !first.is_some_and(|first| first.is_large()) {
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

/// Reads pages of files, whose channels are joined: all pages of the first file, then those of the next. Returns the picture
/// with the format of the first, and with the value of pixels without data that the files name, if they are asked for it and are
/// several. An error if the model does not take its channels.
fn read(
    files: &[(&Path, Content)],
    pages: &[Page],
    translator: &Translator,
) -> Result<(Picture, Format, Option<f32>), Error> {
    let domain = &translator.config.source;
    let has_tags = domain.nodata == Some(Nodata::Tag) && files.len() * pages.len() > 1;
    let mut parts: Vec<Picture> = Vec::new();
    let mut gaps = Vec::new();
    let mut first = None;
    for (path, content) in files {
        let (part, format) = picture::decode_pages(path, content, pages, Some(domain))?;
        let (_, size) = *first.get_or_insert((format, part.size()));
        pair::same_size((files[0].0, size), (path, part.size()))?;
        let channels = part.channels() / pages.len();
        for page in pages.iter().filter(|_| has_tags) {
            let gap = Metadata::read(content, format, *page, channels).nodata();
            gaps.extend(iter::repeat_n(gap, channels));
        }
        parts.push(part);
    }
    let (format, _) = first.expect("there is a file");
    let picture = match parts.len() {
        1 => parts.remove(0),
        _ => Picture::with_all_channels(&parts),
    };
    let taken = translator.check_channels(picture.channels());
    taken.map_err(|reason| unlike(files[0].0, reason))?;
    if !has_tags {
        return Ok((picture, format, None));
    }
    // each file may name another value, and the model knows one
    let (picture, gap) = nodata::unified(&picture, &gaps).ok_or_else(|| {
        let reason = "its value for pixels without data is one of data in another file that is joined with it";
        let remedy = "give all files a value that no pixel with data has";
        Error::file(files[0].0, reason, remedy)
    })?;
    Ok((picture, format, gap))
}

/// A picture that is to be translated, and its file.
struct Given<'a> {
    path: &'a Path,
    picture: Picture,
    format: Format,
    /// The value that the file names for pixels without data.
    tag: Option<f32>,
    /// Whether only the source half is translated.
    is_pair: bool,
    /// Whether it is refused if most of its values lie outside of the model's range.
    refuse_outside: bool,
}

/// A translated picture.
struct Made {
    output: Picture,
    /// The mean and the deviation, with `--samples`.
    sampled: Option<Sampled>,
    /// Values of the source outside of the model's range.
    clipped: Outside,
    /// What to say of a picture that is unlike those of the training.
    unusual: String,
}

/// Translates a picture, and adds it to the gallery.
fn make(
    (args, translator): (&Args, &Translator),
    given: Given,
    shown: Option<(&mut Gallery, &Path)>,
) -> Result<Made, Error> {
    let Given {
        path,
        picture,
        format,
        tag,
        is_pair,
        refuse_outside,
    } = given;
    let channels = picture.channels();
    let (source, wanted) = match is_pair {
        true => {
            let [source, wanted] = translator
                .config
                .direction
                .order(pair::split(path, &picture)?);
            (source, Some(wanted))
        }
        false => (picture, None),
    };
    let kept = shown.is_some().then(|| source.clone());
    if format.is_exact() {
        translator
            .check_classes(&source, tag)
            .map_err(|reason| unlike(path, reason))?;
    }
    let clipped = translator.outside_known(&source, tag);
    let unusual = unusual(translator, (source.size(), channels, source.depth()));
    let options = TranslateOptions {
        nodata: tag,
        refuse_outside,
        ..args.options()
    };
    let sampled = match args.samples {
        None => translator
            .translate_with(source, &options)
            .map(|output| (output, None)),
        Some(count) => translator
            .translate_samples(&source, &options, count)
            .map(|sampled| (sampled.mean.clone(), Some(sampled))),
    };
    let (output, sampled) = sampled.map_err(|reason| unlike(path, reason))?;
    if let (Some((gallery, name)), Some(source)) = (shown, kept) {
        add(gallery, translator, name, [&source, &output], wanted);
    }
    Ok(Made {
        output,
        sampled,
        clipped,
        unusual,
    })
}

/// Translates a page of a picture's files and writes the result to `target`, plus its ending; returns what to say of it.
fn translate(
    (args, translator): (&Args, &Translator),
    (files, page): (&[PathBuf], Page),
    target: &Path,
    shown: Option<(&mut Gallery, &Path)>,
) -> Result<String, Error> {
    let path = files[0].as_path();
    let windows = match files {
        [_] => TiffWindows::open(path, page)?,
        _ => None,
    };
    if let Some(windows) = &windows {
        // before hundreds of bands are decoded for nothing
        let taken = translator.check_channels(windows.header().channels);
        taken.map_err(|reason| unlike(path, reason))?;
    }
    if let Some(large) = windows.filter(TiffWindows::is_large) {
        let said = translate_large(args, translator, (path, page), &large, target)?;
        return Ok(match shown {
            Some(_) => said + "  note: it is too large for the gallery\n",
            None => said,
        });
    }
    let contents: Vec<(&Path, Content)> = files
        .iter()
        .map(|path| (path.as_path(), Content::from(path.as_path())))
        .collect();
    let (picture, format, gap) = read(&contents, &[page], translator)?;
    let (size, channels) = (picture.size(), picture.channels());
    let metadata = Metadata::read(&contents[0].1, format, page, channels);
    let metadata = with_tag(metadata, gap);
    let is_pair = args.is_pair(size);
    let given = Given {
        path,
        picture,
        format,
        tag: metadata.nodata(),
        is_pair,
        refuse_outside: true,
    };
    let made = make((args, translator), given, shown)?;
    let output = &made.output;
    let metadata = of_result(translator, metadata, is_pair);
    let format = format.for_result(output.channels(), output.depth());
    let written = target.with_added_extension(format.extension());
    create_folder_of(&written)?;
    picture::write_with(&written, output, format, &metadata)?;
    let deviation = match made.sampled {
        None => String::new(),
        Some(sampled) => write_deviation(&deviation_of(target), &sampled, format, &metadata)?,
    };
    Ok(said(
        (args, translator),
        (path, size),
        (is_pair, translator.config.direction),
        (&written, output.size()),
        made.clipped,
    ) + &deviation
        + &made.unusual)
}

/// The name of the picture of the deviation, beside that of the mean.
fn deviation_of(name: &Path) -> PathBuf {
    let mut name = name.as_os_str().to_owned();
    name.push("-deviation");
    PathBuf::from(name)
}

/// Checks that no mean has the name of a deviation.
fn check_deviations(inputs: &Named) -> Result<(), Error> {
    for (name, files) in inputs {
        if let Some(other) = inputs.get(&deviation_of(name)) {
            return Err(Error::file(
                &other[0],
                format!(
                    "its output would have the same name as the deviation of {}",
                    files[0].plain()
                ),
                "rename one of them, or translate them into two folders",
            ));
        }
    }
    Ok(())
}

/// Writes the deviation of samples to `target`, plus its ending; returns what to say of it.
fn write_deviation(
    target: &Path,
    sampled: &Sampled,
    format: Format,
    metadata: &Metadata,
) -> Result<String, Error> {
    let deviation = &sampled.deviation;
    // a PNG shows the second or fourth channel as opacity, and would be invisible
    let format = match (format, deviation.channels()) {
        (Format::Png, 2 | 4) => Format::Tiff,
        _ => format,
    };
    let target = target.with_added_extension(format.extension());
    // what is a gap in the mean is a value of deviations
    let metadata = metadata.clone().with_nodata(sampled.gap);
    create_folder_of(&target)?;
    picture::write_with(&target, deviation, format, &metadata)?;
    let numbers = (sampled.average, sampled.largest, sampled.clipped);
    Ok(said_of_deviation(deviation.depth(), numbers, &target))
}

/// What to say of a deviation: its mean, the largest, and the share that the picture cannot hold.
fn said_of_deviation(
    depth: Depth,
    (average, largest, clipped): (f64, f32, f64),
    target: &Path,
) -> String {
    let scale = match depth {
        Depth::U8 => format!(" ({DEVIATION_SCALE} times as large in the picture)"),
        _ => String::new(),
    };
    let clipped = match clipped > 0.0 {
        true => format!(
            "; {:.2}% of it is larger than the picture can show",
            100.0 * clipped
        ),
        false => String::new(),
    };
    format!(
        "  standard deviation: mean {average:.3}, largest {largest:.3}{scale} -> {}{clipped}\n",
        target.plain()
    )
}

/// Adds a translated picture to the gallery, with its target and scores if it is half of a pair of the model's channels.
fn add(
    gallery: &mut Gallery,
    translator: &Translator,
    name: &Path,
    [source, output]: [&Picture; 2],
    wanted: Option<Picture>,
) {
    let (name, domain) = (name.display().to_string(), &translator.config.target);
    let wanted = wanted.and_then(|wanted| wanted.with_channels(domain.channels).ok());
    let scores = wanted
        .as_ref()
        .map(|wanted| PictureScores::of(&name, [output, wanted], domain, None));
    gallery.add(&name, [source, output], wanted.as_ref(), scores.as_ref());
}

/// Translates a picture that is too large for memory, window by window.
fn translate_large(
    args: &Args,
    translator: &Translator,
    (path, page): (&Path, Page),
    large: &TiffWindows,
    target: &Path,
) -> Result<String, Error> {
    let target = target.with_added_extension(Format::Tiff.extension());
    let size = large.header().size;
    if args.samples.is_some() {
        let remedy = "cut it into smaller files, or omit --samples";
        let reason = "too large for the memory that several samples need";
        return Err(Error::file(path, reason, remedy));
    }
    if args.is_pair(size) {
        let remedy =
            "give --pairs no to translate it as one picture, or cut its source half out first";
        return Err(Error::file(
            path,
            "a side-by-side pair that is too large for memory",
            remedy,
        ));
    }
    let bar = match stderr().is_terminal() && !args.quiet {
        true => ProgressBar::new(u64::from(size[0]) * u64::from(size[1])),
        false => ProgressBar::hidden(),
    };
    let template = "{bar:24} {percent}%  {eta} left";
    bar.set_style(ProgressStyle::with_template(template).expect("a valid template"));
    let metadata = Metadata::read(&path.into(), Format::Tiff, page, large.header().channels);
    let options = TranslateOptions {
        nodata: metadata.nodata(),
        ..args.options()
    };
    let metadata = of_result(translator, metadata, false);
    let counted = Counted {
        picture: large,
        translator,
        tag: options.nodata,
        count: RefCell::default(),
    };
    create_folder_of(&target)?;
    let mut failed = None;
    let written = atomic_file::write_at(&target, |file| {
        let mut writer = LargeWriter::create(file, size, &translator.config.target, &metadata)?;
        let translated = translator.translate_windows(&counted, &options, &mut |corner, part| {
            bar.inc(u64::from(part.size()[0]) * u64::from(part.size()[1]));
            writer
                .write(corner, part)
                .map_err(|e| Error::io(&target, "write the file", e))
        });
        if let Err(error) = translated {
            failed = Some(error);
            return Err(io::Error::other("not translated"));
        }
        writer.finish()
    });
    bar.finish_and_clear();
    if let Some(error) = failed {
        return Err(match error {
            Error::Picture(_) => unlike(path, error),
            error => error,
        });
    }
    written?;
    let clipped = counted.count.into_inner();
    let header = large.header();
    let unusual = unusual(translator, (size, header.channels, header.depth));
    let direction = translator.config.direction;
    let model = (args, translator);
    Ok(said(
        model,
        (path, size),
        (false, direction),
        (&target, size),
        clipped,
    ) + &unusual)
}

/// The metadata of files, with the value of pixels without data that stands for those of all, if there is one.
fn with_tag(metadata: Metadata, gap: Option<f32>) -> Metadata {
    match gap {
        None => metadata,
        gap => metadata.with_nodata(gap),
    }
}

/// The metadata of a result: the value of pixels without data is that of the result, not of the input, and none if all
/// pixels have data.
fn of_result(translator: &Translator, metadata: Metadata, is_pair: bool) -> Metadata {
    let gap = translator.gap_of_result(metadata.nodata());
    let metadata = metadata.with_nodata(gap);
    match (is_pair, translator.config.direction) {
        (true, Direction::BToA) => metadata.of_right_half(),
        _ => metadata,
    }
}

/// A picture that counts the samples outside of the model's range in the windows that are read. Windows overlap, so the
/// count is a share, not a number.
struct Counted<'a> {
    picture: &'a TiffWindows,
    translator: &'a Translator,
    /// The value that the file names for pixels without data.
    tag: Option<f32>,
    count: RefCell<Outside>,
}

impl Windows for Counted<'_> {
    fn size(&self) -> [u32; 2] {
        self.picture.header().size
    }

    fn window(&self, corner: [u32; 2], size: [u32; 2]) -> Result<Picture, Error> {
        let window = self.picture.window(corner, size)?;
        let outside = self.translator.outside_known(&window, self.tag);
        self.count.borrow_mut().add(outside);
        Ok(window)
    }
}

/// The error for a picture that the model does not take.
fn unlike(path: &Path, reason: Error) -> Error {
    Error::file(path, reason, "give pictures like the training pictures")
}

/// What to say of a picture that is unlike those that the model was trained on: of its size, channels and depth.
fn unusual(translator: &Translator, (size, channels, depth): ([u32; 2], usize, Depth)) -> String {
    let config = &translator.config;
    let conversion = config.source.conversion(channels, depth);
    let conversion = conversion.map(|found| format!("it has {found}"));
    let notes = [conversion, config.smallness(size)].into_iter().flatten();
    notes.map(|note| format!("  note: {note}\n")).collect()
}

/// What to say of a translated picture.
fn said(
    (args, translator): (&Args, &Translator),
    (path, [width, height]): (&Path, [u32; 2]),
    (is_pair, direction): (bool, Direction),
    (target, size): (&Path, [u32; 2]),
    clipped: Outside,
) -> String {
    let kind = match (is_pair, args.pairs) {
        (true, Inputs::Auto) => "a side-by-side pair by its size; for one picture, use --pairs no",
        (true, _) => "a side-by-side pair",
        (false, _) => "one picture",
    };
    let half = match (direction, is_pair) {
        (Direction::BToA, true) => ", its right half, as the model was trained from B to A",
        (Direction::BToA, false) => ", taken as B, as the model was trained from B to A",
        (Direction::AToB, _) => "",
    };
    format!(
        "{} ({width}x{height}, {kind}{half}) -> {} ({}x{}){}\n",
        path.plain(),
        target.plain(),
        size[0],
        size[1],
        said_of_clipped(translator, clipped),
    )
}

/// What to say of values outside of the model's range.
fn said_of_clipped(translator: &Translator, clipped: Outside) -> String {
    let [what, fate] = words::clipped(&translator.config.source);
    match clipped.clipped {
        0 => String::new(),
        _ => format!("; {} of its {what} {fate}", clipped.share()),
    }
}

/// The files of each picture by the name of its output, without ending.
type Named = BTreeMap<PathBuf, Vec<PathBuf>>;

/// The inputs of `--stack`: each has one file of every picture.
fn stacks(named: &[PathBuf], out: &Path) -> Result<(Named, Vec<PassedOver>), Failure> {
    if named.len() < 2 {
        let message = "--stack joins several inputs, and there is one; give the pictures or folders of A1, A2, ...";
        return Err(Failure::Usage(message.to_string()));
    }
    let (mut stacks, mut passed_over) = inputs(&named[..1], out)?;
    for input in &named[1..] {
        let (mut found, others) = inputs(slice::from_ref(input), out)?;
        passed_over.extend(others);
        if let (false, 1, 1) = (input.is_dir(), stacks.len(), found.len()) {
            // two files need no common name
            let files = found.into_values().flatten();
            let files: Vec<PathBuf> = files.collect();
            stacks
                .values_mut()
                .for_each(|stack| stack.extend(files.clone()));
            continue;
        }
        let lacks = |name: &Path, input: &Path| {
            let reason = format!("it has no picture called {}", name.plain());
            Error::file(
                input,
                reason,
                "with --stack, every input has one file of each picture",
            )
        };
        for (name, stack) in &mut stacks {
            stack.extend(found.remove(name).ok_or_else(|| lacks(name, input))?);
        }
        if let Some((name, _)) = found.pop_first() {
            return Err(lacks(&name, &named[0]).into());
        }
    }
    Ok((stacks, passed_over))
}

/// All input files, and the files in folders that are not pictures. Sub-folders are kept; hidden files are left out, and
/// earlier outputs in a folder of the inputs.
fn inputs(named: &[PathBuf], out: &Path) -> Result<(Named, Vec<PassedOver>), Failure> {
    let mut inputs = BTreeMap::new();
    let mut passed_over = Vec::new();
    let outputs = real(out);
    for input in named {
        let mut files = Vec::new();
        if input.is_dir() {
            let (found, others) = Store::open(input)?.pictures()?;
            passed_over.extend(others);
            let is_within = real(input) != outputs;
            // whatever links lead to its folder
            let is_output = |path: &Path| {
                is_within && real(path.parent().unwrap_or(path)).starts_with(&outputs)
            };
            let named = found
                .iter()
                .map(|file| (file.with_file_name(pair::stem(file)), input.join(file)));
            files.extend(named.filter(|(_, path)| !is_output(path)));
        } else {
            files.push((PathBuf::from(pair::stem(input)), input.clone()));
        }
        for (name, file) in files {
            if let Some(other) = inputs.insert(name, vec![file.clone()]) {
                return Err(Error::file(
                    &file,
                    format!(
                        "its output would have the same name as that of {}",
                        other[0].plain()
                    ),
                    "rename one of them, or translate them into two folders",
                )
                .into());
            }
        }
    }
    keep(&inputs, out)?;
    Ok((inputs, passed_over))
}

/// Checks that no output has the place of an input, whatever path or link leads there.
fn keep(inputs: &Named, out: &Path) -> Result<(), Failure> {
    let files = inputs.values().flatten();
    let places: BTreeMap<PathBuf, &PathBuf> = files.map(|file| (real(file), file)).collect();
    for name in inputs.keys() {
        let endings = picture::RESULT_EXTENSIONS.iter();
        for ending in endings.chain(&picture::VOLUME_EXTENSIONS) {
            let place = real(&out.join(name).with_added_extension(ending));
            if let Some(file) = places.get(&place) {
                let message = "an output would replace this input; choose another --out";
                return Err(Failure::Usage(format!("{}: {message}", file.plain())));
            }
        }
    }
    Ok(())
}
