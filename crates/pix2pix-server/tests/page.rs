//! The page in headless Chromium, with real mouse, touch and keyboard events. `tools/check_page` runs these tests,
//! which need Chromium; plain `cargo test` skips them.

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::Served;
use pix2pix::data::{Depth, Domain};
use pix2pix_server::Settings;
use serde_json::{Value, json};
use tungstenite::protocol::Role;
use tungstenite::{Message, WebSocket};

/// A browser with one tab, controlled by the DevTools protocol.
struct Tab {
    browser: Child,
    socket: WebSocket<TcpStream>,
    calls: u64,
    /// Errors in the page: exceptions, and violations of its content security policy.
    complaints: Vec<String>,
    _profile: tempfile::TempDir,
}

impl Tab {
    fn open() -> Self {
        let profile = tempfile::tempdir().unwrap();
        let browser = Command::new("chromium")
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--remote-debugging-port=0",
            ])
            .args([
                "--disable-background-networking",
                "--disable-component-update",
                "--no-first-run",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stderr(Stdio::null())
            .spawn()
            .expect("chromium is installed");
        let port = wait_for("the browser", || {
            let text = std::fs::read_to_string(profile.path().join("DevToolsActivePort")).ok()?;
            text.lines().next()?.parse::<u16>().ok()
        });
        let list = format!("http://127.0.0.1:{port}/json/list");
        let path = wait_for("a tab", || {
            let text = ureq::get(&list)
                .call()
                .ok()?
                .body_mut()
                .read_to_string()
                .ok()?;
            let tabs: Value = serde_json::from_str(&text).ok()?;
            let tab = tabs.as_array()?.iter().find(|tab| tab["type"] == "page")?;
            let url = tab["webSocketDebuggerUrl"].as_str()?;
            Some(url.split_once("/devtools")?.1.to_string())
        });
        let socket = web_socket(port, &format!("/devtools{path}"));
        let mut tab = Self {
            browser,
            socket,
            calls: 0,
            complaints: Vec::new(),
            _profile: profile,
        };
        for domain in ["Page", "Runtime", "Log", "Accessibility"] {
            tab.call(&format!("{domain}.enable"), json!({}));
        }
        tab
    }

    fn call(&mut self, method: &str, params: Value) -> Value {
        self.calls += 1;
        let call = json!({"id": self.calls, "method": method, "params": params});
        self.socket.send(Message::text(call.to_string())).unwrap();
        loop {
            let Message::Text(text) = self.socket.read().unwrap() else {
                continue;
            };
            let message: Value = serde_json::from_str(&text).unwrap();
            if message["id"] == self.calls {
                assert!(message["error"].is_null(), "{method}: {}", message["error"]);
                return message["result"].clone();
            }
            let entry = &message["params"]["entry"];
            match message["method"].as_str() {
                Some("Runtime.exceptionThrown") => {
                    self.complaints.push(message["params"].to_string())
                }
                Some("Log.entryAdded") if entry["level"] == "error" => {
                    self.complaints.push(entry.to_string())
                }
                _ => {}
            }
        }
    }

    /// Value of a JavaScript expression.
    fn value(&mut self, expression: &str) -> Value {
        let params = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let result = self.call("Runtime.evaluate", params);
        assert!(
            result["exceptionDetails"].is_null(),
            "{expression}: {result}"
        );
        result["result"]["value"].clone()
    }

    fn wait_until(&mut self, expression: &str) {
        wait_for(expression, || {
            self.value(expression).as_bool().filter(|found| *found)
        });
    }

    /// Sets the window's size, as a desktop or a mobile device.
    fn size(&mut self, width: u32, height: u32, mobile: bool) {
        let metrics =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile});
        self.call("Emulation.setDeviceMetricsOverride", metrics);
        self.call(
            "Emulation.setTouchEmulationEnabled",
            json!({"enabled": mobile}),
        );
    }

    fn visit(&mut self, url: &str) {
        self.call("Page.navigate", json!({"url": url}));
        self.wait_until("document.readyState === 'complete'");
        self.wait_until(
            "document.getElementById('status')?.textContent.startsWith('Step') === true",
        );
        self.settled();
    }

    /// Waits until the output stops changing.
    fn settled(&mut self) -> String {
        let mut last = self.output();
        let mut since = Instant::now();
        while since.elapsed() < Duration::from_millis(600) {
            std::thread::sleep(Duration::from_millis(50));
            let now = self.output();
            if now != last {
                (last, since) = (now, Instant::now());
            }
        }
        last
    }

    fn output(&mut self) -> String {
        self.value("document.getElementById('output').toDataURL()")
            .as_str()
            .unwrap()
            .to_string()
    }

    /// Waits for an output that differs from this one, and returns it.
    fn other_than(&mut self, output: &str) -> String {
        wait_for("another output", || {
            Some(self.output()).filter(|now| now != output)
        });
        self.settled()
    }

    /// Scrolls an element into view and returns its centre, in pixels of the window.
    fn middle(&mut self, selector: &str) -> [f64; 2] {
        let found = self.value(&format!(
            "(() => {{ const e = document.querySelector({selector:?}); e.scrollIntoView({{block: 'center'}}); \
             const b = e.getBoundingClientRect(); return [b.left + b.width / 2, b.top + b.height / 2]; }})()"
        ));
        [found[0].as_f64().unwrap(), found[1].as_f64().unwrap()]
    }

    fn mouse(&mut self, kind: &str, [x, y]: [f64; 2]) {
        let pressed = u8::from(kind != "mouseReleased");
        let event = json!({"type": kind, "x": x, "y": y, "button": "left", "buttons": pressed, "clickCount": 1});
        self.call("Input.dispatchMouseEvent", event);
    }

    fn click(&mut self, selector: &str) {
        let place = self.middle(selector);
        self.mouse("mousePressed", place);
        self.mouse("mouseReleased", place);
    }

    /// Draws a line across the board.
    fn draw(&mut self) {
        let [x, y] = self.middle("#board");
        self.mouse("mousePressed", [x - 100.0, y - 80.0]);
        for step in 0..20 {
            let along = f64::from(step) * 10.0 - 100.0;
            self.mouse("mouseMoved", [x + along, y + along * 0.8]);
        }
        self.mouse("mouseReleased", [x + 100.0, y + 80.0]);
    }

    fn key(&mut self, key: &str, modifiers: u8) {
        let text = if key == "Space" { " " } else { key };
        let event = json!({"type": "keyDown", "key": text, "modifiers": modifiers});
        self.call("Input.dispatchKeyEvent", event);
        let event = json!({"type": "keyUp", "key": text, "modifiers": modifiers});
        self.call("Input.dispatchKeyEvent", event);
    }

    fn screenshot(&mut self, path: &Path) {
        let shot = self.call(
            "Page.captureScreenshot",
            json!({"captureBeyondViewport": true}),
        );
        let png = shot["data"].as_str().unwrap();
        let bytes = base64(png);
        assert!(bytes.len() > 20_000, "{} shows nothing", path.display());
        std::fs::write(path, bytes).unwrap();
    }

    fn colours_of_output(&mut self) -> i64 {
        let expression = "(() => { const c = document.getElementById('output'); const d = c.getContext('2d') \
                          .getImageData(0, 0, c.width, c.height).data; return new Set(new Uint32Array(d.buffer)).size; })()";
        self.value(expression).as_i64().unwrap()
    }
}

/// Opens the browser's web socket at a path. Of the handshake's response, only the status is checked.
fn web_socket(port: u16, path: &str) -> WebSocket<TcpStream> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let key = "Sec-WebSocket-Key: cGl4MnBpeCBwYWdlIHRlc3Q=\r\nSec-WebSocket-Version: 13";
    let upgrade =
        format!("Host: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{key}");
    stream
        .write_all(format!("GET {path} HTTP/1.1\r\n{upgrade}\r\n\r\n").as_bytes())
        .unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    assert!(
        head.starts_with(b"HTTP/1.1 101"),
        "{}",
        String::from_utf8_lossy(&head)
    );
    WebSocket::from_raw_socket(stream, Role::Client, None)
}

impl Drop for Tab {
    fn drop(&mut self) {
        let _ = self.browser.kill();
        let _ = self.browser.wait();
    }
}

fn base64(text: &str) -> Vec<u8> {
    let digit = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let digits: Vec<u8> = text.bytes().filter(|c| *c != b'=').map(digit).collect();
    let bits = |four: &[u8]| {
        four.iter()
            .fold(0u32, |bits, digit| bits << 6 | u32::from(*digit))
            << (6 * (4 - four.len()))
    };
    let bytes = digits
        .chunks(4)
        .flat_map(|four| bits(four).to_be_bytes()[1..four.len()].to_vec());
    bytes.collect()
}

fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "waited for {what}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn shots() -> PathBuf {
    let folder = std::env::var_os("PIX2PIX_SCREENSHOTS");
    let folder = folder.map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")), PathBuf::from);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn drawing_with_the_mouse_changes_what_is_seen() {
    let served = Served::new(Settings::default());
    let mut tab = Tab::open();
    tab.size(1280, 900, false);
    tab.visit(&format!("{}/", served.url));
    // the board starts with the model's first example
    assert!(tab.colours_of_output() > 50, "the output is flat");
    let first = tab.settled();
    tab.draw();
    let drawn = tab.other_than(&first);
    assert!(tab.colours_of_output() > 50, "the output is flat");
    // undo, redo, clear
    tab.click("#undo");
    let undone = tab.other_than(&drawn);
    assert_eq!(undone, first);
    tab.click("#redo");
    assert_eq!(tab.other_than(&undone), drawn);
    tab.click("#clear");
    let cleared = tab.other_than(&drawn);
    // a colour and the fill tool
    tab.click("#palette button:nth-child(3)");
    tab.click("[data-tool=fill]");
    tab.click("#board");
    let filled = tab.other_than(&cleared);
    // the eraser
    tab.click("[data-tool=eraser]");
    tab.draw();
    let erased = tab.other_than(&filled);
    // noise
    tab.click("#again");
    let noisy = tab.other_than(&erased);
    tab.click("#dropout");
    let calm = tab.other_than(&noisy);
    // an example, and the other model
    tab.click("#examples button:nth-child(2)");
    let example = tab.other_than(&calm);
    tab.screenshot(&shots().join("page-1280.png"));
    tab.value("(() => { const m = document.getElementById('model'); m.value = 'two'; m.dispatchEvent(new Event('change')); })()");
    let other = tab.other_than(&example);
    tab.wait_until("document.getElementById('board').width === 128");
    // the comparison slider reveals the input
    let place = tab.middle("#compare");
    tab.mouse("mousePressed", place);
    tab.mouse("mouseReleased", place);
    let clip = tab.value("document.getElementById('overlay').style.clipPath");
    let clip = clip.as_str().unwrap();
    assert!(
        clip.starts_with("inset(0") && !clip.contains(" 100%") && !clip.contains(" 0%"),
        "{clip}"
    );
    assert_eq!(tab.settled(), other);
    // a pasted picture
    tab.value(
        "(async () => { const c = new OffscreenCanvas(40, 80); const x = c.getContext('2d'); x.fillStyle = '#f00'; \
         x.fillRect(0, 0, 20, 80); const file = new File([await c.convertToBlob()], 'a.png', {type: 'image/png'}); \
         const data = new DataTransfer(); data.items.add(file); \
         document.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data})); })()",
    );
    tab.other_than(&other);
    assert_eq!(
        tab.value("document.getElementById('download').disabled"),
        false
    );
    assert!(tab.complaints.is_empty(), "{:?}", tab.complaints);
}

#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn twelve_bits_are_shown_in_full_and_downloaded_whole() {
    let camera = Domain {
        channels: 1,
        depth: Depth::U16,
        range: [0.0, 4095.0].into(),
        ..Domain::RGB8
    };
    let served = Served::of(
        Settings::default(),
        &[("camera", 64, [Domain::RGB8, camera])],
    );
    let mut tab = Tab::open();
    tab.size(1280, 900, false);
    tab.visit(&format!("{}/", served.url));
    tab.settled();
    let brightest = tab.value(
        "(() => { const c = document.getElementById('output'); \
         const { data } = c.getContext('2d').getImageData(0, 0, c.width, c.height); \
         return data.reduce((most, value, index) => (index % 4 < 3 ? Math.max(most, value) : most), 0); })()",
    );
    assert!(brightest.as_u64() > Some(100), "{brightest}");
    tab.value(
        "(() => { const make = URL.createObjectURL.bind(URL); \
         URL.createObjectURL = (file) => { window.saved = file; return make(file); }; })()",
    );
    tab.click("#download");
    tab.wait_until("window.saved !== undefined");
    // bits a sample and the type of colour, in a PNG's header: 16 and gray
    let header =
        tab.value("saved.arrayBuffer().then((file) => [...new Uint8Array(file).slice(24, 26)])");
    assert_eq!(header, json!([16, 0]));
    assert!(tab.complaints.is_empty(), "{:?}", tab.complaints);
}

#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn drawing_with_a_finger_fits_a_phone() {
    let served = Served::new(Settings::default());
    let mut tab = Tab::open();
    tab.size(390, 844, true);
    tab.visit(&format!("{}/", served.url));
    let wide = tab.value("document.documentElement.scrollWidth");
    assert_eq!(wide, 390, "the page is wider than the phone");
    let first = tab.settled();
    let [x, y] = tab.middle("#board");
    let touch = |tab: &mut Tab, kind: &str, points: Value| {
        tab.call(
            "Input.dispatchTouchEvent",
            json!({"type": kind, "touchPoints": points}),
        );
    };
    touch(&mut tab, "touchStart", json!([{"x": x - 80.0, "y": y}]));
    for step in 0..16 {
        let place =
            json!([{"x": x - 80.0 + f64::from(step) * 10.0, "y": y + f64::from(step) * 4.0}]);
        touch(&mut tab, "touchMove", place);
    }
    touch(&mut tab, "touchEnd", json!([]));
    tab.other_than(&first);
    // touch targets are large enough
    let small = tab.value(
        "[...document.querySelectorAll('button, select, .button')].filter(e => e.offsetParent && \
         Math.min(e.offsetWidth, e.offsetHeight) < 32).map(e => e.id || e.textContent)",
    );
    assert_eq!(small, json!([]));
    tab.value("scrollTo(0, 0)");
    tab.screenshot(&shots().join("page-390.png"));
    assert!(tab.complaints.is_empty(), "{:?}", tab.complaints);
}

#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn the_page_works_with_keys_and_for_screen_readers() {
    let served = Served::new(Settings::default());
    let mut tab = Tab::open();
    tab.size(1280, 900, false);
    tab.visit(&format!("{}/", served.url));
    let first = tab.settled();
    tab.value("document.getElementById('board').focus()");
    tab.key("3", 0);
    tab.key("Space", 0);
    for _ in 0..6 {
        tab.key("ArrowRight", 0);
    }
    tab.key("Space", 0);
    tab.key("ArrowUp", 0); // the brush is up: it draws nothing
    let drawn = tab.other_than(&first);
    tab.key("z", 2);
    assert_eq!(tab.other_than(&drawn), first);
    tab.key("n", 0);
    tab.other_than(&first);
    assert_eq!(tab.value("document.getElementById('seed').value"), "1");

    // every control has an accessible name
    let tree = tab.call("Accessibility.getFullAXTree", json!({}));
    let mut named = 0;
    for node in tree["nodes"].as_array().unwrap() {
        let role = node["role"]["value"].as_str().unwrap_or_default();
        let used = [
            "button",
            "radio",
            "slider",
            "checkbox",
            "combobox",
            "application",
            "image",
            "ColorWell",
            "textbox",
        ];
        if node["ignored"] == false && used.contains(&role) {
            let name = node["name"]["value"].as_str().unwrap_or_default();
            assert!(!name.is_empty(), "a {role} has no name: {node}");
            named += 1;
        }
    }
    assert!(named > 25, "{named} things have names");

    // contrast of all text (WCAG 2.2, success criterion 1.4.3, AA), in light and in dark
    for scheme in ["light", "dark"] {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        tab.call("Emulation.setEmulatedMedia", json!({"features": features}));
        tab.value("document.querySelectorAll('details').forEach(e => e.open = true)");
        let pale = tab.value(include_str!("contrast.js"));
        assert_eq!(
            pale["checked"].as_i64().map(|count| count > 20),
            Some(true),
            "{pale}"
        );
        assert_eq!(pale["pale"], json!([]), "{scheme}");
        if scheme == "dark" {
            tab.value("document.querySelectorAll('details').forEach(e => e.open = false)");
            tab.screenshot(&shots().join("page-1280-dark.png"));
        }
    }
    assert!(tab.complaints.is_empty(), "{:?}", tab.complaints);
}

#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn the_page_asks_for_the_token() {
    let served = Served::new(Settings {
        token: Some("secret".to_string()),
        ..Settings::default()
    });
    let mut tab = Tab::open();
    tab.size(1280, 900, false);
    tab.call("Page.navigate", json!({"url": format!("{}/", served.url)}));
    tab.wait_until("document.getElementById('door')?.hidden === false");
    tab.click("#token");
    tab.call("Input.insertText", json!({"text": "secret"}));
    tab.click("#door button");
    tab.wait_until("document.getElementById('status').textContent.startsWith('Step')");
    assert_eq!(tab.value("document.getElementById('door').hidden"), true);
}
