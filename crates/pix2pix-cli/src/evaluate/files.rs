//! The files of `pix2pix evaluate --out`.

use std::fs;
use std::path::{Path, PathBuf};

use pix2pix::data::{Domain, picture};
use pix2pix::draw::contact_sheet;
use pix2pix::quality::Measure;
use pix2pix::report::{Evaluated, Evaluation, charts, gallery};
use pix2pix::{Error, atomic_file, regular_file};

use crate::result_file::Own;

/// The file with the scores of all models.
const SCORES: &str = "scores.json";
/// The drawings of a model, in its folder.
const DRAWINGS: [&str; 4] = ["best.png", "worst.png", "spectrum.png", "calibration.png"];

/// The scores as JSON.
pub fn json(evaluations: &[Evaluation]) -> String {
    serde_json::to_string_pretty(evaluations).expect("scores are plain data") + "\n"
}

/// The result files.
pub fn names(out: &Path, models: &[PathBuf]) -> Vec<Own> {
    let mut names: Vec<Own> = vec![
        (out.join(SCORES), is_scores),
        (out.join(gallery::NAME), gallery::is_gallery),
    ];
    for (index, model) in models.iter().enumerate() {
        let folder = out.join(folder(index, model));
        names.extend(DRAWINGS.map(|name| -> Own { (folder.join(name), picture::is_drawn) }));
    }
    names
}

/// Whether a file has the scores of an evaluation.
fn is_scores(file: &Path) -> bool {
    models(file).is_some()
}

/// The models whose scores a file has; `None` for a file that is not of an evaluation.
fn models(file: &Path) -> Option<Vec<String>> {
    let text = regular_file::read(file).ok()?;
    let found: Vec<serde_json::Value> = serde_json::from_slice(&text).ok()?;
    let models = found.iter().map(|of| {
        let model = of["model"].as_str().filter(|_| of["means"].is_object());
        model.map(str::to_string)
    });
    let models: Vec<String> = models.collect::<Option<_>>()?;
    (!models.is_empty()).then_some(models)
}

/// Writes the scores, and removes the drawings of models that an earlier evaluation had in the folder and this one has not:
/// neither the scores nor the gallery know them.
pub fn write_scores(out: &Path, evaluations: &[Evaluation]) -> Result<(), Error> {
    let scores = out.join(SCORES);
    let folders = |models: &[String]| -> Vec<String> {
        let numbered = models.iter().enumerate();
        let folders = numbered.map(|(index, model)| folder(index, Path::new(model)));
        folders.collect()
    };
    let earlier = folders(&models(&scores).unwrap_or_default());
    let now: Vec<String> = evaluations.iter().map(|of| of.model.clone()).collect();
    let now = folders(&now);
    atomic_file::write(&scores, json(evaluations).as_bytes())?;
    for left in earlier.iter().filter(|folder| !now.contains(folder)) {
        let left = out.join(left);
        for name in DRAWINGS {
            remove(&left.join(name))?;
        }
        // one with files of the user stays
        let _ = fs::remove_dir(&left);
    }
    Ok(())
}

/// Removes a drawing of an earlier evaluation, if there is one.
fn remove(drawing: &Path) -> Result<(), Error> {
    match picture::is_drawn(drawing) {
        true => fs::remove_file(drawing)
            .map_err(|e| Error::io(drawing, "remove the drawing of an earlier evaluation", e)),
        false => Ok(()),
    }
}

/// Name of a model's folder in the results.
pub fn folder(index: usize, model: &Path) -> String {
    let name = model.file_stem().unwrap_or_default().to_string_lossy();
    format!("{}-{name}", index + 1)
}

/// Draws the best and the worst pictures of a model, its spectra and its calibration, in its folder. A chart that it has not is not
/// left there by an earlier evaluation.
pub fn draw(folder: &Path, evaluated: &Evaluated, domains: [&Domain; 2]) -> Result<(), Error> {
    atomic_file::create_folder(folder)?;
    atomic_file::remove_unfinished(folder)?;
    let Evaluated {
        evaluation,
        best,
        worst,
        spectra,
        ..
    } = evaluated;
    let [of_best, of_worst, of_spectra, of_calibration] = DRAWINGS.map(|name| folder.join(name));
    for (name, rows, file) in [("best", best, of_best), ("worst", worst, of_worst)] {
        let measure = match evaluation.mean_iou {
            Some(_) => Measure::ACCURACY,
            None => Measure::L1,
        };
        let measure = measure.heading();
        let title = format!("{}: the {name} by {measure}", evaluation.model);
        let sheet = contact_sheet::draw(&contact_sheet::titled(title, domains), rows);
        picture::write_png(&file, &sheet)?;
    }
    let title = |what: &str| format!("{}: {what}", evaluation.model);
    let spectra = charts::spectra(&title("power spectra"), spectra);
    let calibration = evaluation.confidence.as_ref();
    let calibration =
        calibration.and_then(|found| charts::calibration(&title("deviation and error"), found));
    for (file, chart) in [(of_spectra, spectra), (of_calibration, calibration)] {
        match chart {
            Some(chart) => picture::write_png(&file, &chart)?,
            None => remove(&file)?,
        }
    }
    Ok(())
}
