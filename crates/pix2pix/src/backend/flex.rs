//! Tensors of Burn's CPU backend (Flex) as plain slices, and back.

use burn::backend::Flex;
use burn::backend::tensor::FloatTensor;
use burn::tensor::{Shape, TensorData};

/// The values of a contiguous tensor.
pub fn values(tensor: &FloatTensor<Flex>) -> &[f32] {
    tensor
        .as_slice()
        .expect("contiguous, and f32 as all our tensors")
}

/// A tensor of these values, which are not copied.
pub fn tensor(values: Vec<f32>, shape: impl Into<Shape>) -> FloatTensor<Flex> {
    FloatTensor::<Flex>::from_data(TensorData::new(values, shape))
}

/// A new tensor that `fill` writes as a whole: its memory is not cleared before, which would take as
/// long as many a kernel.
pub fn filled(shape: impl Into<Shape>, fill: impl FnOnce(&mut [f32])) -> FloatTensor<Flex> {
    let shape = shape.into();
    let memory = Box::<[f32]>::new_uninit_slice(shape.num_elements());
    // SAFETY: every kernel that is given this memory writes all of it before it reads any; their
    // tests hand them NaN and would see one left over.
    let mut memory = unsafe { memory.assume_init() };
    fill(&mut memory);
    tensor(memory.into_vec(), shape)
}
