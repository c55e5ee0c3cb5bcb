//! `pix2pix bench`.

use clap::ValueEnum;
use pix2pix::bench::{self, BenchConfig, Mode};
use pix2pix::device::set_threads;
use pix2pix::summary::aligned;

use crate::failure::{Failure, print};
use crate::machine_args::MachineArgs;
use crate::memory;

/// Options of `pix2pix bench`.
#[derive(clap::Args)]
pub struct Args {
    /// What is measured
    #[arg(long, value_enum, default_value_t = ModeName::Train)]
    mode: ModeName,
    /// Pictures in a step
    #[arg(long, default_value_t = 1, value_name = "N")]
    batch: usize,
    /// Side of the pictures in pixels
    #[arg(long, default_value_t = 256, value_name = "PIXELS")]
    size: usize,
    /// Steps that are not counted, first
    #[arg(long, default_value_t = 3, value_name = "N")]
    warmup: usize,
    /// Steps that are counted
    #[arg(long, default_value_t = 12, value_name = "N")]
    steps: usize,
    #[command(flatten)]
    machine: MachineArgs,
    /// Print one line of JSON [default: a table]
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum ModeName {
    /// A training step of both networks
    Train,
    /// A translation, dropout and batch statistics on
    Infer,
}

/// Measures and prints.
pub fn run(args: Args) -> Result<(), Failure> {
    if args.batch == 0 || args.steps == 0 {
        let message = "--batch and --steps must be at least 1";
        return Err(Failure::Usage(message.to_string()));
    }
    let threads = set_threads(args.machine.threads)?;
    let config = BenchConfig {
        mode: match args.mode {
            ModeName::Train => Mode::Train,
            ModeName::Infer => Mode::Infer,
        },
        batch: args.batch,
        size: args.size,
        warmup: args.warmup,
        steps: args.steps,
    };
    let result = bench::run(&config, &args.machine.device.open(args.machine.precision)?)?;
    let peak = memory::peak_bytes();
    if args.json {
        let mut line = serde_json::json!({
            "mode": config.mode,
            "precision": args.machine.precision,
            "batch": args.batch,
            "size": args.size,
            "threads": threads,
            "device": args.machine.device,
            "peak_memory_bytes": peak,
        });
        let measured = serde_json::to_value(&result).expect("a measurement is plain data");
        if let (Some(line), serde_json::Value::Object(measured)) = (line.as_object_mut(), measured)
        {
            line.extend(measured);
        }
        return print(&format!("{line}\n"));
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
    if let Some(bytes) = peak {
        let peak = format!("{:.2} GB", bytes as f64 / 1e9);
        rows.push(["peak memory".to_string(), peak]);
    }
    for (name, seconds) in result.parts_s.iter().flat_map(|parts| parts.named()) {
        rows.push([format!("  {name}"), milliseconds(seconds)]);
    }
    let precision = args.machine.precision.to_string();
    print(&aligned(&["Step", &precision], &rows, &[1]))
}
