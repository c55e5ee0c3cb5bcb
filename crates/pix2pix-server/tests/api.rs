//! The API, called over HTTP.

use std::io::{Cursor, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use pix2pix::data::labels::Stored;
use pix2pix::data::picture::{self, Depth, Format, Metadata, Picture};
use pix2pix::data::{Domain, Samples, Size, earth};
use pix2pix::device::{DeviceName, Precision};
use pix2pix::model::{Checkpoint, Scale, TrainingScale, TranslateOptions};
use pix2pix::run::Event;
use pix2pix_server::{LiveTraining, Models, Settings};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use ureq::http::{HeaderMap, Response};
use ureq::{Agent, Body};

use crate::common::{Served, label_maps, save_model, save_model_of_slices, twelve_bits};
use crate::schema;

/// A received response.
struct Answer {
    status: u16,
    headers: HeaderMap,
    bytes: Vec<u8>,
}

impl Answer {
    fn of(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        let mut bytes = Vec::new();
        body.into_reader().read_to_end(&mut bytes).unwrap();
        Self {
            status: parts.status.as_u16(),
            headers: parts.headers,
            bytes,
        }
    }

    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap()
    }

    fn picture(&self) -> DynamicImage {
        image::load_from_memory(&self.bytes).unwrap()
    }

    /// Checks that the response is a problem with this status, and returns its detail.
    fn problem(&self, status: u16) -> String {
        let text = String::from_utf8_lossy(&self.bytes);
        assert_eq!(self.status, status, "{text}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], "about:blank");
        assert!(!problem["title"].as_str().unwrap().is_empty());
        problem["detail"].as_str().unwrap().to_string()
    }
}

fn agent() -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .new_agent()
}

fn get(served: &Served, path: &str) -> Answer {
    Answer::of(agent().get(format!("{}{path}", served.url)).call().unwrap())
}

fn post(served: &Served, path: &str, body: &[u8]) -> Answer {
    let request = agent().post(format!("{}{path}", served.url));
    Answer::of(request.content_type("image/png").send(body).unwrap())
}

/// A value of `/metrics`, found by the beginning of its line.
fn metric(metrics: &Answer, name: &str) -> u64 {
    let text = String::from_utf8_lossy(&metrics.bytes);
    let line = text.lines().find(|line| line.starts_with(name));
    line.map_or(0, |line| line.split(' ').nth(1).unwrap().parse().unwrap())
}

fn pattern(side: u32, index: u32) -> RgbImage {
    RgbImage::from_fn(side, side, |x, y| {
        Rgb([
            (x * 3 + index * 40) as u8,
            (y * 2) as u8,
            (x * y + index) as u8,
        ])
    })
}

fn png(picture: &RgbImage) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// The library's translation of a picture.
fn expected(served: &Served, model: &str, source: &RgbImage, dropout: bool, seed: u64) -> Vec<u8> {
    let model = served.models.get(Some(model)).unwrap();
    let options = TranslateOptions {
        dropout,
        seed,
        ..TranslateOptions::default()
    };
    let source = Picture::from(source.clone());
    let translated = model.translator.translate_with(source, &options).unwrap();
    translated.bytes().to_vec()
}

#[test]
fn pictures_are_translated_as_the_library_does() {
    let served = Served::new(Settings::default());
    let source = pattern(64, 0);
    let file = png(&source);
    for (query, model, dropout, seed) in [
        ("", "one", true, 0),
        ("?seed=5", "one", true, 5),
        ("?dropout=off&seed=5", "one", false, 0),
        ("?model=two&dropout=true", "two", true, 0),
        ("?model=&dropout=OFF&scale=NATIVE", "one", false, 0),
    ] {
        let answer = post(&served, &format!("/v1/translate{query}"), &file);
        assert_eq!(answer.status, 200, "{query}");
        let found = answer.picture().into_rgb8().into_raw();
        assert!(
            found == expected(&served, model, &source, dropout, seed),
            "{query}"
        );
        assert_eq!(answer.header("content-type"), "image/png");
        assert_eq!(answer.header("pix2pix-model"), model);
        assert_eq!(answer.header("pix2pix-step"), "7");
        assert!(answer.header("server-timing").starts_with("translate;dur="));
        assert!(!answer.header("x-request-id").is_empty());
    }
    // any size and any format
    let wide = RgbImage::from_fn(90, 70, |x, y| Rgb([x as u8, y as u8, 0]));
    for (format, kind) in [
        ("png", ImageFormat::Png),
        ("PNG", ImageFormat::Png),
        ("jpeg", ImageFormat::Jpeg),
        ("jpg", ImageFormat::Jpeg),
        ("webp", ImageFormat::WebP),
    ] {
        let mut bytes = Cursor::new(Vec::new());
        wide.write_to(&mut bytes, kind).unwrap();
        let answer = post(
            &served,
            &format!("/v1/translate?format={format}"),
            bytes.get_ref(),
        );
        assert_eq!(
            answer.header("content-type"),
            kind.to_mime_type(),
            "{format}"
        );
        assert_eq!(image::guess_format(&answer.bytes).unwrap(), kind);
        let translated = answer.picture();
        assert_eq!([translated.width(), translated.height()], [90, 70]);
    }
}

#[test]
fn what_cannot_be_drawn_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let info = |source: Domain, neighbors: usize| {
        save_model_of_slices(&path, 64, 1, [source, Domain::RGB8], neighbors);
        let models = Models::new(
            std::slice::from_ref(&path),
            DeviceName::Cpu,
            Precision::default(),
        );
        models.reload().unwrap();
        models.get(None).unwrap().info.clone()
    };
    // what is shown of two or four channels is not what they are
    for (channels, neighbors, drawable) in [
        (1, 0, true),
        (2, 0, false),
        (4, 0, false),
        (6, 0, false),
        (3, 1, false),
    ] {
        let source = Domain {
            channels,
            ..Domain::RGB8
        };
        let info = info(source, neighbors);
        assert_eq!(info.drawable, drawable, "{channels}, {neighbors}");
        assert!(info.classes.is_empty(), "{channels}, {neighbors}");
        assert!(
            drawable || info.examples.is_empty(),
            "{channels}, {neighbors}"
        );
    }
    for stored in [Stored::Ids, Stored::Grays, Stored::Colors] {
        let info = info(label_maps(stored), 0);
        assert!(info.drawable, "{stored:?}");
        assert_eq!(info.palette, ["#000000", "#808080", "#ffffff"]);
        let unnamed = match stored {
            Stored::Grays => "gray level 128",
            _ => "class 1",
        };
        assert_eq!(info.classes, ["water", unnamed, "snow"]);
    }
}

/// `curl -d @FILE` says that it sends fields, and removes bytes; other programs that say so send pictures as they are.
#[test]
fn a_picture_that_curl_has_changed_is_told() {
    let served = Served::new(Settings::default());
    let whole = png(&pattern(64, 0));
    let stripped: Vec<u8> = whole
        .iter()
        .copied()
        .filter(|byte| !matches!(byte, 0 | b'\n' | b'\r'))
        .collect();
    let send = |body: &[u8]| {
        let request = agent().post(format!("{}/v1/translate", served.url));
        let request = request.content_type("application/x-www-form-urlencoded");
        Answer::of(request.send(body).unwrap())
    };
    assert!(send(&stripped).problem(400).contains("data-binary"));
    send(&whole).picture();
}

/// A gray picture is not made to slices that are all the same.
#[test]
fn slices_are_not_made_up() {
    let served = Served::new(Settings::default());
    let path = served.folder.path().join("one.safetensors");
    save_model_of_slices(&path, 64, 8, [Domain::RGB8; 2], 1);
    served.models.reload().unwrap();
    let gray = image::DynamicImage::from(pattern(64, 0)).into_luma8();
    let mut bytes = Cursor::new(Vec::new());
    gray.write_to(&mut bytes, ImageFormat::Png).unwrap();
    let refused = post(&served, "/v1/translate", &bytes.into_inner()).problem(422);
    assert!(
        refused.contains("it has 1 channel, but the model takes 3"),
        "{refused}"
    );
    assert_eq!(
        post(&served, "/v1/translate", &png(&pattern(64, 0))).status,
        200
    );
}

/// A 12-bit camera's pictures translated into five bands of floats, and back.
#[test]
fn deep_results_are_files_or_renderings_to_look_at() {
    let camera = twelve_bits();
    let radar = Domain {
        channels: 5,
        depth: Depth::F32,
        range: [-25.0, 0.0].into(),
        ..Domain::RGB8
    };
    let served = Served::of(
        Settings::default(),
        &[
            ("bands", 64, [camera.clone(), radar.clone()]),
            ("camera", 64, [radar, camera]),
        ],
    );
    let models = get(&served, "/v1/models").json();
    for (index, format) in ["tiff", "png"].into_iter().enumerate() {
        assert_eq!(models["models"][index]["format"], format);
        assert_eq!(models["models"][index]["plain"], false);
    }
    let read = |answer: &Answer| picture::decode(Path::new("answer"), &answer.bytes).unwrap();
    // what a rendering must show: the range from black to white
    let shown =
        |value: f32, [low, high]: [f32; 2]| ((value - low) / (high - low) * 255.0).round() as u8;

    let twelve_bits = (0..64 * 64).map(|i| (i * 37 % 4096) as u16).collect();
    let source = Picture::new([64, 64], 1, Samples::U16(twelve_bits));
    let body = picture::encode(&source, Format::Png, &Metadata::default()).unwrap();
    let ask = |query: &str| post(&served, &format!("/v1/translate?model=bands{query}"), &body);
    assert!(ask("").problem(422).contains("format=tiff"));
    let tiff = ask("&format=tiff");
    assert_eq!(tiff.header("content-type"), "image/tiff");
    let bands = read(&tiff);
    assert_eq!((bands.channels(), bands.depth()), (5, Depth::F32));
    assert!(read(&ask("&format=npy")) == bands);
    let Samples::F32(values) = bands.samples() else {
        panic!("floats")
    };
    let first_three: Vec<u8> = values
        .chunks(5)
        .flat_map(|bands| [0, 1, 2].map(|band| shown(bands[band], [-25.0, 0.0])))
        .collect();
    let rendering = ask("&display=on").picture();
    assert_eq!(rendering.color(), image::ColorType::Rgb8);
    close(&rendering.into_rgb8(), &first_three);

    let ask = |query: &str| {
        post(
            &served,
            &format!("/v1/translate?model=camera{query}"),
            &tiff.bytes,
        )
    };
    let file = ask("").picture();
    assert_eq!(file.color(), image::ColorType::L16);
    let values = file.into_luma16().into_raw();
    assert!(values.iter().all(|value| *value <= 4095));
    let gray: Vec<u8> = values
        .iter()
        .flat_map(|value| [shown(f32::from(*value), [0.0, 4095.0]); 3])
        .collect();
    assert!(gray.iter().max() > Some(&100), "it is nearly black");
    for query in ["&display=on", "&display=on&format=webp", "&format=webp"] {
        close(&ask(query).picture().into_rgb8(), &gray);
    }
}

/// Equal but for the rounding of values between two levels.
fn close(found: &RgbImage, expected: &[u8]) {
    assert_eq!(found.as_raw().len(), expected.len());
    for (found, expected) in found.as_raw().iter().zip(expected) {
        assert!(
            found.abs_diff(*expected) <= 1,
            "{found} instead of {expected}"
        );
    }
}

/// With `scale=train`, a picture is resized as the training pictures were; without, a note says that they were.
#[test]
fn pictures_are_translated_at_the_scale_of_the_training() {
    let settings = Settings {
        pixels: 128 * 128,
        ..Settings::default()
    };
    let served = Served::new(settings);
    let known = |name: &str, scale: Option<[u32; 2]>| {
        let path = served.folder.path().join(format!("{name}.safetensors"));
        let mut checkpoint = Checkpoint::load(&path).unwrap();
        checkpoint.config.scale = scale.map(|[from, to]| TrainingScale {
            from: Size::square(from),
            to: Size::square(to),
        });
        checkpoint.save(&path).unwrap();
        served.models.reload().unwrap();
    };
    known("one", Some([128, 64]));
    known("two", None);
    let source = pattern(128, 0);
    let file = png(&source);
    let native = post(&served, "/v1/translate", &file);
    assert_eq!(
        native.header("pix2pix-note"),
        "the model was trained on pictures shrunk from about 128x128 to about 64x64 pixels; scale=train translates at that \
         scale"
    );
    let preview = post(&served, "/v1/preview", &file);
    assert!(!preview.headers.contains_key("pix2pix-note"));
    let scaled = post(&served, "/v1/translate?scale=train", &file);
    assert!(!scaled.headers.contains_key("pix2pix-note"));
    let model = served.models.get(Some("one")).unwrap();
    let options = TranslateOptions {
        scale: Scale::Train,
        ..TranslateOptions::default()
    };
    let expected = model.translator.translate_with(source.into(), &options);
    let scaled = scaled.picture().into_rgb8().into_raw();
    assert!(scaled == expected.unwrap().bytes());
    assert!(scaled != native.picture().into_rgb8().into_raw());
    let unknown = post(&served, "/v1/translate?scale=train&model=two", &file).problem(400);
    assert!(
        unknown.starts_with("the parameters: `scale` is train, but the model does not know"),
        "{unknown}"
    );
    // what a training has enlarged needs the time and memory of what it became
    known("one", Some([16, 64]));
    let large = post(&served, "/v1/translate?scale=train", &file).problem(413);
    assert!(
        large.starts_with(
            "the model takes the picture at the scale of its training, as 512x512 pixels"
        ),
        "{large}"
    );
}

/// A camera's picture as the model takes it, to look at.
#[test]
fn a_preview_shows_the_models_range() {
    let camera = twelve_bits();
    let served = Served::of(
        Settings::default(),
        &[("camera", 64, [camera, Domain::RGB8])],
    );
    let models = get(&served, "/v1/models").json();
    assert_eq!(models["models"][0]["plain_source"], false);
    assert_eq!(models["models"][0]["plain"], true);
    let values = [0u16, 1365, 2730, 4095, 5000, 65535];
    let rows = values.repeat(16 * 3);
    let picture = Picture::new([18, 16], 1, Samples::U16(rows));
    for format in [Format::Png, Format::Tiff, Format::Npy] {
        let file = picture::encode(&picture, format, &Metadata::default()).unwrap();
        let answer = post(&served, "/v1/preview", &file);
        let text = String::from_utf8_lossy(&answer.bytes);
        assert_eq!(answer.header("content-type"), "image/png", "{text}");
        let shown = answer.picture().into_rgb8();
        let levels: Vec<u8> = shown.pixels().map(|pixel| pixel.0[0]).take(6).collect();
        // thirds of the range, and white for what is beyond
        assert_eq!(levels, [0, 85, 170, 255, 255, 255]);
        assert_eq!(answer.header("pix2pix-clipped"), "33%");
        let note = answer.header("pix2pix-note");
        assert!(
            note.contains("much smaller") && !note.contains("channel"),
            "{note}"
        );
    }
    post(&served, "/v1/preview", b"no picture").problem(422);
    post(&served, "/v1/preview?model=none", b"").problem(404);
    let refused = post(&served, "/v1/preview?seed=1", b"").problem(400);
    assert!(
        refused.starts_with("the parameters: seed: unknown field `seed`"),
        "{refused}"
    );
}

/// A model reads what is shown of a picture, on which may be drawn, as the picture itself.
#[test]
fn a_preview_is_read_as_the_picture() {
    let own_range = Domain {
        channels: 1,
        range: [0.0, 100.0].into(),
        ..Domain::RGB8
    };
    let served = Served::of(
        Settings::default(),
        &[("own", 64, [own_range, Domain::RGB8])],
    );
    let model = &get(&served, "/v1/models").json()["models"][0];
    assert_eq!(model["plain_source"], true);
    let levels = (0..64 * 64).map(|at| (at % 101) as u8).collect();
    let picture = Picture::new([64, 64], 1, Samples::U8(levels));
    let file = picture::encode(&picture, Format::Png, &Metadata::default()).unwrap();
    let preview = post(&served, "/v1/preview", &file).bytes;
    let [direct, drawn] = [&file, &preview].map(|file| {
        let answer = post(&served, "/v1/translate", file);
        assert_eq!(answer.header("pix2pix-clipped"), "");
        answer.picture()
    });
    assert!(direct == drawn);
}

/// Pictures unlike those of training are converted, and told.
#[test]
fn pictures_unlike_those_of_training_are_told() {
    let served = Served::new(Settings::default());
    let picture = Picture::new([16, 16], 1, Samples::U16(vec![4095; 256]));
    let gray = picture::encode(&picture, Format::Tiff, &Metadata::default()).unwrap();
    for path in ["/v1/translate", "/v1/preview"] {
        let answer = post(&served, path, &gray);
        let note = answer.header("pix2pix-note");
        for told in [
            "1 channel, 16-bit",
            "trained on pictures of 3 channels, 8-bit",
            "much smaller",
        ] {
            assert!(note.contains(told), "{path}: {note}");
        }
        let usual = post(&served, path, &png(&pattern(64, 0)));
        assert!(!usual.headers.contains_key("pix2pix-note"), "{path}");
    }
}

#[test]
fn each_visitor_has_its_own_pictures() {
    let served = Served::new(Settings {
        rate: 2.try_into().ok(),
        proxies: vec!["127.0.0.1".parse().unwrap()],
        ..Settings::default()
    });
    let file = png(&pattern(64, 0));
    let ask = |path: &str, visitor: &str| {
        let request = agent().post(format!("{}{path}", served.url));
        let request = request.header("X-Forwarded-For", visitor);
        Answer::of(request.content_type("image/png").send(&file).unwrap())
    };
    assert_eq!(ask("/v1/translate", "198.51.100.1").status, 200);
    assert_eq!(ask("/v1/preview", "198.51.100.1").status, 200);
    // what a visitor claims before the proxy's word changes nothing
    let refused = ask("/v1/translate", "203.0.113.5, 198.51.100.1");
    assert!(refused.problem(429).contains("one visitor"));
    let seconds: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=30).contains(&seconds), "{seconds}");
    assert_eq!(refused.json()["retry_after"], seconds);
    assert_eq!(ask("/v1/translate", "198.51.100.2").status, 200);
    // everything else is free
    assert_eq!(get(&served, "/v1/models").status, 200);
}

/// A picture for which the server has no room is none of its visitor's.
#[test]
fn a_refused_picture_costs_its_visitor_nothing() {
    let served = Served::new(Settings {
        rate: 2.try_into().ok(),
        uploads: 1,
        proxies: vec!["127.0.0.1".parse().unwrap()],
        ..Settings::default()
    });
    let file = png(&pattern(64, 0));
    // the body of another visitor, which begins to arrive before it is asked for
    let mut other = connected(&served);
    let head = format!(
        "POST /v1/translate HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nExpect: 100-continue\r\n\
         X-Forwarded-For: 198.51.100.1\r\nContent-Length: {}\r\n\r\n",
        file.len()
    );
    other.write_all(head.as_bytes()).unwrap();
    let mut go_on = [0; 25];
    other.read_exact(&mut go_on).unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    let ask = || {
        let request = agent().post(format!("{}/v1/translate", served.url));
        let request = request.header("X-Forwarded-For", "198.51.100.2");
        Answer::of(request.content_type("image/png").send(&file).unwrap())
    };
    for _ in 0..3 {
        assert!(ask().problem(503).contains("being received"));
    }
    other.write_all(&file).unwrap();
    let mut answer = Vec::new();
    other.read_to_end(&mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"));
    assert_eq!([(); 3].map(|()| ask().status), [200, 200, 429]);
}

/// Browsers ask with OPTIONS before a script of another site sends a picture.
#[test]
fn scripts_of_named_sites_may_use_the_api() {
    let site = "https://www.example.org";
    let with = |cors: &[&str], embed: &[&str]| {
        let origins = |sites: &[&str]| sites.iter().map(|site| site.parse().unwrap()).collect();
        Served::new(Settings {
            token: Some("secret".to_string()),
            cors: origins(cors),
            embed: origins(embed),
            ..Settings::default()
        })
    };
    let options = |served: &Served, origin: &str| {
        let request = agent().options(format!("{}/v1/translate", served.url));
        let request = request
            .header("Origin", origin)
            .header("Access-Control-Request-Method", "POST")
            .header(
                "Access-Control-Request-Headers",
                "authorization,content-type",
            );
        Answer::of(request.call().unwrap())
    };
    let served = with(&[site, "http://localhost:3000"], &[]);
    let answer = options(&served, site);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("access-control-allow-origin"), site);
    for header in ["authorization", "content-type"] {
        let allowed = answer.header("access-control-allow-headers");
        assert!(allowed.contains(header), "{allowed}");
    }
    let other = options(&served, "https://elsewhere.example");
    assert!(!other.headers.contains_key("access-control-allow-origin"));
    // a refusal can be read, and so can what the answer's headers say
    let request = agent().post(format!("{}/v1/translate", served.url));
    let answer = Answer::of(request.header("Origin", site).send(b"x").unwrap());
    answer.problem(401);
    assert_eq!(answer.header("access-control-allow-origin"), site);
    let exposed = answer.header("access-control-expose-headers");
    assert!(
        exposed.contains("pix2pix-clipped") && exposed.contains("retry-after"),
        "{exposed}"
    );
    let any = options(&with(&["*"], &[]), "https://elsewhere.example");
    assert_eq!(any.header("access-control-allow-origin"), "*");
    options(&with(&[], &[]), site).problem(405);

    // frames
    let policy = |served: &Served| {
        get(served, "/")
            .header("content-security-policy")
            .to_string()
    };
    assert!(policy(&with(&[], &[])).ends_with("frame-ancestors 'none'"));
    let framed = policy(&with(&[], &[site, "http://localhost:3000"]));
    assert!(
        framed.ends_with("frame-ancestors 'self' https://www.example.org http://localhost:3000")
    );
}

#[test]
fn a_training_is_told_in_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let training = Arc::new(LiveTraining::new(&folder.path().join("run"), Some(1000)));
    let served = Served::of_training(training.clone());
    assert_eq!(get(&served, "/v1/models").json()["training"], true);
    let told = get(&served, "/v1/training").json();
    assert_eq!((&told["run"], &told["step"]), (&"run".into(), &0.into()));
    get(&served, "/v1/training/sheets/3").problem(404);
    let sheet = pattern(8, 0);
    let path = folder.path().join("sheet.png");
    sheet.save(&path).unwrap();
    let (step, rows) = (3, &[]);
    training.saw(&Event::Sampled {
        step,
        path: &path,
        sheet: &sheet,
        rows,
        pairs: &[],
        outputs: &[],
        held_out: true,
    });
    assert_eq!(
        get(&served, "/v1/training").json()["sheets"],
        serde_json::json!([3])
    );
    let answer = get(&served, "/v1/training/sheets/3");
    assert_eq!(answer.picture().into_rgb8(), sheet);
    for step in ["4", "-3", "..%2f..%2fetc%2fpasswd"] {
        get(&served, &format!("/v1/training/sheets/{step}")).problem(404);
    }
    // a pipe in its place has no end
    #[cfg(unix)]
    {
        std::fs::remove_file(&path).unwrap();
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        get(&served, "/v1/training/sheets/3").problem(404);
    }
    // as it is described
    let document = get(&served, "/openapi.json").json();
    let described = &document["components"]["schemas"]["TrainingInfo"];
    let told = get(&served, "/v1/training").json();
    schema::check(&document, described, &told, "the training");
    let plain = Served::new(Settings::default());
    assert_eq!(get(&plain, "/v1/models").json()["training"], false);
    get(&plain, "/v1/training").problem(404);
}

#[test]
fn a_form_is_a_body_too() {
    let served = Served::new(Settings::default());
    let source = pattern(64, 1);
    let mut body =
        b"--edge\r\nContent-Disposition: form-data; name=\"image\"; filename=\"../../x.png\"\r\n\r\n"
            .to_vec();
    body.extend(png(&source));
    body.extend(b"\r\n");
    let end: &[u8] = b"--edge--\r\n";
    let send = |body: &[u8]| {
        let request = agent().post(format!("{}/v1/translate", served.url));
        Answer::of(
            request
                .content_type("multipart/form-data; boundary=edge")
                .send(body)
                .unwrap(),
        )
    };
    let found = send(&[&body[..], end].concat())
        .picture()
        .into_rgb8()
        .into_raw();
    assert!(found == expected(&served, "one", &source, true, 0));
    assert!(send(end).problem(400).contains("no part named image"));
    send(b"no form").problem(400);
    // a parameter beside the picture is not ignored, wherever it stands
    let seed: &[u8] = b"--edge\r\nContent-Disposition: form-data; name=\"seed\"\r\n\r\n7\r\n";
    for parts in [[&body[..], seed], [seed, &body[..]]] {
        let refused = send(&[parts[0], parts[1], end].concat()).problem(400);
        assert_eq!(
            refused,
            "the form has a part named \"seed\"; it may have one named image alone: parameters stand in the address"
        );
    }
}

#[test]
fn a_packed_body_is_refused() {
    let served = Served::new(Settings::default());
    let file = png(&pattern(64, 0));
    for path in ["/v1/translate", "/v1/preview"] {
        let send = |coding: &str| {
            let request = agent().post(format!("{}{path}", served.url));
            let request = request.header("Content-Encoding", coding);
            Answer::of(request.content_type("image/png").send(&file).unwrap())
        };
        let refused = send("gzip");
        assert_eq!(
            refused.problem(415),
            "the body is packed (Content-Encoding: gzip); send the picture's file as it is"
        );
        assert_eq!(refused.header("accept-encoding"), "identity");
        assert_eq!(send("Identity").status, 200);
    }
}

#[test]
fn models_and_their_examples_are_told() {
    let served = Served::new(Settings::default());
    let models = get(&served, "/v1/models").json();
    let names: Vec<&str> = models["models"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["one", "two"]);
    let one = &models["models"][0];
    assert_eq!(one["size"], serde_json::json!([64, 64]));
    assert_eq!(one["step"], 7);
    assert!(
        one["summary"]
            .as_str()
            .unwrap()
            .contains("encoder.0.conv (Conv2d)")
    );
    let examples = one["examples"].as_array().unwrap();
    assert_eq!(examples.len(), 6);
    let example = get(&served, "/v1/models/one/examples/0")
        .picture()
        .into_rgb8();
    assert_eq!(example.dimensions(), (64, 64));
    // every color of the palette occurs in the training inputs
    let config = &served.models.get(Some("one")).unwrap().translator.config;
    let data = earth::earth();
    let seen: Vec<RgbImage> = [data.val.as_ref().unwrap(), &data.train]
        .into_iter()
        .flat_map(|pairs| (0..pairs.len()).map(|index| pairs.read(index).unwrap()))
        .map(|pair| {
            config
                .jitter
                .still(pair)
                .unwrap()
                .source
                .to_rgb8([0.0, 255.0])
        })
        .collect();
    let palette = one["palette"].as_array().unwrap();
    assert_eq!(palette.len(), 16);
    for color in palette {
        let value = u32::from_str_radix(&color.as_str().unwrap()[1..], 16).unwrap();
        let color = [(value >> 16) as u8, (value >> 8) as u8, value as u8];
        let is_near = |pixel: &Rgb<u8>| color.iter().zip(pixel.0).all(|(a, b)| a.abs_diff(b) <= 8);
        assert!(
            seen.iter()
                .flat_map(|picture| picture.pixels())
                .any(is_near),
            "{color:?}"
        );
    }
}

/// A browser that has a file of the page, the list of models or an example is told so in its place.
#[test]
fn what_has_not_changed_is_sent_once() {
    let served = Served::new(Settings::default());
    for path in ["/", "/main.js", "/v1/models", "/v1/models/one/examples/0"] {
        let tag = get(&served, path).header("etag").to_string();
        let again = |tag: &str| {
            let request = agent().get(format!("{}{path}", served.url));
            Answer::of(request.header("If-None-Match", tag).call().unwrap())
        };
        for known in [tag.clone(), format!("\"other\", W/{tag}"), "*".to_string()] {
            let answer = again(&known);
            assert_eq!((answer.status, answer.bytes.len()), (304, 0), "{path}");
            assert_eq!(answer.header("etag"), tag);
            // and asks each time
            assert_eq!(answer.header("cache-control"), "no-cache");
        }
        let other = again("\"other\"");
        assert!(other.status == 200 && !other.bytes.is_empty(), "{path}");
    }
    // another model in the place of one
    let tag = || get(&served, "/v1/models").header("etag").to_string();
    let before = tag();
    served.models.reload().unwrap();
    assert_eq!(tag(), before);
    let path = served.folder.path().join("one.safetensors");
    save_model(&path, 64, 8, [Domain::RGB8; 2]);
    served.models.reload().unwrap();
    assert_ne!(tag(), before);
}

/// A header carries ASCII; the name itself is in the list of models.
#[test]
fn a_model_may_have_any_name() {
    let served = Served::of(
        Settings::default(),
        &[("fa\u{e7}ade 5%", 64, [Domain::RGB8; 2])],
    );
    let models = get(&served, "/v1/models").json();
    assert_eq!(models["models"][0]["name"], "fa\u{e7}ade 5%");
    let answer = post(&served, "/v1/translate", &png(&pattern(64, 0)));
    assert_eq!(answer.header("pix2pix-model"), "fa%C3%A7ade 5%25");
}

/// The page draws anew when another model has come in the place of one of the same name and step.
#[test]
fn another_model_has_another_digest() {
    let served = Served::new(Settings::default());
    let digest = || get(&served, "/v1/models").json()["models"][0]["digest"].clone();
    let before = digest();
    assert_eq!(before.as_str().unwrap().len(), 64);
    served.models.reload().unwrap();
    assert_eq!(digest(), before);
    let path = served.folder.path().join("one.safetensors");
    let other = Domain {
        channels: 1,
        ..Domain::RGB8
    };
    save_model(&path, 64, 7, [other, Domain::RGB8]);
    served.models.reload().unwrap();
    assert_ne!(digest(), before);
    // a checkpoint elsewhere, in the place of the first
    let elsewhere = served.folder.path().join("elsewhere.safetensors");
    save_model(&elsewhere, 64, 9, [Domain::RGB8; 2]);
    served.models.replace_first(&elsewhere).unwrap();
    let models = get(&served, "/v1/models").json();
    assert_eq!(models["models"][0]["name"], "one");
    assert_eq!(models["models"][0]["step"], 9);
    assert_eq!(models["models"][1]["name"], "two");
}

/// Pictures that are translated together share the time.
#[test]
fn the_times_of_all_pictures_are_no_more_than_what_went_by() {
    let served = Served::new(Settings::default());
    let (large, small) = (png(&pattern(512, 0)), png(&pattern(64, 0)));
    let begun = Instant::now();
    let told = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for file in std::iter::once(&large).chain([&small; 11]) {
            let (served, told) = (&served, &told);
            scope.spawn(move || {
                let answer = post(served, "/v1/translate?model=two", file);
                let (_, millis) = answer.header("server-timing").split_once("dur=").unwrap();
                let micros = millis.parse::<f64>().unwrap() * 1e3;
                told.fetch_add(micros as usize, Ordering::Relaxed);
            });
        }
    });
    let went_by = begun.elapsed().as_secs_f64();
    let told = told.into_inner() as f64 / 1e6;
    let metrics = get(&served, "/metrics");
    let text = String::from_utf8_lossy(&metrics.bytes);
    let sum = text
        .lines()
        .find_map(|line| line.strip_prefix("pix2pix_translation_seconds_sum{model=\"two\"} "));
    let sum: f64 = sum.unwrap().parse().unwrap();
    // told to a tenth of a millisecond
    assert!((sum - told).abs() < 0.01, "{sum} and {told}");
    assert!(sum <= went_by, "{sum} of {went_by}");
}

#[test]
fn what_is_wrong_is_told_as_a_problem() {
    let served = Served::new(Settings {
        body_bytes: 100_000,
        pixels: 200 * 200,
        ..Settings::default()
    });
    let file = png(&pattern(64, 0));
    let translate =
        |query: &str, body: &[u8]| post(&served, &format!("/v1/translate{query}"), body);
    assert!(
        translate("?model=three", &file)
            .problem(404)
            .contains("three")
    );
    assert!(
        translate("?colour=red", &file)
            .problem(400)
            .contains("colour")
    );
    for seed in ["-1", "", "1.5", "18446744073709551616"] {
        let refused = translate(&format!("?seed={seed}"), &file).problem(400);
        let told = format!(
            "the parameters: seed: \"{seed}\" is not a whole number from 0 to 18446744073709551615"
        );
        assert_eq!(refused, told);
    }
    let largest = translate("?seed=18446744073709551615", &file);
    assert_eq!(largest.status, 200);
    for (query, told) in [
        (
            "format=gif",
            "format: \"gif\" is not known; choose png, tiff, npy, jpeg or webp",
        ),
        (
            "dropout=maybe",
            "dropout: \"maybe\" is not known; choose on or off",
        ),
        ("display=", "display: \"\" is not known; choose on or off"),
        (
            "scale=half",
            "scale: \"half\" is not known; choose native or train",
        ),
    ] {
        let refused = translate(&format!("?{query}"), &file).problem(400);
        assert_eq!(refused, format!("the parameters: {told}"));
    }
    assert!(
        translate("", b"no picture")
            .problem(422)
            .contains("not a JPEG, PNG")
    );
    translate("", b"").problem(422);
    translate("", &file[..file.len() / 2]).problem(422);
    for name in ["u8.nii", "two.nii.gz"] {
        let volumes =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../pix2pix/tests/fixtures/volumes");
        let volume = std::fs::read(volumes.join(name)).unwrap();
        let refused = translate("", &volume).problem(422);
        assert!(
            refused.contains("a volume, and this server translates single pictures"),
            "{refused}"
        );
    }
    let pages =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../pix2pix/tests/fixtures/pictures/pages.tif");
    let refused = translate("", &std::fs::read(pages).unwrap()).problem(422);
    assert!(
        refused.contains("a TIFF file with") && refused.contains("send page by page"),
        "{refused}"
    );
    assert!(!refused.contains("`pages`"), "{refused}");
    assert!(
        translate("", &vec![0; 100_001])
            .problem(413)
            .contains("more than 100000 bytes; send a smaller file")
    );
    let large = RgbImage::from_pixel(201, 200, Rgb([0; 3]));
    assert!(
        translate("", &png(&large))
            .problem(413)
            .contains("201x200 pixels, and this server accepts at most 40000; shrink it")
    );
    get(&served, "/v1/translate").problem(405);
    get(&served, "/v1/models/one/examples/99").problem(404);
    get(&served, "/v1/models/three/examples/0").problem(404);
    get(&served, "/v1/models/one/examples/-1").problem(404);
    // bytes that are no text
    get(&served, "/v1/models/%ff/examples/0").problem(404);
    // no path reaches a file of the machine
    for path in [
        "/../Cargo.toml",
        "/v1/models/..%2f..%2fetc%2fpasswd/examples/0",
        "/page/main.js",
        "/%2e%2e/x",
    ] {
        get(&served, path).problem(404);
    }
}

#[test]
fn every_answer_is_guarded_and_none_is_for_other_sites() {
    let served = Served::new(Settings::default());
    for path in ["/", "/main.js", "/v1/models", "/healthz", "/nothing"] {
        let request = agent().get(format!("{}{path}", served.url));
        let answer = Answer::of(
            request
                .header("Origin", "http://elsewhere.example")
                .call()
                .unwrap(),
        );
        let policy = answer.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'") && !policy.contains("unsafe"),
            "{path}"
        );
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert!(
            !answer.headers.contains_key("access-control-allow-origin"),
            "{path}"
        );
    }
    let page = String::from_utf8(get(&served, "/").bytes).unwrap();
    assert!(
        page.contains("src=\"main.js\"") && !page.contains("style=") && !page.contains("onclick")
    );
}

/// DNS rebinding: requests under another site's name are refused.
#[test]
fn a_server_for_this_machine_answers_to_its_own_name() {
    let served = Served::new(Settings::default());
    let ask = |served: &Served, host: &str| {
        let request = agent().get(format!("{}/v1/models", served.url));
        Answer::of(request.header("Host", host).call().unwrap())
    };
    let said = ask(&served, "evil.example:8080").problem(403);
    assert!(
        said.contains("evil.example") && said.contains("add its name"),
        "{said}"
    );
    assert_eq!(ask(&served, "localhost:8080").status, 200);
    // which has no options of a server
    let folder = tempfile::tempdir().unwrap();
    let training = Arc::new(LiveTraining::new(&folder.path().join("run"), Some(1000)));
    let said = ask(&Served::of_training(training), "evil.example").problem(403);
    assert!(said.contains("open the page on this machine"), "{said}");
}

#[test]
fn a_token_guards_the_api_and_nothing_else() {
    let served = Served::new(Settings {
        token: Some("secret".to_string()),
        ..Settings::default()
    });
    let ask = |header: Option<&str>| {
        let mut request = agent().get(format!("{}/v1/models", served.url));
        if let Some(value) = header {
            request = request.header("Authorization", value);
        }
        Answer::of(request.call().unwrap())
    };
    for wrong in [
        None,
        Some("Bearer secre"),
        Some("Bearer secrets"),
        Some("secret"),
        Some("Basic secret"),
    ] {
        let answer = ask(wrong);
        answer.problem(401);
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    assert_eq!(ask(Some("Bearer secret")).status, 200);
    post(&served, "/v1/translate", &png(&pattern(64, 0))).problem(401);
    for open in ["/", "/healthz", "/readyz", "/metrics", "/openapi.json"] {
        assert_eq!(get(&served, open).status, 200, "{open}");
    }
}

/// A client built from the document alone: its paths, parameters and responses are those of the server.
#[test]
fn the_openapi_document_is_the_api() {
    let served = Served::new(Settings::default());
    let document = get(&served, "/openapi.json").json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3."));
    let file = png(&pattern(64, 0));
    let mut called = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let filled = path.replace("{model}", "one").replace("{index}", "0");
            let parameters = operation["parameters"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            let query: Vec<String> = parameters
                .iter()
                .filter(|parameter| parameter["in"] == "query")
                .map(|parameter| {
                    let name = parameter["name"].as_str().unwrap();
                    let schema = &parameter["schema"];
                    let value = match (name, schema["enum"].as_array()) {
                        ("model", _) => "one".to_string(),
                        (_, Some(values)) => values[values.len() - 1].as_str().unwrap().to_string(),
                        _ => "3".to_string(),
                    };
                    format!("{name}={value}")
                })
                .collect();
            let url = format!("{filled}?{}", query.join("&"));
            let url = url.trim_end_matches('?');
            let answer = match method.as_str() {
                "get" => get(&served, url),
                "post" => post(&served, url, &file),
                other => panic!("a {other}"),
            };
            let told = &operation["responses"][answer.status.to_string()];
            assert!(
                told.is_object() && answer.status == 200,
                "{method} {url}: {}",
                answer.status
            );
            let kind = answer.header("content-type").split(';').next().unwrap();
            let described = &told["content"][kind]["schema"];
            assert!(described.is_object(), "{method} {url}: {kind}");
            if kind == "application/json" {
                schema::check(&document, described, &answer.json(), url);
            }
            for name in answer.headers.keys().map(|name| name.as_str()) {
                let is_own = name.starts_with("pix2pix-") || name == "server-timing";
                let is_told = told["headers"][name].is_object();
                assert!(!is_own || is_told, "{method} {url}: {name}");
            }
            called += 1;
        }
    }
    assert_eq!(called, 7);
    // a client sends and gets the bytes of a picture, and no list of numbers
    let is_bytes = |content: &Value| {
        let schema = &content["schema"]["$ref"];
        let schema = document.pointer(schema.as_str().unwrap().trim_start_matches('#'));
        let schema = schema.unwrap();
        schema["type"] == "string" && schema["format"] == "binary"
    };
    for (path, method, status) in [
        ("/v1/translate", "post", "200"),
        ("/v1/preview", "post", "200"),
        ("/v1/models/{model}/examples/{index}", "get", "200"),
    ] {
        let operation = &document["paths"][path][method];
        let bodies = ["requestBody", "responses"].map(|part| match part {
            "responses" => &operation[part][status]["content"],
            part => &operation[part]["content"],
        });
        for (kind, content) in bodies.iter().filter_map(|body| body.as_object()).flatten() {
            assert!(
                kind == "multipart/form-data" || is_bytes(content),
                "{path}: {kind}"
            );
        }
    }
    // beside the document, wherever a proxy shows it
    assert_eq!(document["servers"], serde_json::json!([{ "url": "." }]));
    let refused = get(&served, "/v1/models/one/examples/99");
    let problem = &document["components"]["schemas"]["Problem"];
    schema::check(&document, problem, &refused.json(), "a problem");
    let translate = &document["paths"]["/v1/translate"]["post"];
    let parameters = translate["parameters"].as_array().unwrap();
    let names: Vec<&str> = parameters
        .iter()
        .map(|p| p["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["model", "seed", "dropout", "scale", "format", "display"]
    );
    for status in [
        "400", "401", "403", "404", "408", "413", "415", "422", "429", "503",
    ] {
        assert!(
            translate["responses"][status]["content"]["application/problem+json"].is_object(),
            "{status}"
        );
    }
}

/// A result is bit-identical, regardless of concurrent requests.
#[test]
fn results_do_not_depend_on_who_else_is_waiting() {
    let served = Served::new(Settings::default());
    let alone: Vec<Vec<u8>> = (0..8)
        .map(|index| {
            post(
                &served,
                &format!("/v1/translate?seed={index}"),
                &png(&pattern(64, index)),
            )
            .bytes
        })
        .collect();
    let served = &served;
    std::thread::scope(|scope| {
        for (index, alone) in (0..).zip(&alone) {
            scope.spawn(move || {
                let file = png(&pattern(64, index));
                for _ in 0..5 {
                    let answer = post(served, &format!("/v1/translate?seed={index}"), &file);
                    assert!(answer.bytes == *alone, "{index}");
                }
            });
        }
    });
    assert!(alone[0] != alone[1]);
}

#[test]
fn the_load_test_counts_what_it_sends() {
    let served = Served::new(Settings::default());
    let picture = served.folder.path().join("picture.png");
    pattern(64, 1).save(&picture).unwrap();
    let test = std::env::current_exe().unwrap();
    let built = test.parent().unwrap().parent().unwrap();
    // `cargo test` has built the example
    let run = Command::new(built.join("examples/load_test"))
        .arg(format!("{}/v1/translate?seed=1", served.url))
        .arg(&picture)
        .args(["2", "10", "60"])
        .output()
        .unwrap();
    let counted: Value = serde_json::from_slice(&run.stdout).unwrap();
    let counts = ["right", "refused", "wrong"].map(|name| counted[name].as_u64().unwrap());
    assert_eq!(counts, [10, 0, 0], "{counted}");
    let counters = get(&served, "/metrics");
    // and the one that the others are compared with
    assert_eq!(metric(&counters, "pix2pix_translation_seconds_count"), 11);
}

/// A full queue refuses without waiting: each response is correct, or a 503 with the seconds to wait.
#[test]
fn overload_is_refused_at_once() {
    let served = Served::new(Settings {
        waiting: 2,
        uploads: 4,
        ..Settings::default()
    });
    // a large picture keeps the translation thread busy
    let file = png(&pattern(512, 0));
    let right = post(&served, "/v1/translate", &file).bytes;
    let (taken, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                for _ in 0..5 {
                    let answer = post(&served, "/v1/translate", &file);
                    if answer.status == 200 {
                        assert!(answer.bytes == right);
                        taken.fetch_add(1, Ordering::Relaxed);
                    } else {
                        answer.problem(503);
                        let seconds: u64 = answer.header("retry-after").parse().unwrap();
                        assert!((1..60).contains(&seconds));
                        refused.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let (taken, refused) = (taken.into_inner(), refused.into_inner());
    assert_eq!(taken + refused, 100);
    assert!(
        taken >= 2 && refused >= 10,
        "{taken} taken, {refused} refused"
    );
}

fn connected(served: &Served) -> TcpStream {
    let stream = TcpStream::connect(served.url.trim_start_matches("http://")).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    stream
}

/// Clients that send single bytes slowly (slowloris) are disconnected.
#[test]
fn slow_clients_are_sent_away() {
    let served = Served::new(Settings {
        patience: Duration::from_secs(1),
        uploads: 1,
        ..Settings::default()
    });
    let slow = |start: &str| {
        let mut stream = connected(&served);
        stream.write_all(start.as_bytes()).unwrap();
        let begun = Instant::now();
        let mut writer = stream.try_clone().unwrap();
        std::thread::spawn(move || {
            while writer.write_all(b"x").is_ok() {
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer); // a reset also ends the connection
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "the connection stays open"
        );
        String::from_utf8_lossy(&answer).into_owned()
    };
    slow("GET /v1/models HTTP/1.1\r\nHost: localhost\r\nX-Slow: ");
    let answer =
        slow("POST /v1/translate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    // the only upload permit is free again
    assert_eq!(
        post(&served, "/v1/translate", &png(&pattern(64, 0))).status,
        200
    );
}

/// Requests whose client has disconnected are skipped.
#[test]
fn work_of_clients_that_are_gone_is_dropped() {
    let served = Served::new(Settings::default());
    let file = png(&pattern(1024, 0));
    let number = |name: &str| metric(&get(&served, "/metrics"), name);
    for _ in 0..6 {
        let mut stream = connected(&served);
        let head = format!(
            "POST /v1/translate HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n",
            file.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&file).unwrap();
    } // each connection closes without waiting
    wait_until("six dropped requests", || {
        number("pix2pix_dropped_total ") == 6
    });
    let translated = number("pix2pix_translation_seconds_count");
    assert!(translated <= 3, "{translated} were translated for nobody");
    assert_eq!(
        post(&served, "/v1/translate", &png(&pattern(64, 0))).status,
        200
    );
}

/// How long something that happens soon may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for something that happens soon.
fn wait_until(what: &str, mut happened: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !happened() {
        assert!(begun.elapsed() < PATIENCE, "waited for {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_stop_finishes_what_is_accepted() {
    let served = Served::new(Settings::default());
    let file = png(&pattern(512, 0));
    let url = &served.url;
    std::thread::scope(|scope| {
        let waiting: Vec<_> = (0..6)
            .map(|_| {
                scope.spawn(|| {
                    let answer = Answer::of(
                        agent()
                            .post(format!("{url}/v1/translate"))
                            .send(&file)
                            .unwrap(),
                    );
                    answer.status
                })
            })
            .collect();
        // wait until all six are accepted: in the queue or answered
        let accepted = || {
            let metrics = get(&served, "/metrics");
            let answered = r#"pix2pix_requests_total{route="/v1/translate""#;
            metric(&metrics, "pix2pix_waiting ") + metric(&metrics, answered)
        };
        wait_until("six accepted requests", || accepted() >= 6);
        assert_eq!(get(&served, "/readyz").status, 200);
        served.stop.gracefully();
        // who sends requests here is told by a new connection, too
        get(&served, "/readyz").problem(503);
        assert_eq!(get(&served, "/healthz").status, 200);
        for answer in waiting {
            assert_eq!(answer.join().unwrap(), 200);
        }
    });
    let address = served.url.trim_start_matches("http://").to_string();
    served.ended();
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_reload_loses_no_request() {
    let served = Served::new(Settings::default());
    let file = png(&pattern(64, 0));
    let done = AtomicBool::new(false);
    // answers that each client had by the old and by the new model
    let seen: [[AtomicUsize; 2]; 4] = Default::default();
    let before = post(&served, "/v1/translate", &file).bytes;
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|client| {
                let (served, file, done, before, seen) = (&served, &file, &done, &before, &seen);
                scope.spawn(move || {
                    // and an end where the test has failed
                    while !done.load(Ordering::Relaxed) && begun.elapsed() < 5 * PATIENCE {
                        let answer = post(served, "/v1/translate", file);
                        assert_eq!(answer.status, 200);
                        let step = answer.header("pix2pix-step").to_string();
                        assert_eq!(answer.bytes == *before, step == "7", "step {step}");
                        seen[client][usize::from(step != "7")].fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        // every client is answered by one model, then by the other
        let answered = |model: usize| {
            let counts = seen
                .iter()
                .map(|counts| counts[model].load(Ordering::Relaxed));
            counts.min().unwrap()
        };
        wait_until("answers by the old model", || answered(0) > 0);
        let path = served.folder.path().join("one.safetensors");
        save_model(&path, 64, 8, [Domain::RGB8; 2]);
        served.models.reload().unwrap();
        wait_until("answers by the new model", || answered(1) > 0);
        // a checkpoint that cannot be loaded changes nothing
        std::fs::write(&path, b"damaged").unwrap();
        assert!(served.models.reload().is_err());
        let before_damage = answered(1);
        wait_until("answers after that", || answered(1) > before_damage);
        done.store(true, Ordering::Relaxed);
        for client in clients {
            client.join().unwrap();
        }
    });
    assert_eq!(get(&served, "/v1/models").json()["models"][0]["step"], 8);
}

/// Fuzzing with fixed seeds, so that a failure can be reproduced.
#[test]
fn ten_thousand_damaged_bodies_are_answered() {
    let served = Served::new(Settings {
        pixels: 1 << 16,
        ..Settings::default()
    });
    let source = DynamicImage::ImageRgb8(pattern(64, 0));
    let mut files: Vec<Vec<u8>> = [
        ImageFormat::Png,
        ImageFormat::Jpeg,
        ImageFormat::WebP,
        ImageFormat::Bmp,
    ]
    .into_iter()
    .map(|format| {
        let mut bytes = Cursor::new(Vec::new());
        source.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    })
    .collect();
    for format in [Format::Tiff, Format::Npy] {
        let path = served.folder.path().join("picture");
        picture::write(&path, &Picture::from(pattern(64, 0)), format).unwrap();
        files.push(std::fs::read(path).unwrap());
    }
    let counts: [AtomicUsize; 2] = Default::default();
    std::thread::scope(|scope| {
        for client in 0..4u64 {
            let (files, counts, url) = (&files, &counts, format!("{}/v1/translate", served.url));
            scope.spawn(move || {
                let agent = agent();
                for seed in (client..10_000).step_by(4) {
                    let mut random = ChaCha8Rng::seed_from_u64(seed);
                    let mut file = files[(seed / 4) as usize % files.len()].clone();
                    if random.random_range(0..4) == 0 {
                        file.truncate(random.random_range(0..file.len()));
                    }
                    for _ in 0..random.random_range(1..=8) {
                        // half of the mutations hit the first 64 bytes, where headers are
                        let end = if random.random() {
                            file.len()
                        } else {
                            file.len().min(64)
                        };
                        if end > 0 {
                            let at = random.random_range(0..end);
                            file[at] = random.random();
                        }
                    }
                    let answer = Answer::of(agent.post(&url).send(&file).unwrap());
                    match answer.status {
                        200 => counts[0].fetch_add(1, Ordering::Relaxed),
                        413 | 422 => counts[1].fetch_add(1, Ordering::Relaxed),
                        other => panic!(
                            "mutation {seed}: {other} {}",
                            String::from_utf8_lossy(&answer.bytes)
                        ),
                    };
                }
            });
        }
    });
    let [taken, refused] = counts.map(AtomicUsize::into_inner);
    assert!(
        taken > 1000 && refused > 1000,
        "{taken} taken, {refused} refused"
    );
    assert_eq!(get(&served, "/healthz").status, 200);
}
