//! A network with its optimizer.

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

use crate::error::{self, Error};
use crate::network::weights::Weights;
use crate::train::adam::{Adam, NotFinite};
use crate::train::early::Early;
use crate::weights_file::tensor_file::Values;

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
        betas: [f32; 2],
        steps: u64,
        moments: Weights,
    ) -> error::Result<Self> {
        let optimizer = Adam::resume(betas, steps, &network, moments)?;
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
    pub(crate) fn moments(&self) -> Vec<(String, Values<'_>)> {
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
            .map_err(|reason| Error::Config(format!("{reason}; use a lower learning rate")))
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
