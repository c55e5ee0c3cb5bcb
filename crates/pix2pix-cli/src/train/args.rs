//! The options of `pix2pix train`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use pix2pix::RunConfig;
use pix2pix::data::survey::Survey;
use pix2pix::data::{CacheKind, Dataset, Domain, JitterConfig, ResizePolicy, Size, earth};
use pix2pix::parallel::Wire;
use pix2pix::quality::Score;
use pix2pix::train::{MomentFormat, OptimizerConfig};

use crate::beyond_args::{BeyondArgs, Preset};
use crate::choice::choice;
use crate::data_args::DataArgs;
use crate::failure::Failure;
use crate::from_args::{FromArgs, Start as From};
use crate::machine_args::MachineArgs;
use crate::network_args::NetworkArgs;
use crate::paths::stored;
use crate::serve;
use crate::typed::is_given;

/// Largest seed: the integers of TOML, in which it is stored, are signed.
const MOST_SEED: u64 = i64::MAX as u64;

/// Options of `pix2pix train`.
#[derive(clap::Args)]
pub struct Args {
    /// Pairs, in one of these forms: side-by-side pictures (A left, B right) in a folder or in train/, val/
    /// and test/; two folders A/ and B/ (or trainA/, trainB/, ...) with matching file names; a .csv or .jsonl
    /// manifest with two columns of paths; or a .tar, .tar.gz or .zip of any of these;
    /// earth is the built-in data set
    #[arg(value_name = "DATA", required_unless_present = "resume")]
    pub path: Option<PathBuf>,
    /// New folder for the run: config.toml, metrics.jsonl, samples/, checkpoints/
    #[arg(long, value_name = "RUN", required_unless_present = "resume")]
    pub out: Option<PathBuf>,
    /// Resume a run that was stopped or killed; the result is bit-identical to that of an uninterrupted run.
    /// Give DATA only if it has moved, --steps, --epochs, --time or --patience only to train for longer, and for another
    /// machine --device, --precision, --threads, --workers, --cache, --recompute and --moments. --log-every, --sample-every,
    /// --save-every and --keep may change too
    #[arg(long, value_name = "RUN")]
    pub resume: Option<PathBuf>,
    /// TOML file with options, such as batch_size = 4, and with data and out; the command line overrides it. Or the
    /// config.toml of a run, to repeat that run in another folder [default: none]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Check everything without training, and print the plan, the parameters, the memory, and the time of a step on this
    /// machine [default: off]
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub data: DataArgs,
    /// Passes over the data
    #[arg(long, default_value_t = 200, value_name = "N")]
    pub epochs: u64,
    /// Training steps, instead of --epochs [default: as many as --epochs gives]
    #[arg(long, value_name = "N", conflicts_with = "epochs")]
    pub steps: Option<u64>,
    /// Time of training instead of --epochs, such as 90s, 20m or 1h30m: as many steps as fit, with a learning rate that
    /// falls to 0 at the end (--lr-schedule linear) and averaged weights (--ema 0.998), unless you say otherwise
    /// [default: as long as --epochs takes]
    #[arg(long, value_name = "TIME", value_parser = seconds, conflicts_with_all = ["epochs", "steps", "decay_epochs"])]
    pub time: Option<Seconds>,
    /// Pairs per step
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub batch_size: usize,
    /// Weight of the L1 loss (in units of [-1, 1]) relative to the adversarial loss
    #[arg(long, default_value_t = 100.0, value_name = "WEIGHT")]
    pub lambda: f64,
    /// Adam's learning rate
    #[arg(long, default_value_t = 2e-4, value_name = "RATE")]
    pub lr: f64,
    /// Adam's decay rate of the first moment
    #[arg(long, default_value_t = 0.5, value_name = "DECAY")]
    beta1: f32,
    #[command(flatten)]
    pub jitter: JitterArgs,
    /// Threads that decode and augment pairs; 0 for one on the CPU, and up to 8 for a card
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub workers: usize,
    /// Cache for decoded pairs: ram, disk (a temporary file in the run folder), or off
    #[arg(long, value_parser = choice::<CacheKind>(), default_value_t = CacheKind::Off)]
    pub cache: CacheKind,
    #[command(flatten)]
    pub networks: NetworkArgs,
    #[command(flatten)]
    pub from: FromArgs,
    #[command(flatten)]
    pub beyond: BeyondArgs,
    /// Gradient checkpointing, for large pictures: recompute activations in the backward pass instead of keeping
    /// them, to save memory [default: off]
    #[arg(long)]
    pub recompute: bool,
    /// Number format of Adam's moments on the CPU; in the paper's networks, bf16 saves 0.2 GB
    #[arg(long, value_parser = choice::<MomentFormat>(), default_value_t = MomentFormat::F32, value_name = "FORMAT")]
    pub moments: MomentFormat,
    #[command(flatten)]
    pub processes: ProcessArgs,
    #[command(flatten)]
    pub run: RunArgs,
    /// Steps between lines of metrics.jsonl
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub log_every: u64,
    /// Steps between contact sheets in samples/
    #[arg(long, default_value_t = 200, value_name = "N")]
    pub sample_every: u64,
    /// Steps between checkpoints
    #[arg(long, default_value_t = 500, value_name = "N")]
    pub save_every: u64,
    /// Number of newest checkpoints to keep
    #[arg(long, default_value_t = 3, value_name = "N")]
    pub keep: usize,
    /// Score on held-out pairs by which the best checkpoint is kept too, as checkpoints/best.safetensors; `--best` of
    /// other commands uses it [default: none]
    #[arg(long, value_parser = choice::<Score>(), value_name = "SCORE")]
    pub keep_best: Option<Score>,
    /// Number of samplings (--sample-every) without a better score of --keep-best after which the run ends; 0 for never
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub patience: u64,
}

/// Options for training with several processes.
#[derive(clap::Args)]
pub struct ProcessArgs {
    /// Synchronize batch normalization: take the statistics over the pairs of all processes [default: each
    /// process its own]
    #[arg(long)]
    pub sync_norm: bool,
    /// Number format in which gradients are sent and added
    #[arg(long, value_parser = choice::<Wire>(), default_value_t = Wire::F32)]
    pub allreduce: Wire,
    /// Steps between checks that the weights of all processes are bit-identical
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub check_every: u64,
}

/// Options that `train` and `demo` share.
#[derive(clap::Args)]
pub struct RunArgs {
    /// Random seed of weights, order, jitter and dropout; the same seed gives the same run
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=MOST_SEED))]
    pub seed: u64,
    #[command(flatten)]
    pub machine: MachineArgs,
    /// Keep report.html in the run folder up to date; a resumed run keeps its report up to date too [default: off]
    #[arg(long)]
    pub report: bool,
    /// Write TensorBoard event files to tensorboard/ in the run folder [default: off]
    #[arg(long)]
    pub tensorboard: bool,
    /// Serve a web page with the curves, samples and log of the training, and the newest checkpoint to draw with
    /// [default: off; without ADDRESS: 127.0.0.1:8080]
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "127.0.0.1:8080", value_name = "ADDRESS", value_parser = serve::address)]
    pub serve: Option<SocketAddr>,
    /// Print errors only [default: off]
    #[arg(long)]
    pub quiet: bool,
}

/// Options for the size of pictures and for data augmentation.
#[derive(clap::Args)]
pub struct JitterArgs {
    /// How to bring pictures to the input size of the networks [default: scale-and-crop; with --preset best
    /// random-resized-crop]
    #[arg(long, value_parser = choice::<ResizePolicy>())]
    resize: Option<ResizePolicy>,
    /// Size to which pictures are resized before the crop, with --resize scale-and-crop and random-resized-crop: PIXELS or
    /// WIDTHxHEIGHT [default: 286/256 of --crop-size; with --preset best 3/2]
    #[arg(long, value_name = "SIZE")]
    load_size: Option<Size>,
    /// Size of the random crop: PIXELS or WIDTHxHEIGHT; with --resize scale-width, the width of the pictures
    #[arg(long, default_value = "256", value_name = "SIZE")]
    crop_size: Size,
    /// Turn off mirroring left to right, of half of the pairs at random [default: mirror]
    #[arg(long)]
    no_mirror: bool,
    /// Mirror half of the pairs, at random, top to bottom [default: off]
    #[arg(long)]
    vertical_mirror: bool,
    /// Rotate pairs by random multiples of 90 degrees [default: off]
    #[arg(long)]
    turn: bool,
    /// Change brightness, contrast and, of red, green and blue, saturation of A, the sources, by random factors between
    /// 1 - SHARE and 1 + SHARE
    #[arg(long, default_value_t = 0.0, value_name = "SHARE")]
    color_jitter: f32,
}

impl JitterArgs {
    fn config(&self, multiple: u32, preset: Preset) -> JitterConfig {
        JitterConfig {
            resize: self.resize(preset),
            load_size: self.load_size.unwrap_or(preset.load_size(self.crop_size)),
            crop_size: self.crop_size,
            mirror: !self.no_mirror,
            vertical_mirror: self.vertical_mirror,
            turn: self.turn,
            color: self.color_jitter,
            multiple,
        }
    }

    pub fn resize(&self, preset: Preset) -> ResizePolicy {
        self.resize.unwrap_or(preset.resize())
    }

    /// Checks that the sizes among `typed`, the options on the command line, count with this way of resizing.
    ///
    /// # Errors
    /// When one does not, and the run would have another size than the one that was asked for.
    pub fn check_sizes(&self, typed: &[String], preset: Preset) -> Result<(), Failure> {
        let (load, crop) = (is_given(typed, "load-size"), is_given(typed, "crop-size"));
        let [width, height] = self.crop_size.0;
        let refused = match self.resize(preset) {
            ResizePolicy::ScaleWidth if load => {
                "--load-size: --resize scale-width resizes to the width of --crop-size; give the width there".to_string()
            }
            ResizePolicy::ScaleWidth if width != height => format!(
                "--crop-size {}: with --resize scale-width, the height follows from that of each picture; give the width \
                 alone, --crop-size {width}",
                self.crop_size
            ),
            ResizePolicy::Crop if load => {
                "--load-size: --resize crop does not resize before the crop; omit it, or use --resize scale-and-crop".to_string()
            }
            ResizePolicy::None if load || crop => {
                let option = if load { "--load-size" } else { "--crop-size" };
                format!("{option}: --resize none takes whole pictures at their sizes; omit it, or use another --resize")
            }
            _ => return Ok(()),
        };
        Err(Failure::Usage(refused))
    }

    /// The size (width, height) that decides the networks' depth: the crop size, or the data's own.
    fn sides(&self, data: Option<&Survey>, preset: Preset) -> [usize; 2] {
        let [width, height] = self.crop_size.sides();
        match (self.resize(preset), data) {
            (ResizePolicy::ScaleWidth, _) => [width; 2],
            (ResizePolicy::None, Some(data)) => {
                // the largest power of two that divides all sides
                let sides = data.sizes.keys().flatten();
                let halvings = sides.map(|side| side.trailing_zeros()).min().unwrap_or(0);
                // at least 64: for sizes that no network takes, the later check of the data has the better message
                [1 << halvings.max(6); 2]
            }
            _ => [width, height],
        }
    }
}

impl Args {
    /// The configuration of a new run with these domains of source and target.
    pub fn config_of(
        &self,
        [source, target]: [Domain; 2],
        data: Option<(&Dataset, &Survey)>,
        from: Option<&From>,
    ) -> Result<RunConfig, Failure> {
        let data_digest = data.map_or_else(String::new, |(data, _)| data.digest());
        let survey = data.map(|(_, survey)| survey);
        let channels = [source.planes(), target.planes()];
        let (generator, discriminator) = match from {
            Some(from) => {
                // only the data says whether its pictures are label maps
                if data.is_some() {
                    let direction = self.data.direction;
                    from.model.check_labels(direction, [&source, &target])?;
                }
                let networks = from.networks(channels, self.networks.discriminator(channels))?;
                from.model.check_freeze(self.from.freeze, channels)?;
                networks
            }
            None => {
                let preset = self.beyond.preset;
                let sides = self.jitter.sides(survey, preset);
                let is_whole = self.jitter.resize(preset) == ResizePolicy::None;
                self.networks.resolve((sides, is_whole), channels, preset)?
            }
        };
        let files = self.data.options(self.run.seed);
        let mut config = RunConfig {
            data: named(self.path.as_deref().unwrap_or(Path::new(""))),
            data_digest,
            direction: files.direction,
            source,
            target,
            val_fraction: files.val_fraction,
            pages: files.pages,
            neighbors: files.neighbors,
            matching: files.matching,
            squares: self.data.squares,
            side_by_side: None, // set below, as the next two
            orientation: None,
            scale: None,
            on_error: self.data.on_error,
            workers: self.workers,
            cache: self.cache,
            steps: self.steps.unwrap_or(1),
            time: None,
            batch_size: self.batch_size,
            seed: self.run.seed,
            split_seed: None,
            threads: self.run.machine.threads,
            recompute: self.recompute,
            device: self.run.machine.device.resolved(self.run.machine.precision),
            precision: self.run.machine.precision,
            log_every: self.log_every,
            sample_every: self.sample_every,
            save_every: self.save_every,
            keep: self.keep,
            keep_best: self.keep_best,
            patience: self.patience,
            ranks: 1, // set to the number of processes later
            sync_norm: self.processes.sync_norm,
            allreduce: self.processes.allreduce,
            check_every: self.processes.check_every,
            from: from.map(|from| from.model.origin.clone()),
            jitter: self.jitter.config(
                1 << generator.halvings().max(discriminator.halvings()),
                self.beyond.preset,
            ),
            optimizer: OptimizerConfig {
                lr: self.lr,
                schedule: self.beyond.lr_schedule,
                beta1: self.beta1,
                moments: self.moments,
                ema: self.beyond.ema(),
                accumulate: self.beyond.accumulate,
                freeze: self.from.freeze,
                freeze_generator: self.from.freeze_generator,
                ..OptimizerConfig::default()
            },
            objective: self.beyond.objective(self.lambda),
            generator,
            discriminator,
        };
        if let Some((data, survey)) = data {
            config.remember_shapes(data, survey);
        }
        if let Some(Seconds(seconds)) = self.time {
            config.train_for(seconds);
        }
        config.validate()?;
        Ok(config)
    }
}

/// A length of time.
#[derive(Clone, Copy)]
pub struct Seconds(pub f64);

fn seconds(text: &str) -> Result<Seconds, String> {
    let time: Result<jiff::SignedDuration, _> = text.parse();
    let time = time.map_err(|_| "not a length of time such as 90s, 20m or 1h30m".to_string());
    Ok(Seconds(time?.as_secs_f64()))
}

/// A data set as the configuration names it.
pub fn named(path: &Path) -> String {
    match earth::is_typed(path) {
        true => earth::WORD.to_string(),
        false => stored(path),
    }
}
