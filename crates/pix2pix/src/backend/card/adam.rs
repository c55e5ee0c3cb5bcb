//! The optimizer's update and moving averages, one launch for each parameter.

use burn::backend::Cube;
use burn::cubecl;
use burn::cubecl::prelude::*;
use burn::tensor::{Tensor, TensorData};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::into_data_sync;
use pix2pix_kernels as kernels;

use super::pictures::{CardTensor, buffer, elementwise, like, parameter, primitive, settled};

/// Running means of a parameter's gradient and its square, in the memory of the parameter's device.
pub struct Moments(Box<[CardTensor; 2]>);

/// Adam (Kingma and Ba 2015, algorithm 1).
#[cube(launch_unchecked)]
fn adam(
    parameter: &mut [f32],
    first: &mut [f32],
    second: &mut [f32],
    gradient: &[f32],
    beta1: f32,
    beta2: f32,
    rate: f32,
    root_correction: f32,
    epsilon: f32,
) {
    if ABSOLUTE_POS < parameter.len() {
        let at = ABSOLUTE_POS;
        let g = gradient[at];
        let mean = beta1 * first[at] + (1.0 - beta1) * g;
        let square = beta2 * second[at] + (1.0 - beta2) * g * g;
        first[at] = mean;
        second[at] = square;
        parameter[at] -= rate * mean / (square.sqrt() * root_correction + epsilon);
    }
}

#[cube(launch_unchecked)]
fn average(mean: &[f32], newest: &[f32], moved: &mut [f32], share: f32, factor: f32) {
    if ABSOLUTE_POS < moved.len() {
        let before = mean[ABSOLUTE_POS];
        moved[ABSOLUTE_POS] = before + (newest[ABSOLUTE_POS] * factor - before) * share;
    }
}

impl Moments {
    /// Copies these values to the device of the parameter `like`.
    pub fn on<const D: usize>(like: &Tensor<D>, values: [Vec<f32>; 2]) -> Self {
        let (device, shape) = (like.device(), like.dims());
        let moment = |values| parameter::<D>(TensorData::new(values, shape), &device);
        Self(Box::new(values.map(|values| primitive(moment(values)))))
    }

    /// Their values, flat.
    pub fn values(&self) -> [TensorData; 2] {
        self.0.each_ref().map(|moment| {
            let values = into_data_sync(into_contiguous(moment.clone()));
            let length = values.num_elements();
            let values = values.try_into_vec::<f32>();
            TensorData::new(values.expect("all our tensors are f32"), [length])
        })
    }

    /// The parameter after a step along `gradient`. It is updated in place if no other tensor shares its memory.
    pub fn step<const D: usize>(
        &mut self,
        update: &kernels::Adam,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
    ) -> Tensor<D> {
        let [parameter, gradient] = [parameter, gradient].map(|x| settled::<D>(primitive(x)));
        let parameter = match parameter.can_mut() {
            true => parameter,
            false => parameter.copy(),
        };
        let [first, second] = &*self.0;
        let (rate, root_correction) = update.corrected();
        let (count, dim) = elementwise(&parameter);
        // SAFETY: each thread stays within the length, which is the same for all.
        unsafe {
            adam::launch_unchecked(
                &parameter.client,
                count,
                dim,
                buffer(&parameter),
                buffer(first),
                buffer(second),
                buffer(&gradient),
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

/// A moving average after `newest`: `mean + share * (factor * newest - mean)`.
pub fn moved(mean: Tensor<1>, newest: Tensor<1>, share: f64, factor: f64) -> Tensor<1> {
    let [mean, newest] = [mean, newest].map(|x| into_contiguous(primitive(x)));
    let moved = like(&mean);
    let (count, dim) = elementwise(&moved);
    // SAFETY: each thread stays within the length, which is the same for all.
    unsafe {
        average::launch_unchecked(
            &moved.client,
            count,
            dim,
            buffer(&mean),
            buffer(&newest),
            buffer(&moved),
            share as f32,
            factor as f32,
        );
    }
    Tensor::from_primitive::<Cube>(moved)
}
