//! The training step (paper, section 3.3): one discriminator update on a real and a generated batch,
//! then one generator update through the frozen discriminator.

use std::time::Instant;

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::adam::Adam;
use crate::composite::Composite;
use crate::device::in_pool;
use crate::error::Result;
use crate::init::WeightInit;
use crate::noise::Noise;
use crate::objective;
use crate::patch_gan::{PatchGan, PatchGanConfig};
use crate::unet::{Unet, UnetConfig};

/// The numbers of the optimization.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OptimizerConfig {
    /// Adam's learning rate. Paper: 2e-4.
    pub lr: f64,
    /// Adam's decay of the first moment. Paper: 0.5.
    pub beta1: f32,
    /// Adam's decay of the second moment. Paper: 0.999.
    pub beta2: f32,
    /// Weight of L1 against the adversarial loss. Paper: 100.
    pub lambda: f64,
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        Self {
            lr: 2e-4,
            beta1: 0.5,
            beta2: 0.999,
            lambda: 100.0,
        }
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

/// Where a step's time goes, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Parts {
    /// The generator's forward pass.
    pub generator_forward: f64,
    /// The discriminator's forward passes on the real and the generated pair.
    pub discriminator_forward: f64,
    /// The discriminator's backward pass.
    pub discriminator_backward: f64,
    /// The discriminator's update.
    pub discriminator_update: f64,
    /// The frozen discriminator's forward pass.
    pub composite_forward: f64,
    /// The generator's backward pass, through the discriminator.
    pub generator_backward: f64,
    /// The generator's update.
    pub generator_update: f64,
}

impl Parts {
    /// The parts with their names, in the order in which they happen.
    pub fn named(&self) -> [(&'static str, f64); 7] {
        [
            ("generator forward", self.generator_forward),
            ("discriminator forward", self.discriminator_forward),
            ("discriminator backward", self.discriminator_backward),
            ("discriminator update", self.discriminator_update),
            ("composite forward", self.composite_forward),
            ("generator backward", self.generator_backward),
            ("generator update", self.generator_update),
        ]
    }

    /// Adds one of `steps` measurements to their mean.
    pub fn add(&mut self, other: Self, steps: usize) {
        let share = |mean: &mut f64, part: f64| *mean += part / steps as f64;
        share(&mut self.generator_forward, other.generator_forward);
        share(&mut self.discriminator_forward, other.discriminator_forward);
        share(
            &mut self.discriminator_backward,
            other.discriminator_backward,
        );
        share(&mut self.discriminator_update, other.discriminator_update);
        share(&mut self.composite_forward, other.composite_forward);
        share(&mut self.generator_backward, other.generator_backward);
        share(&mut self.generator_update, other.generator_update);
    }
}

/// Reads the time since the last reading. On a device that works behind the program's back, the time
/// of a part is that of handing its work over.
struct Clock(Instant);

impl Clock {
    fn lap(&mut self) -> f64 {
        let last = std::mem::replace(&mut self.0, Instant::now());
        (self.0 - last).as_secs_f64()
    }
}

/// Both networks, their optimizers, and the step that trains them.
pub struct Trainer {
    /// The generator.
    pub generator: Unet,
    /// The discriminator.
    pub discriminator: PatchGan,
    generator_optimizer: Adam,
    discriminator_optimizer: Adam,
    config: OptimizerConfig,
    seed: u64,
    steps: u64,
    parts: Parts,
}

impl Trainer {
    /// New networks on `device` (with autodiff) whose weights and noise follow from `seed`.
    ///
    /// # Errors
    /// When a configuration is invalid.
    pub fn new(
        generator: &UnetConfig,
        discriminator: &PatchGanConfig,
        config: OptimizerConfig,
        seed: u64,
        device: &Device,
    ) -> Result<Self> {
        Ok(Self::from_networks(
            generator.init(&mut WeightInit::new(seed, 0), device)?,
            discriminator.init(&mut WeightInit::new(seed, 1), device)?,
            config,
            seed,
        ))
    }

    /// Goes on with networks that exist, with fresh optimizers.
    pub fn from_networks(
        generator: Unet,
        discriminator: PatchGan,
        config: OptimizerConfig,
        seed: u64,
    ) -> Self {
        Self {
            generator,
            discriminator,
            generator_optimizer: Adam::new(config.clone()),
            discriminator_optimizer: Adam::new(config.clone()),
            config,
            seed,
            steps: 0,
            parts: Parts::default(),
        }
    }

    /// Trains both networks once on a batch: `source` and `target` are
    /// `[batch, channels, height, width]` in [-1, 1].
    ///
    /// The trainer is taken and given back, so that the optimizers own the weights that they change
    /// in place.
    pub fn step(self, source: Tensor<4>, target: Tensor<4>) -> (Self, Losses) {
        in_pool(|| self.step_in_pool(source, target))
    }

    fn step_in_pool(mut self, source: Tensor<4>, target: Tensor<4>) -> (Self, Losses) {
        let mut noise = Noise::seeded(self.seed, self.steps);
        self.steps += 1;
        let clock = &mut Clock(Instant::now());
        // one forward pass of the generator serves both updates
        let image = self.generator.forward(source.clone(), &mut noise);
        self.parts.generator_forward = clock.lap();

        let fake = image.clone().detach();
        let (trainer, [d_real, d_fake]) =
            self.update_discriminator(source.clone(), target.clone(), fake, clock);
        let (trainer, [g_gan, g_l1]) = trainer.update_generator(source, target, image, clock);
        let losses = Losses {
            d_real: d_real.into_scalar(),
            d_fake: d_fake.into_scalar(),
            g_gan: g_gan.into_scalar(),
            g_l1: g_l1.into_scalar(),
        };
        (trainer, losses)
    }

    fn update_discriminator(
        mut self,
        source: Tensor<4>,
        target: Tensor<4>,
        image: Tensor<4>,
        clock: &mut Clock,
    ) -> (Self, [Tensor<1>; 2]) {
        let real = objective::adversarial(self.discriminator.forward(source.clone(), target), true);
        let fake = objective::adversarial(self.discriminator.forward(source, image), false);
        let losses = [real.clone().detach(), fake.clone().detach()];
        self.parts.discriminator_forward = clock.lap();
        let gradients = objective::discriminator(real, fake).backward();
        let gradients = GradientsParams::from_grads(gradients, &self.discriminator);
        self.parts.discriminator_backward = clock.lap();
        self.discriminator = self
            .discriminator_optimizer
            .step(self.discriminator, gradients);
        self.parts.discriminator_update = clock.lap();
        (self, losses)
    }

    fn update_generator(
        mut self,
        source: Tensor<4>,
        target: Tensor<4>,
        image: Tensor<4>,
        clock: &mut Clock,
    ) -> (Self, [Tensor<1>; 2]) {
        let composite = Composite::new(self.generator, self.discriminator.clone());
        let losses = composite
            .judge(source, image)
            .losses(target, self.config.lambda);
        self.parts.composite_forward = clock.lap();
        let gradients = losses.total.backward();
        self.generator = composite.into_generator();
        let gradients = GradientsParams::from_grads(gradients, &self.generator);
        self.parts.generator_backward = clock.lap();
        self.generator = self.generator_optimizer.step(self.generator, gradients);
        self.parts.generator_update = clock.lap();
        (self, [losses.adversarial.detach(), losses.l1.detach()])
    }

    /// Where the last step's time went.
    pub fn parts(&self) -> Parts {
        self.parts
    }

    /// The generator without autodiff, to translate with.
    pub fn generator_for_inference(&self) -> Unet {
        self.generator.valid()
    }
}
