//! A report of one or several runs: a self-contained HTML file, and the same numbers as CSV.

use std::collections::BTreeMap;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use image::imageops::FilterType;
use image::{DynamicImage, ImageFormat};
use jiff::ZonedDateTime;
use pix2pix_runtime::regular_file;
use serde::Serialize;
use serde_json::Value;

use crate::atomic_file;
use crate::config::RunConfig;
use crate::data::sha256;
use crate::error::{Error, Result};
use crate::quality::{Measure, Score};
use crate::report::gallery::{self, Gallery};
use crate::report::names;
use crate::report::page;
use crate::report::reading::{self, Finding};
use crate::report::reported::Reported;
use crate::run::{Best, History, L1_OF_CLASSES, LOSSES, Warning, file, l1_curve, thinned};

/// Name of the page in a run folder.
pub const NAME: &str = "report.html";
const TEMPLATE: &str = include_str!("report.html");
/// Maximum number of points of a curve, besides the best ones: more than a screen is wide, and few enough to draw.
const POINTS: usize = 2000;
/// Maximum number of contact sheets shown per run: evenly spaced, with the newest one.
const FRAMES: usize = 24;
/// Maximum width of a contact sheet, in pixels; wider ones are shrunk.
const WIDTH: u32 = 800;

#[derive(Serialize)]
struct Report<'a> {
    made: String,
    /// The same time, in seconds since 1970.
    at: i64,
    version: &'static str,
    runs: Vec<Run<'a>>,
    charts: Vec<Chart>,
    /// How the scores in `best` are written.
    scores: [Measure; Score::ALL.len()],
    /// Why scores of the runs do not compare, if they do not.
    apart: Option<String>,
}

#[derive(Serialize)]
struct Run<'a> {
    name: String,
    state: String,
    step: u64,
    steps: u64,
    seconds: f64,
    best: BTreeMap<&'static str, Best>,
    kept: Option<Kept>,
    warnings: Vec<Warning>,
    samples: Vec<Sample>,
    gallery: Option<&'a Gallery>,
    config: BTreeMap<String, String>,
    machine: BTreeMap<String, String>,
}

/// The score whose best checkpoint a run keeps.
#[derive(Serialize)]
struct Kept {
    score: &'static str,
    /// As it is written in texts.
    label: &'static str,
    best: Option<Best>,
    /// The number of samplings without a better score after which the run has ended, if it has.
    ended_after: Option<u64>,
}

#[derive(Serialize)]
struct Sample {
    step: u64,
    picture: String,
}

/// Curves of one loss or score: for each run a list of `[step, value]`, thinned if it is long.
#[derive(Serialize)]
struct Chart {
    key: &'static str,
    title: String,
    /// Whether the curves may be smoothed: losses of single pairs are noisy, scores of all held-out pairs are exact.
    smoothed: bool,
    /// What a healthy curve looks like.
    healthy: &'static str,
    series: Vec<Vec<(u64, f64)>>,
    /// What each run's curve shows.
    findings: Vec<Option<Finding>>,
}

/// Keys and titles of the last curves: the learning rate and how often pairs are augmented.
const RATES: [(&str, &str); 2] = [
    ("lr", "Learning rate"),
    ("augment", "Probability of each augmentation"),
];

/// Writes the report of some runs to an HTML file. Returns sentences on what cannot be read of their files, which
/// the report leaves out, and on scores that do not compare.
///
/// # Errors
/// When a folder is not a run folder, or the file cannot be written.
pub fn write(runs: &[Reported], file: &Path) -> Result<Vec<String>> {
    let histories: Vec<History> = runs
        .iter()
        .map(|run| History::read(&run.root))
        .collect::<Result<_>>()?;
    let mut unread: Vec<String> = Vec::new();
    for history in &histories {
        unread.extend(history.unread.iter().cloned());
    }
    let chart = |(key, title, smoothed): (&'static str, String, bool)| Chart {
        key,
        title,
        smoothed,
        healthy: reading::healthy(key),
        findings: histories
            .iter()
            .map(|history| reading::of(history, key, &training_l1(history)))
            .collect(),
        series: histories
            .iter()
            .map(|history| drawn(history, key, smoothed))
            .collect(),
    };
    let now = ZonedDateTime::now();
    let apart = History::apart(&histories.iter().collect::<Vec<_>>());
    let report = Report {
        apart,
        made: now.strftime("%Y-%m-%d %H:%M").to_string(),
        at: now.timestamp().as_second(),
        version: env!("CARGO_PKG_VERSION"),
        scores: Score::ALL.map(Score::measure),
        charts: curves()
            .map(chart)
            .filter(|chart| chart.series.iter().any(|line| !line.is_empty()))
            .collect(),
        runs: histories
            .iter()
            .zip(names_of(&histories))
            .zip(runs)
            .map(|(named, reported)| run(named, reported.gallery.as_ref(), &mut unread))
            .collect::<Result<_>>()?,
    };
    atomic_file::write(file, page::of(TEMPLATE, &report).as_bytes())?;
    unread.extend(report.apart);
    Ok(unread)
}

/// The key and the title of each curve, in the order of display, and whether it may be smoothed.
fn curves() -> impl Iterator<Item = (&'static str, String, bool)> {
    let losses = LOSSES.map(|(key, title)| (key, title.to_string(), true));
    let scores = Score::ALL.map(|score| (score.name(), score.title(), false));
    let rates = RATES.map(|(key, title)| (key, title.to_string(), false));
    losses.into_iter().chain(scores).chain(rates)
}

/// Whether a file is the report of a single run.
pub fn is_of_one_run(file: &Path) -> bool {
    runs_of(file) == 1
}

/// Whether a file is a report.
pub fn is_report(file: &Path) -> bool {
    runs_of(file) > 0
}

/// Number of runs in a report; 0 for another file.
fn runs_of(file: &Path) -> usize {
    let page = page::open(file, "pix2pix report").and_then(io::read_to_string);
    page.map_or(0, |page| page.matches("\"state\":\"").count())
}

/// As much of the curve `key` as is drawn: of a long one means of what scatters, and of the rest some points, with all that the
/// page names as the best.
fn drawn(history: &History, key: &str, smoothed: bool) -> Vec<(u64, f64)> {
    let points = curve(history, key);
    if smoothed {
        return thinned::means(&points, POINTS);
    }
    let of_record = history.record.and_then(|record| record.best);
    let best = history.best().into_values().chain(of_record);
    let steps: Vec<u64> = best.map(|best| best.step).collect();
    thinned::some(&points, POINTS, &steps)
}

/// The values of the curve `key` over the steps. The L1 of training pairs is in one of two curves.
fn curve(history: &History, key: &str) -> Vec<(u64, f64)> {
    match key {
        "g_l1" | L1_OF_CLASSES if key == of_l1(history).0 => training_l1(history),
        "g_l1" | L1_OF_CLASSES => Vec::new(),
        key => history.series(key),
    }
}

/// The curve of the L1 of a run's training pairs, and its unit.
fn of_l1(history: &History) -> (&'static str, f64) {
    l1_curve(history.config.target.labels.is_some())
}

/// The L1 of a run's training pairs over the steps, as it is shown.
fn training_l1(history: &History) -> Vec<(u64, f64)> {
    let (_, unit) = of_l1(history);
    let series = history.series("g_l1").into_iter();
    series.map(|(step, value)| (step, value * unit)).collect()
}

/// The runs' names.
fn names_of(histories: &[History]) -> Vec<String> {
    let roots = histories.iter().map(|history| history.root.as_path());
    names::of(&roots.collect::<Vec<_>>())
}

fn run<'a>(
    (history, name): (&History, String),
    gallery: Option<&'a Gallery>,
    unread: &mut Vec<String>,
) -> Result<Run<'a>> {
    Ok(Run {
        name,
        state: history.state.to_string(),
        step: history.step(),
        steps: match history.config.is_open() {
            true => history.step(),
            false => history.config.steps,
        },
        seconds: history.timings.last().map_or(0.0, |timing| timing.seconds),
        best: history.best(),
        kept: history.record.map(|record| Kept {
            score: record.score.name(),
            label: record.score.label(),
            best: record.best,
            ended_after: record.is_over().then_some(history.config.patience),
        }),
        warnings: history.warnings.clone(),
        samples: samples(&history.root, unread)?,
        gallery: gallery.filter(|gallery| !gallery.is_empty()),
        config: told(&history.config),
        machine: history.machine.clone(),
    })
}

/// The values of a configuration by path; a palette is told by its number of classes and a digest.
fn told(config: &RunConfig) -> BTreeMap<String, String> {
    let values = config.values().into_iter();
    let told = values.map(|(path, value)| {
        let told = match &value {
            Value::Array(classes) if path.ends_with("labels.classes") => {
                // equal texts are equal palettes
                let digest = sha256::of(value.to_string().as_bytes());
                format!("{} classes ({})", classes.len(), &digest[..8])
            }
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        (path, told)
    });
    told.collect()
}

/// The contact sheets of a run, the oldest first, without those that cannot be read.
fn samples(root: &Path, unread: &mut Vec<String>) -> Result<Vec<Sample>> {
    let sheets = file::sheets(root)?;
    let last = sheets.len().saturating_sub(1);
    let frames = FRAMES.min(sheets.len());
    let chosen = (0..frames).map(|frame| last * frame / frames.saturating_sub(1).max(1));
    let mut samples = Vec::new();
    for (step, path) in chosen.map(|index| &sheets[index]) {
        match embedded(path) {
            Ok(picture) => samples.push(Sample {
                step: *step,
                picture,
            }),
            Err(error) => unread.push(error.to_string()),
        }
    }
    Ok(samples)
}

/// A picture as a data URL.
fn embedded(path: &Path) -> Result<String> {
    let read = |path: &Path| -> image::ImageResult<DynamicImage> {
        let file = BufReader::new(regular_file::open(path)?);
        image::load(file, ImageFormat::Png)
    };
    let broken =
        |e: image::ImageError| Error::file(path, e, "it is left out; the run does not need it");
    let mut sheet = read(path).map_err(broken)?;
    if sheet.width() > WIDTH {
        sheet = sheet.resize(WIDTH, u32::MAX, FilterType::Triangle);
    }
    Ok(gallery::embedded(&sheet.to_rgb8()))
}

/// A value as the run's own files have it: losses and rates are numbers of 32 bits there, which have fewer digits.
fn written(column: &str, value: f64) -> String {
    let single = value as f32;
    let is_score = Score::ALL.iter().any(|score| score.name() == column);
    match !is_score && column != "seconds" && f64::from(single) == value {
        true => single.to_string(),
        false => value.to_string(),
    }
}

/// Writes the losses and the scores of some run folders to one CSV table; cells without a value are empty, and lines that
/// cannot be read are left out. The loss `g_l1` is in units of [-1, 1], the score `l1` of 255.
///
/// # Errors
/// As [`write()`].
pub fn write_csv(runs: &[PathBuf], file: &Path) -> Result<()> {
    let losses = ["d_real", "d_fake", "g_gan", "g_l1"];
    let (scores, rates) = (Score::ALL.map(Score::name), RATES.map(|(key, _)| key));
    let columns = [&losses[..], &scores, &rates].concat();
    let mut writer = csv::Writer::from_writer(Vec::new());
    let failed = |e: csv::Error| Error::file(file, e, "choose another file");
    let head = ["run", "step", "epoch", "seconds"]
        .into_iter()
        .chain(columns.iter().copied());
    writer.write_record(head).map_err(failed)?;
    let roots: Vec<&Path> = runs.iter().map(PathBuf::as_path).collect();
    for (run, name) in runs.iter().zip(names::of(&roots)) {
        let history = History::read(run)?;
        let mut rows: BTreeMap<u64, BTreeMap<&str, f64>> = BTreeMap::new();
        for column in columns.iter().copied().chain(["epoch", "seconds"]) {
            for (step, value) in history.series(column) {
                rows.entry(step).or_default().insert(column, value);
            }
        }
        for (step, row) in rows {
            let cell = |column: &str| {
                let value = row.get(column);
                value.map_or(String::new(), |value| written(column, *value))
            };
            let start = [
                name.clone(),
                step.to_string(),
                cell("epoch"),
                cell("seconds"),
            ];
            let values = columns.iter().map(|column| cell(column));
            let record = start.into_iter().chain(values);
            writer.write_record(record).map_err(failed)?;
        }
    }
    let bytes = writer
        .into_inner()
        .expect("writing to memory does not fail");
    atomic_file::write(file, &bytes)
}
