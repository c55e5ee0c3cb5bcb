//! The `pix2pix` command: reads the arguments, runs the command, maps its result to an exit code. The program and the
//! Python package both run it.

mod average;
mod background;
mod bench;
mod best_args;
mod beyond_args;
mod choice;
mod completions;
mod config_file;
mod data_args;
mod demo;
mod demo_pictures;
mod devices;
mod direction;
mod download;
mod elsewhere;
pub mod embedded;
mod evaluate;
mod export;
mod failure;
mod flags;
mod from_args;
mod import;
mod inspect;
mod interrupt;
mod machine_args;
mod memory;
mod network_args;
mod noise_args;
mod output;
mod output_folder;
mod paths;
mod plot;
mod port;
mod prepare;
mod processes;
mod program;
mod progress;
mod receptive_field;
mod report;
mod result_file;
mod runs;
mod screen;
mod serve;
mod summary;
mod switch;
#[cfg(test)]
mod tests;
mod train;
mod train_help;
mod translate;
mod typed;
mod variables;
mod words;

use std::ffi::OsString;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use pix2pix::device::set_threads;

use failure::Failure;

pub use memory::Allocator;

/// Shown after the commands.
const OPTIONS: &str = "\
Options of a command: pix2pix COMMAND --help
The most used of them: pix2pix COMMAND -h";

/// Paired image-to-image translation with conditional adversarial networks (Isola et al., CVPR 2017)
#[derive(Parser)]
#[command(
    name = "pix2pix",
    version,
    propagate_version = true,
    max_term_width = 100,
    after_help = OPTIONS
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[allow(clippy::large_enum_variant)] // one value per process, matched at once
#[derive(Subcommand)]
enum Command {
    /// Train on 54 built-in pairs of relief maps and satellite pictures
    Demo(demo::Args),
    /// Train a model on pairs of pictures
    #[command(after_help = "All options, and examples: pix2pix train --help", after_long_help = train::EXAMPLES)]
    Train(train::Args),
    /// Check a data set before training
    #[command(after_help = inspect::EXAMPLES)]
    Inspect(inspect::Args),
    /// Make pairs from photographs, or convert and split a data set
    #[command(after_help = prepare::EXAMPLES)]
    Prepare(prepare::Args),
    /// Download a public data set, or the weights for LPIPS, DISTS or FID
    #[command(after_help = download::EXAMPLES)]
    Download(download::Args),
    /// Translate pictures with a trained model
    #[command(after_help = translate::EXAMPLES)]
    Translate(translate::Args),
    /// Serve models: a web page to draw on, and an HTTP API
    #[command(after_help = serve::EXAMPLES)]
    Serve(serve::Args),
    /// Score models by L1, RMSE, PSNR, SSIM and MS-SSIM, and optionally by LPIPS, DISTS, FID and KID
    #[command(after_help = evaluate::EXAMPLES)]
    Evaluate(evaluate::Args),
    /// Write an HTML page with the curves, samples and configuration of runs
    #[command(after_help = report::EXAMPLES)]
    Report(report::Args),
    /// List the runs in a folder with their state and best scores
    Runs(runs::Args),
    /// Average the weights of a run's last checkpoints
    Average(average::Args),
    /// Convert weights from the public PyTorch port or from Keras to a model
    #[command(after_help = import::EXAMPLES)]
    Import(import::Args),
    /// Export a model to ONNX, to the public PyTorch port's format, to a smaller file, or as a web page
    #[command(after_help = export::EXAMPLES)]
    Export(export::Args),
    /// Print a network's layers, shapes and parameters
    Summary(summary::Args),
    /// Draw a network as SVG, PNG or DOT
    Plot(plot::Args),
    /// Print a script that completes commands and options in a shell
    #[command(after_help = completions::EXAMPLES)]
    Completions(completions::Args),
    /// Write the manual pages
    Man(completions::ManArgs),
    /// List this machine's devices, and why a kind of device is missing
    Devices,
    /// Measure how fast this machine trains and translates
    Bench(bench::Args),
    /// Print the receptive field of each layer of the discriminator
    ReceptiveField(receptive_field::Args),
}

/// Runs the command that these arguments ask for, the first of which is the program's own name. Returns the exit code: 0
/// for success, 1 for an error, 2 for wrong arguments, 130 if the user stopped it.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    memory::keep_freed();
    interrupt::ignore_size_limit();
    let code = run_command(arguments.into_iter().collect());
    output::end();
    code
}

fn run_command(arguments: Vec<OsString>) -> u8 {
    program::remember(&arguments);
    let program = command();
    let merged = match config_file::merged(&program, arguments) {
        Ok(merged) => merged,
        Err(failure) => return failure.report(),
    };
    let arguments = &merged.arguments;
    let (command, typed) = match parsed(program, arguments) {
        Ok(parsed) => parsed,
        Err(error) => {
            let code = failure::usage(&error, arguments);
            return code.unwrap_or_else(|failure| merged.told(failure).report());
        }
    };
    let result = match command {
        Command::Demo(args) => demo::run(args),
        Command::Train(args) => train::run(args, &typed),
        Command::Inspect(args) => on_all_cores(|| inspect::run(args)),
        Command::Prepare(args) => prepare::run(args),
        Command::Download(args) => download::run(args),
        Command::Translate(args) => translate::run(args),
        Command::Serve(args) => serve::run(args),
        Command::Evaluate(args) => evaluate::run(args),
        Command::Report(args) => report::run(args),
        Command::Runs(args) => runs::run(args),
        Command::Average(args) => on_all_cores(|| average::run(args)),
        Command::Import(args) => on_all_cores(|| import::run(args)),
        Command::Export(args) => on_all_cores(|| export::run(args)),
        Command::Summary(args) => summary::run(args),
        Command::Plot(args) => plot::run(args),
        Command::Completions(args) => completions::run(args, self::command()),
        Command::Man(args) => completions::man(args, self::command()),
        Command::Devices => devices::run(),
        Command::Bench(args) => bench::run(args, &typed),
        Command::ReceptiveField(args) => receptive_field::run(args),
    };
    match result {
        Ok(()) => 0,
        Err(failure) => merged.told(failure.of_command(arguments)).report(),
    }
}

/// Runs a command that computes, and has no option for the number of threads. Started here, threads that the system does not give
/// are an error; rayon, which would start them at the first loop, panics.
fn on_all_cores(command: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    set_threads(0)?;
    command()
}

/// The command that these arguments ask for, and the long names of its options among them.
fn parsed(
    program: clap::Command,
    arguments: &[OsString],
) -> Result<(Command, Vec<String>), clap::Error> {
    let mut program = program.mut_subcommand("serve", variables::without_empty);
    let matches = program.try_get_matches_from_mut(arguments)?;
    let cli = Cli::from_arg_matches(&matches)?;
    Ok((cli.command, typed::options(&program, &matches)))
}

/// The command with all subcommands.
fn command() -> clap::Command {
    Cli::command().mut_subcommand("train", train_help::in_order)
}
