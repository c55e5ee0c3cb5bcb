//! The training step (paper, section 3.3): one discriminator update on a real and a generated batch,
//! then one generator update through the frozen discriminator.

mod parts;

use std::path::Path;

use burn::module::Module;
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::{Device, Tensor};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::adam::Adam;
use crate::composite::Composite;
use crate::device::in_pool;
use crate::diff_augment::augment;
use crate::ema::Ema;
use crate::error;
use crate::generator::{GeneratorConfig, GeneratorNetwork};
use crate::gradient_penalty;
use crate::image_pool::ImagePool;
use crate::init::WeightInit;
use crate::noise::Noise;
use crate::objective::{self, Gan, ObjectiveConfig};
use crate::patch_gan::{PatchGan, PatchGanConfig};
use crate::quality::lpips::Lpips;
use crate::schedule::Schedule;
use crate::tensor_file::{Values, prefixed, take};
use crate::weights::{self, Weights};
use parts::Clock;
pub use parts::Parts;

/// The numbers of the optimization.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)] // files of earlier versions lack the newest fields
pub struct OptimizerConfig {
    /// Adam's learning rate. Paper: 2e-4.
    pub lr: f64,
    /// How it changes.
    pub schedule: Schedule,
    /// Adam's decay of the first moment. Paper: 0.5.
    pub beta1: f32,
    /// Adam's decay of the second moment. Paper: 0.999.
    pub beta2: f32,
    /// Weight of L1 against the adversarial loss. Paper: 100.
    pub lambda: f64,
    /// What stays of the generator's averaged weights at each step; 0 for no average.
    pub ema: f64,
    /// Batches whose gradients are averaged for a step.
    pub accumulate: usize,
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        Self {
            lr: 2e-4,
            schedule: Schedule::Constant,
            beta1: 0.5,
            beta2: 0.999,
            lambda: 100.0,
            ema: 0.0,
            accumulate: 1,
        }
    }
}

/// What makes a trainer beside its networks.
#[derive(Clone, Debug, Default)]
pub struct TrainerConfig {
    /// The optimization.
    pub optimizer: OptimizerConfig,
    /// The losses.
    pub objective: ObjectiveConfig,
    /// Seed of dropout, augmentation and the image pool.
    pub seed: u64,
    /// Steps of the whole run, by which a schedule goes.
    pub steps: u64,
}

/// The losses of one step, before its updates.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Losses {
    /// The discriminator's on real pairs.
    pub d_real: f32,
    /// The discriminator's on generated pairs.
    pub d_fake: f32,
    /// The generator's adversarial loss, through the updated discriminator.
    pub g_gan: f32,
    /// Mean absolute difference of output and target, in units of [-1, 1], without lambda.
    pub g_l1: f32,
}

impl Losses {
    /// The losses with their names.
    pub fn named(&self) -> [(&'static str, f32); 4] {
        [
            ("d_real", self.d_real),
            ("d_fake", self.d_fake),
            ("g_gan", self.g_gan),
            ("g_l1", self.g_l1),
        ]
    }
}

/// A step after which training cannot go on: what is not a finite number any more, e.g. "the loss g_l1" or
/// "the gradient of generator.output.weight".
#[derive(Clone, Debug, PartialEq)]
pub struct Diverged(pub String);

/// A batch: sources and targets, each `[batch, channels, height, width]` in [-1, 1].
pub type Batch = [Tensor<4>; 2];

/// Both networks, their optimizers, and the step that trains them.
pub struct Trainer {
    /// The generator.
    pub generator: GeneratorNetwork,
    /// The discriminator.
    pub discriminator: PatchGan,
    generator_optimizer: Adam,
    discriminator_optimizer: Adam,
    config: TrainerConfig,
    steps: u64,
    ema: Option<Ema>,
    pool: ImagePool,
    lpips: Option<Lpips>,
    parts: Parts,
}

/// What is random beside the weights, the data and the dropout.
#[derive(Clone, Copy)]
enum Chance {
    AugmentReal = 1,
    AugmentFake = 2,
    AugmentComposite = 3,
    Pool = 4,
    Interpolation = 5,
}

impl Trainer {
    /// New networks on `device` (with autodiff) whose weights follow from the seed.
    ///
    /// # Errors
    /// When a network cannot be built, or LPIPS's weights cannot be read.
    pub fn new(
        generator: &GeneratorConfig,
        discriminator: &PatchGanConfig,
        config: TrainerConfig,
        device: &Device,
    ) -> error::Result<Self> {
        let seed = config.seed;
        Self::from_networks(
            generator.init(&mut WeightInit::new(seed, 0), device)?,
            discriminator.init(&mut WeightInit::new(seed, 1), device)?,
            config,
            device,
        )
    }

    /// Goes on with networks that exist, with fresh optimizers.
    ///
    /// # Errors
    /// When LPIPS's weights cannot be read.
    pub fn from_networks(
        generator: impl Into<GeneratorNetwork>,
        discriminator: PatchGan,
        config: TrainerConfig,
        device: &Device,
    ) -> error::Result<Self> {
        let generator = generator.into();
        let ObjectiveConfig {
            pool,
            perceptual,
            perceptual_weights,
            ..
        } = &config.objective;
        let lpips = match *perceptual > 0.0 {
            true => Some(Lpips::load(Path::new(perceptual_weights), device)?),
            false => None,
        };
        let ema = config.optimizer.ema;
        Ok(Self {
            ema: (ema > 0.0).then(|| Ema::new(&generator, ema)),
            generator,
            discriminator,
            generator_optimizer: Adam::new(config.optimizer.clone()),
            discriminator_optimizer: Adam::new(config.optimizer.clone()),
            pool: ImagePool::new(*pool),
            lpips,
            config,
            steps: 0,
            parts: Parts::default(),
        })
    }

    /// Goes on after this trainer's networks, those of a checkpoint, have done `steps` steps, with the
    /// [`state`](Self::state) of then.
    ///
    /// # Errors
    /// In words, when the state is not of these networks.
    pub fn resume(self, steps: u64, mut state: Weights, device: &Device) -> Result<Self, String> {
        let [raw, generator, discriminator, pool] =
            ["raw", "generator", "discriminator", "pool"].map(|part| take(&mut state, part));
        if let Some(name) = state.keys().next() {
            return Err(format!("the tensor {name} is not of this kind of training"));
        }
        // a checkpoint holds the averages, if there are any, and this trainer has begun with them
        let network = match &self.ema {
            Some(_) => weights::restore(self.generator, raw)?,
            None => self.generator,
        };
        let optimizer = &self.config.optimizer;
        Ok(Self {
            generator_optimizer: Adam::resume(optimizer.clone(), steps, &network, generator)?,
            discriminator_optimizer: Adam::resume(
                optimizer.clone(),
                steps,
                &self.discriminator,
                discriminator,
            )?,
            pool: ImagePool::resume(self.config.objective.pool, pool, device)?,
            generator: network,
            steps,
            ..self
        })
    }

    /// What training needs to go on, beside the networks of the checkpoint and the number of steps: all that
    /// is random follows from the seed and that number.
    pub fn state(&self) -> Vec<(String, Values<'_>)> {
        let generator = self.generator_optimizer.moments(&self.generator);
        let discriminator = self.discriminator_optimizer.moments(&self.discriminator);
        let mut state: Vec<(String, Values)> = prefixed("generator", generator)
            .chain(prefixed("discriminator", discriminator))
            .chain(prefixed("pool", self.pool.state()))
            .collect();
        if self.ema.is_some() {
            let raw = weights::collect(&self.generator).into_iter();
            state.extend(prefixed("raw", raw.map(|(name, data)| (name, data.into()))));
        }
        state
    }

    /// Trains both networks once, on the averaged gradients of all batches.
    ///
    /// The trainer is taken and given back, so that the optimizers own the weights that they change
    /// in place.
    ///
    /// # Errors
    /// When a loss or a gradient is not finite; the networks are lost then.
    pub fn step(self, batches: Vec<Batch>) -> Result<(Self, Losses), Diverged> {
        in_pool(|| self.step_in_pool(batches))
    }

    fn step_in_pool(mut self, batches: Vec<Batch>) -> Result<(Self, Losses), Diverged> {
        self.parts = Parts::default();
        let clock = &mut Clock::start();
        // one forward pass of the generator serves both updates; of several batches, which are not kept
        // in memory together, each has two
        let image = match batches.as_slice() {
            [[source, _]] => Some(self.generator.forward(source.clone(), &mut self.noise(0))),
            _ => None,
        };
        clock.lap(&mut self.parts.generator_forward);
        let (trainer, [d_real, d_fake]) = self.update_discriminator(&batches, &image, clock)?;
        let (mut trainer, [g_gan, g_l1]) = trainer.update_generator(&batches, image, clock)?;
        trainer.steps += 1;
        if let Some(ema) = &mut trainer.ema {
            ema.update(&trainer.generator, trainer.steps);
        }
        clock.lap(&mut trainer.parts.generator_update);
        let losses = Losses {
            d_real: d_real.into_scalar(),
            d_fake: d_fake.into_scalar(),
            g_gan: g_gan.into_scalar(),
            g_l1: g_l1.into_scalar(),
        };
        let not_finite = losses
            .named()
            .into_iter()
            .find(|(_, loss)| !loss.is_finite());
        match not_finite {
            Some((name, _)) => Err(Diverged(format!("the loss {name}"))),
            None => Ok((trainer, losses)),
        }
    }

    /// The dropout of one of this step's batches.
    fn noise(&self, batch: usize) -> Noise {
        let index = self.steps * self.config.optimizer.accumulate as u64 + batch as u64;
        Noise::seeded(self.config.seed, index)
    }

    /// Random numbers for one of this step's batches.
    fn chance(&self, chance: Chance, batch: usize) -> ChaCha8Rng {
        let seed = self.config.seed.wrapping_add((chance as u64) << 48);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(self.steps * self.config.optimizer.accumulate as u64 + batch as u64);
        rng
    }

    fn rate(&self) -> f64 {
        let OptimizerConfig { lr, schedule, .. } = self.config.optimizer;
        lr * schedule.share(self.steps, self.config.steps)
    }

    fn update_discriminator(
        mut self,
        batches: &[Batch],
        image: &Option<Tensor<4>>,
        clock: &mut Clock,
    ) -> Result<(Self, [Tensor<1>; 2]), Diverged> {
        let count = batches.len() as f64;
        let mut sum = Sum::default();
        let mut gradients = GradientsAccumulator::new();
        for (index, [source, target]) in batches.iter().enumerate() {
            let fake = match image {
                Some(image) => image.clone().detach(),
                None => {
                    let still = self.generator.valid();
                    let image = still.forward(source.clone().inner(), &mut self.noise(index));
                    Tensor::from_inner(image)
                }
            };
            clock.lap(&mut self.parts.generator_forward);
            let [real, fake] = self.shown(index, [source.clone(), target.clone()], fake);
            let gan = self.config.objective.gan;
            let [real_source, real_image] = real.clone();
            let on_real =
                gan.discriminator(self.discriminator.forward(real_source, real_image), true);
            let [fake_source, fake_image] = fake.clone();
            let on_fake =
                gan.discriminator(self.discriminator.forward(fake_source, fake_image), false);
            sum.add([&on_real, &on_fake]);
            let mut loss = objective::discriminator(on_real, on_fake);
            if let Some(penalty) = self.penalty(index, real, fake) {
                loss = loss + penalty;
            }
            clock.lap(&mut self.parts.discriminator_forward);
            let found = (loss / count).backward();
            let found = GradientsParams::from_grads(found, &self.discriminator);
            gradients.accumulate(&self.discriminator, found);
            clock.lap(&mut self.parts.discriminator_backward);
        }
        let losses = sum.mean(count);
        let rate = self.rate();
        self.discriminator = self
            .discriminator_optimizer
            .step(self.discriminator, gradients.grads(), rate)
            .map_err(|name| diverged("discriminator", &name, ["d_real", "d_fake"], &losses))?;
        clock.lap(&mut self.parts.discriminator_update);
        Ok((self, losses))
    }

    /// The real and the generated pairs as the discriminator is shown them.
    fn shown(&mut self, index: usize, real: Batch, fake: Tensor<4>) -> [Batch; 2] {
        let mut rng = self.chance(Chance::Pool, index);
        let fake = self.pool.exchange(real[0].clone(), fake, &mut rng);
        let kinds = &self.config.objective.diff_augment;
        [
            augment(kinds, real, &mut self.chance(Chance::AugmentReal, index)),
            augment(kinds, fake, &mut self.chance(Chance::AugmentFake, index)),
        ]
    }

    /// What is added to the discriminator's loss.
    fn penalty(&self, index: usize, real: Batch, fake: Batch) -> Option<Tensor<1>> {
        let ObjectiveConfig { gan, r1, .. } = self.config.objective;
        let [source, image] = real;
        if gan == Gan::WassersteinPenalty {
            let share: f32 = self
                .chance(Chance::Interpolation, index)
                .random_range(0.0..1.0);
            let between = |real: Tensor<4>, fake: Tensor<4>| real * share + fake * (1.0 - share);
            let [fake_source, fake_image] = fake;
            let (source, image) = (between(source, fake_source), between(image, fake_image));
            return Some(gradient_penalty::wgan_gp(
                &self.discriminator,
                source,
                image,
            ));
        }
        (r1 > 0.0).then(|| gradient_penalty::r1(&self.discriminator, source, image, r1))
    }

    fn update_generator(
        mut self,
        batches: &[Batch],
        mut image: Option<Tensor<4>>,
        clock: &mut Clock,
    ) -> Result<(Self, [Tensor<1>; 2]), Diverged> {
        let count = batches.len() as f64;
        let mut sum = Sum::default();
        let mut gradients = GradientsAccumulator::new();
        let noises: Vec<Noise> = (0..batches.len()).map(|index| self.noise(index)).collect();
        let augmentations: Vec<ChaCha8Rng> = (0..batches.len())
            .map(|index| self.chance(Chance::AugmentComposite, index))
            .collect();
        let rate = self.rate();
        let composite = Composite::new(self.generator, self.discriminator.clone());
        let chances = noises.into_iter().zip(augmentations);
        for ([source, target], (mut noise, mut rng)) in batches.iter().zip(chances) {
            let image = match image.take() {
                Some(image) => image,
                None => composite.generator().forward(source.clone(), &mut noise),
            };
            clock.lap(&mut self.parts.generator_forward);
            let kinds = &self.config.objective.diff_augment;
            let [source, shown] = augment(kinds, [source.clone(), image.clone()], &mut rng);
            let losses = composite.judge_as(source, shown, image.clone()).losses(
                target.clone(),
                self.config.objective.gan,
                self.config.optimizer.lambda,
            );
            sum.add([&losses.adversarial, &losses.l1]);
            let mut total = losses.total;
            if let Some(lpips) = &self.lpips {
                let distance = lpips.distance(image, target.clone()).mean();
                total = total + distance * self.config.objective.perceptual;
            }
            clock.lap(&mut self.parts.composite_forward);
            let found = (total / count).backward();
            let found = GradientsParams::from_grads(found, composite.generator());
            gradients.accumulate(composite.generator(), found);
            clock.lap(&mut self.parts.generator_backward);
        }
        let losses = sum.mean(count);
        self.generator = self
            .generator_optimizer
            .step(composite.into_generator(), gradients.grads(), rate)
            .map_err(|name| diverged("generator", &name, ["g_gan", "g_l1"], &losses))?;
        clock.lap(&mut self.parts.generator_update);
        Ok((self, losses))
    }

    /// Where the last step's time went.
    pub fn parts(&self) -> Parts {
        self.parts
    }

    /// The generator without autodiff, to translate with: its averaged weights, if there is an average.
    pub fn generator_for_inference(&self) -> GeneratorNetwork {
        let network = self.generator.valid();
        match &self.ema {
            Some(ema) => ema.apply(network),
            None => network,
        }
    }
}

/// Two losses, added up over batches.
#[derive(Default)]
struct Sum(Option<[Tensor<1>; 2]>);

impl Sum {
    fn add(&mut self, losses: [&Tensor<1>; 2]) {
        let [first, second] = losses.map(|loss| loss.clone().detach());
        self.0 = Some(match self.0.take() {
            None => [first, second],
            Some([a, b]) => [a + first, b + second],
        });
    }

    fn mean(self, count: f64) -> [Tensor<1>; 2] {
        self.0.expect("a step has a batch").map(|sum| sum / count)
    }
}

/// What to blame: a loss that is not finite, else the gradient of the tensor `name`.
fn diverged(network: &str, name: &str, names: [&str; 2], losses: &[Tensor<1>; 2]) -> Diverged {
    let blamed = names.iter().zip(losses).find(|(_, loss)| {
        let loss: f32 = (*loss).clone().into_scalar();
        !loss.is_finite()
    });
    Diverged(match blamed {
        Some((loss, _)) => format!("the loss {loss}"),
        None => format!("the gradient of {network}.{name}"),
    })
}
