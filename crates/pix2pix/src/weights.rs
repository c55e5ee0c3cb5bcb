//! A network's tensors by name, out of and into the module.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};

/// Tensors by name, e.g. `encoder.0.conv.weight`.
pub type Weights = BTreeMap<String, TensorData>;

/// Every tensor of a network, running statistics included, as f32.
pub fn collect<M: Module>(network: &M) -> Weights {
    let mut collector = Collector::default();
    network.visit(&mut collector);
    collector.weights
}

/// Puts `weights` into a network of the same structure.
///
/// # Errors
/// In words, when a tensor is missing, left over, or of another shape; the network is lost then.
pub fn restore<M: Module>(network: M, weights: Weights) -> Result<M, String> {
    let mut restorer = Restorer {
        path: Path::default(),
        weights,
        problem: None,
    };
    let network = network.map(&mut restorer);
    let problem = restorer.problem.or_else(|| {
        let left_over = restorer.weights.keys().next()?;
        Some(format!(
            "the tensor {left_over} has no place in this network"
        ))
    });
    problem.map_or(Ok(network), Err)
}

/// Where a walk through a module stands.
#[derive(Default)]
struct Path(Vec<String>);

impl Path {
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
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.0.push(name.to_string());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.0.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let data = param.val().into_data().convert::<f32>();
        self.weights.insert(self.path.name(), data);
    }
}

struct Restorer {
    path: Path,
    weights: Weights,
    problem: Option<String>,
}

impl ModuleMapper for Restorer {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.0.push(name.to_string());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.0.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = self.path.name();
        let Some(data) = self.weights.remove(&name) else {
            self.problem
                .get_or_insert(format!("the tensor {name} is missing"));
            return param;
        };
        let shape = param.shape();
        if *data.shape() != shape {
            self.problem.get_or_insert(format!(
                "the tensor {name} has the shape {:?} instead of {:?}",
                data.shape(),
                shape
            ));
            return param;
        }
        let (id, old, mapper) = param.consume();
        let tracked = old.is_require_grad();
        let new = Tensor::from_data(data, &old.device()).set_require_grad(tracked);
        Param::from_mapped_value(id, new, mapper)
    }
}
