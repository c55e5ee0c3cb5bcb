//! The `pix2pix` command: reads the arguments, runs the command, maps its result to an exit code.

mod bench;
mod data_args;
mod demo;
mod download;
mod failure;
mod inspect;
mod interrupt;
mod machine_args;
mod memory;
mod network_args;
mod plot;
mod prepare;
mod progress;
mod receptive_field;
mod summary;
mod train;
mod translate;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Paired image-to-image translation with conditional adversarial networks (Isola et al., CVPR 2017)
#[derive(Parser)]
#[command(version, propagate_version = true, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Train on 54 relief maps and satellite pictures that this program carries inside itself
    Demo(demo::Args),
    /// Train on pairs
    #[command(after_help = train::EXAMPLES)]
    Train(train::Args),
    /// Say what a data set holds, and what training would stumble on
    #[command(after_help = inspect::EXAMPLES)]
    Inspect(inspect::Args),
    /// Make pairs from plain photographs, or another data set of a data set
    #[command(after_help = prepare::EXAMPLES)]
    Prepare(prepare::Args),
    /// Get a public data set
    #[command(after_help = download::EXAMPLES)]
    Download(download::Args),
    /// Translate pictures with a trained model
    #[command(after_help = translate::EXAMPLES)]
    Translate(translate::Args),
    /// Print a network's layers, shapes and parameters
    Summary(summary::Args),
    /// Draw a network as SVG, PNG or DOT
    Plot(plot::Args),
    /// Measure how fast this machine trains and translates
    Bench(bench::Args),
    /// Print how many pixels each layer of the discriminator sees
    ReceptiveField(receptive_field::Args),
}

fn main() -> ExitCode {
    memory::keep_freed();
    let command = match Cli::try_parse() {
        Ok(cli) => cli.command,
        Err(error) => return failure::usage(error),
    };
    let result = match command {
        Command::Demo(args) => demo::run(args),
        Command::Train(args) => train::run(args),
        Command::Inspect(args) => inspect::run(args),
        Command::Prepare(args) => prepare::run(args),
        Command::Download(args) => download::run(args),
        Command::Translate(args) => translate::run(args),
        Command::Summary(args) => summary::run(args),
        Command::Plot(args) => plot::run(args),
        Command::Bench(args) => bench::run(args),
        Command::ReceptiveField(args) => receptive_field::run(args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
