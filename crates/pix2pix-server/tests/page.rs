//! The page in headless Chromium, with real mouse, touch and keyboard events. `tools/check_page` runs these tests,
//! which need Chromium; plain `cargo test` skips them.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pix2pix::data::picture::{self, Depth, Format, Metadata, Picture};
use pix2pix::data::{Domain, Samples};
use pix2pix::run::{Event, Metrics, RunScores};
use pix2pix::train::Losses;
use pix2pix_server::settings::Words;
use pix2pix_server::{LiveTraining, Settings};
use serde_json::{Value, json};

use crate::common::Served;
use crate::tab::Tab;

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
    let mut tab = desk(&served);
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
    tab.click("#token");
    tab.call("Input.insertText", json!({"text": "secret"}));
    tab.click("#door button");
    tab.wait_until("document.getElementById('status').textContent.startsWith('Step')");
    assert_eq!(tab.value("document.getElementById('door').hidden"), true);
}

/// Whether the page must be scrolled sideways.
const IS_TOO_WIDE: &str = "document.documentElement.scrollWidth > innerWidth";

/// Whether every control of the dock is in the window, and not under something else.
const IN_REACH: &str = "[...document.querySelectorAll('.dock [data-tool], #undo, #clear, #size, #palette :first-child, #colour')] \
    .every((e) => { const b = e.getBoundingClientRect(); \
    const top = document.elementFromPoint(b.left + b.width / 2, b.top + b.height / 2); return top === e; })";

#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn on_a_phone_tools_and_colours_stay_with_the_board() {
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

#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn an_output_older_than_the_board_is_marked() {
    let served = Served::new(Settings {
        rate: 3.try_into().ok(),
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
    // three pictures a minute: the next ones wait, and the page says so and moves
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
    let board = "document.getElementById('board').toDataURL()";
    let linked = |tab: &mut Tab| {
        tab.click("#share");
        tab.wait_until("document.getElementById('status').textContent.includes('ink')");
        let link = tab.value("document.getElementById('link').value");
        link.as_str().unwrap().to_string()
    };
    // an example is its number
    tab.click("#examples button:nth-child(3)");
    tab.settled();
    let example = (linked(&mut tab), tab.output(), tab.value(board));
    assert!(
        example.0.len() < 100 && example.0.contains("example=2"),
        "{}",
        example.0
    );
    // a drawing is in the link
    tab.value("(() => { const m = document.getElementById('model'); m.value = 'two'; m.dispatchEvent(new Event('change')); })()");
    tab.wait_until("document.getElementById('board').width === 128");
    tab.settled();
    tab.click("#clear");
    tab.draw();
    let before = tab.settled();
    tab.click("#again");
    let drawn = (tab.other_than(&before), tab.value(board));
    let link = linked(&mut tab);
    assert!(
        link.contains("model=two&seed=1&noise=on&drawing="),
        "{link}"
    );
    tab.call("Page.navigate", json!({"url": "about:blank"}));
    tab.visit(&link);
    assert_eq!((tab.settled(), tab.value(board)), drawn);
    assert_eq!(tab.value("document.getElementById('seed').value"), "1");
    // to another link of the page
    tab.visit(&example.0);
    tab.wait_until("document.getElementById('board').width === 64");
    assert_eq!((tab.settled(), tab.value(board)), (example.1, example.2));
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
    let camera = Domain {
        channels: 1,
        depth: Depth::U16,
        range: [0.0, 4095.0].into(),
        ..Domain::RGB8
    };
    let served = Served::of(
        Settings::default(),
        &[("camera", 64, [camera.clone(), camera])],
    );
    let mut tab = desk(&served);
    let before = tab.settled();
    let levels = tab.value(
        "[...document.querySelectorAll('#palette button')].map((e) => parseInt(e.dataset.colour.slice(1, 3), 16))",
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
    tab.value(&format!(
        "(() => {{ const file = new File([new Uint8Array({file:?})], 'a.tif', {{type: 'image/tiff'}}); \
         const data = new DataTransfer(); data.items.add(file); \
         document.dispatchEvent(new ClipboardEvent('paste', {{clipboardData: data}})); }})()"
    ));
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
    assert!(tab.complaints.is_empty(), "{:?}", tab.complaints);
}

/// What has more channels than a drawing is opened as a file of any size, and nothing is offered that cannot be.
#[test]
#[ignore = "needs Chromium: tools/check_page"]
fn six_channels_are_opened_and_not_drawn() {
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
    tab.value(&format!(
        "(() => {{ const file = new File([new Uint8Array({file:?})], 'a.tif', {{type: 'image/tiff'}}); \
         const data = new DataTransfer(); data.items.add(file); \
         document.dispatchEvent(new ClipboardEvent('paste', {{clipboardData: data}})); }})()"
    ));
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
    tab.value("(() => { const m = document.getElementById('model'); m.value = 'one'; m.dispatchEvent(new Event('change')); })()");
    tab.other_than(&varied);
    assert_eq!(tab.value(offered), json!([true, true, true, true]));
    assert_eq!(tab.value(hint), "or drop or paste a picture");
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

/// A training that has come to step 20, with a contact sheet.
fn training(folder: &Path) -> Arc<LiveTraining> {
    let training = Arc::new(LiveTraining::new(&folder.join("facades"), Some(1000)));
    let sheet = image::RgbImage::from_fn(300, 400, |x, y| image::Rgb([x as u8, y as u8, 0]));
    let path = folder.join("step_0000020.png");
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
        tab.value(&format!(
            "(() => {{ const file = new File([new Uint8Array({file:?})], '{name}', {{type: 'image/x'}}); \
             const data = new DataTransfer(); data.items.add(file); \
             document.dispatchEvent(new ClipboardEvent('paste', {{clipboardData: data}})); }})()"
        ));
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
    let training = training(folder.path());
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
            ["Generator: adversarial loss1 at step 20", 20],
            ["Discriminator: real pairs0.5 at step 20", 20],
            ["Discriminator: generated pairs0.6 at step 20", 20],
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
    let watched = Served::of_training(training(folder.path()));
    let mut tab = Tab::open();
    for (width, height) in [(390, 844), (768, 1024), (1440, 900)] {
        for scheme in ["light", "dark"] {
            tab.size(width, height, width == 390);
            let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
            tab.call("Emulation.setEmulatedMedia", json!({"features": features}));
            for (page, served) in [("page", &plain), ("training", &watched)] {
                tab.visit(&format!("{}/", served.url));
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
