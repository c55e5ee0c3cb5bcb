//! `pix2pix inspect`.

pub mod alignment;
mod palette;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use image::RgbImage;
use pix2pix::data::survey::{self, OnError, Survey};
use pix2pix::data::{
    Classes, Dataset, Domain, Labels, Pairs, duplicates, passed_over, picture, values,
};
use pix2pix::draw::{contact_sheet, shrunk};
use pix2pix::text_table::headed;
use pix2pix::{Error, RunConfig, one_line};

use crate::data_args::{DataArgs, DataPath, Read};
use crate::failure::{Failure, print};
use crate::flags;
use crate::paths::{Plain, lies_in, real};
use crate::result_file::{ResultArgs, check_ending};
use crate::words;

/// Largest number of pairs on the contact sheet.
const ROWS: usize = 8;
/// Longest side of their pictures, in pixels.
const SIDE: u32 = 256;

/// Shown after the options.
pub const EXAMPLES: &str = "\
Examples:
  pix2pix inspect facades
  pix2pix inspect photos.zip --on-error skip --sheet photos.png
  pix2pix inspect stains --align          how far B is shifted against A";

/// Options of `pix2pix inspect`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    at: DataPath,
    /// Output file for a contact sheet with pairs of every split; not in the data set [default: inspect.png, here or, if
    /// this is the data set's folder, beside it]
    #[arg(long, value_name = "FILE")]
    sheet: Option<PathBuf>,
    #[command(flatten)]
    result: ResultArgs,
    /// Estimate how far B of each pair is shifted against A, by phase correlation of their edges [default: off]
    #[arg(long)]
    align: bool,
    #[command(flatten)]
    data: DataArgs,
}

/// Prints the contents and faults of a data set; fails if training would.
pub fn run(args: Args) -> Result<(), Failure> {
    let mut found = String::new();
    let outcome = look(&args, &mut found);
    let printed = print(&found);
    outcome.and(printed)
}

/// Writes what it finds to `found`, which has all up to the first error.
fn look(args: &Args, found: &mut String) -> Result<(), Failure> {
    let path = sheet_path(args)?;
    match args.sheet {
        Some(_) => args.result.check(&[&path])?,
        None => args.result.check_own(&path, picture::is_drawn)?,
    };
    let data = args.data.find(&args.at.path, 0)?;
    let splits = data.splits.iter();
    let surveys: Vec<Survey> = splits.map(|(_, pairs)| Survey::of(pairs)).collect();
    *found += &format!("{}: {}\n", args.at.path.plain(), data.layout);
    *found += &table(&data, &surveys);
    *found += &kinds(&surveys);
    *found += &faults(&data, &surveys);
    *found += &leaks(&data);
    let on_error = args.data.on_error;
    let (data, survey, _) = survey::sift(data, surveys, on_error)?;
    let read = args.data.domains(&data, &survey)?;
    let domains = &read.domains;
    *found += &contents(&read);
    *found += &format!(
        "training reads A as {} and B as {}\n",
        domains[0], domains[1]
    );
    for note in read.notes()? {
        *found += &format!("note: {note}\n");
    }
    // what training checks with its default options
    RunConfig::default().check_data(&survey)?;
    let data = data.map(|pairs| pairs.in_domains(domains.clone()));
    for (_, pairs) in &data.splits {
        check_conversion(pairs, &survey, domains)?;
    }
    if args.align {
        *found += &alignment::report(&data, &args.at.path, &args.data)?;
    }
    for side in 0..2 {
        *found += &palette_of(args, (&read, &survey), side, &path)?;
    }
    let sheet = sheet(args, &data, args.data.direction.order(domains.clone()))?;
    let written = picture::write_png(&path, &sheet);
    let written = written.map(|()| format!("contact sheet: {}\n", path.plain()));
    *found += &written.or_else(|error| unwritten(args, error))?;
    let skipped = match on_error {
        OnError::Skip => " with --on-error skip",
        OnError::Stop => "",
    };
    *found += &format!("training can begin{skipped}\n");
    Ok(())
}

/// The kinds of pictures of A and B in all splits.
fn kinds(surveys: &[Survey]) -> String {
    let mut whole = Survey::default();
    for survey in surveys {
        whole.add(survey);
    }
    let mut text = String::new();
    for (side, name) in ["A", "B"].into_iter().enumerate() {
        for (kind, count) in &whole.kinds[side] {
            let channels = words::count(kind.channels as u64, "channel");
            let most = if whole.mixed[side] { " at most" } else { "" };
            let first = match whole.files[side] {
                0 | 1 => String::new(),
                files => format!("{files} files each, the first "),
            };
            let with = match (kind.indexed, kind.alpha) {
                (true, true) => " with a palette and alpha",
                (true, false) => " with a palette",
                (false, true) => " with alpha",
                (false, false) => "",
            };
            text += &format!(
                "{name}: {channels}, {}{most}, {first}{}{with} (pictures: {count})\n",
                kind.depth, kind.format
            );
        }
    }
    text
}

/// The files that are in no pair, and those that cannot be read.
fn faults(data: &Dataset, surveys: &[Survey]) -> String {
    let mut text = String::new();
    for path in &data.unmatched {
        text += &format!("unmatched: {}\n", path.plain());
    }
    for line in &data.incomplete {
        text += &format!("unmatched: {}\n", line.said());
    }
    if let Some(example) = survey::mismatch(data.example.as_ref(), data.proposal.as_ref()) {
        text += &flags::named(&format!("names do not match: {example}\n"));
    }
    for note in &data.notes {
        text += &format!("note: {note}\n");
    }
    if let Some(files) = passed_over::summary(&data.passed_over) {
        text += &format!("{files}\n");
    }
    for (_, error) in surveys.iter().flat_map(|survey| &survey.broken) {
        text += &flags::named(&format!("broken: {error}\n"));
    }
    text
}

/// The held-out pairs, and the files of some, that other splits have too.
fn leaks(data: &Dataset) -> String {
    let mut text = String::new();
    let (leaks, files): (Vec<_>, Vec<_>) =
        duplicates(data).into_iter().partition(|leak| leak.is_pair);
    for leak in &leaks {
        let (first, again) = (leak.first.plain(), leak.again.plain());
        text += &format!("duplicate: {again} is the same as {first}\n");
    }
    if !leaks.is_empty() {
        text += "scores on held-out pairs that are also training pairs mean nothing: remove the duplicates\n";
    }
    if let Some(leak) = files.first() {
        let (first, again) = (leak.first.plain(), leak.again.plain());
        let are = if files.len() == 1 { "is" } else { "are" };
        let files = words::count(files.len() as u64, "file");
        text += &format!(
            "note: {files} of held-out pairs {are} in pairs of another split too, with other partners: {again} is the \
             same as {first}\n"
        );
    }
    text
}

/// The values of A and B, or their classes.
fn contents(read: &Read) -> String {
    let sides = ["A", "B"].into_iter().enumerate();
    let texts = sides.map(|(side, name)| match &read.domains[side].labels {
        None => values(&read.values.0[side], name),
        Some(labels) => shares(labels, &read.labels[side].pixels, name),
    });
    texts.collect()
}

/// Writes the palette of A or B (`side` 0 or 1), if it looks like a label map and is read as none, beside the contact sheet.
///
/// # Errors
/// If it cannot be written where the user has chosen the place.
fn palette_of(
    args: &Args,
    (read, survey): (&Read, &Survey),
    side: usize,
    sheet: &Path,
) -> Result<String, Failure> {
    match read.values.0[side].classes() {
        Some(Classes::Palette(colors)) if read.domains[side].labels.is_none() => {
            palette::written(&colors, side, survey, sheet, &args.result)
                .or_else(|error| unwritten(args, error))
        }
        _ => Ok(String::new()),
    }
}

/// What to say of a file that cannot be written at a place that the command has chosen: what it has found is still of interest.
///
/// # Errors
/// If the user has chosen the place.
fn unwritten(args: &Args, error: Error) -> Result<String, Failure> {
    match args.sheet {
        Some(_) => Err(error.into()),
        None => Ok(flags::named(&format!(
            "note: {error}; --sheet names another place\n"
        ))),
    }
}

/// Reads one pair of every kind of file, which must convert to the channels that training needs.
fn check_conversion(pairs: &Pairs, survey: &Survey, domains: &[Domain; 2]) -> Result<(), Failure> {
    let is_mixed = survey
        .kinds
        .iter()
        .zip(domains)
        .any(|(kinds, domain)| kinds.keys().any(|kind| kind.channels != domain.channels));
    if !is_mixed {
        return Ok(());
    }
    let mut seen = BTreeSet::new();
    for index in 0..pairs.len() {
        let headers = pairs.headers(index)?;
        if seen.insert(headers.map(|header| (header.channels, header.format))) {
            pairs.read(index)?;
        }
    }
    Ok(())
}

/// Where the contact sheet goes: never into the data set, where it would count as a pair.
fn sheet_path(args: &Args) -> Result<PathBuf, Failure> {
    let data = &args.at.path;
    match &args.sheet {
        Some(path) if lies_in(path, data) => Err(Failure::Usage(format!(
            "--sheet {} lies in the data set, and would be taken for a pair; choose another place",
            path.plain()
        ))),
        Some(path) => check_ending(path, "--sheet", &["png"]).map(|()| path.clone()),
        None if lies_in(Path::new("inspect.png"), data) => {
            let data = real(data);
            let folder = data.parent().unwrap_or(Path::new("/"));
            Ok(folder.join("inspect.png"))
        }
        None => Ok(PathBuf::from("inspect.png")),
    }
}

/// The values of each band.
fn values(side: &values::Side, name: &str) -> String {
    let bands = side.bands();
    let lines = bands.iter().enumerate().map(|(index, band)| {
        let band_name = match bands.len() {
            1 => name.to_string(),
            _ => format!("{name}, channel {}", index + 1),
        };
        let [low, high] = band.extremes;
        let [first, middle, last] = [1.0, 50.0, 99.0].map(|percent| band.percentile(percent));
        format!("{band_name}: values from {low} to {high}; percentiles 1, 50, 99: {first}, {middle}, {last}\n")
    });
    lines.collect()
}

/// The share of each class in all pixels.
fn shares(labels: &Labels, pixels: &[u64], name: &str) -> String {
    let all: u64 = pixels.iter().sum();
    let lines = pixels.iter().enumerate().map(|(class, count)| {
        let share = *count as f64 / all.max(1) as f64;
        format!(
            "{name}, {}: {} of the pixels\n",
            one_line(&labels.name(class)),
            words::percent(share)
        )
    });
    lines.collect()
}

/// The table of pairs, broken files and sizes per split.
fn table(data: &Dataset, surveys: &[Survey]) -> String {
    let rows: Vec<[String; 4]> = data
        .splits
        .iter()
        .zip(surveys)
        .map(|((name, pairs), survey)| {
            let mut sizes: Vec<_> = survey.sizes.iter().collect();
            sizes.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
            let shown = sizes.iter().take(3);
            let shown =
                shown.map(|([width, height], count)| format!("{count} of {width}x{height}"));
            let mut shown: Vec<String> = shown.collect();
            if sizes.len() > 3 {
                shown.push(words::count(sizes.len() as u64 - 3, "other size"));
            }
            [
                name.to_string(),
                pairs.len().to_string(),
                survey.broken.len().to_string(),
                shown.join(", "),
            ]
        })
        .collect();
    headed(&["split", "pairs", "broken", "pixels"], &rows, &[1, 2])
}

fn sheet(args: &Args, data: &Dataset, domains: [Domain; 2]) -> Result<RgbImage, Failure> {
    let share = ROWS.div_ceil(data.splits.len());
    let mut rows = Vec::new();
    for (split, pairs) in &data.splits {
        for index in pairs.probes(share) {
            let pair = pairs.read(index)?;
            let [input, target] = [(pair.source, &domains[0]), (pair.target, &domains[1])].map(
                |(picture, domain)| {
                    let size = shrunk(picture.size(), SIDE).unwrap_or(picture.size());
                    domain.shown(&domain.resized(&picture, size))
                },
            );
            rows.push((format!("{split}: {}", pair.name), [input, target]));
        }
    }
    let rows: Vec<_> = rows
        .iter()
        .map(|(name, [a, b])| (name.as_str(), [a, b]))
        .collect();
    let title = args.at.path.display().to_string();
    let title = contact_sheet::titled(title, [&domains[0], &domains[1]]);
    Ok(contact_sheet::draw_columns(
        &title,
        ["input", "target"],
        &rows,
    ))
}
