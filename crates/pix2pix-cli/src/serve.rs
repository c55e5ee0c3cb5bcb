//! `pix2pix serve`.

mod options;
pub mod training;

use std::path::PathBuf;
use std::sync::Arc;

use clap::ValueEnum;
use pix2pix::device::set_threads;
use pix2pix_server::{Models, Server, Settings};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tracing::level_filters::LevelFilter;

use crate::failure::{Failure, print};
use crate::machine_args::MachineArgs;
use options::Options;

/// Shown after the options.
pub const EXAMPLES: &str = "\
Every option can also come from the environment, e.g. PIX2PIX_LISTEN, or from the file of --config, by the same
names (models, listen, token ...); what is typed comes first, then the environment, then the file.

SIGHUP loads the models anew, without a request lost; SIGTERM and Ctrl-C stop when what is accepted is done.

Examples:
  pix2pix serve runs/facades
  pix2pix serve runs/facades maps.safetensors --listen 127.0.0.1:9000 --log json
  pix2pix serve --config pix2pix.toml";

/// Options of `pix2pix serve`.
#[derive(clap::Args)]
pub struct Args {
    /// Run folders (their newest checkpoints are taken) or checkpoint files
    #[arg(env = "PIX2PIX_MODELS", value_delimiter = ',')]
    models: Vec<PathBuf>,
    #[command(flatten)]
    options: Options,
    /// TOML file of these options [default: none]
    #[arg(long, env = "PIX2PIX_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// How the log on standard error is written
    #[arg(long, env = "PIX2PIX_LOG", value_enum, default_value_t = LogName::Text)]
    log: LogName,
    /// What is logged: error, warn, info (every request), debug or trace
    #[arg(
        long,
        env = "PIX2PIX_LOG_LEVEL",
        default_value = "info",
        value_name = "LEVEL"
    )]
    log_level: LevelFilter,
    #[command(flatten)]
    machine: MachineArgs,
}

#[derive(Clone, Copy, ValueEnum)]
enum LogName {
    /// For people
    Text,
    /// A JSON object a line
    Json,
}

/// Serves until it is told to stop.
pub fn run(args: Args) -> Result<(), Failure> {
    let (paths, settings) = args.options.settings(args.models, args.config.as_deref())?;
    match args.log {
        LogName::Text => tracing_subscriber::fmt()
            .with_max_level(args.log_level)
            .with_writer(std::io::stderr)
            .init(),
        LogName::Json => tracing_subscriber::fmt()
            .json()
            .with_max_level(args.log_level)
            .with_writer(std::io::stderr)
            .init(),
    }
    set_threads(args.machine.threads)?;
    let models = Models::new(&paths, args.machine.device, args.machine.precision);
    models.reload()?;
    let models = Arc::new(models);
    let server = bind(settings, models.clone())?;
    let address = server
        .address()
        .map_err(|e| Failure::Runtime(e.to_string()))?;
    let mut text = String::new();
    for model in models.all().iter() {
        let info = &model.info;
        text += &format!("{} ({}, step {})\n", info.name, info.network, info.step);
    }
    print(&format!(
        "{text}the page: http://{address}/\nCtrl-C stops\n"
    ))?;
    let failed = |e: std::io::Error| Failure::Runtime(format!("the server failed: {e}"));
    runtime()?.block_on(async {
        listen_for_signals(&server, models).map_err(failed)?;
        server.run().await.map_err(failed)
    })
}

/// Takes the place, and warns of one that others can reach.
fn bind(settings: Settings, models: Arc<Models>) -> Result<Server, Failure> {
    let (address, open) = (settings.listen, settings.token.is_none());
    let server = Server::bind(settings, models).map_err(Failure::Runtime)?;
    if !address.ip().is_loopback() {
        let guard = match open {
            true => "and everyone may translate: give --token",
            false => "and the token is sent in clear: put a proxy with TLS before it",
        };
        tracing::warn!("{address} can be reached from other machines, {guard}");
    }
    Ok(server)
}

/// Two threads for the network: translation has threads of its own.
fn runtime() -> Result<Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| Failure::Runtime(format!("cannot start the server's threads: {e}")))
}

/// SIGHUP loads the models anew; SIGTERM and Ctrl-C stop, a second one at once.
fn listen_for_signals(server: &Server, models: Arc<Models>) -> std::io::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            let models = models.clone();
            let reloaded = tokio::task::spawn_blocking(move || models.reload()).await;
            match reloaded {
                Ok(Ok(())) => tracing::info!("the models are loaded anew"),
                Ok(Err(e)) => tracing::error!("the models stay as they are: {e}"),
                Err(e) => tracing::error!("the models stay as they are: {e}"),
            }
        }
    });
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = server.stop();
    tokio::spawn(async move {
        let mut asked = false;
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if asked {
                std::process::exit(130);
            }
            tracing::info!("stopping when what is accepted is done; once more stops at once");
            stop.gracefully();
            asked = true;
        }
    });
    Ok(())
}
