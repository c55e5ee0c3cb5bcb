//! `pix2pix serve` as a service: options, environment, file, logs and signals.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use crate::common::{self, SMALL, Scratch, address, wait_until};

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
        self.ask_whole(&format!("{request}\r\n\r\n"))
    }

    /// Sends a request with its body, but for the headers that all have, and returns the response.
    fn ask_whole(&self, request: &str) -> String {
        String::from_utf8(self.ask_bytes(request)).unwrap()
    }

    fn ask_bytes(&self, request: &str) -> Vec<u8> {
        let (line, rest) = request.split_once("\r\n").unwrap();
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let whole = format!("{line}\r\nHost: localhost\r\nConnection: close\r\n{rest}");
        stream.write_all(whole.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
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
fn without_a_model_it_serves_the_built_in_one() {
    let scratch = Scratch::new();
    let serving = Serving::start(scratch.heeding_signals("serve --listen 127.0.0.1:0"));
    let models = serving.ask("GET /v1/models HTTP/1.1");
    assert!(models.contains(r#""name":"earth","step":3000"#), "{models}");
    // with examples and colors of the data inside the program
    assert!(!models.contains(r#""examples":[]"#), "{models}");
    assert!(!models.contains(r#""palette":[]"#), "{models}");
    assert!(serving.stopped().0.success());
}

/// A name with a number is told with its path, and never takes the name of another model.
#[test]
fn models_of_one_name_are_told_apart() {
    let scratch = model();
    let checkpoint = scratch.path("run/checkpoints/step_0000002.safetensors");
    for folder in ["a", "b"] {
        std::fs::create_dir(scratch.path(folder)).unwrap();
    }
    for copy in ["a/m", "b/m", "m-2"] {
        let copy = scratch.path(&format!("{copy}.safetensors"));
        std::fs::copy(&checkpoint, copy).unwrap();
    }
    let lines = |models: &str, count: usize| -> Vec<String> {
        let mut command = scratch.command(&format!("serve {models} --listen 127.0.0.1:0"));
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let lines = lines.take(count).map(Result::unwrap).collect();
        child.kill().unwrap();
        child.wait().unwrap();
        lines
    };
    let found = lines("a/m.safetensors b/m.safetensors m-2.safetensors", 3);
    for (line, begin) in found.iter().zip([
        "m (a/m.safetensors, U-Net of ",
        "m-3 (b/m.safetensors, U-Net of ",
        "m-2 (m-2.safetensors, U-Net of ",
    ]) {
        assert!(line.starts_with(begin), "{line}");
    }
    let found = lines("a/m.safetensors m-2.safetensors", 2);
    assert!(found[0].starts_with("m (U-Net of "), "{found:?}");
}

#[test]
fn it_serves_reloads_and_stops() {
    let scratch = model();
    let serving =
        Serving::start(scratch.heeding_signals("serve run --listen 127.0.0.1:0 --log json"));
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
        let fields = &line["fields"];
        fields["id"] == "mine"
            && fields["message"] == "GET /readyz"
            && fields["status"] == 200
            && fields["ms"].is_number()
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

/// A file that another program writes in place is whole only in the end.
#[test]
fn a_model_that_is_overwritten_while_it_loads_is_refused() {
    let scratch = model();
    let path = scratch.path("model.safetensors");
    let newest = scratch.path("run/checkpoints/step_0000002.safetensors");
    std::fs::copy(newest, &path).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let [first, second] = [&whole[..whole.len() / 2], &whole[whole.len() / 2..]];
    let serve = "serve model.safetensors --listen 127.0.0.1:0";
    let serving = Serving::start(scratch.heeding_signals(serve));
    for _ in 0..20 {
        serving.signal("HUP");
        for _ in 0..50 {
            let mut file = std::fs::File::create(&path).unwrap();
            file.write_all(first).unwrap();
            file.write_all(second).unwrap();
        }
        let answer = serving.ask("GET /healthz HTTP/1.1");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    let said = |text: &str| serving.log().matches(text).count();
    // one half alone, however long the loads before it take
    std::fs::write(&path, first).unwrap();
    let kept = said("keeping the old models");
    serving.signal("HUP");
    wait_until("the half to be refused", || {
        said("keeping the old models") > kept
    });
    std::fs::write(&path, &whole).unwrap();
    let loaded = said("reloaded the models");
    serving.signal("HUP");
    wait_until("the whole model", || said("reloaded the models") > loaded);
    let (status, log) = serving.stopped();
    assert!(status.success(), "{log}");
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

/// A log into a pipe that nobody reads stops no request either.
#[test]
fn a_log_that_nobody_reads_stops_no_request() {
    let scratch = model();
    let mut child = scratch
        .heeding_signals("serve run --listen 127.0.0.1:0")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let address = address(&mut BufReader::new(child.stdout.as_mut().unwrap())).unwrap();
    let serving = Serving::of(child, address, std::io::empty());
    // more than a pipe holds
    let path = "x".repeat(200);
    for _ in 0..1000 {
        let answer = serving.ask(&format!("GET /{path} HTTP/1.1"));
        assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    }
    assert!(serving.stopped().0.success());
}

/// A reload may be asked for as soon as the server lives: before it listens, too.
#[test]
#[cfg(target_os = "linux")]
fn a_reload_while_the_models_load_ends_nothing() {
    let scratch = Scratch::new();
    let mut child = scratch
        .heeding_signals("serve earth --listen 127.0.0.1:0")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let is_caught = || {
        let status = std::fs::read_to_string(&status).unwrap();
        let caught = status
            .lines()
            .find_map(|line| line.strip_prefix("SigCgt:"))
            .unwrap();
        // SIGHUP is the first
        u64::from_str_radix(caught.trim(), 16).unwrap() & 1 == 1
    };
    wait_until("a server that reloads", is_caught);
    let log = BufReader::new(child.stderr.take().unwrap());
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut serving = Serving::of(child, String::new(), log);
    serving.signal("HUP");
    serving.address = address(&mut out).expect("a server");
    wait_until("the reload", || {
        serving.log().contains("reloaded the models")
    });
    assert!(serving.stopped().0.success());
}

/// A signal that the server was started to ignore stays ignored; a log that is no terminal has no colors.
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

/// `timeout` sends its signal to the process and to its group: that is one wish to stop.
#[test]
fn a_stop_that_is_sent_twice_is_one() {
    let scratch = model();
    let serving = Serving::start(scratch.heeding_signals("serve run --listen 127.0.0.1:0"));
    // two signals of a kind might come as one
    let both = format!("kill -TERM {0} && kill -INT {0}", serving.child.id());
    assert!(scratch.bash(&both).status.success());
    let (status, log) = serving.ended();
    assert!(status.success(), "{log}");
    // a later one stops at once
    let mut serving = Serving::start(scratch.heeding_signals("serve run --listen 127.0.0.1:0"));
    let mut stream = TcpStream::connect(&serving.address).unwrap();
    let head = "POST /v1/translate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    serving.signal("TERM");
    wait_until("the stop", || serving.log().contains("finishing"));
    std::thread::sleep(std::time::Duration::from_millis(600));
    serving.signal("TERM");
    assert_eq!(serving.child.wait().unwrap().code(), Some(130));
}

/// As `${RATE:-}` makes them in the files of other programs.
#[test]
fn an_empty_variable_is_as_good_as_none() {
    let scratch = model();
    let mut command = scratch.command("serve run --listen 127.0.0.1:0");
    for name in [
        "RATE",
        "TITLE",
        "MAX_BODY",
        "PROXY",
        "HIDE_DETAILS",
        "CONFIG",
        "LOG",
        "MODELS",
    ] {
        command.env(format!("PIX2PIX_{name}"), "");
    }
    let serving = Serving::start(command);
    let page = serving.ask("GET / HTTP/1.1");
    assert!(page.contains("<title>pix2pix</title>"), "{page}");
    assert!(serving.stopped().0.success());
}

#[cfg(unix)]
#[test]
fn a_wrong_variable_is_named() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let scratch = model();
    let refused = |typed: &str, name: &str, value: &[u8]| {
        let mut command = scratch.command(&format!("serve run --listen 127.0.0.1:0 {typed}"));
        command.env(name, OsStr::from_bytes(value));
        let output = command.output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
        error
    };
    let wrong = "invalid value 'abc' for '--rate <N>'";
    let error = refused("", "PIX2PIX_RATE", b"abc");
    assert!(
        error.starts_with(&format!("error: PIX2PIX_RATE: {wrong}")),
        "{error}"
    );
    let error = refused("", "PIX2PIX_TITLE", b"\xff");
    assert!(error.starts_with("error: PIX2PIX_TITLE: "), "{error}");
    // what is typed comes first, and so does its error
    let error = refused("--rate abc", "PIX2PIX_RATE", b"def");
    assert!(error.starts_with(&format!("error: {wrong}")), "{error}");
    // a secret that was forgotten does not open the server
    let error = refused("", "PIX2PIX_TOKEN", b"");
    assert!(error.contains("PIX2PIX_TOKEN is empty"), "{error}");
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
    // a comma separates models in the environment alone
    let names = |arguments: &str, models: &str| {
        let mut command = scratch.command(&format!("serve {arguments} --listen 127.0.0.1:0"));
        command.env("PIX2PIX_MODELS", models);
        let serving = Serving::start(command);
        let models = serving.ask("GET /v1/models HTTP/1.1");
        assert!(serving.stopped().0.success());
        models
            .split(r#"{"name":""#)
            .skip(1)
            .map(|model| model.split('"').next().unwrap().to_string())
            .collect::<Vec<_>>()
    };
    scratch.bash("cp -r run run,2");
    for models in ["run,earth", " run, earth,"] {
        assert_eq!(names("", models), ["run", "earth"], "{models:?}");
    }
    assert_eq!(names("run,2", "earth"), ["run,2"]);
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
    config("token = 'secret'\n");
    refused(file, 2, "no model to serve");
    refused("serve --listen 0.0.0.0:0", 2, "no model to serve");
    refused("serve nowhere", 1, "nowhere");
    refused("serve run --waiting 0", 2, "--waiting is 0");
    // times that a clock cannot add
    for (option, least) in [("patience", 1), ("grace", 0)] {
        let told = format!("must be from {least} to 86400 seconds");
        refused(
            &format!("serve run --{option} 9223372036854775807"),
            2,
            &told,
        );
    }
    refused("serve run --patience 0", 2, "--patience is 0");
    refused("serve run --config nowhere.toml", 1, "nowhere.toml");
    std::fs::write(scratch.path("latin.toml"), b"title = 'Caf\xe9'").unwrap();
    refused(
        "serve run --config latin.toml",
        1,
        "check that it is the file that you mean",
    );
    refused(
        "serve run --listen example.org:8080",
        2,
        "give 8080 or 127.0.0.1:8080, for example",
    );
    refused(
        "train run --out x --serve=example.org:8080",
        2,
        "give 8080 or 127.0.0.1:8080, for example",
    );
    refused("serve run --rate 0", 2, "give a whole number from 1");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    refused(
        &format!("serve run --listen {address}"),
        1,
        "choose another port",
    );
}

/// One line a request that a person can read: time, status, milliseconds, what.
#[test]
fn the_log_has_a_line_for_each_request() {
    let scratch = model();
    let serving = Serving::start(scratch.heeding_signals("serve run --listen 127.0.0.1:0"));
    serving.ask("GET /v1/models?model=secret HTTP/1.1");
    serving.ask("GET /nothing HTTP/1.1\r\nX-Request-Id: mine");
    let length = "Content-Length: 10\r\n\r\nno picture";
    let answer = serving.ask_whole(&format!("POST /v1/translate HTTP/1.1\r\n{length}"));
    assert!(answer.starts_with("HTTP/1.1 422"), "{answer}");
    // a BMP of 16x16 black pixels, whose bytes are all ASCII; its answers name the model
    let fields: [u32; 13] = [822, 0, 54, 40, 16, 16, 1 | 24 << 16, 0, 768, 0, 0, 0, 0];
    let fields = fields.iter().flat_map(|field| field.to_le_bytes());
    let picture = "BM".bytes().chain(fields).chain([0; 768]);
    let picture: String = picture.map(char::from).collect();
    for route in ["preview", "translate"] {
        let head = format!("POST /v1/{route} HTTP/1.1\r\nContent-Length: 822");
        let answer = serving.ask_bytes(&format!("{head}\r\n\r\n{picture}"));
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    let (_, log) = serving.stopped();
    let lines: Vec<Vec<&str>> = log
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    for (line, [status, method, path]) in lines.iter().zip([
        ["200", "GET", "/v1/models"],
        ["404", "GET", "/nothing:"],
        ["422", "POST", "/v1/translate:"],
        ["200", "POST", "/v1/preview,"],
        ["200", "POST", "/v1/translate,"],
    ]) {
        // date, time, status, milliseconds and their unit, what
        assert!(line[0].len() == 10 && line[1].len() == 8, "{log}");
        assert_eq!(
            [line[2], line[4], line[5], line[6]],
            [status, "ms", method, path]
        );
        assert!(line[3].parse::<u32>().is_ok(), "{log}");
    }
    assert!(
        log.contains("no such path") && log.contains("[mine]"),
        "{log}"
    );
    assert!(
        log.contains("not a JPEG") && !log.contains("secret"),
        "{log}"
    );
    for route in ["preview", "translate"] {
        let line = format!("POST /v1/{route}, run\n");
        assert!(log.contains(&line), "{log}");
    }
    assert!(!log.contains('\u{1b}'), "{log}");
}

/// A demo for the public: words of its own, sites by name, visitors behind a proxy with a limit.
#[test]
fn a_demo_has_words_of_its_own() {
    let scratch = model();
    let typed = "serve run --listen 127.0.0.1:0 --title A&B --rate 1 --proxy 127.0.0.1 \
                 --cors https://a.example --embed https://b.example";
    let mut command = scratch.command(typed);
    command.env("PIX2PIX_HIDE_DETAILS", "1");
    command.env("PIX2PIX_INTRO", "Draw a house.\n\nSee https://example.org.");
    let serving = Serving::start(command);
    let page = serving.ask("GET / HTTP/1.1");
    for part in [
        "<title>A&amp;B</title>",
        "<h1 dir=\"auto\">A&amp;B</h1>",
        "<p dir=\"auto\">Draw a house.</p><p dir=\"auto\">See <a href=\"https://example.org\"",
        "data-details=\"hidden\"",
        "frame-ancestors 'self' https://b.example",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let models = serving.ask("GET /v1/models HTTP/1.1\r\nOrigin: https://a.example");
    assert!(
        models.contains("access-control-allow-origin: https://a.example"),
        "{models}"
    );
    let post = |visitor: &str| {
        let more = format!("X-Forwarded-For: {visitor}\r\nContent-Length: 1\r\n\r\nx");
        let answer = serving.ask_whole(&format!("POST /v1/translate HTTP/1.1\r\n{more}"));
        answer[9..12].to_string()
    };
    let statuses = ["10.0.0.1", "10.0.0.1", "10.0.0.2"].map(post);
    assert_eq!(statuses, ["422", "429", "422"]);
    let (status, log) = serving.stopped();
    assert!(status.success(), "{log}");

    for (option, told) in [
        ("--cors example.org", "is not an origin"),
        ("--embed https://a.example/page", "is not an origin"),
        ("--proxy nginx", "no address or network"),
        ("--rate 0", "--rate"),
        ("--title=", "--title is empty"),
        (
            "--host http://maps.example",
            "--host is http://maps.example; give a name",
        ),
        (
            "--host maps.example:80",
            "--host is maps.example:80; give a name",
        ),
    ] {
        let output = scratch.run(&format!("serve run {option}"));
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(told), "{error}");
    }
    std::fs::write(
        scratch.path("serve.toml"),
        "models = ['run']\ncors = ['a']\n",
    )
    .unwrap();
    let output = scratch.run("serve --config serve.toml");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("is not an origin") && error.lines().count() == 1,
        "{error}"
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
        let serving = Serving::start(scratch.heeding_signals(arguments));
        // the printed address is one that opens
        assert!(
            serving.address.starts_with("127.0.0.1:"),
            "{}",
            serving.address
        );
        assert!(serving.ask("GET / HTTP/1.1").starts_with("HTTP/1.1 200"));
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
    let every = "--steps 100000 --save-every 20 --sample-every 10 --log-every 5";
    let mut child = scratch
        .heeding_signals(&format!(
            "train data --out run {SMALL} {every} --serve=127.0.0.1:0"
        ))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap());
    let address = common::address(&mut told);
    let serving = Serving::of(child, address.unwrap(), told);
    let step = || -> u64 {
        let models = serving.ask("GET /v1/models HTTP/1.1");
        let digits = models.split(r#""step":"#).nth(1);
        digits.map_or(0, |rest| rest.split(',').next().unwrap().parse().unwrap())
    };
    wait_until("a model", || step() > 0);
    let first = step();
    wait_until("a newer model", || step() > first);
    // its curves, contact sheets and log are on the page
    let told = serving.ask("GET /v1/training HTTP/1.1");
    for part in [
        r#""run":"run""#,
        r#"{"key":"g_l1","title":"Training pairs: L1 (of 255)","noisy":true,"points":[[1,"#,
        r#""sheets":[10,"#,
        r#""text":"step "#,
        r#""text":"checkpoint: run/checkpoints/step_"#,
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let sheet = serving.ask_bytes("GET /v1/training/sheets/10 HTTP/1.1\r\n\r\n");
    let file = std::fs::read(scratch.path("run/samples/step_0000010.png")).unwrap();
    assert!(sheet.ends_with(&file));
    serving.signal("INT");
    let (status, _) = serving.ended();
    assert_eq!(status.code(), Some(130));
    // the next session shows what this one has left, and whom its page is open to
    let mut child = scratch
        .heeding_signals("train --resume run --serve=0.0.0.0:0")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap());
    let address = common::address(&mut told);
    let serving = Serving::of(child, address.unwrap(), told);
    let told = serving.ask("GET /v1/training HTTP/1.1");
    assert!(
        told.contains(
            r#"{"key":"g_l1","title":"Training pairs: L1 (of 255)","noisy":true,"points":[[1,"#
        ) && told.contains(r#""sheets":[10,"#),
        "{told}"
    );
    serving.signal("INT");
    let (status, log) = serving.ended();
    assert_eq!(status.code(), Some(130), "{log}");
    assert!(log.contains("other machines reach the page"), "{log}");
}

/// Control characters in the names of runs and models, which a terminal would obey, are escaped.
#[test]
fn names_do_not_reach_the_terminal() {
    let scratch = model();
    let is_plain = |said: &str| !said.replace('\n', "").contains(char::is_control);
    let run = "run\u{1b}[31m";
    std::fs::rename(scratch.path("run"), scratch.path(run)).unwrap();
    let said = scratch.ok("runs");
    assert!(
        said.contains("./run\\u{1b}[31m") && is_plain(&said),
        "{said:?}"
    );
    let mut command = scratch.command("serve --listen 127.0.0.1:0");
    let mut child = command.arg(run).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    lines.read_line(&mut line).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(
        line.starts_with("run\\u{1b}[31m (") && is_plain(&line),
        "{line:?}"
    );
    let resume = ["train", "--steps", "4", "--resume", run];
    let output = scratch.command("").args(resume).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    assert!(output.status.success(), "{said}");
    // the command that follows is one for the shell
    assert!(
        said.contains("run\\u{1b}[31m") && is_plain(&said),
        "{said:?}"
    );
    // errors too
    let again = ["train", "data", "--steps", "4", "--out", run];
    let output = scratch.command("").args(again).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("run\\u{1b}[31m: the folder is not empty"),
        "{said:?}"
    );
    assert!(is_plain(&said), "{said:?}");
}
