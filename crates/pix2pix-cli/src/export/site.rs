//! `pix2pix export --format web`: a site of static files.

use std::fs;
use std::path::{Path, PathBuf};

use pix2pix::data::picture::conversion;
use pix2pix::exchange::Rounding;
use pix2pix::model::Checkpoint;
use pix2pix::{Error, atomic_file, regular_file};
use pix2pix_server::models::Model;
use pix2pix_server::settings::Words;
use pix2pix_server::{Models, site};

use crate::failure::Failure;
use crate::output::say;
use crate::paths::{Plain, word};

/// The name of the model in the folder of a site.
pub const MODEL: &str = "model.safetensors";

/// Where the module is, from the folder of the program: beside it in a release, in `share` of an installation, and in a clone
/// where `tools/build_web` leaves it.
const PLACES: [&str; 3] = ["web", "../share/pix2pix/web", "../web/npm"];

/// Channels of a browser's canvas: red, green, blue and alpha.
const CANVAS: usize = 4;

/// Options of the web format.
#[derive(clap::Args)]
#[command(next_help_heading = "Web")]
pub struct SiteArgs {
    /// Folder of the npm package, which tools/build_web makes and releases have [default: that of this program]
    #[arg(long, value_name = "FOLDER")]
    module: Option<PathBuf>,
    /// Title of the page [default: pix2pix]
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// Text above the drawing board; an empty line begins a paragraph [default: none]
    #[arg(long, value_name = "TEXT")]
    intro: Option<String>,
}

impl SiteArgs {
    /// An option that was given.
    pub fn given(&self) -> Option<&'static str> {
        let options = [
            ("--module", self.module.is_some()),
            ("--title", self.title.is_some()),
            ("--intro", self.intro.is_some()),
        ];
        options
            .into_iter()
            .find(|(_, is)| *is)
            .map(|(name, _)| name)
    }

    /// Writes the site of a checkpoint, whose file is `path` and which `models` loads too.
    ///
    /// # Errors
    /// When no browser can run it, the module is not there, or a file cannot be written.
    pub fn export(
        self,
        (checkpoint, path): (&Checkpoint, &Path),
        weights: Rounding,
        models: &Models,
        out: &Path,
    ) -> Result<(), Failure> {
        models.reload()?;
        let model = models.get(None).expect("it was loaded");
        check(&model, path)?;
        let module = self.module()?;
        atomic_file::create_folder(out)?;
        atomic_file::check_own(&out.join(MODEL))?;
        checkpoint.save_rounded(&out.join(MODEL), weights)?;
        let words = Words::default();
        let words = Words {
            title: self.title.unwrap_or(words.title),
            intro: self.intro.unwrap_or(words.intro),
            ..words
        };
        let module = module.each_ref().map(Vec::as_slice);
        site::write(out, &model, MODEL, module, &words)?;
        say(&format!(
            "{}: the page and the model, {:.1} MB. Put the folder on any web host. To try it here, type:\n  \
             python3 -m http.server --directory {} 8000      # then open http://localhost:8000/\n",
            out.plain(),
            size(out) as f64 / 1e6,
            word(out),
        ));
        if model.examples.is_empty() {
            let data = &checkpoint.config.data;
            say(&format!(
                "note: the page has no examples: the pairs of the training are not found ({data})\n"
            ));
        }
        Ok(())
    }

    /// The files of the module.
    fn module(&self) -> Result<[Vec<u8>; site::MODULE.len()], Failure> {
        let folder = match &self.module {
            Some(folder) => folder.clone(),
            None => found().ok_or_else(|| {
                Failure::Runtime(
                    "this program has no WebAssembly module beside it: build it with tools/build_web in a clone of the \
                     project, and give its folder with --module"
                        .to_string(),
                )
            })?,
        };
        let mut files = site::MODULE.map(|_| Vec::new());
        for (content, name) in files.iter_mut().zip(site::MODULE) {
            let file = folder.join(name);
            *content = regular_file::read(&file).map_err(|e| {
                let remedy = "give the folder that tools/build_web made";
                Error::file(&file, e.to_string(), remedy)
            })?;
        }
        Ok(files)
    }
}

/// Checks that the model translates what a browser's canvas holds to what it can show.
///
/// # Errors
/// Says which channels the model has that a canvas does not.
fn check(model: &Model, path: &Path) -> Result<(), Error> {
    let config = &model.translator.config;
    let [source, target] = [&config.source, &config.target].map(|domain| domain.channels);
    let reason = if !model.info.drawable {
        let unlike = match config.neighbors {
            0 => "and a drawing in a browser has 1 or 3",
            _ => "those of a slice and its neighbors, which a drawing in a browser has not",
        };
        format!("its sources have {source} channels, {unlike}")
    } else if conversion(target, CANVAS).is_err() {
        format!(
            "its targets have {target} channels, and a picture in a browser has {CANVAS} at most"
        )
    } else {
        return Ok(());
    };
    Err(Error::file(
        path,
        reason,
        "choose another --format, or use `pix2pix serve`, whose page opens files of any channels",
    ))
}

/// The folder of the module that came with this program.
fn found() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let program = fs::canonicalize(program).ok()?;
    let folder = program.parent()?;
    let mut places = PLACES.iter().map(|place| folder.join(place));
    places.find(|place| site::MODULE.iter().all(|file| place.join(file).is_file()))
}

/// Bytes of all files in a folder.
fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(found) if found.is_dir() => size(&entry.path()),
        Ok(found) => found.len(),
        Err(_) => 0,
    });
    sizes.sum()
}
