//! Requests that are not as they should be, slow clients and too many of them, over plain connections.

use std::io::{Cursor, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use image::{ImageFormat, RgbImage};
use pix2pix_server::Settings;
use socket2::{Domain, Socket, Type};

use crate::common::Served;

/// How long something that happens soon may take.
const SOON: Duration = Duration::from_secs(30);

/// A connection from 127.0.0.`last`.
fn from(served: &Served, last: u8) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket
        .bind(&SocketAddr::from(([127, 0, 0, last], 0)).into())
        .unwrap();
    let address: SocketAddr = served.url["http://".len()..].parse().unwrap();
    socket.connect(&address.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream
}

/// What the server sends until it closes the connection.
fn rest(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    let begun = Instant::now();
    let _ = stream.read_to_end(&mut answer); // a reset also ends the connection
    assert!(begun.elapsed() < SOON, "the connection stays open");
    String::from_utf8_lossy(&answer).into_owned()
}

/// The answer to these bytes.
fn ask(served: &Served, bytes: &[u8]) -> String {
    let mut stream = from(served, 1);
    let _ = stream.write_all(bytes); // it may be refused before its end
    rest(stream)
}

/// The status of an answer; 0 if there is none.
fn status(answer: &str) -> u16 {
    let digits = answer
        .strip_prefix("HTTP/1.1 ")
        .or(answer.strip_prefix("HTTP/1.0 "));
    digits.map_or(0, |rest| rest[..3].parse().unwrap())
}

fn picture() -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let picture = RgbImage::from_fn(64, 64, |x, y| image::Rgb([x as u8, y as u8, 9]));
    picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

const POST: &str = "POST /v1/translate HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";

fn post(served: &Served, last: u8) -> u16 {
    let (mut stream, picture) = (from(served, last), picture());
    let head = format!("{POST}Content-Length: {}\r\n\r\n", picture.len());
    let _ = stream.write_all(&[head.as_bytes(), &picture].concat());
    status(&rest(stream))
}

fn form(parts: &[(&str, &[u8])], end: &str) -> Vec<u8> {
    form_of("multipart/form-data", parts, end)
}

/// A form with this name of its media type.
fn form_of(kind: &str, parts: &[(&str, &[u8])], end: &str) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, content) in parts {
        let head = format!("--edge\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        body.extend([head.as_bytes(), content, b"\r\n"].concat());
    }
    body.extend(end.bytes());
    let kind = format!("Content-Type: {kind}; boundary=edge");
    let head = format!("{POST}{kind}\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.into_bytes(), body].concat()
}

#[test]
fn malformed_requests_are_refused() {
    let served = Served::new(Settings {
        patience: Duration::from_secs(3),
        ..Settings::default()
    });
    let local = "Host: localhost\r\nConnection: close\r\n";
    let get = |rest: &str| format!("GET /v1/models HTTP/1.1\r\n{rest}\r\n").into_bytes();
    let sent = |rest: &str| format!("{POST}{rest}").into_bytes();
    let long = "x".repeat(200_000);
    // 64 KiB of a head are taken, and no more
    let (short, longer) = ("x".repeat(65_000), "x".repeat(66_000));
    let many: String = (0..200).map(|n| format!("X-{n}: x\r\n")).collect();
    let file = picture();
    for (what, request, statuses) in [
        (
            "an older program",
            b"GET /healthz HTTP/1.0\r\n\r\n".to_vec(),
            &[200][..],
        ),
        ("no host", get("Connection: close\r\n"), &[400]),
        (
            "two hosts",
            get(&format!("{local}Host: localhost\r\n")),
            &[400],
        ),
        (
            "a host in bytes",
            get("Host: \u{e9}\r\nConnection: close\r\n"),
            &[400, 403],
        ),
        (
            "another host in the line",
            format!("GET http://evil.example/v1/models HTTP/1.1\r\n{local}\r\n").into_bytes(),
            &[403],
        ),
        (
            "two lengths",
            sent("Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"),
            &[400],
        ),
        (
            "a negative length",
            sent("Content-Length: -1\r\n\r\n"),
            &[400],
        ),
        (
            "a length in words",
            sent("Content-Length: five\r\n\r\nhello"),
            &[400],
        ),
        (
            "a length beyond 64 bits",
            sent("Content-Length: 99999999999999999999999\r\n\r\n"),
            &[400],
        ),
        (
            "a huge length",
            sent("Content-Length: 100000000000000\r\n\r\n"),
            &[413],
        ),
        (
            "a length and chunks",
            sent("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            &[400, 422],
        ),
        (
            "an unknown encoding",
            sent("Transfer-Encoding: lzma\r\n\r\n"),
            &[400, 501],
        ),
        (
            "an encoding under the chunks",
            sent("Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
            &[501],
        ),
        (
            "encodings in two headers",
            sent("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            &[400, 501],
        ),
        (
            "a chunk beyond 64 bits",
            sent("Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n"),
            &[400],
        ),
        (
            "a chunk of no size",
            sent("Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
            &[400],
        ),
        ("many headers", get(&format!("{local}{many}")), &[431]),
        (
            "a long header",
            get(&format!("{local}X-Long: {long}\r\n")),
            &[431, 0],
        ),
        (
            "a header that just fits",
            get(&format!("{local}X-Long: {short}\r\n")),
            &[200],
        ),
        (
            "a header that just does not",
            get(&format!("{local}X-Long: {longer}\r\n")),
            &[431],
        ),
        (
            "a long line",
            format!("GET /{long} HTTP/1.1\r\n{local}\r\n").into_bytes(),
            &[414, 431, 0],
        ),
        (
            "no request",
            b"\x16\x03\x01\x02\0\x01\0".to_vec(),
            &[400, 0],
        ),
        (
            "two pictures",
            form(&[("image", &file), ("image", &file)], "--edge--\r\n"),
            &[400],
        ),
        ("no end", form(&[("image", &file)], ""), &[400]),
        (
            "another part",
            form(&[("image", &file), ("note", b"x")], "--edge--\r\n"),
            &[400],
        ),
        ("no parts", form(&[], "--edge--\r\n"), &[400]),
        ("a form", form(&[("image", &file)], "--edge--\r\n"), &[200]),
        // media types ignore case (RFC 9110, section 8.3.1)
        (
            "a form by another name",
            form_of("Multipart/FORM-Data", &[("image", &file)], "--edge--\r\n"),
            &[200],
        ),
    ] {
        let answer = ask(&served, &request);
        assert!(statuses.contains(&status(&answer)), "{what}: {answer:.300}");
    }
    // 64-bit chunk sizes that wrap around, and a body that is longer than it says
    let answer = ask(
        &served,
        &sent("Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx"),
    );
    assert_ne!(status(&answer), 200);
    assert_eq!(post(&served, 1), 200);
}

/// What a client sends comes back cut, and without control characters.
#[test]
fn errors_do_not_echo() {
    let served = Served::new(Settings::default());
    let name = "a%1b%0a".repeat(6000);
    let request = format!("POST /v1/translate?model={name} HTTP/1.1\r\nHost: localhost\r\n");
    let answer = ask(
        &served,
        format!("{request}Connection: close\r\nContent-Length: 0\r\n\r\n").as_bytes(),
    );
    assert_eq!(status(&answer), 404);
    assert!(answer.len() < 3000, "{} bytes", answer.len());
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    let detail = body["detail"].as_str().unwrap();
    assert!(!detail.contains(char::is_control), "{detail:?}");
    let id = "i".repeat(1000);
    let head = format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: {id}\r\n");
    let answer = ask(
        &served,
        format!("{head}Connection: close\r\n\r\n").as_bytes(),
    );
    assert!(status(&answer) == 200 && !answer.contains(&id));
    // a NumPy header names its type
    let kind = "x".repeat(5000);
    let text = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': (64, 64), }}\n");
    let size = (text.len() as u16).to_le_bytes();
    let file = [&b"\x93NUMPY\x01\0"[..], &size, text.as_bytes()].concat();
    let head = format!("{POST}Content-Length: {}\r\n\r\n", file.len());
    let answer = ask(&served, &[head.as_bytes(), &file].concat());
    assert!(status(&answer) == 422 && answer.len() < 3000, "{answer}");
}

/// A body that is said to be too large is refused before it is sent.
#[test]
fn a_large_body_is_refused_at_once() {
    let served = Served::new(Settings::default());
    let mut stream = from(&served, 1);
    let head = format!("{POST}Content-Length: 100000000000000\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = [0; 12];
    let begun = Instant::now();
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
    let patience = Settings::default().patience;
    assert!(begun.elapsed() < patience / 2, "{:?}", begun.elapsed());
}

/// A client that sends its whole body before it reads gets every refusal, and not a closed connection.
#[test]
fn refusals_reach_clients_that_still_send() {
    let guarded = Served::new(Settings {
        token: Some("secret".to_string()),
        ..Settings::default()
    });
    let open = Served::new(Settings::default());
    let body = vec![0; 12 << 20];
    let length = body.len();
    for (served, line, host, expected) in [
        (&guarded, "POST /v1/translate", "localhost", 401),
        (&open, "POST /v1/translate", "elsewhere.example", 403),
        (&open, "POST /v1/translate?model=none", "localhost", 404),
        (&open, "POST /nothing", "localhost", 404),
        (&open, "PUT /v1/translate", "localhost", 405),
        (&open, "POST /healthz", "localhost", 405),
    ] {
        let head = format!(
            "{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
        );
        let mut stream = from(served, 1);
        stream.write_all(head.as_bytes()).unwrap();
        // slowly enough that the answer comes first
        for part in body.chunks(1 << 20) {
            std::thread::sleep(Duration::from_millis(10));
            stream
                .write_all(part)
                .unwrap_or_else(|e| panic!("{line}: {e}"));
        }
        assert_eq!(status(&rest(stream)), expected, "{line}");
    }
}

/// A body for which there is never room is too large; waiting would not help.
#[test]
fn a_body_larger_than_the_memory_is_too_large() {
    let served = Served::new(Settings {
        memory: 1 << 20,
        ..Settings::default()
    });
    let body = vec![0; 400_000];
    let head = format!("{POST}Content-Length: {}\r\n\r\n", body.len());
    let answer = ask(&served, &[head.as_bytes(), &body].concat());
    assert_eq!(status(&answer), 413, "{answer}");
    let mut chunk = format!(
        "{POST}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n",
        body.len()
    )
    .into_bytes();
    chunk.extend_from_slice(&body);
    chunk.extend_from_slice(b"\r\n0\r\n\r\n");
    let answer = ask(&served, &chunk);
    assert_eq!(status(&answer), 413, "{answer}");
}

/// Clients that say nothing, or do not end what they say, are sent away. HTTP/2 is not spoken.
#[test]
fn silent_connections_are_closed() {
    let served = Served::new(Settings {
        patience: Duration::from_secs(1),
        ..Settings::default()
    });
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let settings = [&preface[..], &[0, 0, 0, 4, 0, 0, 0, 0, 0]].concat();
    let headers = [&settings[..], &[0, 0, 1, 1, 0, 0, 0, 0, 1, 0x82]].concat();
    let streams: Vec<TcpStream> = [
        &b""[..],
        b"G",
        &preface[..10],
        preface,
        &settings,
        &headers,
        b"GET / HTTP/1.1\r\nHost: localhost\r\n",
        // kept alive after an answer
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ]
    .into_iter()
    .map(|bytes| {
        let mut stream = from(&served, 1);
        let _ = stream.write_all(bytes);
        stream
    })
    .collect();
    let begun = Instant::now();
    let answers: Vec<String> = streams.into_iter().map(rest).collect();
    assert_eq!(
        answers
            .iter()
            .filter(|answer| status(answer) == 200)
            .count(),
        1
    );
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
}

/// A client that does not read its answers does not stay either.
#[test]
fn clients_that_do_not_read_are_sent_away() {
    let served = Served::new(Settings {
        patience: Duration::from_secs(1),
        ..Settings::default()
    });
    let mut stream = from(&served, 1);
    stream.set_write_timeout(Some(SOON)).unwrap();
    let request = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(1000);
    let begun = Instant::now();
    // an error, when the server has closed the connection
    while stream.write_all(&request).is_ok() {
        assert!(begun.elapsed() < SOON, "the connection stays open");
    }
    assert!(begun.elapsed() < SOON);
}

/// A client with too many connections closes its own; others keep theirs.
#[test]
fn connections_are_limited_in_all_and_from_one_client() {
    let served = Served::new(Settings {
        connections: 8,
        connections_per_client: 5,
        ..Settings::default()
    });
    let open = |mut stream: TcpStream| {
        let head = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
        stream.write_all(head).is_ok() && matches!(stream.read(&mut [0; 12]), Ok(12))
    };
    let quiet = from(&served, 2);
    let many: Vec<TcpStream> = (0..20).map(|_| from(&served, 1)).collect();
    let others: Vec<TcpStream> = (0..2).map(|_| from(&served, 3)).collect();
    let answered = |streams: Vec<TcpStream>| {
        streams
            .into_iter()
            .filter_map(|one| open(one).then_some(()))
            .count()
    };
    assert_eq!(answered(others), 2);
    assert_eq!(answered(vec![quiet]), 1);
    assert_eq!(answered(many), 5);
}

/// Half-sent bodies of one client leave room for others at once, and for its own when they are slow.
#[test]
fn uploads_are_limited_in_all_and_from_one_client() {
    let served = Served::new(Settings {
        uploads: 4,
        uploads_per_client: 3,
        ..Settings::default()
    });
    let head = format!("{POST}Content-Length: 100000\r\n\r\nhalf");
    let halves: Vec<TcpStream> = (0..20)
        .map(|_| {
            let mut stream = from(&served, 1);
            stream.write_all(head.as_bytes()).unwrap();
            stream
        })
        .collect();
    let begun = Instant::now();
    assert_eq!(post(&served, 2), 200);
    let patience = Settings::default().patience;
    while post(&served, 1) != 200 {
        assert!(begun.elapsed() < patience / 2, "the half-sent bodies stay");
    }
    drop(halves);
}

/// Bodies without an end do not take more memory than there is, and what is taken comes back.
#[test]
fn memory_is_limited_in_all() {
    let served = Served::new(Settings {
        memory: 64 << 20,
        ..Settings::default()
    });
    let megabytes = vec![0; 12 << 20];
    let head = format!("{POST}Content-Length: {}\r\n\r\n", megabytes.len() + 1);
    let all: Vec<TcpStream> = (0..3)
        .map(|_| {
            let mut stream = from(&served, 1);
            let _ = stream.write_all(&[head.as_bytes(), &megabytes].concat());
            stream
        })
        .collect();
    let begun = Instant::now();
    let patience = Settings::default().patience;
    while post(&served, 2) != 200 {
        assert!(begun.elapsed() < patience / 2, "the memory stays taken");
    }
    drop(all);
    // a picture that alone needs more than all the memory
    let large = RgbImage::new(2000, 2000);
    let mut bytes = Cursor::new(Vec::new());
    large.write_to(&mut bytes, ImageFormat::Png).unwrap();
    let head = format!("{POST}Content-Length: {}\r\n\r\n", bytes.get_ref().len());
    let answer = ask(&served, &[head.as_bytes(), bytes.get_ref()].concat());
    assert!(
        status(&answer) == 413 && answer.contains("bytes of memory"),
        "{answer}"
    );
}
