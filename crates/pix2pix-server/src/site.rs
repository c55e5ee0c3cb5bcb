//! A site of static files: the page, a model, and the program that runs it in the visitor's browser.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use pix2pix::data::labels::Stored;
use pix2pix::data::picture::Depth;
use pix2pix::data::{Domain, sha256};
use pix2pix::{Error, atomic_file};
use serde_json::json;

use crate::encoding::Encoding;
use crate::models::{EXAMPLES, Model};
use crate::page;
use crate::settings::Words;

/// The end of the page that runs models in the browser: it takes the place of the server's `api.js`.
const LOCAL: &str = include_str!("../site/local.js");
/// A service worker that lets the page use several threads.
const ISOLATE: &str = include_str!("../site/isolate.js");
/// The files of the module: its caller and its threads in JavaScript, and the compiled runtime for one thread and for several.
pub const MODULE: [&str; 4] = [
    "index.js",
    "worker.js",
    "pix2pix.wasm",
    "pix2pix-threads.wasm",
];

/// Writes the site to a folder: the files of the page, `models.json`, the examples, and the module with its
/// [files](MODULE). The model's weights are there already, in `weights`, a file of the folder.
///
/// # Errors
/// When a file cannot be written.
pub fn write(
    folder: &Path,
    model: &Model,
    weights: &str,
    module: [&[u8]; MODULE.len()],
    words: &Words,
) -> Result<(), Error> {
    for (path, content) in page::files(words) {
        let content = match path {
            "api.js" => LOCAL.to_string(),
            "index.html" => with_needs(&with_policy(&content)),
            _ => content,
        };
        atomic_file::write_own(&folder.join(path), content.as_bytes())?;
    }
    atomic_file::write_own(&folder.join("isolate.js"), ISOLATE.as_bytes())?;
    let engine = folder.join("engine");
    atomic_file::create_folder(&engine)?;
    for (name, content) in MODULE.into_iter().zip(module) {
        atomic_file::write_own(&engine.join(name), content)?;
    }
    let examples = folder.join("examples");
    atomic_file::create_folder(&examples)?;
    for index in 0..EXAMPLES {
        let file = examples.join(format!("{index}.png"));
        match model.examples.get(index) {
            Some(example) => atomic_file::write_own(&file, example.file.content())?,
            None => remove(&file)?,
        }
    }
    // another model has another address, so that no browser keeps the old one
    let digest = sha256::of_file(&folder.join(weights), "read the model")?;
    let list = list(model, &format!("{weights}?v={}", &digest[..16]));
    atomic_file::write_own(&folder.join("models.json"), list.as_bytes())
}

/// Removes a picture of the data of another model, whose site was in the folder: it would be published with this one.
fn remove(file: &Path) -> Result<(), Error> {
    match fs::remove_file(file) {
        Err(e) if e.kind() != ErrorKind::NotFound => {
            Err(Error::io(file, "remove the old example", e))
        }
        _ => Ok(()),
    }
}

/// The list of models, as the server's API gives it, with the file of each. Results are renderings in 8 bits.
fn list(model: &Model, address: &str) -> String {
    let mut info = model.info.clone();
    let source = &model.translator.config.source;
    (info.format, info.plain) = (Encoding::Png, true);
    // of other pictures than label maps, the browser shows what the server would
    info.plain_source = source.labels.is_none();
    let mut entry = json!(info);
    entry["file"] = json!(address);
    entry["upper_bits"] = json!(upper_bits(source));
    let stored = source.labels.as_ref().map(|labels| labels.stored);
    entry["by_id"] = json!(stored == Some(Stored::Ids));
    json!({ "models": [entry], "training": false }).to_string()
}

/// Whether the upper 8 bits of a picture of 16, which a browser keeps, are the picture: neither the classes of a label map are,
/// nor values over a part of the 16 bits.
fn upper_bits(source: &Domain) -> bool {
    source.labels.is_none() && source.range_of(Depth::U16) == Depth::U16.range().into()
}

/// The page with what it needs to work, which its scripts remove: a browser runs none of them that come from a disk.
fn with_needs(html: &str) -> String {
    let served = "This page needs JavaScript.";
    let needs = "This page needs JavaScript and a web server. On this machine, type python3 -m http.server 8000 in its \
                 folder, and open http://localhost:8000/.";
    html.replacen(served, needs, 1)
}

/// The page with what it may do where no server says so: besides its own files, a worker of its own and WebAssembly.
fn with_policy(html: &str) -> String {
    let charset = "<meta charset=\"utf-8\">";
    let policy = format!(
        "{}; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'",
        page::OWN_ONLY
    );
    let policy =
        format!("{charset}\n<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">");
    html.replacen(charset, &policy, 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pix2pix::data::labels::{Class, Labels};

    #[test]
    fn sixteen_bits_are_known_by_their_upper_eight_where_the_range_is_theirs() {
        let of = |depth: Depth, range: [f32; 2]| Domain {
            depth,
            range: range.into(),
            ..Domain::RGB8
        };
        for (depth, range, is) in [
            (Depth::U8, [0.0, 255.0], true),
            (Depth::U16, [0.0, 65535.0], true),
            (Depth::U16, [0.0, 4095.0], false),
            (Depth::F32, [0.0, 4095.0], false),
        ] {
            assert_eq!(upper_bits(&of(depth, range)), is, "{depth} {range:?}");
        }
        let class = |level: u8| Class {
            name: String::new(),
            color: [level; 3],
        };
        let labels = Labels {
            stored: Stored::Ids,
            classes: vec![class(0), class(255)],
        };
        assert!(!upper_bits(&Domain::of_labels(labels)));
    }

    #[test]
    fn the_page_says_what_it_needs_and_what_it_may() {
        let words = Words::default();
        let mut files = page::files(&words);
        let (_, html) = files.find(|(path, _)| *path == "index.html").unwrap();
        let site = with_needs(&with_policy(&html));
        for new in ["and a web server", "Content-Security-Policy"] {
            assert!(!html.contains(new) && site.contains(new), "{new}");
        }
    }
}
