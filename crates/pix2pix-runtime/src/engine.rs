//! Engines: the interface of what runs a generator, and the CPU's.

use std::sync::{Arc, Mutex, PoisonError};

use pix2pix_kernels::Arithmetic;

use crate::error::Result;
use crate::network::GeneratorConfig;
use crate::plan::{Core, Fusion, Input, Parameters, Pass, Plan, Statistics};
use crate::pool::in_pool;
use crate::weights::Weights;

/// Runs a generator. Pictures are `[channels, height, width]` in [-1, 1], sizes height and width.
pub trait Engine: Send + Sync {
    /// Translates pictures of one size, each as if it were alone. Normalizations use these statistics, or measure each
    /// picture's own.
    fn run(
        &self,
        inputs: &[Input],
        size: [usize; 2],
        statistics: Option<&Statistics>,
    ) -> Vec<Vec<f32>>;

    /// Runs up to the first normalization whose statistics are not `known`, and measures those of a part of the picture:
    /// means and biased variances, and the number of values in each, of which the part may cut some.
    fn measure(
        &self,
        input: Input,
        size: [usize; 2],
        known: &Statistics,
        core: &Core,
    ) -> (Vec<f32>, f64);

    /// The running averages of training, one for each normalization; `None` if one keeps none, or there is none.
    fn running_statistics(&self) -> Option<Vec<Vec<f32>>>;

    /// Number of normalizations.
    fn norms(&self) -> usize;

    /// Largest number of values that a layer may give for one picture; `None` if only memory limits it.
    fn most_values(&self) -> Option<u64> {
        None
    }
}

/// Numbers and sizes of pictures for which an engine keeps plans.
const PLANS: usize = 4;

/// A generator on the CPU.
pub struct Cpu {
    config: GeneratorConfig,
    parameters: Parameters,
    arithmetic: Arithmetic,
    /// Plans by the number of pictures, height and width, the most recently used last.
    plans: Mutex<Vec<([usize; 3], Arc<Plan>)>>,
    /// Memory of passes that have ended.
    memories: Mutex<Vec<Vec<f32>>>,
}

impl Cpu {
    /// A generator with these tensors.
    ///
    /// # Errors
    /// When the configuration is invalid, or a tensor is missing, left over, or has another shape.
    pub fn new(config: &GeneratorConfig, weights: Weights, arithmetic: Arithmetic) -> Result<Self> {
        config.validate()?;
        let graph = config.layers(smallest(config));
        Ok(Self {
            parameters: Parameters::new(&graph, weights, Fusion::Full, arithmetic)?,
            config: config.clone(),
            arithmetic,
            plans: Mutex::default(),
            memories: Mutex::default(),
        })
    }

    fn plan(&self, batch: usize, size: [usize; 2]) -> Arc<Plan> {
        let key = [batch, size[0], size[1]];
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        let known = plans.iter().position(|(known, _)| *known == key);
        let entry = match known {
            Some(index) => plans.remove(index),
            None => {
                let [channels, _] = self.config.channels();
                let graph = self.config.layers([channels, size[0], size[1]]);
                (key, Arc::new(Plan::new(&graph, Fusion::Full, batch)))
            }
        };
        let plan = entry.1.clone();
        plans.push(entry);
        let extra = plans.len().saturating_sub(PLANS);
        plans.drain(..extra);
        plan
    }

    fn pass<'a>(&self, inputs: &'a [Input], statistics: &'a Statistics) -> Pass<'a> {
        Pass {
            inputs,
            arithmetic: self.arithmetic,
            statistics,
        }
    }

    /// Calls `work` on a thread of the pool.
    fn with_plan<T: Send>(
        &self,
        batch: usize,
        size: [usize; 2],
        work: impl FnOnce(&Plan, &mut Vec<f32>) -> T + Send,
    ) -> T {
        let plan = self.plan(batch, size);
        let memories = || self.memories.lock().unwrap_or_else(PoisonError::into_inner);
        let mut memory = memories().pop().unwrap_or_default();
        let result = in_pool(|| work(&plan, &mut memory));
        // what was needed for one large picture is not kept for small ones
        if memory.len() / 2 <= plan.memory() {
            memories().push(memory);
        }
        result
    }
}

/// The shape of the smallest picture that a generator accepts.
fn smallest(config: &GeneratorConfig) -> [usize; 3] {
    let side = config.smallest_side() as usize;
    [config.channels()[0], side, side]
}

impl Engine for Cpu {
    fn run(
        &self,
        inputs: &[Input],
        size: [usize; 2],
        statistics: Option<&Statistics>,
    ) -> Vec<Vec<f32>> {
        let pass = self.pass(inputs, statistics.unwrap_or_default());
        self.with_plan(inputs.len(), size, |plan, memory| {
            plan.run(&self.parameters, &pass, memory)
        })
    }

    fn measure(
        &self,
        input: Input,
        size: [usize; 2],
        known: &Statistics,
        core: &Core,
    ) -> (Vec<f32>, f64) {
        let inputs = [input];
        let pass = self.pass(&inputs, known);
        self.with_plan(1, size, |plan, memory| {
            plan.measure(&self.parameters, &pass, core, memory)
        })
    }

    fn running_statistics(&self) -> Option<Vec<Vec<f32>>> {
        self.parameters.running_statistics()
    }

    fn norms(&self) -> usize {
        self.parameters.norms.len()
    }
}
