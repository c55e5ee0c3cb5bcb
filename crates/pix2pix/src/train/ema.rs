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

/// Every step up to twice this one updates the average, every second one up to three times this one, and so on.
const OFTEN: u64 = 100;
/// Most steps between updates.
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
    /// quickly, the decay of a step is at most `step / (step + 9)`: the average is over about the last tenth of the steps until
    /// `decay` is less. Not every step updates it, but one with the weight of several, at most ten: reading and writing all
    /// weights takes a tenth of a training step's time. An average that forgets quickly is updated more often, because a run may
    /// end between two updates.
    pub fn update<M: Module>(&mut self, network: &M, step: u64) {
        if self.updated(step) != step {
            return;
        }
        let pending = self.updated(step - 1) + 1..=step;
        let kept: f64 = pending.map(|step| self.kept(step)).product();
        network.visit(&mut Update {
            share: 1.0 - kept,
            averages: &mut self.averages,
        });
    }

    /// The share of the average that a step keeps.
    fn kept(&self, step: u64) -> f64 {
        self.decay.min(step as f64 / (step as f64 + 9.0))
    }

    /// The last step that updates the average, of those up to `step`.
    fn updated(&self, step: u64) -> u64 {
        let every = (step / OFTEN).clamp(1, self.interval());
        let since = step.saturating_sub(OFTEN * every);
        step - since % every
    }

    /// Steps from one update to the next, in the end.
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

    /// The same, computed here, where every step updates the average.
    fn of_every_step(decay: f64, steps: u64) -> f64 {
        (1..=steps).fold(0.0, |average, step| {
            let step = step as f64;
            let kept = decay.min(step / (step + 9.0));
            kept * average + (1.0 - kept) * step
        })
    }

    /// The weights of a run of any length are as old as those of an average that every step updates.
    #[test]
    fn seldom_updates_make_nearly_the_average_of_every_step() {
        for decay in [0.5, 0.9, 0.95, 0.99, 0.997, 0.999, 0.999_999] {
            for steps in [30, 100, 137, 199, 250, 399, 540, 999, 1000, 1800, 5003] {
                let (found, expected) = (averaged(decay, steps), of_every_step(decay, steps));
                assert!(
                    (found - expected).abs() < 5.0,
                    "{decay}, {steps} steps: {found} instead of {expected}"
                );
            }
        }
        assert!(averaged(0.5, 109) > 107.9, "about the last two steps");
        // a tenth of the steps, and 1 / (1 - decay) of them in the end
        let age = |decay, steps: u64| steps as f64 - averaged(decay, steps);
        assert!((age(0.997, 540) - 54.0).abs() < 5.0);
        assert!((age(0.997, 5003) - 332.0).abs() < 5.0);
    }

    /// What is most of the time is that the average is left as it is.
    #[test]
    fn at_most_every_tenth_step_updates_a_slow_average() {
        let ema = |decay| Ema {
            decay,
            averages: HashMap::new(),
        };
        let updates = |decay: f64, steps: std::ops::Range<u64>| {
            let ema = ema(decay);
            steps.filter(|step| ema.updated(*step) == *step).count()
        };
        assert_eq!(updates(0.997, 1..201), 200);
        assert_eq!(updates(0.997, 500..600), 20);
        assert_eq!(updates(0.997, 1000..2000), 100);
        assert_eq!(updates(0.95, 1000..2000), 500);
        assert_eq!(updates(0.5, 1000..2000), 1000);
    }
}
