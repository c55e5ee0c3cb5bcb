//! The losses of a training step.

use std::sync::Arc;

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::parallel::{Communicator, means};

/// The losses of one step, before its updates.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Losses {
    /// The discriminator's loss on real pairs.
    pub d_real: f32,
    /// The discriminator's loss on generated pairs.
    pub d_fake: f32,
    /// The generator's adversarial loss, through the updated discriminator.
    pub g_gan: f32,
    /// L1: mean absolute difference of output and target, in units of [-1, 1], without lambda.
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

/// The reason why training cannot continue: a loss or a gradient is not finite.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{quantity} is not finite")]
pub struct Diverged {
    /// The quantity that is not finite, e.g. "the loss g_l1" or "the gradient of generator.output.weight".
    pub quantity: String,
}

impl Diverged {
    /// The error where there is no run whose state could help.
    pub(crate) fn error(self) -> Error {
        Error::Failed(self.to_string())
    }
}

/// The losses of a step, still on their device. Read them before the next step, which may use the same memory.
pub struct StepLosses {
    pub(super) losses: [Tensor<1>; 4],
    pub(super) group: Option<Arc<dyn Communicator>>,
}

impl StepLosses {
    /// Copies the losses to the host. In a group, returns the means over it; every process must call this.
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
            Some((name, _)) => Err(Diverged {
                quantity: format!("the loss {name}"),
            }),
            None => Ok(losses),
        }
    }
}
