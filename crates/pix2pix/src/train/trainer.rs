//! The training step (paper, section 3.3): one discriminator update on a real and a generated batch, then one generator
//! update through the frozen discriminator.

mod chance;
mod parts;
#[cfg(feature = "_card")]
mod replay;
mod update;

use std::sync::Arc;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use pix2pix_runtime::network::GeneratorConfig;
use pix2pix_runtime::weights::take;

#[cfg(feature = "_card")]
use crate::backend::device::is_card;
use crate::backend::device::{constant, in_pool};
use crate::data::loader::KnownPixels;
use crate::error::{self, Error};
use crate::network::generator::Generator;
use crate::network::init::{Init, WeightInit};
use crate::network::layers::Layers;
use crate::network::noise::Noise;
use crate::network::patch_gan::{Features, PatchGan, PatchGanConfig};
use crate::network::weights::{self, Weights};
use crate::parallel::gradients::Reducer;
use crate::parallel::{Group, Shard, means};
use crate::train::adam::Adam;
use crate::train::adaptive::{Adaptive, STATE};
use crate::train::composite::{Composite, CompositeOutput};
use crate::train::config::{OptimizerConfig, TrainerConfig};
use crate::train::diff_augment::augment;
use crate::train::ema::Ema;
use crate::train::feature_matching;
use crate::train::gradient_penalty;
use crate::train::image_pool::ImagePool;
use crate::train::learner::Learner;
use crate::train::losses::{Diverged, StepLosses};
use crate::train::objective::{CompositeLoss, Objective, ObjectiveConfig};
use crate::watch::watching;
use crate::weights_file::tensor_file::{TensorValues, prefixed};
use chance::{Chance, Use};
use parts::Clock;
pub use parts::Parts;
use update::{BatchPass, Names, Update, Way};

const GENERATOR: Names = Names {
    network: "generator",
    losses: ["g_gan", "g_l1"],
};
const DISCRIMINATOR: Names = Names {
    network: "discriminator",
    losses: ["d_real", "d_fake"],
};

/// A batch: sources and targets, each `[batch, channels, height, width]` in [-1, 1].
pub type Batch = [Tensor<4>; 2];

/// Both networks, their optimizers, and the step that trains them.
pub struct Trainer {
    generator: Learner<Generator>,
    discriminator: Learner<PatchGan>,
    objective: Objective,
    config: TrainerConfig,
    steps: u64,
    /// Factor of the schedule's learning rate.
    factor: f64,
    /// The share of the run that is done, if that is not a matter of steps.
    done: Option<f64>,
    ema: Option<Ema>,
    pool: ImagePool,
    /// How often the discriminator's inputs are augmented, if not always.
    adaptive: Option<Adaptive>,
    clock: Clock,
    shared: Option<Shared>,
    /// The pixels of the next step's batches that have data.
    masks: Vec<Option<KnownPixels>>,
    /// Their share in all batches of the step, 0 to 1.
    known: f32,
    #[cfg(feature = "_card")]
    replay: replay::Replay,
    /// Where a recorded step reads the number of its dropout.
    #[cfg(feature = "_card")]
    sequence: Option<Tensor<1, burn::tensor::Int>>,
}

/// The group of a trainer, and the gradient sums of both networks.
struct Shared {
    group: Group,
    generator: Reducer,
    discriminator: Reducer,
}

/// A generated batch, and what receives the gradients of its forward pass.
struct Generated {
    image: Tensor<4>,
    pass: BatchPass,
}

impl Trainer {
    /// Creates networks on `device` (with autodiff). Their initial weights depend only on the seed.
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
            generator.init_with(&mut WeightInit::generator(seed), device)?,
            discriminator.init_with(&mut WeightInit::discriminator(seed), device)?,
            config,
            device,
        )
    }

    /// Trains existing networks, with new optimizers.
    ///
    /// # Errors
    /// When LPIPS's weights cannot be read, or the generator has no part that is to be frozen.
    pub fn from_networks(
        generator: impl Into<Generator>,
        discriminator: PatchGan,
        config: TrainerConfig,
        device: &Device,
    ) -> error::Result<Self> {
        let generator = generator.into().with_precision(config.precision);
        let generator = config.optimizer.freeze.in_generator(generator)?;
        let discriminator = discriminator.with_precision(config.precision);
        let ema = config.optimizer.ema;
        Ok(Self {
            ema: (ema > 0.0).then(|| Ema::new(&generator, ema)),
            generator: Learner::new(generator, Adam::new(&config.optimizer)),
            discriminator: Learner::new(discriminator, Adam::new(&config.optimizer)),
            objective: Objective::new(config.objective.clone(), device)?,
            pool: ImagePool::new(config.objective.pool),
            adaptive: (config.objective.augment_target > 0.0).then(|| {
                let ObjectiveConfig {
                    augment_target,
                    augment_pairs,
                    ..
                } = config.objective;
                Adaptive::new(augment_target, augment_pairs)
            }),
            config,
            steps: 0,
            factor: 1.0,
            done: None,
            clock: Clock::start(),
            shared: None,
            masks: Vec::new(),
            known: 1.0,
            #[cfg(feature = "_card")]
            replay: replay::Replay::default(),
            #[cfg(feature = "_card")]
            sequence: None,
        })
    }

    /// Trains as one process of a group, on its share of each batch and with the gradients of all shares. All
    /// processes must start with the same networks. Losses are means over the group.
    pub fn in_group(mut self, group: Group) -> Self {
        if group.sync_norm {
            let communicator = Some(&group.communicator);
            self.generator.network_mut().sync_norms(communicator);
            self.discriminator.network_mut().sync_norms(communicator);
        }
        let shared = Shared {
            generator: Reducer::new(self.generator.network(), group.clone()),
            discriminator: Reducer::new(self.discriminator.network(), group.clone()),
            group,
        };
        Self {
            shared: Some(shared),
            ..self
        }
    }

    /// Resumes training from a checkpoint after `steps` steps. This trainer must have the checkpoint's networks;
    /// `state` is their [`state`](Self::state).
    ///
    /// # Errors
    /// When the state does not match these networks.
    pub fn resume(self, steps: u64, mut state: Weights, device: &Device) -> error::Result<Self> {
        let [raw, generator, discriminator, pool] =
            ["raw", "generator", "discriminator", "pool"].map(|part| take(&mut state, part));
        let augmentation = state.remove(STATE);
        let adaptive = self.adaptive.map(|adaptive| adaptive.resume(augmentation));
        if let Some(name) = state.keys().next() {
            return Err(Error::Data(format!(
                "the tensor {name} does not belong to the state of a training run"
            )));
        }
        let config = &self.config.optimizer;
        // a checkpoint holds the averaged weights, if there are any, and this trainer started with them
        let network = self.generator.into_network();
        let network = match &self.ema {
            Some(_) => weights::restore(network, raw)?,
            None => network,
        };
        Ok(Self {
            generator: Learner::resume(network, config, steps, generator)?,
            discriminator: Learner::resume(
                self.discriminator.into_network(),
                config,
                steps,
                discriminator,
            )?,
            pool: ImagePool::resume(self.config.objective.pool, pool, device)?,
            adaptive: adaptive.transpose()?,
            steps,
            ..self
        })
    }

    /// The state for resuming, without the checkpoint's networks and the number of steps. Random numbers have no
    /// state: they follow from the seed and the number of steps.
    pub fn state(&self) -> Vec<(String, TensorValues<'_>)> {
        let mut state: Vec<(String, TensorValues)> =
            prefixed("generator", self.generator.moments())
                .chain(prefixed("discriminator", self.discriminator.moments()))
                .chain(prefixed("pool", self.pool.state()))
                .chain(self.adaptive.as_ref().map(Adaptive::state))
                .collect();
        if self.ema.is_some() {
            let raw = weights::collect(self.generator()).into_iter();
            state.extend(prefixed("raw", raw.map(|(name, data)| (name, data.into()))));
        }
        state
    }

    /// The generator. On a card, a clone shares its memory with the replayed steps, which change the clone, too; to keep
    /// the generator of this step, take [`generator_for_inference`](Self::generator_for_inference), which copies it.
    pub fn generator(&self) -> &Generator {
        self.generator.network()
    }

    /// The discriminator. On a card, replayed steps change its clones, too, as those of the [`generator`](Self::generator).
    pub fn discriminator(&self) -> &PatchGan {
        self.discriminator.network()
    }

    /// The generator without autodiff, for inference, which later steps do not change. It has the averaged weights, if
    /// there is an average.
    pub fn generator_for_inference(&self) -> Generator {
        let mut network = self.generator().valid();
        #[cfg(feature = "_card")]
        if self.on_card() {
            network = replay::owned(network);
        }
        // inference runs in one process
        network.sync_norms(None);
        match &self.ema {
            Some(ema) => ema.apply(network),
            None => network,
        }
    }

    /// Multiplies the learning rates of the following steps by `factor`, besides the schedule's own changes.
    pub fn set_rate_factor(&mut self, factor: f64) {
        self.factor = factor;
    }

    /// The probability with which each augmentation is applied to a pair of the next step; `None` if it is not adaptive.
    pub fn augment_probability(&self) -> Option<f32> {
        self.adaptive.as_ref().map(Adaptive::probability)
    }

    /// The times of the last step's parts.
    pub fn parts(&self) -> Parts {
        self.clock.parts()
    }

    /// Says which pixels of the next step's batches have data, one mask for each batch; `None` for all pixels. The others enter
    /// no loss: both networks see them as 0 in generated images, as they must be in the targets, and L1 is the mean over the
    /// step's pixels that have data, in all of its batches and in all processes of a group. Without masks, all pixels have; of a
    /// group, either all processes give masks or none does.
    pub fn mask(&mut self, masks: Vec<Option<KnownPixels>>) {
        self.masks = masks;
    }

    /// Trains both networks for one step, on the mean gradient of all batches. The losses are still to be read: on a
    /// card, reading them waits for the end of the step.
    ///
    /// # Errors
    /// When a gradient is not finite. The networks remain, but some of their weights are not finite: training cannot
    /// continue.
    pub fn step(&mut self, batches: &[Batch]) -> Result<StepLosses, Diverged> {
        self.clock.restart();
        self.known = self.known_share();
        let losses = self.both_updates(batches)?;
        self.masks.clear();
        self.steps += 1;
        if let Some(adaptive) = &mut self.adaptive {
            adaptive.step(self.steps);
        }
        if let Some(ema) = &mut self.ema {
            ema.update(self.generator.network(), self.steps);
        }
        self.clock.lap(|parts| &mut parts.generator_update);
        let group = self.shared.as_ref().map(|shared| &shared.group);
        Ok(StepLosses {
            losses,
            group: group.map(|group| Arc::clone(&group.communicator)),
        })
    }

    /// The updates of both networks; on a card, from the thread whose work is in order.
    fn both_updates(&mut self, batches: &[Batch]) -> Result<[Tensor<1>; 4], Diverged> {
        #[cfg(feature = "_card")]
        if self.on_card() {
            return match self.is_replayable(batches) {
                true => self.step_on_card(&batches[0]),
                false => self.updates(batches),
            };
        }
        in_pool(|| self.updates(batches))
    }

    /// Whether the networks are on a card.
    #[cfg(feature = "_card")]
    fn on_card(&self) -> bool {
        self.generator.network().devices().iter().any(is_card)
    }

    /// Updates the discriminator, then the generator. Returns the losses `d_real`, `d_fake`, `g_gan` and `g_l1`.
    fn updates(&mut self, batches: &[Batch]) -> Result<[Tensor<1>; 4], Diverged> {
        // one forward pass of the generator serves both updates; with several batches, which are not in memory
        // together, each batch needs two
        let rate = match self.generator_learns() {
            true => self.rate(),
            false => 0.0,
        };
        let mut update = self.update(GENERATOR, batches.len(), rate, |of| &of.generator);
        let generated = match batches {
            [[source, _]] if !self.config.recompute => Some(self.generate(0, source, &mut update)),
            _ => None,
        };
        let image = generated.as_ref().map(|generated| &generated.image);
        let [d_real, d_fake] = self.update_discriminator(batches, image)?;
        let [g_gan, g_l1] = self.update_generator(batches, generated, update)?;
        Ok([d_real, d_fake, g_gan, g_l1])
    }

    /// The discriminator learns to tell real pairs from generated ones (equation 1; its loss is halved, with its penalty).
    fn update_discriminator(
        &mut self,
        batches: &[Batch],
        image: Option<&Tensor<4>>,
    ) -> Result<[Tensor<1>; 2], Diverged> {
        let (count, rate) = (batches.len(), self.rate());
        let mut update = self.update(DISCRIMINATOR, count, rate, |of| &of.discriminator);
        for (index, [source, target]) in batches.iter().enumerate() {
            let image = match image {
                Some(image) => image.clone().detach(),
                None => self.generate_again(index, source),
            };
            let [real, fake] = self.shown(index, [source.clone(), target.clone()], image);
            let discriminator = self.discriminator.network();
            let pass = update.begin(discriminator, index);
            let pairs = target.dims()[0];
            let (losses, sign) = watching(pass.receiver(), || {
                let [real_maps, fake_maps] = discriminator.judge_both([real.clone(), fake.clone()]);
                let gan = self.config.objective.gan;
                let sign = self.adaptive.as_ref().map(|_| gan.mean_sign(&real_maps));
                let mut losses = self.objective.discriminator(real_maps, fake_maps);
                let mut draws = self.chance(index).draws(Use::Interpolation);
                let objective = self.objective.config();
                let penalty =
                    gradient_penalty::of(objective, discriminator, real, fake, &mut draws);
                if let Some(penalty) = penalty {
                    losses.total = losses.total + penalty * 0.5;
                }
                (losses, sign)
            });
            self.clock.lap(|parts| &mut parts.discriminator_forward);
            update.backward(
                &mut self.discriminator,
                losses.total,
                [losses.real, losses.fake],
                pass,
            );
            if let (Some(sign), Some(adaptive)) = (sign, &mut self.adaptive) {
                let own = sign.into_scalar::<f32>();
                let shared = self.shared.as_ref().map(|shared| &shared.group);
                match shared {
                    None => adaptive.see(own, pairs),
                    // the same in all processes
                    Some(group) => {
                        let mean = means(&*group.communicator, &[own])[0];
                        adaptive.see(mean, pairs * group.shard().ranks);
                    }
                }
            }
            self.clock.lap(|parts| &mut parts.discriminator_backward);
        }
        let losses = update.apply(&mut self.discriminator);
        self.clock.lap(|parts| &mut parts.discriminator_update);
        losses
    }

    /// The generator learns to make images that the frozen discriminator calls real and that are near to the target
    /// (equation 4).
    fn update_generator(
        &mut self,
        batches: &[Batch],
        mut generated: Option<Generated>,
        mut update: Update<Generator>,
    ) -> Result<[Tensor<1>; 2], Diverged> {
        for (index, [source, target]) in batches.iter().enumerate() {
            let generated = generated.take();
            let Generated { image, pass } =
                generated.unwrap_or_else(|| self.generate(index, source, &mut update));
            let losses = self.judged(index, [source, target], image);
            self.clock.lap(|parts| &mut parts.composite_forward);
            update.backward(
                &mut self.generator,
                losses.total,
                [losses.adversarial, losses.l1],
                pass,
            );
            self.clock.lap(|parts| &mut parts.generator_backward);
        }
        let losses = update.apply(&mut self.generator);
        self.clock.lap(|parts| &mut parts.generator_update);
        losses
    }

    /// The losses of a generated image, by the frozen discriminator and by its distance to the target.
    fn judged(
        &self,
        batch: usize,
        [source, target]: [&Tensor<4>; 2],
        image: Tensor<4>,
    ) -> CompositeLoss {
        let composite = Composite::new(self.generator.network(), self.discriminator.network());
        let weight = self.config.objective.feature_matching;
        let as_shown = |image: &Tensor<4>| {
            let pair = [source.clone(), image.clone()];
            self.augmented(batch, pair, Use::AugmentComposite)
        };
        let [shown_source, shown] = as_shown(&image);
        if weight == 0.0 {
            let output = composite.judge_as(shown_source, shown, image);
            return self.losses(output, target.clone());
        }
        let (output, features) = composite.judge_with_features(shown_source, shown, image);
        let real = self.features(as_shown(target));
        let mut losses = self.losses(output, target.clone());
        losses.total = losses.total + feature_matching::distance(features, real) * weight;
        losses
    }

    /// The discriminator's features of a real batch as constants, without the memory of an autodiff graph.
    fn features(&self, [source, target]: Batch) -> Features {
        let device = source.device();
        let network = self.discriminator.network().valid();
        let (_, features) = network.judge_with_features(source.inner(), target.inner());
        let scales = features.into_iter();
        let constants = |features: Vec<Tensor<4>>| {
            let features = features.into_iter();
            features.map(|x| constant(x, &device)).collect()
        };
        scales.map(constants).collect()
    }

    /// A generated batch, with the graph of its forward pass.
    fn generate(
        &self,
        batch: usize,
        source: &Tensor<4>,
        update: &mut Update<Generator>,
    ) -> Generated {
        let network = self.generator.network();
        let pass = update.begin(network, batch);
        let forward = || network.forward(source.clone(), &mut self.noise(batch));
        let image = self.masked(batch, watching(pass.receiver(), forward));
        self.clock.lap(|parts| &mut parts.generator_forward);
        Generated { image, pass }
    }

    /// The same batch as a constant, without the memory of an autodiff graph.
    fn generate_again(&self, batch: usize, source: &Tensor<4>) -> Tensor<4> {
        let network = self.generator.network().valid();
        let image = network.forward(source.clone().inner(), &mut self.noise(batch));
        let image = self.masked(batch, constant(image, &source.device()));
        self.clock.lap(|parts| &mut parts.generator_forward);
        image
    }

    /// The mask of one of this step's batches.
    fn mask_of(&self, batch: usize) -> Option<&KnownPixels> {
        self.masks.get(batch)?.as_ref()
    }

    /// A generated image with 0 where there is no data.
    fn masked(&self, batch: usize, image: Tensor<4>) -> Tensor<4> {
        match self.mask_of(batch) {
            None => image,
            Some(mask) => image * mask.known.clone(),
        }
    }

    /// The share of the step's pixels that have data, in all its batches and in all processes of a group.
    fn known_share(&self) -> f32 {
        if self.masks.is_empty() {
            return 1.0;
        }
        let shares = self.masks.iter().map(|mask| match mask {
            Some(mask) => mask.share,
            None => 1.0,
        });
        let own = shares.sum::<f32>() / self.masks.len() as f32;
        match &self.shared {
            Some(Shared { group, .. }) => means(&*group.communicator, &[own])[0],
            None => own,
        }
    }

    /// The losses of the generator. L1 is a mean over all pixels, of which those without data are equal: scaled by the share of
    /// the others in the whole step, the mean of its batches is that over the others, in whichever batch they are.
    fn losses(&self, output: CompositeOutput, target: Tensor<4>) -> CompositeLoss {
        if self.known == 1.0 {
            return output.losses(target, &self.objective);
        }
        let scale = match self.known > 0.0 {
            true => 1.0 / self.known,
            false => 0.0,
        };
        let output = CompositeOutput {
            image: output.image * scale,
            ..output
        };
        output.losses(target * scale, &self.objective)
    }

    /// The real and the generated pairs as the discriminator sees them: from the pool, and augmented.
    fn shown(&mut self, batch: usize, real: Batch, image: Tensor<4>) -> [Batch; 2] {
        let chance = self.chance(batch);
        let fake = self
            .pool
            .exchange(real[0].clone(), image, &mut chance.rng(Use::Pool));
        [
            self.augmented(batch, real, Use::AugmentReal),
            self.augmented(batch, fake, Use::AugmentFake),
        ]
    }

    /// Pairs with the objective's augmentation.
    fn augmented(&self, batch: usize, pair: Batch, purpose: Use) -> Batch {
        let kinds = &self.config.objective.diff_augment;
        let mut draws = self.chance(batch).draws(purpose);
        augment(kinds, self.augment_probability(), pair, &mut draws)
    }

    /// A new update of one of the networks, at a learning `rate`.
    fn update<M: Module>(
        &self,
        names: Names,
        batches: usize,
        rate: f64,
        reducer: impl Fn(&Shared) -> &Reducer,
    ) -> Update<M> {
        let way = match &self.shared {
            Some(shared) => Way::Group(reducer(shared).clone(), self.shard().ranks),
            #[cfg(feature = "_card")]
            None if self.on_card() => Way::AtTheEnd, // in one launch
            None if batches > 1 => Way::AtTheEnd,
            None => Way::Early,
        };
        Update::new(names, batches, rate, way)
    }

    /// The random numbers of one of this step's batches.
    fn chance(&self, batch: usize) -> Chance {
        Chance {
            seed: self.config.seed,
            index: self.steps * self.config.optimizer.accumulate as u64 + batch as u64,
            shard: self.shard(),
        }
    }

    /// The noise of one of this step's batches.
    fn noise(&self, batch: usize) -> Noise {
        let noise = self.chance(batch).noise();
        #[cfg(feature = "_card")]
        let noise = noise.of_card(self.sequence.clone());
        noise
    }

    /// This process's share of each batch.
    fn shard(&self) -> Shard {
        let shared = self.shared.as_ref();
        shared.map_or(Shard::default(), |shared| shared.group.shard())
    }

    /// Whether the generator's weights change in this step. Until they do, its moments are already collected.
    fn generator_learns(&self) -> bool {
        self.steps >= self.config.optimizer.freeze_generator
    }

    /// Sets the share of the run that is done, 0 to 1, for the learning-rate schedule of the next step. Without it, the
    /// steps decide.
    pub fn set_done(&mut self, share: f64) {
        self.done = Some(share.clamp(0.0, 1.0));
    }

    /// The learning rate of the next step.
    pub fn rate(&self) -> f64 {
        let OptimizerConfig {
            lr,
            schedule,
            decay_steps,
            ..
        } = self.config.optimizer;
        lr * self.factor
            * match self.done {
                None => schedule.share(self.steps, self.config.steps, decay_steps),
                Some(done) => schedule.share_of(done),
            }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::Receiver;

    use burn::tensor::TensorData;
    use pix2pix_runtime::network::{Norm, UnetConfig};

    use super::*;
    use crate::network::patch_gan::Patch;
    use crate::parallel::{Communicator, Wire};

    /// A trainer of pictures that do not depend on others of their batch.
    fn trainer(accumulate: usize) -> Trainer {
        let generator = GeneratorConfig::Unet(UnetConfig {
            filters: 2,
            depth: 4,
            dropout: 0.0,
            norm: Norm::Instance,
            ..UnetConfig::default()
        });
        let discriminator = PatchGanConfig {
            filters: 2,
            patch: Patch::P16,
            norm: Norm::Instance,
            ..PatchGanConfig::default()
        };
        let mut config = TrainerConfig::default();
        config.optimizer.accumulate = accumulate;
        let device = Device::flex().autodiff();
        Trainer::new(&generator, &discriminator, config, &device).unwrap()
    }

    /// A pair whose first `known` rows of 32 have data, and the mask of these.
    fn pair(known: usize) -> (Batch, KnownPixels) {
        let device = Device::flex().autodiff();
        let tensor = |channels: usize, value: &dyn Fn(usize) -> f32| {
            let values: Vec<f32> = (0..channels * 32 * 32).map(value).collect();
            Tensor::from_data(TensorData::new(values, [1, channels, 32, 32]), &device)
        };
        let mask = KnownPixels {
            known: tensor(1, &|pixel| f32::from(u8::from(pixel < known * 32))),
            share: known as f32 / 32.0,
        };
        let [source, target] =
            [0.7, 1.3].map(|pace: f32| tensor(3, &|sample| ((sample + known) as f32 * pace).sin()));
        ([source, target * mask.known.clone()], mask)
    }

    /// The loss L1 of a step, and the generator's gradients.
    fn stepped(batches: &[(Batch, KnownPixels)]) -> (f32, Vec<f32>) {
        let mut trainer = trainer(batches.len());
        trainer.mask(batches.iter().map(|(_, mask)| Some(mask.clone())).collect());
        let batches: Vec<Batch> = batches.iter().map(|(batch, _)| batch.clone()).collect();
        let losses = trainer.step(&batches).unwrap().read().unwrap();
        let state = trainer.state();
        let named = state
            .iter()
            .filter(|(name, _)| name.starts_with("generator.first."));
        let moments = named.flat_map(|(_, values)| {
            use safetensors::View;
            bytemuck::pod_collect_to_vec::<u8, f32>(&values.data())
        });
        (losses.g_l1, moments.collect())
    }

    /// The pairs as one batch.
    fn joined(pairs: &[(Batch, KnownPixels)]) -> (Batch, KnownPixels) {
        let join = |of: fn(&(Batch, KnownPixels)) -> Tensor<4>| {
            Tensor::cat(pairs.iter().map(of).collect(), 0)
        };
        let shares = pairs.iter().map(|(_, mask)| mask.share);
        let mask = KnownPixels {
            known: join(|(_, mask)| mask.known.clone()),
            share: shares.sum::<f32>() / pairs.len() as f32,
        };
        let batch = [
            join(|([source, _], _)| source.clone()),
            join(|([_, target], _)| target.clone()),
        ];
        (batch, mask)
    }

    /// L1 is the mean over the pixels of the whole step that have data, whether they are in one batch or in several, of which
    /// one may have none at all.
    #[test]
    fn pixels_with_data_count_alike_in_all_batches_of_a_step() {
        for known in [[32, 2], [16, 0]] {
            let pairs = known.map(pair);
            let (whole_l1, whole) = stepped(&[joined(&pairs)]);
            let (l1, parts) = stepped(&pairs);
            assert!((l1 - whole_l1).abs() < 1e-5, "{known:?}: {l1}, {whole_l1}");
            let square = |values: &mut dyn Iterator<Item = f32>| values.map(|x| x * x).sum::<f32>();
            let gap = square(&mut whole.iter().zip(&parts).map(|(a, b)| a - b));
            let gap = (gap / square(&mut whole.iter().copied())).sqrt();
            // the discriminator's first update is the sign of a gradient, which rounding flips in places
            assert!(gap < 0.02, "{known:?}: {gap}");
        }
    }

    /// A group in which another process has this share of known pixels.
    #[derive(Debug)]
    struct Other(f32);

    impl Communicator for Other {
        fn shard(&self) -> Shard {
            Shard { rank: 0, ranks: 2 }
        }

        fn all_gather(&self, own: &[u8]) -> Vec<Vec<u8>> {
            vec![own.to_vec(), bytemuck::bytes_of(&self.0).to_vec()]
        }

        fn all_reduce(&self, _: Receiver<Vec<f32>>, _: &[usize], _: Wire) -> Vec<Vec<f32>> {
            unreachable!("no step is done")
        }
    }

    #[test]
    fn pixels_with_data_count_alike_in_all_processes() {
        let group = Group {
            communicator: Arc::new(Other(0.75)),
            wire: Wire::F32,
            sync_norm: false,
        };
        let mut trainer = trainer(2).in_group(group);
        // data without gaps: nothing is asked
        assert_eq!(trainer.known_share(), 1.0);
        let (_, mask) = pair(16);
        trainer.mask(vec![Some(mask), None]);
        assert_eq!(trainer.known_share(), 0.75);
        trainer.mask(vec![None, None]);
        assert_eq!(trainer.known_share(), 0.875);
    }
}
