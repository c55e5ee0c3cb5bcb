//! An exponential moving average of a network's weights, which translates better than the weights of any single step
//! (Yazıcı et al. 2019, "The unusual effectiveness of averaging in GAN training").

use std::collections::HashMap;

use burn::backend::Flex;
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::{Tensor, TensorData};
use pix2pix_kernels as kernels;

use crate::backend::device::inner;
#[cfg(feature = "_card")]
use crate::backend::device::is_card;

/// Every step up to `OFTEN` updates the average, then every `EVERY`th step.
const OFTEN: u64 = 100;
const EVERY: u64 = 10;

/// The average of one network.
pub struct Ema {
    decay: f64,
    averages: HashMap<ParamId, Average>,
}

/// The average of one parameter, flat.
enum Average {
    /// In host memory.
    Host(Vec<f32>),
    /// In a card's memory.
    #[cfg(feature = "_card")]
    Card(Box<Tensor<1>>),
}

impl Ema {
    /// An average that starts with a network's weights. Each step keeps the fraction `decay` of it.
    pub fn new<M: Module>(network: &M, decay: f64) -> Self {
        let mut copy = Copy(HashMap::new());
        network.visit(&mut copy);
        Self {
            decay,
            averages: copy.0,
        }
    }

    /// Updates the average with the weights after step `step`, counted from 1. So that the initial weights fade
    /// quickly, the decay is at most `step / (step + 9)`. After a hundred steps only every tenth step updates the
    /// average, with the weight of ten steps: reading and writing all weights takes a tenth of a training step's time.
    pub fn update<M: Module>(&mut self, network: &M, step: u64) {
        let every = if step > OFTEN { EVERY } else { 1 };
        if !step.is_multiple_of(every) {
            return;
        }
        let kept = self.decay.powi(every as i32);
        let decay = kept.min(step as f64 / (step as f64 + 9.0));
        network.visit(&mut Update {
            share: 1.0 - decay,
            averages: &mut self.averages,
        });
    }

    /// The network with the averaged weights.
    pub fn apply<M: Module>(&self, network: M) -> M {
        network.map(&mut Apply(&self.averages))
    }
}

fn values<const D: usize>(param: &Param<Tensor<D>>) -> Tensor<1> {
    param.val().detach().reshape([-1])
}

struct Copy(HashMap<ParamId, Average>);

impl ModuleVisitor for Copy {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let data = values(param).into_data().convert::<f32>();
        let host = data.try_into_vec().expect("converted to f32 above");
        self.0.insert(param.id, Average::Host(host));
    }
}

struct Update<'a> {
    share: f64,
    averages: &'a mut HashMap<ParamId, Average>,
}

impl ModuleVisitor for Update<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let newest = inner(values(param));
        #[cfg(feature = "_card")]
        if is_card(&newest.device()) {
            let before = match self.averages.remove(&param.id) {
                Some(Average::Host(values)) => {
                    Tensor::from_data(values.as_slice(), &newest.device())
                }
                Some(Average::Card(values)) => *values,
                None => unreachable!("the same network"),
            };
            let moved = crate::backend::card::moved(before, newest, self.share);
            self.averages
                .insert(param.id, Average::Card(Box::new(moved)));
            return;
        }
        match self.averages.get_mut(&param.id).expect("the same network") {
            Average::Host(average) => {
                let newest = newest.try_into_primitive::<Flex>();
                let newest = newest
                    .expect("a tensor of the Flex backend")
                    .to_contiguous();
                kernels::move_towards(average, newest.storage(), self.share as f32);
            }
            #[cfg(feature = "_card")]
            Average::Card(_) => unreachable!("a network does not change its device"),
        }
    }
}

struct Apply<'a>(&'a HashMap<ParamId, Average>);

impl ModuleMapper for Apply<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let average = &self.0[&param.id];
        let (id, old, mapper) = param.consume();
        let shape = old.shape();
        let new = match average {
            Average::Host(values) => {
                Tensor::from_data(TensorData::new(values.clone(), shape), &old.device())
            }
            #[cfg(feature = "_card")]
            Average::Card(values) => (**values).clone().reshape(shape),
        };
        Param::from_mapped_value(id, new, mapper)
    }
}
