//! Runs a network from its layer graph, layer by layer, with access to every value in between. This is slower than the
//! network itself, which fuses layers and frees values early. It serves to calibrate quantized networks, and to prove
//! that a layer graph matches its network.

use burn::tensor::ops::{InterpolateMode, InterpolateOptions, PadMode};
use burn::tensor::{Device, Tensor, TensorData};

use crate::backend;
use crate::backend::activation::{activation, tanh};
use crate::network::layer_graph::{Layer, LayerGraph, Op};
use crate::network::noise::Noise;
use crate::network::norm::{by_batch_statistics, by_own_statistics};
use crate::network::weights::Weights;

/// A layer graph and its tensors.
pub struct Interpreter<'a> {
    graph: &'a LayerGraph,
    weights: &'a Weights,
    device: &'a Device,
}

/// Receives the position and the output of each layer. The value that it returns replaces the output.
pub type Watch<'a> = dyn FnMut(usize, Tensor<4>) -> Tensor<4> + 'a;

impl<'a> Interpreter<'a> {
    /// An interpreter of a network with one input. `weights` are its tensors by the layers' names.
    pub fn new(graph: &'a LayerGraph, weights: &'a Weights, device: &'a Device) -> Self {
        Self {
            graph,
            weights,
            device,
        }
    }

    /// Runs the network on `source`, `[batch, channels, height, width]` in [-1, 1], with the statistics of the batch.
    ///
    /// # Panics
    /// When the tensors do not match the layers.
    pub fn run(&self, source: Tensor<4>, noise: &mut Noise, watch: &mut Watch) -> Tensor<4> {
        let mut values: Vec<Tensor<4>> = Vec::with_capacity(self.graph.layers.len());
        for (index, layer) in self.graph.layers.iter().enumerate() {
            let inputs: Vec<Tensor<4>> =
                layer.inputs.iter().map(|&at| values[at].clone()).collect();
            let value = match layer.op {
                Op::Input => source.clone(),
                _ => self.layer(layer, inputs, noise),
            };
            values.push(watch(index, value));
        }
        values.pop().expect("a network has layers")
    }

    fn layer(&self, layer: &Layer, mut inputs: Vec<Tensor<4>>, noise: &mut Noise) -> Tensor<4> {
        if layer.op == Op::Concatenate {
            return Tensor::cat(inputs, 1);
        }
        let x = inputs.remove(0);
        let [_, channels, height, width] = x.dims();
        let own = |part: &str| self.tensor(layer, part);
        let affine = |x: Tensor<4>| {
            let scaled = x * own("gamma").expect("a norm's scale");
            scaled + own("beta").expect("a norm's shift")
        };
        match layer.op {
            Op::Conv(window) => {
                let weight = self.kernel(layer);
                added(
                    backend::conv::conv(x, weight, window.into(), None),
                    own("bias"),
                )
            }
            Op::ConvTranspose(window) => {
                let (weight, [_, height, width]) = (self.kernel(layer), layer.output);
                let y =
                    backend::conv::conv_transpose(x, weight, window.into(), [height, width], None);
                added(y, own("bias"))
            }
            Op::Upsample => {
                let options = InterpolateOptions::new(InterpolateMode::Nearest)
                    .with_output_size([2 * height, 2 * width]);
                burn::tensor::module::interpolate(x, options)
            }
            Op::ReflectionPad(margin) => x.pad((margin, margin, margin, margin), PadMode::Reflect),
            Op::BatchNorm { epsilon } => affine(by_batch_statistics(x, epsilon)),
            Op::InstanceNorm => by_own_statistics(x, channels),
            Op::GroupNorm { groups } => affine(by_own_statistics(x, groups)),
            Op::Relu => activation(x, 0.0),
            Op::LeakyRelu(slope) => activation(x, slope),
            Op::Dropout(rate) => noise.dropout(x, rate),
            Op::Tanh => tanh(x),
            Op::Add => x + inputs.remove(0),
            Op::Input | Op::Concatenate | Op::Network(_) => {
                unreachable!("{} is no layer of one input", layer.op.name())
            }
        }
    }

    fn data(&self, layer: &Layer, part: &str) -> Option<&TensorData> {
        self.weights.get(&format!("{}.{part}", layer.name))
    }

    fn kernel(&self, layer: &Layer) -> Tensor<4> {
        let data = self.data(layer, "weight").expect("a convolution's weight");
        Tensor::from_data(data.clone(), self.device)
    }

    /// A tensor of one value for each channel, `[1, channels, 1, 1]`.
    fn tensor(&self, layer: &Layer, part: &str) -> Option<Tensor<4>> {
        let values = Tensor::<1>::from_data(self.data(layer, part)?.clone(), self.device);
        let channels = values.dims()[0];
        Some(values.reshape([1, channels, 1, 1]))
    }
}

fn added(x: Tensor<4>, bias: Option<Tensor<4>>) -> Tensor<4> {
    match bias {
        Some(bias) => x + bias,
        None => x,
    }
}
