//! On a card, a step is recorded once, and then run again as one launch: with one pair, preparing three hundred of them
//! takes longer than the card needs for the step.
//!
//! What changes from step to step is in memory of the card that is written before: the pictures, the learning rate with
//! Adam's corrections, and the seed and number of the step's dropout. Everything else is changed in place.

use burn::cubecl::client::Client;
use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Int, Tensor};

use super::{Batch, Trainer};
use crate::backend::card::{self, Repeated};
use crate::backend::device::{constant, inner};
use crate::network::generator::Generator;
use crate::train::losses::Diverged;
use crate::train::objective::Gan;

/// How far the recording of a trainer's steps is.
pub(super) type Replay = card::Replay<Inputs, [Tensor<1>; 4]>;

/// What a recorded step reads from the card's memory.
pub(super) struct Inputs {
    batch: Batch,
    rates: Tensor<1>,
    /// The seed and the number of the step's dropout.
    sequence: Tensor<1, Int>,
}

/// A step with one batch.
struct Step<'a> {
    trainer: &'a mut Trainer,
    batch: &'a Batch,
}

// SAFETY: the networks and optimizers own what the step changes, and stay with the trainer, which owns the recording too;
// nobody else has the networks' memory (`generator_for_inference` copies it), and a trainer is used by one thread at a time,
// whose work is in order.
unsafe impl Repeated for Step<'_> {
    type Inputs = Inputs;
    type Output = [Tensor<1>; 4];
    type Failure = Diverged;

    fn card(&self) -> Client {
        card::client(&inner(self.batch[0].clone()))
    }

    fn inputs(&self) -> Inputs {
        let device = self.batch[0].device();
        let own = |picture: &Tensor<4>| constant(card::own_copy(inner(picture.clone())), &device);
        let plain = device.clone().without_autodiff();
        Inputs {
            batch: self.batch.each_ref().map(own),
            rates: Tensor::zeros([2], &plain),
            sequence: Tensor::zeros([4], &plain),
        }
    }

    fn fits(&self, inputs: &Inputs) -> bool {
        let shapes = |batch: &Batch| batch.each_ref().map(|picture| picture.dims());
        shapes(self.batch) == shapes(&inputs.batch)
    }

    fn fill(&self, inputs: &Inputs) {
        for (to, from) in inputs.batch.iter().zip(self.batch) {
            card::overwrite(&inner(to.clone()), inner(from.clone()));
        }
        let trainer = &self.trainer;
        let rates = trainer
            .generator
            .optimizer()
            .rates(trainer.steps, trainer.rate());
        card::write(&inputs.rates, rates);
        let chance = trainer.chance(0);
        card::write_words(&inputs.sequence, [chance.seed, chance.index]);
    }

    fn work(&mut self, inputs: Option<&Inputs>) -> Result<[Tensor<1>; 4], Diverged> {
        let batch = inputs.map_or(self.batch, |inputs| &inputs.batch);
        self.trainer.reading(inputs);
        let losses = self.trainer.updates(std::slice::from_ref(batch));
        self.trainer.reading(None);
        losses
    }

    fn is_in_place(&self) -> bool {
        self.trainer.generator.optimizer().updates_in_place()
            && self.trainer.discriminator.optimizer().updates_in_place()
    }

    fn recorded(&mut self, ran: bool) {
        let steps = self.trainer.steps + u64::from(ran);
        self.trainer.generator.optimizer_mut().set_steps(steps);
        self.trainer.discriminator.optimizer_mut().set_steps(steps);
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
        batches.len() == 1 && alone && plain && !coarse_to_fine && !self.config.recompute
    }

    /// One step on a card, replayed as soon as one is recorded.
    pub(super) fn step_on_card(&mut self, batch: &Batch) -> Result<[Tensor<1>; 4], Diverged> {
        let mut replay = std::mem::take(&mut self.replay);
        let losses = replay.run(&mut Step {
            trainer: self,
            batch,
        });
        self.replay = replay;
        losses
    }

    /// Reads the rates and the dropout's numbers from a card's memory from now on, or no longer.
    fn reading(&mut self, inputs: Option<&Inputs>) {
        let rates = inputs.map(|inputs| inputs.rates.clone());
        self.generator.optimizer_mut().read_rates(rates.clone());
        self.discriminator.optimizer_mut().read_rates(rates);
        self.sequence = inputs.map(|inputs| inputs.sequence.clone());
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
