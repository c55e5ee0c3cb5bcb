//! `pix2pix train`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::slice;

use clap::ValueEnum;
use pix2pix::data::survey::{self, LeftOut, Survey};
use pix2pix::data::{Dataset, Domain, JitterConfig, ResizePolicy, Size, earth};
use pix2pix::device::{Device, set_threads};
use pix2pix::parallel::{Group, Shard, Wire};
use pix2pix::report::{TensorBoard, write as write_report};
use pix2pix::run::{self, Event, Outcome, RunFolder, Warning, agreement};
use pix2pix::train::OptimizerConfig;
use pix2pix::{Error, RunConfig, model};

use crate::beyond_args::BeyondArgs;
use crate::data_args::DataArgs;
use crate::failure::{Failure, print};
use crate::interrupt;
use crate::job::Job;
use crate::machine_args::MachineArgs;
use crate::network_args::NetworkArgs;
use crate::progress::Progress;
use crate::serve::training::Live;

/// Shown after the options.
pub const EXAMPLES: &str = "\
Examples:
  pix2pix train facades --out run         side by side, in one folder or train/, val/
  pix2pix train photos --out run          two folders A/ and B/, by name
  pix2pix train pairs.csv --out run       a table of paths: a,b,split
  pix2pix train facades.tar.gz --out run  an archive of any of these
  pix2pix train photos --val-fraction 0.1 --on-error skip --out run
  pix2pix train microscopy --range 0,4095 --out run
  pix2pix train bands --channels-a 5 --channels-b 1 --out run
  pix2pix train wide --load-size 572x286 --crop-size 512x256 --out run
  pix2pix train tall --resize scale-width --out run
  pix2pix train cells --vertical-mirror --turn --color-jitter 0.1 --out run
  pix2pix train many --workers 2 --cache ram --out run
  pix2pix train --resume run              go on where it stopped, bit for bit
  pix2pix train --resume run --steps 20000";

/// Options of `pix2pix train`.
#[derive(clap::Args)]
pub struct Args {
    /// Pairs: side by side (A at the left, B at the right) in a folder or in train/, val/ and test/;
    /// in two folders A/ and B/ (or trainA/, trainB/, ...) by name; a .csv or .jsonl manifest with two
    /// columns of paths; or a .tar, .tar.gz or .zip of these
    #[arg(value_name = "DATA", required_unless_present = "resume")]
    path: Option<PathBuf>,
    /// New folder for the run: config.toml, metrics.jsonl, samples/, checkpoints/
    #[arg(long, value_name = "RUN", required_unless_present = "resume")]
    out: Option<PathBuf>,
    /// Go on with a run that was stopped or killed, bit for bit as if it never was; DATA is needed only
    /// where it has moved, and --steps or --epochs only to train for longer
    #[arg(long, value_name = "RUN")]
    resume: Option<PathBuf>,
    #[command(flatten)]
    data: DataArgs,
    /// Passes over the data
    #[arg(long, default_value_t = 200, value_name = "N")]
    epochs: u64,
    /// Training steps, instead of --epochs [default: as many as --epochs make]
    #[arg(long, value_name = "N", conflicts_with = "epochs")]
    steps: Option<u64>,
    /// Pairs in a step
    #[arg(long, default_value_t = 1, value_name = "N")]
    batch_size: usize,
    /// Weight of L1 against the adversarial loss
    #[arg(long, default_value_t = 100.0, value_name = "WEIGHT")]
    lambda: f64,
    /// Adam's learning rate
    #[arg(long, default_value_t = 2e-4, value_name = "RATE")]
    lr: f64,
    /// Adam's decay of the first moment
    #[arg(long, default_value_t = 0.5, value_name = "DECAY")]
    beta1: f32,
    #[command(flatten)]
    jitter: JitterArgs,
    /// Threads that decode and vary pairs
    #[arg(long, default_value_t = 1, value_name = "N")]
    workers: usize,
    /// Where decoded pairs are kept: ram, disk (a file in the run's folder that goes with the
    /// program), or off
    #[arg(long, value_enum, default_value_t = CacheName::Off)]
    cache: CacheName,
    #[command(flatten)]
    networks: NetworkArgs,
    #[command(flatten)]
    beyond: BeyondArgs,
    /// Let backward passes compute again what would take memory to keep: for large pictures [default: keep it]
    #[arg(long)]
    recompute: bool,
    #[command(flatten)]
    processes: ProcessArgs,
    #[command(flatten)]
    run: RunArgs,
    /// Steps between two lines of metrics.jsonl
    #[arg(long, default_value_t = 10, value_name = "N")]
    log_every: u64,
    /// Steps between two contact sheets in samples/
    #[arg(long, default_value_t = 200, value_name = "N")]
    sample_every: u64,
    /// Steps between two checkpoints
    #[arg(long, default_value_t = 500, value_name = "N")]
    save_every: u64,
    /// Newest checkpoints that are kept
    #[arg(long, default_value_t = 3, value_name = "N")]
    keep: usize,
}

/// Options of several processes that train together.
#[derive(clap::Args)]
#[command(next_help_heading = "Several processes (mpirun -n N pix2pix train ...)")]
struct ProcessArgs {
    /// Let batch normalization take the statistics of the pairs of all processes [default: of its own]
    #[arg(long)]
    sync_norm: bool,
    /// Format in which gradients are sent and added
    #[arg(long, value_enum, default_value_t = WireName::F32)]
    allreduce: WireName,
    /// Steps between two checks that all processes have the same weights, bit for bit
    #[arg(long, default_value_t = 100, value_name = "N")]
    check_every: u64,
}

/// Options of a run that training shares with the demo.
#[derive(clap::Args)]
pub struct RunArgs {
    /// Seed of weights, order, jitter and dropout: the same seed gives the same run
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    #[command(flatten)]
    pub machine: MachineArgs,
    /// Keep report.html in the run's folder up to date [default: off]
    #[arg(long)]
    pub report: bool,
    /// Write TensorBoard's events to tensorboard/ in the run's folder [default: off]
    #[arg(long)]
    pub tensorboard: bool,
    /// Serve a page to draw on with the newest checkpoint, as pix2pix serve does [default: off; without an address:
    /// 127.0.0.1:8080]
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    pub serve: Option<SocketAddr>,
    /// Print errors only [default: off]
    #[arg(long)]
    pub quiet: bool,
}

/// Options that say how pairs are brought to a size and varied.
#[derive(clap::Args)]
#[command(next_help_heading = "Sizes and variations")]
struct JitterArgs {
    /// How pictures become as large as the networks want them
    #[arg(long, value_enum, default_value_t = ResizeName::ScaleAndCrop)]
    resize: ResizeName,
    /// Size to which pictures are resized before the crop: PIXELS or WIDTHxHEIGHT
    #[arg(long, default_value = "286", value_name = "SIZE")]
    load_size: Size,
    /// Size of the random crop: PIXELS or WIDTHxHEIGHT
    #[arg(long, default_value = "256", value_name = "SIZE")]
    crop_size: Size,
    /// Do not mirror half of the pairs left to right [default: mirror]
    #[arg(long)]
    no_mirror: bool,
    /// Mirror half of the pairs top to bottom [default: off]
    #[arg(long)]
    vertical_mirror: bool,
    /// Turn pairs by quarters at random [default: off]
    #[arg(long)]
    turn: bool,
    /// Change brightness, contrast and saturation of A by random factors of 1 - SHARE to 1 + SHARE
    #[arg(long, default_value_t = 0.0, value_name = "SHARE")]
    color_jitter: f32,
}

#[derive(Clone, Copy, ValueEnum)]
enum ResizeName {
    /// To --load-size, then a random crop of --crop-size, as in the paper
    ScaleAndCrop,
    /// To the width of --crop-size, the height in proportion
    ScaleWidth,
    /// A random crop of --crop-size of the picture as it is
    Crop,
    /// The whole picture as it is
    None,
}

#[derive(Clone, Copy, ValueEnum)]
enum WireName {
    /// 32 bits
    F32,
    /// bfloat16, of half the bytes
    Bf16,
}

#[derive(Clone, Copy, ValueEnum)]
enum CacheName {
    /// In memory
    Ram,
    /// In a file
    Disk,
    /// Nowhere
    Off,
}

impl JitterArgs {
    fn config(&self, multiple: u32) -> JitterConfig {
        JitterConfig {
            resize: match self.resize {
                ResizeName::ScaleAndCrop => ResizePolicy::ScaleAndCrop,
                ResizeName::ScaleWidth => ResizePolicy::ScaleWidth,
                ResizeName::Crop => ResizePolicy::Crop,
                ResizeName::None => ResizePolicy::None,
            },
            load_size: self.load_size,
            crop_size: self.crop_size,
            mirror: !self.no_mirror,
            vertical_mirror: self.vertical_mirror,
            turn: self.turn,
            color: self.color_jitter,
            multiple,
        }
    }

    /// A size by which the networks' depth is chosen: that of the crop, or the data's own.
    fn sides(&self, data: Option<&Survey>) -> [usize; 2] {
        let [width, height] = self.crop_size.sides();
        match (self.resize, data) {
            (ResizeName::ScaleWidth, _) => [width; 2],
            (ResizeName::None, Some(data)) => {
                // what divides all sides has as many halvings as the least divisible of them
                let sides = data.sizes.keys().flatten();
                let halvings = sides.map(|side| side.trailing_zeros()).min().unwrap_or(0);
                // of sizes that no network takes, the check of the data tells more
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
    ) -> Result<RunConfig, Failure> {
        let (data_digest, data) = match data {
            Some((data, survey)) => (data.digest(), Some(survey)),
            None => (String::new(), None),
        };
        // a run may be gone on with from another folder
        let path = self.path.as_deref().unwrap_or(Path::new(""));
        let data_name = match std::path::absolute(path) {
            Ok(path) => path.display().to_string(),
            Err(_) => path.display().to_string(),
        };
        let channels = [source.channels, target.channels];
        let (generator, discriminator) =
            self.networks
                .resolve(self.jitter.sides(data), channels, self.beyond.upsample())?;
        let config = RunConfig {
            data: data_name,
            data_digest,
            direction: self.data.direction(),
            source,
            target,
            val_fraction: self.data.val_fraction,
            on_error: self.data.on_error(),
            workers: self.workers,
            cache: match self.cache {
                CacheName::Ram => pix2pix::data::CacheKind::Ram,
                CacheName::Disk => pix2pix::data::CacheKind::Disk,
                CacheName::Off => pix2pix::data::CacheKind::Off,
            },
            steps: self.steps.unwrap_or(1),
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
            ranks: 1, // until the processes have met
            sync_norm: self.processes.sync_norm,
            allreduce: match self.processes.allreduce {
                WireName::F32 => Wire::F32,
                WireName::Bf16 => Wire::Bf16,
            },
            check_every: self.processes.check_every,
            jitter: self.jitter.config(1 << generator.halvings()),
            optimizer: OptimizerConfig {
                lr: self.lr,
                schedule: self.beyond.schedule(),
                beta1: self.beta1,
                ema: self.beyond.ema(),
                accumulate: self.beyond.accumulate,
                ..OptimizerConfig::default()
            },
            objective: self.beyond.objective(self.lambda),
            generator,
            discriminator,
        };
        config.validate()?;
        Ok(config)
    }
}

/// Options that a run takes when it is gone on with.
const ON_RESUME: [&str; 7] = [
    "resume",
    "steps",
    "epochs",
    "report",
    "tensorboard",
    "serve",
    "quiet",
];

/// Trains, alone or with the processes that this one was started with.
pub fn run(mut args: Args, typed: &[String]) -> Result<(), Failure> {
    let job = Job::join()?;
    args.run.quiet |= !job.shard().is_root();
    // what cannot be is told by one of the processes
    let planned = job.agreed(plan(&mut args, typed, &job))?;
    let Planned {
        config,
        device,
        data,
        survey,
        root,
    } = planned;
    let group = job.group(config.allreduce, config.sync_norm);
    if let Some(group) = &group {
        let same = agreement::check_options(&*group.communicator, &config, &survey);
        job.agreed(same.map_err(Failure::from))?;
    }
    let folder = job.agreed(match job.shard().is_root() {
        true => RunFolder::lock(&root).map_err(Failure::from),
        false => Ok(RunFolder::of_root(&root)),
    })?;
    let training = Training {
        config,
        device,
        data: &data,
        folder,
        group,
        goes_on: args.resume.is_some(),
        shown: args.run.shown(),
    };
    job.ended(finish(training, &root))
}

/// What is to be trained, before anything is written.
struct Planned {
    config: RunConfig,
    device: Device,
    data: Dataset,
    survey: Survey,
    root: PathBuf,
}

fn plan(args: &mut Args, typed: &[String], job: &Job) -> Result<Planned, Failure> {
    if args.epochs == 0 {
        return Err(Failure::Usage(
            "--epochs is 0; it must be at least 1".to_string(),
        ));
    }
    let Some(root) = args.resume.clone() else {
        return begin(args, job);
    };
    if let Some(other) = typed
        .iter()
        .find(|name| !ON_RESUME.contains(&name.as_str()))
    {
        return Err(Failure::Usage(format!(
            "--{other}: a run goes on as it began; with --resume only DATA, --steps, --epochs, \
             --report, --tensorboard, --serve and --quiet can be given"
        )));
    }
    resume(root, args, typed, job)
}

/// Steps of `epochs` passes over a data set.
fn steps_of(epochs: u64, config: &RunConfig, data: &Dataset, shard: Shard) -> u64 {
    let batches = config.walk(data.train.len(), shard, 0).batches_per_epoch();
    (epochs * batches).div_ceil(config.optimizer.accumulate as u64)
}

/// Notes how many processes train, and checks that each has its share of the data.
fn shared(config: &mut RunConfig, data: &Dataset, shard: Shard) -> Result<(), Failure> {
    config.ranks = shard.ranks;
    config.validate()?;
    let pairs = data.train.len();
    if config.walk(pairs, shard, 0).batches_per_epoch() == 0 {
        return Err(Failure::Usage(format!(
            "{pairs} pairs are too few for {} processes that take {} a step; start fewer, or choose a smaller \
             --batch-size",
            shard.ranks, config.batch_size
        )));
    }
    Ok(())
}

/// Plans a new run.
fn begin(args: &mut Args, job: &Job) -> Result<Planned, Failure> {
    let (Some(path), Some(out)) = (args.path.clone(), args.out.clone()) else {
        unreachable!("clap requires both without --resume");
    };
    // what cannot be is said before any data is read; with --resize none, the sizes are the data's
    if !matches!(args.jitter.resize, ResizeName::None) {
        args.config([Domain::RGB8; 2], None)?;
    }
    // before the data is looked through, on these threads
    let machine = &mut args.run.machine;
    machine.threads = set_threads(job.threads(machine.threads))?;
    machine.device = machine.device.for_process(job.local().rank);
    let device = machine.device.open(machine.precision)?;
    let (data, survey, left_out) = args.data.open(&path, args.run.seed)?;
    let sides = args.data.domains(&survey)?;
    let data = data.map(|pairs| pairs.in_domains(sides));
    let mut config = args.config(args.data.direction().order(sides), Some((&data, &survey)))?;
    config.check_data(&survey)?;
    shared(&mut config, &data, job.shard())?;
    if args.steps.is_none() {
        config.steps = steps_of(args.epochs, &config, &data, job.shard());
    }
    if !args.run.quiet {
        describe(&data, &survey, sides, &left_out);
    }
    Ok(Planned {
        config,
        device,
        data,
        survey,
        root: out,
    })
}

/// Plans to go on with a run.
fn resume(root: PathBuf, args: &Args, typed: &[String], job: &Job) -> Result<Planned, Failure> {
    let mut config = run::read_config(&root)?;
    // of as many processes as before, each has the threads that it had
    if config.ranks != job.shard().ranks {
        config.threads = job.threads(0);
    }
    config.threads = set_threads(config.threads)?;
    let device = config.device.for_process(job.local().rank);
    let device = device.open(config.precision)?;
    if let Some(path) = &args.path {
        config.data = path.display().to_string();
    }
    let (data, survey) = if config.data == earth::NAME {
        let (data, survey, _) = survey::checked(earth::earth(), config.on_error)?;
        (data, survey)
    } else {
        find_again(&root, &config)?
    };
    if !config.data_digest.is_empty() && config.data_digest != data.digest() {
        return Err(Error::file(
            Path::new(&config.data),
            "the data set has changed since the run began: it holds other pairs",
            "put them back as they were, or start a new run",
        )
        .into());
    }
    shared(&mut config, &data, job.shard())?;
    if let Some(steps) = args.steps {
        config.steps = steps;
    } else if typed.iter().any(|name| name == "epochs") {
        config.steps = steps_of(args.epochs, &config, &data, job.shard());
    }
    Ok(Planned {
        config,
        device,
        data,
        survey,
        root,
    })
}

/// Opens the data set of a run as it was opened when the run began.
fn find_again(root: &Path, config: &RunConfig) -> Result<(Dataset, Survey), Failure> {
    let path = Path::new(&config.data);
    if !path.exists() {
        let remedy = format!(
            "give where it is now: `pix2pix train DATA --resume {}`",
            root.display()
        );
        return Err(Error::file(path, "the run's data set is not there any more", remedy).into());
    }
    let (data, survey) = config.open(path, config.on_error)?;
    config.check_data(&survey)?;
    Ok((data, survey))
}

/// Trains, and says where the results are.
fn finish(training: Training, out: &Path) -> Result<(), Failure> {
    let quiet = training.shown.quiet;
    let outcome = train(training, &mut |_| Ok(()))?;
    if !quiet {
        let out = out.display();
        let ended = if outcome.interrupted {
            "stopped"
        } else {
            "done"
        };
        let go_on = match outcome.interrupted {
            true => format!("To go on, type:\n  pix2pix train --resume {out}\n"),
            false => String::new(),
        };
        print(&format!(
            "{ended} after {} steps; newest checkpoint: {}\n{go_on}\
             Look at {out}/samples/. To translate pictures, type:\n  \
             pix2pix translate {out} PICTURE... --out translated\n",
            outcome.steps,
            outcome.checkpoint.display(),
        ))?;
    }
    end(&outcome)
}

/// Says what was found, so that a wrong guess is seen before the first step.
fn describe(data: &Dataset, survey: &Survey, [a, b]: [Domain; 2], left_out: &LeftOut) {
    let mut sizes = survey
        .sizes
        .keys()
        .map(|[width, height]| format!("{width}x{height}"));
    let sizes = match (survey.sizes.len(), sizes.next(), sizes.next_back()) {
        (1, Some(size), _) => format!("all of {size} pixels"),
        (count, Some(least), Some(most)) => format!("{count} sizes from {least} to {most} pixels"),
        _ => String::new(),
    };
    eprintln!("data: {}; {sizes}", data.layout);
    eprintln!("A: {a}; B: {b}");
    for error in &left_out.broken {
        eprintln!("left out: {error}");
    }
    for path in &left_out.unmatched {
        eprintln!("left out: {}: no partner of the same name", path.display());
    }
    let (broken, unmatched) = (left_out.broken.len(), left_out.unmatched.len());
    if broken + unmatched > 0 {
        eprintln!("left out: {broken} broken and {unmatched} unmatched");
    }
}

/// What [`train`] trains.
pub struct Training<'a> {
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
    /// Whether the folder holds the run already.
    pub goes_on: bool,
    /// What the user sees.
    pub shown: Shown,
}

/// What the user sees of a training.
#[derive(Clone, Copy)]
pub struct Shown {
    report: bool,
    tensorboard: bool,
    serve: Option<SocketAddr>,
    quiet: bool,
}

impl RunArgs {
    /// What is to be seen.
    pub fn shown(&self) -> Shown {
        Shown {
            report: self.report,
            tensorboard: self.tensorboard,
            serve: self.serve,
            quiet: self.quiet,
        }
    }
}

/// Trains with a display and Ctrl-C; `also` sees every event too. The number of threads has been set.
pub fn train(
    training: Training,
    also: &mut dyn FnMut(&Event) -> Result<(), Error>,
) -> Result<Outcome, Failure> {
    let Training {
        config,
        device,
        data,
        folder,
        group,
        goes_on,
        shown,
    } = training;
    let Shown {
        report,
        tensorboard,
        serve,
        quiet,
    } = shown;
    let root = folder.root().to_path_buf();
    let mut board = None;
    let shard = group.as_ref().map_or(Shard::default(), Group::shard);
    let stop = interrupt::flag(shard)?;
    let progress = Progress::new(config.steps, quiet);
    let (pairs, held_out) = (
        data.train.len(),
        data.val.as_ref().map_or(0, |val| val.len()),
    );
    let shown = match held_out {
        0 => "none held out (samples/ shows pairs that it trains on)".to_string(),
        held_out => format!("{held_out} held out"),
    };
    let processes = match shard.ranks {
        1 => String::new(),
        ranks => format!("{ranks} processes, each "),
    };
    progress.say(&format!(
        "{}: {pairs} pairs to train on, {shown}; {} steps on {processes}{} with {} threads",
        config.data, config.steps, config.device, config.threads
    ));
    let live = match serve.filter(|_| shard.is_root()) {
        None => None,
        Some(listen) => {
            let (live, address) = Live::start(listen, &root, &config)?;
            progress.say(&format!("the page: http://{address}/"));
            if goes_on && !model::in_folder(&folder.checkpoints())?.is_empty() {
                live.saved()?;
            }
            Some(live)
        }
    };
    let mut failed = None;
    let start = if goes_on { run::resume } else { run::train };
    let training = run::Training {
        config: &config,
        data,
        device,
        folder,
        group,
    };
    let outcome = start(training, &stop, &mut |event| {
        let mut kept = also(&event);
        if tensorboard {
            kept = kept.and_then(|()| {
                // not before the run has begun: its folder had to be empty
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
        if let (true, Event::Sampled { .. }) = (report, &event) {
            kept =
                kept.and_then(|()| write_report(slice::from_ref(&root), &root.join("report.html")));
        }
        if let Err(error) = kept {
            failed.get_or_insert(error);
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
        }
        match event {
            Event::Step(metrics) => progress.step(metrics),
            Event::Logged(metrics) => progress.logged(metrics),
            Event::Sampled { path, .. } => progress.say(&format!("samples: {}", path.display())),
            Event::Saved(path) => progress.say(&format!("checkpoint: {}", path.display())),
            Event::Scored(scores) => {
                let scores = scores.named().into_iter();
                let known =
                    scores.filter_map(|(name, value)| Some(format!("{name} {:.4}", value?)));
                progress.say(&format!(
                    "held out: {}",
                    known.collect::<Vec<_>>().join("  ")
                ));
            }
            Event::Skipped(reason) => progress.say(&format!("left out: {reason}")),
            Event::Warned(Warning { step, warning }) => {
                progress.say(&format!("warning at step {step}: {warning}"));
            }
        }
    });
    progress.finish();
    failed.map_or(Ok(outcome?), |error| Err(error.into()))
}

/// What TensorBoard is told of an event.
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

/// An interrupted run ends as one.
pub fn end(outcome: &Outcome) -> Result<(), Failure> {
    if outcome.interrupted {
        return Err(Failure::Interrupted);
    }
    Ok(())
}
