//! What can be checked before the first step: values, the course of a run, and whether they fit the data.

use pix2pix_runtime::network::Norm;
use pix2pix_runtime::words::count;

use super::{MOST_NEIGHBORS, MOST_STEPS, RunConfig};
use crate::backend::device::Device;
use crate::backend::limits::{MOST_THREADS, MOST_VALUES};
use crate::data::dataset::survey::Survey;
use crate::data::dataset::{Dataset, Pairs};
use crate::data::pair::{Direction, Pair};
use crate::data::picture::Pages;
use crate::error::{Error, Result, at_least_one, setting, within};
use crate::network::init::WeightInit;
use crate::network::patch_gan::PatchGanConfig;
use crate::quality::Score;
use crate::quality::lpips::Lpips;
use crate::quality::ssim;
use crate::train::config::OptimizerConfig;
use crate::train::diff_augment::DiffAugment;
use crate::train::objective::Gan;
use crate::train::origin::Freeze;
use crate::train::schedule::Schedule;

/// Longest time of training, in seconds: about 30 years.
const MOST_SECONDS: f64 = 1e9;
/// Largest number of pairs per batch, of batches per step and of processes.
const MOST_TOGETHER: usize = 65_536;

/// Checks that slices are pictures if their neighbors are channels, and amounts, which can be joined. `are_labels` says whether
/// the sources are label maps.
///
/// # Errors
/// When they are not, or `neighbors` is larger than [`MOST_NEIGHBORS`].
pub fn check_neighbors(neighbors: usize, pages: Option<Pages>, are_labels: bool) -> Result<()> {
    within("neighbors", neighbors, 0..=MOST_NEIGHBORS)?;
    let reason = if neighbors == 0 {
        return Ok(());
    } else if matches!(pages, Some(Pages::First | Pages::Channels)) {
        "needs each slice as a picture; omit `pages`, or choose `pages` each"
    } else if are_labels {
        "joins amounts as channels, and the sources are label maps; omit it"
    } else {
        return Ok(());
    };
    Err(Error::field("neighbors", reason))
}

impl RunConfig {
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
        optimizer.moments.check(self.device.is_card())?;
        at_least_one("accumulate", optimizer.accumulate as u64)?;
        within("accumulate", optimizer.accumulate, 1..=MOST_TOGETHER)?;
        self.validate_group()?;
        self.validate_best()?;
        check_neighbors(self.neighbors, self.pages, self.source.labels.is_some())?;
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
            let crop = self.jitter.crop_size.0;
            self.check_size(crop)?;
            return self.check_layers(crop);
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
            "`freeze_generator` is {frozen}, and the run has {}: its generator would never learn; freeze it for fewer, or \
             give more `steps`",
            count(self.steps, "step")
        )))
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
                    "{name}.channels is {}, but the discriminator has {} for it",
                    domain.planes(),
                    count(channels as u64, "channel")
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
                    "`perceptual` compares whole pictures, and the data set names pixels without data; omit it"
                }
                Some(Score::Lpips | Score::Swd | Score::Spectrum) => {
                    "`keep_best` lpips, swd and spectrum compare whole pictures, and the data set names pixels without data; \
                     choose another score"
                }
                _ => return Ok(()),
            }
        } else {
            return Ok(());
        };
        Err(Error::Config(reason.to_string()))
    }

    /// Checks that no option of a new run changes what the generator cannot know, or nothing. Earlier versions took these, and
    /// their runs can be resumed.
    ///
    /// # Errors
    /// Names the option that does.
    pub fn check_effects(&self) -> Result<()> {
        let objective = &self.objective;
        let is_color = objective.diff_augment.contains(&DiffAugment::Color);
        let is_penalized = objective.gan == Gan::WassersteinPenalty;
        let reads_lpips = objective.perceptual > 0.0 || self.keep_best == Some(Score::Lpips);
        let reason = if self.direction == Direction::BToA && self.jitter.color > 0.0 {
            "`color` changes the colors of A, which are the targets here, by factors that no source tells; omit it"
        } else if self.target.labels.is_some() && is_color {
            "`diff_augment` color changes the colors of the targets, which are classes; choose others"
        } else if is_penalized && objective.r1 > 0.0 {
            "`r1` is another penalty than that of `gan` wgan-gp, which takes its place; omit it, or choose another `gan`"
        } else if !objective.perceptual_weights.is_empty() && !reads_lpips {
            "`perceptual_weights` are those of `perceptual` and of `keep_best` lpips; give one of them, or omit the weights"
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
    /// When it has none, or none of them can be scored.
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

    /// Rejects held-out pairs of which none can be scored, or none has the score of the best checkpoint.
    fn check_scored(&self, val: &Pairs) -> Result<()> {
        let has_score = |pair: &Pair| {
            let size = pair.target.size().map(|side| side as usize);
            self.keep_best != Some(Score::Ssim) || ssim::has_window(size, pair.known())
        };
        let mut have_data = false;
        for index in 0..val.len() {
            match val.read(index).map(|pair| self.jitter.still(pair)) {
                Ok(Ok(pair)) if pair.is_empty() => {}
                Ok(Ok(pair)) if !has_score(&pair) => have_data = true,
                // pairs that cannot be read are told of where they are used
                _ => return Ok(()),
            }
        }
        Err(match have_data {
            false => Error::Data(
                "none of the held-out pairs has a pixel with data, so they cannot be scored; hold out others".to_string(),
            ),
            true => Error::Config(format!(
                "`keep_best` ssim sees {window}x{window} pixels at a time, and no held-out pair has so many beside each other \
                 that all have data; choose another score",
                window = ssim::WINDOW
            )),
        })
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

    /// Checks that the generator accepts the crops that it was trained on, if it was: only an edited file says otherwise.
    ///
    /// # Errors
    /// Names the nearest size that it accepts.
    pub(crate) fn check_crop(&self) -> Result<()> {
        self.generator.validate()?;
        let [width, height] = self.jitter.crop_size.sides();
        match self.jitter.resize.makes_crops() {
            true => self.generator.check_size(height, width),
            false => Ok(()),
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
        let shape = [self.target.planes(), height, width];
        // of label maps, `check_pixels` says what is wrong
        if self.objective.perceptual > 0.0 && self.target.labels.is_none() {
            Lpips::check(shape).map_err(|reason| {
                Error::field(
                    "perceptual",
                    format!("cannot be measured: {reason}; omit it"),
                )
            })?;
        }
        match self.keep_best {
            Some(score) => score.check(shape),
            None => Ok(()),
        }
    }

    /// Checks that a card can number the values of every layer of both networks, for a batch of pairs of this size, which they
    /// accept.
    fn check_layers(&self, [width, height]: [u32; 2]) -> Result<()> {
        if !self.device.is_card() {
            return Ok(());
        }
        let [from, to] = [&self.source, &self.target]
            .map(|domain| [domain.planes(), height as usize, width as usize]);
        let blank = &mut WeightInit::blank();
        let judge = self.discriminator.init_with(blank, &Device::flex())?;
        // real and generated pairs are one batch, unless each pass changes the weights
        let together = if self.discriminator.spectral_norm {
            1
        } else {
            2
        };
        let of_generator = self.generator.layers(from).largest_output();
        let of_discriminator = together * judge.layers(from, to).largest_output();
        let needed = of_generator.max(of_discriminator) * self.batch_size as u64;
        if needed <= MOST_VALUES {
            return Ok(());
        }
        let remedy = match self.batch_size {
            1 => "use smaller pictures, or fewer `filters`",
            _ => "use a smaller `batch_size`, and more of `accumulate`",
        };
        Err(Error::Config(format!(
            "a batch of {} of {width}x{height} pixels needs a layer of {needed} values, and a card can number \
             {MOST_VALUES}; {remedy}",
            count(self.batch_size as u64, "pair")
        )))
    }

    /// Checks that the networks accept the picture sizes of a data set.
    ///
    /// # Errors
    /// Reports the first size that they do not accept, and the remedy.
    pub fn check_data(&self, data: &Survey) -> Result<()> {
        let mut seen = Vec::new();
        for (&size, &pairs) in &data.sizes {
            let size = self.jitter.seen(size).map_err(|reason| {
                Error::Data(format!(
                    "{}: {reason}; resize them, or choose `resize` scale-and-crop",
                    count(pairs as u64, "pair")
                ))
            })?;
            self.check_size(size).map_err(of_data)?;
            seen.push(size);
        }
        seen.sort_unstable();
        seen.dedup();
        for size in &seen {
            self.check_layers(*size)?;
        }
        let [[w1, h1], [w2, h2], ..] = seen[..] else {
            return Ok(());
        };
        let (place, remedy) = if self.batch_size > 1 {
            ("a batch", "use `batch_size` 1")
        } else if self.objective.pool > 0 {
            ("a pool", "omit `pool`")
        } else {
            return Ok(());
        };
        Err(Error::Config(format!(
            "pairs of {w1}x{h1} and {w2}x{h2} pixels cannot share {place}; {remedy} or `resize` scale-and-crop"
        )))
    }
}

/// The error of a size that the pictures of a data set have, and no field.
fn of_data(error: Error) -> Error {
    match error {
        Error::Config(reason) => Error::Data(reason),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::device::DeviceName;
    use crate::data::jitter::ResizePolicy;
    use crate::network::patch_gan::Patch;
    use crate::train::moments::MomentFormat;
    use pix2pix_runtime::network::GeneratorConfig as Generator;
    use pix2pix_runtime::picture::Size;

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
    fn options_that_do_not_do_what_they_say_are_refused_in_new_runs() {
        let checked = |color, direction, r1, gan| {
            let mut config = RunConfig {
                direction,
                ..RunConfig::default()
            };
            config.jitter.color = color;
            (config.objective.r1, config.objective.gan) = (r1, gan);
            assert!(config.validate().is_ok(), "it can be resumed");
            config.check_effects().map_err(|error| error.to_string())
        };
        let (bce, wgan) = (Gan::Bce, Gan::WassersteinPenalty);
        assert_eq!(checked(0.1, Direction::AToB, 1.0, bce), Ok(()));
        assert_eq!(checked(0.0, Direction::BToA, 0.0, wgan), Ok(()));
        let refused = checked(0.1, Direction::BToA, 0.0, bce).unwrap_err();
        assert!(
            refused.starts_with("`color` changes the colors of A, which are the targets"),
            "{refused}"
        );
        let refused = checked(0.0, Direction::AToB, 1.0, wgan).unwrap_err();
        assert!(refused.starts_with("`r1` is another penalty"), "{refused}");
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
    fn weights_that_nothing_reads_are_refused() {
        let checked = |perceptual, keep_best, weights: &str| {
            let mut config = RunConfig {
                keep_best,
                ..RunConfig::default()
            };
            config.objective.perceptual = perceptual;
            config.objective.perceptual_weights = weights.to_string();
            config.check_effects().is_ok()
        };
        assert!(!checked(0.0, None, "weights"));
        assert!(!checked(0.0, Some(Score::Ssim), "weights"));
        assert!(checked(0.0, None, ""));
        assert!(checked(1.0, None, "weights"));
        assert!(checked(0.0, Some(Score::Lpips), "weights"));
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
    fn pictures_of_different_sizes_share_neither_a_batch_nor_a_pool() {
        let checked = |sizes: &[[u32; 2]], batch_size, pool| {
            let mut config = RunConfig {
                batch_size,
                ..RunConfig::default()
            };
            config.jitter.resize = ResizePolicy::None;
            config.objective.pool = pool;
            let data = Survey {
                sizes: sizes.iter().map(|size| (*size, 1)).collect(),
                ..Survey::default()
            };
            config.check_data(&data).map_err(|error| error.to_string())
        };
        let both = [[256, 256], [512, 256]];
        assert_eq!(checked(&both[..1], 2, 2), Ok(()));
        assert_eq!(checked(&both, 1, 0), Ok(()));
        for (batch_size, pool, place) in [(2, 0, "a batch"), (2, 2, "a batch"), (1, 2, "a pool")] {
            let refused = checked(&both, batch_size, pool).unwrap_err();
            assert!(
                refused.contains(&format!("cannot share {place};")),
                "{refused}"
            );
        }
    }

    #[test]
    fn the_pairs_of_a_size_that_does_not_fit_are_counted() {
        let refused = |pairs| {
            let mut config = RunConfig::default();
            config.jitter.resize = ResizePolicy::None;
            let data = Survey {
                sizes: [([64, 48], pairs)].into(),
                ..Survey::default()
            };
            config.check_data(&data).unwrap_err().to_string()
        };
        let [one, two] = [1, 2].map(refused);
        assert!(one.starts_with("1 pair: 64x48 pixels are not"), "{one}");
        assert!(two.starts_with("2 pairs: 64x48 pixels are not"), "{two}");
    }

    /// The largest layer of the paper's generator has 128 channels of 128x128 values for each pair, and the first one of its
    /// discriminator 64 for a real and as many for a generated pair: 2^21 each.
    #[test]
    fn a_card_is_not_given_more_values_than_it_can_number() {
        let checked = |device, batch_size, spectral_norm, filters| {
            let mut config = RunConfig {
                device,
                batch_size,
                ..RunConfig::default()
            };
            config.discriminator.spectral_norm = spectral_norm;
            config.discriminator.filters = filters;
            config.validate().map_err(|error| error.to_string())
        };
        let card = DeviceName::Cuda(0);
        assert_eq!(checked(card, 2047, false, 64), Ok(()));
        let refused = checked(card, 2048, false, 64).unwrap_err();
        assert_eq!(
            refused,
            "a batch of 2048 pairs of 256x256 pixels needs a layer of 4294967296 values, and a card can number 4294901760; use \
             a smaller `batch_size`, and more of `accumulate`"
        );
        assert_eq!(checked(DeviceName::Cpu, 2048, false, 64), Ok(()));
        // the discriminator's is the largest, and with spectral normalization each pass has its own
        assert!(checked(card, 2047, false, 128).is_err());
        assert_eq!(checked(card, 2047, true, 128), Ok(()));
    }

    #[test]
    fn whole_pictures_are_numbered_too() {
        let checked = |size| {
            let mut config = RunConfig {
                device: DeviceName::Cuda(0),
                ..RunConfig::default()
            };
            config.jitter.resize = ResizePolicy::None;
            config.check_data(&Survey {
                sizes: [(size, 1)].into(),
                ..Survey::default()
            })
        };
        // 128 channels of a fourth of the pixels
        assert!(checked([8192, 16_128]).is_ok());
        let large = checked([8192, 16_384]);
        let Err(Error::Config(reason)) = large else {
            panic!("{large:?}");
        };
        assert!(
            reason.starts_with("a batch of 1 pair of 8192x16384 pixels needs"),
            "{reason}"
        );
    }

    #[test]
    fn sizes_of_pictures_are_faults_of_the_data_and_batches_of_the_options() {
        let checked = |sizes: &[[u32; 2]]| {
            let mut config = RunConfig {
                batch_size: 2,
                ..RunConfig::default()
            };
            config.jitter.resize = ResizePolicy::None;
            config.check_data(&Survey {
                sizes: sizes.iter().map(|size| (*size, 1)).collect(),
                ..Survey::default()
            })
        };
        let odd = checked(&[[64, 48]]);
        assert!(matches!(odd, Err(Error::Data(_))), "{odd:?}");
        let both = checked(&[[256, 256], [512, 256]]);
        assert!(matches!(both, Err(Error::Config(_))), "{both:?}");
    }

    #[test]
    fn a_perceptual_loss_needs_pictures_that_it_can_compare() {
        let accepted = |channels, side| {
            let mut config = RunConfig::default();
            let Generator::Unet(unet) = &mut config.generator else {
                panic!("the default is a U-Net");
            };
            (unet.out_channels, unet.depth) = (channels, 4);
            config.discriminator.target_channels = channels;
            config.discriminator.patch = Patch::P16;
            config.target.channels = channels;
            config.jitter.crop_size = Size::square(side);
            config.validate().unwrap();
            config.objective.perceptual = 1.0;
            config.objective.perceptual_weights = "weights".to_string();
            match config.validate() {
                Ok(()) => true,
                Err(Error::Field { field, .. }) => {
                    assert_eq!(field, "perceptual");
                    false
                }
                Err(other) => panic!("{other}"),
            }
        };
        assert!(accepted(3, 64) && accepted(1, 64));
        assert!(!accepted(2, 64) && !accepted(4, 64));
        assert!(!accepted(3, 16));
    }
}
