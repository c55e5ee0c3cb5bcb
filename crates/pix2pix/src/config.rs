//! The complete configuration of a training run, as stored in a run folder's `config.toml` and in a checkpoint's
//! metadata: its values; `checks` has what must be true of them, `file` how they are written,
//! `values` their paths there.

mod checks;
mod data;
pub(crate) mod file;
pub(crate) mod values;

use pix2pix_runtime::checkpoint::ModelConfig;
use pix2pix_runtime::network::GeneratorConfig;
use pix2pix_runtime::picture::{Domain, Size};
use pix2pix_runtime::scale::{Scale, TrainingScale};
use serde::Deserialize;

use crate::backend::device::DeviceName;
use crate::backend::precision::Precision;
use crate::data::cache::CacheKind;
use crate::data::dataset::Dataset;
use crate::data::dataset::survey::{OnError, Survey};
use crate::data::earth;
use crate::data::jitter::JitterConfig;
use crate::data::loader::Walk;
use crate::data::pair::{self, Direction};
use crate::data::picture::Pages;
use crate::network::patch_gan::PatchGanConfig;
use crate::parallel::{Shard, Wire};
use crate::quality::Score;
use crate::train::config::{OptimizerConfig, TrainerConfig};
use crate::train::objective::ObjectiveConfig;
use crate::train::origin::Origin;

pub use checks::check_neighbors;

/// Largest number of steps: what is counted from it, such as pairs, fits into 64 bits.
const MOST_STEPS: u64 = 10_000_000_000;
/// Largest number of neighbors on either side: with them, one channel makes fifteen.
pub const MOST_NEIGHBORS: usize = 7;
/// Largest number of shapes of side-by-side pairs that a run remembers, so that its configuration stays readable.
const MOST_SHAPES: usize = 32;

/// What takes the place of the names of files in models that are given away.
const UNNAMED: &str = "a file that a model for others does not name";

/// The configuration of a training run, with every default filled in.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(remote = "Self")] // files store lambda elsewhere: see `file`
pub struct RunConfig {
    /// The data set of the pairs.
    pub data: String,
    /// The data set's [`digest`](crate::data::Dataset::digest), to detect a changed one; empty if unknown.
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
    #[serde(default, alias = "neighbours")]
    pub neighbors: usize,
    /// Patterns by which the names of A and of B are paired; `None` pairs equal names.
    #[serde(default)]
    pub matching: Option<[String; 2]>,
    /// Whether files that are not wider than high are side-by-side pairs too.
    #[serde(default)]
    pub squares: bool,
    /// Shapes, in lowest terms, of the pictures of training pairs that lie side by side in one file, the most common first;
    /// empty if A and B have files of their own. `None` if it is unknown, as of imported models and of earlier versions.
    #[serde(default)]
    pub side_by_side: Option<Vec<Size>>,
    /// Where the axes of most of the training volumes point, e.g. "RAS"; `None` without volumes, and if it is unknown, as of
    /// earlier versions.
    #[serde(default)]
    pub orientation: Option<String>,
    /// What the training made of the size of its pictures; `None` if it is unknown, as of imported models and of earlier
    /// versions.
    #[serde(default)]
    pub scale: Option<TrainingScale>,
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
            neighbors: 0,
            matching: None,
            squares: false,
            side_by_side: None,
            orientation: None,
            scale: None,
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

    /// Remembers how the pairs of a data set lie in their files, so that [`is_pair`](Self::is_pair) knows others like them, and
    /// [`turned`](Self::turned) volumes that lie otherwise; and what the jitter makes of their size.
    pub fn remember_shapes(&mut self, data: &Dataset, survey: &Survey) {
        self.orientation = data.train.orientation();
        self.scale = survey.median_size().map(|size| TrainingScale {
            from: Size(size),
            to: Size(self.jitter.known(size)),
        });
        self.side_by_side = Some(match data.is_side_by_side() {
            true => survey
                .shapes()
                .into_iter()
                .take(MOST_SHAPES)
                .map(Size)
                .collect(),
            false => Vec::new(),
        });
    }

    /// Whether a picture of this size is a side-by-side pair and no source: its halves have a shape of the training pictures,
    /// which lay side by side. Where it is unknown how they lay, its halves are squares, and the model's own size has not its
    /// shape.
    pub fn is_pair(&self, size: [u32; 2]) -> bool {
        let is_two_squares = |size| pair::is_two_of(size, [1, 1]);
        match &self.side_by_side {
            Some(shapes) => shapes.iter().any(|shape| pair::is_two_of(size, shape.0)),
            None => is_two_squares(size) && !is_two_squares(self.jitter.crop_size.0),
        }
    }

    /// What volumes have whose axes point elsewhere than those of the training volumes, if both are known.
    pub fn turned(&self, orientation: Option<String>) -> Option<String> {
        let (known, found) = (self.orientation.as_ref()?, orientation?);
        (found != *known).then(|| {
            format!(
                "axes that point to {found}, and those of the training volumes point to {known}: nothing is turned, so bring \
                 volumes to that orientation first, e.g. with nibabel's as_reoriented"
            )
        })
    }

    /// What to say of a source of this size, in pixels, that is translated at this scale, and much smaller than those of training
    /// to the network: at the training's scale, it is only a small picture.
    pub fn smallness(&self, [width, height]: [u32; 2], scale: Scale) -> Option<String> {
        let Size([wide, high]) = self.jitter.crop_size;
        let is_small = width * 2 < wide && height * 2 < high;
        (scale == Scale::Native && self.jitter.resize.makes_crops() && is_small).then(|| {
            format!(
                "it is much smaller than the {wide}x{high} pixels that the model was trained on; enlarge it first"
            )
        })
    }

    /// Whether the number of steps is still open, because the run ends after a length of time.
    pub fn is_open(&self) -> bool {
        self.time.is_some() && self.steps == MOST_STEPS
    }

    /// Size of the pictures that the networks see, where that is the size of crops. Runs on whole pictures have no crops: then
    /// a size that both networks accept, as near above that of crops as there is one.
    pub fn size(&self) -> Size {
        let JitterConfig {
            resize,
            crop_size,
            multiple,
            ..
        } = self.jitter;
        match resize.makes_crops() {
            true => crop_size,
            false => crop_size.up_to_multiple(multiple),
        }
    }

    /// The settings as others may read them: nothing in them tells of the machine that trained, neither the names of its files nor
    /// its devices and threads.
    pub fn for_others(&self) -> Self {
        let mut settings = self.clone();
        let Self {
            workers,
            threads,
            device,
            ..
        } = Self::default();
        (settings.workers, settings.threads, settings.device) = (workers, threads, device);
        if !earth::is_named(&settings.data) {
            settings.data = UNNAMED.to_string();
        }
        if let Some(origin) = &mut settings.from {
            origin.model = UNNAMED.to_string();
        }
        let weights = &mut settings.objective.perceptual_weights;
        if !weights.is_empty() {
            *weights = UNNAMED.to_string();
        }
        settings
    }

    /// What translation needs of it.
    pub fn model(&self) -> ModelConfig {
        let domains = [self.source.clone(), self.target.clone()];
        let generator = self.generator.clone();
        let mut model = ModelConfig::new(domains, self.neighbors, generator, self.size());
        model.scale = self.scale;
        model
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
    use crate::train::moments::MomentFormat;
    use crate::train::objective::Gan;
    use crate::train::origin::{Freeze, FromChannels};
    use crate::train::schedule::Schedule;
    use pix2pix_runtime::network::{Norm, Upsample};
    use serde::Serialize;

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
    fn settings_for_others_tell_nothing_of_the_machine() {
        let file = || "/home/me/client/file".to_string();
        let mut config = RunConfig {
            data: file(),
            steps: 9,
            workers: 3,
            threads: 5,
            device: DeviceName::Cuda(1),
            from: Some(Origin {
                model: file(),
                sha256: "1f".to_string(),
                channels: FromChannels::Same,
            }),
            ..RunConfig::default()
        };
        config.objective.perceptual_weights = file();
        let others = config.for_others();
        let text = |config: &RunConfig| serde_json::to_string(config).unwrap();
        assert!(text(&config).contains("client") && !text(&others).contains("client"));
        assert_eq!((others.workers, others.threads), (0, 0));
        assert_eq!((others.steps, others.device), (9, DeviceName::Cpu));
        assert!(others.from.is_some());
        // of two models, nobody knows whether they are of one data set
        let [mut one, mut other] = [&others, &others].map(Clone::clone);
        for (config, digest) in [(&mut one, "a"), (&mut other, "b")] {
            (config.val_fraction, config.data_digest) = (0.5, format!("{digest}-x"));
        }
        assert!(!one.holds_out_others_than(&other));
        (one.data, other.data) = (file(), file());
        assert!(one.holds_out_others_than(&other));
        // the pairs in the program are everybody's
        let built_in = RunConfig {
            data: earth::NAME.to_string(),
            ..RunConfig::default()
        };
        assert_eq!(built_in.for_others(), built_in);
    }

    #[test]
    fn whole_pictures_have_a_size_that_the_networks_accept() {
        let mut config = RunConfig::default();
        config.jitter.multiple = 512;
        // of crops, every run has checked that the networks accept them
        assert_eq!(config.size(), Size([256, 256]));
        for resize in [ResizePolicy::None, ResizePolicy::ScaleWidth] {
            config.jitter.resize = resize;
            config.jitter.crop_size = Size([256, 1000]);
            assert_eq!(config.size(), Size([512, 1024]));
            assert_eq!(config.model().size(), Size([512, 1024]));
        }
        // a damaged file
        config.jitter.multiple = 0;
        assert_eq!(config.size(), Size([256, 1000]));
    }

    #[test]
    fn what_is_small_at_the_scale_of_the_training_is_not_to_be_enlarged() {
        let config = RunConfig::default();
        let told = config.smallness([100, 127], Scale::Native).unwrap();
        assert!(told.contains("than the 256x256 pixels"), "{told}");
        assert_eq!(config.smallness([100, 128], Scale::Native), None);
        assert_eq!(config.smallness([100, 127], Scale::Train), None);
    }

    #[test]
    fn a_pair_is_known_by_the_shapes_of_the_training() {
        let config = |side_by_side: Option<&[[u32; 2]]>, crop: [u32; 2]| {
            let mut config = RunConfig {
                side_by_side: side_by_side.map(|shapes| shapes.iter().copied().map(Size).collect()),
                ..RunConfig::default()
            };
            config.jitter.crop_size = Size(crop);
            config
        };
        let photographs = config(Some(&[[4, 3], [3, 4]]), [256, 256]);
        for (size, expected) in [
            ([640, 240], true),
            ([480, 320], true),
            ([320, 240], false),
            ([512, 256], false),
        ] {
            assert_eq!(photographs.is_pair(size), expected, "{size:?}");
        }
        // files of their own
        for crop in [[256, 256], [128, 64]] {
            let apart = config(Some(&[]), crop);
            assert!(!apart.is_pair([256, 128]) && !apart.is_pair([512, 128]));
        }
        // an imported model, or one of an earlier version
        assert!(config(None, [256, 256]).is_pair([512, 256]));
        assert!(!config(None, [256, 256]).is_pair([640, 240]));
        assert!(!config(None, [128, 64]).is_pair([256, 128]));
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
