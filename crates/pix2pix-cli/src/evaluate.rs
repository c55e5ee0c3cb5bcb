//! `pix2pix evaluate`.

use std::io::{IsTerminal, stderr};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};
use pix2pix::data::survey::OnError;
use pix2pix::data::{Pairs, earth, picture};
use pix2pix::device::set_threads;
use pix2pix::draw::contact_sheet;
use pix2pix::quality::{Inception, Lpips};
use pix2pix::report::{Evaluated, Evaluation, Learned, evaluate};
use pix2pix::{Error, RunConfig, Translator, atomic_file};

use crate::best_args::BestArgs;
use crate::failure::{Failure, print};
use crate::machine_args::MachineArgs;
use crate::noise_args::NoiseArgs;
use crate::output::tell;
use crate::table::aligned;

/// Shown after the options.
pub const EXAMPLES: &str = "\
Examples:
  pix2pix evaluate run facades
  pix2pix evaluate pix2pix-demo earth           the demo's model on its built-in data
  pix2pix evaluate run-1 run-2 facades --split test --out scores
  pix2pix evaluate run facades --json --lpips weights/lpips-alex.safetensors
  pix2pix evaluate run facades --fid weights/inception.safetensors";

/// Options of `pix2pix evaluate`.
#[derive(clap::Args)]
pub struct Args {
    /// Run folders (the newest checkpoint of each is used) or checkpoint files
    #[arg(required = true, value_name = "MODEL")]
    models: Vec<PathBuf>,
    #[command(flatten)]
    best: BestArgs,
    /// Pairs, as for training; earth is the built-in data set
    #[arg(value_name = "DATA")]
    data: PathBuf,
    /// Split to evaluate on
    #[arg(long, value_enum, default_value_t = Split::Val)]
    split: Split,
    /// Print JSON, with the scores of every picture [default: a table]
    #[arg(long)]
    json: bool,
    /// Folder for scores.json and each model's five best and five worst pictures [default: none]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// File of LPIPS's weights; `pix2pix download lpips-alex` gets it [default: no LPIPS]
    #[arg(long, value_name = "FILE")]
    lpips: Option<PathBuf>,
    /// File of the Inception network's weights, for the Fréchet Inception distance (FID); `pix2pix download
    /// inception` gets it [default: no FID]
    #[arg(long, value_name = "FILE")]
    fid: Option<PathBuf>,
    #[command(flatten)]
    noise: NoiseArgs,
    #[command(flatten)]
    machine: MachineArgs,
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

/// Evaluates every model.
pub fn run(args: Args) -> Result<(), Failure> {
    set_threads(args.machine.threads)?;
    let device = args.machine.device.open(args.machine.precision)?;
    let learned = Learned {
        lpips: args
            .lpips
            .as_deref()
            .map(|path| Lpips::load(path, &device))
            .transpose()?,
        inception: args
            .fid
            .as_deref()
            .map(|path| Inception::load(path, &device))
            .transpose()?,
    };
    let options = args.noise.options();
    let mut evaluations = Vec::new();
    for model in &args.models {
        let checkpoint = args.best.find(model)?;
        let translator = Translator::load_on(&checkpoint, device.clone(), args.machine.precision)?;
        let (split, pairs) = pairs(&args, model, &translator.config)?;
        let bar = if stderr().is_terminal() {
            ProgressBar::new(pairs.len() as u64)
        } else {
            ProgressBar::hidden()
        };
        let template = "{bar:24} {pos}/{len}  {per_sec}  {eta} left  {msg}";
        bar.set_style(ProgressStyle::with_template(template).expect("a valid template"));
        bar.set_message(model.display().to_string());
        let name = model.display().to_string();
        let tell = &mut |done| bar.set_position(done as u64);
        let evaluated = evaluate(name, &translator, (split, &pairs), &learned, &options, tell);
        bar.finish_and_clear();
        let evaluated = evaluated?;
        if let Some(out) = &args.out {
            draw(&out.join(folder(evaluations.len(), model)), &evaluated)?;
        }
        evaluations.push(evaluated.evaluation);
    }
    let json = serde_json::to_string_pretty(&evaluations).expect("scores are plain data") + "\n";
    if let Some(out) = &args.out {
        atomic_file::write(&out.join("scores.json"), json.as_bytes())?;
    }
    if args.json {
        return print(&json);
    }
    print(&table(&evaluations))?;
    if args.lpips.is_none() || args.fid.is_none() {
        print(
            "For LPIPS and FID, add --lpips and --fid; `pix2pix download` gets their weights.\n",
        )?;
    }
    if let Some(out) = &args.out {
        print(&format!(
            "Scores of every picture, and the best and worst pictures: {}/\n",
            out.display()
        ))?;
    }
    Ok(())
}

/// The pairs to evaluate a model on, and the name of their split.
fn pairs(args: &Args, model: &Path, config: &RunConfig) -> Result<(&'static str, Pairs), Failure> {
    let path = match args.data == Path::new(earth::WORD) && args.data.exists() {
        true => &Path::new(".").join(&args.data), // a folder, not the built-in data
        false => &args.data,
    };
    // of the run's own data, the same pairs are held out as in training
    let (data, _) = config.open(path, OnError::Stop)?;
    let wanted: &[&str] = match args.split {
        Split::Train => &["train"],
        // data without splits is measured as a whole
        Split::Val if data.splits.len() == 1 => &["train"],
        Split::Val => &["val", "test"],
        Split::Test => &["test"],
    };
    let has_trained = data.splits.len() == 1 && config.data_digest == data.digest();
    if matches!(args.split, Split::Val) && has_trained {
        tell(&format!(
            "note: {} trained on these pairs, so its scores say little of other pictures",
            model.display()
        ));
    }
    let found = wanted
        .iter()
        .find_map(|name| data.splits.iter().find(|(known, _)| known == name));
    found.cloned().ok_or_else(|| {
        let there: Vec<&str> = data.splits.iter().map(|(name, _)| *name).collect();
        let remedy = format!("choose one of them with --split, e.g. --split {}", there[0]);
        let reason = format!("no {} pairs, only {}", wanted[0], there.join(", "));
        Error::file(&args.data, reason, remedy).into()
    })
}

/// Name of a model's folder in the results.
fn folder(index: usize, model: &Path) -> String {
    let name = model.file_stem().unwrap_or_default().to_string_lossy();
    format!("{}-{name}", index + 1)
}

fn draw(folder: &Path, evaluated: &Evaluated) -> Result<(), Error> {
    atomic_file::create_folder(folder)?;
    atomic_file::remove_unfinished(folder)?;
    let Evaluated {
        evaluation,
        best,
        worst,
    } = evaluated;
    for (name, rows) in [("best", best), ("worst", worst)] {
        let measure = match evaluation.mean_iou {
            Some(_) => "pixel accuracy",
            None => "L1 (of 255)",
        };
        let title = format!("{}: the {name} by {measure}", evaluation.model);
        let sheet = contact_sheet::draw(&title, rows);
        picture::write_png(&folder.join(format!("{name}.png")), &sheet)?;
    }
    Ok(())
}

/// The rows of label maps: the mean intersection over union, and that of each class.
fn of_classes(evaluations: &[Evaluation]) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut row = |label: String, value: &dyn Fn(&Evaluation) -> Option<f64>| {
        let cell =
            |value: Option<f64>| value.map_or("-".to_string(), |value| format!("{value:.4}"));
        let cells = evaluations.iter().map(|evaluation| cell(value(evaluation)));
        rows.push([label].into_iter().chain(cells).collect());
    };
    if evaluations
        .iter()
        .any(|evaluation| evaluation.mean_iou.is_some())
    {
        row("mean IoU, higher is better".to_string(), &|evaluation| {
            evaluation.mean_iou
        });
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
        row(format!("IoU of {name}"), &|evaluation| {
            let class = evaluation.classes.iter().find(|class| class.name == name);
            class?.iou
        });
    }
    rows
}

/// The table of scores: one row per measure, one column per model.
fn table(evaluations: &[Evaluation]) -> String {
    const MEASURES: [(&str, &str, usize); 7] = [
        ("accuracy", "pixel accuracy, higher is better", 4),
        ("l1", "L1 (of 255), lower is better", 2),
        ("rmse", "RMSE (of 255), lower is better", 2),
        ("psnr", "PSNR (dB), higher is better", 2),
        ("ssim", "SSIM, higher is better", 4),
        ("ms_ssim", "MS-SSIM, higher is better", 4),
        ("lpips", "LPIPS, lower is better", 4),
    ];
    let mut rows = vec![vec![String::new()], vec!["step".to_string()]];
    rows.push(vec!["pairs".to_string()]);
    for evaluation in evaluations {
        rows[0].push(evaluation.model.clone());
        rows[1].push(evaluation.step.to_string());
        rows[2].push(format!(
            "{} of {}",
            evaluation.pictures.len(),
            evaluation.split
        ));
    }
    for (name, label, digits) in MEASURES {
        let cells = evaluations
            .iter()
            .map(|evaluation| match evaluation.means.get(name) {
                None => "-".to_string(),
                Some(found) => match found.margin.filter(|margin| margin.is_finite()) {
                    None => format!("{:.digits$}", found.mean),
                    Some(margin) => format!("{:.digits$} ± {margin:.digits$}", found.mean),
                },
            });
        let cells: Vec<String> = cells.collect();
        if cells.iter().any(|cell| cell != "-") {
            rows.push([vec![label.to_string()], cells].concat());
        }
    }
    rows.extend(of_classes(evaluations));
    if evaluations
        .iter()
        .any(|evaluation| evaluation.fid.is_some())
    {
        let cell = |fid: Option<f64>| fid.map_or("-".to_string(), |fid| format!("{fid:.2}"));
        let cells = evaluations
            .iter()
            .map(|evaluation| cell(evaluation.fid))
            .collect();
        rows.push([vec!["FID, lower is better".to_string()], cells].concat());
    }
    aligned(&rows)
        + "± is half the width of the 95% confidence interval of the mean over the pairs.\n"
}
