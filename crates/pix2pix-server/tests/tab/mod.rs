//! A tab of headless Chromium, with real mouse, touch and keyboard events.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tungstenite::protocol::Role;
use tungstenite::{Message, WebSocket};

/// How long an output stays the same before it counts as settled.
pub const CALM: Duration = Duration::from_millis(600);

/// A browser with one tab, controlled by the DevTools protocol.
pub struct Tab {
    browser: Child,
    socket: WebSocket<TcpStream>,
    calls: u64,
    /// Errors in the page: exceptions, and violations of its content security policy.
    pub complaints: Vec<String>,
    profile: tempfile::TempDir,
}

impl Tab {
    pub fn open() -> Self {
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
            // a camera that shows a moving picture, and that pages may use
            .args([
                "--use-fake-device-for-media-stream",
                "--use-fake-ui-for-media-stream",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            // beside the profile it makes other files, which a browser that is killed leaves
            .env("TMPDIR", profile.path())
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
            profile,
        };
        for domain in ["Page", "Runtime", "Log", "Accessibility"] {
            tab.call(&format!("{domain}.enable"), json!({}));
        }
        tab
    }

    pub fn call(&mut self, method: &str, params: Value) -> Value {
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
    pub fn value(&mut self, expression: &str) -> Value {
        let params = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let result = self.call("Runtime.evaluate", params);
        assert!(
            result["exceptionDetails"].is_null(),
            "{expression}: {result}"
        );
        result["result"]["value"].clone()
    }

    pub fn wait_until(&mut self, expression: &str) {
        wait_for(expression, || {
            self.value(expression).as_bool().filter(|found| *found)
        });
    }

    /// Sets the window's size, as a desktop or a mobile device.
    pub fn size(&mut self, width: u32, height: u32, mobile: bool) {
        let metrics =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile});
        self.call("Emulation.setDeviceMetricsOverride", metrics);
        self.call(
            "Emulation.setTouchEmulationEnabled",
            json!({"enabled": mobile}),
        );
    }

    pub fn visit(&mut self, url: &str) {
        self.call("Page.navigate", json!({"url": url}));
        self.wait_until("document.readyState === 'complete'");
        self.wait_until(
            "document.getElementById('status')?.textContent.startsWith('Step') === true",
        );
        self.settled();
    }

    /// Waits until the output stops changing.
    pub fn settled(&mut self) -> String {
        let mut last = self.output();
        let mut since = Instant::now();
        while since.elapsed() < CALM {
            std::thread::sleep(Duration::from_millis(50));
            let now = self.output();
            if now != last {
                (last, since) = (now, Instant::now());
            }
        }
        last
    }

    pub fn output(&mut self) -> String {
        self.value("document.getElementById('output').toDataURL()")
            .as_str()
            .unwrap()
            .to_string()
    }

    /// Waits for an output that differs from this one, and returns it.
    pub fn other_than(&mut self, output: &str) -> String {
        wait_for("another output", || {
            Some(self.output()).filter(|now| now != output)
        });
        self.settled()
    }

    /// Scrolls an element into view and returns its center, in pixels of the window.
    pub fn middle(&mut self, selector: &str) -> [f64; 2] {
        let found = self.value(&format!(
            "(() => {{ const e = document.querySelector({selector:?}); e.scrollIntoView({{block: 'center'}}); \
             const b = e.getBoundingClientRect(); return [b.left + b.width / 2, b.top + b.height / 2]; }})()"
        ));
        [found[0].as_f64().unwrap(), found[1].as_f64().unwrap()]
    }

    pub fn mouse(&mut self, kind: &str, [x, y]: [f64; 2]) {
        let pressed = u8::from(kind != "mouseReleased");
        let event = json!({"type": kind, "x": x, "y": y, "button": "left", "buttons": pressed, "clickCount": 1});
        self.call("Input.dispatchMouseEvent", event);
    }

    pub fn click(&mut self, selector: &str) {
        let place = self.middle(selector);
        self.mouse("mousePressed", place);
        self.mouse("mouseReleased", place);
    }

    /// Draws a line across the board.
    pub fn draw(&mut self) {
        let [x, y] = self.middle("#board");
        self.mouse("mousePressed", [x - 100.0, y - 80.0]);
        for step in 0..20 {
            let along = f64::from(step) * 10.0 - 100.0;
            self.mouse("mouseMoved", [x + along, y + along * 0.8]);
        }
        self.mouse("mouseReleased", [x + 100.0, y + 80.0]);
    }

    pub fn key(&mut self, key: &str, modifiers: u8) {
        let text = if key == "Space" { " " } else { key };
        let event = json!({"type": "keyDown", "key": text, "modifiers": modifiers});
        self.call("Input.dispatchKeyEvent", event);
        let event = json!({"type": "keyUp", "key": text, "modifiers": modifiers});
        self.call("Input.dispatchKeyEvent", event);
    }

    pub fn screenshot(&mut self, path: &Path) {
        let shot = self.call(
            "Page.captureScreenshot",
            json!({"captureBeyondViewport": true}),
        );
        let png = shot["data"].as_str().unwrap();
        let bytes = base64(png);
        // an empty page has a few thousand
        assert!(bytes.len() > 8_000, "{} shows nothing", path.display());
        std::fs::write(path, bytes).unwrap();
    }

    pub fn colors_of_output(&mut self) -> i64 {
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
        // its other processes end after it, and write until then
        for _ in 0..50 {
            if std::fs::remove_dir_all(self.profile.path()).is_ok() {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
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

pub fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
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
