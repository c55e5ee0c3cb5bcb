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
use crate::cache::Cache;
use crate::checkpoint::{self, Checkpoint};
use crate::config::RunConfig;
use crate::contact_sheet::{self, Row};
use crate::dataset::{Dataset, Pairs};
use crate::error::{Error, Result};
use crate::loader::{self, LoaderConfig};
use crate::noise::Noise;
use crate::pair::Pair;
use crate::picture;
use crate::trainer::{Losses, Trainer};
use crate::translate::translate_one;

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
    /// A pair could not be read and was left out, for this reason.
    Skipped(&'a str),
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
/// finished and everything saved. `root` must be empty or not exist; `data` has been checked
/// ([`survey::checked`](crate::dataset::survey::checked)).
///
/// # Errors
/// When the configuration cannot be, a pair has become unreadable, or a file cannot be written. What was
/// saved before stays.
pub fn train(
    config: &RunConfig,
    data: &Dataset,
    root: &Path,
    stop: &AtomicBool,
    tell: &mut dyn FnMut(Event),
) -> Result<Outcome> {
    config.validate()?;
    let device = config.device.open(config.precision)?;
    let shown = data.val.as_ref().unwrap_or(&data.train);
    let samples = Samples::read(shown, config)?;
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
            domains: [config.source, config.target],
            direction: config.direction,
            seed: config.seed,
            steps: config.steps,
            workers: config.workers,
            on_error: config.on_error,
            cache: Cache::new(config.cache, root)?,
        },
    );
    let steps_per_epoch = loader::steps_per_epoch(data.train.len(), config.batch_size);

    let start = Instant::now();
    let mut step = 0;
    let mut newest = PathBuf::new();
    for batch in batches {
        let (source, target) = match batch {
            Ok(batch) => {
                for reason in &batch.skipped {
                    tell(Event::Skipped(reason));
                }
                batch.to_device(&training_device)
            }
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
    pairs: Vec<Pair>,
}

impl Samples {
    /// Reads the first few pairs at the size that the networks see.
    fn read(pairs: &Pairs, config: &RunConfig) -> Result<Self> {
        let still = |index| Ok(config.jitter.still(pairs.read(index)?));
        let pairs = (0..pairs.len().min(SAMPLES))
            .map(still)
            .collect::<Result<_>>()?;
        Ok(Self { pairs })
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
        let rows = (0..).zip(&self.pairs).map(|(index, pair)| {
            let mut noise = Noise::seeded(config.seed, index);
            let output = translate_one(&generator, &pair.source, config, &mut noise, device);
            Row {
                name: pair.name.clone(),
                input: pair.source.to_rgb8(config.source.range_of(&pair.source)),
                output: output.to_rgb8(config.target.range),
                target: pair.target.to_rgb8(config.target.range_of(&pair.target)),
            }
        });
        let rows: Vec<Row> = rows.collect();
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
