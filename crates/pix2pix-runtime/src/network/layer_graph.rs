//! A network as a list of layers with shapes, parameter counts and connections. Summaries, plots, receptive fields and
//! ONNX files are made from it, and the plan by which the network runs.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::network::norm::{Norm, groups};
use crate::network::pool;
use crate::network::upsample::{self, Upsample};
use crate::network::window::Window;
use crate::weights::Weights;

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
    /// Nearest-neighbor upsampling by two.
    Upsample,
    /// Means of 3x3 pixels of each channel, which halve the picture: see [`pool`].
    AveragePool,
    /// Reflection padding by this number of pixels on every side.
    ReflectionPad(usize),
    /// The binomial filter 1-2-1 in each direction; pixels at a border count as their own neighbors beyond it.
    Smooth,
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
            Self::AveragePool => "AvgPool2d",
            Self::ReflectionPad(_) => "ReflectionPad",
            Self::Smooth => "Smooth",
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

impl Layer {
    /// Whether it is a convolution with a bias.
    pub fn has_bias(&self) -> bool {
        self.weights > 0 && self.trainable > self.weights
    }
}

/// The filters of a convolution or a transposed convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filters {
    /// Output channels.
    pub outputs: usize,
    /// The window.
    pub window: Window,
    /// Whether each output channel has a bias.
    pub bias: bool,
}

impl Filters {
    /// Number of weights for this number of input channels.
    fn weights(self, channels: usize) -> usize {
        self.outputs * channels * self.window.kernel * self.window.kernel
    }

    fn biases(self) -> usize {
        match self.bias {
            true => self.outputs,
            false => 0,
        }
    }
}

/// A network's layers, in the order of its forward pass.
#[derive(Clone, Debug, Default)]
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

    /// Names and shapes of a generator's tensors, layer by layer.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let mut tensors = Vec::new();
        for layer in &self.layers {
            let channels = layer.output[0];
            let inputs = layer
                .inputs
                .first()
                .map_or(0, |&at| self.layers[at].output[0]);
            let mut add = |part: &str, shape: &[usize]| {
                tensors.push((format!("{}.{part}", layer.name), shape.to_vec()));
            };
            match layer.op {
                Op::Conv(Window { kernel, .. }) => {
                    add("weight", &[channels, inputs, kernel, kernel]);
                }
                Op::ConvTranspose(Window { kernel, .. }) => {
                    add("weight", &[inputs, channels, kernel, kernel]);
                }
                Op::BatchNorm { .. } => {
                    for part in ["gamma", "beta", "running_mean", "running_var"] {
                        add(part, &[channels]);
                    }
                }
                Op::GroupNorm { .. } => {
                    add("gamma", &[channels]);
                    add("beta", &[channels]);
                }
                _ => {}
            }
            if layer.has_bias() {
                add("bias", &[channels]);
            }
        }
        tensors
    }

    /// Checks that tensors are those of this generator.
    ///
    /// # Errors
    /// When a tensor is missing, left over, or has another shape.
    pub fn check(&self, weights: &Weights) -> Result<()> {
        let tensors: BTreeMap<String, Vec<usize>> = self.tensors().into_iter().collect();
        for (name, shape) in &tensors {
            let Some(array) = weights.get(name) else {
                return Err(Error::Data(format!("the tensor {name} is missing")));
            };
            if array.shape != *shape {
                return Err(Error::Data(format!(
                    "the tensor {name} has the shape {:?} instead of {shape:?}",
                    array.shape
                )));
            }
            // the root of a negative variance is no number, and would make a black picture
            let is_variance = name.ends_with("running_var");
            if is_variance && array.values.iter().any(|value| *value < 0.0) {
                let reason = format!("the tensor {name} has a negative variance");
                return Err(Error::Data(reason));
            }
        }
        match weights.keys().find(|name| !tensors.contains_key(*name)) {
            None => Ok(()),
            Some(name) => Err(Error::Data(format!(
                "the tensor {name} does not belong to this network"
            ))),
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

    /// Number of values of the layer's output that has the most of them, for one image.
    pub fn largest_output(&self) -> u64 {
        let outputs = self.layers.iter().map(|l| l.output.map(|side| side as u64));
        let sizes = outputs.map(|output| output.iter().product());
        sizes.max().unwrap_or_default()
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

    /// Adds a reflection padding by `margin` pixels on every side.
    pub fn reflection_pad(&mut self, name: &str, margin: usize, input: usize) -> usize {
        let [channels, height, width] = self.layers[input].output;
        let output = [channels, height + 2 * margin, width + 2 * margin];
        self.plain(name, Op::ReflectionPad(margin), output, &[input])
    }

    /// Adds means of 3x3 pixels, which halve the picture.
    pub fn average_pool(&mut self, name: &str, input: usize) -> usize {
        let [channels, height, width] = self.layers[input].output;
        let [height, width] = [height, width].map(|side| pool::MEANS.output_side(side));
        self.plain(name, Op::AveragePool, [channels, height, width], &[input])
    }

    /// Adds a convolution.
    pub fn conv(&mut self, name: &str, filters: Filters, input: usize) -> usize {
        let [channels, height, width] = self.layers[input].output;
        let window = filters.window;
        let output = [
            filters.outputs,
            window.output_side(height),
            window.output_side(width),
        ];
        let weights = filters.weights(channels);
        self.push(Layer {
            name: name.to_string(),
            op: Op::Conv(window),
            output,
            weights,
            trainable: weights + filters.biases(),
            non_trainable: 0,
            inputs: vec![input],
        })
    }

    /// Adds a transposed convolution; the window is that of the convolution that it transposes.
    pub fn conv_transpose(&mut self, name: &str, filters: Filters, input: usize) -> usize {
        let [channels, height, width] = self.layers[input].output;
        let window = filters.window;
        let output = [
            filters.outputs,
            window.transposed_side(height),
            window.transposed_side(width),
        ];
        let weights = filters.weights(channels);
        self.push(Layer {
            name: name.to_string(),
            op: Op::ConvTranspose(window),
            output,
            weights,
            trainable: weights + filters.biases(),
            non_trainable: 0,
            inputs: vec![input],
        })
    }

    /// Adds a layer that doubles the size of the picture. `filters` are those of the transposed convolution; a
    /// convolution after a resize has a window of its own.
    pub fn up(&mut self, name: &str, upsample: Upsample, filters: Filters, input: usize) -> usize {
        match upsample {
            Upsample::Transposed => self.conv_transpose(name, filters, input),
            Upsample::Resize | Upsample::Bilinear => {
                let [channels, height, width] = self.layers[input].output;
                let doubled = [channels, 2 * height, 2 * width];
                let resized =
                    self.plain(&format!("{name}.resize"), Op::Upsample, doubled, &[input]);
                let filters = Filters {
                    window: upsample::KEEP,
                    ..filters
                };
                let convolved = self.conv(name, filters, resized);
                match upsample {
                    Upsample::Bilinear => {
                        self.elementwise(&format!("{name}.smooth"), Op::Smooth, convolved)
                    }
                    _ => convolved,
                }
            }
        }
    }

    /// Adds a normalization; `epsilon` is that of batch normalization. Without one, returns the input.
    pub fn norm(&mut self, name: &str, norm: Norm, epsilon: f64, input: usize) -> usize {
        let output = self.layers[input].output;
        let channels = output[0];
        let (op, trainable, non_trainable) = match norm {
            Norm::Batch => (Op::BatchNorm { epsilon }, 2 * channels, 2 * channels),
            Norm::Instance => (Op::InstanceNorm, 0, 0),
            Norm::Group => {
                let groups = groups(channels);
                (Op::GroupNorm { groups }, 2 * channels, 0)
            }
            Norm::None => return input,
        };
        self.push(Layer {
            name: name.to_string(),
            op,
            output,
            weights: 0,
            trainable,
            non_trainable,
            inputs: vec![input],
        })
    }
}
