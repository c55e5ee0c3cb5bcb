//! Plans a run: reads its options and its data, and finds its configuration, before anything is written.

use std::path::{Path, PathBuf};

use pix2pix::data::path_text::path_of;
use pix2pix::data::survey::{LeftOut, Survey};
use pix2pix::data::{
    Change, Dataset, Domain, Duplicate, JitterConfig, ResizePolicy, earth, leaked, passed_over,
};
use pix2pix::device::{Device, cores, set_threads};
use pix2pix::network::{GeneratorConfig, Norm};
use pix2pix::parallel::Shard;
use pix2pix::run::{self, PLATEAU};
use pix2pix::train::{Gan, Schedule};
use pix2pix::{Error, RunConfig};

use super::args::{Args, Seconds, named};
use crate::beyond_args::Preset;
use crate::config_file;
use crate::failure::Failure;
use crate::flags;
use crate::from_args::Start as From;
use crate::paths::{Plain, word};
use crate::processes::Processes;
use crate::program::program;
use crate::typed::is_given;
use crate::words::count;

/// Options that may be given for a run whose options are known, with `--resume` or with the `--config` of a run: its length, and
/// what is seen of it.
const ON_KNOWN: [&str; 9] = [
    "steps",
    "epochs",
    "time",
    "patience",
    "dry-run",
    "report",
    "tensorboard",
    "serve",
    "quiet",
];

/// Those of the machine and of the run's files, which change no setting of the training: another machine needs others.
const OF_MACHINE: [&str; 11] = [
    "device",
    "precision",
    "threads",
    "workers",
    "cache",
    "recompute",
    "moments",
    "log-every",
    "sample-every",
    "save-every",
    "keep",
];

/// The remedy for an option that the configuration of a run does not take.
const IN_A_COPY: &str = "change it in a copy of the file";

/// The command that begins a new run from the one in a folder: the remedy where that one cannot go on as is asked for.
fn anew(root: &Path) -> String {
    format!("`{} train DATA --out NEW --from {}`", program(), word(root))
}

/// A planned run, before anything is written.
pub struct Planned {
    pub config: RunConfig,
    pub device: Device,
    pub data: Dataset,
    pub survey: Survey,
    pub root: PathBuf,
    /// What the user should know before the training begins, such as how the data set is read.
    pub notes: Vec<String>,
}

/// Plans a run. `typed` are the options on the command line.
pub fn plan(args: &mut Args, typed: &[String], processes: &Processes) -> Result<Planned, Failure> {
    if args.epochs == 0 {
        return Err(Failure::Usage(
            "--epochs is 0; it must be at least 1".to_string(),
        ));
    }
    let other = |own: &[&str]| {
        let known = |name: &str| {
            let lists = [own, &ON_KNOWN, &OF_MACHINE];
            lists.iter().any(|list| list.contains(&name))
        };
        typed.iter().find(|name| !known(name))
    };
    if let Some(root) = args.resume.clone() {
        if let Some(other) = other(&["resume"]) {
            return Err(Failure::Usage(format!(
                "--{other}: a resumed run keeps its options; for others, begin a new run from it: {}",
                anew(&root)
            )));
        }
        return resume(root, args, typed, processes);
    }
    if let Some(file) = args.config.clone()
        && config_file::is_of_run(&config_file::read(&file)?)
    {
        if let Some(other) = other(&["config", "out", "seed"]) {
            return Err(Failure::Usage(format!(
                "--{other}: {} is the configuration of a run, which is repeated as it was; {IN_A_COPY}",
                file.plain()
            )));
        }
        return repeat(&file, args, typed, processes);
    }
    begin(args, typed, processes)
}

/// Steps of `epochs` passes over a data set.
pub fn steps_of(epochs: u64, config: &RunConfig, data: &Dataset, shard: Shard) -> u64 {
    let batches = config.walk(data.train.len(), shard, 0).batches_per_epoch();
    epochs
        .saturating_mul(batches)
        .div_ceil(config.optimizer.accumulate as u64)
}

/// Stores the number of processes in the configuration, and checks that the data has enough pairs for all.
fn shared(config: &mut RunConfig, data: &Dataset, shard: Shard) -> Result<(), Failure> {
    config.ranks = shard.ranks;
    config.validate()?;
    let pairs = data.train.len();
    if config.walk(pairs, shard, 0).batches_per_epoch() == 0 {
        return Err(Failure::Usage(format!(
            "there are too few pairs to train on, {pairs}, for {} processes with {} per step each; start fewer processes \
             or choose a smaller --batch-size",
            shard.ranks,
            count(config.batch_size as u64, "pair")
        )));
    }
    Ok(())
}

/// Plans a new run.
fn begin(args: &mut Args, typed: &[String], processes: &Processes) -> Result<Planned, Failure> {
    let (Some(path), Some(out)) = (args.path.clone(), args.out.clone()) else {
        unreachable!("clap requires both without --resume");
    };
    if args.time.is_some() {
        args.beyond.for_time(typed);
    }
    let decay_epochs = args.beyond.decay_epochs()?;
    args.jitter.check_sizes(typed, args.beyond.preset)?;
    // report invalid options before reading any data; with --resize none, the sizes come from the data
    let from = args.from.open(typed, &args.networks)?;
    if args.jitter.resize(args.beyond.preset) != ResizePolicy::None {
        let channels = from.as_ref().map_or([3; 2], |from| from.model.channels());
        let domains = channels.map(|channels| Domain {
            channels,
            ..Domain::RGB8
        });
        args.config_of(domains, None, from.as_ref())?;
    }
    // before reading the data, which uses these threads
    let machine = &mut args.run.machine;
    set_threads(processes.threads(machine.threads))?;
    machine.device = machine.device.for_process(processes.local().rank);
    let device = machine.device.open(machine.precision)?;
    let (data, survey, left_out) = args.data.open(&path, args.run.seed)?;
    let read = args.data.domains(&data, &survey)?;
    let notes = read.notes()?;
    let sides = read.domains;
    let data = data.map(|pairs| pairs.in_domains(sides.clone()));
    let domains = args.data.direction.order(sides.clone());
    let mut config = args.config_of(domains, Some((&data, &survey)), from.as_ref())?;
    config.check_data(&survey)?;
    config.check_pixels(&data)?;
    config.check_held_out(&data)?;
    shared(&mut config, &data, processes.shard())?;
    if args.steps.is_none() && args.time.is_none() {
        config.steps = steps_of(args.epochs, &config, &data, processes.shard());
    }
    if let Some(epochs) = decay_epochs {
        config.optimizer.decay_steps = steps_of(epochs, &config, &data, processes.shard());
    }
    config.check_course()?;
    config.check_effects()?;
    let file = args.config.as_ref();
    let mut told: Vec<String> = file
        .map(|file| format!("options: {}", file.plain()))
        .into_iter()
        .collect();
    let sizes = sizes(&survey, &config.jitter);
    told.extend(describe(&data, &sizes, (&sides, &notes), &left_out));
    told.extend(leakage(&data));
    told.extend(without_effect(&config));
    let is_hd = matches!(config.generator, GeneratorConfig::Hd(_));
    if is_hd && from.is_none() {
        told.push(
            "note: the coarse network begins with random weights; to train it first, train at half the size with --generator \
             hd-coarse, and begin with --generator hd --from that run"
                .to_string(),
        );
    }
    let is_penalized = config.objective.gan == Gan::WassersteinPenalty;
    if is_penalized && config.discriminator.norm == Norm::Batch && config.batch_size > 1 {
        told.push(
            "note: --gan wgan-gp penalizes the slope at each pair by itself, and with --norm batch the discriminator judges the \
             pairs of a batch together; its authors advise against it: choose another --norm, or --batch-size 1"
                .to_string(),
        );
    }
    if let Some(From { model, .. }) = &from {
        let whole = match (
            is_hd && !model.is_coarse_to_fine(),
            model.has_discriminator(),
        ) {
            (false, true) => "generator and discriminator",
            (false, false) => "generator; the discriminator is new",
            (true, true) => "coarse network and discriminator; the enhancer is new",
            (true, false) => "coarse network; the enhancer and the discriminator are new",
        };
        let anew = match new_layers(model, &config)[..] {
            [] => String::new(),
            [layer] => format!("; {layer} begins anew"),
            [ref layers @ .., last] => format!("; {} and {last} begin anew", layers.join(", ")),
        };
        told.push(format!("from: {}: {whole}{anew}", model.origin.model));
        if args.beyond.preset == Preset::Best {
            told.push(
                "note: the networks are those of that model: of --preset best, --upsample and --input-skip do not count"
                    .to_string(),
            );
        }
        let (from, now) = (model.direction(), args.data.direction);
        if from != now {
            told.push(format!(
                "note: that model was trained {from}, and this run trains {now}"
            ));
        }
    }
    Ok(Planned {
        config,
        device,
        data,
        survey,
        root: out,
        notes: told,
    })
}

/// Says what of a run's options does nothing, as it is or in so few steps.
fn without_effect(config: &RunConfig) -> Vec<String> {
    let optimizer = &config.optimizer;
    let mut notes = Vec::new();
    if optimizer.lr == 0.0 {
        notes.push("note: with --lr 0, no weight is trained".to_string());
    }
    let falls_after = optimizer.decay_steps;
    let is_stepped = optimizer.schedule == Schedule::Step && config.time.is_none();
    if is_stepped && falls_after >= config.steps {
        notes.push(format!(
            "note: the rate of --lr-schedule step first falls after {}, and the run has {}; choose a smaller --decay-epochs",
            count(falls_after, "step"),
            config.steps
        ));
    }
    // behind the last sampling, no step follows that it could change
    let few = |samplings: u64| {
        let needed = samplings.saturating_mul(config.sample_every);
        config.time.is_none() && needed >= config.steps
    };
    if optimizer.schedule == Schedule::Plateau && few(1 + PLATEAU) {
        notes.push(format!(
            "note: the rate of --lr-schedule plateau can fall after {} samplings at the earliest, and the run has too few steps \
             for so many; choose a smaller --sample-every",
            1 + PLATEAU
        ));
    }
    let patience = config.patience;
    if patience > 0 && few(patience.saturating_add(1)) {
        notes.push(format!(
            "note: with --patience {patience}, the run can end after {} samplings at the earliest, and it has too few steps for so \
             many; choose a smaller --sample-every",
            patience.saturating_add(1)
        ));
    }
    notes
}

/// Says which held-out pairs are training pairs too.
fn leakage(data: &Dataset) -> Option<String> {
    let found = leaked(&data.train, data.val.as_ref()?);
    let Duplicate { first, again, .. } = found.first()?;
    let (pairs, are) = match found.len() {
        1 => ("1 held-out pair".to_string(), "is a training pair"),
        count => (format!("{count} held-out pairs"), "are training pairs"),
    };
    Some(format!(
        "note: {pairs} {are} too, so scores tell less of new pictures: {} is the same as {}; remove the duplicates",
        again.plain(),
        first.plain()
    ))
}

/// The layers of a model that begin anew in a run, since the data has other channels. Of a network that is new as a whole, none.
fn new_layers(model: &run::Beginning, config: &RunConfig) -> Vec<&'static str> {
    let [into, out] = model.channels();
    let [source, target] = config.generator.channels();
    let (is_first, is_last) = (into != source, out != target);
    let is_hd = matches!(config.generator, GeneratorConfig::Hd(_));
    let layers = [
        (is_first, "the generator's first layer"),
        (
            is_last && is_hd == model.is_coarse_to_fine(),
            "the generator's last layer",
        ),
        (
            (is_first || is_last) && model.has_discriminator(),
            "the discriminator's first layer",
        ),
    ];
    let anew = layers.into_iter().filter(|(is_new, _)| *is_new);
    anew.map(|(_, layer)| layer).collect()
}

/// Said when a run goes on with other files than those that it began with.
const FILES_CHANGED: &str = "note: the data set has changed since the run began: its files, masks included, are not \
                             all those of then; the run goes on with them, and its scores are those of two data sets";

/// Plans to resume a run.
fn resume(
    root: PathBuf,
    args: &Args,
    typed: &[String],
    processes: &Processes,
) -> Result<Planned, Failure> {
    let mut config = run::read_config(&root)?;
    let mut notes = Vec::from_iter(set_machine(&mut config, args, typed));
    let device = open_device(&mut config, typed, processes)?;
    if let Some(path) = &args.path {
        config.data = named(path);
    }
    let gone = format!(
        "give its new path: `{} train DATA --resume {}`",
        program(),
        word(&root)
    );
    let wrong = "DATA is the new path of the run's data set; omit it if that has not moved";
    let (data, survey) = find_again(&config, args.path.as_deref(), [wrong, &gone])?;
    match data.changed_since(&config.data_digest) {
        None => {}
        Some(Change::Files) => notes.push(FILES_CHANGED.to_string()),
        Some(Change::Pairs) => {
            return Err(Error::file(
                &path_of(&config.data),
                "the data set has changed since the run began: its pairs differ",
                format!(
                    "restore it, or begin a new run from this one: {}",
                    anew(&root)
                ),
            )
            .into());
        }
    }
    let with = (&data, processes.shard());
    let remedy = format!("begin a new run from it: {}", anew(&root));
    notes.extend(set_length(&mut config, args, typed, with, &remedy)?);
    Ok(Planned {
        config,
        device,
        data,
        survey,
        root,
        notes,
    })
}

/// Plans a new run with the settings of another, whose configuration is in a file.
fn repeat(
    file: &Path,
    args: &Args,
    typed: &[String],
    processes: &Processes,
) -> Result<Planned, Failure> {
    let Some(root) = args.out.clone() else {
        unreachable!("clap requires it without --resume");
    };
    let mut config = run::read_config_file(file)?;
    let changed = set_machine(&mut config, args, typed);
    let device = open_device(&mut config, typed, processes)?;
    if is_given(typed, "seed") {
        config.reseed(args.run.seed);
    }
    // the file's own data set has come as a word of the command
    let other = args.path.as_deref();
    let other = other.filter(|path| path.to_str() != Some(&config.data));
    if let Some(path) = other {
        config.data = named(path);
    }
    let remedies = [
        "DATA is the data set of the new run; omit it for that of the run in the file",
        "give its new path as DATA, or another data set",
    ];
    let (mut data, mut survey) = find_again(&config, other, remedies)?;
    let change = data.changed_since(&config.data_digest);
    if change == Some(Change::Pairs) {
        // which pairs were held out is known of the other run's data alone
        config.data_digest.clear();
        (data, survey) = find_again(&config, other, remedies)?;
    }
    let mut notes = vec![format!("options: {}, those of a run", file.plain())];
    notes.extend(changed);
    if change.is_some() {
        notes.push(
            "note: the data set is another than that run's, or has changed since".to_string(),
        );
    }
    notes.extend(leakage(&data));
    config.data_digest = data.digest();
    config.remember_shapes(&data, &survey);
    config.check_pixels(&data)?;
    config.check_held_out(&data)?;
    if let Some(seconds) = config.time {
        config.train_for(seconds);
    }
    let with = (&data, processes.shard());
    notes.extend(set_length(&mut config, args, typed, with, IN_A_COPY)?);
    let checked = config.check_course().and_then(|()| config.check_effects());
    checked.map_err(|error| {
        // nobody has typed what is wrong
        let remedy = "its other settings are that run's: give more --steps, or change them in a copy of the file";
        Failure::Usage(format!("{}; {remedy}", flags::named(&error.to_string())))
    })?;
    notes.extend(without_effect(&config));
    Ok(Planned {
        config,
        device,
        data,
        survey,
        root,
        notes,
    })
}

/// Gives a known run what is given of its machine and of its files. Returns what to say of it.
fn set_machine(config: &mut RunConfig, args: &Args, typed: &[String]) -> Option<String> {
    let before = config.clone();
    let machine = &args.run.machine;
    for name in typed {
        match name.as_str() {
            "precision" => config.precision = machine.precision,
            "threads" => config.threads = machine.threads,
            "workers" => config.workers = args.workers,
            "cache" => config.cache = args.cache,
            "recompute" => config.recompute = args.recompute,
            "moments" => config.optimizer.moments = args.moments,
            "log-every" => config.log_every = args.log_every,
            "sample-every" => config.sample_every = args.sample_every,
            "save-every" => config.save_every = args.save_every,
            "keep" => config.keep = args.keep,
            _ => {}
        }
    }
    if is_given(typed, "device") {
        // the fastest one depends on the precision
        config.device = machine.device.resolved(config.precision);
    }
    let threads = |config: &RunConfig| match config.threads {
        0 => cores(),
        given => given,
    };
    let optimizer = &config.optimizer;
    // what happens at a sampling
    let counts = optimizer.schedule == Schedule::Plateau || config.keep_best.is_some();
    let others = [
        ("device", before.device != config.device),
        ("precision", before.precision != config.precision),
        ("threads", threads(&before) != threads(&*config)),
        ("moments", before.optimizer.moments != optimizer.moments),
        (
            "sample-every",
            counts && before.sample_every != config.sample_every,
        ),
    ];
    let others = others.into_iter().filter(|(_, is_other)| *is_other);
    let others: Vec<String> = others.map(|(name, _)| format!("--{name}")).collect();
    (!others.is_empty()).then(|| {
        format!(
            "note: with another {}, the result is no longer the same bit for bit",
            others.join(", ")
        )
    })
}

/// Opens the device of a known run, and sets its number of threads: with the same number of processes as before, each keeps
/// its own.
fn open_device(
    config: &mut RunConfig,
    typed: &[String],
    processes: &Processes,
) -> Result<Device, Failure> {
    if config.ranks != processes.shard().ranks && !is_given(typed, "threads") {
        config.threads = 0;
    }
    set_threads(processes.threads(config.threads))?;
    let device = config.device.for_process(processes.local().rank);
    Ok(device.open(config.precision)?)
}

/// Changes the length of a known run to what is asked for, and its number of processes to that of these. Returns what to say of
/// it. `remedy` is that for what the run lacks.
fn set_length(
    config: &mut RunConfig,
    args: &Args,
    typed: &[String],
    (data, shard): (&Dataset, Shard),
    remedy: &str,
) -> Result<Option<String>, Failure> {
    if is_given(typed, "patience") {
        if args.patience > 0 && config.keep_best.is_none() {
            return Err(Failure::Usage(format!(
                "--patience: the run has no --keep-best, whose score it counts; {remedy}"
            )));
        }
        config.patience = args.patience;
    }
    shared(config, data, shard)?;
    let mut note = None;
    if let Some(Seconds(seconds)) = args.time {
        let (schedule, ema) = (config.optimizer.schedule, config.optimizer.ema);
        let differs = config.time.is_none() && (schedule == Schedule::Constant || ema == 0.0);
        note = differs.then(|| {
            format!(
                "note: --time changes only the length of a known run, which keeps --lr-schedule {schedule} and --ema {ema}"
            )
        });
        config.train_for(seconds);
    } else if let Some(steps) = args.steps {
        (config.steps, config.time) = (steps, None);
    } else if is_given(typed, "epochs") {
        config.steps = steps_of(args.epochs, config, data, shard);
        config.time = None;
    }
    Ok(note)
}

/// Opens the data set of a run with the options of its start. `typed` is its path on the command line, if it has one there. The
/// remedies are for one that is typed and not there, and for that of the run.
fn find_again(
    config: &RunConfig,
    typed: Option<&Path>,
    [wrong, gone]: [&str; 2],
) -> Result<(Dataset, Survey), Failure> {
    let path = path_of(&config.data);
    if !path.exists() && !earth::is_named(&config.data) {
        if let Some(typed) = typed {
            return Err(Error::file(typed, "no such file or folder", wrong).into());
        }
        return Err(Error::file(&path, "the run's data set is not there any more", gone).into());
    }
    let (data, survey) = config.open(&path, config.on_error)?;
    config.check_data(&survey)?;
    Ok((data, survey))
}

/// The sizes of the data set's pictures, and what the training makes of them.
fn sizes(survey: &Survey, jitter: &JitterConfig) -> String {
    let shown = |[width, height]: [u32; 2]| format!("{width}x{height}");
    let [crop, load] = [jitter.crop_size.0, jitter.load_size.0];
    let has_others = |size: [u32; 2]| survey.sizes.keys().any(|other| *other != size);
    let made = match jitter.resize {
        ResizePolicy::ScaleAndCrop if has_others(load) => {
            format!(", resized to {} for training", shown(load))
        }
        ResizePolicy::RandomResizedCrop => {
            format!(
                ", of which parts are resized to {} for training",
                shown(crop)
            )
        }
        ResizePolicy::ScaleWidth => format!(", resized to a width of {} for training", crop[0]),
        ResizePolicy::ScaleAndCrop | ResizePolicy::Crop | ResizePolicy::None => String::new(),
    };
    let mut sizes = survey.sizes.keys().copied().map(shown);
    match (survey.sizes.len(), sizes.next(), sizes.next_back()) {
        (1, Some(size), _) => format!("all {size} pixels{made}"),
        (count, Some(least), Some(most)) => {
            format!("{count} sizes from {least} to {most} pixels{made}")
        }
        _ => String::new(),
    }
}

/// Lines on the layout, sizes and skipped files of the data set, so that a wrong guess shows before the first step.
fn describe(
    data: &Dataset,
    sizes: &str,
    ([a, b], notes): (&[Domain; 2], &[String]),
    left_out: &LeftOut,
) -> Vec<String> {
    let mut lines = vec![
        format!("data: {}; {sizes}", data.layout),
        format!("A: {a}; B: {b}"),
    ];
    let notes = data.notes.iter().chain(notes);
    lines.extend(notes.map(|note| format!("note: {note}")));
    lines.extend(passed_over::summary(&data.passed_over));
    for error in &left_out.broken {
        lines.push(format!("skipped: {}", flags::named(&error.to_string())));
    }
    for path in &left_out.unmatched {
        let path = path.plain();
        lines.push(format!("skipped: {path}: no partner of the same name"));
    }
    for line in &left_out.incomplete {
        lines.push(format!("skipped: {}", line.said()));
    }
    let broken = left_out.broken.len();
    let unmatched = left_out.unmatched.len() + left_out.incomplete.len();
    if broken + unmatched > 0 {
        lines.push(format!(
            "skipped: {broken} broken and {unmatched} unmatched"
        ));
    }
    lines
}
