//! Work of a card that is repeated with other inputs: its launches are recorded once, and then run again as one, because
//! preparing a hundred launches takes longer than running them. A CUDA graph, or what the card's driver has instead.

use std::sync::LazyLock;

use burn::backend::{Cube, StreamId, TensorMetadata};
use burn::cubecl;
use burn::cubecl::client::{Client, Graph};
use burn::cubecl::prelude::*;
use burn::tensor::{Int, Tensor};

use super::dropout::words;
use super::pictures::{CardTensor, buffer, elementwise, integers, like, primitive, settled};

/// Whether nothing is recorded, for a comparison: `PIX2PIX_CARD_REPLAY=off`.
static OFF: LazyLock<bool> =
    LazyLock::new(|| std::env::var_os("PIX2PIX_CARD_REPLAY").is_some_and(|value| value == "off"));

/// Work that is repeated, with the inputs of this time.
///
/// # Safety
/// [`work`](Self::work) on the card's memory reads and writes its inputs, its output, what the work itself needs in between,
/// and other memory that stays where it is as long as a [`Replay`] of it. Nobody uses any of this memory at the same time, and
/// all work on it is in the order of one stream.
pub unsafe trait Repeated {
    /// The card's memory that the work reads, and that is written before.
    type Inputs;
    /// What it makes. It is in the same memory each time.
    type Output: Clone;
    /// Why it fails.
    type Failure;

    /// The card.
    fn card(&self) -> Client;

    /// Memory for inputs like those of this time.
    fn inputs(&self) -> Self::Inputs;

    /// Whether the inputs of this time fit into this memory.
    fn fits(&self, inputs: &Self::Inputs) -> bool;

    /// Writes the inputs of this time.
    fn fill(&self, inputs: &Self::Inputs);

    /// Does the work, with these inputs or those of this time.
    ///
    /// # Errors
    /// As the work.
    fn work(&mut self, inputs: Option<&Self::Inputs>) -> Result<Self::Output, Self::Failure>;

    /// Whether the work that was just recorded has left all memory where it was.
    fn is_in_place(&self) -> bool;

    /// Tells that the recorded work has run, or with `false` that it was recorded in vain.
    fn recorded(&mut self, ran: bool);
}

/// How far the recording of some work is.
#[derive(Default)]
pub enum Replay<Inputs, Output> {
    /// The work compiles its kernels, and puts what it needs into the card's memory.
    #[default]
    Cold,
    /// The work finds out what memory it needs.
    Announced(Inputs),
    /// The work is recorded.
    Ready(Inputs),
    /// The work is replayed.
    Recorded(Inputs, Graph, Output),
    /// The work is not replayed.
    Never,
}

impl<Inputs, Output: Clone> Replay<Inputs, Output> {
    /// Does the work, replayed as soon as it is recorded. Inputs that do not fit into the recording's memory begin a new one.
    ///
    /// # Errors
    /// As the work. The recording begins again then.
    pub fn run<W>(&mut self, work: &mut W) -> Result<Output, W::Failure>
    where
        W: Repeated<Inputs = Inputs, Output = Output>,
    {
        match std::mem::take(self) {
            Self::Announced(inputs) if work.fits(&inputs) => {
                work.fill(&inputs);
                let output = work.work(Some(&inputs))?;
                *self = Self::Ready(inputs);
                Ok(output)
            }
            Self::Ready(inputs) if work.fits(&inputs) => {
                work.fill(&inputs);
                let recorded = record(&work.card(), || work.work(Some(&inputs)));
                if let Ok((recording, Ok(output))) = recorded
                    && work.is_in_place()
                {
                    return Ok(self.again(work, inputs, recording, output));
                }
                // nothing of it has run
                work.recorded(false);
                *self = Self::Never;
                work.work(None)
            }
            Self::Recorded(inputs, recording, output) if work.fits(&inputs) => {
                work.fill(&inputs);
                Ok(self.again(work, inputs, recording, output))
            }
            Self::Never => {
                *self = Self::Never;
                work.work(None)
            }
            before => {
                if let Self::Announced(_) | Self::Ready(_) = before {
                    abandon(&work.card());
                }
                let output = work.work(None)?;
                let inputs = work.inputs();
                // from now on, memory stays where it is
                *self = match *OFF || work.card().graph_prepare().is_err() {
                    true => Self::Never,
                    false => Self::Announced(inputs),
                };
                Ok(output)
            }
        }
    }

    /// Replays the work.
    fn again<W>(&mut self, work: &mut W, inputs: Inputs, recording: Graph, output: Output) -> Output
    where
        W: Repeated<Inputs = Inputs, Output = Output>,
    {
        // SAFETY: `Repeated` promises it.
        let ran = unsafe { recording.replay() };
        ran.expect("the card runs what it recorded");
        work.recorded(true);
        *self = Self::Recorded(inputs, recording, output.clone());
        output
    }
}

/// Records the launches of `work`, without running them.
///
/// # Errors
/// When the driver cannot record, or `work` did something else: read, wrote from the host, or needed more memory.
fn record<T>(card: &Client, work: impl FnOnce() -> T) -> Result<(Graph, T), String> {
    card.start_capture().map_err(|e| e.to_string())?;
    let result = work();
    let graph = card.stop_capture().map_err(|e| e.to_string())?;
    Ok((graph, result))
}

/// Ends a recording that was only announced.
fn abandon(card: &Client) {
    let _ = card.stop_capture(); // an error, since nothing was recorded
}

/// An order of work of its own on a card, whichever thread gives it.
pub struct Lane(StreamId);

impl Lane {
    /// A new one.
    pub fn new() -> Self {
        Self(StreamId::allocate())
    }

    /// Gives work in this order.
    pub fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        self.0.executes(work)
    }
}

/// The card of a tensor.
pub fn client<const D: usize>(tensor: &Tensor<D>) -> Client {
    primitive(tensor.clone()).client
}

#[cube(launch_unchecked)]
fn copy(from: &[f32], to: &mut [f32]) {
    if ABSOLUTE_POS < to.len() {
        to[ABSOLUTE_POS] = from[ABSOLUTE_POS];
    }
}

fn copied(from: &CardTensor, to: &CardTensor) {
    let (count, dim) = elementwise(to);
    // SAFETY: each thread stays within the lengths, which are the same.
    unsafe { copy::launch_unchecked(&to.client, count, dim, buffer(from), buffer(to)) };
}

/// Copies the values of a tensor into the memory of an [`own_copy`] of the same shape.
///
/// # Panics
/// If shapes differ.
pub fn overwrite<const D: usize>(to: &Tensor<D>, from: Tensor<D>) {
    let (to, from) = (primitive(to.clone()), settled::<D>(primitive(from)));
    assert_eq!(to.shape(), from.shape());
    copied(&from, &to);
}

/// A tensor with the same values in memory of its own, in the order of convolutions.
pub fn own_copy<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    let tensor = settled::<D>(primitive(tensor));
    let copy = like(&tensor);
    copied(&tensor, &copy);
    Tensor::from_primitive::<Cube>(copy)
}

/// Writes numbers into the memory of a tensor of this length, also where other tensors share it.
pub fn write(to: &Tensor<1>, values: [f32; 2]) {
    let to = primitive(to.clone());
    assert_eq!(to.shape().num_elements(), values.len());
    let bytes = f32::as_bytes(&values).to_vec();
    to.client
        .write(&to.handle, cubecl::bytes::Bytes::from_bytes_vec(bytes));
}

/// Writes two numbers as two words each, the low one first, into the memory of a tensor of four integers, also where other
/// tensors share it.
pub fn write_words(to: &Tensor<1, Int>, numbers: [u64; 2]) {
    let (to, words) = (integers(to.clone()), words(numbers));
    assert_eq!(to.shape().num_elements(), words.len());
    let bytes = u32::as_bytes(&words).to_vec();
    to.client
        .write(&to.handle, cubecl::bytes::Bytes::from_bytes_vec(bytes));
}
