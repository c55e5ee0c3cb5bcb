//! Adam (Kingma and Ba 2015; paper, section 3.3) over a network's parameters: one fused pass, in place, for each
//! parameter, or on a card for several.

use std::collections::HashMap;

use burn::backend::Flex;
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
use crate::weights_file::tensor_file::Values;

/// Epsilon, added to the square root of the second moment, as in Torch.
const EPSILON: f32 = 1e-8;

/// The optimizer of one network.
pub struct Adam {
    /// Decay rates of the first and second moments.
    betas: [f32; 2],
    steps: u64,
    moments: HashMap<ParamId, Moments>,
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
    Host([Vec<f32>; 2]),
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
        let OptimizerConfig { beta1, beta2, .. } = OptimizerConfig::default();
        Self::new([beta1, beta2])
    }
}

impl Adam {
    /// An optimizer before its first step. `betas` are the decay rates of the first and second moments; paper: 0.5 and
    /// 0.999.
    pub fn new(betas: [f32; 2]) -> Self {
        Self {
            betas,
            steps: 0,
            moments: HashMap::new(),
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
            gradients,
            moments: &mut self.moments,
            not_finite: None,
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
    pub fn moments<M: Module>(&self, network: &M) -> Vec<(String, Values<'_>)> {
        let mut named = Vec::new();
        for (name, (id, _)) in weights::ids(network) {
            let [first, second] = match self.moments.get(&id) {
                None => continue, // a running statistic
                Some(Moments::Host(moments)) => moments.each_ref().map(|m| Values::vector(m)),
                #[cfg(feature = "_card")]
                Some(Moments::Card(moments)) => moments
                    .values()
                    .map(|data| Values::from(weights::array(data))),
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
        betas: [f32; 2],
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
                return Err(Error::Config(reason));
            }
            let [Some(first), Some(second)] = taken.each_mut().map(Option::take) else {
                continue; // a running statistic
            };
            moments.insert(id, Moments::Host([first.values, second.values]));
        }
        if let Some(name) = saved.keys().next() {
            return Err(Error::Config(format!(
                "the moment {name} does not belong to a parameter of this network"
            )));
        }
        Ok(Self {
            steps,
            moments,
            ..Self::new(betas)
        })
    }
}

/// Visits the network's parameters in one step.
struct Updater<'a> {
    update: kernels::Adam,
    gradients: GradientsParams,
    moments: &'a mut HashMap<ParamId, Moments>,
    /// The first parameter whose gradient was not finite.
    not_finite: Option<ParamId>,
    #[cfg(feature = "_card")]
    on_card: crate::backend::card::Updates,
}

impl ModuleMapper for Updater<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(gradient) = self.gradients.remove::<D>(param.id) else {
            return param; // a running statistic
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
        let moments =
            moments.unwrap_or_else(|| Moments::Host([vec![0.0; length], vec![0.0; length]]));
        #[cfg(feature = "_card")]
        if is_card(&parameter.device()) {
            let moments = match moments {
                // the first step in this process, of a new or a resumed run
                Moments::Host(moments) => crate::backend::card::Moments::on(&parameter, moments),
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
        [mut first, mut second]: [Vec<f32>; 2],
    ) -> (Tensor<D>, Moments, bool) {
        let flex = |tensor: Tensor<D>| {
            let primitive = tensor.try_into_primitive::<Flex>();
            primitive.expect("host moments belong to a tensor of the Flex backend")
        };
        let mut parameter = flex(parameter).to_contiguous();
        let gradient = flex(gradient).to_contiguous();
        let finite = kernels::adam(
            &self.update,
            parameter.storage_mut(),
            gradient.storage(),
            &mut first,
            &mut second,
        );
        let updated = Tensor::from_primitive::<Flex>(parameter);
        (updated, Moments::Host([first, second]), finite)
    }
}
