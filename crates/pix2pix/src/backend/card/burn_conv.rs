//! Convolutions with Burn's kernels, in the selected arithmetic, to compare ours with.

use burn::backend::ops::ConvOptions;
use burn::backend::ops::{FloatTensorOps, ModuleOps};
use burn::backend::{Cube, TensorMetadata};
use burn::cubecl;
use burn::cubecl::prelude::*;
use burn::tensor::FloatDType;
use pix2pix_runtime::network::Window;

use super::pictures::{CardTensor, buffer, dense, elementwise, like};
use crate::backend::precision::Factors;
use crate::backend::window::ConvSpec;

/// Splits a factor into its 11 leading bits, as many as TF32 has, and the rest (Ootomo and Yokota 2022, section 3). Exact
/// for normal numbers.
#[cube(launch_unchecked)]
fn split(factor: &[f32], head: &mut [f32], rest: &mut [f32]) {
    if ABSOLUTE_POS < factor.len() {
        let x = factor[ABSOLUTE_POS];
        // by bits: a compiler that fuses multiplications with additions would change sums that split
        let leading = f32::reinterpret(u32::reinterpret(x) & 0xffff_e000);
        head[ABSOLUTE_POS] = leading;
        rest[ABSOLUTE_POS] = x - leading;
    }
}

/// A factor as the sum of two TF32 numbers.
pub fn two_parts(factor: CardTensor) -> [CardTensor; 2] {
    let (factor, _) = dense(factor);
    let parts = [like(&factor), like(&factor)];
    let (count, dim) = elementwise(&factor);
    let [head, rest] = parts.each_ref().map(buffer);
    // SAFETY: each thread stays within the lengths, which are the same.
    unsafe { split::launch_unchecked(&factor.client, count, dim, buffer(&factor), head, rest) };
    parts
}

/// A convolution or one of its gradients as a product of two factors, in the selected arithmetic.
pub fn product(
    arithmetic: Factors,
    factors: [CardTensor; 2],
    multiply: impl Fn([CardTensor; 2]) -> CardTensor,
) -> CardTensor {
    match arithmetic {
        Factors::AsTheyAre => multiply(factors),
        // bfloat16 has the range of 32 bits, so losses need no scaling (Kalamkar et al. 2019, section 3); weights,
        // sums and the optimizer stay in 32 bits
        Factors::Bf16 => {
            let narrow = factors.map(|x| Cube::float_cast(x, FloatDType::BF16));
            Cube::float_cast(multiply(narrow), FloatDType::F32)
        }
        // the product of the two rests is below the last bit (Ootomo and Yokota 2022, equation 24)
        Factors::TwoParts => {
            let [[a, a_rest], [b, b_rest]] = factors.map(two_parts);
            let small =
                Cube::float_add(multiply([a.clone(), b_rest]), multiply([a_rest, b.clone()]));
            Cube::float_add(multiply([a, b]), small)
        }
    }
}

/// A tensor of the type of `like`, of which only the shape is read.
fn shaped(shape: [usize; 4], like: &CardTensor) -> CardTensor {
    Cube::float_empty(shape.into(), &like.device(), like.dtype().into())
}

fn options(window: Window) -> ConvOptions<2> {
    let [before, after] = window.padding;
    ConvOptions::new_with_padding([window.stride; 2], [(before, after); 2], [1; 2], 1)
}

pub fn forward(input: CardTensor, weight: CardTensor, spec: ConvSpec) -> CardTensor {
    product(spec.factors, [input, weight], |[input, weight]| {
        Cube::conv2d(input, weight, None, options(spec.window))
    })
}

pub fn input_gradient(
    gradient: CardTensor,
    weight: CardTensor,
    spec: ConvSpec,
    side: [usize; 2],
) -> CardTensor {
    let [batch, ..] = gradient.shape().dims::<4>();
    let [_, channels, ..] = weight.shape().dims::<4>();
    let shape = [batch, channels, side[0], side[1]];
    product(spec.factors, [weight, gradient], |[weight, gradient]| {
        let input = shaped(shape, &gradient);
        Cube::conv2d_x_backward(input, weight, gradient, options(spec.window))
    })
}

pub fn weight_gradient(input: CardTensor, gradient: CardTensor, spec: ConvSpec) -> CardTensor {
    let [_, from, ..] = input.shape().dims::<4>();
    let [_, to, ..] = gradient.shape().dims::<4>();
    let shape = [to, from, spec.window.kernel, spec.window.kernel];
    product(spec.factors, [input, gradient], |[input, gradient]| {
        let weight = shaped(shape, &gradient);
        Cube::conv2d_weight_backward(input, weight, gradient, options(spec.window))
    })
}
