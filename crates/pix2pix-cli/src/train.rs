//! `pix2pix train`.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use pix2pix::config::RunConfig;
use pix2pix::dataset::Dataset;
use pix2pix::device::set_threads;
use pix2pix::jitter::JitterConfig;
use pix2pix::loader::steps_per_epoch;
use pix2pix::pair::Direction;
use pix2pix::run::{self, Event, Outcome};
use pix2pix::trainer::OptimizerConfig;

use crate::failure::{Failure, print};
use crate::interrupt;
use crate::machine_args::MachineArgs;
use crate::network_args::NetworkArgs;
use crate::progress::Progress;

/// Options of `pix2pix train`.
#[derive(clap::Args)]
pub struct Args {
    /// Folder with train/ and optionally val/ and test/ in it, or a flat folder, of side-by-side
    /// JPEG or PNG pairs: A at the left, B at the right
    data: PathBuf,
    /// New folder for the run: config.toml, metrics.jsonl, samples/, checkpoints/
    #[arg(long, value_name = "RUN")]
    out: PathBuf,
    /// Which half is the source and which the target
    #[arg(long, value_enum, default_value_t = DirectionName::AToB)]
    direction: DirectionName,
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
    /// Side to which pictures are resized before the crop, in pixels
    #[arg(long, default_value_t = 286, value_name = "PIXELS")]
    load_size: u32,
    /// Side of the random crop, in pixels
    #[arg(long, default_value_t = 256, value_name = "PIXELS")]
    crop_size: u32,
    /// Do not mirror half of the pairs [default: mirror]
    #[arg(long)]
    no_mirror: bool,
    #[command(flatten)]
    networks: NetworkArgs,
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

/// Options of a run that training shares with the demo.
#[derive(clap::Args)]
pub struct RunArgs {
    /// Seed of weights, order, jitter and dropout: the same seed gives the same run
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    #[command(flatten)]
    pub machine: MachineArgs,
    /// Print errors only [default: off]
    #[arg(long)]
    pub quiet: bool,
}

/// A direction's name.
#[derive(Clone, Copy, ValueEnum)]
enum DirectionName {
    /// From the left half to the right
    AToB,
    /// From the right half to the left
    BToA,
}

/// Trains.
pub fn run(args: Args) -> Result<(), Failure> {
    let direction = match args.direction {
        DirectionName::AToB => Direction::AToB,
        DirectionName::BToA => Direction::BToA,
    };
    let (generator, discriminator) = args.networks.resolve(args.crop_size as usize, [3, 3])?;
    let mut config = RunConfig {
        data: args.data.display().to_string(),
        direction,
        steps: args.steps.unwrap_or(1),
        batch_size: args.batch_size,
        seed: args.run.seed,
        threads: args.run.machine.threads,
        device: args.run.machine.device,
        precision: args.run.machine.precision,
        log_every: args.log_every,
        sample_every: args.sample_every,
        save_every: args.save_every,
        keep: args.keep,
        jitter: JitterConfig {
            load_size: args.load_size,
            crop_size: args.crop_size,
            mirror: !args.no_mirror,
        },
        optimizer: OptimizerConfig {
            lr: args.lr,
            beta1: args.beta1,
            lambda: args.lambda,
            ..OptimizerConfig::default()
        },
        generator,
        discriminator,
    };
    if args.epochs == 0 {
        return Err(Failure::Usage(
            "--epochs is 0; it must be at least 1".to_string(),
        ));
    }
    config.validate()?;
    let data = Dataset::open(&args.data, direction)?;
    if args.steps.is_none() {
        config.steps = args.epochs * steps_per_epoch(data.train.len(), config.batch_size);
    }
    let outcome = train(config, &data, &args.out, args.run.quiet, &mut |_| Ok(()))?;
    let out = args.out.display();
    if !args.run.quiet {
        print(&format!(
            "{} after {} steps; newest checkpoint: {}\n\
             Look at {out}/samples/. To translate pictures, type:\n  \
             pix2pix translate {out} PICTURE... --out translated\n",
            if outcome.interrupted {
                "stopped"
            } else {
                "done"
            },
            outcome.steps,
            outcome.checkpoint.display(),
        ))?;
    }
    end(&outcome)
}

/// Trains with a display and Ctrl-C; `also` sees every event too.
pub fn train(
    mut config: RunConfig,
    data: &Dataset,
    out: &Path,
    quiet: bool,
    also: &mut dyn FnMut(&Event) -> Result<(), pix2pix::Error>,
) -> Result<Outcome, Failure> {
    config.threads = set_threads(config.threads)?;
    let stop = interrupt::flag()?;
    let progress = Progress::new(config.steps, quiet);
    let (pairs, held_out) = (
        data.train.len(),
        data.val.as_ref().map_or(0, |val| val.len()),
    );
    let shown = match held_out {
        0 => "none held out (samples/ shows pairs that it trains on)".to_string(),
        held_out => format!("{held_out} held out"),
    };
    progress.say(&format!(
        "{}: {pairs} pairs to train on, {shown}; {} steps on {} with {} threads",
        config.data, config.steps, config.device, config.threads
    ));
    let mut failed = None;
    let outcome = run::train(&config, data, out, &stop, &mut |event| {
        if let Err(error) = also(&event) {
            failed.get_or_insert(error);
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
        }
        match event {
            Event::Step(metrics) => progress.step(metrics),
            Event::Logged(metrics) => progress.logged(metrics),
            Event::Sampled { path, .. } => progress.say(&format!("samples: {}", path.display())),
            Event::Saved(path) => progress.say(&format!("checkpoint: {}", path.display())),
        }
    });
    progress.finish();
    failed.map_or(Ok(outcome?), |error| Err(error.into()))
}

/// An interrupted run ends as one.
pub fn end(outcome: &Outcome) -> Result<(), Failure> {
    if outcome.interrupted {
        return Err(Failure::Interrupted);
    }
    Ok(())
}
