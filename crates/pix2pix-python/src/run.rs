//! Training, and what is measured and told of its results.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use pix2pix::data::path_text::path_of;
use pix2pix::data::picture::{Metadata, Picture, encode};
use pix2pix::data::{self, Change, Format};
use pix2pix::device::in_pool;
use pix2pix::report::charts;
use pix2pix::run::{self, Event, History, Metrics, Outcome, RunScores, Warning};
use pix2pix::{Error, RunConfig, model};
use pix2pix_cli::embedded::{self, Failure, Host, Line};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use serde::Serialize;
use serde_json::json;

use crate::failure::{exception, named};
use crate::options;
use crate::picture::{to_array, to_mask};

/// Trains a new run. `tell` receives each event as its kind, its values as JSON, and its picture or None; it returns False to
/// end the run.
#[pyfunction]
pub fn train(
    py: Python<'_>,
    data: PathBuf,
    out: PathBuf,
    arguments: &Bound<'_, PyDict>,
    tell: Py<PyAny>,
) -> PyResult<()> {
    let options = options::read(arguments)?;
    watched(py, tell, |host| {
        embedded::train(&data, &out, &options, host)
    })
}

/// Resumes a run. `data` is the new place of its pairs, if they have moved.
#[pyfunction]
pub fn resume(
    py: Python<'_>,
    run: PathBuf,
    data: Option<PathBuf>,
    arguments: &Bound<'_, PyDict>,
    tell: Py<PyAny>,
) -> PyResult<()> {
    let options = options::read(arguments)?;
    watched(py, tell, |host| {
        embedded::resume(&run, data.as_deref(), &options, host)
    })
}

/// Runs a training without the interpreter's lock, and passes its events to Python.
fn watched(
    py: Python<'_>,
    tell: Py<PyAny>,
    train: impl FnOnce(Host) -> Result<Outcome, Failure> + Send,
) -> PyResult<()> {
    let listener = Listener {
        tell,
        stop: Arc::default(),
        raised: Mutex::default(),
    };
    let ended = py.detach(|| {
        train(Host {
            lines: &|line| match line {
                Line::Said(text) => listener.tell("line", &written(&named(text)), None),
                Line::Progress(text) => listener.tell("progress", &written(&text), None),
            },
            events: &mut |event| listener.saw(event),
            stop: listener.stop.clone(),
        })
    });
    // what was raised ended the training, which matters more than how
    if let Some(raised) = listener.raised.into_inner().expect("no panic") {
        return Err(raised);
    }
    ended.map(drop).map_err(exception)
}

/// The Python function that listens to a training.
struct Listener {
    tell: Py<PyAny>,
    stop: Arc<AtomicBool>,
    /// The exception that it raised, or that of Ctrl-C: the training ends, is saved, and raises it again.
    raised: Mutex<Option<PyErr>>,
}

impl Listener {
    fn saw(&self, event: &Event) {
        // at every event, so that Ctrl-C does not wait for a line of the metrics; on cards, not every step has one
        self.heed(|py| py.check_signals());
        match event {
            Event::Logged(metrics) => self.tell("step", &written(metrics), None),
            Event::Scored(scores) => self.tell("scores", &written(scores), None),
            Event::Warned(warning) => {
                let warning = Warning {
                    warning: named(&warning.warning),
                    ..**warning
                };
                self.tell("warning", &written(&warning), None);
            }
            Event::Saved(path) => {
                self.tell("checkpoint", &json!({ "path": path }).to_string(), None);
            }
            Event::Sampled { step, sheet, .. } => {
                let values = json!({ "step": step }).to_string();
                self.tell("sample", &values, Some(Picture::from((*sheet).clone())));
            }
            _ => {}
        }
    }

    fn tell(&self, kind: &str, values: &str, picture: Option<Picture>) {
        self.heed(|py| {
            let picture = picture.map(|picture| to_array(py, picture)).transpose()?;
            let go_on: bool = self.tell.call1(py, (kind, values, picture))?.extract(py)?;
            if !go_on {
                self.stop.store(true, Ordering::Relaxed);
            }
            Ok(())
        });
    }

    /// Does something in Python, unless an exception ends the training already.
    fn heed(&self, work: impl FnOnce(Python<'_>) -> PyResult<()>) {
        let mut raised = self.raised.lock().expect("no panic");
        if raised.is_some() {
            return;
        }
        if let Err(error) = Python::attach(work) {
            *raised = Some(error);
            self.stop.store(true, Ordering::Relaxed);
        }
    }
}

/// Scores a model: the evaluation as JSON, the command's table, and notes.
#[pyfunction]
pub fn evaluate(
    py: Python<'_>,
    model: PathBuf,
    data: PathBuf,
    arguments: &Bound<'_, PyDict>,
) -> PyResult<(String, String, Vec<String>)> {
    let options = options::read(arguments)?;
    let mut raised = None;
    let found = py.detach(|| {
        embedded::evaluate(&model, &data, &options, &mut || {
            raised = Python::attach(|py| py.check_signals()).err();
            raised.is_none()
        })
    });
    if let Some(raised) = raised {
        return Err(raised);
    }
    let found = found.map_err(exception)?;
    let notes = found.notes.iter().map(|note| named(note)).collect();
    Ok((written(&found.evaluation), found.table, notes))
}

/// The layers of a network as a table.
#[pyfunction]
pub fn summary(
    py: Python<'_>,
    network: &str,
    model: Option<PathBuf>,
    arguments: &Bound<'_, PyDict>,
) -> PyResult<String> {
    let options = options::read(arguments)?;
    let table = py.detach(|| embedded::summary(network, model.as_deref(), &options));
    table.map_err(exception)
}

/// The receptive field of each layer of a discriminator as a table.
#[pyfunction]
pub fn receptive_field(
    py: Python<'_>,
    model: Option<PathBuf>,
    arguments: &Bound<'_, PyDict>,
) -> PyResult<String> {
    let options = options::read(arguments)?;
    let table = py.detach(|| embedded::receptive_field(model.as_deref(), &options));
    table.map_err(exception)
}

/// What a run's folder has of its history, as JSON: `config`, `state`, `step`, the lines `metrics`, `scores` and `warnings`,
/// and the sentences `unread` on what cannot be read of them.
#[pyfunction]
pub fn history(py: Python<'_>, run: PathBuf) -> PyResult<String> {
    let history = py.detach(|| read_history(&run))?;
    Ok(written(&Told {
        config: &history.config,
        state: history.state.to_string(),
        step: history.step(),
        metrics: &history.metrics,
        scores: &history.scores,
        warnings: &history.warnings,
        unread: &history.unread,
    }))
}

/// The history of a run, as it is passed to Python.
#[derive(Serialize)]
struct Told<'a> {
    config: &'a RunConfig,
    state: String,
    step: u64,
    metrics: &'a [Metrics],
    scores: &'a [RunScores],
    warnings: &'a [Warning],
    unread: &'a [String],
}

/// A value as JSON, with its numbers and its order as in a run's files.
fn written(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("plain data")
}

/// Charts of a run's losses as PNG files; none before its second line of losses.
#[pyfunction]
pub fn curves(py: Python<'_>, run: PathBuf) -> PyResult<Vec<Bound<'_, PyBytes>>> {
    let files = py.detach(|| {
        let charts = charts::losses(&read_history(&run)?).into_iter().flatten();
        let files = charts.map(|chart| {
            let file = encode(&chart.into(), Format::Png, &Metadata::default());
            file.expect("PNG holds every picture of 8-bit RGB")
        });
        Ok::<_, PyErr>(files.collect::<Vec<_>>())
    })?;
    Ok(files.iter().map(|file| PyBytes::new(py, file)).collect())
}

/// The best checkpoint of a run.
#[pyfunction]
pub fn best(run: PathBuf) -> PyResult<PathBuf> {
    model::find_best(&run).map_err(|error| exception(error.into()))
}

fn read_history(run: &Path) -> PyResult<History> {
    History::read(run).map_err(|error| exception(error.into()))
}

/// Name, source, target and mask of a pair; no mask if all pixels have data.
type Read<'py> = (
    String,
    Bound<'py, PyAny>,
    Bound<'py, PyAny>,
    Option<Bound<'py, PyAny>>,
);

/// The pairs of a model's own data set, at the input size of its networks.
#[pyclass(frozen, module = "pix2pix")]
pub struct Pairs {
    config: RunConfig,
    pairs: data::Pairs,
}

#[pymethods]
impl Pairs {
    #[new]
    fn new(py: Python<'_>, model: PathBuf, split: &str) -> PyResult<Self> {
        let opened = py.detach(|| in_pool(|| Self::open(&model, split)));
        opened.map_err(|error| exception(error.into()))
    }

    fn __len__(&self) -> usize {
        self.pairs.len()
    }

    /// Name, source, target and mask of a pair. The index is below the length.
    fn read<'py>(&self, py: Python<'py>, index: usize) -> PyResult<Read<'py>> {
        let resized = || {
            let pair = self.pairs.read(index)?;
            self.config.jitter.still(pair).map_err(|reason| {
                let remedy = "leave the picture out, or choose a model of smaller pictures";
                Error::file(&self.pairs.shown(index)[0], reason, remedy)
            })
        };
        let pair = py.detach(|| in_pool(resized));
        let pair = pair.map_err(|error| exception(error.into()))?;
        let mask = pair.mask.map(|mask| to_mask(py, &mask)).transpose()?;
        let source = to_array(py, pair.source)?;
        Ok((pair.name, source, to_array(py, pair.target)?, mask))
    }
}

impl Pairs {
    fn open(path: &Path, split: &str) -> Result<Self, Error> {
        // a run has its configuration before its first checkpoint
        let config = match path.is_dir() {
            true => run::read_config(path)?,
            false => model::config(path)?,
        };
        let path = path_of(&config.data);
        let (data, _) = config.open(&path, config.on_error)?;
        if data.changed_since(&config.data_digest) == Some(Change::Pairs) {
            let reason = "the data set has changed since the run began: its pairs differ";
            return Err(Error::file(&path, reason, "restore the data set"));
        }
        let mut splits = data.splits.iter();
        let Some((_, pairs)) = splits.find(|(name, _)| *name == split) else {
            let known: Vec<&str> = data.splits.iter().map(|(name, _)| *name).collect();
            let reason = format!("no {split} pairs, only {}", known.join(", "));
            return Err(Error::file(&path, reason, "choose another split"));
        };
        let pairs = pairs.clone();
        Ok(Self { config, pairs })
    }
}
