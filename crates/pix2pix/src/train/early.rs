//! Adam during the backward pass: each convolution's weights are updated as soon as their gradient is there, which is
//! then dropped, so that a step never holds the gradients of a whole network (Lv et al. 2023, "Full Parameter
//! Fine-tuning for Large Language Models with Limited Resources", section 3.2: fused gradient computation and update).
//! The results are those of an update at the end, bit for bit.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use burn::backend::Flex;
use burn::backend::tensor::FloatTensor;
use burn::module::ParamId;
use pix2pix_kernels as kernels;

use crate::train::moments::HostMoments;
use crate::watch::Receiver;

/// One network's update during one backward pass.
#[derive(Debug, Default)]
pub struct Early(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// How often the forward pass has used each parameter.
    uses: HashMap<ParamId, usize>,
    update: Option<kernels::Adam>,
    lent: HashMap<ParamId, Lent>,
}

/// A parameter that belongs to nobody else during the backward pass, so that it is changed in place.
#[derive(Debug)]
pub struct Lent {
    pub parameter: FloatTensor<Flex>,
    pub moments: HostMoments,
    /// Whether its gradient is finite, as far as is known.
    pub finite: bool,
}

impl Early {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no panic while it is locked")
    }

    /// Sets the update of this pass.
    pub fn begin(&self, update: kernels::Adam) {
        self.state().update = Some(update);
    }

    /// Whether it can update a parameter: if the pass has one gradient of it.
    pub fn takes(&self, id: ParamId) -> bool {
        self.state().uses.get(&id) == Some(&1)
    }

    /// Takes a parameter for the backward pass.
    pub fn lend(&self, id: ParamId, lent: Lent) {
        self.state().lent.insert(id, lent);
    }

    /// Gives a parameter back.
    pub fn give_back(&self, id: ParamId) -> Option<Lent> {
        self.state().lent.remove(&id)
    }
}

impl Receiver for Early {
    fn expect(&self, id: ParamId) -> bool {
        *self.state().uses.entry(id).or_default() += 1;
        true
    }

    fn receive(&self, id: ParamId, gradient: &[f32]) -> bool {
        let mut state = self.state();
        let (Some(update), Some(mut lent)) = (state.update, state.lent.remove(&id)) else {
            return false;
        };
        drop(state);
        let parameter = lent.parameter.storage_mut();
        lent.finite = lent.moments.update(&update, parameter, gradient);
        self.state().lent.insert(id, lent);
        true
    }
}
