//! On a card, a step is recorded once, and then run again as one launch: with one pair, preparing three hundred of them
//! takes longer than the card needs for the step.
//!
//! What changes from step to step is in memory of the card that is written before: the pictures, the learning rate with
//! Adam's corrections, and the number of the step's dropout. Everything else is changed in place.

use std::sync::LazyLock;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Int, Tensor};

use super::{Batch, Trainer};
use crate::backend::card::{self, Recording};
use crate::backend::device::{constant, inner};
use crate::network::generator::Generator;
use crate::train::losses::Diverged;
use crate::train::objective::Gan;

/// Whether steps are never replayed, for a comparison: `PIX2PIX_CARD_REPLAY=off`.
static OFF: LazyLock<bool> =
    LazyLock::new(|| std::env::var_os("PIX2PIX_CARD_REPLAY").is_some_and(|value| value == "off"));

/// How far the recording of a step is.
#[derive(Default)]
pub(super) enum Replay {
    /// The next step moves the optimizer to the card.
    #[default]
    Cold,
    /// The next step finds out what memory a step needs.
    Announced(Inputs),
    /// The next step is recorded.
    Ready(Inputs),
    /// Steps are replayed.
    Recorded(Inputs, Recording, Box<[Tensor<1>; 4]>),
    /// Steps are not replayed.
    Never,
}

/// What a recorded step reads from the card's memory.
#[derive(Clone)]
pub(super) struct Inputs {
    batch: Batch,
    rates: Tensor<1>,
    stream: Tensor<1, Int>,
}

impl Inputs {
    /// Memory for batches like this one.
    fn like(batch: &Batch) -> Self {
        let device = batch[0].device();
        let own = |picture: &Tensor<4>| constant(card::own_copy(inner(picture.clone())), &device);
        let plain = device.clone().without_autodiff();
        Self {
            batch: batch.each_ref().map(own),
            rates: Tensor::zeros([2], &plain),
            stream: Tensor::zeros([2], &plain),
        }
    }

    fn fits(&self, batch: &Batch) -> bool {
        let shapes = |batch: &Batch| batch.each_ref().map(|picture| picture.dims());
        shapes(batch) == shapes(&self.batch)
    }
}

impl Trainer {
    /// Whether steps with these batches could be replayed: nothing that the host draws, or that another process sends, is
    /// part of them, nor what was never recorded (the matrix products of `l1_pyramid`, discriminators with several
    /// decisions and their features, the halved picture of a coarse-to-fine generator).
    pub(super) fn is_replayable(&self, batches: &[Batch]) -> bool {
        let objective = &self.config.objective;
        let alone = self.masks.iter().all(Option::is_none)
            && objective.gan != Gan::WassersteinPenalty
            && objective.r1 == 0.0
            && objective.diff_augment.is_empty()
            && objective.augment_target == 0.0
            && objective.pool == 0
            && objective.perceptual == 0.0
            && objective.l1_pyramid == 0
            && objective.feature_matching == 0.0
            && self.shared.is_none()
            // a recorded step has one learning rate for both networks
            && self.generator_learns();
        let discriminator = self.discriminator().config();
        let plain =
            discriminator.scales == 1 && !discriminator.unet && !discriminator.spectral_norm;
        let coarse_to_fine = matches!(self.generator.network(), Generator::Hd(_));
        batches.len() == 1 && alone && plain && !coarse_to_fine && !self.config.recompute && !*OFF
    }

    /// One step on a card, replayed as soon as one is recorded.
    pub(super) fn step_on_card(&mut self, batch: &Batch) -> Result<[Tensor<1>; 4], Diverged> {
        let own = std::slice::from_ref(batch);
        match std::mem::take(&mut self.replay) {
            Replay::Cold => {
                let losses = self.updates(own)?;
                let inputs = Inputs::like(batch);
                self.replay = match card::prepare(&inputs.rates) {
                    Ok(()) => Replay::Announced(inputs),
                    Err(_) => Replay::Never,
                };
                Ok(losses)
            }
            Replay::Announced(inputs) if inputs.fits(batch) => {
                let losses = self.updates_of(&inputs, batch)?;
                self.replay = Replay::Ready(inputs);
                Ok(losses)
            }
            Replay::Ready(inputs) if inputs.fits(batch) => {
                self.fill(&inputs, batch);
                let recorded = card::record(&inputs.rates, || {
                    self.reading(Some(&inputs));
                    let losses = self.updates(std::slice::from_ref(&inputs.batch));
                    self.reading(None);
                    losses
                });
                let in_place = self.generator.optimizer().updates_in_place()
                    && self.discriminator.optimizer().updates_in_place();
                if let Ok((recording, Ok(losses))) = recorded
                    && in_place
                {
                    return self.run(inputs, recording, Box::new(losses));
                }
                // nothing of the step has run
                self.count(self.steps);
                self.replay = Replay::Never;
                self.updates(own)
            }
            Replay::Recorded(inputs, recording, losses) if inputs.fits(batch) => {
                self.fill(&inputs, batch);
                self.run(inputs, recording, losses)
            }
            Replay::Never => {
                self.replay = Replay::Never;
                self.updates(own)
            }
            // a batch of another size
            other => {
                if let Replay::Announced(inputs) | Replay::Ready(inputs) = &other {
                    card::abandon(&inputs.rates);
                }
                self.updates(own)
            }
        }
    }

    /// One step that is not replayed, on the memory of a recording.
    fn updates_of(&mut self, inputs: &Inputs, batch: &Batch) -> Result<[Tensor<1>; 4], Diverged> {
        self.fill(inputs, batch);
        self.reading(Some(inputs));
        let losses = self.updates(std::slice::from_ref(&inputs.batch));
        self.reading(None);
        losses
    }

    /// Writes what this step reads.
    fn fill(&self, inputs: &Inputs, batch: &Batch) {
        for (to, from) in inputs.batch.iter().zip(batch) {
            card::overwrite(&inner(to.clone()), inner(from.clone()));
        }
        card::write(
            &inputs.rates,
            self.generator.optimizer().rates(self.steps, self.rate()),
        );
        let stream = self.chance(0).index;
        card::write_integers(&inputs.stream, [stream as u32, (stream >> 32) as u32]);
    }

    /// Reads the rates and the number of the dropout from a card's memory from now on, or no longer.
    fn reading(&mut self, inputs: Option<&Inputs>) {
        let rates = inputs.map(|inputs| inputs.rates.clone());
        self.generator.optimizer_mut().read_rates(rates.clone());
        self.discriminator.optimizer_mut().read_rates(rates);
        self.stream = inputs.map(|inputs| inputs.stream.clone());
    }

    /// Replays a step.
    fn run(
        &mut self,
        inputs: Inputs,
        recording: Recording,
        losses: Box<[Tensor<1>; 4]>,
    ) -> Result<[Tensor<1>; 4], Diverged> {
        // SAFETY: the networks and optimizers own what the step changes, this trainer owns its inputs and losses, the
        // recording the rest; nobody else has the networks' memory (`generator_for_inference` copies it), and all work of
        // this thread is in order.
        let ran = unsafe { recording.run() };
        ran.expect("the card runs what it recorded");
        self.count(self.steps + 1);
        let result = (*losses).clone();
        self.replay = Replay::Recorded(inputs, recording, losses);
        Ok(result)
    }

    /// Tells both optimizers the number of steps.
    fn count(&mut self, steps: u64) {
        self.generator.optimizer_mut().set_steps(steps);
        self.discriminator.optimizer_mut().set_steps(steps);
    }
}

/// The network with memory of its own, which a replayed step does not change.
pub(super) fn owned<M: Module>(network: M) -> M {
    network.map(&mut Own)
}

struct Own;

impl ModuleMapper for Own {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(card::own_copy)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::TensorData;

    use super::*;
    use crate::backend::card::tests::{card, random};
    use crate::backend::device::{for_training, placed};
    use crate::network::patch_gan::PatchGanConfig;
    use crate::network::weights;
    use crate::train::config::TrainerConfig;
    use pix2pix_runtime::network::GeneratorConfig;
    use pix2pix_runtime::network::UnetConfig;

    /// The losses of each step and the weights after the last one, with and without replays. In between, the network is
    /// copied for inference, and one batch has another size.
    #[test]
    fn replayed_steps_are_the_same_steps() {
        let device = for_training(&card(), false);
        let batches: Vec<[TensorData; 2]> = (0..12)
            .map(|step| {
                let size = if step == 6 { 2 } else { 1 };
                [(); 2].map(|()| random([size, 3, 32, 32]).into_data())
            })
            .collect();
        let train = |replay: Replay| {
            let generator = GeneratorConfig::Unet(UnetConfig {
                filters: 2,
                depth: 5,
                ..UnetConfig::default()
            });
            let discriminator = PatchGanConfig {
                filters: 2,
                ..PatchGanConfig::default()
            };
            let mut config = TrainerConfig::default();
            config.optimizer.ema = 0.9;
            let mut trainer = Trainer::new(&generator, &discriminator, config, &device).unwrap();
            trainer.replay = replay;
            let mut copies = Vec::new();
            let losses: Vec<_> = batches
                .iter()
                .map(|batch| {
                    let batch = batch.clone().map(|values| placed(values, &device));
                    let losses = trainer.step(&[batch]).ok().unwrap().read().unwrap();
                    copies.push(trainer.generator_for_inference());
                    losses.named()
                })
                .collect();
            let early = weights::collect(&copies[4]);
            let networks = (
                weights::collect(trainer.generator()),
                weights::collect(trainer.discriminator()),
            );
            (
                losses,
                early,
                networks,
                matches!(trainer.replay, Replay::Recorded(..)),
            )
        };
        let (losses, early, networks, replayed) = train(Replay::Cold);
        assert!(replayed);
        let (expected, expected_early, expected_networks, replayed) = train(Replay::Never);
        assert!(!replayed);
        assert_eq!(losses, expected);
        assert!(early == expected_early);
        assert!(networks == expected_networks);
    }
}
