//! Runs the binary in a scratch folder.

pub mod bombs;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use image::{Rgb, RgbImage};
use tempfile::TempDir;

/// A folder that is deleted after the test.
pub struct Scratch {
    folder: TempDir,
}

impl Scratch {
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The command, run inside the folder.
    pub fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pix2pix"));
        command
            .args(arguments.split_whitespace())
            .current_dir(self.folder.path());
        command
    }

    /// The command, which heeds all signals. Otherwise it ignores those that the tests were started to ignore, such as
    /// Ctrl-C in the background of a script.
    pub fn heeding_signals(&self, arguments: &str) -> Command {
        if !cfg!(target_os = "linux") {
            return self.command(arguments);
        }
        let mut command = Command::new("env");
        command
            .args([
                "--default-signal=INT,HUP,TERM",
                env!("CARGO_BIN_EXE_pix2pix"),
            ])
            .args(arguments.split_whitespace())
            .current_dir(self.folder.path());
        command
    }

    /// Runs a script of bash in the folder, with the program as `$pix2pix`.
    pub fn bash(&self, script: &str) -> Output {
        Command::new("bash")
            .args(["-c", script])
            .env("pix2pix", env!("CARGO_BIN_EXE_pix2pix"))
            .current_dir(self.folder.path())
            .output()
            .unwrap()
    }

    pub fn run(&self, arguments: &str) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a command that must succeed, and returns its standard output.
    pub fn ok(&self, arguments: &str) -> String {
        let output = self.run(arguments);
        assert!(
            output.status.success(),
            "{arguments}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// Trains a small network for two steps in a new folder `run`, and returns what is said on standard error.
    pub fn trained(&self, data: &str, options: &str) -> String {
        let _ = std::fs::remove_dir_all(self.path("run"));
        let small = match options.contains("--resize none") {
            true => "--filters 2", // the pictures have the sizes that they have
            false => SMALL,
        };
        let output = self.run(&format!(
            "train {data} --out run --steps 2 {small} {options}"
        ));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{data} {options}: {said}");
        said
    }

    /// Runs a command with `input` on its standard input.
    pub fn piped(&self, arguments: &str, input: &[u8]) -> Output {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        // a program that refuses its input does not read all of it
        let writer = std::thread::spawn(move || stdin.write_all(&input).is_ok());
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        output
    }

    /// Side-by-side pairs of 48x40 pixels under `folder`.
    pub fn pairs(&self, folder: &str, count: u32) {
        std::fs::create_dir_all(self.path(folder)).unwrap();
        for index in 0..count {
            pair(96, 40, index)
                .save(self.path(folder).join(format!("pair{index}.png")))
                .unwrap();
        }
    }
}

/// Adds a byte behind the picture of a file, which is another file of the same picture then.
pub fn longer_by_a_byte(file: &Path) {
    let mut bytes = std::fs::read(file).unwrap();
    bytes.push(0);
    std::fs::write(file, bytes).unwrap();
}

/// Serves these files, by their names at the end of any path, from a local address.
pub fn serve(files: Vec<(String, Vec<u8>)>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/files", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = String::new();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            reader.read_line(&mut request).unwrap();
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok() && line != "\r\n" {
                line.clear();
            }
            let asked = request.split_whitespace().nth(1).unwrap();
            let file = files.iter().find(|(name, _)| asked.ends_with(name));
            let (status, body) = match file {
                Some((_, content)) => ("200 OK", content.as_slice()),
                None => ("404 Not Found", [].as_slice()),
            };
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
            )
            .unwrap();
            let _ = stream.write_all(body);
        }
    });
    address
}

/// A pair of a gradient and its negative, different for each `index`.
pub fn pair(width: u32, height: u32, index: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let shade = ((x % (width / 2).max(1)) * 5 + y * (index + 1)) as u8;
        if x < width / 2 {
            Rgb([shade, 40, 200])
        } else {
            Rgb([255 - shade, 215, 55])
        }
    })
}

/// All files and folders under a folder, with the content of the files.
pub fn content(folder: &Path) -> std::collections::BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = std::collections::BTreeMap::new();
    let mut left = vec![folder.to_path_buf()];
    while let Some(folder) = left.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path.clone());
                found.insert(path, None);
            } else {
                let bytes = std::fs::read(&path).unwrap();
                found.insert(path, Some(bytes));
            }
        }
    }
    found
}

/// Whether a region of a picture has only one color.
pub fn is_flat(picture: &RgbImage, x: u32, y: u32, side: u32) -> bool {
    let first = picture.get_pixel(x, y);
    (0..side).all(|j| (0..side).all(|i| picture.get_pixel(x + i, y + j) == first))
}

/// The names in a folder, sorted.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Options for training small networks, with steps of milliseconds.
pub const SMALL: &str = "--filters 2 --load-size 72 --crop-size 64";

/// Waits until a run has logged this many steps, for a minute at most. `program` trains it; if it ends or hangs, the test
/// fails with what it has said.
pub fn wait_for_lines(program: &mut Child, run: &Path, count: usize) {
    let begun = Instant::now();
    let lines = || {
        let metrics = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap_or_default();
        metrics.lines().count()
    };
    while lines() < count {
        let ended = program.try_wait().unwrap();
        if ended.is_some() || begun.elapsed() > Duration::from_secs(60) {
            let _ = program.kill();
            let mut said = String::new();
            if let Some(stream) = &mut program.stdout {
                stream.read_to_string(&mut said).unwrap();
            }
            if let Some(stream) = &mut program.stderr {
                stream.read_to_string(&mut said).unwrap();
            }
            let code = program.wait().unwrap();
            panic!("{} of {count} lines of metrics, {code}: {said}", lines());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits for something that happens soon, for a minute at most.
pub fn wait_until(what: &str, mut happened: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !happened() {
        let waited = begun.elapsed();
        assert!(waited < Duration::from_secs(60), "waited for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The address of the web page in a program's output.
pub fn address(told: &mut dyn BufRead) -> Option<String> {
    let mut lines = told.lines().map_while(Result::ok);
    lines.find_map(|line| {
        let address = line.strip_prefix("web page: http://")?;
        Some(address.split('/').next()?.to_string())
    })
}
