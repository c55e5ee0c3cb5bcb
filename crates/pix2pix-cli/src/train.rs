//! `pix2pix train`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::slice;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::HumanDuration;
use pix2pix::bench::estimate;
use pix2pix::data::path_text::path_of;
use pix2pix::data::survey::{LeftOut, Survey};
use pix2pix::data::{
    CacheKind, Dataset, Domain, JitterConfig, ResizePolicy, Size, earth, passed_over,
};
use pix2pix::device::{Device, set_threads};
use pix2pix::network::{GeneratorConfig, summary};
use pix2pix::parallel::{Group, Shard, Wire};
use pix2pix::quality::Score;
use pix2pix::report::{self, Gallery, Reported, TensorBoard, write as write_report};
use pix2pix::run::{self, Event, Outcome, RunFolder, Warning, agreement};
use pix2pix::train::{MomentFormat, OptimizerConfig};
use pix2pix::{Error, RunConfig, model};
use pix2pix_server::Training;

use crate::beyond_args::{BeyondArgs, Preset};
use crate::choice::choice;
use crate::data_args::DataArgs;
use crate::demo_pictures;
use crate::failure::{Failure, print};
use crate::flags;
use crate::from_args::{FromArgs, Start as From};
use crate::interrupt;
use crate::machine_args::MachineArgs;
use crate::network_args::NetworkArgs;
use crate::output::say;
use crate::paths::{Plain, stored, word};
use crate::processes::Processes;
use crate::program::program;
use crate::progress::{Line, Lines, Progress};
use crate::serve::{self, training::Live};

/// Shown after the options.
pub const EXAMPLES: &str = "\
Examples:
  pix2pix train facades --out run         side-by-side pairs (or train/, val/)
  pix2pix train photos --out run          two folders A/ and B/, same names
  pix2pix train pairs.csv --out run       a table of paths: a,b,split
  pix2pix train facades.tar.gz --out run  an archive of any of these
  pix2pix train photos --val-fraction 0.1 --on-error skip --out run
  pix2pix train microscopy --range 0,4095 --out run
  pix2pix train bands --channels-a 5 --channels-b 1 --out run
  pix2pix train wide --load-size 572x286 --crop-size 512x256 --out run
  pix2pix train tall --resize scale-width --out run
  pix2pix train cells --vertical-mirror --turn --color-jitter 0.1 --out run
  pix2pix train many --workers 2 --cache ram --out run
  pix2pix train facades --keep-best ssim --patience 10 --out run
  pix2pix train facades --time 20m --out run    as many steps as fit
  pix2pix train mine --from runs/facades --out run
  pix2pix train large --generator hd-coarse --out coarse
  pix2pix train large --generator hd --from coarse --load-size 572 --crop-size 512 --out run
  pix2pix train --config run.toml --dry-run
  pix2pix train --resume run              resume; the result is bit-identical
  pix2pix train --resume run --steps 20000";

/// Options of `pix2pix train`.
#[derive(clap::Args)]
pub struct Args {
    /// Pairs, in one of these forms: side-by-side pictures (A left, B right) in a folder or in train/, val/
    /// and test/; two folders A/ and B/ (or trainA/, trainB/, ...) with matching file names; a .csv or .jsonl
    /// manifest with two columns of paths; or a .tar, .tar.gz or .zip of any of these;
    /// earth is the built-in data set
    #[arg(value_name = "DATA", required_unless_present = "resume")]
    path: Option<PathBuf>,
    /// New folder for the run: config.toml, metrics.jsonl, samples/, checkpoints/
    #[arg(long, value_name = "RUN", required_unless_present = "resume")]
    out: Option<PathBuf>,
    /// Resume a run that was stopped or killed; the result is bit-identical to that of an uninterrupted run.
    /// Give DATA only if it has moved, and --steps, --epochs or --time only to train for longer
    #[arg(long, value_name = "RUN")]
    resume: Option<PathBuf>,
    /// TOML file with options, such as batch_size = 4, and with data and out; the command line overrides it
    /// [default: none]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Check everything without training, and print the plan, the parameters, the memory, and the time of a step on this
    /// machine [default: off]
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    data: DataArgs,
    /// Passes over the data
    #[arg(long, default_value_t = 200, value_name = "N")]
    epochs: u64,
    /// Training steps, instead of --epochs [default: as many as --epochs gives]
    #[arg(long, value_name = "N", conflicts_with = "epochs")]
    steps: Option<u64>,
    /// Time of training instead of --epochs, such as 90s, 20m or 1h30m: as many steps as fit, with a learning rate that
    /// falls to 0 at the end (--lr-schedule linear) and averaged weights (--ema 0.998), unless you say otherwise
    /// [default: as long as --epochs takes]
    #[arg(long, value_name = "TIME", value_parser = seconds, conflicts_with_all = ["epochs", "steps", "decay_epochs"])]
    time: Option<Seconds>,
    /// Pairs per step
    #[arg(long, default_value_t = 1, value_name = "N")]
    batch_size: usize,
    /// Weight of the L1 loss (in units of [-1, 1]) relative to the adversarial loss
    #[arg(long, default_value_t = 100.0, value_name = "WEIGHT")]
    lambda: f64,
    /// Adam's learning rate
    #[arg(long, default_value_t = 2e-4, value_name = "RATE")]
    lr: f64,
    /// Adam's decay rate of the first moment
    #[arg(long, default_value_t = 0.5, value_name = "DECAY")]
    beta1: f32,
    #[command(flatten)]
    jitter: JitterArgs,
    /// Threads that decode and augment pairs; 0 for one on the CPU, and up to 8 for a card
    #[arg(long, default_value_t = 0, value_name = "N")]
    workers: usize,
    /// Cache for decoded pairs: ram, disk (a temporary file in the run folder), or off
    #[arg(long, value_parser = choice::<CacheKind>(), default_value_t = CacheKind::Off)]
    cache: CacheKind,
    #[command(flatten)]
    networks: NetworkArgs,
    #[command(flatten)]
    from: FromArgs,
    #[command(flatten)]
    beyond: BeyondArgs,
    /// Gradient checkpointing, for large pictures: recompute activations in the backward pass instead of keeping
    /// them, to save memory [default: off]
    #[arg(long)]
    recompute: bool,
    /// Number format of Adam's moments on the CPU; in the paper's networks, bf16 saves 0.2 GB
    #[arg(long, value_parser = choice::<MomentFormat>(), default_value_t = MomentFormat::F32, value_name = "FORMAT")]
    moments: MomentFormat,
    #[command(flatten)]
    processes: ProcessArgs,
    #[command(flatten)]
    run: RunArgs,
    /// Steps between lines of metrics.jsonl
    #[arg(long, default_value_t = 10, value_name = "N")]
    log_every: u64,
    /// Steps between contact sheets in samples/
    #[arg(long, default_value_t = 200, value_name = "N")]
    sample_every: u64,
    /// Steps between checkpoints
    #[arg(long, default_value_t = 500, value_name = "N")]
    save_every: u64,
    /// Number of newest checkpoints to keep
    #[arg(long, default_value_t = 3, value_name = "N")]
    keep: usize,
    /// Score on held-out pairs by which the best checkpoint is kept too, as checkpoints/best.safetensors; `--best` of
    /// other commands uses it [default: none]
    #[arg(long, value_parser = choice::<Score>(), value_name = "SCORE")]
    keep_best: Option<Score>,
    /// Number of samplings (--sample-every) without a better score of --keep-best after which the run ends; 0 for never
    #[arg(long, default_value_t = 0, value_name = "N")]
    patience: u64,
}

/// Options for training with several processes.
#[derive(clap::Args)]
struct ProcessArgs {
    /// Synchronize batch normalization: take the statistics over the pairs of all processes [default: each
    /// process its own]
    #[arg(long)]
    sync_norm: bool,
    /// Number format in which gradients are sent and added
    #[arg(long, value_parser = choice::<Wire>(), default_value_t = Wire::F32)]
    allreduce: Wire,
    /// Steps between checks that the weights of all processes are bit-identical
    #[arg(long, default_value_t = 100, value_name = "N")]
    check_every: u64,
}

/// Options that `train` and `demo` share.
#[derive(clap::Args)]
pub struct RunArgs {
    /// Random seed of weights, order, jitter and dropout; the same seed gives the same run
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    #[command(flatten)]
    pub machine: MachineArgs,
    /// Keep report.html in the run folder up to date; a resumed run keeps its report up to date too [default: off]
    #[arg(long)]
    pub report: bool,
    /// Write TensorBoard event files to tensorboard/ in the run folder [default: off]
    #[arg(long)]
    pub tensorboard: bool,
    /// Serve a web page with the curves, samples and log of the training, and the newest checkpoint to draw with
    /// [default: off; without ADDRESS: 127.0.0.1:8080]
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "127.0.0.1:8080", value_name = "ADDRESS", value_parser = serve::address)]
    pub serve: Option<SocketAddr>,
    /// Print errors only [default: off]
    #[arg(long)]
    pub quiet: bool,
}

/// Options for the size of pictures and for data augmentation.
#[derive(clap::Args)]
struct JitterArgs {
    /// How to bring pictures to the input size of the networks [default: scale-and-crop; with --preset best
    /// random-resized-crop]
    #[arg(long, value_parser = choice::<ResizePolicy>())]
    resize: Option<ResizePolicy>,
    /// Size to which pictures are resized before the crop: PIXELS or WIDTHxHEIGHT [default: 286; with --preset best 3/2 of
    /// --crop-size]
    #[arg(long, value_name = "SIZE")]
    load_size: Option<Size>,
    /// Size of the random crop: PIXELS or WIDTHxHEIGHT
    #[arg(long, default_value = "256", value_name = "SIZE")]
    crop_size: Size,
    /// Turn off mirroring left to right, of half of the pairs at random [default: mirror]
    #[arg(long)]
    no_mirror: bool,
    /// Mirror half of the pairs, at random, top to bottom [default: off]
    #[arg(long)]
    vertical_mirror: bool,
    /// Rotate pairs by random multiples of 90 degrees [default: off]
    #[arg(long)]
    turn: bool,
    /// Change brightness, contrast and saturation of A by random factors between 1 - SHARE and 1 + SHARE
    #[arg(long, default_value_t = 0.0, value_name = "SHARE")]
    color_jitter: f32,
}

impl JitterArgs {
    fn config(&self, multiple: u32, preset: Preset) -> JitterConfig {
        JitterConfig {
            resize: self.resize(preset),
            load_size: self.load_size.unwrap_or(preset.load_size(self.crop_size)),
            crop_size: self.crop_size,
            mirror: !self.no_mirror,
            vertical_mirror: self.vertical_mirror,
            turn: self.turn,
            color: self.color_jitter,
            multiple,
        }
    }

    fn resize(&self, preset: Preset) -> ResizePolicy {
        self.resize.unwrap_or(preset.resize())
    }

    /// The size (width, height) that decides the networks' depth: the crop size, or the data's own.
    fn sides(&self, data: Option<&Survey>, preset: Preset) -> [usize; 2] {
        let [width, height] = self.crop_size.sides();
        match (self.resize(preset), data) {
            (ResizePolicy::ScaleWidth, _) => [width; 2],
            (ResizePolicy::None, Some(data)) => {
                // the largest power of two that divides all sides
                let sides = data.sizes.keys().flatten();
                let halvings = sides.map(|side| side.trailing_zeros()).min().unwrap_or(0);
                // at least 64: for sizes that no network takes, the later check of the data has the better message
                [1 << halvings.max(6); 2]
            }
            _ => [width, height],
        }
    }
}

impl Args {
    fn config(
        &self,
        [source, target]: [Domain; 2],
        data: Option<(&Dataset, &Survey)>,
        from: Option<&From>,
    ) -> Result<RunConfig, Failure> {
        let (data_digest, data) = match data {
            Some((data, survey)) => (data.digest(), Some(survey)),
            None => (String::new(), None),
        };
        let channels = [source.planes(), target.planes()];
        let (generator, discriminator) = match from {
            Some(from) => from.networks(channels, self.networks.discriminator(channels))?,
            None => {
                let preset = self.beyond.preset;
                let sides = self.jitter.sides(data, preset);
                let is_whole = self.jitter.resize(preset) == ResizePolicy::None;
                self.networks.resolve((sides, is_whole), channels, preset)?
            }
        };
        let files = self.data.options(self.run.seed);
        let mut config = RunConfig {
            data: named(self.path.as_deref().unwrap_or(Path::new(""))),
            data_digest,
            direction: files.direction,
            source,
            target,
            val_fraction: files.val_fraction,
            pages: files.pages,
            neighbours: files.neighbours,
            matching: files.matching,
            squares: files.squares,
            on_error: self.data.on_error,
            workers: self.workers,
            cache: self.cache,
            steps: self.steps.unwrap_or(1),
            time: None,
            batch_size: self.batch_size,
            seed: self.run.seed,
            threads: self.run.machine.threads,
            recompute: self.recompute,
            device: self.run.machine.device.resolved(self.run.machine.precision),
            precision: self.run.machine.precision,
            log_every: self.log_every,
            sample_every: self.sample_every,
            save_every: self.save_every,
            keep: self.keep,
            keep_best: self.keep_best,
            patience: self.patience,
            ranks: 1, // set to the number of processes later
            sync_norm: self.processes.sync_norm,
            allreduce: self.processes.allreduce,
            check_every: self.processes.check_every,
            from: from.map(|from| from.model.origin.clone()),
            jitter: self.jitter.config(
                1 << generator.halvings().max(discriminator.halvings()),
                self.beyond.preset,
            ),
            optimizer: OptimizerConfig {
                lr: self.lr,
                schedule: self.beyond.lr_schedule,
                beta1: self.beta1,
                moments: self.moments,
                ema: self.beyond.ema(),
                accumulate: self.beyond.accumulate,
                freeze: self.from.freeze,
                freeze_generator: self.from.freeze_generator,
                ..OptimizerConfig::default()
            },
            objective: self.beyond.objective(self.lambda),
            generator,
            discriminator,
        };
        if let Some(Seconds(seconds)) = self.time {
            config.train_for(seconds);
        }
        config.validate()?;
        Ok(config)
    }
}

/// A length of time.
#[derive(Clone, Copy)]
struct Seconds(f64);

fn seconds(text: &str) -> Result<Seconds, String> {
    let time: Result<jiff::SignedDuration, _> = text.parse();
    let time = time.map_err(|_| "not a length of time such as 90s, 20m or 1h30m".to_string());
    Ok(Seconds(time?.as_secs_f64()))
}

/// Options that may be given with `--resume`.
const ON_RESUME: [&str; 10] = [
    "resume",
    "dry-run",
    "steps",
    "epochs",
    "time",
    "patience",
    "report",
    "tensorboard",
    "serve",
    "quiet",
];

/// Options for training with several processes.
const OF_PROCESSES: [&str; 3] = ["sync-norm", "allreduce", "check-every"];

/// Trains, alone or together with the other processes of `mpirun`.
pub fn run(mut args: Args, typed: &[String]) -> Result<(), Failure> {
    let processes = Processes::join()?;
    args.run.quiet |= !processes.shard().is_root();
    // only one process prints an error of the options
    let planned = processes.agreed(plan(&mut args, typed, &processes))?;
    let Planned {
        config,
        device,
        data,
        survey,
        root,
        notes,
    } = planned;
    let shown = args.run.shown();
    notes.iter().for_each(|note| shown.lines.say(note));
    if args.dry_run {
        let root = args.resume.is_none().then_some(root.as_path());
        let shown = match processes.shard().is_root() {
            true => foresee(&config, &device, &survey, root),
            false => Ok(()),
        };
        return processes.agreed(shown);
    }
    let group = processes.group(config.allreduce, config.sync_norm);
    if let Some(group) = &group {
        let same = agreement::check_options(&*group.communicator, &config, &survey);
        processes.agreed(same.map_err(Failure::from))?;
    }
    let folder = processes.agreed(match processes.shard().is_root() {
        true => RunFolder::lock(&root).map_err(Failure::from),
        false => Ok(RunFolder::of_root(&root)),
    })?;
    let training = Session {
        config,
        device,
        data: &data,
        folder,
        group,
        start: Start::of(&args),
        stop: interrupt::flag(processes.shard())?,
        shown,
    };
    processes.ended(finish(training, &root))
}

/// Trains in this process as a part of another program, to which `watch` belongs. There is no handler of Ctrl-C, and nothing
/// is printed.
pub fn embedded(mut args: Args, typed: &[String], watch: Watch) -> Result<Outcome, Failure> {
    if args.dry_run || args.run.serve.is_some() {
        let reason =
            "--dry-run and --serve are for the command line; remove them from the file of --config";
        return Err(Failure::Usage(reason.to_string()));
    }
    if let Some(name) = typed
        .iter()
        .find(|name| OF_PROCESSES.contains(&name.as_str()))
    {
        return Err(Failure::Usage(format!(
            "--{name} is for several processes of the command line; remove it from the file of --config"
        )));
    }
    let processes = Processes::join()?;
    if processes.shard().ranks > 1 {
        return Err(Failure::Usage(format!(
            "mpirun has started {} processes, and each would train alone; start this program without mpirun, or \
             `pix2pix train` with it",
            processes.shard().ranks
        )));
    }
    let planned = plan(&mut args, typed, &processes)?;
    let lines = Lines::Passed(watch.lines);
    planned.notes.iter().for_each(|note| lines.say(note));
    // whoever stops it so early wants no step
    if watch.stop.load(Ordering::Relaxed) {
        return Err(Failure::Interrupted);
    }
    let training = Session {
        folder: RunFolder::lock(&planned.root)?,
        config: planned.config,
        device: planned.device,
        data: &planned.data,
        group: None,
        start: Start::of(&args),
        stop: watch.stop,
        shown: Shown {
            lines,
            ..args.run.shown()
        },
    };
    train(training, &mut |event| {
        (watch.events)(event);
        Ok(())
    })
}

/// What a program that embeds a training is told, and how it stops it.
pub struct Watch<'a> {
    /// Receives the lines that the command would print.
    pub lines: &'a dyn Fn(Line),
    /// Receives every event. It may set `stop`.
    pub events: &'a mut dyn FnMut(&Event),
    /// Ends the run when it is set: at a line before the training, without a step; at an event of a step, after that step; or
    /// else after the step in progress.
    pub stop: Arc<AtomicBool>,
}

/// A planned run, before anything is written.
struct Planned {
    config: RunConfig,
    device: Device,
    data: Dataset,
    survey: Survey,
    root: PathBuf,
    /// What the user should know before the training begins, such as how the data set is read.
    notes: Vec<String>,
}

fn plan(args: &mut Args, typed: &[String], processes: &Processes) -> Result<Planned, Failure> {
    if args.epochs == 0 {
        return Err(Failure::Usage(
            "--epochs is 0; it must be at least 1".to_string(),
        ));
    }
    let Some(root) = args.resume.clone() else {
        return begin(args, typed, processes);
    };
    if let Some(other) = typed
        .iter()
        .find(|name| !ON_RESUME.contains(&name.as_str()))
    {
        return Err(Failure::Usage(format!(
            "--{other}: a resumed run keeps its options; with --resume, give only DATA, --steps, --epochs, \
             --time, --patience, --dry-run, --report, --tensorboard, --serve and --quiet"
        )));
    }
    resume(root, args, typed, processes)
}

/// A data set as the configuration names it.
fn named(path: &Path) -> String {
    match earth::is_typed(path) {
        true => earth::WORD.to_string(),
        false => stored(path),
    }
}

/// Prints what a training would do and need. `root` is the folder of a new run.
fn foresee(
    config: &RunConfig,
    device: &Device,
    survey: &Survey,
    root: Option<&Path>,
) -> Result<(), Failure> {
    if let Some(root) = root {
        RunFolder::lock(root)?.check_empty()?;
    }
    let seen = survey.sizes.keys();
    let seen = seen.filter_map(|size| config.jitter.seen(*size).ok());
    let largest = seen.max_by_key(|[width, height]| u64::from(*width) * u64::from(*height));
    let size = largest.unwrap_or(config.jitter.crop_size.0);
    let found = estimate(config, size, device)?;
    let seconds = found.step.as_secs_f64();
    let [width, height] = size;
    let (about, steps) = match config.time {
        Some(time) => ("about ", (time / seconds) as u64),
        None => ("", config.steps),
    };
    print(&format!(
        "steps: {about}{steps} on {} with {} threads, each of {} of {width}x{height} pixels\n\
         parameters: {} of the generator, {} of the discriminator\n\
         memory: about {}{}\n\
         time: {seconds:.3} s a step, {} for all steps without samples and checkpoints\n\
         nothing was written; without --dry-run, the training begins\n",
        config.device,
        config.threads,
        pairs(config.batch_size * config.optimizer.accumulate * config.ranks),
        summary::thousands(found.generator),
        summary::thousands(found.discriminator),
        summary::memory(found.memory),
        match config.recompute {
            true => " without --recompute, and less with it",
            false => "",
        },
        HumanDuration(Duration::from_secs_f64(
            found.step.as_secs_f64() * steps as f64
        )),
    ))
}

/// A number of pairs.
fn pairs(count: usize) -> String {
    match count {
        1 => "1 pair".to_string(),
        count => format!("{count} pairs"),
    }
}

/// Steps of `epochs` passes over a data set.
fn steps_of(epochs: u64, config: &RunConfig, data: &Dataset, shard: Shard) -> u64 {
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
            "{pairs} pairs are too few for {} processes with {} pairs per step each; start fewer processes or \
             choose a smaller --batch-size",
            shard.ranks, config.batch_size
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
    // report invalid options before reading any data; with --resize none, the sizes come from the data
    let from = args.from.open(typed, &args.networks)?;
    if args.jitter.resize(args.beyond.preset) != ResizePolicy::None {
        let channels = from.as_ref().map_or([3; 2], |from| from.model.channels());
        let domains = channels.map(|channels| Domain {
            channels,
            ..Domain::RGB8
        });
        args.config(domains, None, from.as_ref())?;
    }
    // before reading the data, which uses these threads
    let machine = &mut args.run.machine;
    machine.threads = set_threads(processes.threads(machine.threads))?;
    machine.device = machine.device.for_process(processes.local().rank);
    let device = machine.device.open(machine.precision)?;
    let (data, survey, left_out) = args.data.open(&path, args.run.seed)?;
    let read = args.data.domains(&data, &survey)?;
    let notes = read.notes()?;
    let sides = read.domains;
    let data = data.map(|pairs| pairs.in_domains(sides.clone()));
    let domains = args.data.direction.order(sides.clone());
    let mut config = args.config(domains, Some((&data, &survey)), from.as_ref())?;
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
    let file = args.config.as_ref();
    let mut told: Vec<String> = file
        .map(|file| format!("options: {}", file.plain()))
        .into_iter()
        .collect();
    told.extend(describe(&data, &survey, (&sides, &notes), &left_out));
    let is_hd = matches!(config.generator, GeneratorConfig::Hd(_));
    if is_hd && from.is_none() {
        told.push(
            "note: the coarse network begins with random weights; to train it first, train at half the size with --generator \
             hd-coarse, and begin with --generator hd --from that run"
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
        told.push(format!("from: {}: {whole}", model.origin.model));
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

/// Plans to resume a run.
fn resume(
    root: PathBuf,
    args: &Args,
    typed: &[String],
    processes: &Processes,
) -> Result<Planned, Failure> {
    let mut config = run::read_config(&root)?;
    // with the same number of processes as before, each keeps its number of threads
    if config.ranks != processes.shard().ranks {
        config.threads = processes.threads(0);
    }
    config.threads = set_threads(config.threads)?;
    let device = config.device.for_process(processes.local().rank);
    let device = device.open(config.precision)?;
    if let Some(path) = &args.path {
        config.data = named(path);
    }
    let (data, survey) = find_again(&root, &config)?;
    if !config.data_digest.is_empty() && config.data_digest != data.digest() {
        return Err(Error::file(
            &path_of(&config.data),
            "the data set has changed since the run began: its pairs differ",
            "restore the data set, or start a new run",
        )
        .into());
    }
    if typed.iter().any(|name| name == "patience") {
        config.patience = args.patience;
    }
    shared(&mut config, &data, processes.shard())?;
    if let Some(Seconds(seconds)) = args.time {
        config.train_for(seconds);
    } else if let Some(steps) = args.steps {
        (config.steps, config.time) = (steps, None);
    } else if typed.iter().any(|name| name == "epochs") {
        config.steps = steps_of(args.epochs, &config, &data, processes.shard());
        config.time = None;
    }
    Ok(Planned {
        config,
        device,
        data,
        survey,
        root,
        notes: Vec::new(),
    })
}

/// Opens the data set of a run with the options of its start.
fn find_again(root: &Path, config: &RunConfig) -> Result<(Dataset, Survey), Failure> {
    let path = path_of(&config.data);
    if !path.exists() && !earth::is_named(&config.data) {
        let remedy = format!(
            "give its new path: `pix2pix train DATA --resume {}`",
            word(root)
        );
        return Err(Error::file(&path, "the run's data set is not there any more", remedy).into());
    }
    let (data, survey) = config.open(&path, config.on_error)?;
    config.check_data(&survey)?;
    Ok((data, survey))
}

/// Trains, and prints where the results are.
fn finish(training: Session, out: &Path) -> Result<(), Failure> {
    let quiet = matches!(training.shown.lines, Lines::Nowhere);
    let keeps =
        matches!(training.start, Start::Resume) && demo_pictures::are_kept(out, &training.config);
    let outcome = train(training, &mut |event| match keeps {
        true => demo_pictures::keep(out, event),
        false => Ok(()),
    })?;
    if !quiet {
        let program = program();
        let (out, command) = (out.plain(), word(out));
        let ended = if outcome.interrupted {
            "stopped"
        } else {
            "done"
        };
        let go_on = match outcome.interrupted {
            true => format!("To resume, type:\n  {program} train --resume {command}\n"),
            false => String::new(),
        };
        let over = outcome.record.filter(|record| record.is_over());
        let over = over.map_or(String::new(), |record| {
            format!(" ({} no longer improves)", record.score.label())
        });
        let best = outcome
            .record
            .and_then(|record| Some((record.score, record.best?)));
        let best = best.map_or(String::new(), |(score, best)| {
            format!(
                "best checkpoint, for --best: {} {:.4} at step {}\n",
                score.label(),
                best.value,
                best.step
            )
        });
        say(&format!(
            "{ended} after {}{over}; newest checkpoint: {}\n{best}{go_on}\
             Look at {out}/samples/. To translate pictures, type:\n  \
             {program} translate {command} PICTURE... --out translated\n",
            steps(outcome.steps),
            outcome.checkpoint.plain(),
        ));
    }
    end(&outcome)
}

/// A number of steps, in words.
pub fn steps(count: u64) -> String {
    format!("{count} step{}", if count == 1 { "" } else { "s" })
}

/// Lines on the layout, sizes and skipped files of the data set, so that a wrong guess shows before the first step.
fn describe(
    data: &Dataset,
    survey: &Survey,
    ([a, b], notes): (&[Domain; 2], &[String]),
    left_out: &LeftOut,
) -> Vec<String> {
    let mut sizes = survey
        .sizes
        .keys()
        .map(|[width, height]| format!("{width}x{height}"));
    let sizes = match (survey.sizes.len(), sizes.next(), sizes.next_back()) {
        (1, Some(size), _) => format!("all {size} pixels"),
        (count, Some(least), Some(most)) => format!("{count} sizes from {least} to {most} pixels"),
        _ => String::new(),
    };
    let mut lines = vec![
        format!("data: {}; {sizes}", data.layout),
        format!("A: {a}; B: {b}"),
    ];
    lines.extend(notes.iter().map(|note| format!("note: {note}")));
    lines.extend(passed_over::summary(&data.passed_over));
    for error in &left_out.broken {
        lines.push(format!("skipped: {}", flags::named(&error.to_string())));
    }
    for path in &left_out.unmatched {
        let path = path.plain();
        lines.push(format!("skipped: {path}: no partner of the same name"));
    }
    let (broken, unmatched) = (left_out.broken.len(), left_out.unmatched.len());
    if broken + unmatched > 0 {
        lines.push(format!(
            "skipped: {broken} broken and {unmatched} unmatched"
        ));
    }
    lines
}

/// A training to start: the arguments of [`train`].
pub struct Session<'a> {
    /// The run's configuration.
    pub config: RunConfig,
    /// Its device, without autodiff.
    pub device: Device,
    /// Its data set.
    pub data: &'a Dataset,
    /// Its folder.
    pub folder: RunFolder,
    /// The processes that train together, if there are several.
    pub group: Option<Group>,
    /// How the run starts.
    pub start: Start,
    /// Ends the run when it is set.
    pub stop: Arc<AtomicBool>,
    /// The outputs for the user.
    pub shown: Shown<'a>,
}

/// How a run starts.
pub enum Start {
    /// In an empty folder, or in place of the run that its folder [replaces](RunFolder::replacing).
    New,
    /// From the newest checkpoint in the folder.
    Resume,
}

impl Start {
    /// As these options say.
    fn of(args: &Args) -> Self {
        match args.resume {
            Some(_) => Self::Resume,
            None => Self::New,
        }
    }
}

/// The outputs of a training for the user: report, TensorBoard, page and progress.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    report: bool,
    tensorboard: bool,
    serve: Option<SocketAddr>,
    lines: Lines<'a>,
}

impl RunArgs {
    /// The outputs that these options ask for.
    pub fn shown(&self) -> Shown<'static> {
        Shown {
            report: self.report,
            tensorboard: self.tensorboard,
            serve: self.serve,
            lines: match self.quiet {
                true => Lines::Nowhere,
                false => Lines::Stderr,
            },
        }
    }
}

/// Trains with a progress display, and passes every event to `also` as well. The caller has set the number of threads.
pub fn train(
    training: Session,
    also: &mut dyn FnMut(&Event) -> Result<(), Error>,
) -> Result<Outcome, Failure> {
    let Session {
        config,
        device,
        data,
        folder,
        group,
        start,
        stop,
        shown,
    } = training;
    let Shown {
        report,
        tensorboard,
        serve,
        lines,
    } = shown;
    let root = folder.root().to_path_buf();
    // a resumed run keeps the report that it has
    let is_resumed = matches!(start, Start::Resume);
    let page = root.join(report::NAME);
    let report = report || is_resumed && report::is_of_one_run(&page);
    if report && page.exists() && !report::is_of_one_run(&page) {
        let reason = "the file exists, and is not the report of this run";
        return Err(Error::file(&page, reason, "move it away, or omit --report").into());
    }
    let mut board = None;
    let shard = group.as_ref().map_or(Shard::default(), Group::shard);
    let serve = serve.filter(|_| shard.is_root());
    let watched = serve.map(|_| Arc::new(Training::new(&root, config.steps)));
    let progress = Progress::new(config.steps, config.time, lines, watched.clone());
    let (to_train, held_out) = (
        pairs(data.train.len()),
        data.val.as_ref().map_or(0, |val| val.len()),
    );
    let shown = match held_out {
        0 => "none held out (samples/ shows training pairs)".to_string(),
        held_out => format!("{held_out} held out"),
    };
    let processes = match shard.ranks {
        1 => String::new(),
        ranks => format!("{ranks} processes, each "),
    };
    progress.say(&format!(
        "{}: {to_train} to train on, {shown}; {} on {processes}{} with {} threads",
        path_of(&config.data).plain(),
        match config.time {
            Some(time) => HumanDuration(Duration::from_secs_f64(time)).to_string(),
            None => format!("{} steps", config.steps),
        },
        config.device,
        config.threads
    ));
    if config.device.is_card() {
        progress.say("the first two steps compile the card's kernels, and take longer");
    }
    let live = match serve.zip(watched.clone()) {
        None => None,
        Some((listen, training)) => {
            if matches!(start, Start::Resume) {
                training.recall(&root);
            }
            let (live, page) = Live::start(listen, &root, &config, training)?;
            progress.say(&format!("web page: {page}"));
            if !listen.ip().is_loopback() {
                progress.say("note: other machines reach the page, and anyone there may use it");
            }
            if matches!(start, Start::Resume)
                && !model::in_folder(&folder.checkpoints())?.is_empty()
            {
                live.saved()?;
            }
            Some(live)
        }
    };
    let mut failed = None;
    let mut gallery = None;
    let start = match start {
        Start::New => run::train,
        Start::Resume => run::resume,
    };
    let training = run::Training {
        config: &config,
        data,
        device,
        folder,
        group,
    };
    let outcome = start(training, &stop, &mut |event| {
        let mut kept = also(&event);
        if let Some(training) = &watched {
            training.saw(&event);
        }
        if tensorboard {
            kept = kept.and_then(|()| {
                // create it at the first event only: the run folder has to be empty at the start
                let begun = match board.take() {
                    Some(begun) => begun,
                    None => TensorBoard::create(&root.join("tensorboard"))?,
                };
                tell_board(board.insert(begun), &event)
            });
        }
        if let (Some(live), Event::Saved(_)) = (&live, &event) {
            kept = kept.and_then(|()| live.saved());
        }
        if let (
            true,
            Event::Sampled {
                step,
                pairs,
                outputs,
                held_out,
                ..
            },
        ) = (report, &event)
        {
            let shown = held_out.then(|| Gallery::of_sampling(&config, *step, pairs, outputs));
            gallery = shown;
            kept = kept.and_then(|()| keep_report(&root, &gallery));
        }
        if let Err(error) = kept {
            failed.get_or_insert(error);
            stop.store(true, Ordering::Relaxed);
        }
        match event {
            Event::Begun => {}
            Event::Left(time) => progress.left(time),
            Event::Step(metrics) => progress.step(metrics),
            Event::Logged(metrics) => progress.logged(metrics),
            Event::Sampled { path, .. } => progress.say(&format!("samples: {}", path.plain())),
            Event::Saved(path) => progress.say(&format!("checkpoint: {}", path.plain())),
            Event::Improved { path, score, best } => progress.say(&format!(
                "best checkpoint so far: {} ({} {:.4})",
                path.plain(),
                score.label(),
                best.value
            )),
            Event::Scored(scores) => {
                let known = Score::ALL.into_iter().filter_map(|score| {
                    let unit = if score == Score::L1 { " of 255" } else { "" };
                    let value = scores.value(score)?;
                    Some(format!("{} {value:.4}{unit}", score.label()))
                });
                progress.say(&format!(
                    "held-out pairs: {}",
                    known.collect::<Vec<_>>().join("  ")
                ));
            }
            Event::Skipped(reason) => progress.say(&flags::named(&format!("skipped: {reason}"))),
            Event::Warned(Warning { step, warning }) => {
                let warning = flags::named(warning);
                progress.say(&format!("warning at step {step}: {warning}"));
            }
            Event::Noted(text) => progress.say(&flags::named(&format!("note: {text}"))),
        }
    });
    progress.finish();
    let outcome = failed.map_or(outcome, Err);
    if report && shard.is_root() && page.exists() {
        if gallery.is_some() || held_out == 0 {
            // once more: now that its folder is unlocked, the run is no longer running
            let written = keep_report(&root, &gallery);
            if outcome.is_ok() {
                written?;
            }
        } else if is_behind(&page, &root) {
            // it stays: it has the pictures of an earlier session, and this one has made none
            progress.say(&format!(
                "note: {} does not show the run's last steps; pix2pix report {} draws it again",
                page.plain(),
                word(&root)
            ));
        }
    }
    Ok(outcome?)
}

/// Writes the report of a run that goes on.
fn keep_report(root: &Path, gallery: &Option<Gallery>) -> Result<(), Error> {
    let run = Reported {
        root: root.to_path_buf(),
        gallery: gallery.clone(),
    };
    // what it cannot read of the run's files was told when the run began
    write_report(slice::from_ref(&run), &root.join(report::NAME)).map(drop)
}

/// Whether a run has written losses or scores after its report.
fn is_behind(page: &Path, root: &Path) -> bool {
    let time = |file: &Path| file.metadata().and_then(|found| found.modified()).ok();
    let logs = ["metrics.jsonl", "scores.jsonl"].map(|name| time(&root.join(name)));
    logs.into_iter().any(|log| log > time(page))
}

/// Writes an event to TensorBoard.
fn tell_board(board: &mut TensorBoard, event: &Event) -> Result<(), Error> {
    match event {
        Event::Logged(metrics) => board.losses(metrics),
        Event::Scored(scores) => board.scores(scores),
        Event::Sampled {
            path, sheet, step, ..
        } => board.sheet(*step, path, [sheet.width(), sheet.height()]),
        _ => Ok(()),
    }
}

/// Turns an interrupted outcome into [`Failure::Interrupted`].
pub fn end(outcome: &Outcome) -> Result<(), Failure> {
    if outcome.interrupted {
        return Err(Failure::Interrupted);
    }
    Ok(())
}
