//! The memory order of tensors on a card.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Cube, TensorMetadata};
use burn::cubecl::prelude::*;
use burn::cubecl::zspace::metadata::Metadata;
use burn::cubecl::{calculate_cube_count_elemwise, server::Handle};
use burn::tensor::{Device, Int, Tensor, TensorData};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::{permute_nchw_to_nhwc, permute_nhwc_to_nchw};

use crate::backend::limits::MOST_VALUES;

/// A tensor on a card, 32-bit floating point like all of ours.
pub type CardTensor = FloatTensor<Cube>;

/// Threads of a group in elementwise kernels.
const THREADS: u32 = 256;

/// The memory order of a dense picture. Convolutions take and return channels last.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Order {
    /// `[batch, channels, height, width]`.
    ChannelsFirst,
    /// `[batch, height, width, channels]`.
    ChannelsLast,
}

impl Order {
    /// The order of a dense tensor, `None` for one with gaps. If both fit, `ChannelsLast`.
    fn of(tensor: &CardTensor) -> Option<Self> {
        let [_, channels, height, width] = tensor.shape().dims::<4>();
        let pixels = height * width;
        [
            (
                Self::ChannelsLast,
                [channels * pixels, 1, width * channels, channels],
            ),
            (Self::ChannelsFirst, [channels * pixels, pixels, width, 1]),
        ]
        .into_iter()
        .find_map(|(order, strides)| {
            let sides = tensor.shape();
            let mut all = sides.iter().zip(tensor.meta.strides().iter().zip(strides));
            // the stride of a dimension of size 1 is never used
            let fits = all.all(|(side, (have, want))| *side == 1 || *have == want);
            fits.then_some(order)
        })
    }
}

/// The picture without gaps, copied if it has any, and its order.
pub fn dense(picture: CardTensor) -> (CardTensor, Order) {
    match Order::of(&picture) {
        Some(order) => (picture, order),
        None => (ordered(picture, Order::ChannelsLast), Order::ChannelsLast),
    }
}

/// The picture in this order, copied if it has another.
pub fn ordered(picture: CardTensor, order: Order) -> CardTensor {
    if Order::of(&picture) == Some(order) {
        return picture;
    }
    match order {
        Order::ChannelsFirst => into_contiguous(picture),
        Order::ChannelsLast => permute_nhwc_to_nchw(into_contiguous(permute_nchw_to_nhwc(picture))),
    }
}

/// A tensor in the order in which convolutions take and return pictures and weights.
pub fn settled<const D: usize>(tensor: CardTensor) -> CardTensor {
    match D {
        4 => ordered(tensor, Order::ChannelsLast),
        _ => into_contiguous(tensor),
    }
}

/// Copies values to a card, without autodiff, in the order of convolutions.
pub fn placed<const D: usize>(values: TensorData, device: &Device) -> Tensor<D> {
    let placed = settled::<D>(primitive(Tensor::<D>::from_data(values, device)));
    Tensor::from_primitive::<Cube>(placed)
}

pub fn primitive<const D: usize>(tensor: Tensor<D>) -> CardTensor {
    let primitive = tensor.try_into_primitive::<Cube>();
    primitive.expect("a tensor on a card")
}

pub fn integers(tensor: Tensor<1, Int>) -> CardTensor {
    let primitive = tensor.try_into_primitive::<Cube>();
    primitive.expect("a tensor on a card")
}

/// New memory with the shape and order of a tensor.
pub fn like(tensor: &CardTensor) -> CardTensor {
    new(tensor, (*tensor.meta).clone())
}

/// New memory on the device of a tensor, in the order of `shape`.
pub fn sized<const D: usize>(tensor: &CardTensor, shape: [usize; D]) -> CardTensor {
    let mut strides = [1; D];
    for side in (1..D).rev() {
        strides[side - 1] = strides[side] * shape[side];
    }
    new(tensor, Metadata::new(shape, strides))
}

/// New memory on the device of a tensor for a picture of this shape with channels last.
pub fn picture(tensor: &CardTensor, [batch, channels, height, width]: [usize; 4]) -> CardTensor {
    permute_nhwc_to_nchw(sized(tensor, [batch, height, width, channels]))
}

fn new(tensor: &CardTensor, meta: Metadata) -> CardTensor {
    let bytes = meta.shape().num_elements() * size_of::<f32>();
    let handle: Handle = tensor.client.empty(bytes);
    CardTensor::new(
        tensor.client.clone(),
        handle,
        meta,
        tensor.device.clone(),
        tensor.dtype,
    )
}

/// A tensor's memory as the argument of a kernel.
pub fn buffer(tensor: &CardTensor) -> BufferArg {
    vectors(tensor, 1)
}

/// A tensor's memory as the argument of a kernel that reads or writes vectors of `width` values.
pub fn vectors(tensor: &CardTensor, width: usize) -> BufferArg {
    let length = tensor.shape().num_elements();
    // a larger number would begin again at 0, and the kernel would compute something else
    assert!(
        length as u64 <= MOST_VALUES,
        "a card cannot number the {length} values of a tensor"
    );
    let values = (length * size_of::<f32>()) as u64;
    // Burn rounds rows up on CUDA, also the only row of a vector, and a kernel takes the length from the memory
    let after = tensor.handle.size_in_used() - values;
    let handle = tensor.handle.clone().offset_end(after);
    // SAFETY: tensors that are passed here have no gaps, so their memory begins with `length` values.
    unsafe { BufferArg::from_raw_parts(handle, length / width) }
}

/// The width of the vectors in which memory with rows of this length is read: 4 values or one, since each width is a
/// kernel of its own to compile.
pub fn widest(length: usize) -> usize {
    if length.is_multiple_of(4) { 4 } else { 1 }
}

/// The size of a launch with one thread for each value of a tensor.
pub fn elementwise(tensor: &CardTensor) -> (CubeCount, CubeDim) {
    elementwise_by(tensor, 1)
}

/// The size of a launch with one thread for each `width` values of a tensor.
pub fn elementwise_by(tensor: &CardTensor, width: usize) -> (CubeCount, CubeDim) {
    let dim = CubeDim::new_1d(THREADS);
    let values = tensor.shape().num_elements() / width;
    (
        calculate_cube_count_elemwise(&tensor.client, values, dim),
        dim,
    )
}
