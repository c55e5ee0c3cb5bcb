//! The optimizer's update, one launch for many parameters, and moving averages.

use burn::backend::{Cube, TensorMetadata};
use burn::cubecl;
use burn::cubecl::prelude::*;
use burn::cubecl::server::Handle;
use burn::tensor::{Tensor, TensorData};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::into_data_sync;
use pix2pix_kernels as kernels;

use super::pictures::{
    CardTensor, buffer, elementwise, elementwise_by, like, placed, primitive, settled, vectors,
    widest,
};

/// Parameters of one launch: each has four buffers, and Vulkan promises no more than 32.
const TOGETHER: usize = 7;

/// Running means of a parameter's gradient and its square, in the memory of the parameter's device.
pub struct Moments(Box<[CardTensor; 2]>);

/// A parameter, its moments and its gradient.
struct Waiting([CardTensor; 4]);

/// The updates of a step: each is computed in place, many in one launch, at the latest in [`finish`](Self::finish).
pub struct Updates {
    update: kernels::Adam,
    /// [`kernels::Adam::corrected`] on the card: of a replayed step, the memory that is written before it runs.
    rates: Option<Handle>,
    waiting: Vec<Waiting>,
    in_place: bool,
}

/// Adam (Kingma and Ba 2015, algorithm 1) for each of several parameters.
#[cube(launch_unchecked)]
fn adam<N: Size>(
    parameters: &mut Sequence<Box<[Vector<f32, N>]>>,
    firsts: &mut Sequence<Box<[Vector<f32, N>]>>,
    seconds: &mut Sequence<Box<[Vector<f32, N>]>>,
    gradients: &Sequence<Box<[Vector<f32, N>]>>,
    rates: &[f32],
    beta1: f32,
    beta2: f32,
    epsilon: f32,
) {
    #[unroll]
    for index in 0..parameters.len() {
        let parameter = parameters.index_mut(index);
        if ABSOLUTE_POS < parameter.len() {
            let at = ABSOLUTE_POS;
            let first = firsts.index_mut(index);
            let second = seconds.index_mut(index);
            let g = gradients.index(index)[at];
            let mean = Vector::new(beta1) * first[at] + Vector::new(1.0 - beta1) * g;
            let square = Vector::new(beta2) * second[at] + Vector::new(1.0 - beta2) * g * g;
            first[at] = mean;
            second[at] = square;
            let root = square.sqrt() * Vector::new(rates[1]) + Vector::new(epsilon);
            parameter[at] -= Vector::new(rates[0]) * mean / root;
        }
    }
}

#[cube(launch_unchecked)]
fn average(mean: &[f32], newest: &[f32], moved: &mut [f32], share: f32) {
    if ABSOLUTE_POS < moved.len() {
        let before = mean[ABSOLUTE_POS];
        moved[ABSOLUTE_POS] = before + (newest[ABSOLUTE_POS] - before) * share;
    }
}

impl Moments {
    /// Copies these values to the device of the parameter `like`.
    pub fn on<const D: usize>(like: &Tensor<D>, values: [Vec<f32>; 2]) -> Self {
        let (device, shape) = (like.device(), like.dims());
        let moment = |values| placed::<D>(TensorData::new(values, shape), &device);
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
}

impl Updates {
    /// The updates of one step. `rates` are the numbers of [`kernels::Adam::corrected`], if they are on the card.
    pub fn new(update: kernels::Adam, rates: Option<Tensor<1>>) -> Self {
        Self {
            update,
            rates: rates.map(|rates| primitive(rates).handle),
            waiting: Vec::new(),
            in_place: true,
        }
    }

    /// The parameter after a step along `gradient`, which is taken by the end of [`finish`](Self::finish). It is updated in
    /// place if no other tensor shares its memory.
    pub fn add<const D: usize>(
        &mut self,
        moments: &Moments,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
    ) -> Tensor<D> {
        let [parameter, gradient] = [parameter, gradient].map(|x| settled::<D>(primitive(x)));
        let parameter = match parameter.can_mut() {
            true => parameter,
            false => {
                self.in_place = false;
                parameter.copy()
            }
        };
        let [first, second] = (*moments.0).clone();
        self.waiting
            .push(Waiting([parameter.clone(), first, second, gradient]));
        if self.waiting.len() == TOGETHER {
            self.launch();
        }
        Tensor::from_primitive::<Cube>(parameter)
    }

    /// Launches the updates that wait. Returns whether all parameters stayed in their memory.
    pub fn finish(mut self) -> bool {
        if !self.waiting.is_empty() {
            self.launch();
        }
        self.in_place
    }

    fn launch(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        let length = |parameter: &CardTensor| parameter.shape().num_elements();
        let parameters = || waiting.iter().map(|Waiting([parameter, ..])| parameter);
        let largest = parameters().max_by_key(|parameter| length(parameter));
        let largest = largest.expect("one waits");
        let widths = parameters().map(|parameter| widest(length(parameter)));
        let width = widths.min().expect("one waits");
        let (count, dim) = elementwise_by(largest, width);
        let buffers = |index: usize| {
            waiting
                .iter()
                .map(|Waiting(all)| vectors(&all[index], width))
                .collect()
        };
        let rates = self.rates.get_or_insert_with(|| {
            let (rate, root_correction) = self.update.corrected();
            let rates = [rate, root_correction];
            largest.client.create_from_slice(f32::as_bytes(&rates))
        });
        // SAFETY: there are two.
        let rates = unsafe { BufferArg::from_raw_parts(rates.clone(), 2) };
        // SAFETY: each thread stays within the length of a parameter, which is that of its moments and its gradient.
        unsafe {
            adam::launch_unchecked(
                &largest.client,
                count,
                dim,
                width,
                buffers(0),
                buffers(1),
                buffers(2),
                buffers(3),
                rates,
                self.update.beta1,
                self.update.beta2,
                self.update.epsilon,
            );
        }
    }
}

/// A moving average after `newest`: `mean + share * (newest - mean)`.
pub fn moved(mean: Tensor<1>, newest: Tensor<1>, share: f64) -> Tensor<1> {
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
        );
    }
    Tensor::from_primitive::<Cube>(moved)
}
