//! Gradients are averaged while the backward pass still runs (Li et al. 2020, "PyTorch Distributed", section 3.2): what
//! the convolutions nearest to the loss have found is sent first, several small ones in one bucket, and the passes of the
//! layers below it hide the time that this takes.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::{Tensor, TensorData};

use super::Group;

/// Values in a bucket, at least, but for the last: 4 MB.
const BUCKET: usize = 1 << 20;

/// Averages the gradients of one network over a group.
#[derive(Clone)]
pub struct Reducer {
    group: Group,
    plan: Arc<Plan>,
}

/// Which bucket holds what. It is the same in all processes, and so is the order in which buckets are sent, whatever the
/// order in which gradients are found.
#[derive(Debug, Default)]
struct Plan {
    places: HashMap<ParamId, usize>,
    /// Bucket, offset and length of each parameter.
    slots: Vec<[usize; 3]>,
    /// Lengths of the buckets.
    lengths: Vec<usize>,
}

impl Plan {
    /// The parameters of a network in the order in which a backward pass comes to them: the last convolution first. Those
    /// of norms, and biases, are a thousandth of all values, and go last.
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
    /// For a network on a device with autodiff.
    pub fn new<M: Module>(network: &M, group: Group) -> Self {
        Self {
            group,
            plan: Arc::new(Plan::new(network)),
        }
    }

    /// Begins an average. Gradients found before, of earlier parts of a batch, are added to those to come.
    pub fn begin<M: Module>(&self, network: &M, earlier: GradientsParams) -> Pass {
        let (sender, buckets) = channel();
        let group = self.group.clone();
        let plan = self.plan.clone();
        // a thread of its own: an all-reduce goes on only while somebody looks after it
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
        Pass { collector, reduced }
    }
}

/// An average under way.
pub struct Pass {
    collector: Arc<Collector>,
    reduced: JoinHandle<Vec<Vec<f32>>>,
}

/// Where gradients are put together until their bucket is whole.
#[derive(Debug)]
struct Collector {
    plan: Arc<Plan>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Empty until something is in them, and after they are sent.
    buckets: Vec<Vec<f32>>,
    /// How many more gradients of a parameter will come from the backward pass.
    expected: Vec<usize>,
    /// Whether a parameter's gradient is whole.
    done: Vec<bool>,
    /// How many parameters of a bucket are not.
    missing: Vec<usize>,
    /// Buckets that are on their way.
    sent: usize,
    sender: Sender<Vec<f32>>,
}

impl Collector {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics with it")
    }
}

impl State {
    fn add(&mut self, plan: &Plan, slot: usize, values: &[f32]) {
        let [bucket, offset, length] = plan.slots[slot];
        let whole = plan.lengths[bucket];
        let bucket = &mut self.buckets[bucket];
        if bucket.is_empty() {
            if length == whole {
                // most values are in such buckets, and go through memory once less
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

    /// A parameter's gradient is whole: sends what can be sent.
    fn finish(&mut self, plan: &Plan, slot: usize) {
        self.done[slot] = true;
        self.missing[plan.slots[slot][0]] -= 1;
        while self.missing.get(self.sent) == Some(&0) {
            let bucket = std::mem::take(&mut self.buckets[self.sent]);
            self.sender.send(bucket).expect("the thread takes all");
            self.sent += 1;
        }
    }
}

thread_local! {
    /// The average that forward passes of this thread take part in.
    static WATCHED: RefCell<Option<Arc<Collector>>> = const { RefCell::new(None) };
}

/// Runs a forward pass whose backward pass gives its gradients to `pass`, if there is one.
pub(crate) fn watching<T>(pass: Option<&Pass>, work: impl FnOnce() -> T) -> T {
    let collector = pass.map(|pass| pass.collector.clone());
    let before = WATCHED.replace(collector);
    let result = work();
    WATCHED.set(before);
    result
}

/// What a convolution gives the gradient of its weights to, in a forward pass that is watched.
pub(crate) fn watch<const D: usize>(weight: &Param<Tensor<D>>) -> Option<Watch> {
    let collector = WATCHED.with_borrow(Clone::clone)?;
    let slot = *collector.plan.places.get(&weight.id)?;
    // a frozen network's weights have no gradient
    weight.is_require_grad().then(|| {
        collector.state().expected[slot] += 1;
        Watch { collector, slot }
    })
}

/// Takes one gradient of one parameter.
#[derive(Clone)]
pub struct Watch {
    collector: Arc<Collector>,
    slot: usize,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Watch({})", self.slot)
    }
}

impl Watch {
    /// Takes the gradient of one use of the parameter.
    pub(crate) fn give(&self, values: &[f32]) {
        let mut state = self.collector.state();
        state.add(&self.collector.plan, self.slot, values);
        state.expected[self.slot] -= 1;
        if state.expected[self.slot] == 0 {
            state.finish(&self.collector.plan, self.slot);
        }
    }
}

impl Pass {
    /// Sends what the backward pass did not give, of its `gradients`, waits, and returns the sums over the group.
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

/// Gives gradients that are there as a whole.
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
