//! The optimizer's update and the weights' moving average, a launch for each parameter, in place.

use burn::backend::{Cube, TensorMetadata};
use burn::cubecl;
use burn::cubecl::prelude::*;
use burn::tensor::{Tensor, TensorData};
use burn_cubecl::kernel::into_contiguous;
use pix2pix_kernels as kernels;

use super::pictures::{CardTensor, Order, buffer, dense, elementwise};

/// The running means of a parameter's gradient and of its square, in the memory of the parameter's device.
pub struct Moments(Box<[CardTensor; 2]>);

/// Adam (Kingma and Ba 2015, algorithm 1). The gradient of a weight may lie with its input channels last: sample
/// `(outer, channel, inner)` of the parameter is `(outer, inner, channel)` of the gradient.
#[cube(launch_unchecked)]
fn adam(
    parameter: &mut [f32],
    first: &mut [f32],
    second: &mut [f32],
    gradient: &[f32],
    channels: u32,
    inner: u32,
    beta1: f32,
    beta2: f32,
    rate: f32,
    root_correction: f32,
    epsilon: f32,
) {
    if ABSOLUTE_POS < parameter.len() {
        let at = ABSOLUTE_POS;
        let channels = channels as usize;
        let inner = inner as usize;
        let outer = at / inner / channels;
        let g = gradient[(outer * inner + at % inner) * channels + at / inner % channels];
        let mean = beta1 * first[at] + (1.0 - beta1) * g;
        let square = beta2 * second[at] + (1.0 - beta2) * g * g;
        first[at] = mean;
        second[at] = square;
        parameter[at] -= rate * mean / (square.sqrt() * root_correction + epsilon);
    }
}

#[cube(launch_unchecked)]
fn average(mean: &mut [f32], newest: &[f32], share: f32) {
    if ABSOLUTE_POS < mean.len() {
        mean[ABSOLUTE_POS] += (newest[ABSOLUTE_POS] - mean[ABSOLUTE_POS]) * share;
    }
}

impl Moments {
    /// Moves these values to the device of a parameter.
    pub fn on<const D: usize>(parameter: &Tensor<D>, values: [Vec<f32>; 2]) -> Self {
        let device = parameter.device();
        let moment =
            |values: Vec<f32>| primitive(Tensor::<1>::from_data(values.as_slice(), &device));
        Self(Box::new(values.map(moment)))
    }

    /// Their values.
    pub fn values(&self) -> [TensorData; 2] {
        let tensor = |moment: &CardTensor| Tensor::<1>::from_primitive::<Cube>(moment.clone());
        self.0.each_ref().map(|moment| tensor(moment).into_data())
    }

    /// The parameter after a step along `gradient`. Its memory is written where nobody else holds it.
    pub fn step<const D: usize>(
        &mut self,
        update: &kernels::Adam,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
    ) -> Tensor<D> {
        let parameter = own(primitive(parameter));
        let mut gradient = primitive(gradient);
        let (mut channels, mut inner) = (1, 1);
        if D != 4 {
            gradient = into_contiguous(gradient);
        } else {
            let order;
            (gradient, order) = dense(gradient);
            if order == Order::ChannelsLast {
                let [_, to, height, width] = parameter.shape().dims();
                (channels, inner) = (to, height * width);
            }
        }
        let [first, second] = &*self.0;
        let (rate, root_correction) = update.corrected();
        let (count, dim) = elementwise(&parameter);
        // SAFETY: each thread stays within the length, which all have.
        unsafe {
            adam::launch_unchecked(
                &parameter.client,
                count,
                dim,
                buffer(&parameter),
                buffer(first),
                buffer(second),
                buffer(&gradient),
                channels as u32,
                inner as u32,
                update.beta1,
                update.beta2,
                rate,
                root_correction,
                update.epsilon,
            );
        }
        Tensor::from_primitive::<Cube>(parameter)
    }
}

/// Moves `mean` by this share of the way to `newest`, in place where nobody else holds it.
pub fn move_towards(mean: Tensor<1>, newest: Tensor<1>, share: f64) -> Tensor<1> {
    let mean = own(primitive(mean));
    let newest = primitive(newest);
    let (count, dim) = elementwise(&mean);
    // SAFETY: each thread stays within the length, which both have.
    unsafe {
        average::launch_unchecked(
            &mean.client,
            count,
            dim,
            buffer(&mean),
            buffer(&newest),
            share as f32,
        );
    }
    Tensor::from_primitive::<Cube>(mean)
}

fn primitive<const D: usize>(tensor: Tensor<D>) -> CardTensor {
    let primitive = tensor.try_into_primitive::<Cube>();
    primitive.expect("a tensor on a card")
}

/// The tensor without gaps, copied where it has some or somebody else holds it.
fn own(tensor: CardTensor) -> CardTensor {
    let tensor = into_contiguous(tensor);
    if tensor.can_mut() {
        tensor
    } else {
        tensor.copy()
    }
}
