//! `pix2pix evaluate`.

mod changed;
mod files;
mod notes;
mod table;

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use indicatif::ProgressBar;
use pix2pix::data::{Change, Pairs, earth};
use pix2pix::device::{Device, set_threads};
use pix2pix::model::config;
use pix2pix::quality::{Dists, Inception, Lpips};
use pix2pix::report::{Evaluated, Evaluation, Gallery, Measured, Measures, evaluate, gallery};
use pix2pix::{Error, RunConfig, Translator};

use crate::best_args::BestArgs;
use crate::direction;
use crate::failure::{Failure, print, print_json};
use crate::machine_args::MachineArgs;
use crate::noise_args::NoiseArgs;
use crate::output::tell;
use crate::paths::{Plain, lies_in};
use crate::progress;
use crate::result_file::check_names;

pub use files::json;
pub use table::table;

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

    /// What to measure, with the networks that it takes.
    fn measures(&self, device: &Device) -> Result<Measures, Error> {
        fn loaded<N>(
            path: Option<&Path>,
            load: fn(&Path, &Device) -> Result<N, Error>,
            device: &Device,
        ) -> Result<Option<N>, Error> {
            path.map(|path| load(path, device)).transpose()
        }
        Ok(Measures {
            lpips: loaded(self.lpips.as_deref(), Lpips::load, device)?,
            dists: loaded(self.dists.as_deref(), Dists::load, device)?,
            inception: loaded(self.fid.as_deref(), Inception::load, device)?,
            samples: self.samples,
        })
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
        return written;
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
    /// The scores of every model, or of those before the one that failed.
    pub evaluations: Vec<Evaluation>,
    /// Whether all models were measured, and all files of `--out` written. The scores took far longer, and are not lost with one
    /// of them.
    pub written: Result<(), Failure>,
}

/// Evaluates every model, and writes the files of `--out`. `note` receives what the user should know; `bar` makes the progress
/// bar of a number of pairs and a model's name; `go_on` is asked after each pair.
///
/// # Errors
/// Those of the options, the models and the data, if no model was measured; [`Failure::Interrupted`] if it is not to go on.
pub fn measure(
    args: &Args,
    note: &dyn Fn(&str),
    bar: fn(usize, String) -> ProgressBar,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Found, Failure> {
    check(args)?;
    set_threads(args.machine.threads)?;
    let device = args.machine.device.open(args.machine.precision)?;
    let measures = args.measures(&device)?;
    // a wrong path is told before the first of many pairs
    let models = args.models().iter().map(|model| {
        let checkpoint = args.best.find(model)?;
        config(&checkpoint)?;
        Ok((model.as_path(), checkpoint))
    });
    let models: Vec<(&Path, PathBuf)> = models.collect::<Result<_, Error>>()?;
    let (mut evaluations, mut galleries) = (Vec::new(), Vec::new());
    let (mut directions, mut targets, mut written) = (Vec::new(), Vec::new(), Ok(()));
    for (model, checkpoint) in models {
        let translator = Translator::load_on(&checkpoint, device.clone(), args.machine.precision);
        let found = translator.map_err(Failure::from).and_then(|translator| {
            let found = one(args, model, &translator, &measures, note, bar, go_on)?;
            Ok((found, translator.config))
        });
        let ((evaluated, gallery), config) = match found {
            Ok(found) => found,
            Err(failure) if evaluations.is_empty() => return Err(failure),
            Err(failure) => {
                written = Err(failure);
                break;
            }
        };
        directions.push(config.direction);
        galleries.push(gallery);
        if let Some(out) = &args.out {
            let domains = [&config.source, &config.target];
            let folder = out.join(files::folder(evaluations.len(), model));
            written = written.and(files::draw(&folder, &evaluated, domains).map_err(Failure::from));
        }
        targets.push(config.target);
        evaluations.push(evaluated.evaluation);
    }
    if let Some(out) = &args.out {
        let scores = files::write_scores(out, &evaluations);
        let gallery = gallery::write(&galleries, &out.join(gallery::NAME));
        written = written.and(scores.and(gallery).map_err(Failure::from));
    }
    notes::apart(&evaluations, &directions, &targets)
        .iter()
        .for_each(|found| note(found));
    Ok(Found {
        evaluations,
        written,
    })
}

/// Checks the arguments.
fn check(args: &Args) -> Result<(), Failure> {
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
    match &args.out {
        Some(out) => check_names(&files::names(out, args.models())),
        None => Ok(()),
    }
}

/// Evaluates a model, and shows its pictures in a gallery.
fn one(
    args: &Args,
    model: &Path,
    translator: &Translator,
    measures: &Measures,
    note: &dyn Fn(&str),
    bar: fn(usize, String) -> ProgressBar,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<(Evaluated, Gallery), Failure> {
    let config = &translator.config;
    let (split, pairs) = pairs(args, model, config, note)?;
    for found in notes::unlike(config, &pairs)? {
        note(&format!("note: {}: {found}", model.plain()));
    }
    if let Some(found) = config.turned(pairs.orientation()) {
        note(&format!(
            "note: {}: the volumes have {found}",
            model.plain()
        ));
    }
    if let Some(reversed) = direction::of_pairs(model, config.direction) {
        note(&reversed);
    }
    let name = model.display().to_string();
    let bar = bar(pairs.len(), name.clone());
    // all models share the page
    let shown = pairs.len() * args.models().len();
    let mut gallery = Gallery::new(&name, [config.source.clone(), config.target.clone()], shown);
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
    let options = args.noise.options();
    let evaluated = evaluate(name, translator, (split, &pairs), measures, &options, seen);
    bar.finish_and_clear();
    let evaluated = evaluated?;
    if evaluated.evaluation.pictures.is_empty() {
        let reason = "none of its pairs has a pixel with data";
        return Err(Error::file(args.data(), reason, "give pairs that have some").into());
    }
    let left_out = notes::left_out(&evaluated.empty);
    let clipped = notes::clipped([&config.source, &config.target], &evaluated.outside);
    for found in left_out.into_iter().chain(clipped) {
        note(&format!("note: {}: {found}", model.plain()));
    }
    gallery.about(table::summary(&evaluated.evaluation));
    Ok((evaluated, gallery))
}

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
    let (mut data, _) = config.open_to_measure(path, config.on_error)?;
    // data without splits is measured as a whole
    let is_asked = matches!(args.split, Split::Val);
    let change = data.changed_since(&config.data_digest);
    if is_asked && data.has_no_splits() && change == Some(Change::Pairs) {
        let told;
        (data, told) = changed::held_out_again(data, path, (model, config));
        if let Some(told) = told {
            note(&format!("note: {}: {told}", model.plain()));
        }
    }
    let is_whole = is_asked && data.has_no_splits();
    let wanted: &[&str] = match args.split {
        Split::Train => &["train"],
        Split::Val if is_whole => &["train"],
        Split::Val => &["val", "test"],
        Split::Test => &["test"],
    };
    let told = match change {
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
    let named = |(name, pairs): &(&'static str, Pairs)| match is_whole {
        true => (table::ALL, pairs.clone()),
        false => (*name, pairs.clone()),
    };
    found.map(named).ok_or_else(|| {
        let there: Vec<&str> = data.splits.iter().map(|(name, _)| *name).collect();
        let remedy = format!("choose one of them with --split, e.g. --split {}", there[0]);
        let reason = format!("no {} pairs, only {}", wanted[0], there.join(", "));
        Error::file(args.data(), reason, remedy).into()
    })
}
