//! `pix2pix serve` as a service: options, environment, file, logs and signals.

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use common::{SMALL, Scratch, address, wait_until};

/// A folder with a model trained for two steps.
fn model() -> Scratch {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    scratch.ok(&format!("train data --out run {SMALL} --steps 2 --quiet"));
    scratch
}

/// A running server, whose log is read while it runs.
struct Serving {
    child: Child,
    address: String,
    log: Arc<Mutex<String>>,
    reader: JoinHandle<()>,
}

impl Serving {
    fn start(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let Some(address) = address(&mut BufReader::new(child.stdout.as_mut().unwrap())) else {
            let output = child.wait_with_output().unwrap();
            panic!("no server: {}", String::from_utf8_lossy(&output.stderr));
        };
        let log = BufReader::new(child.stderr.take().unwrap());
        Self::of(child, address, log)
    }

    fn of(child: Child, address: String, mut from: impl BufRead + Send + 'static) -> Self {
        let log = Arc::new(Mutex::new(String::new()));
        let kept = log.clone();
        let reader = std::thread::spawn(move || {
            let mut line = String::new();
            while from.read_line(&mut line).unwrap() > 0 {
                kept.lock().unwrap().push_str(&std::mem::take(&mut line));
            }
        });
        Self {
            child,
            address,
            log,
            reader,
        }
    }

    fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Sends a request line, with optional further headers, and returns the response.
    fn ask(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let head = format!("{request}\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn signal(&self, name: &str) {
        let done = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.child.id().to_string())
            .status();
        assert!(done.unwrap().success());
    }

    /// Stops the server and returns its exit status and log.
    fn stopped(self) -> (ExitStatus, String) {
        self.signal("TERM");
        self.ended()
    }

    /// Waits for the server to end and returns its exit status and log.
    fn ended(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().unwrap();
        self.reader.join().unwrap();
        let log = self.log.lock().unwrap().clone();
        (status, log)
    }
}

#[test]
fn it_serves_reloads_and_stops() {
    let scratch = model();
    let serving = Serving::start(scratch.command("serve run --listen 127.0.0.1:0 --log json"));
    assert!(
        serving
            .ask("GET /healthz HTTP/1.1")
            .starts_with("HTTP/1.1 200")
    );
    let models = serving.ask("GET /v1/models HTTP/1.1");
    assert!(models.contains(r#""name":"run","step":2"#), "{models}");
    // train further meanwhile
    scratch.ok("train --resume run --steps 4 --quiet");
    serving.signal("HUP");
    wait_until("the new model", || {
        serving
            .ask("GET /v1/models HTTP/1.1")
            .contains(r#""step":4"#)
    });
    // a damaged checkpoint changes nothing
    let newest = scratch.path("run/checkpoints/step_0000004.safetensors");
    std::fs::write(newest, "damaged").unwrap();
    serving.signal("HUP");
    wait_until("the damaged model is refused", || {
        serving.log().contains("keeping the old models")
    });
    assert!(
        serving
            .ask("GET /readyz HTTP/1.1\r\nX-Request-Id: mine")
            .contains("x-request-id: mine")
    );
    let (status, log) = serving.stopped();
    assert!(status.success(), "{log}");
    // every line of the log is JSON, and lines of a request have its id
    let lines: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let with_id = |line: &&serde_json::Value| {
        line["span"]["id"] == "mine" && line["span"]["path"] == "/readyz"
    };
    assert!(lines.iter().any(|line| with_id(&line)), "{log}");
    let said = |level: &str, text: &str| {
        let says = |line: &&serde_json::Value| {
            line["fields"]["message"]
                .as_str()
                .is_some_and(|said| said.contains(text))
        };
        lines.iter().filter(says).any(|line| line["level"] == level)
    };
    assert!(said("INFO", "reloaded the models"), "{log}");
    assert!(said("ERROR", "keeping the old models"), "{log}");
}

/// A log that cannot be written, on a full disk for example, stops no request and no signal.
#[test]
fn a_full_log_makes_the_server_neither_deaf_nor_dumb() {
    let scratch = model();
    for format in ["text", "json"] {
        let mut command = Command::new("bash");
        let serve = format!("serve run --listen 127.0.0.1:0 --log {format}");
        command
            .args(["-c", &format!("exec \"$pix2pix\" {serve} 2>/dev/full")])
            .env("pix2pix", env!("CARGO_BIN_EXE_pix2pix"))
            .current_dir(scratch.path("."));
        let serving = Serving::start(command);
        for _ in 0..3 {
            let answer = serving.ask("GET /v1/models HTTP/1.1");
            assert!(answer.starts_with("HTTP/1.1 200"), "{format}: {answer}");
        }
        let (status, _) = serving.stopped();
        assert!(status.success(), "{format}");
    }
}

/// A signal that the server was started to ignore stays ignored; a log that is no terminal has no colours.
#[test]
fn ignored_signals_stay_ignored() {
    let scratch = model();
    let mut command = Command::new("bash");
    let serve = "serve run --listen 127.0.0.1:0";
    command
        .args(["-c", &format!("trap '' HUP INT; exec \"$pix2pix\" {serve}")])
        .env("pix2pix", env!("CARGO_BIN_EXE_pix2pix"))
        .current_dir(scratch.path("."));
    let serving = Serving::start(command);
    for name in ["HUP", "INT", "INT"] {
        serving.signal(name);
        let answer = serving.ask("GET /healthz HTTP/1.1");
        assert!(answer.starts_with("HTTP/1.1 200"), "{name}: {answer}");
    }
    let (status, log) = serving.stopped();
    assert!(status.success(), "{log}");
    assert!(log.contains("finishing accepted requests"), "{log}");
    assert!(
        !log.contains("reloaded") && !log.contains('\u{1b}'),
        "{log}"
    );
}

#[test]
fn options_come_before_the_environment_and_that_before_the_file() {
    let scratch = model();
    let config = |text: &str| std::fs::write(scratch.path("serve.toml"), text).unwrap();
    config("models = ['run']\nlisten = '127.0.0.1:0'\ntoken = 'of-the-file'\n");
    let opens = |command: Command, token: &str| {
        let serving = Serving::start(command);
        let answer = serving.ask(&format!(
            "GET /v1/models HTTP/1.1\r\nAuthorization: Bearer {token}"
        ));
        let (status, log) = serving.stopped();
        assert!(status.success(), "{log}");
        answer.starts_with("HTTP/1.1 200")
    };
    let file = "serve --config serve.toml";
    assert!(opens(scratch.command(file), "of-the-file"));
    let with_environment = |arguments: &str| {
        let mut command = scratch.command(arguments);
        command.env("PIX2PIX_TOKEN", "of-the-environment");
        command
    };
    assert!(opens(with_environment(file), "of-the-environment"));
    assert!(!opens(with_environment(file), "of-the-file"));
    assert!(opens(
        with_environment(&format!("{file} --token typed")),
        "typed"
    ));

    let refused = |arguments: &str, code: i32, told: &str| {
        let output = scratch.run(arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{error}");
        assert!(
            error.contains(told) && error.lines().count() == 1,
            "{error}"
        );
    };
    config("models = ['run']\ncolour = 'red'\n");
    refused(file, 1, "colour");
    refused("serve", 2, "no model to serve");
    refused("serve nowhere", 1, "nowhere");
    refused("serve run --waiting 0", 2, "--waiting is 0");
    refused("serve run --config nowhere.toml", 1, "nowhere.toml");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    refused(
        &format!("serve run --listen {address}"),
        1,
        "choose another --listen",
    );
}

#[test]
fn an_open_address_is_warned_of() {
    let scratch = model();
    for (arguments, told) in [
        (
            "serve run --listen 0.0.0.0:0",
            Some("anyone may use it: set --token"),
        ),
        (
            "serve run --listen 0.0.0.0:0 --token secret",
            Some("put a TLS proxy in front"),
        ),
        ("serve run --listen 127.0.0.1:0", None),
    ] {
        let serving = Serving::start(scratch.command(arguments));
        let (_, log) = serving.stopped();
        match told {
            Some(told) => assert!(log.contains("WARN") && log.contains(told), "{log}"),
            None => assert!(!log.contains("WARN"), "{log}"),
        }
        assert!(!log.contains("secret"), "{log}");
    }
}

/// The page of a training always has its newest checkpoint.
#[test]
fn a_training_is_watched() {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    let every = "--steps 100000 --save-every 20 --sample-every 100000 --log-every 100000";
    let mut child = scratch
        .heeding_signals(&format!(
            "train data --out run {SMALL} {every} --serve=127.0.0.1:0"
        ))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap());
    let address = address(&mut told);
    let serving = Serving::of(child, address.unwrap(), told);
    let step = || -> u64 {
        let models = serving.ask("GET /v1/models HTTP/1.1");
        let digits = models.split(r#""step":"#).nth(1);
        digits.map_or(0, |rest| rest.split(',').next().unwrap().parse().unwrap())
    };
    wait_until("a model", || step() > 0);
    let first = step();
    wait_until("a newer model", || step() > first);
    serving.signal("INT");
    let (status, _) = serving.ended();
    assert_eq!(status.code(), Some(130));
    assert!(Path::new(&scratch.path("run/config.toml")).is_file());
}
