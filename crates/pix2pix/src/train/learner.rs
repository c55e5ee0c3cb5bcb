//! A network with its optimizer.

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

use crate::error::{self, Error};
use crate::network::weights::Weights;
use crate::train::adam::{Adam, NotFinite};
use crate::train::config::OptimizerConfig;
use crate::train::early::Early;
use crate::weights_file::tensor_file::TensorValues;

/// A network and the optimizer that updates it.
pub struct Learner<M> {
    /// `None` only while the optimizer owns the network, to change its weights in place, or after a panic meanwhile.
    network: Option<M>,
    optimizer: Adam,
}

impl<M: Module> Learner<M> {
    /// Joins a network, on a device with autodiff, and an optimizer.
    pub fn new(network: M, optimizer: Adam) -> Self {
        Self {
            network: Some(network),
            optimizer,
        }
    }

    /// Joins a network and its optimizer after `steps` steps, with the [`moments`](Self::moments) of a checkpoint.
    ///
    /// # Errors
    /// When the moments do not match this network.
    pub(crate) fn resume(
        network: M,
        config: &OptimizerConfig,
        steps: u64,
        moments: Weights,
    ) -> error::Result<Self> {
        let optimizer = Adam::resume(config, steps, &network, moments)?;
        Ok(Self::new(network, optimizer))
    }

    /// The network.
    ///
    /// # Panics
    /// When an update panicked before.
    pub fn network(&self) -> &M {
        self.network.as_ref().expect(WHOLE)
    }

    /// The network, mutable.
    pub(crate) fn network_mut(&mut self) -> &mut M {
        self.network.as_mut().expect(WHOLE)
    }

    /// The moments of the network's parameters, for a checkpoint: `first.NAME` and `second.NAME`, flat.
    pub(crate) fn moments(&self) -> Vec<(String, TensorValues<'_>)> {
        self.optimizer.moments(self.network())
    }

    /// The optimizer, mutable.
    #[cfg(feature = "_card")]
    pub(crate) fn optimizer_mut(&mut self) -> &mut Adam {
        &mut self.optimizer
    }

    /// The optimizer.
    #[cfg(feature = "_card")]
    pub(crate) fn optimizer(&self) -> &Adam {
        &self.optimizer
    }

    /// The network without its optimizer.
    pub fn into_network(self) -> M {
        self.network.expect(WHOLE)
    }

    /// One training step: computes the gradient of a `loss`, `[1]`, and updates the network at a learning `rate`.
    ///
    /// # Errors
    /// When the gradient is not finite, as after [`step`](Self::step).
    pub fn minimize(&mut self, loss: Tensor<1>, rate: f64) -> error::Result<()> {
        let gradients = self.backward(loss, None, rate);
        self.step(gradients, rate)
            .map_err(|reason| Error::Failed(format!("{reason}; use a lower learning rate")))
    }

    /// Computes the gradient of a `loss`, `[1]`. `early` updates the weights that it watches on the way, at a learning
    /// `rate`; what is returned is for the [`step`](Self::step) that must follow at the same rate.
    pub(crate) fn backward(
        &mut self,
        loss: Tensor<1>,
        early: Option<&Early>,
        rate: f64,
    ) -> GradientsParams {
        let Some(early) = early else {
            return GradientsParams::from_grads(loss.backward(), self.network());
        };
        let network = self.network.take().expect(WHOLE);
        let network = self.optimizer.lend(network, early, rate);
        let gradients = GradientsParams::from_grads(loss.backward(), &network);
        self.network = Some(self.optimizer.take_back(network, early));
        gradients
    }

    /// One step along `gradients` at a learning `rate`.
    ///
    /// # Errors
    /// When a gradient is not finite; its parameter is then not finite either, but the network remains. Only the CPU
    /// checks this. On cards, the next losses are not finite.
    pub fn step(&mut self, gradients: GradientsParams, rate: f64) -> Result<(), NotFinite> {
        let network = self.network.take().expect(WHOLE);
        let (network, finite) = self.optimizer.step(network, gradients, rate);
        self.network = Some(network);
        finite
    }
}

const WHOLE: &str = "no update has panicked";

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use burn::backend::Flex;
    use burn::module::{ModuleVisitor, Param};
    use burn::tensor::Device;

    use super::*;
    use crate::backend::device::for_training;
    use crate::network::conv::Conv;
    use crate::network::init::WeightInit;
    use crate::train::moments::MomentFormat;
    use crate::watch::{Receiver, watching};
    use pix2pix_runtime::network::Window;

    const WINDOW: Window = Window {
        kernel: 4,
        stride: 2,
        padding: [1, 1],
    };

    /// Address and values of each parameter.
    #[derive(Default)]
    struct Places(Vec<(usize, Vec<f32>)>);

    impl ModuleVisitor for Places {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let tensor = param.val().inner().try_into_primitive::<Flex>().unwrap();
            let values: &[f32] = tensor.storage();
            self.0.push((values.as_ptr() as usize, values.to_vec()));
        }
    }

    fn places<M: Module>(network: &M) -> Vec<(usize, Vec<f32>)> {
        let mut places = Places::default();
        network.visit(&mut places);
        places.0
    }

    /// Steps of a convolution that sees two pictures, one behind the other if `twice`.
    fn trained(moments: MomentFormat, early: bool, twice: bool) -> Vec<(usize, Vec<f32>)> {
        let device = for_training(&Device::flex(), false);
        let conv = Conv::new([3, 5], WINDOW, true, &mut WeightInit::generator(1), &device);
        let config = OptimizerConfig {
            moments,
            ..OptimizerConfig::default()
        };
        let before = places(&conv);
        let mut learner = Learner::new(conv, Adam::new(&config));
        let picture = |seed: f32| {
            let values = (0..2 * 3 * 16 * 16).map(|i| (i as f32 * seed).sin());
            Tensor::<1>::from_floats(&*values.collect::<Vec<f32>>(), &device)
                .reshape([2, 3, 16, 16])
        };
        for step in 0..3 {
            let receiver = early.then(Arc::<Early>::default);
            let watching_it = receiver.clone().map(|early| early as Arc<dyn Receiver>);
            let loss = watching(watching_it, || {
                let conv = learner.network();
                let seen = conv.forward(picture(0.3 + step as f32));
                let loss = (seen.clone() * seen).sum();
                match twice {
                    false => loss,
                    true => loss + conv.forward(picture(0.7)).sum(),
                }
            });
            let gradients = learner.backward(loss, receiver.as_deref(), 0.01);
            learner.step(gradients, 0.01).unwrap();
        }
        let after = places(learner.network());
        assert_ne!(before[0].1, after[0].1, "it has learned");
        if !twice {
            assert_eq!(before[0].0, after[0].0, "weights stay where they are");
        }
        after
    }

    /// In a process of its own: Burn keeps the graphs of all threads in one place, and while another test looks through them
    /// a graph may outlive its step, and share a weight with the network, which is then copied.
    #[test]
    fn an_early_update_is_that_of_the_end() {
        const ALONE: &str = "PIX2PIX_TEST_ALONE";
        if std::env::var_os(ALONE).is_none() {
            let mut child = std::process::Command::new(std::env::current_exe().unwrap());
            child.arg("an_early_update_is_that_of_the_end");
            let output = child.env(ALONE, "1").output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            let why = String::from_utf8_lossy(&output.stderr);
            assert!(said.contains(" 1 passed"), "{said}{why}");
            return;
        }
        for moments in [MomentFormat::F32, MomentFormat::Bf16] {
            for twice in [false, true] {
                let [early, late] = [true, false].map(|early| {
                    let places = trained(moments, early, twice);
                    places.into_iter().map(|(_, values)| values)
                });
                assert!(early.eq(late), "{moments:?}, {twice}");
            }
        }
    }

    #[test]
    fn a_gradient_that_is_not_finite_is_found() {
        let device = for_training(&Device::flex(), false);
        let conv = Conv::new([1, 1], WINDOW, true, &mut WeightInit::generator(1), &device);
        let mut learner = Learner::new(conv, Adam::default());
        let early = Arc::<Early>::default();
        let loss = watching(Some(early.clone()), || {
            let picture = Tensor::full([1, 1, 4, 4], f32::INFINITY, &device);
            learner.network().forward(picture).sum()
        });
        let gradients = learner.backward(loss, Some(&early), 0.01);
        let found = learner.step(gradients, 0.01).unwrap_err();
        assert_eq!(found.to_string(), "the gradient of weight is not finite");
    }
}
