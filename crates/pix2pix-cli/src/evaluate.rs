//! `pix2pix evaluate`.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use indicatif::ProgressBar;
use pix2pix::data::pair::Direction;
use pix2pix::data::picture::Outside;
use pix2pix::data::{Change, Domain, Pairs, earth, picture};
use pix2pix::device::set_threads;
use pix2pix::draw::contact_sheet;
use pix2pix::quality::{
    Confidence, Dists, Inception, Lpips, MEASURES, Mean, Measure, RealismScores,
};
use pix2pix::report::{
    ChannelScores, Evaluated, Evaluation, Gallery, Measured, Measures, charts, evaluate, gallery,
};
use pix2pix::{Error, RunConfig, Translator, atomic_file, one_line, regular_file};

use crate::best_args::BestArgs;
use crate::direction;
use crate::failure::{Failure, print, print_json};
use crate::machine_args::MachineArgs;
use crate::noise_args::NoiseArgs;
use crate::output::tell;
use crate::paths::{Plain, lies_in};
use crate::progress;
use crate::result_file::{Own, check_names};
use crate::table::aligned;
use crate::words;

/// Shown after the options.
pub const EXAMPLES: &str = "\
Examples:
  pix2pix evaluate run facades
  pix2pix evaluate pix2pix-demo earth           the demo's model on its built-in data
  pix2pix evaluate run-1 run-2 facades --split test --out scores
  pix2pix evaluate run facades --json --lpips weights/lpips-alex.safetensors
  pix2pix evaluate run facades --fid weights/inception.safetensors
  pix2pix evaluate run facades --samples 8 --out scores    is the deviation right?";

/// Options of `pix2pix evaluate`.
#[derive(clap::Args)]
#[command(override_usage = "pix2pix evaluate [OPTIONS] <MODEL>... <DATA>")]
pub struct Args {
    /// Run folders (the newest checkpoint of each is used) or checkpoint files, and last the pairs, as for training; earth is
    /// the built-in model, and the built-in data set
    #[arg(required = true, value_name = "MODEL")]
    paths: Vec<PathBuf>, // in one list, so that options may stand between models and data
    #[command(flatten)]
    best: BestArgs,
    /// Split to evaluate on
    #[arg(long, value_enum, default_value_t = Split::Val)]
    split: Split,
    /// Print JSON, with the scores of every picture [default: a table]
    #[arg(long)]
    json: bool,
    /// Folder for scores.json, gallery.html with all pictures and their scores, each model's five best and five worst
    /// pictures, its power spectrum, and its calibration with --samples [default: none]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// File of LPIPS's weights; `pix2pix download lpips-alex` gets it [default: no LPIPS]
    #[arg(long, value_name = "FILE")]
    lpips: Option<PathBuf>,
    /// File of DISTS's weights; `pix2pix download dists` gets it [default: no DISTS]
    #[arg(long, value_name = "FILE")]
    dists: Option<PathBuf>,
    /// File of the Inception network's weights, for the Fréchet and the kernel Inception distance (FID and KID); `pix2pix
    /// download inception` gets it [default: no FID]
    #[arg(long, value_name = "FILE")]
    fid: Option<PathBuf>,
    /// Translate each source so many times with other dropout, and say whether the deviation predicts the error [default:
    /// once]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(2..=10_000))]
    samples: Option<u64>,
    #[command(flatten)]
    noise: NoiseArgs,
    #[command(flatten)]
    machine: MachineArgs,
}

impl Args {
    fn models(&self) -> &[PathBuf] {
        &self.paths[..self.paths.len() - 1]
    }

    fn data(&self) -> &Path {
        &self.paths[self.paths.len() - 1]
    }
}

/// A split of a data set.
#[derive(Clone, Copy, ValueEnum)]
enum Split {
    /// Training pairs
    Train,
    /// Held-out pairs: val/, else test/, else the share that the model's training held out, else (in a flat folder) all
    /// pairs
    Val,
    /// Pairs in test/
    Test,
}

/// Prints the scores of every model.
pub fn run(args: Args) -> Result<(), Failure> {
    let found = measure(&args, &tell, progress::of_pairs, &mut || true)?;
    let Found {
        evaluations,
        written,
    } = found;
    if args.json {
        print_json(&json(&evaluations))?;
        return Ok(written?);
    }
    print(&table(&evaluations))?;
    let of_pictures = evaluations.iter().any(|found| found.classes.is_empty());
    if of_pictures && args.lpips.is_none() && args.dists.is_none() && args.fid.is_none() {
        print(
            "For LPIPS, DISTS, FID and KID, add --lpips, --dists and --fid; `pix2pix download` gets their weights.\n",
        )?;
    }
    written?;
    if let Some(out) = &args.out {
        print(&format!(
            "Scores of every picture, a gallery, the best and worst pictures, and charts: {}/\n",
            out.plain()
        ))?;
    }
    Ok(())
}

/// What was measured.
pub struct Found {
    /// The scores of every model.
    pub evaluations: Vec<Evaluation>,
    /// Whether all files of `--out` were written. The scores took far longer, and are not lost with one of them.
    pub written: Result<(), Error>,
}

/// The scores as JSON.
pub fn json(evaluations: &[Evaluation]) -> String {
    serde_json::to_string_pretty(evaluations).expect("scores are plain data") + "\n"
}

/// Evaluates every model, and writes the files of `--out`. `note` receives what the user should know; `bar` makes the progress
/// bar of a number of pairs and a model's name; `go_on` is asked after each pair.
///
/// # Errors
/// Those of the options, the models and the data; [`Failure::Interrupted`] if it is not to go on.
pub fn measure(
    args: &Args,
    note: &dyn Fn(&str),
    bar: fn(usize, String) -> ProgressBar,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Found, Failure> {
    if args.models().is_empty() {
        let message =
            "DATA is missing; type pix2pix evaluate <MODEL>... <DATA>; see pix2pix evaluate --help";
        return Err(Failure::Usage(message.to_string()));
    }
    if let Some(out) = args.out.as_ref().filter(|out| lies_in(out, args.data())) {
        return Err(Failure::Usage(format!(
            "--out {} lies in the data set, and its pictures would be taken for pairs; choose another place",
            out.plain()
        )));
    }
    if let Some(out) = &args.out {
        check_names(&names(out, args.models()))?;
    }
    set_threads(args.machine.threads)?;
    let device = args.machine.device.open(args.machine.precision)?;
    let measures = Measures {
        lpips: args
            .lpips
            .as_deref()
            .map(|path| Lpips::load(path, &device))
            .transpose()?,
        dists: args
            .dists
            .as_deref()
            .map(|path| Dists::load(path, &device))
            .transpose()?,
        samples: args.samples,
        inception: args
            .fid
            .as_deref()
            .map(|path| Inception::load(path, &device))
            .transpose()?,
    };
    let options = args.noise.options();
    let (mut evaluations, mut galleries) = (Vec::new(), Vec::new());
    let (mut directions, mut written) = (Vec::new(), Ok(()));
    for model in args.models() {
        let checkpoint = args.best.find(model)?;
        let translator = Translator::load_on(&checkpoint, device.clone(), args.machine.precision)?;
        let (split, pairs) = pairs(args, model, &translator.config, note)?;
        let config = &translator.config;
        directions.push(config.direction);
        if let Some(found) = unlike(config, &pairs)? {
            note(&format!("note: {}: {found}", model.plain()));
        }
        if let Some(reversed) = direction::of_pairs(model, config.direction) {
            note(&reversed);
        }
        let name = model.display().to_string();
        let bar = bar(pairs.len(), name.clone());
        // all models share the page
        let shown = pairs.len() * args.models().len();
        let mut gallery =
            Gallery::new(&name, [config.source.clone(), config.target.clone()], shown);
        let seen = &mut |pair: &Measured| {
            bar.set_position(pair.done as u64);
            if args.out.is_some() {
                let pictures = [pair.source, pair.output];
                let scores = pair.scores;
                gallery.add(&scores.name, pictures, Some(pair.target), Some(scores));
            }
            match go_on() {
                true => Ok(()),
                false => Err(Failure::Interrupted),
            }
        };
        let evaluated = evaluate(
            name,
            &translator,
            (split, &pairs),
            &measures,
            &options,
            seen,
        );
        bar.finish_and_clear();
        let evaluated = evaluated?;
        if evaluated.evaluation.pictures.is_empty() {
            let reason = "none of its pairs has a pixel with data";
            return Err(Error::file(args.data(), reason, "give pairs that have some").into());
        }
        if let Some(found) = left_out(&evaluated.empty) {
            note(&format!("note: {}: {found}", model.plain()));
        }
        let config = &translator.config;
        for found in clipped([&config.source, &config.target], &evaluated.outside) {
            note(&format!("note: {}: {found}", model.plain()));
        }
        gallery.about(summary(&evaluated.evaluation));
        galleries.push(gallery);
        if let Some(out) = &args.out {
            let domains = [&config.source, &config.target];
            let folder = out.join(folder(evaluations.len(), model));
            written = written.and(draw(&folder, &evaluated, domains));
        }
        evaluations.push(evaluated.evaluation);
    }
    if let Some(out) = &args.out {
        let scores = atomic_file::write(&out.join(SCORES), json(&evaluations).as_bytes());
        let gallery = gallery::write(&galleries, &out.join(gallery::NAME));
        written = written.and(scores).and(gallery);
    }
    apart(&evaluations, &directions)
        .iter()
        .for_each(|found| note(found));
    Ok(Found {
        evaluations,
        written,
    })
}

/// The file with the scores of all models.
const SCORES: &str = "scores.json";
/// The drawings of a model, in its folder.
const DRAWINGS: [&str; 4] = ["best.png", "worst.png", "spectrum.png", "calibration.png"];

/// The name of the pairs of a folder without splits.
const ALL: &str = "all";

/// The pairs to evaluate a model on, and the name of their split.
fn pairs(
    args: &Args,
    model: &Path,
    config: &RunConfig,
    note: &dyn Fn(&str),
) -> Result<(&'static str, Pairs), Failure> {
    let path = match args.data() == Path::new(earth::WORD) && args.data().exists() {
        true => &Path::new(".").join(args.data()), // a folder, not the built-in data
        false => args.data(),
    };
    // of the run's own data, the same pairs are held out as in training
    let (data, _) = config.open(path, config.on_error)?;
    let wanted: &[&str] = match args.split {
        Split::Train => &["train"],
        // data without splits is measured as a whole
        Split::Val if data.splits.len() == 1 => &["train"],
        Split::Val => &["val", "test"],
        Split::Test => &["test"],
    };
    let is_whole = matches!(args.split, Split::Val) && data.splits.len() == 1;
    let told = match data.changed_since(&config.data_digest) {
        Some(Change::Files) => Some(
            "; their files, masks included, are not all those of then: the data set has changed, or is another one",
        ),
        None if is_whole && !config.data_digest.is_empty() => {
            Some("; if they are the same pictures, its scores say little of others")
        }
        _ => None,
    };
    if let Some(told) = told {
        let model = model.plain();
        note(&format!(
            "note: {model} trained on pairs with these names{told}"
        ));
    }
    let found = wanted
        .iter()
        .find_map(|name| data.splits.iter().find(|(known, _)| known == name));
    let named = |(name, pairs): &(&'static str, Pairs)| match args.split {
        Split::Val if data.splits.len() == 1 => (ALL, pairs.clone()),
        _ => (*name, pairs.clone()),
    };
    found.map(named).ok_or_else(|| {
        let there: Vec<&str> = data.splits.iter().map(|(name, _)| *name).collect();
        let remedy = format!("choose one of them with --split, e.g. --split {}", there[0]);
        let reason = format!("no {} pairs, only {}", wanted[0], there.join(", "));
        Error::file(args.data(), reason, remedy).into()
    })
}

/// What to say of pairs of other channels or another depth than those of training, by the first of them.
fn unlike(config: &RunConfig, pairs: &Pairs) -> Result<Option<String>, Error> {
    if pairs.is_empty() {
        return Ok(None);
    }
    let [source, target] = config.direction.order(pairs.headers(0)?);
    let sides = [
        ("source", &config.source, source),
        ("target", &config.target, target),
    ];
    Ok(sides.into_iter().find_map(|(side, domain, header)| {
        let found = domain.conversion(header.channels, header.depth)?;
        let name = one_line(pairs.name(0));
        Some(format!("the {side} of {name} has {found}"))
    }))
}

/// What to say of pairs without data.
fn left_out(names: &[String]) -> Option<String> {
    match names {
        [] => None,
        [name] => Some(format!(
            "1 pair has no pixel with data and is not scored: {}",
            one_line(name)
        )),
        [first, ..] => Some(format!(
            "{} pairs have no pixel with data and are not scored, the first of them {}",
            names.len(),
            one_line(first)
        )),
    }
}

/// What to say of values of the sources and of the targets outside of the model's domains.
fn clipped(domains: [&Domain; 2], outside: &[Outside; 2]) -> Vec<String> {
    let sides = ["sources", "targets"].into_iter().zip(domains);
    let found = sides.zip(outside).filter(|(_, count)| count.clipped > 0);
    let said = found.map(|((side, domain), count)| {
        let [what, fate] = words::clipped(domain);
        format!("{} of the {what} of the {side} {fate}", count.share())
    });
    said.collect()
}

/// The result files.
fn names(out: &Path, models: &[PathBuf]) -> Vec<Own> {
    let mut names: Vec<Own> = vec![
        (out.join(SCORES), is_scores),
        (out.join(gallery::NAME), gallery::is_gallery),
    ];
    for (index, model) in models.iter().enumerate() {
        let folder = out.join(folder(index, model));
        names.extend(DRAWINGS.map(|name| -> Own { (folder.join(name), picture::is_drawn) }));
    }
    names
}

/// Whether a file has the scores of an evaluation.
fn is_scores(file: &Path) -> bool {
    let text = regular_file::read(file).unwrap_or_default();
    let found: Vec<serde_json::Value> = serde_json::from_slice(&text).unwrap_or_default();
    !found.is_empty()
        && found
            .iter()
            .all(|of| of["model"].is_string() && of["means"].is_object())
}

/// Name of a model's folder in the results.
fn folder(index: usize, model: &Path) -> String {
    let name = model.file_stem().unwrap_or_default().to_string_lossy();
    format!("{}-{name}", index + 1)
}

fn draw(folder: &Path, evaluated: &Evaluated, domains: [&Domain; 2]) -> Result<(), Error> {
    atomic_file::create_folder(folder)?;
    atomic_file::remove_unfinished(folder)?;
    let Evaluated {
        evaluation,
        best,
        worst,
        spectra,
        ..
    } = evaluated;
    let [of_best, of_worst, of_spectra, of_calibration] = DRAWINGS.map(|name| folder.join(name));
    for (name, rows, file) in [("best", best, of_best), ("worst", worst, of_worst)] {
        let measure = match evaluation.mean_iou {
            Some(_) => Measure::ACCURACY,
            None => Measure::L1,
        };
        let measure = measure.heading();
        let title = format!("{}: the {name} by {measure}", evaluation.model);
        let sheet = contact_sheet::draw(&contact_sheet::titled(title, domains), rows);
        picture::write_png(&file, &sheet)?;
    }
    let title = |what: &str| format!("{}: {what}", evaluation.model);
    let spectra = charts::spectra(&title("power spectra"), spectra);
    let calibration = evaluation.confidence.as_ref();
    let calibration =
        calibration.and_then(|found| charts::calibration(&title("deviation and error"), found));
    for (file, chart) in [(of_spectra, spectra), (of_calibration, calibration)] {
        if let Some(chart) = chart {
            picture::write_png(&file, &chart)?;
        }
    }
    Ok(())
}

/// The mean of a measure with its interval; `None` if the model does not have it.
fn mean(evaluation: &Evaluation, measure: &Measure) -> Option<String> {
    let found = evaluation.means.get(measure.key)?;
    Some(interval(*found, measure.digits_of(found.mean)))
}

/// A mean with its interval.
fn interval(found: Mean, digits: usize) -> String {
    match found.margin {
        None => format!("{:.digits$}", found.mean),
        Some(margin) => format!("{:.digits$} ± {margin:.digits$}", found.mean),
    }
}

/// How many pairs were measured, of which split.
fn counted(evaluation: &Evaluation) -> String {
    let count = evaluation.pictures.len();
    match evaluation.split.as_str() {
        ALL => format!("all {count}"),
        split => format!("{count} of {split}"),
    }
}

/// What the gallery says of a model.
fn summary(evaluation: &Evaluation) -> String {
    // the accuracy is shown over the pixels of all pairs
    let of_pictures = MEASURES.iter().filter(|m| **m != Measure::ACCURACY);
    let means = of_pictures.filter_map(|measure| {
        let mean = mean(evaluation, measure)?;
        Some(format!("{} {mean}", measure.heading()))
    });
    let of_classes = [
        (Measure::ACCURACY, evaluation.accuracy),
        (Measure::IOU, evaluation.mean_iou),
    ];
    let of_classes = of_classes
        .into_iter()
        .filter_map(|(measure, score)| Some(measure.told(score?)));
    let means = of_classes.chain(means);
    format!(
        "Pairs: {}; step {}, measured at {}. {}.",
        counted(evaluation),
        evaluation.step,
        evaluation.sizes(),
        means.collect::<Vec<_>>().join("; ")
    )
}

/// Notes on models whose scores do not compare: that were measured on different pairs or at different sizes, or translate in
/// different directions.
fn apart(evaluations: &[Evaluation], directions: &[Direction]) -> Vec<String> {
    let mut notes = Vec::new();
    fn names(found: &Evaluation) -> impl Iterator<Item = &str> {
        found.pictures.iter().map(|picture| picture.name.as_str())
    }
    if evaluations
        .iter()
        .any(|found| !names(found).eq(names(&evaluations[0])))
    {
        notes.push(
            "note: the models were measured on different pairs, so their scores do not compare; split the data once, \
             with `pix2pix prepare split`"
                .to_string(),
        );
    }
    let sizes = evaluations.iter().map(|found| found.sizes());
    let sizes: Vec<String> = sizes.collect();
    if sizes.iter().any(|size| *size != sizes[0]) {
        notes.push(format!(
            "note: the models were measured at different sizes ({}), so their scores do not compare: the \
             smaller, the less detail there is to get wrong",
            sizes.join(", ")
        ));
    }
    if directions
        .iter()
        .any(|direction| *direction != directions[0])
    {
        notes.push(
            "note: the models translate in different directions, so their scores are those of different targets"
                .to_string(),
        );
    }
    notes
}

/// One cell per model, "-" for a model without a value.
fn cells(evaluations: &[Evaluation], cell: &dyn Fn(&Evaluation) -> Option<String>) -> Vec<String> {
    let cells = evaluations.iter().map(cell);
    cells.map(|cell| cell.unwrap_or("-".to_string())).collect()
}

/// The rows of label maps, over the pixels of all pairs: pixel accuracy, the mean intersection over union, and that of each
/// class.
fn of_classes(evaluations: &[Evaluation]) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut row = |label: String, measure: Measure, value: &dyn Fn(&Evaluation) -> Option<f64>| {
        let cell = |evaluation: &Evaluation| Some(measure.shown(value(evaluation)?));
        rows.push([vec![label], cells(evaluations, &cell)].concat());
    };
    let (accuracy, iou) = (Measure::ACCURACY, Measure::IOU);
    if evaluations
        .iter()
        .any(|evaluation| evaluation.mean_iou.is_some())
    {
        row(accuracy.described(), accuracy, &|found| found.accuracy);
        row(iou.described(), iou, &|found| found.mean_iou);
    }
    let mut names: Vec<&str> = Vec::new();
    for class in evaluations
        .iter()
        .flat_map(|evaluation| &evaluation.classes)
    {
        if !names.contains(&class.name.as_str()) {
            names.push(&class.name);
        }
    }
    for name in names {
        row(format!("IoU of {}", one_line(name)), iou, &|evaluation| {
            let class = evaluation.classes.iter().find(|class| class.name == name);
            class?.iou
        });
    }
    rows
}

/// The rows of channels that are no colors: the scores of each.
fn of_channels(evaluations: &[Evaluation]) -> Vec<Vec<String>> {
    let count = evaluations.iter().map(|found| found.channels.len()).max();
    let mut rows = Vec::new();
    for channel in 0..count.unwrap_or(0) {
        let mut row = |measure: Measure, value: fn(&ChannelScores) -> Option<f64>| {
            let cells = cells(evaluations, &|found| {
                Some(measure.shown(value(found.channels.get(channel)?)?))
            });
            let label = format!("  channel {}: {}", channel + 1, measure.heading());
            rows.push([vec![label], cells].concat());
        };
        row(Measure::L1, |found| Some(found.l1));
        row(Measure::RMSE, |found| Some(found.rmse));
        row(Measure::PEARSON, |found| found.pearson);
    }
    rows
}

/// Says which pictures have MS-SSIM, where no model has it.
const WITHOUT_MS_SSIM: &str = "MS-SSIM is of pictures with sides of 176 pixels or more in which all pixels have data: there are \
                               none here.\n";

/// A measure of textures, with the number of its pairs where it is not of all: it sees those without gaps.
fn whole(
    evaluation: &Evaluation,
    measure: Measure,
    value: fn(&RealismScores) -> Option<f64>,
) -> Option<String> {
    let Evaluation {
        realism, pictures, ..
    } = evaluation;
    let of_labels = !evaluation.classes.is_empty();
    let shown = value(realism).map(|value| measure.shown(value));
    match (realism.pairs, pictures.len()) {
        (some, all) if some == all || of_labels => shown,
        (0, all) => Some(format!("none of {all} pairs")),
        (some, all) => Some(format!("{} (of {some} of {all} pairs)", shown?)),
    }
}

/// The label of a measure of sets of pictures; its row begins as a sentence does.
fn of_sets(measure: Measure) -> String {
    let label = measure.described();
    label[..1].to_uppercase() + &label[1..]
}

/// The table of scores: one row per measure, one column per model.
pub fn table(evaluations: &[Evaluation]) -> String {
    let mut rows = vec![vec![String::new()], vec!["step".to_string()]];
    rows.push(vec!["pairs".to_string()]);
    rows.push(vec!["measured at".to_string()]);
    for evaluation in evaluations {
        rows[0].push(one_line(&evaluation.model));
        rows[1].push(evaluation.step.to_string());
        rows[2].push(counted(evaluation));
        rows[3].push(evaluation.sizes());
    }
    rows.extend(of_classes(evaluations));
    for measure in MEASURES {
        let cells = cells(evaluations, &|found| mean(found, &measure));
        let label = match measure == Measure::ACCURACY {
            true => format!("{} of a pair, mean of the pairs", measure.label),
            false => measure.described(),
        };
        if cells.iter().any(|cell| cell != "-") {
            rows.push([vec![label], cells].concat());
        }
    }
    rows.extend(of_channels(evaluations));
    let mut row = |label: &str, cell: &dyn Fn(&Evaluation) -> Option<String>| {
        let cells = cells(evaluations, cell);
        if cells.iter().any(|cell| cell != "-") {
            rows.push([vec![label.to_string()], cells].concat());
        }
    };
    let listed = |values: &[f64], digits: usize| {
        let scale = 10f64.powi(digits as i32);
        // without the sign of zero
        let rounded = values
            .iter()
            .map(|value| (value * scale).round() / scale + 0.0);
        let texts: Vec<String> = rounded.map(|value| format!("{value:.digits$}")).collect();
        (!texts.is_empty()).then(|| texts.join(" "))
    };
    let (swd, spectrum) = (Measure::SWD, Measure::SPECTRUM);
    row(&of_sets(swd), &|evaluation| {
        whole(evaluation, swd, |realism| realism.swd)
    });
    row("  at each level, the finest first", &|evaluation| {
        listed(&evaluation.realism.swd_levels, 0)
    });
    row(&of_sets(spectrum), &|evaluation| {
        whole(evaluation, spectrum, |realism| realism.spectrum)
    });
    row(
        "  power in waves below 4, of 4-8, ... pixels; 0 is right",
        &|evaluation| listed(&evaluation.realism.octaves, 1),
    );
    row(&of_sets(Measure::FID), &|evaluation| {
        Some(Measure::FID.shown(evaluation.fid?))
    });
    row(&of_sets(Measure::KID), &|evaluation| {
        Some(Measure::KID.shown(evaluation.kid?))
    });
    let of = |evaluation: &Evaluation, value: fn(&Confidence) -> Option<f64>| {
        Some(format!("{:.2}", value(evaluation.confidence.as_ref()?)?))
    };
    row("Deviation and error in a picture, rank correlation", &|e| {
        Some(interval(e.confidence.as_ref()?.within?, 2))
    });
    row("Deviation and error of pictures, rank correlation", &|e| {
        of(e, |found| found.between)
    });
    row("Error over deviation, 1 is right", &|e| {
        of(e, |found| found.ratio)
    });
    let mut table = aligned(&rows);
    let lacks_ms_ssim =
        |found: &Evaluation| found.classes.is_empty() && !found.means.contains_key("ms_ssim");
    if evaluations.iter().all(lacks_ms_ssim) {
        table += WITHOUT_MS_SSIM;
    }
    if evaluations
        .iter()
        .any(|found| found.classes.is_empty() && found.realism.pairs < found.pictures.len())
    {
        table += "SWD and spectrum are of the pairs in which all pixels have data: the edges of gaps are no textures.\n";
    }
    if table.contains('±') {
        table += "± is half the width of the 95% confidence interval of the mean over the pairs.\n";
    }
    table
}
