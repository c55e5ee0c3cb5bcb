//! The page in headless Chromium, with real mouse, touch and keyboard events. `tools/check_page` runs these tests,
//! which need Chromium; plain `cargo test` skips them.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pix2pix::data::labels::Stored;
use pix2pix::data::picture::{self, Format, Metadata, Picture};
use pix2pix::data::{Domain, Samples};
use pix2pix::run::{Event, Metrics, RunScores};
use pix2pix::train::Losses;
use pix2pix_server::settings::Words;
use pix2pix_server::{LiveTraining, Settings};
use serde_json::{Value, json};

use crate::common::{Served, label_maps, twelve_bits};
use crate::tab::{Tab, wait_for};

fn shots() -> PathBuf {
    let folder = std::env::var_os("PIX2PIX_SCREENSHOTS");
    let folder = folder.map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")), PathBuf::from);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// The page on the screen of a desk.
fn desk(served: &Served) -> Tab {
    let mut tab = Tab::open();
    tab.size(1280, 900, false);
    tab.visit(&format!("{}/", served.url));
    tab
}

/// Pastes a picture of this size, which JavaScript draws on its context `x`.
fn paste_drawn(tab: &mut Tab, [width, height]: [u32; 2], draw: &str) {
    tab.value(&format!(
        "(async () => {{ const c = new OffscreenCanvas({width}, {height}); const x = c.getContext('2d'); {draw}; \
         const file = new File([await c.convertToBlob()], 'a.png', {{type: 'image/png'}}); \
         const data = new DataTransfer(); data.items.add(file); \
         document.dispatchEvent(new ClipboardEvent('paste', {{clipboardData: data}})); }})()"
    ));
}

/// Pastes a file. Browsers know no type of npy.
pub fn paste(tab: &mut Tab, file: &[u8], name: &str) {
    let kind = match name.ends_with(".npy") {
        true => "",
        false => "image/x",
    };
    tab.value(&format!(
        "(() => {{ const file = new File([new Uint8Array({file:?})], '{name}', {{type: '{kind}'}}); \
         const data = new DataTransfer(); data.items.add(file); \
         document.dispatchEvent(new ClipboardEvent('paste', {{clipboardData: data}})); }})()"
    ));
}

/// Chooses a model.
fn choose(tab: &mut Tab, model: &str) {
    tab.value(&format!(
        "(() => {{ const m = document.getElementById('model'); m.value = '{model}'; m.dispatchEvent(new Event('change')); }})()"
    ));
}

/// Types a token and sends it.
fn enter_token(tab: &mut Tab, token: &str) {
    tab.value("document.getElementById('token').value = ''");
    tab.click("#token");
    tab.call("Input.insertText", json!({"text": token}));
    tab.click("#door button");
}

/// Runs JavaScript before the scripts of each page that is opened.
fn before_the_page(tab: &mut Tab, script: &str) {
    tab.call(
        "Page.addScriptToEvaluateOnNewDocument",
        json!({"source": script}),
    );
}

/// Nobody waits for long in a test: an answer has a second.
const IMPATIENT: &str =
    "AbortSignal.timeout = ((make) => () => make(1000))(AbortSignal.timeout.bind(AbortSignal))";

/// What the page says.
const STATUS: &str = "document.getElementById('status').textContent";

/// The board as text.
const BOARD: &str = "document.getElementById('board').toDataURL()";

/// Keeps the file of the next download in `window.saved`.
fn keep_downloads(tab: &mut Tab) {
    tab.value(
        "(() => { const make = URL.createObjectURL.bind(URL); \
         URL.createObjectURL = (file) => { window.saved = file; return make(file); }; })()",
    );
}

#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn drawing_with_the_mouse_changes_what_is_seen() {
    let served = Served::new(Settings::default());
    let mut tab = desk(&served);
    // the board starts with the model's first example
    assert!(tab.colors_of_output() > 50, "the output is flat");
    let first = tab.settled();
    tab.draw();
    let drawn = tab.other_than(&first);
    assert!(tab.colors_of_output() > 50, "the output is flat");
    // undo, redo, clear
    tab.click("#undo");
    let undone = tab.other_than(&drawn);
    assert_eq!(undone, first);
    tab.click("#redo");
    assert_eq!(tab.other_than(&undone), drawn);
    tab.click("#clear");
    let cleared = tab.other_than(&drawn);
    // a color and the fill tool
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
    choose(&mut tab, "two");
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
    let camera = twelve_bits();
    let served = Served::of(
        Settings::default(),
        &[("camera", 64, [Domain::RGB8, camera])],
    );
    let mut tab = desk(&served);
    tab.settled();
    let brightest = tab.value(
        "(() => { const c = document.getElementById('output'); \
         const { data } = c.getContext('2d').getImageData(0, 0, c.width, c.height); \
         return data.reduce((most, value, index) => (index % 4 < 3 ? Math.max(most, value) : most), 0); })()",
    );
    assert!(brightest.as_u64() > Some(100), "{brightest}");
    keep_downloads(&mut tab);
    tab.click("#download");
    tab.wait_until("window.saved !== undefined");
    // bits a sample and the type of color, in a PNG's header: 16 and gray
    let header =
        tab.value("saved.arrayBuffer().then((file) => [...new Uint8Array(file).slice(24, 26)])");
    assert_eq!(header, json!([16, 0]));
    // a training has gone on between the picture and its file
    tab.value(
        "(() => { const ask = fetch.bind(window); window.fetch = async (path, options) => { const answer = await ask(path, options); \
         if (!String(path).includes('display=off')) return answer; \
         const headers = new Headers(answer.headers); headers.set('pix2pix-step', '1234'); \
         return new Response(await answer.blob(), { headers }); }; })()",
    );
    tab.click("#download");
    tab.wait_until(&format!("{STATUS}.startsWith('The file is of step 1,234')"));
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
    let mut tab = desk(&served);
    let first = tab.settled();
    // one stop for the tab key
    let stops = "[...document.querySelectorAll('#tools button')].map((e) => e.tabIndex)";
    assert_eq!(tab.value(stops), json!([0, -1, -1]));
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
    // single letters are for board and tools alone (WCAG 2.2, success criterion 2.1.4): elsewhere, spoken words would draw
    let chosen = "[document.getElementById('seed').value, document.querySelector('#tools [aria-checked=true]').dataset.tool]";
    tab.value("document.querySelector('#keys summary').focus()");
    for key in ["n", "f"] {
        tab.key(key, 0);
    }
    assert_eq!(tab.value(chosen), json!(["1", "brush"]));
    tab.value("document.getElementById('again').focus()");
    for key in ["n", "f"] {
        tab.key(key, 0);
    }
    assert_eq!(tab.value(chosen), json!(["2", "fill"]));

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
    // nothing else can be used, and nothing is said to be on its way
    let offered = "[...['#choice', '#board', '#again', '#keys'].map((e) => document.querySelector(e).checkVisibility()), \
                   document.getElementById('age').textContent, document.activeElement.id]";
    assert_eq!(
        tab.value(offered),
        json!([false, false, false, false, "", "token"])
    );
    // what no header can carry is wrong like any other
    for wrong in [
        "\u{43f}\u{430}\u{440}\u{43e}\u{43b}\u{44c}",
        "gehe\u{ed}m",
        "secre",
    ] {
        tab.value("document.getElementById('status').textContent = document.getElementById('wrong').textContent = ''");
        enter_token(&mut tab, wrong);
        tab.wait_until(&format!("{STATUS}.startsWith('Enter the access token')"));
        tab.wait_until(
            "document.getElementById('wrong').textContent === 'This token is not accepted.'",
        );
        let token = "[document.getElementById('token').ariaInvalid, document.activeElement.id]";
        assert_eq!(tab.value(token), json!(["true", "token"]));
    }
    // what has been said is not said again
    tab.value(
        "(() => { window.said = 0; const watcher = new MutationObserver(() => (said += 1)); \
         watcher.observe(document.getElementById('status'), {childList: true}); })()",
    );
    std::thread::sleep(std::time::Duration::from_secs(6));
    assert_eq!(tab.value("said"), 0);
    // with a space that was copied with it
    enter_token(&mut tab, " secret ");
    tab.wait_until(&format!("{STATUS}.startsWith('Step')"));
    tab.wait_until("document.getElementById('board').checkVisibility()");
    let door = "[document.getElementById('door').hidden, document.getElementById('wrong').textContent, \
                document.getElementById('token').ariaInvalid]";
    assert_eq!(tab.value(door), json!([true, "", "false"]));
}

/// With a token in place of one that is no longer accepted, the drawing is sent again that was refused.
#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn a_new_token_translates_what_was_refused() {
    let served = Served::new(Settings {
        token: Some("secret".to_string()),
        ..Settings::default()
    });
    let mut tab = Tab::open();
    tab.size(1280, 900, false);
    tab.call("Page.navigate", json!({"url": format!("{}/", served.url)}));
    tab.wait_until("document.getElementById('door')?.hidden === false");
    enter_token(&mut tab, "secret");
    tab.wait_until(&format!("{STATUS}.startsWith('Step')"));
    tab.settled();
    tab.value(
        "(() => { const ask = fetch.bind(window); window.isOld = true; window.fetch = (path, options = {}) => \
         ask(path, isOld ? { ...options, headers: { Authorization: 'Bearer old' } } : options); })()",
    );
    tab.draw();
    tab.settled();
    tab.wait_until("document.getElementById('age').textContent === 'out of date' && !document.getElementById('door').hidden");
    tab.value("isOld = false");
    enter_token(&mut tab, "secret");
    tab.wait_until(
        "document.getElementById('door').hidden && document.getElementById('age').hidden",
    );
    tab.wait_until(&format!("{STATUS}.startsWith('Step')"));
}

/// A proxy's refusal, which has no words for people, has the page's own.
#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn a_proxys_refusal_is_told() {
    let served = Served::new(Settings::default());
    let mut tab = desk(&served);
    tab.value(
        "(() => { const ask = fetch.bind(window); window.fetch = (path, options) => String(path).includes('translate') ? \
         Promise.resolve(new Response('<html>', { status: refusal })) : ask(path, options); })()",
    );
    for (status, told) in [
        (413, "This file is larger than the server takes."),
        (403, "Access is refused."),
        (418, "The server answers with status 418."),
        (503, "The server is busy."),
    ] {
        tab.value(&format!(
            "window.refusal = {status}; document.getElementById('clear').click()"
        ));
        tab.wait_until(&format!("{STATUS} === '{told}'"));
    }
}

/// A server that takes requests and answers none.
#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn a_server_that_hangs_is_told() {
    let served = Served::new(Settings::default());
    let mut tab = Tab::open();
    before_the_page(&mut tab, IMPATIENT);
    tab.visit(&format!("{}/", served.url));
    tab.value(
        "(() => { const ask = fetch.bind(window); window.hangs = true; window.fetch = (path, options) => !hangs ? \
         ask(path, options) : new Promise((_, fail) => options.signal?.addEventListener('abort', () => fail(options.signal.reason))); })()",
    );
    tab.wait_until(&format!("{STATUS} === 'The server does not respond.'"));
    tab.value("hangs = false");
    tab.wait_until(&format!("{STATUS}.startsWith('Step')"));
    assert!(tab.complaints.is_empty(), "{:?}", tab.complaints);
}

/// A translation whose answer is lost on its way, while the server answers everything else.
#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn a_translation_without_an_answer_is_sent_again() {
    let served = Served::new(Settings::default());
    let mut tab = Tab::open();
    before_the_page(&mut tab, IMPATIENT);
    tab.visit(&format!("{}/", served.url));
    tab.value(
        "(() => { const ask = fetch.bind(window); window.lost = 1; window.fetch = (path, options) => \
         !String(path).includes('translate') || lost-- < 1 ? ask(path, options) : \
         new Promise((_, fail) => options.signal?.addEventListener('abort', () => fail(options.signal.reason))); })()",
    );
    let before = tab.output();
    tab.click("#again");
    tab.wait_until("document.getElementById('age').textContent.startsWith('out of date, waiting')");
    tab.other_than(&before);
    tab.wait_until(&format!(
        "{STATUS}.startsWith('Step') && document.getElementById('age').hidden"
    ));
    assert!(tab.complaints.is_empty(), "{:?}", tab.complaints);
}

/// Where no script runs, the page says so, and shows nothing that would do nothing.
#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn without_scripts_nothing_is_offered() {
    let served = Served::new(Settings::default());
    let mut tab = Tab::open();
    tab.call(
        "Emulation.setScriptExecutionDisabled",
        json!({"value": true}),
    );
    tab.call("Page.navigate", json!({"url": format!("{}/", served.url)}));
    tab.wait_until(
        "document.getElementById('early')?.offsetHeight > 0 && ['choice', 'again', 'keys'].every((id) => \
         !document.getElementById(id).checkVisibility({ visibilityProperty: true }))",
    );
}

/// A model begins with its first example: the empty board before it is neither translated nor shown translated.
#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn only_the_example_is_translated() {
    let served = Served::new(Settings::default());
    let mut tab = Tab::open();
    // longer on its way than a change waits
    before_the_page(
        &mut tab,
        "(() => { const ask = fetch.bind(window); window.sent = 0; window.fetch = async (path, options) => { \
         if (String(path).includes('examples')) await new Promise((done) => setTimeout(done, 400)); \
         if (String(path).includes('translate')) sent += 1; return ask(path, options); }; })()",
    );
    tab.visit(&format!("{}/", served.url));
    assert_eq!(tab.value("sent"), 1);
    choose(&mut tab, "two");
    tab.wait_until("document.getElementById('examples').children.length === 6");
    tab.settled();
    assert_eq!(tab.value("sent"), 2);
    assert!(tab.complaints.is_empty(), "{:?}", tab.complaints);
}

/// Firefox brings back what a form had before the page is loaded again, and the page says what it uses.
#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn noise_is_as_the_link_says() {
    let served = Served::new(Settings::default());
    let mut tab = Tab::open();
    before_the_page(
        &mut tab,
        "document.addEventListener('readystatechange', () => { const box = document.getElementById('dropout'); \
         if (box && document.readyState === 'interactive') box.checked = false; })",
    );
    let state = "[document.getElementById('dropout').checked, \
                 ...['seed', 'again'].map((id) => !document.getElementById(id).disabled)]";
    for (link, noise) in [("#noise=off", false), ("#noise=on", true), ("", true)] {
        tab.call("Page.navigate", json!({"url": "about:blank"}));
        tab.visit(&format!("{}/{link}", served.url));
        assert_eq!(tab.value(state), json!([noise, noise, noise]), "{link}");
    }
}

/// A camera's pictures would fill the memory until somebody collects them.
#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn pictures_that_were_shown_take_no_memory() {
    let served = Served::new(Settings::default());
    let mut tab = Tab::open();
    before_the_page(
        &mut tab,
        "(() => { const make = createImageBitmap.bind(window); window.made = []; \
         window.createImageBitmap = async (...given) => { const one = await make(...given); made.push(one); return one; }; })()",
    );
    tab.visit(&format!("{}/", served.url));
    tab.wait_until("document.getElementById('examples').children.length === 6");
    let before = tab.settled();
    tab.value("made.length = 0");
    tab.click("#again");
    tab.other_than(&before);
    // the input and the output; what is closed has no size
    assert_eq!(tab.value("made.map((one) => one.width)"), json!([0, 0]));
}

/// What is held is pressed once, and what changes nothing leaves nothing to undo.
#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn undo_knows_changes_alone() {
    let served = Served::new(Settings::default());
    let mut tab = desk(&served);
    tab.settled();
    let steps = "(() => { const undo = document.getElementById('undo'); let steps = 0; \
                 for (; !undo.disabled; steps += 1) undo.click(); return steps; })()";
    let hold_space = |tab: &mut Tab| {
        for repeats in 0..22 {
            let event =
                json!({"type": "keyDown", "key": " ", "autoRepeat": repeats > 0, "modifiers": 0});
            tab.call("Input.dispatchKeyEvent", event);
        }
        let event = json!({"type": "keyUp", "key": " ", "modifiers": 0});
        tab.call("Input.dispatchKeyEvent", event);
    };
    // the example
    assert_eq!(tab.value(steps), 1);
    tab.value("document.getElementById('clear').click()");
    assert_eq!(tab.value(steps), 0);
    tab.value("document.getElementById('board').focus()");
    tab.key("f", 0);
    hold_space(&mut tab);
    tab.key("Space", 0);
    assert_eq!(tab.value(steps), 1);
    tab.key("b", 0);
    hold_space(&mut tab);
    let is_down = "document.getElementById('pencil').classList.contains('down')";
    assert_eq!(tab.value(is_down), true);
    assert!(tab.complaints.is_empty(), "{:?}", tab.complaints);
}

/// The rest of a stroke that was undone would be drawn, and could not be undone.
#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn undo_ends_the_stroke() {
    let served = Served::new(Settings::default());
    let mut tab = desk(&served);
    tab.settled();
    let before = tab.value(BOARD);
    let [x, y] = tab.middle("#board");
    tab.mouse("mousePressed", [x - 100.0, y - 80.0]);
    tab.mouse("mouseMoved", [x, y]);
    assert_ne!(tab.value(BOARD), before);
    tab.key("z", 2);
    tab.mouse("mouseMoved", [x + 100.0, y - 80.0]);
    tab.mouse("mouseReleased", [x + 100.0, y - 80.0]);
    assert_eq!(tab.value(BOARD), before);
    assert!(tab.complaints.is_empty(), "{:?}", tab.complaints);
}

/// Whether the page must be scrolled sideways.
const IS_TOO_WIDE: &str = "document.documentElement.scrollWidth > innerWidth";

/// Whether every control of the dock is in the window, and not under something else.
const IN_REACH: &str = "[...document.querySelectorAll('.dock [data-tool], #undo, #clear, #size, #palette :first-child, #color')] \
    .every((e) => { const b = e.getBoundingClientRect(); \
    const top = document.elementFromPoint(b.left + b.width / 2, b.top + b.height / 2); return top === e; })";

#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn on_a_phone_tools_and_colors_stay_with_the_board() {
    let served = Served::new(Settings::default());
    let mut tab = Tab::open();
    tab.size(390, 844, true);
    tab.visit(&format!("{}/", served.url));
    // the whole board with output and tools, as the page opens
    let bottoms = tab.value(
        "[scrollY, document.getElementById('board').getBoundingClientRect().bottom, \
         document.querySelector('.dock').getBoundingClientRect().top]",
    );
    let number = |at: usize| bottoms[at].as_f64().unwrap();
    assert!(
        number(0) == 0.0 && number(1) <= number(2) + 1.0,
        "{bottoms}"
    );
    for scrolled in ["0", "60", "120"] {
        tab.value(&format!("scrollTo(0, {scrolled})"));
        assert_eq!(tab.value(IN_REACH), true, "scrolled by {scrolled}");
    }
}

/// On a phone, the output is seen from each of its own controls.
#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn on_a_phone_nothing_covers_the_output() {
    let served = Served::new(Settings::default());
    let mut tab = Tab::open();
    for (width, height) in [(390, 844), (375, 667)] {
        tab.size(width, height, true);
        tab.visit(&format!("{}/", served.url));
        let covered = tab.value(
            "['compare', 'seed', 'again', 'download', 'share'].filter((id) => { \
             const control = document.getElementById(id); control.scrollIntoView({ block: 'center' }); \
             const [b, c] = [document.getElementById('output'), control].map((e) => e.getBoundingClientRect()); \
             const seen = [0.05, 0.25, 0.5, 0.75, 0.95].map((u) => [b.left + u * b.width, b.top + b.height / 2]); \
             return seen.some(([x, y]) => document.elementFromPoint(x, y)?.id !== 'output') \
             || document.elementFromPoint(c.left + c.width / 2, c.top + c.height / 2) !== control; })",
        );
        assert_eq!(covered, json!([]), "{width}x{height}");
    }
}

/// Two fingers zoom the page, as anywhere else on it.
#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn two_fingers_zoom_and_do_not_draw() {
    let served = Served::new(Settings::default());
    let mut tab = Tab::open();
    tab.size(390, 844, true);
    tab.visit(&format!("{}/", served.url));
    let before = tab.value(BOARD);
    let [x, y] = tab.middle("#board");
    let fingers =
        |apart: f64| json!([{"x": x - apart, "y": y, "id": 1}, {"x": x + apart, "y": y, "id": 2}]);
    let mut touch = |kind: &str, points: Value| {
        let event = json!({"type": kind, "touchPoints": points});
        tab.call("Input.dispatchTouchEvent", event);
    };
    touch("touchStart", json!([fingers(20.0)[0]]));
    touch("touchStart", fingers(20.0));
    for step in 1..12 {
        touch("touchMove", fingers(20.0 + 6.0 * f64::from(step)));
    }
    touch("touchEnd", json!([]));
    tab.wait_until("visualViewport.scale > 1.2");
    assert_eq!(tab.value(BOARD), before);
    assert!(tab.complaints.is_empty(), "{:?}", tab.complaints);
}

/// On a phone on its side, or at 400% zoom (WCAG 2.2, success criterion 1.4.10), nothing stays over the board, which a finger can
/// scroll past.
#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn in_a_low_window_nothing_covers_the_board() {
    let served = Served::new(Settings::default());
    let mut tab = Tab::open();
    for (width, height) in [(568, 320), (480, 320), (320, 256), (844, 390)] {
        tab.size(width, height, true);
        tab.visit(&format!("{}/", served.url));
        let wide = tab.value("document.documentElement.scrollWidth");
        assert_eq!(wide, width, "{width}x{height}");
        // the whole board is in the window, with room for a finger beside it, and every point that is looked at is its own
        tab.middle("#board");
        let covered = tab.value(
            "(() => { const b = document.getElementById('board').getBoundingClientRect(); \
             const at = [0.05, 0.25, 0.5, 0.75, 0.95]; \
             return at.flatMap((v) => at.map((u) => document.elementFromPoint(b.left + u * b.width, b.top + v * b.height))) \
             .filter((e) => e?.id !== 'board').length; })()",
        );
        assert_eq!(covered, 0, "{width}x{height}");
        let room = tab
            .value("innerHeight - document.getElementById('board').getBoundingClientRect().height");
        assert!(room.as_f64() > Some(40.0), "{width}x{height}: {room}");
    }
    assert!(tab.complaints.is_empty(), "{:?}", tab.complaints);
}

/// Output and board of a tall model: nothing is higher than the window, and on a phone all of the board is in reach at once.
#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn a_tall_board_is_not_covered() {
    let served = Served::new(Settings::default());
    let mut tab = Tab::open();
    before_the_page(
        &mut tab,
        "(() => { const ask = fetch.bind(window); window.fetch = async (path, options) => { \
         const answer = await ask(path, options); if (path !== 'v1/models') return answer; \
         const found = await answer.json(); found.models[0].size = [64, 192]; return new Response(JSON.stringify(found)); }; })()",
    );
    for (width, height, mobile) in [
        (375, 667, true),
        (320, 568, true),
        (390, 844, true),
        (568, 320, true),
        (1366, 768, false),
    ] {
        tab.size(width, height, mobile);
        tab.visit(&format!("{}/", served.url));
        assert_eq!(tab.value("document.getElementById('board').height"), 192);
        assert_eq!(tab.value(IS_TOO_WIDE), false, "{width}x{height}");
        // the most points of the board that are its own at one place of the page
        let most = tab.value(
            "(() => { const board = document.getElementById('board'); let most = 0; \
             const at = [0.05, 0.25, 0.5, 0.75, 0.95]; \
             for (let y = 0; y < document.documentElement.scrollHeight; y += 10) { scrollTo(0, y); \
             const b = board.getBoundingClientRect(); most = Math.max(most, at.flatMap((v) => at.map((u) => \
             document.elementFromPoint(b.left + u * b.width, b.top + v * b.height))).filter((e) => e === board).length); } \
             return most; })()",
        );
        assert_eq!(most, 25, "{width}x{height}");
    }
    assert!(tab.complaints.is_empty(), "{:?}", tab.complaints);
}

/// Words of scripts from right to left.
#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn words_have_the_direction_of_their_script() {
    let words = Words {
        title: "\u{631}\u{633}\u{645}".to_string(),
        intro: "\u{627}\u{631}\u{633}\u{645}: https://a.example\n\nDraw.".to_string(),
        ..Words::default()
    };
    let served = Served::of(
        Settings {
            words,
            ..Settings::default()
        },
        &[("one", 64, [label_maps(Stored::Colors), Domain::RGB8])],
    );
    let mut tab = desk(&served);
    let found = tab.value(
        "['h1', '#intro p', '#intro p:last-child', '#status'].map((e) => getComputedStyle(document.querySelector(e)).direction)",
    );
    assert_eq!(found, json!(["rtl", "rtl", "ltr", "ltr"]));
    let own = tab
        .value("[...document.querySelectorAll('.swatch, #model option')].map((e) => e.dir).join()");
    assert_eq!(own, "auto,auto,auto,auto");
}

#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn an_output_older_than_the_board_is_marked() {
    let served = Served::new(Settings {
        rate: 2.try_into().ok(),
        ..Settings::default()
    });
    let mut tab = desk(&served);
    tab.settled();
    let state = "[document.getElementById('age').hidden, document.getElementById('wait').hidden, \
                 document.getElementById('comparison').classList.contains('stale')]";
    assert_eq!(tab.value(state), json!([true, true, false]));
    // in the same moment in which the board changes, the output is marked
    let changed = tab.value(&format!(
        "(document.getElementById('clear').click(), {state})"
    ));
    assert_eq!(changed, json!([false, true, true]));
    tab.settled();
    // two pictures a minute: the next ones wait, and the page says so and moves
    for _ in 0..4 {
        tab.draw();
    }
    tab.wait_until("document.getElementById('age').textContent.startsWith('out of date')");
    assert_eq!(tab.value(state), json!([false, false, true]));
    let moves = tab.value(
        "document.getElementById('wait').getAnimations({subtree: true}).some((one) => one.playState === 'running')",
    );
    assert_eq!(moves, true);
    let status = tab.value("document.getElementById('status').textContent");
    assert!(
        status.as_str().unwrap().contains("try again in"),
        "{status}"
    );
    tab.screenshot(&shots().join("page-waiting.png"));
}

#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn a_link_holds_the_drawing_and_its_variation() {
    let served = Served::new(Settings::default());
    let mut tab = desk(&served);
    let linked = |tab: &mut Tab| {
        tab.click("#share");
        tab.wait_until("document.getElementById('status').textContent.includes('ink')");
        let link = tab.value("document.getElementById('link').value");
        link.as_str().unwrap().to_string()
    };
    // an example is its number
    tab.click("#examples button:nth-child(3)");
    tab.settled();
    let example = (linked(&mut tab), tab.output(), tab.value(BOARD));
    assert!(
        example.0.len() < 100 && example.0.contains("example=2"),
        "{}",
        example.0
    );
    // a drawing is in the link
    choose(&mut tab, "two");
    tab.wait_until("document.getElementById('board').width === 128");
    tab.settled();
    tab.click("#clear");
    tab.draw();
    let before = tab.settled();
    tab.click("#again");
    let drawn = (tab.other_than(&before), tab.value(BOARD));
    let link = linked(&mut tab);
    assert!(
        link.contains("model=two&seed=1&noise=on&drawing="),
        "{link}"
    );
    tab.call("Page.navigate", json!({"url": "about:blank"}));
    tab.visit(&link);
    assert_eq!((tab.settled(), tab.value(BOARD)), drawn);
    assert_eq!(tab.value("document.getElementById('seed').value"), "1");
    // to another link of the page
    tab.visit(&example.0);
    tab.wait_until("document.getElementById('board').width === 64");
    assert_eq!((tab.settled(), tab.value(BOARD)), (example.1, example.2));
    // what has no room is told; a link that was cut is no error
    tab.value(
        "(async () => { const c = new OffscreenCanvas(128, 128); const x = c.getContext('2d'); \
         const p = x.createImageData(128, 128); crypto.getRandomValues(p.data.subarray(0, 60000)); \
         p.data.forEach((_, i) => { if (i % 4 === 3) p.data[i] = 255; }); x.putImageData(p, 0, 0); \
         const m = document.getElementById('model'); m.value = 'two'; m.dispatchEvent(new Event('change')); \
         const file = new File([await c.convertToBlob()], 'a.png', {type: 'image/png'}); \
         const data = new DataTransfer(); data.items.add(file); \
         document.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data})); })()",
    );
    tab.settled();
    tab.click("#share");
    tab.wait_until("document.getElementById('status').textContent.includes('too large')");
    tab.visit(&link[..link.len() - 1000]);
    assert!(tab.complaints.is_empty(), "{:?}", tab.complaints);
}

#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn input_and_output_are_downloaded_side_by_side() {
    let served = Served::new(Settings::default());
    let mut tab = desk(&served);
    tab.settled();
    keep_downloads(&mut tab);
    tab.click("#download-both");
    tab.wait_until("window.saved !== undefined");
    let same = tab.value(
        "(async () => { const both = await createImageBitmap(saved); \
         const pixels = (picture, x) => { const c = new OffscreenCanvas(64, 64); const d = c.getContext('2d'); \
         d.drawImage(picture, -x, 0); return d.getImageData(0, 0, 64, 64).data.join(); }; \
         return [both.width, both.height, pixels(both, 0) === pixels(document.getElementById('board'), 0), \
         pixels(both, 64) === pixels(document.getElementById('output'), 0)]; })()",
    );
    assert_eq!(same, json!([128, 64, true, true]));
}

/// A 12-bit camera's pictures as inputs: a palette over their range, and files with all their levels.
#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn a_cameras_picture_is_opened_by_its_range() {
    let camera = twelve_bits();
    let served = Served::of(
        Settings::default(),
        &[("camera", 64, [camera.clone(), camera])],
    );
    let mut tab = desk(&served);
    let before = tab.settled();
    let levels = tab.value(
        "[...document.querySelectorAll('#palette button')].map((e) => parseInt(e.dataset.color.slice(1, 3), 16))",
    );
    let mut levels: Vec<u64> = levels
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_u64().unwrap())
        .collect();
    levels.sort_unstable();
    assert!(
        levels.first() < Some(&32) && levels.last() > Some(&223),
        "{levels:?}"
    );
    assert!(
        levels.windows(2).all(|pair| pair[1] - pair[0] <= 64),
        "{levels:?}"
    );
    // a ramp up to the camera's white
    let ramp = (0..64 * 64).map(|at| (at % 64 * 65) as u16).collect();
    let ramp = Picture::new([64, 64], 1, Samples::U16(ramp));
    let file = picture::encode(&ramp, Format::Tiff, &Metadata::default()).unwrap();
    paste(&mut tab, &file, "a.tif");
    tab.other_than(&before);
    let shown = tab.value(
        "[0, 32, 63].map((x) => document.getElementById('board').getContext('2d').getImageData(x, 5, 1, 1).data[0])",
    );
    assert_eq!(shown, json!([0, 130, 255]));
    // the file itself is translated, not the rendering
    let model = served.models.get(None).unwrap();
    let of_file = model
        .translator
        .translate_with(ramp, &Default::default())
        .unwrap();
    let of_file = of_file.to_rgb8([0.0, 4095.0]);
    let output = tab.value(
        "[...document.getElementById('output').getContext('2d').getImageData(0, 0, 64, 64).data].filter((_, i) => i % 4 === 0)",
    );
    let expected: Vec<u8> = of_file.pixels().map(|pixel| pixel.0[0]).collect();
    assert_eq!(output, json!(expected));
    // a stroke has the board's levels; without it, the file is translated again
    tab.value(
        "(() => { const ask = fetch.bind(window); window.sent = []; window.fetch = (path, options) => { \
         if (String(path).includes('translate')) sent.push(options.body.name ?? 'the board'); return ask(path, options); }; })()",
    );
    tab.draw();
    tab.wait_until("sent.at(-1) === 'the board'");
    tab.settled();
    tab.click("#undo");
    tab.wait_until("sent.at(-1) === 'a.tif'");
    tab.click("#redo");
    tab.wait_until("sent.at(-1) === 'the board'");
    // npy is pasted too
    let white = Picture::new([64, 64], 1, Samples::U16(vec![4095; 64 * 64]));
    let file = picture::encode(&white, Format::Npy, &Metadata::default()).unwrap();
    paste(&mut tab, &file, "a.npy");
    tab.wait_until("sent.at(-1) === 'a.npy'");
    assert!(tab.complaints.is_empty(), "{:?}", tab.complaints);
}

/// A photograph with more pixels than the server takes is shrunk before it is sent: the board has room for less.
#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn a_photograph_of_any_size_is_opened() {
    let camera = twelve_bits();
    let settings = Settings {
        pixels: 128 * 128,
        ..Settings::default()
    };
    let served = Served::of(settings, &[("camera", 64, [camera.clone(), camera])]);
    let mut tab = desk(&served);
    let draw = "x.fillStyle = '#fff'; x.fillRect(0, 0, 400, 300); x.fillStyle = '#000'; x.fillRect(0, 0, 200, 300)";
    paste_drawn(&mut tab, [400, 300], draw);
    tab.wait_until(&format!("{STATUS}.includes('it has 3 channels, 8-bit')"));
    let shown = tab.value(
        "[8, 56].map((x) => document.getElementById('board').getContext('2d').getImageData(x, 32, 1, 1).data[0])",
    );
    let level = |at: usize| shown[at].as_u64().unwrap();
    assert!(level(0) < 8 && level(1) > 247, "{shown}");
}

/// What the browser knows and the server does not: a white GIF of one pixel.
#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn what_the_browser_knows_is_opened() {
    let camera = twelve_bits();
    let served = Served::of(
        Settings::default(),
        &[("camera", 64, [camera.clone(), camera])],
    );
    let mut tab = desk(&served);
    let gif =
        b"GIF89a\x01\0\x01\0\x80\0\0\xff\xff\xff\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";
    paste(&mut tab, gif, "a.gif");
    tab.wait_until(&format!("{STATUS}.includes('it has 3 channels, 8-bit')"));
    let level =
        "document.getElementById('board').getContext('2d').getImageData(32, 32, 1, 1).data[0]";
    assert_eq!(tab.value(level), 255);
}

/// Through the transparent parts of a picture, the empty board is seen, and nobody wonders about it.
#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn transparency_is_told() {
    let served = Served::new(Settings::default());
    let mut tab = desk(&served);
    let told =
        format!("{STATUS}.includes('its transparent parts have the color of the empty board')");
    paste_drawn(&mut tab, [90, 64], "x.fillRect(0, 0, 30, 64)");
    tab.wait_until(&told);
    paste_drawn(&mut tab, [90, 64], "x.fillRect(0, 0, 90, 64)");
    tab.wait_until(&format!("!({told}) && {STATUS}.startsWith('Step')"));
    // another site's picture is an address
    tab.value(
        "(() => { const data = new DataTransfer(); data.setData('text/uri-list', 'https://a.example/b.png'); \
         document.dispatchEvent(new DragEvent('drop', { dataTransfer: data, cancelable: true })); })()",
    );
    tab.wait_until(&format!(
        "{STATUS}.startsWith('This is an address and no file')"
    ));
    assert!(tab.complaints.is_empty(), "{:?}", tab.complaints);
}

/// To compare models: what is on the board stays for one that takes the same pictures, and comes back as it was.
#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn another_model_gets_the_same_picture() {
    let gray = Domain {
        channels: 1,
        ..Domain::RGB8
    };
    let served = Served::of(
        Settings::default(),
        &[
            ("one", 64, [Domain::RGB8; 2]),
            ("two", 128, [Domain::RGB8; 2]),
            ("gray", 64, [gray, Domain::RGB8]),
        ],
    );
    let mut tab = desk(&served);
    let there_and_back = |tab: &mut Tab, picture: &Value| {
        choose(tab, "two");
        tab.wait_until("document.getElementById('board').width === 128");
        tab.wait_until("document.getElementById('examples').children.length === 6");
        tab.settled();
        choose(tab, "one");
        tab.wait_until(&format!("{BOARD} === {picture}"));
        tab.settled();
        assert_eq!(tab.value(BOARD), *picture);
    };
    tab.click("#examples button:nth-child(3)");
    let example = tab.value(BOARD);
    there_and_back(&mut tab, &example);
    paste_drawn(
        &mut tab,
        [100, 50],
        "x.fillStyle = '#08f'; x.fillRect(0, 0, 100, 50); x.clearRect(20, 10, 13, 17)",
    );
    tab.wait_until(&format!("{BOARD} !== {example}"));
    let opened = tab.value(BOARD);
    there_and_back(&mut tab, &opened);
    tab.draw();
    let drawn = tab.value(BOARD);
    there_and_back(&mut tab, &drawn);
    // one that takes other pictures begins with an example
    choose(&mut tab, "gray");
    tab.settled();
    choose(&mut tab, "one");
    tab.settled();
    assert_ne!(tab.value(BOARD), drawn);
    assert!(tab.complaints.is_empty(), "{:?}", tab.complaints);
}

/// The page of a model of six channels, which takes files alone, and one of three.
fn of_files() -> (Served, Tab) {
    let six = Domain {
        channels: 6,
        ..Domain::RGB8
    };
    let served = Served::of(
        Settings::default(),
        &[
            ("six", 64, [six, Domain::RGB8]),
            ("one", 64, [Domain::RGB8; 2]),
        ],
    );
    let mut tab = Tab::open();
    tab.size(1280, 900, false);
    tab.call("Page.navigate", json!({"url": format!("{}/", served.url)}));
    tab.wait_until("document.body?.dataset.input === 'files'");
    (served, tab)
}

/// What has more channels than a drawing is opened as a file of any size, and nothing is offered that cannot be.
#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn six_channels_are_opened_and_not_drawn() {
    let (served, mut tab) = of_files();
    let offered = "['.dock', '#camera', '#examples', '#share'].map((e) => document.querySelector(e).checkVisibility())";
    assert_eq!(tab.value(offered), json!([false, false, false, false]));
    let hint = "document.getElementById('hint').textContent";
    let told = tab.value(hint);
    assert!(
        told.as_str().unwrap().contains("a file of 6 channels"),
        "{told}"
    );
    let before = tab.settled();
    tab.draw();
    assert_eq!(tab.settled(), before);
    let values = (0..96 * 64 * 6).map(|at| (at / 50 % 256) as u8).collect();
    let picture = Picture::new([96, 64], 6, Samples::U8(values));
    let file = picture::encode(&picture, Format::Tiff, &Metadata::default()).unwrap();
    paste(&mut tab, &file, "a.tif");
    let translated = tab.other_than(&before);
    let model = served.models.get(Some("six")).unwrap();
    let of_file = model
        .translator
        .translate_with(picture, &Default::default())
        .unwrap();
    let expected: Vec<u8> = of_file.bytes().chunks(3).map(|pixel| pixel[0]).collect();
    let output = tab.value(
        "[...document.getElementById('output').getContext('2d').getImageData(0, 0, 96, 64).data].filter((_, i) => i % 4 === 0)",
    );
    assert_eq!(output, json!(expected));
    // strokes and keys of the board change nothing, a variation does
    tab.draw();
    tab.key("z", 2);
    assert_eq!(tab.settled(), translated);
    tab.click("#again");
    let varied = tab.other_than(&translated);
    choose(&mut tab, "one");
    tab.other_than(&varied);
    assert_eq!(tab.value(offered), json!([true, true, true, true]));
    assert_eq!(tab.value(hint), "or drop or paste a picture");
    // what was said of the other model's output is not said of this one
    tab.wait_until(&format!("{STATUS}.startsWith('Step')"));
    choose(&mut tab, "six");
    assert_eq!(tab.value(STATUS), "");
    assert!(tab.complaints.is_empty(), "{:?}", tab.complaints);
}

/// Stripes far finer than the board's pixels are gray on it, whatever the ratio of sizes. Sampled, they have a deviation of 110.
#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn a_large_picture_is_shrunk_and_not_sampled() {
    let served = Served::new(Settings::default());
    let mut tab = desk(&served);
    for [width, height] in [[2048, 2048], [1500, 1500], [700, 300]] {
        let before = tab.settled();
        paste_drawn(
            &mut tab,
            [width, height],
            &format!(
                "x.fillStyle = '#fff'; x.fillRect(0, 0, {width}, {height}); x.fillStyle = '#000'; \
                 for (let at = 0; at < {width}; at += 7) x.fillRect(at, 0, 3, {height})"
            ),
        );
        tab.other_than(&before);
        // the middle row
        let spread = tab.value(
            "(() => { const row = document.getElementById('board').getContext('2d').getImageData(0, 32, 64, 1).data \
             .filter((_, i) => i % 4 === 0); const levels = [...row]; \
             const mean = levels.reduce((sum, level) => sum + level) / 64; \
             return Math.sqrt(levels.reduce((sum, level) => sum + (level - mean) ** 2, 0) / 64); })()",
        );
        assert!(spread.as_f64() < Some(32.0), "{width}x{height}: {spread}");
    }
    assert!(tab.complaints.is_empty(), "{:?}", tab.complaints);
}

/// Between the colors of two classes may be that of a third: strokes and pictures have only those that are chosen.
#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn the_colors_of_classes_are_not_mixed() {
    let served = Served::of(
        Settings::default(),
        &[
            ("maps", 64, [label_maps(Stored::Colors), Domain::RGB8]),
            ("one", 64, [Domain::RGB8; 2]),
        ],
    );
    let mut tab = desk(&served);
    tab.settled();
    // levels of the board, of which red, green and blue are the same, and their pixels
    let levels = "(() => { const { data } = document.getElementById('board').getContext('2d').getImageData(0, 0, 64, 64); \
                  const found = {}; for (let at = 0; at < data.length; at += 4) { const [r, g, b] = data.slice(at); \
                  const level = r === g && g === b ? r : 'other'; found[level] = (found[level] ?? 0) + 1; } return found; })()";
    tab.click("#clear");
    tab.click("#palette button:nth-child(3)");
    tab.draw();
    let drawn = tab.value(levels);
    assert_eq!(
        drawn.as_object().unwrap().keys().collect::<Vec<_>>(),
        ["0", "255"]
    );
    // a dot of each size: as many pixels as a circle has, and in the middle of the board
    for (size, pixels) in [(1, 1), (2, 4), (3, 9), (12, 112), (13, 137)] {
        tab.click("#clear");
        tab.value(&format!(
            "(() => {{ const s = document.getElementById('size'); s.value = {size}; s.dispatchEvent(new Event('input')); }})()"
        ));
        tab.click("#board");
        assert_eq!(
            tab.value(levels),
            json!({"0": 64 * 64 - pixels, "255": pixels}),
            "{size}"
        );
    }
    // and a line of the keyboard's brush
    tab.value("document.getElementById('board').focus()");
    for key in ["Space", "ArrowRight", "ArrowDown", "Space"] {
        tab.key(key, 0);
    }
    let drawn = tab.value(levels);
    assert!(
        drawn["other"].is_null() && drawn["128"].is_null(),
        "{drawn}"
    );
    // a picture that is neither as large as the board nor square
    let before = tab.settled();
    paste_drawn(
        &mut tab,
        [150, 211],
        "x.fillStyle = '#000'; x.fillRect(0, 0, 150, 211); x.fillStyle = '#fff'; \
         for (let at = 0; at < 150; at += 10) x.fillRect(at, at, 5, 100)",
    );
    tab.other_than(&before);
    let shown = tab.value(levels);
    assert_eq!(
        shown.as_object().unwrap().keys().collect::<Vec<_>>(),
        ["0", "255"]
    );
    // the palette's colors have the names of the classes, and there is no other, as a camera would see
    let names = "[[...document.querySelectorAll('.swatch')].slice(0, 3).map((e) => e.getAttribute('aria-label')), \
                 ...['color', 'camera'].map((id) => document.getElementById(id).checkVisibility())]";
    assert_eq!(
        tab.value(names),
        json!([["water", "class 1", "snow"], false, false])
    );
    choose(&mut tab, "one");
    tab.settled();
    let named = tab.value(names);
    assert!(
        named[0][0].as_str().unwrap().starts_with("Color #")
            && named[1] == true
            && named[2] == true,
        "{named}"
    );
    assert!(tab.complaints.is_empty(), "{:?}", tab.complaints);
}

#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn a_camera_that_is_asked_for_twice_is_one() {
    let served = Served::new(Settings::default());
    let mut tab = desk(&served);
    // nothing that could be undone
    tab.click("#undo");
    tab.settled();
    let history = "['undo', 'redo'].map((id) => document.getElementById(id).disabled)";
    assert_eq!(tab.value(history), json!([true, false]));
    tab.value(
        "(() => { window.tracks = []; const devices = navigator.mediaDevices; const ask = devices.getUserMedia.bind(devices); \
         devices.getUserMedia = async (what) => { const stream = await ask(what); tracks.push(...stream.getTracks()); \
         await new Promise((done) => setTimeout(done, 500)); return stream; }; })()",
    );
    tab.click("#camera");
    tab.click("#camera");
    let is_on = "document.getElementById('camera').ariaPressed === 'true'";
    tab.wait_until(is_on);
    std::thread::sleep(std::time::Duration::from_secs(1));
    let tracks = "tracks.map((track) => track.readyState)";
    assert_eq!(tab.value(tracks), json!(["live"]));
    assert_eq!(tab.value(is_on), true);
    // what was on the board before comes back
    assert_eq!(tab.value(history), json!([false, true]));
    tab.click("#camera");
    assert_eq!(tab.value(tracks), json!(["ended"]));
    assert_eq!(tab.value(is_on), false);
    assert_eq!(tab.value(history), json!([false, true]));
    assert!(tab.complaints.is_empty(), "{:?}", tab.complaints);
}

/// The camera's next picture would be over it in a moment.
#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn what_comes_on_the_board_ends_the_camera() {
    let served = Served::new(Settings::default());
    let mut tab = desk(&served);
    let is_on = "document.getElementById('camera').ariaPressed === 'true'";
    for act in [
        "#examples button:nth-child(2)",
        "#clear",
        "#undo",
        "a stroke",
        "a picture",
    ] {
        tab.click("#camera");
        tab.wait_until(is_on);
        match act {
            "a stroke" => tab.draw(),
            "a picture" => paste_drawn(&mut tab, [64, 64], "x.fillRect(0, 0, 30, 30)"),
            button => tab.click(button),
        }
        tab.wait_until(&format!("!({is_on})"));
        let shown = tab.value(BOARD);
        tab.settled();
        assert_eq!(tab.value(BOARD), shown, "{act}");
    }
    // another model sees what the camera sees
    tab.click("#camera");
    tab.wait_until(is_on);
    choose(&mut tab, "two");
    tab.wait_until("document.getElementById('examples').children.length === 6");
    for _ in 0..2 {
        let before = tab.value(BOARD);
        wait_for("a picture of the camera", || {
            (tab.value(BOARD) != before).then_some(())
        });
    }
    assert_eq!(tab.value(is_on), true);
    assert!(tab.complaints.is_empty(), "{:?}", tab.complaints);
}

#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn only_what_began_a_stroke_draws_it() {
    let served = Served::new(Settings::default());
    let mut tab = desk(&served);
    tab.settled();
    tab.click("#clear");
    tab.value("document.getElementById('board').focus()");
    // the keyboard's brush is down, and the mouse moves over the board
    tab.key("Space", 0);
    let dot = tab.value(BOARD);
    let [x, y] = tab.middle("#board");
    for step in 0..5 {
        let event =
            json!({"type": "mouseMoved", "x": x - 100.0 + 40.0 * f64::from(step), "y": y - 90.0});
        tab.call("Input.dispatchMouseEvent", event);
    }
    assert_eq!(tab.value(BOARD), dot);
    // it goes on where it was
    tab.key("ArrowRight", 0);
    assert_ne!(tab.value(BOARD), dot);
    tab.key("Space", 0);

    // a second finger, while the first one rests
    tab.size(390, 844, true);
    let [x, y] = tab.middle("#board");
    let first = json!({"x": x - 80.0, "y": y - 80.0, "id": 1});
    let second = |step: i32| json!({"x": x + 20.0 + 8.0 * f64::from(step), "y": y + 60.0, "id": 2});
    let mut touch = |kind: &str, points: Value| {
        let event = json!({"type": kind, "touchPoints": points});
        tab.call("Input.dispatchTouchEvent", event);
    };
    touch("touchStart", json!([first]));
    touch("touchStart", json!([first, second(0)]));
    for step in 1..6 {
        touch("touchMove", json!([first, second(step)]));
    }
    touch("touchEnd", json!([]));
    // where the second one was, and between the two, the board is empty
    let changed = tab.value(
        "(() => { const { data } = document.getElementById('board').getContext('2d').getImageData(0, 0, 64, 64); \
         const empty = data.slice(-4).join(); let changed = 0; \
         for (let y = 36; y < 64; y += 1) for (let x = 0; x < 64; x += 1) \
         changed += data.slice(4 * (64 * y + x), 4 * (64 * y + x) + 4).join() !== empty; return changed; })()",
    );
    // but for the lower half of the keyboard's stroke in the middle
    assert!(changed.as_u64() < Some(120), "{changed}");
    assert!(tab.complaints.is_empty(), "{:?}", tab.complaints);
}

#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn what_cannot_be_read_is_told() {
    let served = Served::new(Settings::default());
    let mut tab = desk(&served);
    tab.settled();
    let [x, y] = tab.middle("#board");
    let folder = served.folder.path().display().to_string();
    for kind in ["dragEnter", "dragOver", "drop"] {
        let data = json!({"items": [], "files": [folder], "dragOperationsMask": 1});
        let event = json!({"type": kind, "x": x, "y": y, "data": data});
        tab.call("Input.dispatchDragEvent", event);
    }
    tab.wait_until(
        "document.getElementById('status').textContent.includes(' cannot be read: it is a folder')",
    );
    assert!(tab.complaints.is_empty(), "{:?}", tab.complaints);
}

/// Of two pictures, the one that was opened last stays, even if the other one takes longer.
#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn the_newest_picture_stays() {
    let (_served, mut tab) = of_files();
    let file = |width: u32| {
        let values = vec![90; width as usize * 64 * 6];
        let picture = Picture::new([width, 64], 6, Samples::U8(values));
        picture::encode(&picture, Format::Tiff, &Metadata::default()).unwrap()
    };
    // the next preview takes a second longer than it does
    let delay = "(() => { window.isLate = false; const ask = fetch.bind(window); let first = true; \
                 window.fetch = async (path, options) => { const isFirst = first && String(path).includes('preview'); \
                 first &&= !isFirst; const answer = await ask(path, options); \
                 if (isFirst) { await new Promise((done) => setTimeout(done, 1000)); window.isLate = true; } return answer; }; })()";
    let width = "document.getElementById('board').width";
    tab.value(delay);
    paste(&mut tab, &file(96), "a.tif");
    paste(&mut tab, &file(80), "b.tif");
    tab.wait_until(&format!("{width} === 80"));
    tab.wait_until("isLate");
    tab.settled();
    assert_eq!(tab.value(width), 80);
    // and a model that is chosen meanwhile
    tab.value(delay);
    paste(&mut tab, &file(96), "a.tif");
    choose(&mut tab, "one");
    tab.wait_until("isLate");
    tab.settled();
    assert_eq!(tab.value(width), 64);
    assert!(tab.complaints.is_empty(), "{:?}", tab.complaints);
}

/// Keys as other keyboards have them: by their place where they have no Latin letter.
#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn shortcuts_are_on_every_keyboard() {
    let served = Served::new(Settings::default());
    let mut tab = desk(&served);
    tab.settled();
    tab.value("document.getElementById('board').focus()");
    let state = "[document.getElementById('size').value, document.querySelector('#tools [aria-checked=true]').dataset.tool, \
                 document.getElementById('undo').disabled, \
                 [...document.getElementById('palette').children].findIndex((e) => e.ariaChecked === 'true')]";
    let (alt, control, shift) = (1, 2, 8);
    for (keyboard, key, code, modifiers, expected) in [
        (
            "a Mac's, in German",
            "[",
            "Digit5",
            alt,
            json!(["10", "brush", false, 1]),
        ),
        (
            "Windows', in German",
            "]",
            "Digit9",
            alt + control,
            json!(["12", "brush", false, 1]),
        ),
        (
            "Russian",
            "\u{445}",
            "BracketLeft",
            0,
            json!(["10", "brush", false, 1]),
        ),
        (
            "Russian",
            "\u{430}",
            "KeyF",
            0,
            json!(["10", "fill", false, 1]),
        ),
        (
            "Greek",
            "\u{3b2}",
            "KeyB",
            0,
            json!(["10", "brush", false, 1]),
        ),
        ("French", "&", "Digit1", 0, json!(["10", "brush", false, 0])),
        // these have letters of their own there
        ("Dvorak's", ".", "KeyE", 0, json!(["10", "brush", false, 0])),
        (
            "Polish",
            "\u{119}",
            "KeyE",
            alt,
            json!(["10", "brush", false, 0]),
        ),
        (
            "Russian",
            "\u{44f}",
            "KeyZ",
            control,
            json!(["10", "brush", true, 0]),
        ),
        (
            "Russian",
            "\u{42f}",
            "KeyZ",
            control + shift,
            json!(["10", "brush", false, 0]),
        ),
    ] {
        for kind in ["keyDown", "keyUp"] {
            let event = json!({"type": kind, "key": key, "code": code, "modifiers": modifiers});
            tab.call("Input.dispatchKeyEvent", event);
        }
        assert_eq!(tab.value(state), expected, "{keyboard}: {key}");
    }
    assert!(tab.complaints.is_empty(), "{:?}", tab.complaints);
}

/// Names may be longer than a phone is wide.
#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn long_names_fit_a_phone() {
    let folder = tempfile::tempdir().unwrap();
    let long = "facades-resnet9-instance-lambda100-batch4-augmented-".repeat(2);
    let words = Words {
        title: long.clone(),
        ..Words::default()
    };
    let settings = Settings {
        words,
        ..Settings::default()
    };
    let models = [(long.as_str(), 64, [Domain::RGB8; 2])];
    let named = Served::of(settings, &models);
    let watched = Served::of_training(training(&folder.path().join(&long)));
    let mut tab = Tab::open();
    for (width, height) in [(320, 568), (390, 844), (320, 256)] {
        tab.size(width, height, true);
        for served in [&named, &watched] {
            tab.visit(&format!("{}/", served.url));
            let wide = tab.value("document.documentElement.scrollWidth");
            assert_eq!(wide, width, "{width}x{height}");
        }
        let told = tab.value("document.getElementById('progress').textContent");
        assert!(told.as_str().unwrap().starts_with(&long), "{told}");
    }
}

/// Where the system chooses the colors, those to draw with stay, and what is chosen is seen.
#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn high_contrast_shows_the_palette_and_what_is_chosen() {
    let served = Served::new(Settings::default());
    let mut tab = desk(&served);
    tab.settled();
    let features = json!([{"name": "forced-colors", "value": "active"}]);
    tab.call("Emulation.setEmulatedMedia", json!({"features": features}));
    let hidden = tab.value(
        "[...document.querySelectorAll('.swatch')].filter((e) => { const { backgroundColor } = getComputedStyle(e); \
         const own = Object.assign(document.createElement('i').style, { color: e.dataset.color }).color; \
         return backgroundColor !== own; }).length",
    );
    assert_eq!(hidden, 0);
    let backgrounds = tab.value(
        "[...document.querySelectorAll('#tools button')].map((e) => getComputedStyle(e).backgroundColor)",
    );
    assert_ne!(backgrounds[0], backgrounds[1]);
    assert_eq!(backgrounds[1], backgrounds[2]);
}

/// An example's number is that of a link's own model, once.
#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn a_link_to_no_example_opens_the_first() {
    let served = Served::new(Settings::default());
    let mut tab = Tab::open();
    tab.size(1280, 900, false);
    let shared = |tab: &mut Tab| {
        tab.value("document.getElementById('link').value = ''");
        tab.click("#share");
        tab.wait_until("document.getElementById('link').value !== ''");
        let link = tab.value("document.getElementById('link').value");
        let (_, state) = link.as_str().unwrap().split_once('#').unwrap();
        state.to_string()
    };
    for linked in ["model=one&example=99", "model=gone&example=2"] {
        tab.call("Page.navigate", json!({"url": "about:blank"}));
        tab.call(
            "Page.navigate",
            json!({"url": format!("{}/#{linked}", served.url)}),
        );
        tab.wait_until("document.getElementById('examples')?.children.length === 6");
        tab.settled();
        assert_eq!(
            shared(&mut tab),
            "model=one&seed=0&noise=on&example=0",
            "{linked}"
        );
    }
    tab.call("Page.navigate", json!({"url": "about:blank"}));
    tab.visit(&format!("{}/#model=one&example=2", served.url));
    tab.wait_until("document.getElementById('examples').children.length === 6");
    assert_eq!(shared(&mut tab), "model=one&seed=0&noise=on&example=2");
    // another model shows the same one
    choose(&mut tab, "two");
    tab.wait_until("document.getElementById('examples').children.length === 6");
    tab.settled();
    assert_eq!(shared(&mut tab), "model=two&seed=0&noise=on&example=2");
}

/// Two channels are not the colors by which they are shown: they are opened as files, and translated as they are.
#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn two_channels_are_opened_and_not_drawn() {
    let two = Domain {
        channels: 2,
        ..Domain::RGB8
    };
    let served = Served::of(Settings::default(), &[("two", 64, [two, Domain::RGB8])]);
    let mut tab = Tab::open();
    tab.size(1280, 900, false);
    tab.call("Page.navigate", json!({"url": format!("{}/", served.url)}));
    tab.wait_until("document.body?.dataset.input === 'files'");
    let before = tab.settled();
    let values = (0..64 * 64 * 2).map(|at| (at / 30 % 256) as u8).collect();
    let picture = Picture::new([64, 64], 2, Samples::U8(values));
    let file = picture::encode(&picture, Format::Png, &Metadata::default()).unwrap();
    paste(&mut tab, &file, "a.png");
    tab.other_than(&before);
    let model = served.models.get(None).unwrap();
    let of_file = model
        .translator
        .translate_with(picture, &Default::default())
        .unwrap();
    let expected: Vec<u8> = of_file.bytes().chunks(3).map(|pixel| pixel[0]).collect();
    let output = tab.value(
        "[...document.getElementById('output').getContext('2d').getImageData(0, 0, 64, 64).data].filter((_, i) => i % 4 === 0)",
    );
    assert_eq!(output, json!(expected));
    assert!(tab.complaints.is_empty(), "{:?}", tab.complaints);
}

fn logged(step: u64) -> Metrics {
    Metrics {
        step,
        epoch: 1,
        losses: Losses {
            d_real: 0.5,
            d_fake: 0.6,
            g_gan: 1.0,
            g_l1: 1.0 / step as f32,
        },
        lr: Some(2e-4),
        augment: None,
    }
}

/// A training whose folder is `run`, which has come to step 20, with a contact sheet beside the folder.
fn training(run: &Path) -> Arc<LiveTraining> {
    let training = Arc::new(LiveTraining::new(run, Some(1000)));
    let sheet = image::RgbImage::from_fn(300, 400, |x, y| image::Rgb([x as u8, y as u8, 0]));
    let path = run.with_file_name("step_0000020.png");
    sheet.save(&path).unwrap();
    for step in 1..=20 {
        training.saw(&Event::Step(logged(step)));
        training.saw(&Event::Logged(logged(step)));
    }
    for step in [10, 20] {
        training.saw(&Event::Scored(RunScores {
            step,
            l1: 300.0 / step as f64,
            psnr: Some(12.0),
            ssim: Some(0.5),
            ..RunScores::default()
        }));
    }
    let (step, path, rows) = (20, path.as_path(), &[]);
    training.saw(&Event::Sampled {
        step,
        path,
        sheet: &sheet,
        rows,
        pairs: &[],
        outputs: &[],
        held_out: true,
    });
    training.said("held-out pairs (L1 of 255): L1 15.0");
    training
}

#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn a_picture_unlike_those_of_training_is_told() {
    let served = Served::new(Settings::default());
    let mut tab = desk(&served);
    tab.settled();
    let status = "document.getElementById('status').textContent";
    let dark = Picture::new([64, 64], 1, Samples::U16((0..64 * 64).collect()));
    // browsers open only one of them, and keep its upper 8 bits
    for (format, name) in [(Format::Tiff, "a.tif"), (Format::Png, "a.png")] {
        let file = picture::encode(&dark, format, &Metadata::default()).unwrap();
        paste(&mut tab, &file, name);
        tab.wait_until(&format!("{status}.includes('it has 1 channel, 16-bit')"));
        // it goes with the picture, and comes back with it
        tab.click("#undo");
        tab.wait_until(&format!("!{status}.includes('16-bit')"));
        tab.click("#redo");
        tab.wait_until(&format!("{status}.includes('it has 1 channel, 16-bit')"));
        tab.click("#examples button:nth-child(2)");
        tab.wait_until(&format!("!{status}.includes('16-bit')"));
    }
    assert!(tab.complaints.is_empty(), "{:?}", tab.complaints);
}

#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn a_training_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    let training = training(&folder.path().join("facades"));
    let served = Served::of_training(training.clone());
    let mut tab = Tab::open();
    for (width, height, mobile) in [(390, 844, true), (1280, 900, false)] {
        tab.size(width, height, mobile);
        tab.visit(&format!("{}/", served.url));
        tab.wait_until("document.getElementById('sheet-picture').naturalWidth === 300");
        assert_eq!(tab.value(IS_TOO_WIDE), false);
        tab.screenshot(&shots().join(format!("training-{width}.png")));
    }
    let progress = "document.getElementById('progress').textContent";
    let told = tab.value(progress);
    assert!(
        told.as_str()
            .unwrap()
            .contains("facades: step 20 of 1,000, epoch 1"),
        "{told}"
    );
    // round numbers at the axes
    let marks = tab.value(
        "[...document.querySelectorAll('#curves text')].map((mark) => Number(mark.textContent).toExponential(3))",
    );
    for mark in marks.as_array().unwrap() {
        let digits = mark.as_str().unwrap().trim_start_matches('-');
        assert!(digits[..5].ends_with("00"), "{marks}");
    }
    let curves = tab.value(
        "[...document.querySelectorAll('#curves figure')].map((e) => \
         [e.querySelector('figcaption').textContent, e.querySelector('.main').points.length])",
    );
    assert_eq!(
        curves,
        json!([
            ["Training pairs: L1 (of 255)6.38 at step 20", 20],
            ["Generator loss: adversarial1 at step 20", 20],
            ["Discriminator loss: real pairs0.5 at step 20", 20],
            ["Discriminator loss: generated pairs0.6 at step 20", 20],
            ["Held-out pairs: L1 (of 255)15 at step 20", 2],
            ["Held-out pairs: PSNR (dB)12 at step 20", 2],
            ["Held-out pairs: SSIM0.5 at step 20", 2],
        ])
    );
    // it refreshes by itself
    training.saw(&Event::Step(logged(21)));
    training.said("a new line");
    tab.wait_until(&format!("{progress}.includes('step 21 of')"));
    tab.wait_until("document.getElementById('log').textContent.endsWith('a new line')");
    assert!(tab.complaints.is_empty(), "{:?}", tab.complaints);
    // the training ends, and with it the server
    drop(served);
    tab.wait_until(&format!("{progress}.includes('has ended')"));
}

/// On a slow link a request waits for the one before, and one for a sheet that is no longer looked at ends.
#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn a_slow_link_has_one_request_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let training = training(&folder.path().join("facades"));
    let sheet = image::RgbImage::new(30, 40);
    let path = folder.path().join("step_0000020.png");
    let (step, path, rows) = (30, path.as_path(), &[]);
    training.saw(&Event::Sampled {
        step,
        path,
        sheet: &sheet,
        rows,
        pairs: &[],
        outputs: &[],
        held_out: true,
    });
    let served = Served::of_training(training);
    let mut tab = Tab::open();
    before_the_page(
        &mut tab,
        "(() => { const ask = fetch.bind(window); \
         window.links = { 'v1/models': [0, 0, 0], 'v1/training': [0, 0, 0] }; window.ended = []; \
         window.fetch = async (path, options) => { \
         if (String(path).includes('sheets')) return new Promise((_, fail) => \
         options.signal.addEventListener('abort', () => { ended.push(path); fail(options.signal.reason); })); \
         const link = links[path]; if (!link) return ask(path, options); \
         link[0] += 1; link[1] += 1; link[2] = Math.max(link[2], link[1]); \
         const answer = await ask(path, options); await new Promise((done) => setTimeout(done, 6000)); link[1] -= 1; \
         if (path === 'v1/models') return answer; \
         return new Response(JSON.stringify({ ...await answer.json(), step: 881, steps: 1000, pace: 1 })); }; })()",
    );
    tab.visit(&format!("{}/", served.url));
    tab.wait_until("Object.values(links).every(([asked]) => asked > 1)");
    assert_eq!(
        tab.value("Object.values(links).map(([, , most]) => most)"),
        json!([1, 1])
    );
    let told = tab.value("document.getElementById('progress').textContent");
    let told = told.as_str().unwrap();
    assert!(
        told.ends_with("step 881 of 1,000, epoch 1, 1 steps/s, 1 min 59 s left"),
        "{told}"
    );
    tab.value(
        "(() => { const sheet = document.getElementById('sheet'); sheet.value = 0; sheet.dispatchEvent(new Event('input')); })()",
    );
    tab.wait_until("ended.length > 0");
    assert_eq!(tab.value("ended"), json!(["v1/training/sheets/30"]));
}

/// A sheet that could not be fetched is asked for again.
#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn a_sheet_that_is_late_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::of_training(training(&folder.path().join("facades")));
    let [sheet, elsewhere] =
        ["step_0000020.png", "elsewhere.png"].map(|name| folder.path().join(name));
    std::fs::rename(&sheet, &elsewhere).unwrap();
    let mut tab = Tab::open();
    tab.visit(&format!("{}/", served.url));
    tab.wait_until("document.getElementById('sheet-is').textContent === '20'");
    assert_eq!(
        tab.value("document.getElementById('sheet-picture').naturalWidth"),
        0
    );
    std::fs::rename(&elsewhere, &sheet).unwrap();
    tab.wait_until("document.getElementById('sheet-picture').naturalWidth === 300");
}

/// A site on another port, with the page of `url` in a frame; returns its origin.
fn elsewhere(url: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let page = format!(
        "<!doctype html><title>elsewhere</title><iframe src=\"{url}/\" width=600 height=400></iframe>"
    );
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let length = page.len();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
            );
            let _ = stream.write_all((head + &page).as_bytes());
        }
    });
    origin
}

#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn other_sites_are_let_in_by_name() {
    let asked = |served: &Served| {
        format!(
            "fetch('{}/v1/translate', {{method: 'POST', headers: {{'Authorization': 'Bearer x'}}, body: 'no picture'}})\
             .then((answer) => answer.status, () => 'refused')",
            served.url
        )
    };
    for is_let_in in [false, true] {
        // the site must know the server, and the server the site
        let reserved = TcpListener::bind("127.0.0.1:0").unwrap();
        let listen = reserved.local_addr().unwrap();
        let site = elsewhere(&format!("http://{listen}"));
        drop(reserved);
        let sites = if is_let_in {
            vec![site.parse().unwrap()]
        } else {
            Vec::new()
        };
        let served = Served::at(
            listen,
            Settings {
                cors: sites.clone(),
                embed: sites,
                ..Settings::default()
            },
        );
        let mut tab = Tab::open();
        tab.call("Page.navigate", json!({"url": site}));
        tab.wait_until("document.title === 'elsewhere' && document.readyState === 'complete'");
        let expected = if is_let_in {
            json!(422)
        } else {
            json!("refused")
        };
        assert_eq!(tab.value(&asked(&served)), expected);
        let is_framed = !tab.complaints.iter().any(|one| one.contains("frame"));
        assert_eq!(is_framed, is_let_in, "{:?}", tab.complaints);
    }
}

/// A demo without a technical word.
#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn details_can_be_left_out() {
    let words = Words {
        details: false,
        ..Words::default()
    };
    let settings = Settings {
        words,
        ..Settings::default()
    };
    let served = Served::of(settings, &[("one", 64, [Domain::RGB8; 2])]);
    let mut tab = Tab::open();
    tab.size(1280, 900, false);
    tab.call(
        "Page.navigate",
        json!({"url": format!("{}/#model=gone", served.url)}),
    );
    tab.wait_until("document.getElementById('download')?.disabled === false");
    let text = tab.value("document.body.innerText");
    let text = text.as_str().unwrap();
    for technical in [
        "U-Net",
        "parameters",
        "Step",
        "step",
        "ms",
        "Layers",
        "Model\n",
    ] {
        assert!(!text.contains(technical), "{technical}: {text}");
    }
    assert!(text.contains("model gone, which is not here"), "{text}");
    assert!(tab.complaints.is_empty(), "{:?}", tab.complaints);
}

/// Accessibility by the rules of axe-core, whose file `tools/check_page` names.
#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn axe_finds_nothing_serious() {
    let axe = std::env::var_os("PIX2PIX_AXE").expect("PIX2PIX_AXE names axe.min.js");
    let axe = std::fs::read_to_string(axe).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let words = Words {
        intro: "A map becomes a photograph. See https://arxiv.org/abs/1611.07004.".to_string(),
        ..Words::default()
    };
    let plain = Served::new(Settings {
        words,
        ..Settings::default()
    });
    let watched = Served::of_training(training(&folder.path().join("facades")));
    let shut = Served::new(Settings {
        token: Some("secret".to_string()),
        ..Settings::default()
    });
    let mut tab = Tab::open();
    for (width, height) in [(390, 844), (768, 1024), (1440, 900)] {
        for scheme in ["light", "dark"] {
            tab.size(width, height, width == 390);
            let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
            tab.call("Emulation.setEmulatedMedia", json!({"features": features}));
            for (page, served) in [("page", &plain), ("training", &watched), ("door", &shut)] {
                let url = format!("{}/", served.url);
                match page {
                    "door" => {
                        tab.call("Page.navigate", json!({"url": url}));
                        tab.wait_until("document.getElementById('door')?.hidden === false");
                        enter_token(&mut tab, "wrong");
                        tab.wait_until("document.getElementById('wrong').textContent !== ''");
                    }
                    _ => tab.visit(&url),
                }
                assert_eq!(tab.value(IS_TOO_WIDE), false, "{page} {width}");
                tab.screenshot(&shots().join(format!("{page}-{width}-{scheme}.png")));
                tab.value(
                    "document.querySelectorAll('details').forEach((one) => (one.open = true))",
                );
                tab.value(&axe);
                let found = tab.value(
                    "axe.run().then((found) => [found.passes.length, found.violations.map((one) => \
                     [one.impact, one.id, one.nodes.map((node) => node.html.slice(0, 90))])])",
                );
                assert!(found[0].as_u64() > Some(20), "{found}");
                assert_eq!(found[1], json!([]), "{page} {width} {scheme}");
            }
        }
    }
}
