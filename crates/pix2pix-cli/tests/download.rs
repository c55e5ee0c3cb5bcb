//! Downloads from a local server that also drops connections, sends wrong lengths and serves bad archives.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{fs, thread};

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::EntryType;

use crate::common::{Scratch, bombs, names, pair, wait_until};

/// The version that the server names.
const VERSION: &str = "\"one\"";

/// The first line of the marks beside downloads.
const MARK: &str = "a download of pix2pix\n";

/// Behavior of the server for a request of the file from byte `start` on, after `count` earlier requests.
type Answer = fn(stream: &mut TcpStream, content: &[u8], start: Option<usize>, count: usize);

/// A server on the loopback interface, which records the requested ranges. Of another version than its own, it sends all.
struct Server {
    address: String,
    asked: Arc<Mutex<Vec<Option<usize>>>>,
}

impl Server {
    fn start(content: Vec<u8>, answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/sets", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        let count = AtomicUsize::new(0);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let (mut start, mut is_of_another) = (None, false);
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                while let Some(Ok(line)) = lines.next() {
                    if let Some(range) = line.to_lowercase().strip_prefix("range: bytes=") {
                        start = range.trim_end_matches('-').parse().ok();
                    }
                    if let Some(version) = line.to_lowercase().strip_prefix("if-range: ") {
                        is_of_another = version != VERSION;
                    }
                    if line.is_empty() {
                        break;
                    }
                }
                log.lock().unwrap().push(start);
                let start = start.filter(|_| !is_of_another);
                answer(
                    &mut stream,
                    &content,
                    start,
                    count.fetch_add(1, Ordering::Relaxed),
                );
            }
        });
        Self { address, asked }
    }
}

/// Writes the headers of a response with the bytes from `start` on.
fn head(stream: &mut TcpStream, length: usize, start: Option<usize>) {
    let answer = match start {
        Some(start) if start >= length => {
            format!(
                "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */{length}\r\nContent-Length: 0\r\n\r\n"
            )
        }
        Some(start) => format!(
            "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {start}-{}/{length}\r\nETag: {VERSION}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            length - 1,
            length - start
        ),
        None => format!(
            "HTTP/1.1 200 OK\r\nETag: {VERSION}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        ),
    };
    let _ = stream.write_all(answer.as_bytes());
}

/// Sends all requested bytes.
fn honest(stream: &mut TcpStream, content: &[u8], start: Option<usize>, _: usize) {
    head(stream, content.len(), start);
    let _ = stream.write_all(&content[start.unwrap_or(0).min(content.len())..]);
}

/// Sends a third of the file, then drops the connection.
fn dropping(stream: &mut TcpStream, content: &[u8], start: Option<usize>, _: usize) {
    head(stream, content.len(), start);
    let start = start.unwrap_or(0).min(content.len());
    let end = (start + content.len() / 3 + 1).min(content.len());
    let _ = stream.write_all(&content[start..end]);
}

/// Announces more bytes than the file has, and sends none when asked for the rest.
fn lying(stream: &mut TcpStream, content: &[u8], start: Option<usize>, _: usize) {
    head(stream, content.len() + 1000, start);
    let _ = stream.write_all(&content[start.unwrap_or(0).min(content.len())..]);
}

/// Sends half of the file at first; later ignores ranges and sends the whole file.
fn without_ranges(stream: &mut TcpStream, content: &[u8], _: Option<usize>, count: usize) {
    head(stream, content.len(), None);
    let end = if count == 0 {
        content.len() / 2
    } else {
        content.len()
    };
    let _ = stream.write_all(&content[..end]);
}

fn missing(stream: &mut TcpStream, _: &[u8], _: Option<usize>, _: usize) {
    let _ = stream
        .write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

/// One byte of a large file, whatever is asked for.
fn dripping(stream: &mut TcpStream, content: &[u8], start: Option<usize>, count: usize) {
    assert!(count < 10, "it is asked for ever");
    head(stream, 100_000_000, start);
    let _ = stream.write_all(&content[..1]);
}

/// Bytes without an end or a length.
fn endless(stream: &mut TcpStream, _: &[u8], _: Option<usize>, _: usize) {
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
    while stream.write_all(&[0; 1 << 16]).is_ok() {}
}

/// Half of the file or all of it, without a length: its end is that of the connection.
fn half_without_length(stream: &mut TcpStream, content: &[u8], _: Option<usize>, _: usize) {
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
    let _ = stream.write_all(&content[..content.len() / 2]);
}

fn without_length(stream: &mut TcpStream, content: &[u8], _: Option<usize>, _: usize) {
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
    let _ = stream.write_all(content);
}

/// Half of the file or all of it in a chunk; behind the last one comes an empty one.
fn half_in_chunks(stream: &mut TcpStream, content: &[u8], _: Option<usize>, _: usize) {
    chunk(stream, &content[..content.len() / 2]);
}

fn in_chunks(stream: &mut TcpStream, content: &[u8], _: Option<usize>, _: usize) {
    chunk(stream, content);
    let _ = stream.write_all(b"0\r\n\r\n");
}

fn chunk(stream: &mut TcpStream, bytes: &[u8]) {
    let length = bytes.len();
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    let _ = write!(stream, "{head}{length:x}\r\n");
    let _ = stream
        .write_all(bytes)
        .and_then(|()| stream.write_all(b"\r\n"));
}

/// Announces a terabyte.
fn huge(stream: &mut TcpStream, _: &[u8], _: Option<usize>, _: usize) {
    head(stream, 1_000_000_000_000, None);
    while stream.write_all(&[0; 1 << 16]).is_ok() {}
}

/// Sends the file when another request has come; the first one has its half until then.
fn slow(stream: &mut TcpStream, content: &[u8], start: Option<usize>, _: usize) {
    head(stream, content.len(), start);
    let (first, rest) = content.split_at(content.len() / 2);
    let _ = stream.write_all(first);
    thread::sleep(Duration::from_secs(3));
    let _ = stream.write_all(rest);
}

/// An archive of these files, in the layout of the public data sets.
fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        // not `append_data`, which refuses an attacker's paths
        let name = &mut header.as_old_mut().name;
        name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_cksum();
        tar.append(&header, *content).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

/// An archive of one file whose name has so many letters.
fn long_name(letters: usize) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let mut header = tar::Header::new_gnu();
    header.set_size(1);
    header.set_mode(0o644);
    let name = "x".repeat(letters);
    tar.append_data(&mut header, name, &b"x"[..]).unwrap();
    tar.into_inner().unwrap().finish().unwrap()
}

fn facades() -> Vec<u8> {
    let mut png = std::io::Cursor::new(Vec::new());
    pair(96, 40, 0)
        .write_to(&mut png, image::ImageFormat::Png)
        .unwrap();
    let png = png.into_inner();
    archive(&[
        ("facades/train/1.png", &png),
        ("facades/train/2.png", &png),
        ("facades/val/1.png", &png),
    ])
}

fn download(scratch: &Scratch, server: &Server, options: &str) -> (Option<i32>, String) {
    let output = scratch.run(&format!(
        "download facades --mirror {} {options}",
        server.address
    ));
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

#[test]
fn a_data_set_is_there_and_can_be_inspected() {
    let scratch = Scratch::new();
    let server = Server::start(facades(), honest);
    let (code, said) = download(&scratch, &server, "");
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("facades and their labels, about 29 MB from http://127.0.0.1"),
        "{said}"
    );
    assert_eq!(names(&scratch.path("datasets")), ["facades"]);
    assert_eq!(
        names(&scratch.path("datasets/facades/train")),
        ["1.png", "2.png"]
    );
    scratch.ok("inspect datasets/facades");
    let (code, said) = download(&scratch, &server, "");
    assert_eq!(code, Some(1));
    assert!(said.contains("the data set already exists"), "{said}");
    let listed = scratch.ok("download");
    assert!(listed.contains("edges2handbags   8000 MB"));
    // the paper draws photographs from labels and edges, maps from photographs, and the night from the day
    for (name, direction) in [
        ("facades", "b-to-a"),
        ("cityscapes", "b-to-a"),
        ("maps", "a-to-b"),
        ("night2day", "b-to-a"),
        ("edges2shoes", "a-to-b"),
        ("edges2handbags", "a-to-b"),
    ] {
        let line = listed.lines().find(|line| line.starts_with(name)).unwrap();
        assert!(line.contains(&format!("--direction {direction}")), "{line}");
    }
}

#[test]
fn dropped_connections_are_gone_on_with() {
    let scratch = Scratch::new();
    let server = Server::start(facades(), dropping);
    let (code, said) = download(&scratch, &server, "");
    assert_eq!(code, Some(0), "{said}");
    let asked = server.asked.lock().unwrap().clone();
    assert!(
        asked.len() >= 3 && asked[0].is_none() && asked[1..].iter().all(Option::is_some),
        "{asked:?}"
    );

    let scratch = Scratch::new();
    let (code, said) = download(&scratch, &Server::start(facades(), without_ranges), "");
    assert_eq!(code, Some(0), "{said}");
}

/// Where only the end of the connection ends the file, it is not known to be whole: that is told, and seen in its content.
#[test]
fn a_part_is_never_taken_for_the_whole() {
    const NOTE: &str = "note: the server does not say where the file ends";
    for (answer, is_noted, told) in [
        (without_length as Answer, true, None),
        (in_chunks, false, None),
        (half_without_length, true, Some("a bad archive")),
        (half_in_chunks, false, Some("the download failed")),
    ] {
        let scratch = Scratch::new();
        let (code, said) = download(&scratch, &Server::start(facades(), answer), "");
        let wanted = if told.is_some() { 1 } else { 0 };
        assert_eq!(code, Some(wanted), "{said}");
        assert_eq!(said.contains(NOTE), is_noted, "{said}");
        assert!(told.is_none_or(|told| said.contains(told)), "{said}");
        assert_eq!(scratch.path("datasets/facades").exists(), told.is_none());
    }
}

/// Bytes of an interrupted download are not downloaded again, unless they are of another version of the file than the
/// server's, or nobody knows of which.
#[test]
fn an_interrupted_command_is_gone_on_with() {
    for (version, wrong, asked) in [
        ("\"one\"\n", false, Some(100)),
        ("\"two\"\n", true, Some(100)),
        ("\n", true, None),
    ] {
        let scratch = Scratch::new();
        let content = facades();
        fs::create_dir(scratch.path("datasets")).unwrap();
        let part = match wrong {
            true => &[b'x'; 100],
            false => &content[..100],
        };
        let at = |name: &str| scratch.path("datasets").join(name);
        fs::write(at("facades.tar.gz.part"), part).unwrap();
        let mark = format!("{MARK}{version}");
        fs::write(at("facades.tar.gz.part.version"), mark).unwrap();
        let server = Server::start(content, honest);
        let (code, said) = download(&scratch, &server, "");
        assert_eq!(code, Some(0), "{version:?}: {said}");
        assert_eq!(*server.asked.lock().unwrap(), [asked]);
        assert_eq!(names(&scratch.path("datasets")), ["facades"]);
    }
}

/// What has a name of our files and is none of ours stays as it is, and the server is not even asked.
#[cfg(target_os = "linux")]
#[test]
fn files_of_others_in_the_places_of_ours_are_refused() {
    for (place, made) in [
        (".part", "echo my notes >$PLACE"),
        (".part", "ln -s ../notes $PLACE"),
        (".part", "mkfifo $PLACE"),
        (".part.version", "echo my notes >$PLACE"),
        (".part.version", "ln -s ../notes $PLACE"),
        (".part.version", "mkfifo $PLACE"),
        (".version", "echo my notes >$PLACE"),
        (".version", "ln -s ../notes $PLACE"),
        (".version", "mkfifo $PLACE"),
        ("", "ln -s ../nothing $PLACE"),
    ] {
        let scratch = Scratch::new();
        fs::write(scratch.path("notes"), MARK).unwrap();
        let place = format!("facades.tar.gz{place}");
        scratch.bash(&format!(
            "mkdir datasets; cd datasets; PLACE={place}; {made}"
        ));
        let all = || {
            scratch
                .bash("ls -l --time-style=full-iso . datasets")
                .stdout
        };
        let before = all();
        let server = Server::start(facades(), honest);
        let typed = format!("download facades --mirror {}", server.address);
        let output = scratch.bash(&format!("timeout 20 $pix2pix {typed}"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{place}, {made}: {said}");
        let wanted = format!("error: datasets/{place}: it ");
        assert!(said.starts_with(&wanted), "{place}, {made}: {said}");
        assert!(
            said.contains("; move it away, or choose another --out"),
            "{said}"
        );
        assert!(all() == before, "{place}, {made}");
        assert!(server.asked.lock().unwrap().is_empty(), "{place}, {made}");
    }
}

/// Without ranges, each attempt begins again and breaks off at another place: it would never end.
fn restarting(stream: &mut TcpStream, content: &[u8], _: Option<usize>, count: usize) {
    assert!(count < 20, "it is asked for ever");
    head(stream, content.len(), None);
    let end = if count.is_multiple_of(2) {
        200_000
    } else {
        100_000
    };
    let _ = stream.write_all(&content[..end]);
}

/// Answers that nothing follows whatever has arrived, and sends a part of the file when asked for all of it.
fn contradicting(stream: &mut TcpStream, content: &[u8], start: Option<usize>, count: usize) {
    assert!(count < 20, "it is asked for ever");
    match start {
        Some(_) => head(stream, content.len(), Some(content.len())),
        None => {
            head(stream, content.len(), None);
            let _ = stream.write_all(&content[..200_000]);
        }
    }
}

#[test]
fn a_server_that_never_comes_further_is_given_up() {
    for answer in [restarting as Answer, contradicting] {
        let scratch = Scratch::new();
        let server = Server::start(vec![7; 300_000], answer);
        let (code, said) = download(&scratch, &server, "");
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("the download failed"), "{said}");
        assert!(server.asked.lock().unwrap().len() <= 5);
    }
}

#[test]
fn what_is_no_address_is_told_by_its_option() {
    let scratch = Scratch::new();
    for mirror in ["foo", "ftp://host/x", "localhost:8000/x", "http://"] {
        let output = scratch.run(&format!("download facades --mirror {mirror}"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        let wanted = format!("error: --mirror gives {}", mirror.trim_end_matches('/'));
        assert!(said.starts_with(&wanted), "{said}");
        assert!(names(&scratch.path(".")).is_empty());
    }
}

/// Where the disk is full, the archive is kept, is told, is used by the next command, and is removed by it.
#[cfg(unix)]
#[test]
fn a_full_disk_keeps_the_download() {
    let scratch = Scratch::new();
    let large = archive(&[("facades/train/1.png", &[0; 400_000])]);
    let server = Server::start(large, honest);
    let typed = format!("$pix2pix download facades --mirror {}", server.address);
    let output = scratch.bash(&format!("ulimit -f 100; {typed}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let wanted =
        "type the command again: it uses datasets/facades.tar.gz, and removes it at the end";
    assert!(said.contains(wanted), "{said}");
    let kept = ["facades.tar.gz", "facades.tar.gz.version"];
    assert_eq!(names(&scratch.path("datasets")), kept);
    let output = scratch.bash(&typed);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("is already here; it is used (to"), "{said}");
    assert_eq!(names(&scratch.path("datasets")), ["facades"]);
    assert_eq!(server.asked.lock().unwrap().len(), 1);
}

/// Where the disk is full in the middle of a download, or a limit is reached, what has arrived is kept.
#[cfg(unix)]
#[test]
fn a_full_disk_keeps_a_part() {
    let scratch = Scratch::new();
    let server = Server::start(vec![7; 400_000], honest);
    let typed = format!("$pix2pix download facades --mirror {}", server.address);
    let output = scratch.bash(&format!("ulimit -f 100; {typed}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("the next attempt resumes from there; raise the limit on sizes of files"),
        "{said}"
    );
    let part = fs::metadata(scratch.path("datasets/facades.tar.gz.part"));
    assert!(part.unwrap().len() > 50_000);
}

#[test]
fn a_server_that_lies_about_the_length_is_given_up() {
    let scratch = Scratch::new();
    let (code, said) = download(&scratch, &Server::start(facades(), lying), "");
    assert_eq!(code, Some(1));
    assert!(
        said.contains("the download failed") && said.contains("run the command again"),
        "{said}"
    );
    let kept = ["facades.tar.gz.part", "facades.tar.gz.part.version"];
    assert_eq!(names(&scratch.path("datasets")), kept);
}

/// A server that sends next to nothing is not asked for ever.
#[test]
fn a_server_that_sends_single_bytes_is_given_up() {
    let scratch = Scratch::new();
    let server = Server::start(facades(), dripping);
    let (code, said) = download(&scratch, &server, "");
    assert_eq!(code, Some(1));
    assert!(said.contains("the download failed"), "{said}");
    assert_eq!(server.asked.lock().unwrap().len(), 3);
}

/// The facades have 29 MB: 116 MB are too many.
#[test]
fn a_file_without_an_end_does_not_fill_the_disk() {
    for answer in [endless as Answer, huge] {
        let scratch = Scratch::new();
        let server = Server::start(Vec::new(), answer);
        let (code, said) = download(&scratch, &server, "");
        assert_eq!(code, Some(1));
        assert!(said.contains("more than 116 MB, 4 times"), "{said}");
        assert!(names(&scratch.path(".")).is_empty());
        assert_eq!(server.asked.lock().unwrap().len(), 1);
    }
}

/// Two processes do not write to one file.
#[test]
fn a_second_download_is_refused_while_the_first_runs() {
    let scratch = Scratch::new();
    let server = Server::start(facades(), slow);
    let typed = format!("download facades --mirror {}", server.address);
    let mut first = scratch.command(&typed).spawn().unwrap();
    wait_until("the first bytes", || {
        let part = fs::metadata(scratch.path("datasets/facades.tar.gz.part"));
        part.is_ok_and(|part| part.len() > 0)
    });
    let second = scratch.run(&typed);
    let said = String::from_utf8(second.stderr).unwrap();
    assert_eq!(second.status.code(), Some(1), "{said}");
    assert!(
        said.contains("another process is downloading it") && said.lines().count() == 1,
        "{said}"
    );
    assert!(first.wait().unwrap().success());
    assert_eq!(names(&scratch.path("datasets")), ["facades"]);
    assert_eq!(server.asked.lock().unwrap().len(), 1);
}

/// An archive that was there before is used, and stays: it is somebody's.
#[test]
fn an_archive_of_ones_own_is_kept() {
    for (content, option, expected) in [
        (facades(), "", Some(0)),
        (b"no archive".to_vec(), "", Some(1)),
        (facades(), &format!("--sha256 {:064}", 0), Some(1)),
    ] {
        let scratch = Scratch::new();
        fs::create_dir(scratch.path("datasets")).unwrap();
        let own = scratch.path("datasets/facades.tar.gz");
        fs::write(&own, &content).unwrap();
        let server = Server::start(Vec::new(), missing);
        let (code, said) = download(&scratch, &server, option);
        assert_eq!(code, expected, "{said}");
        assert!(said.contains("facades.tar.gz is already here"), "{said}");
        assert!(!said.contains("it was removed"), "{said}");
        assert!(fs::read(&own).unwrap() == content, "{said}");
        assert!(server.asked.lock().unwrap().is_empty());
    }
}

/// An archive that came by other means after a download had failed is nobody's download, and neither is one that has taken
/// the place of a download that is complete.
#[test]
fn an_archive_of_ones_own_is_kept_where_a_download_was() {
    for (answer, option) in [
        (lying as Answer, String::new()),
        (honest, format!("--sha256 {:064}", 0)),
    ] {
        let scratch = Scratch::new();
        let server = Server::start(facades(), answer);
        let (code, said) = download(&scratch, &server, &option);
        assert_eq!(code, Some(1), "{said}");
        assert_eq!(names(&scratch.path("datasets")).len(), 2, "{said}");
        let own = scratch.path("datasets/facades.tar.gz");
        let other = archive(&[("facades/train/mine.png", b"mine")]);
        fs::write(&own, &other).unwrap();
        let (code, said) = download(&scratch, &server, "");
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("it is used and kept"), "{said}");
        assert!(fs::read(&own).unwrap() == other);
    }
}

/// An archive that comes while it is downloaded is not replaced, and what was downloaded is not lost.
#[test]
fn an_archive_that_comes_meanwhile_is_not_replaced() {
    let scratch = Scratch::new();
    let server = Server::start(facades(), slow);
    let typed = format!("download facades --mirror {}", server.address);
    let mut first = scratch.command(&typed);
    first.stdout(Stdio::null()).stderr(Stdio::piped());
    let first = first.spawn().unwrap();
    wait_until("the first bytes", || {
        let part = fs::metadata(scratch.path("datasets/facades.tar.gz.part"));
        part.is_ok_and(|part| part.len() > 0)
    });
    let own = scratch.path("datasets/facades.tar.gz");
    fs::write(&own, "mine").unwrap();
    let output = first.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("facades.tar.gz: it is here already"),
        "{said}"
    );
    assert_eq!(fs::read(&own).unwrap(), b"mine");
    fs::remove_file(&own).unwrap();
    let length = facades().len();
    scratch.ok(&typed);
    assert_eq!(*server.asked.lock().unwrap(), [None, Some(length)]);
    assert_eq!(names(&scratch.path("datasets")), ["facades"]);
}

/// A command that is killed before it removes what it has used leaves that to the next one.
#[test]
fn a_download_that_was_used_is_swept() {
    let scratch = Scratch::new();
    let server = Server::start(facades(), honest);
    let (_, said) = download(&scratch, &server, &format!("--sha256 {:064}", 0));
    assert!(said.contains("it is kept"), "{said}");
    fs::create_dir(scratch.path("datasets/facades")).unwrap();
    let (code, said) = download(&scratch, &server, "");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("removed datasets/facades.tar.gz"), "{said}");
    assert!(said.contains("the data set already exists"), "{said}");
    assert_eq!(names(&scratch.path("datasets")), ["facades"]);
    // one's own stays
    fs::write(scratch.path("datasets/facades.tar.gz"), facades()).unwrap();
    let (_, said) = download(&scratch, &server, "");
    assert!(!said.contains("removed"), "{said}");
    assert!(scratch.path("datasets/facades.tar.gz").exists());
}

#[test]
fn a_missing_file_and_a_missing_server_are_errors() {
    let scratch = Scratch::new();
    let server = Server::start(Vec::new(), missing);
    let (code, said) = download(&scratch, &server, "");
    assert_eq!(code, Some(1));
    assert!(
        said.contains("404") && said.contains("facades.tar.gz"),
        "{said}"
    );
    let output = scratch.run("download facades --mirror http://127.0.0.1:1/nothing");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&output.stderr).lines().count(), 1);
}

/// A picture that is a link in the archive is not left out in silence.
#[test]
fn what_is_not_unpacked_is_named() {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let mut add = |kind: EntryType, name: &str| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(0);
        header.set_mode(0o644);
        header.set_link_name("1.png").unwrap();
        header.set_cksum();
        tar.append_data(&mut header, name, std::io::empty())
            .unwrap();
    };
    add(EntryType::Regular, "facades/1.png");
    add(EntryType::XGlobalHeader, "pax_global_header");
    add(EntryType::Symlink, "facades/2.png");
    add(EntryType::Link, "facades/3.png");
    add(EntryType::Fifo, "facades/pipe");
    let content = tar.into_inner().unwrap().finish().unwrap();
    let scratch = Scratch::new();
    let (code, said) = download(&scratch, &Server::start(content, honest), "");
    assert_eq!(code, Some(0), "{said}");
    let note = "note: 3 files passed over: 2 links (facades/2.png, ...), 1 pipe or device (facades/pipe)\n";
    assert!(said.contains(note), "{said}");
    assert_eq!(names(&scratch.path("datasets/facades")), ["1.png"]);
}

#[test]
fn bad_archives_leave_nothing_behind() {
    for (content, word) in [
        (
            archive(&[("facades/train/1.png", b"x"), ("../../escaped.png", b"x")]),
            "leads outside the folder",
        ),
        (
            archive(&[("/tmp/escaped.png", b"x")]),
            "leads outside the folder",
        ),
        (
            archive(&[("train", b"x"), ("train/a.png", b"x")]),
            "a bad archive (train/a.png cannot be unpacked",
        ),
        (long_name(300), "xxx cannot be unpacked"),
        (b"this is no archive at all".to_vec(), "a bad archive"),
        (facades()[..200].to_vec(), "a bad archive"),
    ] {
        let scratch = Scratch::new();
        let (code, said) = download(
            &scratch,
            &Server::start(content, honest),
            "--out inner/sets",
        );
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(word), "{word} is not in {said}");
        assert!(names(&scratch.path("inner/sets")).is_empty(), "{said}");
        assert_eq!(names(&scratch.path(".")), ["inner"]);
    }
}

/// A name that would fill the memory is refused while it is read.
#[cfg(target_os = "linux")]
#[test]
fn long_names_do_not_fill_the_memory() {
    let scratch = Scratch::new();
    let server = Server::start(bombs::tar_name(500), honest);
    let typed = format!("download facades --mirror {}", server.address);
    let output = scratch.bash(&format!("ulimit -v 800000; $pix2pix {typed}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let wanted = "a bad archive (a name of more than 1 MiB)";
    assert!(said.contains(wanted), "{said}");
    assert!(names(&scratch.path("datasets")).is_empty(), "{said}");
}

/// Where only the sum differs, the archive is kept: it may be the sum that is wrong.
#[test]
fn a_checksum_is_verified() {
    let scratch = Scratch::new();
    let server = Server::start(facades(), honest);
    for wrong in ["00ff", &"x".repeat(64)] {
        let (code, said) = download(&scratch, &server, &format!("--sha256 {wrong}"));
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("64 hexadecimal digits"), "{said}");
    }
    let output = scratch.run(&format!("download dists --sha256 {:064}", 0));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("--sha256 is that of a data set"), "{said}");
    assert!(names(&scratch.path(".")).is_empty());
    assert!(server.asked.lock().unwrap().is_empty());

    let (code, said) = download(&scratch, &server, &format!("--sha256 {:064}", 0));
    assert_eq!(code, Some(1));
    let wanted = format!("not {:064}; it is kept, and not unpacked", 0);
    assert!(
        said.contains("facades.tar.gz: its SHA-256 is") && said.contains(&wanted),
        "{said}"
    );
    assert!(scratch.path("datasets/facades.tar.gz").exists());
    let sum = said
        .split("its SHA-256 is ")
        .nth(1)
        .unwrap()
        .split(',')
        .next()
        .unwrap()
        .to_string();
    let (code, said) = download(&scratch, &server, &format!("--sha256 {sum}"));
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(names(&scratch.path("datasets")), ["facades"]);
    assert_eq!(server.asked.lock().unwrap().len(), 1);
}
