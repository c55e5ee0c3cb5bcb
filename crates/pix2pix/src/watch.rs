//! Receivers of the gradients of convolutions' weights while a backward pass runs: a group of processes sums them, or the
//! optimizer applies them at once.

use std::cell::RefCell;
use std::fmt::{self, Debug};
use std::sync::Arc;

use burn::module::{Param, ParamId};
use burn::tensor::Tensor;

/// Receives gradients of weights.
pub(crate) trait Receiver: Debug + Send + Sync {
    /// Announces a use of a parameter in a forward pass. Returns whether the backward pass is to give its gradient.
    fn expect(&self, id: ParamId) -> bool;

    /// Receives the gradient of one use, flat. Returns whether nobody else needs it.
    fn receive(&self, id: ParamId, gradient: &[f32]) -> bool;
}

thread_local! {
    /// Receives the gradients of this thread's forward passes.
    static RECEIVER: RefCell<Option<Arc<dyn Receiver>>> = const { RefCell::new(None) };
}

/// Runs a forward pass. Its backward pass gives the gradients to `receiver`, if there is one.
pub(crate) fn watching<T>(receiver: Option<Arc<dyn Receiver>>, work: impl FnOnce() -> T) -> T {
    let before = RECEIVER.replace(receiver);
    let result = work();
    RECEIVER.set(before);
    result
}

/// The receiver of the gradient of a convolution's `weight`. `None` outside [`watching`], and for frozen weights.
pub(crate) fn watch<const D: usize>(weight: &Param<Tensor<D>>) -> Option<Watch> {
    let receiver = RECEIVER.with_borrow(Clone::clone)?;
    let id = weight.id;
    // a frozen network's weights have no gradient
    let wanted = weight.is_require_grad() && receiver.expect(id);
    wanted.then_some(Watch { receiver, id })
}

/// Receives the gradient of one use of a parameter.
#[derive(Clone)]
pub struct Watch {
    receiver: Arc<dyn Receiver>,
    id: ParamId,
}

impl Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Watch({})", self.id)
    }
}

impl Watch {
    /// Gives the gradient, flat. Returns whether nobody else needs it.
    pub(crate) fn give(&self, gradient: &[f32]) -> bool {
        self.receiver.receive(self.id, gradient)
    }
}
