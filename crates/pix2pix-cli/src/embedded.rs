//! Commands as functions of another program, such as the Python package: they take their options by name, return results
//! instead of printing them, and fail with a [`Failure`] instead of an exit code. Options have the names, values and defaults
//! of the command line, because its parser reads them.

use std::any::TypeId;
use std::cell::RefCell;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Arg;
use clap::builder::ValueParser;
use indicatif::ProgressBar;
use pix2pix::report::Evaluation;
use pix2pix::run::Outcome;
pub use toml::Value;

use crate::config_file::Merged;
pub use crate::failure::Failure;
use crate::memory::KeepFreed;
use crate::output::plain;
pub use crate::progress::Line;
pub use crate::train::Host;
use crate::train::Seconds;
use crate::{Command, config_file, evaluate, failure, receptive_field, summary, train};

/// Options by name, such as `batch_size` and 4.
pub type Options = [(String, Value)];

/// Options, with their command, that are arguments here, or for processes of their own: one that prints, or that ends with the
/// training, or several that train together.
const NOT_EMBEDDED: [(&str, &str); 9] = [
    ("train", "out"),
    ("train", "resume"),
    ("train", "dry-run"),
    ("train", "quiet"),
    ("train", "serve"),
    ("train", "sync-norm"),
    ("train", "allreduce"),
    ("train", "check-every"),
    ("evaluate", "json"),
];

/// Trains a new run, as `pix2pix train DATA --out OUT` does.
///
/// # Errors
/// As the command's.
pub fn train(data: &Path, out: &Path, options: &Options, host: Host) -> Result<Outcome, Failure> {
    let mut words = Words::of("train");
    words.path("--out=", out);
    words.options(options)?;
    words.positionals([data]);
    words.train(host)
}

/// Resumes a run, as `pix2pix train --resume RUN` does. `data` is the new place of the pairs, if they have moved.
///
/// # Errors
/// As the command's.
pub fn resume(
    run: &Path,
    data: Option<&Path>,
    options: &Options,
    host: Host,
) -> Result<Outcome, Failure> {
    let mut words = Words::of("train");
    words.path("--resume=", run);
    words.options(options)?;
    words.positionals(data);
    words.train(host)
}

/// Scores of a model on a data set, as `pix2pix evaluate MODEL DATA` finds them.
pub struct Evaluated {
    /// The scores.
    pub evaluation: Evaluation,
    /// The command's table.
    pub table: String,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// Evaluates a model. `go_on` is asked after each pair.
///
/// # Errors
/// As the command's; [`Failure::Interrupted`] if it is not to go on.
pub fn evaluate(
    model: &Path,
    data: &Path,
    options: &Options,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Evaluated, Failure> {
    let mut words = Words::of("evaluate");
    words.options(options)?;
    words.positionals([model, data]);
    let named = words.words.clone();
    let (Command::Evaluate(args), ..) = words.parsed()? else {
        unreachable!("the words begin with the command's name");
    };
    let notes = RefCell::new(Vec::new());
    let note = |text: &str| notes.borrow_mut().push(plain(text));
    let measured = evaluate::measure(&args, &note, |_, _| ProgressBar::hidden(), go_on);
    let found = measured.and_then(|found| Ok((found.evaluations, found.written?)));
    let (mut evaluations, ()) = found.map_err(|failure| failure.of_command(&named))?;
    let table = evaluate::table(&evaluations);
    Ok(Evaluated {
        evaluation: evaluations.remove(0),
        table,
        notes: notes.into_inner(),
    })
}

/// The table of `pix2pix summary NETWORK [MODEL]`.
///
/// # Errors
/// As the command's.
pub fn summary(network: &str, model: Option<&Path>, options: &Options) -> Result<String, Failure> {
    let mut words = Words::of("summary");
    words.options(options)?;
    words.positionals([Path::new(network)].into_iter().chain(model));
    match words.parsed()? {
        (Command::Summary(args), ..) => summary::text(&args),
        _ => unreachable!("the words begin with the command's name"),
    }
}

/// The table of `pix2pix receptive-field [MODEL]`.
///
/// # Errors
/// As the command's.
pub fn receptive_field(model: Option<&Path>, options: &Options) -> Result<String, Failure> {
    let mut words = Words::of("receptive-field");
    words.options(options)?;
    words.positionals(model);
    match words.parsed()? {
        (Command::ReceptiveField(args), ..) => receptive_field::text(&args),
        _ => unreachable!("the words begin with the command's name"),
    }
}

/// An option, for a program that lists them.
pub struct Described {
    /// Its name, without dashes in front.
    pub name: String,
    /// What it does, with its default.
    pub help: String,
    /// What it takes.
    pub takes: Takes,
}

/// What an option takes.
pub enum Takes {
    /// Nothing: it is given or not.
    Nothing,
    /// A whole number.
    Whole,
    /// A number.
    Number,
    /// The path of a file or a folder.
    Path,
    /// One of these words.
    OneOf(Vec<String>),
    /// Several words.
    Words,
    /// A word that is no number, such as `1h30m`.
    Text,
    /// A word with rules of its own.
    Word,
}

/// The options of a command, in the order of its help.
pub fn options(command: &str) -> Vec<Described> {
    let mut program = crate::command();
    program.build();
    let found = program.find_subcommand(command).expect("a command");
    let mut options: Vec<&Arg> = found
        .get_arguments()
        .filter(|option| is_embedded(command, option))
        .collect();
    options.sort_by_key(|option| option.get_display_order());
    options.into_iter().map(described).collect()
}

/// Whether an option of a command is one of its function here.
fn is_embedded(command: &str, option: &Arg) -> bool {
    let mut long = option.get_long().into_iter();
    long.any(|long| {
        !NOT_EMBEDDED.contains(&(command, long)) && !["help", "version"].contains(&long)
    })
}

fn described(option: &Arg) -> Described {
    let help = option.get_long_help().or(option.get_help());
    let mut help = help.map_or(String::new(), |help| help.to_string());
    let defaults = option.get_default_values().iter();
    let defaults: Vec<_> = defaults.map(|value| value.to_string_lossy()).collect();
    if let (true, false) = (option.get_action().takes_values(), defaults.is_empty()) {
        help += &format!(" [default: {}]", defaults.join(" "));
    }
    let values = option.get_possible_values();
    let count = option.get_num_args().map_or(1, |count| count.min_values());
    Described {
        name: option.get_long().unwrap_or_default().to_string(),
        help,
        takes: if !option.get_action().takes_values() {
            Takes::Nothing
        } else if count > 1 {
            Takes::Words
        } else if !values.is_empty() && !option.is_hide_possible_values_set() {
            Takes::OneOf(
                values
                    .iter()
                    .map(|value| value.get_name().to_string())
                    .collect(),
            )
        } else {
            takes(option.get_value_parser())
        },
    }
}

fn takes(parser: &ValueParser) -> Takes {
    let id = parser.type_id();
    let is = |known: &[TypeId]| known.iter().any(|known| id == *known);
    if is(&[
        TypeId::of::<usize>(),
        TypeId::of::<u64>(),
        TypeId::of::<u32>(),
    ]) {
        Takes::Whole
    } else if is(&[TypeId::of::<f32>(), TypeId::of::<f64>()]) {
        Takes::Number
    } else if is(&[TypeId::of::<PathBuf>()]) {
        Takes::Path
    } else if is(&[TypeId::of::<Seconds>()]) {
        Takes::Text
    } else {
        Takes::Word
    }
}

/// The words of a command.
struct Words {
    command: &'static str,
    words: Vec<OsString>,
}

impl Words {
    fn of(command: &'static str) -> Self {
        Self {
            command,
            words: ["pix2pix", command].map(OsString::from).to_vec(),
        }
    }

    /// An option, with its `=`, whose value is a path.
    fn path(&mut self, option: &str, path: &Path) {
        let mut word = OsString::from(option);
        word.push(path);
        self.words.push(word);
    }

    fn options(&mut self, options: &Options) -> Result<(), Failure> {
        let mut program = crate::command();
        program.build();
        let command = program.find_subcommand(self.command).expect("a command");
        for (name, value) in options {
            let known =
                config_file::option(command, name).filter(|known| is_embedded(self.command, known));
            let known = known.ok_or_else(|| {
                Failure::Usage(format!("{name} is not an option of {}", self.command))
            })?;
            let words = match (value, known.get_long()) {
                // said, and so stronger than a file of options
                (Value::Boolean(false), Some(long))
                    if config_file::can_be_off(self.command, known) =>
                {
                    Some(vec![format!("--{long}=false").into()])
                }
                _ => config_file::words(known, value),
            };
            self.words.extend(
                words.ok_or_else(|| {
                    Failure::Usage(format!("{name} cannot have the value {value}"))
                })?,
            );
        }
        Ok(())
    }

    /// Paths that are no options, behind all options.
    fn positionals<'a>(&mut self, paths: impl IntoIterator<Item = &'a Path>) {
        self.words.push("--".into());
        self.words.extend(paths.into_iter().map(OsString::from));
    }

    fn parsed(self) -> Result<(Command, Vec<String>, Merged), Failure> {
        let program = crate::command();
        let merged = config_file::merged(&program, self.words)?;
        let words = &merged.arguments;
        match crate::parsed(program, words) {
            Ok((command, typed)) => Ok((command, typed, merged)),
            Err(error) => Err(merged.told(failure::wrong(&error, words))),
        }
    }

    fn train(self, host: Host) -> Result<Outcome, Failure> {
        match self.parsed()? {
            (Command::Train(args), typed, merged) => {
                let _kept = KeepFreed::begin();
                train::embedded(args, &typed, host).map_err(|failure| merged.told(failure))
            }
            _ => unreachable!("the words begin with the command's name"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use pix2pix::run::Event;

    use super::*;

    fn given(name: &str, value: impl Into<Value>) -> (String, Value) {
        (name.to_string(), value.into())
    }

    /// The steps of a run, which ends at `last` or before.
    fn trained(out: &Path, options: &Options, last: u64) -> Result<(Outcome, Vec<u64>), Failure> {
        let small = [
            given("steps", 4),
            given("filters", 2),
            given("crop_size", 64),
            given("load-size", 72),
        ];
        let (mut steps, stop) = (Vec::new(), Arc::<AtomicBool>::default());
        let host = Host {
            lines: &|_| {},
            stop: stop.clone(),
            events: &mut |event| {
                if let Event::Step(metrics) = event {
                    steps.push(metrics.step);
                    stop.store(metrics.step == last, Ordering::Relaxed);
                }
            },
        };
        let options = [&small, options].concat();
        let outcome = train(Path::new("earth"), out, &options, host)?;
        Ok((outcome, steps))
    }

    #[test]
    fn a_run_ends_with_the_step_whose_event_stops_it_and_threads_stay() {
        let scratch = tempfile::tempdir().unwrap();
        let out = |name: &str| scratch.path().join(name);
        let (outcome, steps) = trained(&out("stopped"), &[], 2).unwrap();
        assert_eq!((outcome.steps, outcome.interrupted), (2, true));
        assert_eq!(steps, [1, 2]);
        assert!(outcome.checkpoint.ends_with("step_0000002.safetensors"));
        assert!(out("stopped/samples/step_0000002.png").exists());
        let (outcome, steps) = trained(&out("whole"), &[], 9).unwrap();
        assert_eq!((outcome.steps, outcome.interrupted), (4, false));
        assert_eq!(steps, [1, 2, 3, 4]);
        let threads = rayon::current_num_threads();
        let more = [given("threads", threads as i64 + 1)];
        let told = trained(&out("threads"), &more, 9).unwrap_err().message();
        let reason = format!("but this process already computes with {threads}");
        assert!(
            told.starts_with("--threads is ") && told.contains(&reason),
            "{told}"
        );
        assert!(!out("threads").exists());
    }

    #[test]
    fn an_option_has_its_older_name_too() {
        let mut words = Words::of("train");
        words.options(&[given("neighbours", 1)]).unwrap();
        assert_eq!(words.words, ["pix2pix", "train", "--neighbors=1"]);
    }

    #[test]
    fn options_have_the_names_and_the_rules_of_the_command() {
        let scratch = tempfile::tempdir().unwrap();
        let refused = |name: &str, value: Value| {
            let failed = trained(&scratch.path().join("run"), &[(name.to_string(), value)], 1);
            failed.unwrap_err().message()
        };
        for (name, value, told) in [
            (
                "bach_size",
                Value::from(1),
                "bach_size is not an option of train",
            ),
            (
                "serve",
                Value::from(true),
                "serve is not an option of train",
            ),
            (
                "sync_norm",
                Value::from(true),
                "sync_norm is not an option of train",
            ),
            ("help", Value::from(true), "help is not an option of train"),
            (
                "batch_size",
                Value::from(0),
                "--batch-size is 0; it must be at least 1",
            ),
            ("lr", Value::from(true), "lr cannot have the value true"),
            (
                "epochs",
                Value::from(2),
                "the argument '--steps <N>' cannot be used with '--epochs <N>'; see `pix2pix train --help`",
            ),
        ] {
            assert_eq!(refused(name, value), told);
        }
        let file = scratch.path().join("options.toml");
        // a switch of the file is turned off by name, and no other
        std::fs::write(&file, "vertical_mirror = true\nturn = true\n").unwrap();
        let config = given("config", file.to_str().unwrap());
        let run = scratch.path().join("off");
        trained(&run, &[config, given("turn", false)], 1).unwrap();
        let written = std::fs::read_to_string(run.join("config.toml")).unwrap();
        assert!(
            written.contains("vertical_mirror = true\n") && written.contains("\nturn = false\n"),
            "{written}"
        );
        // no remedy names what is not there
        let told = refused("config", run.join("config.toml").to_str().unwrap().into());
        assert!(
            told.ends_with(
                "with it, give only DATA, --out, --steps, --epochs, --time, --patience, --report, --tensorboard and --quiet"
            ),
            "{told}"
        );
        std::fs::write(&file, "dry_run = true\n").unwrap();
        let told = refused("config", file.to_str().unwrap().into());
        assert!(
            told.contains("options.toml: --dry-run and --serve are for the command line"),
            "{told}"
        );
        std::fs::write(&file, "sync_norm = true\n").unwrap();
        let told = refused("config", file.to_str().unwrap().into());
        assert!(
            told.contains("options.toml: --sync-norm is for several processes"),
            "{told}"
        );
    }

    /// Whatever event of step 2 stops a run, it is trained no further, and saved and sampled once.
    #[test]
    fn a_run_ends_with_the_step_of_any_event_that_stops_it() {
        let scratch = tempfile::tempdir().unwrap();
        let kind = |event: &Event| match event {
            Event::Step(_) => "step",
            Event::Logged(_) => "logged",
            Event::Saved(_) => "saved",
            Event::Scored(_) => "scored",
            Event::Sampled { .. } => "sampled",
            Event::Warned(_) => "warned",
            _ => "other",
        };
        for (number, (stops, [saves, samples])) in [
            ("step", [200, 200]),
            ("logged", [200, 200]),
            ("saved", [2, 200]),
            ("saved", [2, 2]),
            ("scored", [200, 2]),
            ("scored", [2, 2]),
            ("sampled", [200, 2]),
            ("sampled", [2, 2]),
            ("warned", [200, 2]),
            ("warned", [2, 2]),
        ]
        .into_iter()
        .enumerate()
        {
            let out = scratch.path().join(number.to_string());
            let options = [
                given("steps", 4),
                given("filters", 2),
                given("crop_size", 64),
                given("load_size", 72),
                given("log_every", 2),
                given("save_every", saves),
                given("sample_every", samples),
                // its first outputs are flat, which is a warning
                given("norm", "none"),
            ];
            let (mut step, mut kinds) = (0, Vec::new());
            let stop = Arc::<AtomicBool>::default();
            let host = Host {
                lines: &|_| {},
                stop: stop.clone(),
                events: &mut |event| {
                    if let Event::Step(metrics) = event {
                        step = metrics.step;
                    }
                    if step >= 2 {
                        kinds.push(kind(event));
                        stop.fetch_or(kind(event) == stops, Ordering::Relaxed);
                    }
                },
            };
            let outcome = train(Path::new("earth"), &out, &options, host).unwrap();
            kinds.sort_unstable();
            let once = ["logged", "sampled", "saved", "scored", "step", "warned"];
            assert_eq!(kinds, once, "{stops} {saves} {samples}");
            assert_eq!((outcome.steps, outcome.interrupted), (2, true));
            assert!(outcome.checkpoint.ends_with("step_0000002.safetensors"));
            assert!(out.join("samples/step_0000002.png").exists());
        }
    }

    #[test]
    fn a_run_that_is_stopped_before_it_begins_has_no_folder() {
        let scratch = tempfile::tempdir().unwrap();
        let out = scratch.path().join("run");
        let stop = Arc::<AtomicBool>::default();
        let host = Host {
            lines: &|_| stop.store(true, Ordering::Relaxed),
            stop: stop.clone(),
            events: &mut |_| panic!("nothing is trained"),
        };
        let ended = train(Path::new("earth"), &out, &[given("steps", 1)], host);
        assert!(matches!(ended, Err(Failure::Interrupted)));
        assert!(!out.exists());
    }

    #[test]
    fn every_option_is_listed_except_those_of_a_process() {
        for (command, option) in NOT_EMBEDDED {
            let program = crate::command();
            let command = program.find_subcommand(command).unwrap();
            assert!(config_file::option(command, option).is_some(), "{option}");
        }
        let listed = options("train");
        let takes = |name: &str| {
            let found = listed.iter().find(|option| option.name == name);
            &found.unwrap_or_else(|| panic!("{name}")).takes
        };
        assert!(matches!(takes("batch-size"), Takes::Whole));
        assert!(matches!(takes("lambda"), Takes::Number));
        assert!(matches!(takes("from"), Takes::Path));
        assert!(matches!(takes("no-mirror"), Takes::Nothing));
        assert!(matches!(takes("match"), Takes::Words));
        assert!(matches!(takes("range"), Takes::Word));
        // there are others than shells complete
        assert!(matches!(takes("device"), Takes::Word));
        assert!(matches!(takes("time"), Takes::Text));
        assert!(
            matches!(takes("resize"), Takes::OneOf(words) if words.contains(&"crop".to_string()))
        );
        assert!(
            !listed
                .iter()
                .any(|option| ["out", "help", "serve"].contains(&&*option.name))
        );
        assert!(
            options("evaluate")
                .iter()
                .any(|option| option.name == "out")
        );
    }
}
