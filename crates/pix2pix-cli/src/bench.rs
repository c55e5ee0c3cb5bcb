//! `pix2pix bench`.

use std::path::PathBuf;

use clap::ValueEnum;
use pix2pix::bench::{self, BenchConfig, Mode};
use pix2pix::data::earth;
use pix2pix::data::picture::MAX_SIDE;
use pix2pix::data::survey::{self, Forced, OnError};
use pix2pix::data::{Dataset, Options};
use pix2pix::device::{Limit, limit_instructions, set_threads};
use pix2pix::text_table::headed;
use pix2pix::train::MomentFormat;

use crate::choice::choice;
use crate::failure::{Failure, print, print_json};
use crate::machine_args::MachineArgs;
use crate::memory;
use crate::typed::is_given;

/// Options of `pix2pix bench`.
#[derive(clap::Args)]
pub struct Args {
    /// Operation to measure
    #[arg(long, value_enum, default_value_t = Measured::Train)]
    mode: Measured,
    /// With --mode data: the data set, in any form that `train` reads [default: the built-in pairs]
    #[arg(long, value_name = "DATA")]
    data: Option<PathBuf>,
    /// With --mode data: threads that decode pairs [default: as many as --threads]
    #[arg(long, value_name = "N")]
    workers: Option<usize>,
    /// Pictures per step
    #[arg(long, default_value_t = 1, value_name = "N")]
    batch: usize,
    /// Side of the pictures in pixels
    #[arg(long, default_value_t = 256, value_name = "PIXELS")]
    size: usize,
    /// With --mode train: gradient checkpointing, which recomputes activations to save memory [default: off]
    #[arg(long)]
    recompute: bool,
    /// With --mode train: number format of Adam's moments on the CPU
    #[arg(long, value_parser = choice::<MomentFormat>(), default_value_t = MomentFormat::F32, value_name = "FORMAT")]
    moments: MomentFormat,
    /// Steps to run before measuring
    #[arg(long, default_value_t = 3, value_name = "N")]
    warmup: usize,
    /// Steps to measure, at least 50 with --mode data
    #[arg(long, default_value_t = 12, value_name = "N")]
    steps: usize,
    /// With --mode train and infer: CPU instructions to use [default: the fastest that this processor has]
    #[arg(long, value_enum, value_name = "NAME")]
    instructions: Option<Instructions>,
    #[command(flatten)]
    machine: MachineArgs,
    /// Print one line of JSON [default: a table]
    #[arg(long)]
    json: bool,
}

/// What to measure.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Measured {
    /// A training step of both networks
    Train,
    /// A translation, with dropout and batch statistics as in the paper
    Infer,
    /// Decoding, resizing and augmenting pairs
    Data,
}

/// CPU instructions.
#[derive(Clone, Copy, ValueEnum)]
enum Instructions {
    /// AVX2 and FMA, as on processors without AVX-512
    Avx2,
    /// Those that every processor has, with sums in a fixed order
    Portable,
}

impl Measured {
    /// The option that chooses it.
    fn option(self) -> String {
        let value = self.to_possible_value().expect("all have names");
        format!("--mode {}", value.get_name())
    }
}

/// Options that some measurements do not read, and those that do.
const OF_MODES: [(&str, &[Measured]); 7] = [
    ("data", &[Measured::Data]),
    ("workers", &[Measured::Data]),
    ("recompute", &[Measured::Train]),
    ("moments", &[Measured::Train]),
    ("instructions", &[Measured::Train, Measured::Infer]),
    ("device", &[Measured::Train, Measured::Infer]),
    ("precision", &[Measured::Train, Measured::Infer]),
];

/// Checks that a measurement reads all options that are `typed`.
///
/// # Errors
/// Names the first one that it does not.
fn check_mode(mode: Measured, typed: &[String]) -> Result<(), Failure> {
    let mut unread = OF_MODES
        .iter()
        .filter(|(option, modes)| is_given(typed, option) && !modes.contains(&mode));
    unread.next().map_or(Ok(()), |(option, modes)| {
        let modes: Vec<String> = modes.iter().map(|mode| mode.option()).collect();
        let modes = modes.join(" and ");
        Err(Failure::Usage(format!(
            "--{option} is for {modes}; omit it with {}",
            mode.option()
        )))
    })
}

/// Most pictures per step.
const MOST_TOGETHER: usize = 1 << 12;
/// Most steps.
const MOST_STEPS: usize = 1 << 20;
/// The step after which memory use is first read: by then all buffers are allocated.
const SETTLED: usize = 10;

/// Measures and prints. `typed` are the options on the command line.
pub fn run(args: Args, typed: &[String]) -> Result<(), Failure> {
    check_mode(args.mode, typed)?;
    for (option, value, least, most) in [
        ("--batch", args.batch, 1, MOST_TOGETHER),
        ("--size", args.size, 1, MAX_SIDE as usize),
        ("--warmup", args.warmup, 0, MOST_STEPS),
        ("--steps", args.steps, 1, MOST_STEPS),
    ] {
        if !(least..=most).contains(&value) {
            let message = format!("{option} is {value}; it must be {least} to {most}");
            return Err(Failure::Usage(message));
        }
    }
    if let Some(instructions) = args.instructions {
        limit_instructions(match instructions {
            Instructions::Avx2 => Limit::Avx2,
            Instructions::Portable => Limit::Portable,
        })?;
    }
    let threads = set_threads(args.machine.threads)?;
    let config = BenchConfig {
        mode: match args.mode {
            Measured::Train => Mode::Train,
            Measured::Infer => Mode::Infer,
            Measured::Data => return data(&args, threads),
        },
        batch: args.batch,
        size: args.size,
        warmup: args.warmup,
        steps: args.steps,
        precision: args.machine.precision,
        recompute: args.recompute,
        moments: args.moments,
    };
    let device = args.machine.device.open(args.machine.precision)?;
    let mut settled = None;
    let result = bench::run(&config, &device, &mut |step| {
        if step == SETTLED {
            settled = memory::resident_bytes();
        }
    })?;
    let (peak, last) = (memory::peak_bytes(), memory::resident_bytes());
    if args.json {
        let mut line = serde_json::json!({
            "mode": config.mode,
            "precision": args.machine.precision,
            "batch": args.batch,
            "size": args.size,
            "threads": threads,
            "device": args.machine.device.resolved(args.machine.precision),
            "peak_memory_bytes": peak,
            "memory_after_10_steps_bytes": settled,
            "memory_after_last_step_bytes": last,
        });
        let measured = serde_json::to_value(&result).expect("a measurement is plain data");
        if let (Some(line), serde_json::Value::Object(measured)) = (line.as_object_mut(), measured)
        {
            line.extend(measured);
        }
        return print_json(&format!("{line}\n"));
    }
    let milliseconds = |seconds: f64| format!("{:.1} ms", seconds * 1e3);
    let mut rows = vec![
        ["median".to_string(), milliseconds(result.median_s)],
        ["minimum".to_string(), milliseconds(result.min_s)],
        [
            "images".to_string(),
            format!("{:.2} /s", result.images_per_s),
        ],
        [
            "convolutions".to_string(),
            format!("{:.0} GFLOP/s", result.gflops),
        ],
    ];
    let memory = [
        ("peak memory", peak),
        ("  after 10 steps", settled),
        ("  after the last step", last),
    ];
    for (name, bytes) in memory {
        let bytes = bytes.map(|bytes| format!("{:.3} GB", bytes as f64 / 1e9));
        rows.extend(bytes.map(|bytes| [name.to_string(), bytes]));
    }
    let data = result
        .data_s
        .map(|seconds| ["  data, in parallel".to_string(), milliseconds(seconds)]);
    rows.extend(data);
    for (name, seconds) in result.parts_s.iter().flat_map(|parts| parts.named()) {
        rows.push([format!("  {name}"), milliseconds(seconds)]);
    }
    let precision = args.machine.precision.to_string();
    print(&headed(&["Step", &precision], &rows, &[1]))
}

/// Measures the speed of loading pairs and prints it.
fn data(args: &Args, threads: usize) -> Result<(), Failure> {
    let data = match &args.data {
        Some(path) if !earth::is_typed(path) => Dataset::open(path, &Options::default())?,
        _ => earth::earth(),
    };
    let (data, survey, _) = survey::checked(data, OnError::Stop)?;
    let domains = survey.domains(&Forced::default())?;
    let config = BenchConfig {
        mode: Mode::Train,
        batch: args.batch,
        size: args.size,
        warmup: args.warmup,
        steps: args.steps.max(50),
        precision: args.machine.precision,
        recompute: false,
        moments: MomentFormat::F32,
    };
    let pairs = data.train.in_domains(domains.clone());
    let result = bench::data(&config, &pairs, domains, args.workers.unwrap_or(threads))?;
    if args.json {
        let line = serde_json::to_string(&result).expect("a measurement is plain data");
        return print_json(&format!("{line}\n"));
    }
    let rows = [
        [
            "images".to_string(),
            format!("{:.0} /s", result.images_per_s),
        ],
        ["pairs".to_string(), format!("{:.0} /s", result.pairs_per_s)],
        ["workers".to_string(), result.workers.to_string()],
        [
            "one pair, one thread".to_string(),
            format!("{:.2} ms", result.pair_s * 1e3),
        ],
    ];
    print(&headed(&["Data", ""], &rows, &[1]))
}
