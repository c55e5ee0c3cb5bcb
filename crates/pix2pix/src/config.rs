//! The complete configuration of a training run, as stored in a run folder's `config.toml` and in a checkpoint's
//! metadata.

use std::path::Path;

use pix2pix_runtime::checkpoint::ModelConfig;
use pix2pix_runtime::network::{GeneratorConfig, Norm};
use pix2pix_runtime::picture::{Domain, Size};
use serde::de::Error as _;
use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::backend::device::{DeviceName, MOST_THREADS};
use crate::backend::precision::Precision;
use crate::data::cache::CacheKind;
use crate::data::dataset::digest::Change;
use crate::data::dataset::survey::{self, OnError, Survey};
use crate::data::dataset::{Dataset, HeldOut, Options, Pairs};
use crate::data::earth;
use crate::data::jitter::JitterConfig;
use crate::data::loader::Walk;
use crate::data::pair::Direction;
use crate::data::picture::Pages;
use crate::error::{Error, Result, at_least_one, foreign, setting, within};
use crate::network::patch_gan::PatchGanConfig;
use crate::parallel::{Shard, Wire};
use crate::quality::Score;
use crate::train::config::{OptimizerConfig, TrainerConfig};
use crate::train::moments::MomentFormat;
use crate::train::objective::{Gan, ObjectiveConfig};
use crate::train::origin::{Freeze, Origin};
use crate::train::schedule::Schedule;

/// Largest number of steps: what is counted from it, such as pairs, fits into 64 bits.
const MOST_STEPS: u64 = 10_000_000_000;
/// Longest time of training, in seconds: about 30 years.
const MOST_SECONDS: f64 = 1e9;
/// Largest number of neighbours on either side: with them, one channel makes fifteen.
pub const MOST_NEIGHBOURS: usize = 7;
/// Largest number of pairs per batch, of batches per step and of processes.
const MOST_TOGETHER: usize = 65_536;

/// The configuration of a training run, with every default filled in.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(remote = "Self")] // files store lambda elsewhere: see `Serialize` below
pub struct RunConfig {
    /// The data set of the pairs.
    pub data: String,
    /// The data set's [`digest`](Dataset::digest), to detect a changed one; empty if unknown.
    #[serde(default)]
    pub data_digest: String,
    /// Which side of a pair is the source.
    pub direction: Direction,
    /// Domain of the source.
    #[serde(default)]
    pub source: Domain,
    /// Domain of the target.
    #[serde(default)]
    pub target: Domain,
    /// Fraction of the pairs to hold out if the data set has no split, from 0 to 0.999.
    #[serde(default)]
    pub val_fraction: f64,
    /// How files with several pages or slices are read; `None` refuses TIFF files, and reads each slice of a volume.
    #[serde(default)]
    pub pages: Option<Pages>,
    /// Number of pages or slices on either side of each that are channels of the source too. Source channels are those of
    /// all of them.
    #[serde(default)]
    pub neighbours: usize,
    /// Patterns by which the names of A and of B are paired; `None` pairs equal names.
    #[serde(default)]
    pub matching: Option<[String; 2]>,
    /// Whether square files are side-by-side pairs too.
    #[serde(default)]
    pub squares: bool,
    /// How to handle broken and unmatched files.
    #[serde(default)]
    pub on_error: OnError,
    /// Threads that decode and augment pairs; 0 for one on the CPU, and up to 8 for a card.
    #[serde(default)]
    pub workers: usize,
    /// Where to cache decoded pairs.
    #[serde(default)]
    pub cache: CacheKind,
    /// Number of training steps. A run of a length of time has the largest number until its end: see
    /// [`train_for`](Self::train_for).
    pub steps: u64,
    /// Seconds of training after which the run ends, with the learning rate on the schedule that these give; `None` for
    /// one that `steps` end.
    #[serde(default)]
    pub time: Option<f64>,
    /// Pairs per batch, in each process. Paper: 1.
    pub batch_size: usize,
    /// Seed of all random numbers: initial weights, epoch order, jitter, dropout and augmentation.
    pub seed: u64,
    /// CPU threads; 0 for all cores.
    pub threads: usize,
    /// Whether to save memory by recomputing activations in backward passes (gradient checkpointing).
    #[serde(default)]
    pub recompute: bool,
    /// Device.
    pub device: DeviceName,
    /// Arithmetic of the convolutions.
    pub precision: Precision,
    /// Steps between two lines of metrics.
    pub log_every: u64,
    /// Steps between two contact sheets.
    pub sample_every: u64,
    /// Steps between two checkpoints.
    pub save_every: u64,
    /// Number of newest checkpoints to keep.
    pub keep: usize,
    /// Score on held-out pairs by which the best checkpoint is kept too; `None` keeps none.
    #[serde(default)]
    pub keep_best: Option<Score>,
    /// Number of samplings without a better score of `keep_best` after which the run ends; 0 for never.
    #[serde(default)]
    pub patience: u64,
    /// Number of data-parallel processes.
    #[serde(default = "RunConfig::one")]
    pub ranks: usize,
    /// Whether batch normalization uses statistics over all processes.
    #[serde(default)]
    pub sync_norm: bool,
    /// Number format of the gradient all-reduce.
    #[serde(default)]
    pub allreduce: Wire,
    /// Steps between two checks that all processes have the same weights.
    #[serde(default = "RunConfig::default_check_every")]
    pub check_every: u64,
    /// The model whose weights the run began from; `None` for random weights.
    #[serde(default)]
    pub from: Option<Origin>,
    /// Random jitter of the pairs (paper, appendix 6.2).
    pub jitter: JitterConfig,
    /// Adam, the learning-rate schedule, gradient accumulation and the average of the generator's weights (EMA).
    pub optimizer: OptimizerConfig,
    /// The losses and their weights.
    pub objective: ObjectiveConfig,
    /// The generator.
    pub generator: GeneratorConfig,
    /// The discriminator.
    pub discriminator: PatchGanConfig,
}

impl Serialize for RunConfig {
    /// Writes the file format, in which lambda has been in the optimizer's table since the first version.
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Optimizer<'a> {
            lr: f64,
            schedule: &'a Schedule,
            decay_steps: u64,
            beta1: f32,
            beta2: f32,
            moments: MomentFormat,
            lambda: f64,
            ema: f64,
            accumulate: usize,
            freeze_generator: u64,
            freeze: Freeze,
        }
        // destructured, so that the compiler reports a forgotten field
        let Self {
            data,
            data_digest,
            direction,
            source,
            target,
            val_fraction,
            pages,
            neighbours,
            matching,
            squares,
            on_error,
            workers,
            cache,
            steps,
            time,
            batch_size,
            seed,
            threads,
            recompute,
            device,
            precision,
            log_every,
            sample_every,
            save_every,
            keep,
            keep_best,
            patience,
            ranks,
            sync_norm,
            allreduce,
            check_every,
            from,
            jitter,
            optimizer,
            objective,
            generator,
            discriminator,
        } = self;
        let OptimizerConfig {
            lr,
            schedule,
            decay_steps,
            beta1,
            beta2,
            moments,
            ema,
            accumulate,
            freeze_generator,
            freeze,
        } = optimizer;
        let optimizer = Optimizer {
            lr: *lr,
            schedule,
            decay_steps: *decay_steps,
            beta1: *beta1,
            beta2: *beta2,
            moments: *moments,
            lambda: objective.lambda,
            ema: *ema,
            accumulate: *accumulate,
            freeze_generator: *freeze_generator,
            freeze: *freeze,
        };
        let mut file = serializer.serialize_struct("RunConfig", 37)?;
        file.serialize_field("data", data)?;
        file.serialize_field("data_digest", data_digest)?;
        file.serialize_field("direction", direction)?;
        file.serialize_field("source", source)?;
        file.serialize_field("target", target)?;
        file.serialize_field("val_fraction", val_fraction)?;
        // left out when unused, as in files of earlier versions
        match pages {
            Some(pages) => file.serialize_field("pages", pages)?,
            None => file.skip_field("pages")?,
        }
        match neighbours {
            0 => file.skip_field("neighbours")?,
            _ => file.serialize_field("neighbours", neighbours)?,
        }
        match matching {
            Some(matching) => file.serialize_field("matching", matching)?,
            None => file.skip_field("matching")?,
        }
        match squares {
            true => file.serialize_field("squares", squares)?,
            false => file.skip_field("squares")?,
        }
        file.serialize_field("on_error", on_error)?;
        file.serialize_field("workers", workers)?;
        file.serialize_field("cache", cache)?;
        file.serialize_field("steps", steps)?;
        match time {
            Some(time) => file.serialize_field("time", time)?,
            None => file.skip_field("time")?,
        }
        file.serialize_field("batch_size", batch_size)?;
        file.serialize_field("seed", seed)?;
        file.serialize_field("threads", threads)?;
        file.serialize_field("recompute", recompute)?;
        file.serialize_field("device", device)?;
        file.serialize_field("precision", precision)?;
        file.serialize_field("log_every", log_every)?;
        file.serialize_field("sample_every", sample_every)?;
        file.serialize_field("save_every", save_every)?;
        file.serialize_field("keep", keep)?;
        match keep_best {
            Some(score) => file.serialize_field("keep_best", score)?,
            None => file.skip_field("keep_best")?,
        }
        match patience {
            0 => file.skip_field("patience")?,
            _ => file.serialize_field("patience", patience)?,
        }
        file.serialize_field("ranks", ranks)?;
        file.serialize_field("sync_norm", sync_norm)?;
        file.serialize_field("allreduce", allreduce)?;
        file.serialize_field("check_every", check_every)?;
        match from {
            Some(from) => file.serialize_field("from", from)?,
            None => file.skip_field("from")?,
        }
        file.serialize_field("jitter", jitter)?;
        file.serialize_field("optimizer", &optimizer)?;
        file.serialize_field("objective", objective)?;
        file.serialize_field("generator", generator)?;
        file.serialize_field("discriminator", discriminator)?;
        file.end()
    }
}

impl<'de> Deserialize<'de> for RunConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let file = serde_json::Value::deserialize(deserializer)?;
        let lambda = match file.pointer("/optimizer/lambda") {
            None => None,
            Some(lambda) => {
                let number = lambda.as_f64();
                Some(number.ok_or_else(|| D::Error::custom("optimizer.lambda: not a number"))?)
            }
        };
        let mut track = serde_path_to_error::Track::new();
        let read = serde_path_to_error::Deserializer::new(file, &mut track);
        let mut config = Self::deserialize(read).map_err(|e| {
            // JSON has no infinite numbers: they have become null
            let reason = e.to_string().replace("invalid type: null", "not finite");
            D::Error::custom(format!("{}: {}", track.path(), foreign(&reason)))
        })?;
        if let Some(lambda) = lambda {
            config.objective.lambda = lambda;
        }
        Ok(config)
    }
}

impl Default for RunConfig {
    /// The paper's networks and hyperparameters, without a data set.
    fn default() -> Self {
        Self {
            data: String::new(),
            data_digest: String::new(),
            direction: Direction::AToB,
            source: Domain::RGB8,
            target: Domain::RGB8,
            val_fraction: 0.0,
            pages: None,
            neighbours: 0,
            matching: None,
            squares: false,
            on_error: OnError::Stop,
            workers: 0,
            cache: CacheKind::Off,
            steps: 1,
            time: None,
            batch_size: 1,
            seed: 0,
            threads: 0,
            recompute: false,
            device: DeviceName::Cpu,
            precision: Precision::F32,
            log_every: 10,
            sample_every: 200,
            save_every: 500,
            keep: 3,
            keep_best: None,
            patience: 0,
            ranks: 1,
            sync_norm: false,
            allreduce: Wire::F32,
            check_every: Self::default_check_every(),
            from: None,
            jitter: JitterConfig::default(),
            optimizer: OptimizerConfig::default(),
            objective: ObjectiveConfig::default(),
            generator: GeneratorConfig::default(),
            discriminator: PatchGanConfig::default(),
        }
    }
}

/// Checks that slices are pictures if their neighbours are channels, and amounts, which can be joined. `are_labels` says whether
/// the sources are label maps.
///
/// # Errors
/// When they are not, or `neighbours` is larger than [`MOST_NEIGHBOURS`].
pub fn check_neighbours(neighbours: usize, pages: Option<Pages>, are_labels: bool) -> Result<()> {
    within("neighbours", neighbours, 0..=MOST_NEIGHBOURS)?;
    let reason = if neighbours == 0 {
        return Ok(());
    } else if matches!(pages, Some(Pages::First | Pages::Channels)) {
        "needs each slice as a picture; omit `pages`, or choose `pages` each"
    } else if are_labels {
        "joins amounts as channels, and the sources are label maps; omit it"
    } else {
        return Ok(());
    };
    Err(Error::field("neighbours", reason))
}

impl RunConfig {
    fn one() -> usize {
        1
    }

    fn default_check_every() -> u64 {
        100
    }

    /// Lets the run train for a length of time, in seconds over all its sessions, and as many steps as fit. The schedule of
    /// the learning rate follows the time; it has no `decay_steps`.
    pub fn train_for(&mut self, seconds: f64) {
        self.time = Some(seconds);
        self.steps = MOST_STEPS;
    }

    /// What to say of a source of this size, in pixels, that is much smaller than those of training.
    pub fn smallness(&self, [width, height]: [u32; 2]) -> Option<String> {
        let Size([wide, high]) = self.jitter.crop_size;
        (self.jitter.resize.makes_crops() && width * 2 < wide && height * 2 < high).then(|| {
            format!(
                "it is much smaller than the {wide}x{high} pixels that the model was trained on; enlarge it first"
            )
        })
    }

    /// Whether the number of steps is still open, because the run ends after a length of time.
    pub fn is_open(&self) -> bool {
        self.time.is_some() && self.steps == MOST_STEPS
    }

    /// Checks every value that can be checked without reading data.
    ///
    /// # Errors
    /// Reports the first invalid value and the reason.
    pub fn validate(&self) -> Result<()> {
        at_least_one("steps", self.steps)?;
        within("steps", self.steps, 1..=MOST_STEPS)?;
        within("time", self.time.unwrap_or(1.0), 1.0..=MOST_SECONDS)?;
        at_least_one("batch_size", self.batch_size as u64)?;
        within("batch_size", self.batch_size, 1..=MOST_TOGETHER)?;
        within("threads", self.threads, 0..=MOST_THREADS)?;
        setting("ranks", self.ranks, 1..=MOST_TOGETHER)?;
        at_least_one("log_every", self.log_every)?;
        at_least_one("sample_every", self.sample_every)?;
        at_least_one("save_every", self.save_every)?;
        at_least_one("keep", self.keep as u64)?;
        within("workers", self.workers, 0..=MOST_THREADS)?;
        at_least_one("check_every", self.check_every)?;
        let optimizer = &self.optimizer;
        within("lr", optimizer.lr, 0.0..=1.0)?;
        within("beta1", f64::from(optimizer.beta1), 0.0..=0.9999)?;
        within("beta2", f64::from(optimizer.beta2), 0.0..=0.999_999)?;
        within("ema", optimizer.ema, 0.0..=0.999_999)?;
        within("val_fraction", self.val_fraction, 0.0..=0.999)?;
        within(
            "freeze_generator",
            optimizer.freeze_generator,
            0..=MOST_STEPS,
        )?;
        within("patience", self.patience, 0..=MOST_STEPS)?;
        if optimizer.moments == MomentFormat::Bf16 && self.device.is_card() {
            let reason = "bf16 is for the CPU; on cards, keep f32";
            return Err(Error::field("moments", reason.to_string()));
        }
        at_least_one("accumulate", optimizer.accumulate as u64)?;
        within("accumulate", optimizer.accumulate, 1..=MOST_TOGETHER)?;
        self.validate_group()?;
        self.validate_best()?;
        check_neighbours(self.neighbours, self.pages, self.source.labels.is_some())?;
        if optimizer.freeze != Freeze::Nothing && self.from.is_none() {
            let reason = "`freeze` keeps weights as they began, which are random; give the model to begin from with \
                          `from`";
            return Err(Error::Config(reason.to_string()));
        }
        optimizer.freeze.check(&self.generator)?;
        self.objective.validate()?;
        self.jitter.validate()?;
        self.generator.validate()?;
        self.discriminator.validate()?;
        let penalty = self.objective.r1 > 0.0 || self.objective.gan == Gan::WassersteinPenalty;
        if self.discriminator.unet && penalty {
            let reason = "a U-Net discriminator (`unet`) has no gradient penalty; omit `r1`, and choose another `gan` than wgan-gp";
            return Err(Error::Config(reason.to_string()));
        }
        self.validate_domains()?;
        if self.jitter.resize.makes_crops() {
            return self.check_size(self.jitter.crop_size.0);
        }
        // the sizes depend on the data: see `check_data`
        let unit = 1 << self.generator.halvings().max(self.discriminator.halvings());
        match self.jitter.multiple.is_multiple_of(unit) {
            true => Ok(()),
            false => Err(Error::Config(format!(
                "jitter.multiple is {}; it must be a multiple of {unit}, for the levels of the networks",
                self.jitter.multiple
            ))),
        }
    }

    /// Checks that a new run is long enough for its course: that its learning rate begins as a whole, and that its generator
    /// learns.
    ///
    /// # Errors
    /// When the linear decay has more steps than the run, or the generator is frozen in all of them.
    pub fn check_course(&self) -> Result<()> {
        let OptimizerConfig {
            schedule,
            decay_steps,
            ..
        } = self.optimizer;
        if schedule == Schedule::Linear && self.time.is_none() && decay_steps > self.steps {
            return Err(Error::Config(format!(
                "the linear decay of `decay_steps` takes {decay_steps} steps, and the run has only {}: its rate would \
                 begin below `lr`; choose a shorter decay, or more `steps`",
                self.steps
            )));
        }
        self.check_learning()
    }

    /// Checks that the generator learns before the run ends.
    ///
    /// # Errors
    /// When it is frozen in all steps.
    pub(crate) fn check_learning(&self) -> Result<()> {
        let frozen = self.optimizer.freeze_generator;
        if frozen < self.steps {
            return Ok(());
        }
        Err(Error::Config(format!(
            "`freeze_generator` is {frozen}, and the run has {} steps: its generator would never learn; freeze it for \
             fewer, or give more `steps`",
            self.steps
        )))
    }

    /// What translation needs of it.
    pub fn model(&self) -> ModelConfig {
        ModelConfig::new(
            [self.source.clone(), self.target.clone()],
            self.neighbours,
            self.generator.clone(),
            self.jitter.crop_size,
        )
    }

    /// Checks the ranges of source and target, and that both networks have their channels.
    fn validate_domains(&self) -> Result<()> {
        self.model().check()?;
        let PatchGanConfig {
            source_channels,
            target_channels,
            ..
        } = self.discriminator;
        for (name, domain, channels) in [
            ("source", &self.source, source_channels),
            ("target", &self.target, target_channels),
        ] {
            if domain.planes() != channels {
                return Err(Error::Config(format!(
                    "{name}.channels is {}, but the discriminator has {channels} channels for it",
                    domain.planes()
                )));
            }
        }
        Ok(())
    }

    /// Checks, when the data is known, that no option takes classes for amounts, amounts for classes, or pixels without data
    /// for others.
    ///
    /// # Errors
    /// Names the option that does.
    pub fn check_pixels(&self, data: &Dataset) -> Result<()> {
        let [a, _] = self.direction.order([&self.source, &self.target]);
        let is_target = self.target.labels.is_some();
        let reason = if a.labels.is_some() && self.jitter.color > 0.0 {
            "`color` changes the colors of A, which are classes; omit it"
        } else if is_target && self.objective.perceptual > 0.0 {
            "`perceptual` compares pictures, and the targets are label maps; omit it"
        } else if self
            .keep_best
            .is_some_and(|score| score.is_of_labels() != is_target)
        {
            match is_target {
                true => "the targets are label maps: `keep_best` is accuracy or iou",
                false => {
                    "`keep_best` accuracy and iou are of label maps; give the classes with `labels[1]`"
                }
            }
        } else if data.splits.iter().any(|(_, pairs)| pairs.may_have_gaps()) {
            match self.keep_best {
                _ if self.objective.perceptual > 0.0 => {
                    "`perceptual` compares whole pictures, and some pixels have no data; omit it"
                }
                Some(Score::Lpips | Score::Swd | Score::Spectrum) => {
                    "`keep_best` lpips, swd and spectrum compare whole pictures, and some pixels have no data; choose another score"
                }
                _ => return Ok(()),
            }
        } else {
            return Ok(());
        };
        Err(Error::Config(reason.to_string()))
    }

    /// Checks that the score of the best checkpoint can be measured, and that patience has a score.
    fn validate_best(&self) -> Result<()> {
        let reason = match self.keep_best {
            None if self.patience > 0 => {
                "`patience` counts samplings without a better score; choose the score with `keep_best`"
            }
            Some(Score::Lpips) if self.objective.perceptual_weights.is_empty() => {
                "`keep_best` lpips needs the file of LPIPS's weights; give it with `perceptual_weights`"
            }
            _ => return Ok(()),
        };
        Err(Error::Config(reason.to_string()))
    }

    /// Checks that a data set has held-out pairs if the best checkpoint is to be kept, or the learning rate follows their
    /// score.
    ///
    /// # Errors
    /// When it has none.
    pub fn check_held_out(&self, data: &Dataset) -> Result<()> {
        if let Some(val) = &data.val {
            self.check_scored(val)?;
        }
        let needed = match self.optimizer.schedule {
            _ if data.val.is_some() => return Ok(()),
            _ if self.keep_best.is_some() => "`keep_best`",
            Schedule::Plateau => "`schedule` plateau",
            _ => return Ok(()),
        };
        Err(Error::Config(format!(
            "{needed} needs held-out pairs, and the data set has none; hold some out with `val_fraction`, or put them \
             into val/"
        )))
    }

    /// Rejects held-out pairs of which none can be scored.
    fn check_scored(&self, val: &Pairs) -> Result<()> {
        for index in 0..val.len() {
            match val.read(index).map(|pair| self.jitter.still(pair)) {
                Ok(Ok(pair)) if pair.is_empty() => {}
                // pairs that cannot be read are told of where they are used
                _ => return Ok(()),
            }
        }
        Err(Error::Config(
            "none of the held-out pairs has a pixel with data, so they cannot be scored; hold out others".to_string(),
        ))
    }

    /// Rejects options that do not work with several processes.
    fn validate_group(&self) -> Result<()> {
        if self.ranks <= 1 {
            return Ok(());
        }
        let synced = self.sync_norm && self.discriminator.norm == Norm::Batch;
        let penalty = self.objective.r1 > 0.0 || self.objective.gan == Gan::WassersteinPenalty;
        let reason = if self.objective.pool > 0 {
            "`pool` does not work with several processes, whose pools are not stored in checkpoints; train in one \
             process or omit `pool`"
        } else if synced && penalty {
            "`sync_norm` does not work with a gradient penalty, which uses each process's own statistics; omit \
             `sync_norm`, or omit `r1` and `gan` wgan-gp"
        } else {
            return Ok(());
        };
        Err(Error::Config(reason.to_string()))
    }

    /// The order in which one process visits `pairs` pairs, from pair `start` of the run.
    pub fn walk(&self, pairs: usize, shard: Shard, start: u64) -> Walk {
        Walk {
            pairs,
            batch_size: self.batch_size,
            shard,
            start,
        }
    }

    /// Opens a data set with those options of the run that describe its files, whatever data they are: direction,
    /// domains, pages, neighbours, names and square pairs. Which pairs are held out belongs to the run's own data alone; other data
    /// keeps all its pairs.
    ///
    /// # Errors
    /// When it cannot be opened, or a pair is broken and `on_error` is not [`OnError::Skip`].
    pub fn open(&self, path: &Path, on_error: OnError) -> Result<(Dataset, Survey)> {
        let options = Options {
            direction: self.direction,
            val_fraction: 0.0,
            seed: self.seed,
            pages: self.pages,
            neighbours: self.neighbours,
            matching: self.matching.clone(),
            squares: self.squares,
            nodata: self
                .direction
                .order([self.source.nodata, self.target.nodata]),
        };
        let whole = match path.to_str().is_some_and(earth::is_named) {
            true => earth::open(&options)?,
            false => Dataset::open(path, &options)?,
        };
        if self.val_fraction > 0.0 && whole.splits.len() == 1 && whole.train.len() > 1 {
            let mut tried = Vec::new();
            // earlier versions held out single pages; the digest tells which way the run's data was split
            for what in [HeldOut::Files, HeldOut::Pages] {
                let Ok(held_out) = whole.clone().hold_out(self.val_fraction, self.seed, what)
                else {
                    continue; // too few files
                };
                if tried.contains(&held_out.names()) {
                    continue;
                }
                tried.push(held_out.names());
                let (own, survey, _) = survey::checked(held_out, on_error)?;
                if own.changed_since(&self.data_digest) != Some(Change::Pairs) {
                    return Ok((self.in_domains(own), survey));
                }
            }
        }
        let (data, survey, _) = survey::checked(whole, on_error)?;
        Ok((self.in_domains(data), survey))
    }

    /// Converts the pictures of a data set to the run's domains.
    pub fn in_domains(&self, data: Dataset) -> Dataset {
        let domains = [self.source.clone(), self.target.clone()];
        let sides = self.direction.order(domains);
        data.map(|pairs| pairs.in_domains(sides.clone()))
    }

    /// The trainer's part of the configuration.
    pub fn trainer(&self) -> TrainerConfig {
        TrainerConfig {
            optimizer: self.optimizer.clone(),
            objective: self.objective.clone(),
            seed: self.seed,
            steps: self.steps,
            precision: self.precision,
            recompute: self.recompute,
        }
    }

    fn check_size(&self, size: [u32; 2]) -> Result<()> {
        let [width, height] = size.map(|side| side as usize);
        self.generator.check_size(height, width)?;
        self.discriminator.check_size(height, width)?;
        let levels = self.objective.l1_pyramid;
        let most = height.min(width).ilog2();
        if levels > most as usize {
            return Err(Error::field(
                "l1_pyramid",
                format!(
                    "is {levels}; pictures of {width}x{height} pixels can be halved {most} times"
                ),
            ));
        }
        match self.keep_best {
            Some(score) => score.check([self.target.planes(), height, width]),
            None => Ok(()),
        }
    }

    /// Checks that the networks accept the picture sizes of a data set.
    ///
    /// # Errors
    /// Reports the first size that they do not accept, and the remedy.
    pub fn check_data(&self, data: &Survey) -> Result<()> {
        let mut seen = Vec::new();
        for (&size, count) in &data.sizes {
            let size = self.jitter.seen(size).map_err(|reason| {
                Error::Config(format!(
                    "{count} pairs: {reason}; resize them, or choose `resize` scale-and-crop"
                ))
            })?;
            self.check_size(size)?;
            seen.push(size);
        }
        seen.sort_unstable();
        seen.dedup();
        if let ([[w1, h1], [w2, h2], ..], true) = (seen.as_slice(), self.batch_size > 1) {
            return Err(Error::Config(format!(
                "pairs of {w1}x{h1} and {w2}x{h2} pixels cannot share a batch; use `batch_size` 1 or \
                 `resize` scale-and-crop"
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use serde::de::DeserializeOwned;

    use super::*;
    use crate::choice::Choice;
    use crate::data::jitter::ResizePolicy;
    use crate::network::patch_gan::Patch;
    use crate::train::diff_augment::DiffAugment;
    use crate::train::origin::FromChannels;
    use pix2pix_runtime::network::Upsample;

    /// Checks that a configuration file has the names of options.
    fn same_names<T: Choice + Serialize + DeserializeOwned + PartialEq + Debug>() {
        for (value, name, _) in T::CHOICES {
            let stored = serde_json::to_value(value).unwrap();
            assert_eq!(stored, *name);
            assert_eq!(serde_json::from_value::<T>(stored).unwrap(), *value);
            assert_eq!(T::from_name(name), Ok(*value));
        }
    }

    #[test]
    fn only_synchronized_batch_norms_exclude_a_penalty() {
        let accepted = |ranks, norm, r1| {
            let mut config = RunConfig {
                ranks,
                sync_norm: true,
                ..RunConfig::default()
            };
            config.discriminator.norm = norm;
            config.objective.r1 = r1;
            config.validate().is_ok()
        };
        assert!(!accepted(2, Norm::Batch, 1.0));
        assert!(accepted(2, Norm::Batch, 0.0));
        assert!(accepted(2, Norm::Instance, 1.0));
        assert!(accepted(1, Norm::Batch, 1.0));
    }

    #[test]
    fn a_course_that_is_too_short_is_refused() {
        let checked = |steps, schedule, decay_steps, freeze_generator| {
            let config = RunConfig {
                steps,
                optimizer: OptimizerConfig {
                    schedule,
                    decay_steps,
                    freeze_generator,
                    ..OptimizerConfig::default()
                },
                ..RunConfig::default()
            };
            config.check_course().map_err(|error| error.to_string())
        };
        assert_eq!(checked(10, Schedule::Linear, 10, 9), Ok(()));
        // its first fall would be in a longer run
        assert_eq!(checked(10, Schedule::Step, 11, 0), Ok(()));
        let short = checked(10, Schedule::Linear, 11, 0).unwrap_err();
        assert!(
            short.contains("takes 11 steps, and the run has only 10"),
            "{short}"
        );
        let frozen = checked(10, Schedule::Constant, 0, 10).unwrap_err();
        assert!(
            frozen.contains("is 10, and the run has 10 steps"),
            "{frozen}"
        );
        let mut timed = RunConfig::default();
        timed.optimizer.freeze_generator = 500;
        timed.train_for(1.0);
        assert!(timed.check_course().is_ok());
    }

    #[test]
    fn the_field_that_is_wrong_is_named() {
        let field = |change: fn(&mut RunConfig)| {
            let mut config = RunConfig::default();
            change(&mut config);
            match config.validate() {
                Err(Error::Field { field, .. }) => field,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(field(|config| config.batch_size = 0), "batch_size");
        assert_eq!(field(|config| config.optimizer.beta1 = 1.0), "beta1");
        assert_eq!(field(|config| config.optimizer.beta2 = 1.0), "beta2");
        assert_eq!(field(|config| config.optimizer.beta2 = f32::NAN), "beta2");
        assert_eq!(field(|config| config.objective.lambda = -1.0), "lambda");
        assert_eq!(field(|config| config.jitter.color = 1.0), "color");
        let on_a_card = |config: &mut RunConfig| {
            config.optimizer.moments = MomentFormat::Bf16;
            config.device = DeviceName::Cuda(0);
        };
        assert_eq!(field(on_a_card), "moments");
    }

    #[test]
    fn values_have_the_same_names_in_files_and_in_options() {
        same_names::<CacheKind>();
        same_names::<DiffAugment>();
        same_names::<Direction>();
        same_names::<Freeze>();
        same_names::<FromChannels>();
        same_names::<Gan>();
        same_names::<Norm>();
        same_names::<OnError>();
        same_names::<Patch>();
        same_names::<Precision>();
        same_names::<ResizePolicy>();
        same_names::<Schedule>();
        same_names::<Score>();
        same_names::<Upsample>();
        same_names::<Wire>();
        same_names::<MomentFormat>();
    }
}
