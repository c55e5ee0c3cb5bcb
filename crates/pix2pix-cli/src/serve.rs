//! `pix2pix serve`.

mod log;
mod options;
pub mod training;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use pix2pix::device::set_threads;
use pix2pix::{for_threads, one_line};
use pix2pix_server::{LiveTraining, Models, Server, Settings};
use tokio::runtime::Runtime;
use tracing::level_filters::LevelFilter;

use crate::best_args::BestArgs;
use crate::failure::Failure;
use crate::flags;
use crate::interrupt::{self, Signal, Wishes};
use crate::machine_args::MachineArgs;
use crate::output::say;
use log::writer::Writing;
use options::Options;

/// Shown after the options.
pub const EXAMPLES: &str = "\
Options with [env: ...] can also be set in the environment. The models and the options from --listen to --grace can \
also be set in the file of --config (models, listen, max_body ...). The command line overrides the environment, and the \
environment overrides the file.

SIGHUP reloads the models without losing a request. SIGTERM or Ctrl-C finishes accepted requests, then stops; a second \
one stops now.

Examples:
  pix2pix serve                        the built-in model: satellite pictures of relief maps
  pix2pix serve runs/facades
  pix2pix serve runs/facades maps.safetensors --port 9000 --log json
  pix2pix serve --config pix2pix.toml";

/// Parses an address to listen on. A port alone is that of this machine alone.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    let remedy =
        "neither a port nor an IP address with a port: give 8080 or 127.0.0.1:8080, for example";
    let port = text.strip_prefix("localhost:").unwrap_or(text);
    let local = port.parse().map(|port| (Ipv4Addr::LOCALHOST, port).into());
    local
        .or_else(|_| text.parse())
        .map_err(|_| remedy.to_string())
}

/// Options of `pix2pix serve`.
#[derive(clap::Args)]
pub struct Args {
    /// Run folders (the newest checkpoint of each is used) or checkpoint files; earth is the built-in model [default: earth,
    /// on this machine alone and without --config] [env: PIX2PIX_MODELS, with commas between them]
    models: Vec<PathBuf>,
    #[command(flatten)]
    best: BestArgs,
    #[command(flatten)]
    options: Options,
    /// TOML file with these options [default: none]
    #[arg(long, env = "PIX2PIX_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Format of the log on standard error
    #[arg(long, env = "PIX2PIX_LOG", value_enum, default_value_t = LogFormat::Text)]
    log: LogFormat,
    /// Log level: error, warn, info (every request), debug or trace
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

/// Format of the log.
#[derive(Clone, Copy, ValueEnum)]
enum LogFormat {
    /// Plain text
    Text,
    /// One JSON object per line
    Json,
}

/// Serves until a signal stops it.
pub fn run(args: Args) -> Result<(), Failure> {
    let models = match args.models.is_empty() {
        true => models_of_environment(),
        false => args.models,
    };
    let (paths, settings) = args.options.settings(models, args.config.as_deref())?;
    // until the server has ended
    let _writing = begin_log(args.log, args.log_level)?;
    set_threads(args.machine.threads)?;
    let models =
        Models::new(&paths, args.machine.device, args.machine.precision).with_best(args.best.best);
    let models = Arc::new(models);
    let failed = |e: std::io::Error| Failure::Runtime(format!("the server failed: {e}"));
    // before the models load: a signal that comes meanwhile reloads them afterwards, and does not end the program
    reload_at_signals(models.clone()).map_err(|e| no_threads(&e))?;
    models.reload()?;
    let (listen, is_open) = (settings.listen, settings.token.is_none());
    let server = bind(settings, models.clone(), None)?;
    if !listen.ip().is_loopback() {
        let guard = match is_open {
            true => "and anyone may use it: set --token",
            false => "and the token is sent unencrypted: put a TLS proxy in front of it",
        };
        tracing::warn!("{listen} is reachable from other machines, {guard}");
    }
    let page = page(&server)?;
    let text = told(&models);
    to_the_end(runtime()?, async {
        stop_at_signals(&server).map_err(|e| no_threads(&e))?;
        // only now: who reads this may stop or reload the server at once
        say(&format!("{text}web page: {page}\npress Ctrl-C to stop\n"));
        server.run().await.map_err(failed)
    })
}

/// A line for each model: its name, network and step. Where a name is not the file's own, all lines have the paths.
fn told(models: &Models) -> String {
    let sources = models.sources();
    let is_numbered = sources.iter().any(|source| source.is_numbered);
    let all = models.all();
    let lines = all.iter().zip(sources).map(|(model, source)| {
        let info = &model.info;
        let path = match is_numbered {
            true => format!("{}, ", one_line(&source.path.display().to_string())),
            false => String::new(),
        };
        let name = one_line(&info.name);
        format!("{name} ({path}{}, step {})\n", info.network, info.step)
    });
    lines.collect()
}

/// The models that the environment names. Only there do commas separate them: what is typed may have commas in its name.
fn models_of_environment() -> Vec<PathBuf> {
    let Some(names) = std::env::var_os("PIX2PIX_MODELS") else {
        return Vec::new();
    };
    match names.to_str() {
        Some(names) => names
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(PathBuf::from)
            .collect(),
        None => vec![names.into()],
    }
}

/// Begins the log, on standard error.
fn begin_log(format: LogFormat, level: LevelFilter) -> Result<Writing, Failure> {
    let (writer, writing) = log::writer::start(std::io::stderr()).map_err(|e| no_threads(&e))?;
    match format {
        LogFormat::Text => tracing_subscriber::fmt()
            .with_max_level(level)
            .with_writer(writer)
            // it would report lines that cannot be written on standard error, and panic when that fails too
            .log_internal_errors(false)
            .event_format(log::Lines)
            .init(),
        LogFormat::Json => tracing_subscriber::fmt()
            .json()
            .with_max_level(level)
            .with_writer(writer)
            .log_internal_errors(false)
            .init(),
    }
    Ok(writing)
}

/// The page's address, which a browser on this machine opens.
fn page(server: &Server) -> Result<String, Failure> {
    let address = server.address();
    let address = address.map_err(|e| Failure::Runtime(e.to_string()))?;
    Ok(opened(address))
}

fn opened(address: SocketAddr) -> String {
    const ALL: &str = " (it listens on all addresses of this machine)";
    let (own, all) = match address.ip() {
        ip if !ip.is_unspecified() => (ip, ""),
        ip if ip.is_ipv4() => (Ipv4Addr::LOCALHOST.into(), ALL),
        _ => (Ipv6Addr::LOCALHOST.into(), ALL),
    };
    format!("http://{}/{all}", SocketAddr::new(own, address.port()))
}

/// Binds the address.
fn bind(
    settings: Settings,
    models: Arc<Models>,
    training: Option<Arc<LiveTraining>>,
) -> Result<Server, Failure> {
    Server::bind(settings, models, training)
        .map_err(|e| Failure::Runtime(flags::named(&e.to_string())))
}

/// Threads for network traffic.
const TRAFFIC: usize = 2;

/// An async runtime for network traffic; translation has its own threads.
fn runtime() -> Result<Runtime, Failure> {
    let built = are_free(TRAFFIC).and_then(|()| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(TRAFFIC)
            .enable_all()
            .build()
    });
    built.map_err(|e| no_threads(&e))
}

/// After the server's end, the longest time in which requests that were cut off write their lines of the log.
const CUT_OFF: Duration = Duration::from_millis(200);

/// Runs the server until it ends. What it still decodes or encodes then is not waited for: the grace period is over.
fn to_the_end<T>(runtime: Runtime, server: impl Future<Output = T>) -> T {
    let ended = runtime.block_on(server);
    runtime.shutdown_timeout(CUT_OFF);
    ended
}

/// The system gives no threads, or not what they listen to.
fn no_threads(reason: &std::io::Error) -> Failure {
    let remedy = for_threads(reason);
    Failure::Runtime(format!(
        "cannot start the server's threads: {reason}; {remedy}"
    ))
}

/// Checks that the system gives so many threads: the runtime would panic without them.
fn are_free(threads: usize) -> std::io::Result<()> {
    let parked = |_| std::thread::Builder::new().spawn(std::thread::park);
    let started: Vec<_> = (0..threads).map(parked).collect();
    for thread in started {
        let thread = thread?;
        thread.thread().unpark();
        // it only waits
        let _ = thread.join();
    }
    Ok(())
}

/// Reloads the models at SIGHUP, one load after the other.
fn reload_at_signals(models: Arc<Models>) -> std::io::Result<()> {
    interrupt::listen(&[Signal::Hangup], move || match models.reload() {
        Ok(()) => tracing::info!("reloaded the models"),
        Err(e) => {
            let reason = flags::named(&e.to_string());
            tracing::error!("cannot reload, keeping the old models: {reason}");
        }
    })
}

/// Stops the server gracefully at SIGTERM and Ctrl-C, at a second one at once.
fn stop_at_signals(server: &Server) -> std::io::Result<()> {
    let stop = server.stop();
    let (mut asked, mut wishes) = (false, Wishes::default());
    interrupt::listen(&[Signal::Stop], move || {
        if !wishes.is_new() {
            return;
        }
        if asked {
            std::process::exit(130);
        }
        tracing::info!("finishing accepted requests; press Ctrl-C again to stop now");
        stop.gracefully();
        asked = true;
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_that_has_begun_does_not_keep_the_server() {
        use std::sync::atomic::{AtomicBool, Ordering};
        use std::sync::mpsc::channel;

        let (go_on, wait) = channel::<()>();
        let (begun, begins) = channel();
        let is_done = Arc::new(AtomicBool::new(false));
        let done = is_done.clone();
        to_the_end(runtime().unwrap(), async move {
            tokio::task::spawn_blocking(move || {
                begun.send(()).unwrap();
                let _ = wait.recv_timeout(Duration::from_secs(30));
                done.store(true, Ordering::Relaxed);
            });
            begins.recv().unwrap();
        });
        assert!(!is_done.load(Ordering::Relaxed));
        drop(go_on);
    }

    #[test]
    fn the_printed_address_opens_in_a_browser() {
        for (listen, printed) in [
            ("127.0.0.1:8080", "http://127.0.0.1:8080/"),
            ("192.0.2.7:80", "http://192.0.2.7:80/"),
            (
                "0.0.0.0:8080",
                "http://127.0.0.1:8080/ (it listens on all addresses of this machine)",
            ),
            (
                "[::]:8080",
                "http://[::1]:8080/ (it listens on all addresses of this machine)",
            ),
        ] {
            assert_eq!(opened(listen.parse().unwrap()), printed);
        }
    }

    #[test]
    fn a_port_alone_is_of_this_machine_alone() {
        for (text, meant) in [
            ("9000", "127.0.0.1:9000"),
            ("localhost:9000", "127.0.0.1:9000"),
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("[::1]:80", "[::1]:80"),
        ] {
            assert_eq!(address(text).unwrap(), meant.parse().unwrap());
        }
        for wrong in ["", "99999", "localhost", "example.org:80", ":80"] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }
}
