//! Adam (Kingma and Ba 2015; paper, section 3.3) over a network's parameters: one fused pass, in place, for each
//! parameter, or on a card for several.

use std::collections::HashMap;

use burn::backend::Flex;
use burn::backend::tensor::FloatTensor;
use burn::module::{Module, ModuleMapper, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use pix2pix_kernels as kernels;

use crate::backend::device::constant;
#[cfg(feature = "_card")]
use crate::backend::device::is_card;
use crate::error::{self, Error};
use crate::network::weights::{self, Array, Weights};
use crate::train::config::OptimizerConfig;
use crate::train::early::{Early, Lent};
use crate::train::moments::{HostMoments, MomentFormat};
use crate::weights_file::tensor_file::TensorValues;

/// Epsilon, added to the square root of the second moment, as in Torch.
const EPSILON: f32 = 1e-8;

/// The optimizer of one network.
pub struct Adam {
    /// Decay rates of the first and second moments.
    betas: [f32; 2],
    format: MomentFormat,
    steps: u64,
    moments: HashMap<ParamId, Moments>,
    /// Parameters that [`take_back`](Self::take_back) found without a finite gradient.
    not_finite: Vec<ParamId>,
    /// On a card whose steps are replayed: where the step size and the correction are read from.
    #[cfg(feature = "_card")]
    rates: Option<Tensor<1>>,
    /// Whether the last step on a card left all parameters in their memory.
    #[cfg(feature = "_card")]
    in_place: bool,
}

/// The first and second moments of a parameter (running means of its gradient and its square), flat.
enum Moments {
    /// In host memory, for the fused update.
    Host(HostMoments),
    /// In a card's memory.
    #[cfg(feature = "_card")]
    Card(crate::backend::card::Moments),
}

/// The name of a parameter whose gradient is not finite.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("the gradient of {0} is not finite")]
pub struct NotFinite(pub String);

impl Default for Adam {
    /// An optimizer before its first step, with the paper's decay rates.
    fn default() -> Self {
        Self::new(&OptimizerConfig::default())
    }
}

impl Adam {
    /// An optimizer before its first step, with a configuration's decay rates and format of its moments. On cards, moments
    /// have 32 bits.
    pub fn new(config: &OptimizerConfig) -> Self {
        Self {
            betas: [config.beta1, config.beta2],
            format: config.moments,
            steps: 0,
            moments: HashMap::new(),
            not_finite: Vec::new(),
            #[cfg(feature = "_card")]
            rates: None,
            #[cfg(feature = "_card")]
            in_place: false,
        }
    }

    /// The update of step `step`, counted from 1, at a learning `rate`.
    fn update(&self, step: u64, rate: f64) -> kernels::Adam {
        let [beta1, beta2] = self.betas;
        kernels::Adam {
            lr: rate as f32,
            beta1,
            beta2,
            epsilon: EPSILON,
            step,
        }
    }

    /// Reads the numbers of [`rates`](Self::rates) from a card's memory from now on, or with `None` no longer.
    #[cfg(feature = "_card")]
    pub(crate) fn read_rates(&mut self, from: Option<Tensor<1>>) {
        self.rates = from;
    }

    /// What changes from step to step: the step size and the correction of the second moment, of the step after `steps`
    /// steps.
    #[cfg(feature = "_card")]
    pub(crate) fn rates(&self, steps: u64, rate: f64) -> [f32; 2] {
        self.update(steps + 1, rate).corrected().into()
    }

    /// Whether the last step on a card left all parameters in their memory.
    #[cfg(feature = "_card")]
    pub(crate) fn updates_in_place(&self) -> bool {
        self.in_place
    }

    /// Counts the steps anew, after one that was replayed.
    #[cfg(feature = "_card")]
    pub(crate) fn set_steps(&mut self, steps: u64) {
        self.steps = steps;
    }

    /// Lends `early` the weights that it can update during a backward pass, with the next step's update at a learning
    /// `rate`. The network has nothing in their place until it [takes them back](Self::take_back).
    pub(crate) fn lend<M: Module>(&mut self, network: M, early: &Early, rate: f64) -> M {
        early.begin(self.update(self.steps + 1, rate));
        network.map(&mut Lender {
            early,
            format: self.format,
            moments: &mut self.moments,
        })
    }

    /// Takes back what [`lend`](Self::lend) has lent.
    pub(crate) fn take_back<M: Module>(&mut self, network: M, early: &Early) -> M {
        network.map(&mut Owner {
            early,
            moments: &mut self.moments,
            not_finite: &mut self.not_finite,
        })
    }

    /// Updates every parameter that has a gradient, and returns the network. Takes the network by value, so that its
    /// tensors are changed in place; shared tensors are copied first. `rate` is the learning rate of this step.
    ///
    /// The second value is an error when a gradient is not finite; its parameter is then not finite either. Only the
    /// CPU checks this. On cards, the next losses are not finite.
    pub fn step<M: Module>(
        &mut self,
        network: M,
        gradients: GradientsParams,
        rate: f64,
    ) -> (M, Result<(), NotFinite>) {
        self.steps += 1;
        let update = self.update(self.steps, rate);
        let mut updater = Updater {
            update,
            format: self.format,
            gradients,
            moments: &mut self.moments,
            not_finite: None,
            early: std::mem::take(&mut self.not_finite),
            #[cfg(feature = "_card")]
            on_card: crate::backend::card::Updates::new(update, self.rates.clone()),
        };
        let network = network.map(&mut updater);
        #[cfg(feature = "_card")]
        {
            self.in_place = updater.on_card.finish();
        }
        let finite = match updater.not_finite {
            None => Ok(()),
            Some(id) => {
                let mut named = weights::ids(&network).into_iter();
                let named = named.find(|(_, (known, _))| *known == id);
                Err(NotFinite(named.map_or_else(String::new, |(name, _)| name)))
            }
        };
        (network, finite)
    }

    /// The moments of a network's parameters, for a checkpoint: `first.NAME` and `second.NAME`, flat.
    pub fn moments<M: Module>(&self, network: &M) -> Vec<(String, TensorValues<'_>)> {
        let mut named = Vec::new();
        for (name, (id, _)) in weights::ids(network) {
            let [first, second] = match self.moments.get(&id) {
                None => continue, // a running statistic
                Some(Moments::Host(moments)) => moments.values(),
                #[cfg(feature = "_card")]
                Some(Moments::Card(moments)) => moments
                    .values()
                    .map(|data| TensorValues::from(weights::array(data))),
            };
            named.push((format!("first.{name}"), first));
            named.push((format!("second.{name}"), second));
        }
        named
    }

    /// An optimizer after `steps` steps, with the [`moments`](Self::moments) of a checkpoint.
    ///
    /// # Errors
    /// When they do not match this network.
    pub fn resume<M: Module>(
        config: &OptimizerConfig,
        steps: u64,
        network: &M,
        mut saved: Weights,
    ) -> error::Result<Self> {
        let mut moments = HashMap::new();
        for (name, (id, length)) in weights::ids(network) {
            let mut taken =
                ["first", "second"].map(|moment| saved.remove(&format!("{moment}.{name}")));
            let of_parameter = |array: &Option<Array>| {
                let values = array.as_ref().map(|array| array.values.len());
                values.is_none_or(|values| values == length)
            };
            if !taken.iter().all(of_parameter) {
                let reason = format!("the moments of {name} have the wrong length");
                return Err(Error::Data(reason));
            }
            let [Some(first), Some(second)] = taken.each_mut().map(Option::take) else {
                continue; // a running statistic
            };
            let of_parameter = HostMoments::saved(config.moments, [first.values, second.values]);
            moments.insert(id, Moments::Host(of_parameter));
        }
        if let Some(name) = saved.keys().next() {
            return Err(Error::Data(format!(
                "the moment {name} does not belong to a parameter of this network"
            )));
        }
        Ok(Self {
            steps,
            moments,
            ..Self::new(config)
        })
    }
}

/// Visits the network's parameters in one step.
struct Updater<'a> {
    update: kernels::Adam,
    format: MomentFormat,
    gradients: GradientsParams,
    moments: &'a mut HashMap<ParamId, Moments>,
    /// The first parameter whose gradient was not finite.
    not_finite: Option<ParamId>,
    /// Those of which that was found before.
    early: Vec<ParamId>,
    #[cfg(feature = "_card")]
    on_card: crate::backend::card::Updates,
}

impl ModuleMapper for Updater<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(gradient) = self.gradients.remove::<D>(param.id) else {
            // a running statistic, or updated during the backward pass
            if self.early.contains(&param.id) {
                self.not_finite.get_or_insert(param.id);
            }
            return param;
        };
        let (id, tensor, mapper) = param.consume();
        let moments = self.moments.remove(&id);
        let device = tensor.device();
        let (updated, moments, finite) = self.update(tensor.inner(), gradient, moments);
        if !finite {
            self.not_finite.get_or_insert(id);
        }
        self.moments.insert(id, moments);
        let tensor = constant(updated, &device).require_grad();
        Param::from_mapped_value(id, tensor, mapper)
    }
}

impl Updater<'_> {
    /// Returns the updated parameter and moments, and whether the gradient was finite. Without moments, which is the
    /// first step, they start at zero.
    fn update<const D: usize>(
        &mut self,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
        moments: Option<Moments>,
    ) -> (Tensor<D>, Moments, bool) {
        let length = parameter.shape().num_elements();
        let zeros = || Moments::Host(HostMoments::zeros(self.format, length));
        let moments = moments.unwrap_or_else(zeros);
        #[cfg(feature = "_card")]
        if is_card(&parameter.device()) {
            let moments = match moments {
                // the first step in this process, of a new or a resumed run
                Moments::Host(moments) => {
                    crate::backend::card::Moments::on(&parameter, moments.into_f32())
                }
                Moments::Card(moments) => moments,
            };
            let updated = self.on_card.add(&moments, parameter, gradient);
            return (updated, Moments::Card(moments), true);
        }
        match moments {
            Moments::Host(moments) => self.update_on_host(parameter, gradient, moments),
            #[cfg(feature = "_card")]
            Moments::Card(_) => unreachable!("a network does not change its device"),
        }
    }

    fn update_on_host<const D: usize>(
        &self,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
        mut moments: HostMoments,
    ) -> (Tensor<D>, Moments, bool) {
        let mut parameter = in_host_memory(parameter);
        let gradient = in_host_memory(gradient);
        let finite = moments.update(&self.update, parameter.storage_mut(), gradient.storage());
        let updated = Tensor::from_primitive::<Flex>(parameter);
        (updated, Moments::Host(moments), finite)
    }
}

/// The memory of a tensor of the CPU's backend.
fn in_host_memory<const D: usize>(tensor: Tensor<D>) -> FloatTensor<Flex> {
    let primitive = tensor.try_into_primitive::<Flex>();
    let primitive = primitive.expect("host moments belong to a tensor of the Flex backend");
    primitive.to_contiguous()
}

/// Lends parameters for a backward pass.
struct Lender<'a> {
    early: &'a Early,
    format: MomentFormat,
    moments: &'a mut HashMap<ParamId, Moments>,
}

impl ModuleMapper for Lender<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if !self.early.takes(param.id) {
            return param;
        }
        let (id, tensor, mapper) = param.consume();
        let length = tensor.shape().num_elements();
        let moments = match self.moments.remove(&id) {
            None => HostMoments::zeros(self.format, length),
            Some(Moments::Host(moments)) => moments,
            #[cfg(feature = "_card")]
            Some(Moments::Card(_)) => unreachable!("only the CPU updates early"),
        };
        let device = tensor.device();
        let lent = Lent {
            parameter: in_host_memory(tensor.inner()),
            moments,
            finite: true,
        };
        self.early.lend(id, lent);
        let nothing = Tensor::empty([0; D], &device);
        Param::from_mapped_value(id, nothing, mapper)
    }
}

/// Takes parameters back after a backward pass.
struct Owner<'a> {
    early: &'a Early,
    moments: &'a mut HashMap<ParamId, Moments>,
    not_finite: &'a mut Vec<ParamId>,
}

impl ModuleMapper for Owner<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(lent) = self.early.give_back(param.id) else {
            return param;
        };
        let (id, nothing, mapper) = param.consume();
        if !lent.finite {
            self.not_finite.push(id);
        }
        self.moments.insert(id, Moments::Host(lent.moments));
        let tensor = Tensor::from_primitive::<Flex>(lent.parameter);
        let tensor = constant(tensor, &nothing.device()).require_grad();
        Param::from_mapped_value(id, tensor, mapper)
    }
}
