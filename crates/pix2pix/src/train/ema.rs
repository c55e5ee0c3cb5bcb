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

/// Every step up to `OFTEN` updates the average.
const OFTEN: u64 = 100;
/// Most steps between updates after that.
const SELDOM: f64 = 10.0;
/// About the largest part of the average that the steps from one update to the next make up.
const PENDING: f64 = 0.1;

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
    /// quickly, the decay is at most `step / (step + 9)`. After a hundred steps not every step updates the average, but
    /// one with the weight of several, at most ten: reading and writing all weights takes a tenth of a training step's time.
    /// An average that forgets quickly is updated more often, because a run may end between two updates.
    pub fn update<M: Module>(&mut self, network: &M, step: u64) {
        let every = match step > OFTEN {
            true => self.interval(),
            false => 1,
        };
        if !step.abs_diff(OFTEN).is_multiple_of(every) {
            return;
        }
        let kept = self.decay.powi(every as i32);
        let decay = kept.min(step as f64 / (step as f64 + 9.0));
        network.visit(&mut Update {
            share: 1.0 - decay,
            averages: &mut self.averages,
        });
    }

    /// Steps from one update to the next, after the first hundred.
    fn interval(&self) -> u64 {
        (PENDING / (1.0 - self.decay)).round().clamp(1.0, SELDOM) as u64
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

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    /// An average of the numbers of the steps, after `steps` of them.
    fn averaged(decay: f64, steps: u64) -> f64 {
        let number = |step: u64| move |value: Tensor<1>| value.full_like(step as f32);
        let mut weight = Param::from_tensor(Tensor::<1>::zeros([1], &Device::flex()));
        let mut ema = Ema::new(&weight, decay);
        for step in 1..=steps {
            weight = weight.map(number(step));
            ema.update(&weight, step);
        }
        f64::from(ema.apply(weight).val().into_scalar::<f32>())
    }

    /// The same, computed here, where the steps after the hundredth count `every` so many together.
    fn expected(decay: f64, steps: u64, every: u64) -> f64 {
        let early = (1..=steps.min(100)).map(|step| (step, 1));
        let late = (1..=steps.saturating_sub(100) / every).map(|n| (100 + n * every, every));
        early.chain(late).fold(0.0, |average, (step, count)| {
            let kept = decay.powi(count as i32);
            let kept = kept.min(step as f64 / (step as f64 + 9.0));
            kept * average + (1.0 - kept) * step as f64
        })
    }

    /// What a run saves at any step has its last ones, as far as they count: all of them where the average forgets quickly.
    #[test]
    fn the_last_steps_are_in_the_average() {
        for (decay, every) in [
            (0.5, 1),
            (0.9, 1),
            (0.95, 2),
            (0.99, 10),
            (0.997, 10),
            (0.999_999, 10),
        ] {
            for steps in [30, 100, 109, 110, 137] {
                let (found, expected) = (averaged(decay, steps), expected(decay, steps, every));
                assert!(
                    (found - expected).abs() < 1e-3,
                    "{decay}, {steps} steps: {found} instead of {expected}"
                );
            }
        }
        assert!(averaged(0.5, 109) > 107.9, "about the last two steps");
    }
}
