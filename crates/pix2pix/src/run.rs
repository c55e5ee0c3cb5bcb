//! A training run and its folder: `config.toml`, `metrics.jsonl`, `samples/`, `checkpoints/`.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use burn::tensor::Device;
use image::RgbImage;
use serde::{Deserialize, Serialize};

use crate::atomic_file;
use crate::checkpoint::{self, Checkpoint};
use crate::config::RunConfig;
use crate::contact_sheet::{self, Row};
use crate::dataset::{Dataset, Pairs};
use crate::error::{Error, Result};
use crate::jitter::resize;
use crate::loader::{self, LoaderConfig};
use crate::noise::Noise;
use crate::picture;
use crate::trainer::{Losses, Trainer};
use crate::translate::translate_batch_of_one;

/// Pictures on a contact sheet, at most.
const SAMPLES: usize = 8;

/// One line of `metrics.jsonl`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Steps done, from 1.
    pub step: u64,
    /// Epoch of this step, from 1.
    pub epoch: u64,
    /// Seconds since the first step began.
    pub seconds: f64,
    /// This step's losses.
    #[serde(flatten)]
    pub losses: Losses,
}

/// What a run tells while it goes on.
pub enum Event<'a> {
    /// A step is done.
    Step(Metrics),
    /// It is also a line of the metrics.
    Logged(Metrics),
    /// A contact sheet is written.
    Sampled {
        /// The sheet's file.
        path: &'a Path,
        /// The sheet.
        sheet: &'a RgbImage,
        /// Its rows.
        rows: &'a [Row],
    },
    /// A checkpoint is written.
    Saved(&'a Path),
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Steps done.
    pub steps: u64,
    /// Whether it was asked to stop before the last step.
    pub interrupted: bool,
    /// The newest checkpoint.
    pub checkpoint: PathBuf,
}

/// Files of a run folder.
struct Folder {
    root: PathBuf,
}

impl Folder {
    /// Makes the folder.
    fn create(root: &Path) -> Result<Self> {
        let folder = Self {
            root: root.to_path_buf(),
        };
        atomic_file::create_folder(root)?;
        let mut content = fs::read_dir(root).map_err(|e| Error::io(root, "read the folder", e))?;
        if content.next().is_some() {
            return Err(Error::file(
                root,
                "the folder is not empty, and a run must not mix with other files",
                "choose another --out or empty it",
            ));
        }
        for name in ["samples", "checkpoints"] {
            atomic_file::create_folder(&root.join(name))?;
        }
        Ok(folder)
    }

    fn checkpoints(&self) -> PathBuf {
        self.root.join("checkpoints")
    }
}

/// Trains from the first step to the last, or until `stop` is set: then the step in progress is
/// finished and everything saved. `root` must be empty or not exist.
///
/// # Errors
/// When the configuration cannot be, a pair is broken, or a file cannot be written. What was saved
/// before stays.
pub fn train(
    config: &RunConfig,
    data: &Dataset,
    root: &Path,
    stop: &AtomicBool,
    tell: &mut dyn FnMut(Event),
) -> Result<Outcome> {
    config.validate()?;
    let device = config.device.open(config.precision)?;
    data.train.check()?;
    let shown = data.val.as_ref().unwrap_or(&data.train);
    let samples = Samples::read(shown, config.jitter.crop_size)?;
    let folder = Folder::create(root)?;
    let text = toml::to_string(config).expect("a configuration is plain data");
    atomic_file::write(&root.join("config.toml"), text.as_bytes())?;
    let metrics_path = root.join("metrics.jsonl");
    let metrics_failed = |e| Error::io(&metrics_path, "write the metrics", e);
    let mut metrics_file = fs::File::create(&metrics_path).map_err(metrics_failed)?;

    let training_device = device.clone().autodiff();
    let mut trainer = Trainer::new(
        &config.generator,
        &config.discriminator,
        config.optimizer.clone(),
        config.seed,
        &training_device,
    )?;
    let batches = loader::start(
        data.train.clone(),
        LoaderConfig {
            batch_size: config.batch_size,
            jitter: config.jitter.clone(),
            seed: config.seed,
            steps: config.steps,
        },
    );
    let steps_per_epoch = loader::steps_per_epoch(data.train.len(), config.batch_size);

    let start = Instant::now();
    let mut step = 0;
    let mut newest = PathBuf::new();
    for batch in batches {
        let (source, target) = match batch {
            Ok(batch) => batch.to_device(&training_device),
            Err(broken) => {
                // the file was whole when the run began: keep what was learnt since the last save
                save(&folder, config, step, &trainer, tell)?;
                return Err(broken);
            }
        };
        let losses;
        (trainer, losses) = trainer.step(source, target);
        step += 1;
        let metrics = Metrics {
            step,
            epoch: (step - 1) / steps_per_epoch + 1,
            seconds: start.elapsed().as_secs_f64(),
            losses,
        };
        tell(Event::Step(metrics));

        let last = step == config.steps || stop.load(Ordering::Relaxed);
        let due = |every: u64| last || step.is_multiple_of(every);
        if due(config.log_every) || step == 1 {
            let line = serde_json::to_string(&metrics).expect("metrics are plain data");
            writeln!(metrics_file, "{line}").map_err(metrics_failed)?;
            tell(Event::Logged(metrics));
        }
        if due(config.save_every) {
            newest = save(&folder, config, step, &trainer, tell)?;
        }
        if due(config.sample_every) {
            samples.draw(&folder, config, metrics, &trainer, &device, tell)?;
        }
        if last {
            break;
        }
    }
    Ok(Outcome {
        steps: step,
        interrupted: step < config.steps,
        checkpoint: newest,
    })
}

/// Writes a checkpoint and removes those that are too old.
fn save(
    folder: &Folder,
    config: &RunConfig,
    step: u64,
    trainer: &Trainer,
    tell: &mut dyn FnMut(Event),
) -> Result<PathBuf> {
    let checkpoints = folder.checkpoints();
    let path = checkpoints.join(checkpoint::file_name(step));
    Checkpoint::new(
        config.clone(),
        step,
        &trainer.generator,
        &trainer.discriminator,
    )
    .save(&path)?;
    let mut all = checkpoint::in_folder(&checkpoints)?;
    let surplus = all.len().saturating_sub(config.keep);
    for old in all.drain(..surplus) {
        fs::remove_file(&old).map_err(|e| Error::io(&old, "remove the old checkpoint", e))?;
    }
    tell(Event::Saved(&path));
    Ok(path)
}

/// The held-out pairs that a run shows.
struct Samples {
    rows: Vec<Row>,
}

impl Samples {
    /// Reads the first few pairs at the size of the training crops.
    fn read(pairs: &Pairs, side: u32) -> Result<Self> {
        let row = |index| {
            let pair = pairs.read(index)?;
            let input = resize(&pair.source, side, side);
            Ok(Row {
                name: pair.name,
                output: input.clone(),
                input,
                target: resize(&pair.target, side, side),
            })
        };
        let rows = (0..pairs.len().min(SAMPLES))
            .map(row)
            .collect::<Result<_>>()?;
        Ok(Self { rows })
    }

    /// Translates them one by one, dropout on, and writes the contact sheet.
    fn draw(
        &self,
        folder: &Folder,
        config: &RunConfig,
        metrics: Metrics,
        trainer: &Trainer,
        device: &Device,
        tell: &mut dyn FnMut(Event),
    ) -> Result<()> {
        let generator = trainer.generator_for_inference();
        let mut rows = self.rows.clone();
        for (index, row) in (0..).zip(&mut rows) {
            let mut noise = Noise::seeded(config.seed, index);
            row.output = translate_batch_of_one(&generator, &row.input, &mut noise, device);
        }
        let title = format!(
            "pix2pix, step {} of {}, L1 {:.3}",
            metrics.step, config.steps, metrics.losses.g_l1
        );
        let sheet = contact_sheet::draw(&title, &rows);
        let path = folder
            .root
            .join("samples")
            .join(format!("step_{:07}.png", metrics.step));
        picture::write_png(&path, &sheet)?;
        tell(Event::Sampled {
            path: &path,
            sheet: &sheet,
            rows: &rows,
        });
        Ok(())
    }
}
