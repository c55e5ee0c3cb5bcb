//! The training step (paper, section 3.3): one discriminator update on a real and a generated batch,
//! then one generator update through the frozen discriminator.

mod parts;

use std::path::Path;
use std::sync::Arc;

use burn::module::Module;
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::{Device, Tensor};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::backend::device::{constant, in_pool};
use crate::error;
use crate::network::generator::{Generator, GeneratorConfig};
use crate::network::init::WeightInit;
use crate::network::noise::Noise;
use crate::network::patch_gan::{PatchGan, PatchGanConfig};
use crate::network::weights::{self, Weights};
use crate::parallel::gradients::{Pass, Reducer, watching};
use crate::parallel::{Communicator, Group, Shard, means, synced_norm};
use crate::quality::lpips::Lpips;
use crate::train::adam::Adam;
use crate::train::composite::Composite;
use crate::train::diff_augment::{Draws, augment};
use crate::train::ema::Ema;
use crate::train::gradient_penalty;
use crate::train::image_pool::ImagePool;
use crate::train::objective::{self, Gan, ObjectiveConfig};
use crate::train::schedule::Schedule;
use crate::weights_file::tensor_file::{Values, prefixed, take};
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
    /// Whether the generator's forward pass is done twice, so that what its backward pass needs is not in memory while the
    /// discriminator is updated. On a [`training_device`] that recomputes too, normalizations are done once more instead
    /// of kept (Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost", section 4.1).
    pub recompute: bool,
}

/// The device to train on, which keeps what backward passes need, or computes again what is computed fast.
pub fn training_device(device: &Device, recompute: bool) -> Device {
    let device = device.clone().autodiff();
    match recompute {
        true => device.gradient_checkpointing(),
        false => device,
    }
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

/// The losses of a step, still on their device.
pub struct StepLosses {
    losses: [Tensor<1>; 4],
    group: Option<Arc<dyn Communicator>>,
}

impl StepLosses {
    /// Reads them: means over the group, where there is one, all of whose processes must read.
    ///
    /// # Errors
    /// When one is not finite.
    pub fn read(self) -> Result<Losses, Diverged> {
        let mut values = self.losses.map(|loss| loss.into_scalar::<f32>());
        if let Some(group) = self.group {
            let means = means(&*group, &values);
            values.copy_from_slice(&means);
        }
        let [d_real, d_fake, g_gan, g_l1] = values;
        let losses = Losses {
            d_real,
            d_fake,
            g_gan,
            g_l1,
        };
        let mut named = losses.named().into_iter();
        match named.find(|(_, loss)| !loss.is_finite()) {
            Some((name, _)) => Err(Diverged(format!("the loss {name}"))),
            None => Ok(losses),
        }
    }
}

/// A batch: sources and targets, each `[batch, channels, height, width]` in [-1, 1].
pub type Batch = [Tensor<4>; 2];

/// Both networks, their optimizers, and the step that trains them.
pub struct Trainer {
    /// The generator.
    pub generator: Generator,
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
    shared: Option<Shared>,
}

/// A trainer's part in a group.
struct Shared {
    group: Group,
    generator: Reducer,
    discriminator: Reducer,
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
        generator: impl Into<Generator>,
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
            shared: None,
        })
    }

    /// Trains as one process of a group, which begin with the same networks: on its share of each batch, with the
    /// gradients of all. Its losses are means over the group.
    pub fn in_group(self, group: Group) -> Self {
        let shared = Shared {
            generator: Reducer::new(&self.generator, group.clone()),
            discriminator: Reducer::new(&self.discriminator, group.clone()),
            group,
        };
        Self {
            shared: Some(shared),
            ..self
        }
    }

    /// Which share of each batch it trains on.
    fn shard(&self) -> Shard {
        let shared = self.shared.as_ref();
        shared.map_or(Shard::default(), |shared| shared.group.shard())
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
    /// in place. The losses have yet to be read: on a card, that waits until the step is done.
    ///
    /// # Errors
    /// When a gradient is not finite; the networks are lost then.
    pub fn step(self, batches: Vec<Batch>) -> Result<(Self, StepLosses), Diverged> {
        let shared = self.shared.as_ref().filter(|shared| shared.group.sync_norm);
        let synced = shared.map(|shared| shared.group.communicator.clone());
        in_pool(|| synced_norm::during(synced, || self.step_in_pool(batches)))
    }

    fn step_in_pool(mut self, batches: Vec<Batch>) -> Result<(Self, StepLosses), Diverged> {
        self.parts = Parts::default();
        let clock = &mut Clock::start();
        // one forward pass of the generator serves both updates; of several batches, which are not kept
        // in memory together, each has two
        let image = match batches.as_slice() {
            [[source, _]] if !self.config.recompute => {
                let pass = self.shared.as_ref().map(|shared| {
                    let earlier = GradientsParams::new();
                    shared.generator.begin(&self.generator, earlier)
                });
                let forward = || self.generator.forward(source.clone(), &mut self.noise(0));
                Some((watching(pass.as_ref(), forward), pass))
            }
            _ => None,
        };
        clock.lap(&mut self.parts.generator_forward);
        let made = image.as_ref().map(|(image, _)| image);
        let (trainer, [d_real, d_fake]) = self.update_discriminator(&batches, made, clock)?;
        let (mut trainer, [g_gan, g_l1]) = trainer.update_generator(&batches, image, clock)?;
        trainer.steps += 1;
        if let Some(ema) = &mut trainer.ema {
            ema.update(&trainer.generator, trainer.steps);
        }
        clock.lap(&mut trainer.parts.generator_update);
        let group = trainer.shared.as_ref();
        let losses = StepLosses {
            losses: [d_real, d_fake, g_gan, g_l1],
            group: group.map(|shared| shared.group.communicator.clone()),
        };
        Ok((trainer, losses))
    }

    /// The dropout of one of this step's batches.
    fn noise(&self, batch: usize) -> Noise {
        let index = self.steps * self.config.optimizer.accumulate as u64 + batch as u64;
        Noise::seeded(self.config.seed, index).of_shard(self.shard())
    }

    /// Random numbers for one of this step's batches.
    fn chance(&self, chance: Chance, batch: usize) -> ChaCha8Rng {
        let seed = self.config.seed.wrapping_add((chance as u64) << 48);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(self.steps * self.config.optimizer.accumulate as u64 + batch as u64);
        rng
    }

    /// Random numbers for each pair of one of this step's batches.
    fn draws(&self, chance: Chance, batch: usize) -> Draws {
        Draws {
            rng: self.chance(chance, batch),
            shard: self.shard(),
        }
    }

    /// The number by which a loss is divided, so that gradients add up to their mean.
    fn parts_of_a_mean(&self, batches: usize) -> f64 {
        (batches * self.shard().ranks) as f64
    }

    fn rate(&self) -> f64 {
        let OptimizerConfig { lr, schedule, .. } = self.config.optimizer;
        lr * schedule.share(self.steps, self.config.steps)
    }

    fn update_discriminator(
        mut self,
        batches: &[Batch],
        image: Option<&Tensor<4>>,
        clock: &mut Clock,
    ) -> Result<(Self, [Tensor<1>; 2]), Diverged> {
        let count = batches.len();
        let parts = self.parts_of_a_mean(count);
        let mut sum = Sum::default();
        let mut gradients = GradientsAccumulator::new();
        for (index, [source, target]) in batches.iter().enumerate() {
            let fake = match image {
                Some(image) => image.clone().detach(),
                None => {
                    let still = self.generator.valid();
                    let image = still.forward(source.clone().inner(), &mut self.noise(index));
                    constant(image, &source.device())
                }
            };
            clock.lap(&mut self.parts.generator_forward);
            let [real, fake] = self.shown(index, [source.clone(), target.clone()], fake);
            let shared = self.shared.as_ref().filter(|_| index + 1 == count);
            let pass = shared.map(|shared| {
                let reducer = &shared.discriminator;
                reducer.begin(&self.discriminator, gradients.grads())
            });
            let (loss, [on_real, on_fake]) = watching(pass.as_ref(), || {
                let gan = self.config.objective.gan;
                let [real_source, real_image] = real.clone();
                let on_real =
                    gan.discriminator(self.discriminator.forward(real_source, real_image), true);
                let [fake_source, fake_image] = fake.clone();
                let on_fake =
                    gan.discriminator(self.discriminator.forward(fake_source, fake_image), false);
                let mut loss = objective::discriminator(on_real.clone(), on_fake.clone());
                if let Some(penalty) = self.penalty(index, real, fake) {
                    loss = loss + penalty;
                }
                (loss, [on_real, on_fake])
            });
            sum.add([&on_real, &on_fake]);
            clock.lap(&mut self.parts.discriminator_forward);
            let found = (loss / parts).backward();
            let mut found = GradientsParams::from_grads(found, &self.discriminator);
            if let Some(pass) = pass {
                found = pass.finish(&self.discriminator, found);
            }
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
            augment(kinds, real, &mut self.draws(Chance::AugmentReal, index)),
            augment(kinds, fake, &mut self.draws(Chance::AugmentFake, index)),
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
        mut image: Option<(Tensor<4>, Option<Pass>)>,
        clock: &mut Clock,
    ) -> Result<(Self, [Tensor<1>; 2]), Diverged> {
        let count = batches.len();
        let parts = self.parts_of_a_mean(count);
        let mut sum = Sum::default();
        let mut gradients = GradientsAccumulator::new();
        let noises: Vec<Noise> = (0..batches.len()).map(|index| self.noise(index)).collect();
        let augmentations: Vec<Draws> = (0..batches.len())
            .map(|index| self.draws(Chance::AugmentComposite, index))
            .collect();
        let rate = self.rate();
        let composite = Composite::new(self.generator, self.discriminator.clone());
        let chances = noises.into_iter().zip(augmentations);
        for (index, ([source, target], (mut noise, mut draws))) in
            batches.iter().zip(chances).enumerate()
        {
            let (image, pass) = image.take().unwrap_or_else(|| {
                let shared = self.shared.as_ref().filter(|_| index + 1 == count);
                let pass = shared.map(|shared| {
                    let reducer = &shared.generator;
                    reducer.begin(composite.generator(), gradients.grads())
                });
                let forward = || composite.generator().forward(source.clone(), &mut noise);
                (watching(pass.as_ref(), forward), pass)
            });
            clock.lap(&mut self.parts.generator_forward);
            let kinds = &self.config.objective.diff_augment;
            let [source, shown] = augment(kinds, [source.clone(), image.clone()], &mut draws);
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
            let found = (total / parts).backward();
            let mut found = GradientsParams::from_grads(found, composite.generator());
            if let Some(pass) = pass {
                found = pass.finish(composite.generator(), found);
            }
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
    pub fn generator_for_inference(&self) -> Generator {
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

    fn mean(self, count: usize) -> [Tensor<1>; 2] {
        let sums = self.0.expect("a step has a batch");
        sums.map(|sum| sum / count as f64)
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
