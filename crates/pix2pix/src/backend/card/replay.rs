//! Recorded launches of a card, run again as one: a CUDA graph, or what the card's driver has instead.

use burn::backend::{Cube, TensorMetadata};
use burn::cubecl;
use burn::cubecl::client::Graph;
use burn::cubecl::prelude::*;
use burn::tensor::{Int, Tensor};

use super::pictures::{CardTensor, buffer, elementwise, integers, like, primitive, settled};

/// The launches of a recording. They read and write the memory that they used when they were recorded.
pub struct Recording(Graph);

/// Announces a recording on the card of a tensor: from now on, memory stays where it is. Run the work once before
/// [`record`].
///
/// # Errors
/// When the card's driver cannot record.
pub fn prepare(on: &Tensor<1>) -> Result<(), String> {
    let card = primitive(on.clone()).client;
    card.graph_prepare().map_err(|e| e.to_string())
}

/// Ends a recording that was only announced.
pub fn abandon(on: &Tensor<1>) {
    let _ = primitive(on.clone()).client.stop_capture(); // an error, since nothing was recorded
}

/// Records the launches of `work`, without running them.
///
/// # Errors
/// When the driver cannot record, or `work` did something else: read, wrote from the host, or needed more memory.
pub fn record<T>(on: &Tensor<1>, work: impl FnOnce() -> T) -> Result<(Recording, T), String> {
    let card = primitive(on.clone()).client;
    card.start_capture().map_err(|e| e.to_string())?;
    let result = work();
    let graph = card.stop_capture().map_err(|e| e.to_string())?;
    Ok((Recording(graph), result))
}

impl Recording {
    /// Runs the launches.
    ///
    /// # Safety
    /// All memory that the recorded work read or wrote must still be there, and is used by this thread alone.
    ///
    /// # Errors
    /// When the driver fails.
    pub unsafe fn run(&self) -> Result<(), String> {
        // SAFETY: as required of the caller.
        unsafe { self.0.replay() }.map_err(|e| e.to_string())
    }
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

/// As [`write`], for integers.
pub fn write_integers(to: &Tensor<1, Int>, values: [u32; 2]) {
    let to = integers(to.clone());
    assert_eq!(to.shape().num_elements(), values.len());
    let bytes = u32::as_bytes(&values).to_vec();
    to.client
        .write(&to.handle, cubecl::bytes::Bytes::from_bytes_vec(bytes));
}
