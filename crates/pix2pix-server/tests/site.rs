//! The page as static files, in headless Chromium: `tools/check_web` runs these tests, which need the WebAssembly module; plain
//! `cargo test` skips them. `PIX2PIX_SITE` is what `pix2pix export --format web` wrote, `PIX2PIX_EXPECTED` what `pix2pix
//! translate` makes of its first example.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use serde_json::Value;

use crate::tab::{self, Tab, wait_for};

/// A host of static files that sets no header but the length.
struct Host {
    url: String,
    state: Arc<State>,
}

struct State {
    folder: PathBuf,
    /// Requests for the model.
    models: AtomicU64,
    /// Bytes of the next models after which the connection breaks.
    limit: AtomicU64,
}

impl Host {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let state = Arc::new(State {
            folder: PathBuf::from(std::env::var_os("PIX2PIX_SITE").expect("the site")),
            models: AtomicU64::new(0),
            limit: AtomicU64::new(u64::MAX),
        });
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let state = shared.clone();
                std::thread::spawn(move || state.answer(stream.unwrap()));
            }
        });
        Self { url, state }
    }
}

impl State {
    fn answer(&self, mut stream: TcpStream) {
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let Some(Ok(line)) = lines.next() else { return };
        while lines
            .next()
            .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
        {}
        let path = line.split(' ').nth(1).unwrap().split('?').next().unwrap();
        let name = match path {
            "/" => "index.html",
            path => &path[1..],
        };
        let Ok(content) = std::fs::read(self.folder.join(name)) else {
            let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
            return;
        };
        let kind = match name.rsplit('.').next() {
            Some("html") => "text/html",
            Some("js") => "text/javascript",
            Some("css") => "text/css",
            Some("svg") => "image/svg+xml",
            _ => "application/octet-stream",
        };
        let length = content.len();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        let mut sent = length;
        if name == "model.safetensors" {
            self.models.fetch_add(1, Ordering::Relaxed);
            sent = sent.min(self.limit.load(Ordering::Relaxed) as usize);
        }
        let _ = stream.write_all(head.as_bytes());
        let _ = stream.write_all(&content[..sent]);
    }
}

/// The pixels of the output.
fn pixels(tab: &mut Tab) -> Vec<i64> {
    let found = tab.value(
        "(() => { const c = document.getElementById('output'); \
         return [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]; })()",
    );
    let found = found.as_array().unwrap();
    found.iter().map(|value| value.as_i64().unwrap()).collect()
}

/// Checks that pictures differ by at most one level.
fn close(found: &[i64], expected: &[u8]) {
    assert_eq!(found.len(), expected.len());
    let pairs = found.iter().zip(expected);
    let off = pairs.map(|(a, &b)| (a - i64::from(b)).abs()).max();
    assert!(off <= Some(1), "{off:?} levels");
}

#[test]
#[ignore = "needs the WebAssembly module: tools/check_web"]
fn the_browser_draws_what_the_program_draws() {
    let host = Host::new();
    let mut tab = Tab::open();
    tab.size(1280, 900, false);
    let opened = Instant::now();
    tab.visit(&host.url);
    // the last of it, the output did not change any more
    let first = opened.elapsed().saturating_sub(tab::CALM);
    println!("the first picture: {} ms after opening", first.as_millis());
    // the host sends no header for it: the page's service worker does
    assert_eq!(tab.value("crossOriginIsolated"), Value::from(true));
    let expected = std::env::var_os("PIX2PIX_EXPECTED").expect("the expected picture");
    let expected = image::open(expected).unwrap().to_rgba8();
    let found = pixels(&mut tab);
    close(&found, expected.as_raw());
    assert!(tab.colors_of_output() > 50, "the output is flat");

    // drawing
    let first = tab.output();
    tab.draw();
    let drawn = tab.other_than(&first);
    tab.click("#again");
    tab.other_than(&drawn);
    let mut took = Vec::new();
    for _ in 0..5 {
        let before = tab.output();
        tab.click("#again");
        tab.other_than(&before);
        let status = tab.value("document.getElementById('status').textContent");
        let status = status.as_str().unwrap().to_string();
        let time = status.rsplit(", ").next().unwrap().trim_end_matches(" ms");
        took.push(time.parse::<u32>().unwrap());
    }
    println!("a translation in Chromium: {took:?} ms");

    // the next visit takes the model from the browser
    assert_eq!(host.state.models.load(Ordering::Relaxed), 1);
    tab.visit(&host.url);
    assert_eq!(host.state.models.load(Ordering::Relaxed), 1);

    // the camera: Chromium's own test picture moves
    tab.click("#camera");
    let before = tab.output();
    wait_for("a picture of the camera", || {
        (tab.output() != before).then_some(())
    });
    let before = tab.output();
    wait_for("the next picture of the camera", || {
        (tab.output() != before).then_some(())
    });
    let is_on = "document.getElementById('camera').ariaPressed";
    assert_eq!(tab.value(is_on), Value::from("true"));
    tab.click("#camera");
    assert_eq!(tab.value(is_on), Value::from("false"));
    tab.settled();
    assert!(tab.complaints.is_empty(), "{:?}", tab.complaints);
}

/// Browsers run no modules of a disk, and whoever got the folder from somebody knows nothing of it.
#[test]
#[ignore = "needs the WebAssembly module: tools/check_web"]
fn opened_from_a_disk_it_says_what_it_needs() {
    let folder = std::env::var_os("PIX2PIX_SITE").expect("the site");
    let page = std::fs::canonicalize(PathBuf::from(folder).join("index.html")).unwrap();
    let mut tab = Tab::open();
    let url = format!("file://{}", page.display());
    tab.call("Page.navigate", serde_json::json!({"url": url}));
    tab.wait_until(
        "(() => { const text = document.getElementById('early'); \
         return text?.textContent.includes('needs JavaScript and a web server') \
         && text.offsetHeight > 0; })()",
    );
}

#[test]
#[ignore = "needs the WebAssembly module: tools/check_web"]
fn an_interrupted_download_is_told_and_begins_again() {
    let host = Host::new();
    host.state.limit.store(100_000, Ordering::Relaxed);
    let mut tab = Tab::open();
    tab.size(390, 844, true);
    tab.call("Page.navigate", serde_json::json!({"url": host.url}));
    let status = "document.getElementById('status')?.textContent ?? ''";
    // how many bytes arrived is the browser's affair: it may drop what the page has not taken yet
    tab.wait_until(&format!(
        "/the download ended after \\d+ of \\d+ bytes/.test({status})"
    ));
    assert_eq!(tab.value("document.getElementById('loading')"), Value::Null);
    host.state.limit.store(u64::MAX, Ordering::Relaxed);
    tab.click("#again");
    tab.wait_until(&format!("({status}).startsWith('Step')"));
    let wide = tab.value("document.documentElement.scrollWidth");
    assert_eq!(wide, 390, "the page is wider than the phone");
}
