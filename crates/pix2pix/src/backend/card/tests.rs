//! Compares the kernels for cards with those for the CPU on the same random tensors. Needs a card, or software that
//! emulates one: `tools/check_features` runs these tests.

use std::cell::RefCell;

use burn::cubecl::prelude::CubeElement;
use burn::tensor::{FloatDType, Tensor, TensorData};
use pix2pix_kernels::{self as kernels, Curve, Dropout, Loss};
use pix2pix_runtime::network::Window;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::adam::{Moments, Updates, moved};
use super::pictures::{primitive, sized};
use crate::backend;
use crate::backend::activation::{activation, join, tanh};
use crate::backend::bias::add_bias;
use crate::backend::conv::{conv, conv_transpose};
use crate::backend::device::{self, Device, DeviceKind, has_tf32};
use crate::backend::dropout::dropout;
use crate::backend::loss::{mean_distance, mean_loss};
use crate::backend::norm::Constants;
use crate::backend::precision::Precision;
use crate::backend::smooth::smooth;
use crate::backend::taps::four_taps;
use crate::backend::window::ConvSpec;
use crate::network::batch_norm::BatchNorm;
use crate::network::init::WeightInit;
use burn::backend::Cube;

/// The first available card.
pub(crate) fn card() -> Device {
    let kinds = device::list().into_iter().skip(1); // the CPU
    let there = kinds.filter_map(|kind| match kind {
        DeviceKind::There(found) => Some(found[0].name),
        DeviceKind::Absent { .. } => None,
    });
    let name = there.into_iter().next().expect("there is a card");
    name.open(Precision::F32).unwrap()
}

thread_local! {
    /// Random numbers that are the same in every run: each test has a thread of its own.
    static RANDOM: RefCell<ChaCha8Rng> = RefCell::new(ChaCha8Rng::seed_from_u64(0));
}

pub(crate) fn random<const D: usize>(shape: [usize; D]) -> Tensor<D> {
    let length = shape.iter().product();
    let values: Vec<f32> = RANDOM.with_borrow_mut(|random| {
        let value = |_| random.random_range(-1.0..1.0);
        (0..length).map(value).collect()
    });
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().unwrap()
}

/// Fails if two tensors differ by more than rounding, except in one sample of ten thousand: an activation at zero,
/// whose sign is rounding.
fn assert_close<const D: usize>(name: &str, cpu: Tensor<D>, card: Tensor<D>, most: f32) {
    assert_eq!(cpu.dims(), card.dims(), "{name}");
    let (cpu, card) = (values(cpu), values(card));
    let size = cpu.iter().fold(0.0, |size: f32, x| size.max(x.abs()));
    assert!(size > 1e-3, "{name} is zero");
    let far = |(a, b): &(&f32, &f32)| b.is_nan() || (*a - *b).abs() > most * size;
    let count = cpu.iter().zip(&card).filter(far).count();
    assert!(
        count <= cpu.len() / 10_000,
        "{name} differs in {count} of {} values",
        cpu.len()
    );
}

/// A picture in the memory order in which a kernel receives it.
fn laid(picture: Tensor<4>, channels_last: bool) -> Tensor<4> {
    match channels_last {
        // copied in that order, viewed in the usual one
        true => (picture.permute([0, 2, 3, 1]) * 1.0).permute([0, 3, 1, 2]),
        false => picture,
    }
}

/// A copy on a card, in memory that goes on after the values, as Burn's does for short rows on CUDA.
fn on_card<const D: usize>(tensor: &Tensor<D>, card: &Device) -> Tensor<D> {
    let there = primitive(Tensor::<D>::from_data(tensor.to_data(), card));
    let mut copy = sized(&there, tensor.dims());
    let mut values = values(tensor.clone());
    values.extend([f32::NAN; 12]);
    copy.handle = copy.client.create_from_slice(f32::as_bytes(&values));
    Tensor::from_primitive::<Cube>(copy)
}

/// The output of `layer` and the gradients of its inputs, on a device, for the same gradient of its output.
fn pass<const N: usize>(
    inputs: [Tensor<4>; N],
    channels_last: bool,
    layer: impl Fn([Tensor<4>; N]) -> Tensor<4>,
) -> Vec<Tensor<4>> {
    let inputs = inputs.map(|x| x.autodiff().require_grad());
    let output = layer(inputs.clone().map(|x| laid(x, channels_last)));
    let count = output.shape().num_elements();
    // a different weight for every sample
    let weights = Tensor::arange(1..count as i64 + 1, &output.device())
        .float()
        .sin();
    let loss = (output.clone() * weights.reshape(output.dims())).sum();
    let gradients = loss.backward();
    let mut all = vec![output.inner()];
    all.extend(inputs.map(|x| x.grad(&gradients).unwrap()));
    all
}

/// Fails if a layer or its gradients differ from the CPU's by more than rounding, or by more than `most` of the largest value.
fn compare_by<const N: usize>(
    name: &str,
    inputs: &[Tensor<4>; N],
    most: f32,
    layer: impl Fn([Tensor<4>; N]) -> Tensor<4>,
) {
    let cpu = pass(inputs.clone(), false, &layer);
    let card = card();
    for channels_last in [false, true] {
        let inputs = inputs.clone().map(|x| on_card(&x, &card));
        let card = pass(inputs, channels_last, &layer);
        for (index, (cpu, card)) in cpu.iter().zip(card).enumerate() {
            let name = format!("{name}, {index}, channels last {channels_last}");
            assert_close(&name, cpu.clone(), card, most);
        }
    }
}

fn compare<const N: usize>(
    name: &str,
    inputs: [Tensor<4>; N],
    layer: impl Fn([Tensor<4>; N]) -> Tensor<4>,
) {
    compare_by(name, &inputs, 1e-5, layer);
}

#[test]
fn activations_and_joints_are_those_of_the_cpu() {
    let shape = [2, 5, 7, 6];
    for slope in [0.0, 0.2] {
        compare("activation", [random(shape)], |[x]| activation(x, slope));
    }
    compare("tanh", [random(shape)], |[x]| tanh(x));
    for slope in [0.0, 1.0] {
        compare("join", [random(shape), random([2, 3, 7, 6])], |[a, b]| {
            join(a, b, slope)
        });
    }
}

/// Every vector width, every tile, one slice of the depth and several, strides that divide the sides and others, and taps
/// that some classes of pixels lack.
#[test]
fn convolutions_are_those_of_the_cpu() {
    // in TF32 only the card rounds the factors; in bfloat16 the CPU does too, and the order of sums is left
    let card = card();
    let mut forms = vec![(Precision::F32, 1e-5)];
    if has_tf32(&card) {
        forms.push((Precision::Tf32, 2e-3));
    }
    if card.supports_dtype(FloatDType::BF16) {
        forms.push((Precision::Bf16, 2e-2));
    }
    let window = |kernel, stride, padding| Window {
        kernel,
        stride,
        padding,
    };
    for ([batch, from, to], side, window) in [
        ([1, 3, 8], [16, 12], window(4, 2, [1, 1])),
        ([2, 6, 5], [9, 7], window(4, 2, [1, 1])),
        ([1, 8, 1], [7, 9], window(4, 1, [1, 1])),
        ([1, 64, 32], [2, 2], window(4, 2, [1, 1])),
        ([1, 20, 72], [24, 20], window(4, 2, [1, 1])),
        ([2, 32, 70], [33, 34], window(3, 1, [1, 1])),
        ([1, 4, 12], [11, 10], window(3, 2, [0, 1])),
        ([1, 3, 6], [15, 15], window(7, 1, [0, 0])),
        ([1, 5, 4], [10, 11], window(1, 1, [0, 0])),
        ([1, 4, 4], [13, 12], window(3, 3, [1, 1])),
    ] {
        let input = random([batch, from, side[0], side[1]]);
        let weight = random([to, from, window.kernel, window.kernel]);
        let output = side.map(|side| window.output_side(side));
        let gradient = random([batch, to, output[0], output[1]]);
        for &(precision, most) in &forms {
            let spec = ConvSpec { window, precision };
            let name = format!("{spec:?} of {from} to {to} channels, {side:?}");
            compare_by(
                &name,
                &[input.clone(), weight.clone()],
                most,
                |[input, weight]| conv(input, weight, spec, None),
            );
            compare_by(
                &format!("transposed, {name}"),
                &[gradient.clone(), weight.clone()],
                most,
                |[gradient, weight]| conv_transpose(gradient, weight, spec, side, None),
            );
        }
    }
}

/// Also pictures of which several groups of threads sum a channel.
#[test]
fn biases_are_those_of_the_cpu() {
    for shape in [[2, 5, 7, 6], [1, 3, 80, 70]] {
        let bias = random([1, shape[1], 1, 1]);
        compare("bias", [random(shape), bias], |[x, bias]| {
            add_bias(x, bias.reshape([shape[1]]))
        });
    }
}

/// A small map, and pictures that several groups of threads sum.
#[test]
fn losses_are_those_of_the_cpu() {
    for shape in [[1, 1, 5, 6], [2, 3, 100, 90]] {
        // gradients of means are small
        let count: usize = shape.iter().product();
        let shown = |loss: Tensor<1>| (loss * count as f64).reshape([1, 1, 1, 1]);
        for curve in [
            Curve::Softplus,
            Curve::Square,
            Curve::Positive,
            Curve::Linear,
            Curve::Absolute,
        ] {
            let loss = Loss {
                curve,
                sign: -1.0,
                offset: 0.25,
            };
            compare(
                &format!("{curve:?} of {shape:?}"),
                [random(shape)],
                |[x]| shown(mean_loss(x, loss)),
            );
        }
        compare("distance", [random(shape), random(shape)], |[a, b]| {
            shown(mean_distance(a, b))
        });
    }
}

/// Also where the number of a block of random words no longer fits 32 bits.
#[test]
fn dropout_is_that_of_the_cpu() {
    for first in [0, 8 * (1 << 32) - 100] {
        let mask = Dropout::new(1 << 40, 5, first, 0.25);
        compare("dropout", [random([2, 5, 7, 6])], |[x]| dropout(x, mask));
    }
}

/// Sizes with one slice and with several, with one part and with several, with idle threads in the last group, and with
/// channels far from zero, where the variance is a small difference of large sums.
#[test]
fn norms_are_those_of_the_cpu() {
    for (shape, parts) in [
        ([1, 3, 2, 3], 1),
        ([1, 40, 25, 24], 1),
        ([2, 40, 7, 6], 1),
        ([3, 33, 50, 40], 1),
        ([1, 2, 130, 70], 1),
        ([2, 40, 7, 6], 2),
        ([6, 33, 50, 40], 3),
    ] {
        let channels = shape[1];
        let far = Tensor::<1, burn::tensor::Int>::arange(0..channels as i64, &Device::flex());
        let input = random(shape) + far.float().reshape([1, channels, 1, 1]) * 0.25;
        let scale = random([1, channels, 1, 1]) * 0.1 + 1.0;
        let constants = Constants {
            parts,
            epsilon: 1e-5,
            slope: 0.2,
        };
        compare(
            &format!("norm of {shape:?} in {parts} parts"),
            [input, scale, random([1, channels, 1, 1])],
            |[x, gamma, beta]| {
                let affine = [gamma, beta].map(|x| x.reshape([channels]));
                backend::norm::by_own(x, affine, constants, None).0
            },
        );
    }
}

/// After two batches, of which the second one is summed in slices, and two more as parts of one, in one slice and in two.
#[test]
fn running_statistics_are_those_of_the_cpu() {
    let inputs = [
        (random([2, 5, 7, 6]), 1),
        (random([1, 5, 60, 50]) + 0.5, 1),
        (random([2, 5, 7, 6]) - 0.5, 2),
        (random([2, 5, 60, 50]) - 0.25, 2),
    ];
    let running = |device: Device| {
        let device = device.autodiff();
        let norm = BatchNorm::new(5, &mut WeightInit::generator(0), &device);
        for (input, parts) in &inputs {
            norm.forward(Tensor::from_data(input.to_data(), &device), 0.0, *parts);
        }
        [norm.running_mean.value(), norm.running_var.value()].map(values)
    };
    let [theirs, ours] = [running(Device::flex()), running(card())];
    for (theirs, ours) in theirs.iter().flatten().zip(ours.iter().flatten()) {
        assert!((theirs - ours).abs() < 1e-6, "{ours} instead of {theirs}");
    }
}

#[test]
fn taps_are_those_of_the_cpu() {
    compare("taps", [random([7, 5, 3, 3])], |[weight]| four_taps(weight));
}

#[test]
fn smoothing_is_that_of_the_cpu() {
    for shape in [[2, 5, 7, 6], [1, 3, 1, 2], [1, 2, 1, 1]] {
        compare("smoothing", [random(shape)], |[x]| smooth(x));
    }
}

/// More parameters than fit one launch, of different lengths.
#[test]
fn adam_is_that_of_the_cpu() {
    let update = kernels::Adam {
        lr: 2e-4,
        beta1: 0.5,
        beta2: 0.999,
        epsilon: 1e-8,
        step: 3,
    };
    let card = card();
    let close = |ours: &[f32], theirs: &[f32]| {
        let gap = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs());
        assert!(gap.fold(0.0, f32::max) < 2.0 * f32::EPSILON);
    };
    for channels_last in [false, true] {
        let mut updates = Updates::new(update, None);
        // the last one has a length that no vector divides, so the second launch moves single values
        let parameters: Vec<_> = (1..10)
            .map(|side| {
                let shape = if side < 8 {
                    [6, side, 4, 4]
                } else {
                    [3, side, 5, 1]
                };
                let [parameter, gradient, first] = [random(shape), random(shape), random(shape)];
                let second = random(shape).abs();
                let held = on_card(&parameter, &card);
                let ours = Moments::on(&held, [&first, &second].map(|m| values(m.clone())));
                let updated = updates.add(
                    &ours,
                    held.clone(),
                    laid(on_card(&gradient, &card), channels_last),
                );
                let mut theirs = [first, second].map(values);
                let mut expected = values(parameter.clone());
                let [m, v] = &mut theirs;
                kernels::adam(&update, &mut expected, &values(gradient), m, v);
                (parameter, held, updated, ours, expected, theirs)
            })
            .collect();
        updates.finish();
        for (parameter, held, updated, ours, expected, theirs) in parameters {
            let before = values(parameter);
            assert_eq!(values(held), before, "a shared tensor was overwritten");
            let updated = values(updated);
            close(&updated, &expected);
            assert_ne!(updated, before);
            for (ours, theirs) in ours.values().iter().zip(&theirs) {
                close(ours.as_slice().unwrap(), theirs);
            }
        }
    }
}

#[test]
fn an_average_moves_a_share_of_the_way() {
    let card = card();
    let tensor = |values: [f32; 3]| Tensor::<1>::from_data(values, &card);
    let held = tensor([1.0, 2.0, -4.0]);
    let moved = moved(held.clone(), tensor([3.0, 2.0, 0.0]), 0.25);
    assert_eq!(values(moved), [1.5, 2.0, -3.0]);
    assert_eq!(values(held), [1.0, 2.0, -4.0]);
}
