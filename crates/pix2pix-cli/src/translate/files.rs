//! Files: each is translated, and written to the folder of the results.

use std::cell::Cell;
use std::path::{Path, PathBuf};

use pix2pix::data::Domain;
use pix2pix::data::passed_over;
use pix2pix::report::{Gallery, gallery};
use pix2pix::{Error, Translator};

use super::args::{Args, OnFailure};
use super::inputs::{self, Named};
use super::parts::{Part, parts};
use super::setup::Setup;
use super::shown::Shown;
use super::{deviation, pictures, slices};
use crate::direction;
use crate::failure::Failure;
use crate::flags;
use crate::output::{say, tell};
use crate::output_folder::remove_unfinished;
use crate::paths::Plain;
use crate::result_file::check_names;
use crate::words::count;

/// A part of an input that becomes one file, or two with its deviation.
struct Job<'a> {
    /// Its name in the folder of the results, without ending.
    name: PathBuf,
    files: &'a [PathBuf],
    part: Part,
}

/// Translates all inputs into the folder `out`. `load` reads the model, after the inputs have been found.
///
/// # Errors
/// If the inputs cannot be found, the model cannot be read, or an input is not translated: with `--on-error skip`, after all
/// others are.
pub fn run(
    args: &Args,
    out: &Path,
    load: impl FnOnce() -> Result<Translator, Error>,
) -> Result<(), Failure> {
    if args.gallery {
        check_names(&[(out.join(gallery::NAME), gallery::is_gallery)])?;
    }
    let (inputs, passed_over) = inputs::find(&args.input, out, args.stack)?;
    if args.samples.is_some() {
        deviation::check_names(&inputs)?;
    }
    if let Some(files) = passed_over::summary(&passed_over).filter(|_| !args.quiet) {
        say(&format!("{files}\n"));
    }
    let translator = load()?;
    translator.check(&args.options())?;
    if args.samples.is_some() {
        translator.check_samples(&args.options())?;
    }
    let of_side = direction::of_pictures(
        inputs.values().map(|files| files[0].as_path()),
        translator.config.direction,
    );
    if let Some(note) = of_side.filter(|_| !args.quiet) {
        say(&format!("{note}\n"));
    }
    let setup = Setup {
        args,
        translator: &translator,
        scale_told: &Cell::new(false),
    };
    let jobs = jobs(setup, &inputs);
    // pages and deviations add names; those of the inputs have been checked
    if jobs.len() > inputs.len() || args.samples.is_some() {
        let results = jobs.iter().flat_map(|job| {
            let beside = args.samples.map(|_| deviation::place(&job.name));
            let names = [job.name.clone()].into_iter().chain(beside);
            names.map(|name| (name, job.files))
        });
        inputs::check_results(results, out)?;
    }
    let mut gallery = args.gallery.then(|| empty_gallery(setup, &jobs));
    remove_unfinished(inputs.keys().map(|name| out.join(name)));
    let mut skipped = 0;
    for job in &jobs {
        match translate(setup, job, out, gallery.as_mut()) {
            Ok(text) if !args.quiet => say(&text),
            Ok(_) => {}
            Err(error) if args.on_error == OnFailure::Skip && !error.is_of_system() => {
                tell(&format!("skipped: {}", flags::named(&error.to_string())));
                skipped += 1;
            }
            Err(error) => return Err(error.into()),
        }
    }
    if let Some(gallery) = gallery.filter(|gallery| !gallery.is_empty()) {
        write_gallery(setup, gallery, out)?;
    }
    match skipped {
        0 => Ok(()),
        1 => Err(Failure::Runtime("1 picture was skipped".to_string())),
        count => Err(Failure::Runtime(format!("{count} pictures were skipped"))),
    }
}

/// The parts of all inputs.
fn jobs<'a>(setup: Setup, inputs: &'a Named) -> Vec<Job<'a>> {
    let Setup {
        args, translator, ..
    } = setup;
    let pages = args.pages.or(translator.config.pages);
    let mut jobs = Vec::new();
    for (name, files) in inputs {
        let parts = parts(name, &files[0], pages, &translator.config);
        jobs.extend(
            parts
                .into_iter()
                .map(|(name, part)| Job { name, files, part }),
        );
    }
    jobs
}

/// Translates a part of an input; returns what to say of it.
fn translate(
    setup: Setup,
    job: &Job,
    out: &Path,
    gallery: Option<&mut Gallery>,
) -> Result<String, Error> {
    let Job { name, files, part } = job;
    let target = out.join(name);
    let shown = gallery.map(|gallery| Shown { gallery, name });
    match part {
        Part::Picture(page) => pictures::translate(setup, (files, *page), &target, shown),
        Part::Slices(pages) => slices::translate(setup, (files, pages), &target, shown),
    }
}

/// The gallery, before its first picture.
fn empty_gallery(setup: Setup, jobs: &[Job]) -> Gallery {
    let Setup {
        args, translator, ..
    } = setup;
    let domains = [&translator.config.source, &translator.config.target];
    let pictures = jobs.iter().map(|job| job.part.count()).sum();
    Gallery::new(
        args.model.display().to_string(),
        domains.map(Domain::clone),
        pictures,
    )
}

/// Writes the gallery of all pictures.
fn write_gallery(setup: Setup, mut gallery: Gallery, out: &Path) -> Result<(), Failure> {
    let step = setup.translator.step;
    gallery.about(format!(
        "{}, translated by the model of step {step}.",
        count(gallery.len() as u64, "picture")
    ));
    let page = out.join(gallery::NAME);
    gallery::write(&[gallery], &page)?;
    if !setup.args.quiet {
        say(&format!("gallery: {}\n", page.plain()));
    }
    Ok(())
}
