//! The page as static files, in headless Chromium: `tools/check_web` runs these tests, which need the WebAssembly module; plain
//! `cargo test` skips them. `PIX2PIX_SITE` is what `pix2pix export --format web` wrote, `PIX2PIX_EXPECTED` what `pix2pix
//! translate` makes of its first example.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use pix2pix::data::labels::Stored;
use pix2pix::data::picture::{self, Format, Metadata, Picture};
use pix2pix::data::{Domain, Samples};
use pix2pix_server::settings::Words;
use pix2pix_server::{Settings, site};
use serde_json::Value;
use tempfile::TempDir;

use crate::common::{Served, label_maps, twelve_bits};
use crate::page::paste;
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
        Self::of(PathBuf::from(
            std::env::var_os("PIX2PIX_SITE").expect("the site"),
        ))
    }

    fn of(folder: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let state = Arc::new(State {
            folder,
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

/// The site of an untrained model with this source, in a tab, whose module gives pictures back as they are.
fn opened(source: Domain) -> (TempDir, Host, Tab) {
    const ENGINE: &str = "export const load = async () => ({ free() {}, async translate({ data, width, height }) { \
                          return new ImageData(new Uint8ClampedArray(data), width, height); } });";
    let served = Served::of(
        Settings::default(),
        &[("model", 64, [source, Domain::RGB8])],
    );
    let model = served.models.get(None).unwrap();
    let (folder, weights) = (tempfile::tempdir().unwrap(), "model.safetensors");
    std::fs::copy(
        served.folder.path().join(weights),
        folder.path().join(weights),
    )
    .unwrap();
    let module: [&[u8]; site::MODULE.len()] = [ENGINE.as_bytes(), b"", b"", b""];
    site::write(folder.path(), &model, weights, module, &Words::default()).unwrap();
    let host = Host::of(folder.path().to_path_buf());
    let mut tab = Tab::open();
    tab.size(1280, 900, false);
    tab.visit(&host.url);
    (folder, host, tab)
}

/// A PNG of 64 by 64 pixels.
fn png(channels: usize, samples: Samples) -> Vec<u8> {
    let picture = Picture::new([64, 64], channels, samples);
    picture::encode(&picture, Format::Png, &Metadata::default()).unwrap()
}

fn status(tab: &mut Tab) -> String {
    let text = tab.value("document.getElementById('status').textContent");
    text.as_str().unwrap().to_string()
}

/// Label maps are read by class, as a server does it.
#[test]
#[ignore = "needs Chromium: tools/check_web"]
fn label_maps_are_read_by_class() {
    let (_folder, _host, mut tab) = opened(label_maps(Stored::Ids));
    let gray = |level: u8| [level, level, level, 255];
    // the ids of the classes
    let before = tab.output();
    let ids = (0..64 * 64).map(|at| at % 3).map(|id| id as u8).collect();
    paste(&mut tab, &png(1, Samples::U8(ids)), "ids.png");
    tab.other_than(&before);
    let colors: Vec<u8> = (0..64 * 64)
        .flat_map(|at| gray([0, 128, 255][at % 3]))
        .collect();
    close(&pixels(&mut tab), &colors);
    assert!(!status(&mut tab).contains("no class"));
    // other colors, of which the first half is near that of a class
    let before = tab.output();
    let half = 64 * 32;
    let photograph = [[250, 250, 250].repeat(half), [100, 150, 60].repeat(half)].concat();
    paste(&mut tab, &png(3, Samples::U8(photograph)), "photograph.png");
    tab.other_than(&before);
    close(
        &pixels(&mut tab),
        &[gray(255).repeat(half), gray(128).repeat(half)].concat(),
    );
    let said = status(&mut tab);
    assert!(
        said.contains("50% of its pixels have a color that no class has, and became the nearest"),
        "{said}"
    );
    assert!(tab.complaints.is_empty(), "{:?}", tab.complaints);
}

/// Of 16 bits a browser keeps the upper 8, which are not the picture where the model's values lie in the lower ones.
#[test]
#[ignore = "needs Chromium: tools/check_web"]
fn what_a_browser_would_open_nearly_black_is_refused() {
    let file = png(1, Samples::U16(vec![4000; 64 * 64]));
    let (_folder, _host, mut tab) = opened(twelve_bits());
    let before = tab.output();
    paste(&mut tab, &file, "camera.png");
    wait_for("the refusal", || {
        status(&mut tab)
            .starts_with(
                "camera.png has 16 bits, of which browsers keep 8: not enough for 1 channel",
            )
            .then_some(())
    });
    assert_eq!(tab.settled(), before);
    // of the whole range, these are the picture
    let (_folder, _host, mut tab) = opened(Domain::RGB8);
    let before = tab.output();
    paste(&mut tab, &file, "camera.png");
    tab.other_than(&before);
    let level = (4000 >> 8) as u8;
    close(
        &pixels(&mut tab),
        &[level, level, level, 255].repeat(64 * 64),
    );
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
