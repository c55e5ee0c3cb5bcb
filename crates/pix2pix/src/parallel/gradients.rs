//! Sums gradients over a group while the backward pass still runs (Li et al. 2020, "PyTorch Distributed", section
//! 3.2). The gradients of the convolutions nearest to the loss are sent first, small ones together in buckets; the
//! backward passes of the other layers hide the communication.

use std::collections::HashMap;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::{Tensor, TensorData};

use super::Group;
use crate::watch::Receiver;

/// Minimum number of values in a bucket (4 MB); the last bucket may have fewer.
const BUCKET: usize = 1 << 20;

/// Sums the gradients of one network over a group.
#[derive(Clone)]
pub struct Reducer {
    group: Group,
    plan: Arc<Plan>,
}

/// Which bucket holds which parameter. The plan and the order in which buckets are sent are the same in all processes,
/// whatever the order in which gradients are computed.
#[derive(Debug, Default)]
struct Plan {
    places: HashMap<ParamId, usize>,
    /// Bucket, offset and length of each parameter.
    slots: Vec<[usize; 3]>,
    /// Lengths of the buckets.
    lengths: Vec<usize>,
}

impl Plan {
    /// Orders a network's parameters as a backward pass reaches them: the last convolution first. Parameters of norms,
    /// and biases, are a thousandth of all values and come last.
    fn new<M: Module>(network: &M) -> Self {
        let mut found = Trainable::default();
        network.visit(&mut found);
        let (mut weights, small): (Vec<_>, Vec<_>) =
            found.0.into_iter().partition(|(_, _, rank)| *rank > 1);
        weights.reverse();
        let mut plan = Self::default();
        for (place, (id, length, _)) in weights.into_iter().chain(small).enumerate() {
            if plan.lengths.last().is_none_or(|filled| *filled >= BUCKET) {
                plan.lengths.push(0);
            }
            let bucket = plan.lengths.len() - 1;
            plan.places.insert(id, place);
            plan.slots.push([bucket, plan.lengths[bucket], length]);
            plan.lengths[bucket] += length;
        }
        plan
    }
}

/// Trainable parameters: id, number of values, number of dimensions.
#[derive(Default)]
struct Trainable(Vec<(ParamId, usize, usize)>);

impl ModuleVisitor for Trainable {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if param.is_require_grad() {
            self.0.push((param.id, param.shape().num_elements(), D));
        }
    }
}

impl Reducer {
    /// A reducer for a network on a device with autodiff.
    pub fn new<M: Module>(network: &M, group: Group) -> Self {
        Self {
            group,
            plan: Arc::new(Plan::new(network)),
        }
    }

    /// Starts an all-reduce. `earlier` holds the gradients of the step's earlier batches, which are added.
    pub fn begin<M: Module>(&self, network: &M, earlier: GradientsParams) -> Reduction {
        let (sender, buckets) = channel();
        let group = self.group.clone();
        let plan = self.plan.clone();
        // in its own thread: an all-reduce progresses only while it is polled
        let reduced = thread::spawn(move || {
            let communicator = &group.communicator;
            communicator.all_reduce(buckets, &plan.lengths, group.wire)
        });
        let count = self.plan.slots.len();
        let mut missing = vec![0; self.plan.lengths.len()];
        for [bucket, ..] in &self.plan.slots {
            missing[*bucket] += 1;
        }
        let collector = Arc::new(Collector {
            plan: self.plan.clone(),
            state: Mutex::new(State {
                buckets: vec![Vec::new(); self.plan.lengths.len()],
                expected: vec![0; count],
                done: vec![false; count],
                missing,
                sent: 0,
                sender,
            }),
        });
        if !earlier.is_empty() {
            let add = |slot, values: &[f32]| collector.state().add(&collector.plan, slot, values);
            network.visit(&mut Late {
                gradients: earlier,
                plan: &self.plan,
                give: &add,
            });
        }
        Reduction { collector, reduced }
    }
}

/// An all-reduce in progress.
pub struct Reduction {
    collector: Arc<Collector>,
    reduced: JoinHandle<Vec<Vec<f32>>>,
}

/// Collects gradients until their bucket is complete.
#[derive(Debug)]
struct Collector {
    plan: Arc<Plan>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// A bucket is empty before its first gradient and after it is sent.
    buckets: Vec<Vec<f32>>,
    /// Number of gradients of each parameter that the backward pass has yet to compute.
    expected: Vec<usize>,
    /// Whether a parameter's gradient is complete.
    done: Vec<bool>,
    /// Number of incomplete parameters in each bucket.
    missing: Vec<usize>,
    /// Number of buckets sent.
    sent: usize,
    sender: Sender<Vec<f32>>,
}

impl Collector {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic while it is locked")
    }
}

impl State {
    fn add(&mut self, plan: &Plan, slot: usize, values: &[f32]) {
        let [bucket, offset, length] = plan.slots[slot];
        let whole = plan.lengths[bucket];
        let bucket = &mut self.buckets[bucket];
        if bucket.is_empty() {
            if length == whole {
                // most values are in such buckets, which saves a pass through memory
                bucket.extend_from_slice(values);
                return;
            }
            bucket.resize(whole, 0.0);
        }
        let sum = &mut bucket[offset..][..length];
        for (sum, value) in sum.iter_mut().zip(values) {
            *sum += value;
        }
    }

    /// Marks a parameter's gradient as complete, and sends the buckets that are ready.
    fn finish(&mut self, plan: &Plan, slot: usize) {
        self.done[slot] = true;
        self.missing[plan.slots[slot][0]] -= 1;
        while self.missing.get(self.sent) == Some(&0) {
            let bucket = std::mem::take(&mut self.buckets[self.sent]);
            self.sender
                .send(bucket)
                .expect("the thread receives all buckets");
            self.sent += 1;
        }
    }
}

impl Receiver for Collector {
    fn expect(&self, id: ParamId) -> bool {
        let Some(slot) = self.plan.places.get(&id) else {
            return false;
        };
        self.state().expected[*slot] += 1;
        true
    }

    /// The sum over the group takes the gradient's place: [`Reduction::finish`].
    fn receive(&self, id: ParamId, gradient: &[f32]) -> bool {
        let slot = self.plan.places[&id];
        let mut state = self.state();
        state.add(&self.plan, slot, gradient);
        state.expected[slot] -= 1;
        if state.expected[slot] == 0 {
            state.finish(&self.plan, slot);
        }
        false
    }
}

impl Reduction {
    /// Receives the gradients of the forward pass.
    pub fn receiver(&self) -> Arc<dyn Receiver> {
        self.collector.clone()
    }

    /// Sends those of `gradients` that were not sent during the backward pass, waits, and returns the sums over the
    /// group.
    pub fn finish<M: Module>(self, network: &M, gradients: GradientsParams) -> GradientsParams {
        let Self { collector, reduced } = self;
        let give = |slot: usize, values: &[f32]| {
            let mut state = collector.state();
            if !state.done[slot] {
                state.add(&collector.plan, slot, values);
                state.finish(&collector.plan, slot);
            }
        };
        let plan = &*collector.plan;
        network.visit(&mut Late {
            gradients,
            plan,
            give: &give,
        });
        let reduced = reduced.join().expect("the all-reduce does not panic");
        let mut sums = Sums {
            plan,
            reduced,
            gradients: GradientsParams::new(),
        };
        network.visit(&mut sums);
        sums.gradients
    }
}

/// Passes on gradients that are computed already.
struct Late<'a> {
    gradients: GradientsParams,
    plan: &'a Plan,
    give: &'a dyn Fn(usize, &[f32]),
}

impl ModuleVisitor for Late<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(slot) = self.plan.places.get(&param.id) else {
            return;
        };
        let gradient = self.gradients.remove::<D>(param.id);
        let data = gradient
            .expect("every parameter is in the loss")
            .into_data();
        let values = data.as_slice::<f32>();
        (self.give)(*slot, values.expect("gradients are f32"));
    }
}

/// Takes the sums out of their buckets.
struct Sums<'a> {
    plan: &'a Plan,
    reduced: Vec<Vec<f32>>,
    gradients: GradientsParams,
}

impl ModuleVisitor for Sums<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(slot) = self.plan.places.get(&param.id) else {
            return;
        };
        let [bucket, offset, length] = self.plan.slots[*slot];
        let values = match length == self.plan.lengths[bucket] {
            true => std::mem::take(&mut self.reduced[bucket]), // without a copy
            false => self.reduced[bucket][offset..][..length].to_vec(),
        };
        let device = param.val().inner().device();
        let sum = Tensor::<D>::from_data(TensorData::new(values, param.shape()), &device);
        self.gradients.register(param.id, sum);
    }
}
