//! `pix2pix demo`.

use std::fs;
use std::path::{Path, PathBuf};

use pix2pix::data::survey::Survey;
use pix2pix::data::{CacheKind, JitterConfig, earth, picture};
use pix2pix::device::set_threads;
use pix2pix::draw::contact_sheet::{self, Row};
use pix2pix::model::{TranslateOptions, built_in};
use pix2pix::network::{GeneratorConfig, PatchGanConfig, UnetConfig};
use pix2pix::report;
use pix2pix::run::{Event, RunFolder, file};
use pix2pix::train::OptimizerConfig;
use pix2pix::{Error, RunConfig, Translator, atomic_file, regular_file};

use crate::beyond_args::Preset;
use crate::demo_pictures::{self, SHEET};
use crate::failure::Failure;
use crate::interrupt;
use crate::output::say;
use crate::paths::{Plain, word};
use crate::processes::Processes;
use crate::program::program;
use crate::train::{self, RunArgs, Session, Shown, Start};
use crate::words::count;

const PREVIEW: &str = "preview.png";
/// The folders of a demo.
const FOLDERS: [&str; 6] = [
    file::SAMPLES,
    file::CHECKPOINTS,
    "inputs",
    "outputs",
    "translated",
    "tensorboard",
];

/// Options of `pix2pix demo`.
#[derive(clap::Args)]
pub struct Args {
    /// Folder for the run and its pictures; replaces an earlier demo in it
    #[arg(long, default_value = "pix2pix-demo", value_name = "DIR")]
    out: PathBuf,
    /// Networks and training: the paper's, or our recommended ones with 32 filters, whose steps take two fifths of the time
    #[arg(long, value_enum, default_value_t = Preset::Best)]
    preset: Preset,
    /// Training steps [default: 1800; with --preset paper: 540, which take about as long]
    #[arg(long, value_name = "N")]
    steps: Option<u64>,
    #[command(flatten)]
    run: RunArgs,
}

/// Filters of the networks with `--preset best`: enough for 54 pairs.
const FILTERS: usize = 32;

/// The settings of a preset: as many contact sheets in about the same time.
fn settings(preset: Preset) -> RunConfig {
    match preset {
        Preset::Paper => RunConfig {
            steps: 540,
            sample_every: 20,
            save_every: 100,
            ..RunConfig::default()
        },
        Preset::Best => RunConfig {
            steps: 1800,
            sample_every: 60,
            save_every: 300,
            generator: GeneratorConfig::Unet(UnetConfig {
                filters: FILTERS,
                upsample: preset.upsample(),
                input_skip: preset.input_skip(),
                ..UnetConfig::default()
            }),
            discriminator: PatchGanConfig {
                filters: FILTERS,
                ..PatchGanConfig::default()
            },
            optimizer: OptimizerConfig {
                ema: preset.ema(),
                ..OptimizerConfig::default()
            },
            jitter: JitterConfig {
                resize: preset.resize(),
                load_size: preset.load_size(JitterConfig::default().crop_size),
                ..JitterConfig::default()
            },
            ..RunConfig::default()
        },
    }
}

/// Trains on the built-in pairs and keeps a contact sheet up to date.
pub fn run(args: Args) -> Result<(), Failure> {
    let processes = Processes::join()?;
    if processes.shard().ranks > 1 {
        return processes.agreed(Err(Failure::Usage(
            "the demo trains in one process; start it without mpirun".to_string(),
        )));
    }
    let data = earth::earth();
    let settings = settings(args.preset);
    set_threads(args.run.machine.threads)?;
    let mut config = RunConfig {
        data: earth::NAME.to_string(),
        data_digest: data.digest(),
        cache: CacheKind::Ram,
        steps: args.steps.unwrap_or(settings.steps),
        seed: args.run.seed,
        threads: args.run.machine.threads,
        device: args.run.machine.device.resolved(args.run.machine.precision),
        precision: args.run.machine.precision,
        keep: 1,
        ..settings
    };
    config.remember_shapes(&data, &Survey::of(&data.train));
    config.validate()?;
    let out = &args.out;
    let folder = RunFolder::lock(out)?.replacing(remove_earlier_demo);
    // before the data and the device are prepared for nothing
    earlier_demo(out)?;
    let quiet = args.run.quiet;
    let outcome = train::train(
        Session {
            device: config.device.open(config.precision)?,
            config,
            data: &data,
            folder,
            group: None,
            start: Start::New,
            stop: interrupt::flag(1, quiet)?,
            shown: Shown::of(&args.run),
        },
        &mut |event| match event {
            Event::Begun => {
                picture::write_png(&out.join(PREVIEW), &preview()?)?;
                if !quiet {
                    let networks = match args.preset {
                        Preset::Paper => "the paper's networks",
                        Preset::Best => {
                            "the networks of --preset best with 32 filters (--preset paper has the paper's networks)"
                        }
                    };
                    say(&format!(
                        "it trains {networks}\nwhat a longer training draws (the built-in model): {}/{PREVIEW}\n",
                        out.plain()
                    ));
                }
                Ok(())
            }
            event => demo_pictures::keep(out, event),
        },
    )?;
    if !quiet {
        let program = program();
        let (shown, command) = (out.plain(), word(out));
        let [inputs, translated] = ["inputs", "translated"].map(|name| word(&out.join(name)));
        say(&format!(
            "{} after {}. Input, output and target of eight held-out tiles:\n  \
             {shown}/{SHEET}\n\
             single outputs: {shown}/outputs/; model: {}\n\
             {}Now type:\n  \
             {program} translate {command} {inputs} --out {translated}\n  \
             {program} train YOUR_PAIRS --out my-run\n",
            if outcome.interrupted {
                "Stopped"
            } else {
                "Done"
            },
            count(outcome.steps, "step"),
            outcome.checkpoint.plain(),
            match outcome.interrupted {
                true => format!("To resume, type:\n  {program} train --resume {command}\n"),
                false => String::new(),
            },
        ));
    }
    train::end(&outcome)
}

/// The built-in model's outputs of the held-out tiles.
fn preview() -> Result<image::RgbImage, Error> {
    let translator = Translator::load(built_in::NAME)?;
    let domains = [&translator.config.source, &translator.config.target].map(Clone::clone);
    let pairs = earth::earth().val.expect("eight pairs");
    let mut rows = Vec::new();
    for index in 0..pairs.len() {
        let pair = pairs.read(index)?;
        let output =
            translator.translate_with(pair.source.clone(), &TranslateOptions::default())?;
        rows.push(Row::of(&pair, &output, domains.clone()));
    }
    let title = format!("the built-in model, {} steps", translator.step);
    Ok(contact_sheet::draw(&title, &rows))
}

/// The files of an earlier demo in its folder, the configuration last: it marks the folder as a demo. Empty if there was no
/// demo in it.
///
/// # Errors
/// If the folder has any other file: nothing may be removed then.
fn earlier_demo(out: &Path) -> Result<Vec<PathBuf>, Error> {
    let config = out.join(file::CONFIG);
    let is_demo = regular_file::read_to_string(&config)
        .is_ok_and(|config| config.contains(&format!("data = \"{}\"", earth::NAME)));
    if !is_demo {
        return Ok(Vec::new());
    }
    let pairs = earth::earth().val.expect("eight pairs");
    let held_out: Vec<&str> = (0..pairs.len()).map(|index| pairs.name(index)).collect();
    let mut files = Vec::new();
    for path in files_in(out)? {
        let name = path.strip_prefix(out).unwrap_or(&path);
        if !is_of_demo(name, &held_out) {
            let reason = "not a file of a demo, and a new demo replaces the whole folder";
            return Err(Error::file(
                &path,
                reason,
                "move it, or choose another `folder`",
            ));
        }
        if path != config && name != Path::new(file::LOCK) {
            files.push(path);
        }
    }
    files.push(config);
    Ok(files)
}

/// Whether a demo, or a command that it prints, writes a file of this name in its folder.
fn is_of_demo(name: &Path, held_out: &[&str]) -> bool {
    let names: Vec<_> = name.iter().map(|part| part.to_string_lossy()).collect();
    match names.iter().map(AsRef::as_ref).collect::<Vec<&str>>()[..] {
        [file::MACHINE | file::CONFIG | file::LOCK | report::NAME | SHEET | PREVIEW] => true,
        [log] if file::LOGS.contains(&log) => true,
        [file::SAMPLES, sheet] => file::step_of_sheet(sheet).is_some(),
        [file::CHECKPOINTS, name] => file::is_of_step(name),
        ["inputs" | "outputs" | "translated", picture] => picture
            .strip_suffix(".png")
            .is_some_and(|name| held_out.contains(&name)),
        ["tensorboard", events] => events.starts_with("events.out.tfevents."),
        // what a killed demo left unfinished
        [.., part, _] | [part] => part.starts_with(".pix2pix-"),
        _ => false,
    }
}

/// All files under a folder.
fn files_in(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |e| Error::io(folder, "read the folder", e);
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        match entry.file_type().map_err(failed)?.is_dir() {
            true => files.extend(files_in(&entry.path())?),
            false => files.push(entry.path()),
        }
    }
    Ok(files)
}

/// Removes an earlier demo. Any other file in the folder stays, and the run then refuses the folder.
fn remove_earlier_demo(out: &Path) -> Result<(), Error> {
    let failed = |path: &Path, e| Error::io(path, "remove the earlier demo", e);
    let folders = FOLDERS.map(|name| out.join(name));
    let folders = folders.iter().filter(|folder| folder.is_dir());
    let files = earlier_demo(out)?;
    if files.is_empty() {
        return Ok(());
    }
    folders
        .clone()
        .try_for_each(|folder| atomic_file::remove_unfinished(folder))?;
    atomic_file::remove_unfinished(out)?;
    for file in files.iter().filter(|file| file.exists()) {
        fs::remove_file(file).map_err(|e| failed(file, e))?;
    }
    for folder in folders {
        fs::remove_dir(folder).map_err(|e| failed(folder, e))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `tests/untouched.rs` has what is not removed.
    #[test]
    fn an_earlier_demo_is_removed_as_a_whole() {
        let scratch = tempfile::tempdir().unwrap();
        let demo = scratch.path();
        for folder in FOLDERS.into_iter().chain([".pix2pix-killed.part"]) {
            fs::create_dir(demo.join(folder)).unwrap();
        }
        for file in [
            "run.lock",
            "config.toml",
            "metrics.jsonl",
            "rates.jsonl",
            SHEET,
            "checkpoints/state_0000540.safetensors",
            "translated/N47.3E050.4.png",
            ".pix2pix-killed.part/file",
        ] {
            let content = format!("data = \"{}\"", earth::NAME);
            fs::write(demo.join(file), content).unwrap();
        }
        remove_earlier_demo(demo).unwrap();
        let left: Vec<PathBuf> = files_in(demo).unwrap();
        assert_eq!(left, [demo.join("run.lock")]);
        assert_eq!(fs::read_dir(demo).unwrap().count(), 1);
    }
}
