//! A network as a list of layers with shapes, parameter counts and connections, from which the summary, the plot and
//! the receptive field are made. Each network builds it from the same layers that its forward pass uses.

use burn::module::Param;
use burn::tensor::Tensor;

use crate::backend::window::Window;
use crate::network::conv::{Conv, ConvTranspose};
use crate::network::norm::NormLayer;

/// `[channels, height, width]` of one image, without the batch dimension.
pub type Shape = [usize; 3];

/// The operation of a layer, with its constants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Op {
    /// An input of the network.
    Input,
    /// A convolution.
    Conv(Window),
    /// The transpose of a convolution with this window.
    ConvTranspose(Window),
    /// Nearest-neighbour upsampling by two.
    Upsample,
    /// Reflection padding by this number of pixels on every side.
    ReflectionPad(usize),
    /// Batch normalization with the statistics of the batch.
    BatchNorm {
        /// Epsilon, added to the variance.
        epsilon: f64,
    },
    /// Instance normalization: each channel of each picture.
    InstanceNorm,
    /// Group normalization: each group of channels of each picture.
    GroupNorm {
        /// Number of groups.
        groups: usize,
    },
    /// ReLU.
    Relu,
    /// LeakyReLU with this slope below zero.
    LeakyRelu(f64),
    /// Dropout with this rate.
    Dropout(f64),
    /// Hyperbolic tangent.
    Tanh,
    /// Elementwise sum.
    Add,
    /// Concatenation on the channels.
    Concatenate,
    /// A whole network of this type.
    Network(&'static str),
}

impl Op {
    /// Its name in Keras or PyTorch, e.g. `Conv2d`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Input => "Input",
            Self::Conv(_) => "Conv2d",
            Self::ConvTranspose(_) => "ConvTranspose2d",
            Self::Upsample => "Upsample",
            Self::ReflectionPad(_) => "ReflectionPad",
            Self::BatchNorm { .. } => "BatchNorm",
            Self::InstanceNorm => "InstanceNorm",
            Self::GroupNorm { .. } => "GroupNorm",
            Self::Relu => "ReLU",
            Self::LeakyRelu(_) => "LeakyReLU",
            Self::Dropout(_) => "Dropout",
            Self::Tanh => "Tanh",
            Self::Add => "Add",
            Self::Concatenate => "Concatenate",
            Self::Network(name) => name,
        }
    }
}

/// One layer of a network.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Name, as in the checkpoint, e.g. `encoder.0.conv`.
    pub name: String,
    /// Operation.
    pub op: Op,
    /// Output shape.
    pub output: Shape,
    /// Weights of a convolution, without its bias; 0 for other layers.
    pub weights: usize,
    /// Trainable parameters.
    pub trainable: usize,
    /// Non-trainable parameters: running statistics, frozen networks.
    pub non_trainable: usize,
    /// Positions of the layers whose outputs this layer reads.
    pub inputs: Vec<usize>,
}

/// A network's layers, in the order of its forward pass.
#[derive(Clone, Debug)]
pub struct LayerGraph {
    /// The network's name, e.g. `generator`.
    pub name: String,
    /// The layers; each comes after its inputs.
    pub layers: Vec<Layer>,
}

impl LayerGraph {
    /// An empty network.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_string(),
            layers: Vec::new(),
        }
    }

    /// Sum of all layers' trainable parameters.
    pub fn trainable(&self) -> usize {
        self.layers.iter().map(|l| l.trainable).sum()
    }

    /// Sum of all layers' non-trainable parameters.
    pub fn non_trainable(&self) -> usize {
        self.layers.iter().map(|l| l.non_trainable).sum()
    }

    /// Output shape of the last layer.
    pub fn output(&self) -> Shape {
        self.layers.last().map(|l| l.output).unwrap_or_default()
    }

    /// Adds any layer and returns its position.
    pub fn push(&mut self, layer: Layer) -> usize {
        self.layers.push(layer);
        self.layers.len() - 1
    }

    /// Adds a layer without parameters.
    pub fn plain(&mut self, name: &str, op: Op, output: Shape, inputs: &[usize]) -> usize {
        self.push(Layer {
            name: name.to_string(),
            op,
            output,
            weights: 0,
            trainable: 0,
            non_trainable: 0,
            inputs: inputs.to_vec(),
        })
    }

    /// Adds an input.
    pub fn input(&mut self, name: &str, shape: Shape) -> usize {
        self.plain(name, Op::Input, shape, &[])
    }

    /// Adds an elementwise layer, which keeps its input's shape.
    pub fn elementwise(&mut self, name: &str, op: Op, input: usize) -> usize {
        self.plain(name, op, self.layers[input].output, &[input])
    }

    /// Adds a concatenation on the channels.
    pub fn concat(&mut self, name: &str, inputs: &[usize]) -> usize {
        let [_, height, width] = self.layers[inputs[0]].output;
        let channels = inputs.iter().map(|&i| self.layers[i].output[0]).sum();
        self.plain(name, Op::Concatenate, [channels, height, width], inputs)
    }

    /// Adds a convolution.
    pub fn conv(&mut self, name: &str, conv: &Conv, input: usize) -> usize {
        let [_, height, width] = self.layers[input].output;
        let window = conv.window();
        let weight = conv.weight.dims();
        let output = [
            weight[0],
            window.output_side(height),
            window.output_side(width),
        ];
        self.push(Layer {
            name: name.to_string(),
            op: Op::Conv(window),
            output,
            weights: weight.iter().product(),
            trainable: weight.iter().product::<usize>() + count(&conv.bias),
            // the singular vector of spectral normalization
            non_trainable: conv.spectral.as_ref().map_or(0, |_| weight[0]),
            inputs: vec![input],
        })
    }

    /// Adds a transposed convolution.
    pub fn conv_transpose(&mut self, name: &str, conv: &ConvTranspose, input: usize) -> usize {
        let [_, height, width] = self.layers[input].output;
        let weight = conv.weight.dims();
        self.push(Layer {
            name: name.to_string(),
            op: Op::ConvTranspose(conv.window()),
            output: [weight[1], conv.output_side(height), conv.output_side(width)],
            weights: weight.iter().product(),
            trainable: weight.iter().product::<usize>() + count(&conv.bias),
            non_trainable: 0,
            inputs: vec![input],
        })
    }

    /// Adds a normalization.
    pub fn norm(&mut self, name: &str, norm: &NormLayer, input: usize) -> usize {
        let output = self.layers[input].output;
        let [trainable, non_trainable] = norm.parameters();
        self.push(Layer {
            name: name.to_string(),
            op: normalization(norm),
            output,
            weights: 0,
            trainable,
            non_trainable,
            inputs: vec![input],
        })
    }
}

fn count(bias: &Option<Param<Tensor<1>>>) -> usize {
    bias.as_ref().map_or(0, |b| b.dims()[0])
}

/// The operation of a normalization.
fn normalization(norm: &NormLayer) -> Op {
    match norm {
        NormLayer::Batch(norm) => Op::BatchNorm {
            epsilon: norm.epsilon,
        },
        NormLayer::Instance(_) => Op::InstanceNorm,
        NormLayer::Group(norm) => Op::GroupNorm {
            groups: norm.groups,
        },
    }
}
