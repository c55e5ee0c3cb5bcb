//! What strangers' files and requests can make the program use: it runs with little memory, and refuses them in one line.

use std::fs;
use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::{SMALL, Scratch, address, bombs, pair, wait_until};

/// Address space of the commands, in KiB: the program and its threads, and half a gigabyte for a file.
const LITTLE: u32 = 2 << 20;
/// Address space of the server, in KiB, with the default limits.
const SERVED: u32 = 4 << 20;

/// The command with limits of the shell, such as `-v 1000`.
fn limited(scratch: &Scratch, limit: &str, arguments: &str) -> Command {
    let program = env!("CARGO_BIN_EXE_pix2pix");
    let mut shell = Command::new("sh");
    shell
        .arg("-c")
        .arg(format!("ulimit {limit}; exec \"$0\" {arguments}"))
        .arg(program)
        .current_dir(scratch.path(""));
    shell
}

/// A model of 64x64 pixels.
fn model() -> Scratch {
    let scratch = Scratch::new();
    scratch.pairs("data", 2);
    scratch.ok(&format!("train data --out run {SMALL} --steps 1 --quiet"));
    scratch
}

/// Pictures, and a part of the message that refuses each; none if it is a picture all the same.
fn pictures() -> Vec<(&'static str, Vec<u8>, Option<&'static str>)> {
    let gigabyte = 1 << 30;
    let brackets = [b"(".repeat(9000), b"\n".to_vec()].concat();
    vec![
        (
            "bands.tif",
            bombs::tiff([2048; 2], 100, None),
            Some("100 channels cannot become 3"),
        ),
        (
            "tile.tif",
            bombs::tiff([64; 2], 1, Some(8192)),
            Some("its tiles have more than twice the bytes of the picture each"),
        ),
        (
            "profile.png",
            bombs::png([64; 2], &[bombs::profile(4 * gigabyte)]),
            None,
        ),
        (
            "tall.png",
            bombs::png([16, 262_144], &[]),
            Some("16x262144 pixels with 3 channels are too large"),
        ),
        (
            "text.png",
            bombs::png([64; 2], &[(b"tEXt", vec![b'x'; 40 << 20])]),
            Some("text.png: damaged PNG"),
        ),
        (
            "claim.npy",
            bombs::npy(u32::MAX - 1, b"{}"),
            Some("more than 10000 bytes"),
        ),
        (
            "brackets.npy",
            bombs::npy(9001, &brackets),
            Some("too many brackets"),
        ),
        ("claim.webp", bombs::webp(u32::MAX - 20), Some("truncated")),
        ("scans.jpg", bombs::jpeg(300), Some("more than 200 scans")),
        (
            "scans.tif",
            bombs::tiff_jpeg(300, 0),
            Some("more than 200 scans"),
        ),
        (
            "shared.tif",
            bombs::tiff_shared([2048, 16], 4 << 20),
            Some("its parts share bytes, and have more than twice those of its pixels"),
        ),
        (
            "tables.tif",
            bombs::tiff_jpeg(2, 1 << 17),
            Some("JPEG tables of more than 4096 bytes"),
        ),
        (
            "tiny.tif",
            bombs::tiff_shared([2048, 2], 4),
            Some("1048576 strips or tiles of a few pixels each"),
        ),
        (
            "overlapping.tif",
            bombs::tiff_overlapping(),
            Some("its directories together are larger than the file"),
        ),
        (
            "descriptions.tif",
            bombs::tiff_descriptions(400),
            Some("400 pages"),
        ),
        (
            "texts.png",
            bombs::png([64; 2], &vec![(b"tEXt", b"x\0y".to_vec()); 100_000]),
            Some("more than 10000 chunks"),
        ),
        // as empty tiles do
        ("empty.tif", bombs::tiff_shared([64, 16], 256), None),
    ]
}

#[test]
fn pictures_of_strangers_are_refused_in_one_line() {
    let scratch = model();
    for (name, bytes, told) in pictures() {
        fs::write(scratch.path(name), bytes).unwrap();
        let begun = Instant::now();
        let translate = format!("translate run {name} --out translated --quiet");
        let output = limited(&scratch, &format!("-v {LITTLE}"), &translate)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "{name} took long"
        );
        let Some(told) = told else {
            assert!(output.status.success(), "{name}: {said}");
            continue;
        };
        assert_eq!(output.status.code(), Some(1), "{name}: {said}");
        assert!(said.contains(name) && said.contains(told), "{name}: {said}");
        // and the number of skipped pictures
        assert!(said.lines().count() <= 2, "{said}");
    }
}

#[test]
fn weights_of_strangers_are_refused_in_one_line() {
    let scratch = Scratch::new();
    for (name, bytes, told) in [
        (
            "repeated.pth",
            bombs::pth(&[1 << 10, 1 << 20], false),
            "larger than the file",
        ),
        ("packed.pth", bombs::pth(&[1], true), "it is compressed"),
        (
            "nested.pth",
            bombs::pth_nested(40),
            "exceeded 1000000 nodes",
        ),
    ] {
        fs::write(scratch.path(name), bytes).unwrap();
        let import = format!("import {name} --out model.safetensors");
        let output = limited(&scratch, &format!("-v {LITTLE}"), &import)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{name}: {said}");
        assert!(said.contains(name) && said.contains(told), "{name}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
fn archives_of_strangers_are_refused_in_one_line() {
    let scratch = Scratch::new();
    let mut zip = zip::ZipWriter::new(fs::File::create(scratch.path("bomb.zip")).unwrap());
    zip.start_file("a.bmp", zip::write::SimpleFileOptions::default())
        .unwrap();
    // more than 256 MiB and 64 times what is stored
    for _ in 0..300 {
        zip.write_all(&vec![0; 1 << 20]).unwrap();
    }
    zip.finish().unwrap();
    fs::write(scratch.path("name.tar.gz"), bombs::tar_name(500)).unwrap();
    for (name, told) in [
        ("bomb.zip", "more than 64 times its packed size"),
        ("name.tar.gz", "a name of more than 1 MiB"),
    ] {
        let inspect = format!("inspect {name}");
        let output = limited(&scratch, "-v 800000", &inspect).output().unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert_eq!(output.status.code(), Some(1), "{name}: {said}");
        assert!(said.contains(name) && said.contains(told), "{name}: {said}");
    }
}

/// A running server; it is ended with the test.
struct Serving {
    child: Child,
    address: String,
}

impl Serving {
    fn start(scratch: &Scratch, limit: &str, options: &str) -> Self {
        let serve = format!("serve run --listen 127.0.0.1:0 --log-level warn {options}");
        let mut child = limited(scratch, limit, &serve)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let told = address(&mut BufReader::new(child.stdout.as_mut().unwrap()));
        Self {
            child,
            address: told.expect("it serves"),
        }
    }

    fn connected(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        stream
    }

    /// Sends a picture and returns the answer.
    fn translated(&self, picture: &[u8]) -> String {
        let mut stream = self.connected();
        let length = picture.len();
        let head = format!(
            "POST /v1/translate HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let _ = stream.write_all(picture); // it may be refused before its end
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn small_png() -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    pair(64, 64, 1)
        .write_to(&mut bytes, image::ImageFormat::Png)
        .unwrap();
    bytes.into_inner()
}

/// Eight of each at once, within the memory that the documentation states.
#[test]
fn a_server_refuses_bombs_and_goes_on() {
    let scratch = model();
    let serving = Serving::start(&scratch, &format!("-v {SERVED}"), "");
    let honest = small_png();
    let floats = bombs::tiff([2048, 2047], 3, None);
    let pictures = pictures();
    let pictures = pictures
        .iter()
        .map(|(name, bytes, told)| (*name, bytes, told.is_some()));
    for (name, bytes, is_refused) in pictures.chain([("floats.tif", &floats, false)]) {
        let answers = std::thread::scope(|scope| {
            let send = || scope.spawn(|| serving.translated(bytes));
            let sent: Vec<_> = (0..8).map(|_| send()).collect();
            sent.into_iter()
                .map(|sent| sent.join().unwrap())
                .collect::<Vec<_>>()
        });
        for answer in answers {
            let status = answer.get(9..12).unwrap_or_default();
            let is_right = match is_refused {
                true => ["413", "422", "503"].contains(&status),
                // black pictures lie inside every range
                false => ["200", "422", "503"].contains(&status),
            };
            assert!(is_right, "{name}: {}", &answer[..answer.len().min(500)]);
        }
    }
    assert!(serving.translated(&honest).starts_with("HTTP/1.1 200"));
}

/// Each thread takes a gigabyte here, so that the system refuses the first, or one of the next five: the log's, those for
/// signals, the server's and those for traffic.
#[test]
fn a_server_without_threads_says_so() {
    let scratch = model();
    let mut told = String::new();
    // the program itself lies in memory too, and is several times as large without optimization
    let program = fs::metadata(env!("CARGO_BIN_EXE_pix2pix")).unwrap().len() / 1024;
    for gigabytes in 0..=5 {
        let limit = format!("-v {}", (gigabytes << 20) + 250_000 + program);
        let arguments = "serve run --threads 1 --listen 127.0.0.1:0";
        let mut command = limited(&scratch, &limit, arguments);
        let output = command.env("RUST_MIN_STACK", "1073741824").output();
        let output = output.unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(
            error.contains("cannot start") && error.lines().count() == 1,
            "{error}"
        );
        told += &error;
    }
    for which in ["the server's thread:", "the server's threads:"] {
        assert!(told.contains(which), "{told}");
    }
}

/// Each thread takes a gigabyte here, so that the system refuses the first.
#[test]
fn commands_without_threads_say_so() {
    let scratch = model();
    let program = fs::metadata(env!("CARGO_BIN_EXE_pix2pix")).unwrap().len() / 1024;
    let limit = format!("-v {}", 250_000 + program);
    let run = |arguments: &str| {
        let mut command = limited(&scratch, &limit, arguments);
        command.env("RUST_MIN_STACK", "1073741824");
        // more than there may be
        let output = command.env("RAYON_NUM_THREADS", "5000").output();
        let output = output.unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), error)
    };
    for arguments in [
        "inspect data",
        "average run",
        "import w.pth --out imported.safetensors",
        "export run --format onnx --int8 data --out model.onnx",
        "export run --format web --out site",
        "report run",
        "translate run data --out translated",
        "evaluate run data",
        "prepare gray data --out gray",
    ] {
        let (code, error) = run(arguments);
        assert_eq!(code, Some(1), "{arguments}: {error}");
        let told = error.contains("cannot start 4096 threads for the computation: ")
            && error.contains("raise the limit on processes (ulimit -u)");
        assert!(told && error.lines().count() == 1, "{arguments}: {error}");
    }
    for prints in ["summary generator", "receptive-field", "runs ."] {
        let (code, error) = run(prints);
        assert_eq!(code, Some(0), "{prints}: {error}");
    }
}

/// As of a job of Slurm or a unit of systemd: a group inside that of the machine, which has no limit. Only who may make groups
/// can try it.
#[cfg(target_os = "linux")]
#[test]
fn the_limit_of_an_inner_control_group_is_seen() {
    const NOT_ALLOWED: i32 = 77;
    let scratch = Scratch::new();
    let output = scratch.bash(&format!(
        r#"
own=$(sed -n 's/^[0-9]*:memory://p' /proc/self/cgroup)
group="/sys/fs/cgroup/memory$own/pix2pix-$$"
[ -n "$own" ] && mkdir "$group" && echo 120000000 > "$group/memory.limit_in_bytes" || exit {NOT_ALLOWED}
(echo $BASHPID > "$group/cgroup.procs"; exec $pix2pix train earth --out new --steps 1 --filters 32)
code=$?
rmdir "$group"
exit $code"#
    ));
    if output.status.code() == Some(NOT_ALLOWED) {
        return;
    }
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    let told = "of memory, and this process can have 120";
    assert!(error.contains(told), "{error}");
}

/// The lock of the folder takes the last one.
#[test]
fn a_training_without_files_says_so() {
    let scratch = Scratch::new();
    for files in 4..8 {
        let train = "exec timeout 60 $pix2pix train earth --out new --filters 2 --threads 1";
        let output = scratch.bash(&format!("ulimit -n {files}; {train}"));
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{files}: {error}");
        let told = "raise the limit on open files (ulimit -n)";
        assert!(error.contains(told), "{files}: {error}");
    }
}

#[test]
fn a_server_without_files_says_so() {
    let scratch = model();
    let serve = "exec timeout 60 $pix2pix serve run --listen 127.0.0.1:0 --threads 1";
    let output = scratch.bash(&format!("ulimit -n 8; {serve}"));
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    let told = "raise the limit on open files (ulimit -n)";
    assert!(
        error.contains(told) && error.lines().count() == 1,
        "{error}"
    );
}

/// A narrow picture costs the time of the one that it is padded to.
#[test]
fn a_narrow_picture_counts_as_the_padded_one() {
    let scratch = model();
    let serving = Serving::start(&scratch, "-v unlimited", "--max-pixels 65536");
    let answer = serving.translated(&bombs::png([16, 4096], &[]));
    assert!(
        answer.starts_with("HTTP/1.1 413") && answer.contains("pads the picture to 64x4096 pixels"),
        "{answer}"
    );
    assert!(serving.translated(&small_png()).starts_with("HTTP/1.1 200"));
}

/// Connections that say nothing take no descriptors from others.
#[test]
fn silent_connections_shut_nobody_out() {
    let scratch = model();
    let serving = Serving::start(&scratch, "-n 256", "");
    let silent: Vec<TcpStream> = (0..300).map(|_| serving.connected()).collect();
    let begun = Instant::now();
    assert!(serving.translated(&small_png()).starts_with("HTTP/1.1 200"));
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
    drop(silent);
}

/// Half-sent bodies give way to whole ones.
#[test]
fn half_sent_bodies_give_way() {
    let scratch = model();
    let serving = Serving::start(&scratch, "-v unlimited", "");
    let halves: Vec<TcpStream> = (0..40)
        .map(|_| {
            let mut stream = serving.connected();
            let head = "POST /v1/translate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\nhalf";
            stream.write_all(head.as_bytes()).unwrap();
            stream
        })
        .collect();
    let begun = Instant::now();
    let picture = small_png();
    wait_until("an answer", || {
        serving.translated(&picture).starts_with("HTTP/1.1 200")
    });
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
    drop(halves);
}
