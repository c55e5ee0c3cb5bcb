//! Collects and restores the tensors of a network by name.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::{Tensor, TensorData};
pub use pix2pix_runtime::weights::{Array, Weights};

use crate::backend::device::placed;
use crate::error::{Error, Result};

/// A tensor in memory as an array.
pub fn array(data: TensorData) -> Array {
    let data = data.convert::<f32>();
    let shape = data.shape().to_vec();
    let values = data.try_into_vec().expect("converted to f32 above");
    Array::new(&shape, values)
}

/// An array as the data of a tensor.
pub fn data(array: Array) -> TensorData {
    TensorData::new(array.values, array.shape)
}

/// Every tensor of a network, running statistics included, as f32.
pub fn collect<M: Module>(network: &M) -> Weights {
    let mut collector = Collector::default();
    network.visit(&mut collector);
    collector.weights
}

/// The id and the number of values of every tensor of a network by its name.
pub fn ids<M: Module>(network: &M) -> BTreeMap<String, (ParamId, usize)> {
    let mut names = Names::default();
    network.visit(&mut names);
    names.ids
}

/// Restores `weights` in a network of the same structure.
///
/// # Errors
/// When a tensor is missing, left over, or has another shape. The network is dropped then.
pub fn restore<M: Module>(network: M, weights: Weights) -> Result<M> {
    let mut restorer = Restorer {
        path: Path::default(),
        weights,
        problem: None,
    };
    let network = network.map(&mut restorer);
    let problem = restorer.problem.or_else(|| {
        let left_over = restorer.weights.keys().next()?;
        Some(format!(
            "the tensor {left_over} does not belong to this network"
        ))
    });
    problem.map_or(Ok(network), |reason| Err(Error::Data(reason)))
}

/// Whether a container is an enum, which adds no level to tensor names: a U-Net's tensors have the same names inside
/// any enum.
fn is_choice(container: &str) -> bool {
    container.starts_with("Enum:")
}

/// The position of a visit in a module.
#[derive(Default)]
struct Path(Vec<String>);

impl Path {
    fn enter(&mut self, name: &str, container: &str) {
        if !is_choice(container) {
            self.0.push(name.to_string());
        }
    }

    fn exit(&mut self, container: &str) {
        if !is_choice(container) {
            self.0.pop();
        }
    }

    fn name(&self) -> String {
        self.0.join(".")
    }
}

#[derive(Default)]
struct Collector {
    path: Path,
    weights: Weights,
}

impl ModuleVisitor for Collector {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, container: &str) {
        self.path.exit(container);
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let array = array(param.val().into_data());
        self.weights.insert(self.path.name(), array);
    }
}

#[derive(Default)]
struct Names {
    path: Path,
    ids: BTreeMap<String, (ParamId, usize)>,
}

impl ModuleVisitor for Names {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, container: &str) {
        self.path.exit(container);
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let length = param.shape().num_elements();
        self.ids.insert(self.path.name(), (param.id, length));
    }
}

struct Restorer {
    path: Path,
    weights: Weights,
    problem: Option<String>,
}

impl ModuleMapper for Restorer {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, container: &str) {
        self.path.exit(container);
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = self.path.name();
        let Some(array) = self.weights.remove(&name) else {
            self.problem
                .get_or_insert(format!("the tensor {name} is missing"));
            return param;
        };
        let shape = param.lazy_shape();
        if array.shape != *shape {
            let found = &array.shape;
            self.problem.get_or_insert(format!(
                "the tensor {name} has the shape {found:?} instead of {shape:?}"
            ));
            return param;
        }
        let (id, new) = (param.id, placed(data(array), &param.lazy_device()));
        param.transform_for_load(new, id)
    }
}
