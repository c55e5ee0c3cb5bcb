//! What the targets share: each gives a fuzzer's bytes to a reader of the library. A panic, an abort, more memory or more
//! time than libFuzzer allows is a fault; an error is none.

use std::fs;
use std::path::{Path, PathBuf};

use axum::body::Body;
use axum::http::Request;
use pix2pix::RunConfig;
use pix2pix::data::picture::{self, Content, Format, Header, Metadata, Page};
use pix2pix::data::{Dataset, Options};
use pix2pix::exchange::import;
use pix2pix::model::Checkpoint;
use pix2pix_server::api::image_of_form;

/// Pictures of the network's tests have up to this many pixels; larger ones take the time without finding more.
const PIXELS: u64 = 1 << 16;

/// Reads the header of a picture of any format.
pub fn header(bytes: &[u8]) {
    let content = Content::Memory(bytes.into());
    for page in [Page::Only, Page::At(1), Page::Channels] {
        let _ = Header::read(Path::new("picture"), &content, page);
    }
    picture::pages(&content);
}

/// Decodes a picture of this format, and reads what else the file says.
pub fn decoded(format: Format, bytes: &[u8]) {
    let (path, content) = (Path::new("picture"), Content::Memory(bytes.into()));
    if content.starts().ok().and_then(|start| Format::guess(&start)) != Some(format) {
        return;
    }
    let Ok(header) = Header::read(path, &content, Page::Channels) else {
        return;
    };
    if header.pixels() > PIXELS || header.channels > 16 {
        return;
    }
    if let Ok((picture, _)) = picture::decode_page(path, &content, Page::Channels) {
        assert_eq!(
            (picture.size(), picture.channels()),
            (header.size, header.channels)
        );
    }
    Metadata::read(&content, format, Page::Channels, header.channels);
}

/// A file in memory with this ending; every process has its own.
fn file(ending: &str, bytes: &[u8]) -> PathBuf {
    let name = format!("pix2pix-fuzz-{}", std::process::id());
    let folder = Path::new("/dev/shm").join(name);
    fs::create_dir_all(&folder).expect("a folder in memory");
    let path = folder.join("file").with_extension(ending);
    fs::write(&path, bytes).expect("a file in memory");
    path
}

/// Reads a checkpoint and its networks.
pub fn checkpoint(bytes: &[u8]) {
    let path = file("safetensors", bytes);
    let _ = Checkpoint::load(&path).and_then(|checkpoint| checkpoint.check(&path));
}

/// Imports the weights of another program.
pub fn weights(ending: &str, bytes: &[u8]) {
    let _ = import::of_files(&[file(ending, bytes)], &import::Options::default());
}

/// Opens a data set that is one file, and reads its first pair.
pub fn data(ending: &str, bytes: &[u8]) {
    if let Ok(data) = Dataset::open(&file(ending, bytes), &Options::default()) {
        let _ = data.train.headers(0);
    }
}

/// Reads and checks the configuration of a run.
pub fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(config) = toml::from_str::<RunConfig>(text) {
        let _ = config.validate();
    }
}

/// Reads a form that a browser sends.
pub fn form(bytes: &[u8]) {
    let kind = "multipart/form-data; boundary=edge";
    let request = Request::builder().header("content-type", kind);
    let request = request.body(Body::from(bytes.to_vec())).expect("a request");
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("a runtime without drivers");
    let _ = runtime.block_on(image_of_form(request, 1 << 20));
}
