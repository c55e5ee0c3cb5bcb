//! From a network's layers to the steps that compute it: which kernel reads and writes which value.

use std::collections::BTreeMap;

use pix2pix_kernels::Geometry;

use crate::network::norm::EPSILON;
use crate::network::upsample::FUSED;
use crate::network::{LayerGraph, Op, Window};

/// Whether layers are computed together with their neighbors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fusion {
    /// Normalization, activation and concatenation are one pass from a convolution's output to the input of the layers
    /// that read it; a resize is a part of the convolution behind it.
    Full,
    /// Every layer has a value of its own.
    None,
}

/// A part of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The value.
    pub value: usize,
    /// First of its floats.
    pub start: usize,
    /// Number of floats.
    pub length: usize,
}

/// A step: one call of a kernel.
#[derive(Clone, Debug)]
pub struct Step {
    /// The kernel.
    pub kernel: Kernel,
    /// What it reads.
    pub from: Vec<Part>,
    /// What it writes, or changes if it reads nothing; `None` for a measurement.
    pub to: Option<Part>,
    /// The layer whose output is complete after this step, and where it is.
    pub completes: Option<(usize, Part)>,
}

/// A kernel with its sizes and constants. Convolutions and normalizations are numbered in the order of the layers.
#[derive(Clone, Debug)]
pub enum Kernel {
    /// A convolution.
    Convolve(usize, Geometry),
    /// A transposed convolution; the geometry is that of the convolution that it transposes.
    ConvolveTransposed(usize, Geometry),
    /// Adds the bias of a convolution to its output.
    AddBias(usize),
    /// Measures the statistics of a normalization.
    Measure(usize),
    /// Normalizes, if there is a normalization, and applies a LeakyReLU of this slope; 1 for none.
    Activate(Option<usize>, f64),
    /// Dropout at this place in the sequence of random decisions, with this rate.
    Dropout(u64, f64),
    /// Reflection padding of planes of this height and width by a margin.
    ReflectionPad([usize; 2], usize),
    /// Nearest-neighbor upsampling by two of planes of this height and width.
    Upsample([usize; 2]),
    /// Means of 3x3 pixels, which halve planes of this height and width.
    Halve([usize; 2]),
    /// The filter 1-2-1 on planes of this height and width.
    Smooth([usize; 2]),
    /// The sum of two values.
    Add,
    /// A copy.
    Copy,
    /// Hyperbolic tangent.
    Tanh,
}

/// A normalization's sizes and constants.
#[derive(Clone, Copy, Debug)]
pub struct NormSpec {
    /// Channels of its input.
    pub channels: usize,
    /// Groups of channels that share statistics.
    pub groups: usize,
    /// Height and width of a channel.
    pub size: [usize; 2],
    /// Added to the variance.
    pub epsilon: f64,
}

/// A network's steps.
pub struct Lowered {
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// Number of floats of each value.
    pub values: Vec<usize>,
    /// The normalizations.
    pub norms: Vec<NormSpec>,
    /// The network's input and output.
    pub ends: [Part; 2],
}

/// What stands between a computed layer and a reader of it.
#[derive(Clone, Debug)]
struct Chain {
    norm: Option<usize>,
    slope: f64,
    dropout: Option<usize>,
}

/// A chain that is to be written from a computed layer to a part of a value.
struct Write {
    chain: Chain,
    to: Part,
}

struct Lowering<'a> {
    graph: &'a LayerGraph,
    fusion: Fusion,
    values: Vec<usize>,
    /// The value of each layer that is computed by a kernel of its own.
    own: Vec<Option<Part>>,
    /// The values that readers read instead of a layer's own.
    read: BTreeMap<usize, Part>,
    /// What is to be written when a layer has been computed.
    writes: Vec<Vec<Write>>,
    steps: Vec<Step>,
    norms: BTreeMap<usize, usize>,
    convs: BTreeMap<usize, usize>,
    /// Place of each dropout layer in the sequence of random decisions.
    decisions: BTreeMap<usize, u64>,
}

/// Lowers a generator.
///
/// # Panics
/// When the layers are not those of a [`GeneratorConfig`](crate::network::GeneratorConfig).
pub fn lower(graph: &LayerGraph, fusion: Fusion) -> Lowered {
    let mut lowering = Lowering::new(graph, fusion);
    let computed: Vec<usize> = (0..graph.layers.len())
        .filter(|&index| lowering.is_computed(index))
        .collect();
    for &index in &computed {
        let length = graph.layers[index].output.iter().product();
        lowering.own[index] = Some(lowering.value(length));
        for input in lowering.inputs(index) {
            lowering.require(input);
        }
    }
    for &index in &computed {
        lowering.compute(index);
    }
    let specs = lowering.norms.keys().map(|&index| spec(graph, index));
    let own = |index: usize| lowering.own[index].expect("both ends are computed");
    Lowered {
        norms: specs.collect(),
        ends: [own(0), own(graph.layers.len() - 1)],
        steps: lowering.steps,
        values: lowering.values,
    }
}

fn is_norm(op: Op) -> bool {
    matches!(
        op,
        Op::BatchNorm { .. } | Op::InstanceNorm | Op::GroupNorm { .. }
    )
}

fn spec(graph: &LayerGraph, index: usize) -> NormSpec {
    let layer = &graph.layers[index];
    let [channels, height, width] = layer.output;
    let (groups, epsilon) = match layer.op {
        Op::BatchNorm { epsilon } => (channels, epsilon),
        Op::GroupNorm { groups } => (groups, EPSILON),
        _ => (channels, EPSILON),
    };
    NormSpec {
        channels,
        groups,
        size: [height, width],
        epsilon,
    }
}

impl<'a> Lowering<'a> {
    fn new(graph: &'a LayerGraph, fusion: Fusion) -> Self {
        let numbered = |wanted: fn(Op) -> bool| {
            let all = graph.layers.iter().enumerate();
            let found = all.filter(|(_, layer)| wanted(layer.op));
            found
                .enumerate()
                .map(|(n, (index, _))| (index, n))
                .collect()
        };
        let mut decisions = BTreeMap::new();
        let mut next = 0;
        for (index, layer) in graph.layers.iter().enumerate() {
            if let Op::Dropout(_) = layer.op {
                decisions.insert(index, next);
                next += layer.output.iter().product::<usize>() as u64;
            }
        }
        let none = || graph.layers.iter().map(|_| None).collect();
        Self {
            graph,
            fusion,
            values: Vec::new(),
            own: none(),
            read: BTreeMap::new(),
            writes: graph.layers.iter().map(|_| Vec::new()).collect(),
            steps: Vec::new(),
            norms: numbered(is_norm),
            convs: numbered(|op| matches!(op, Op::Conv(_) | Op::ConvTranspose(_))),
            decisions,
        }
    }

    /// A new value.
    fn value(&mut self, length: usize) -> Part {
        self.values.push(length);
        Part {
            value: self.values.len() - 1,
            start: 0,
            length,
        }
    }

    /// Whether a layer is computed by a kernel of its own, not on the way to its readers.
    fn is_computed(&self, index: usize) -> bool {
        let op = self.graph.layers[index].op;
        let passing = is_norm(op)
            || matches!(
                op,
                Op::Relu | Op::LeakyRelu(_) | Op::Dropout(_) | Op::Concatenate | Op::Upsample
            );
        self.fusion == Fusion::None || !passing
    }

    /// Whether a convolution is fused with the resize before it.
    fn is_resized(&self, index: usize) -> bool {
        let input = self.graph.layers[index].inputs.first();
        let op = |&input: &usize| self.graph.layers[input].op;
        self.fusion == Fusion::Full && input.map(op) == Some(Op::Upsample)
    }

    /// The layers that a computed layer reads.
    fn inputs(&self, index: usize) -> Vec<usize> {
        let inputs = &self.graph.layers[index].inputs;
        match self.is_resized(index) {
            true => self.graph.layers[inputs[0]].inputs.clone(),
            false => inputs.clone(),
        }
    }

    /// Makes a layer's output readable: by itself if it is computed, otherwise by writing it from the computed layers
    /// before it.
    fn require(&mut self, index: usize) {
        if self.is_computed(index) || self.read.contains_key(&index) {
            return;
        }
        let to = self.value(self.graph.layers[index].output.iter().product());
        self.read.insert(index, to);
        let chain = Chain {
            norm: None,
            slope: 1.0,
            dropout: None,
        };
        self.trace(index, chain, to);
    }

    /// Follows a layer back to the computed layers, and has them write their parts of its output.
    fn trace(&mut self, index: usize, mut chain: Chain, to: Part) {
        let layer = &self.graph.layers[index];
        if self.is_computed(index) {
            self.writes[index].push(Write { chain, to });
            return;
        }
        match layer.op {
            Op::Concatenate => {
                let mut start = to.start;
                for &input in &layer.inputs {
                    let length = self.graph.layers[input].output.iter().product();
                    let part = Part {
                        start,
                        length,
                        ..to
                    };
                    self.trace(input, chain.clone(), part);
                    start += length;
                }
                return;
            }
            // a LeakyReLU keeps signs, so two multiply their slopes, and it commutes with dropout
            Op::Relu => chain.slope *= 0.0,
            Op::LeakyRelu(slope) => chain.slope *= slope,
            Op::Dropout(_) => chain.dropout = Some(index),
            _ if is_norm(layer.op) => chain.norm = Some(index),
            other => unreachable!("{} is computed", other.name()),
        }
        let input = layer.inputs[0];
        self.trace(input, chain, to);
    }

    /// What is read for a layer.
    fn source(&self, index: usize) -> Part {
        let read = self.read.get(&index).copied().or(self.own[index]);
        read.expect("every input is computed or required")
    }

    fn step(&mut self, kernel: Kernel, from: Vec<Part>, to: Option<Part>) {
        self.steps.push(Step {
            kernel,
            from,
            to,
            completes: None,
        });
    }

    /// The steps of a computed layer, and of what is written from it.
    fn compute(&mut self, index: usize) {
        let layer = &self.graph.layers[index];
        let from: Vec<Part> = self.inputs(index).iter().map(|&i| self.source(i)).collect();
        let own = self.own[index].expect("computed");
        let sides = |index: usize| {
            let [_, height, width] = self.graph.layers[index].output;
            [height, width]
        };
        match layer.op {
            Op::Input => {}
            Op::Conv(_) if self.is_resized(index) => {
                let geometry = self.transposed(index, FUSED);
                self.convolve(
                    index,
                    Kernel::ConvolveTransposed(self.convs[&index], geometry),
                );
            }
            Op::Conv(window) => {
                let input = layer.inputs[0];
                let geometry = Geometry {
                    batch: 1,
                    in_channels: self.graph.layers[input].output[0],
                    out_channels: layer.output[0],
                    input: sides(input),
                    kernel: window.kernel,
                    stride: window.stride,
                    padding: window.padding,
                };
                self.convolve(index, Kernel::Convolve(self.convs[&index], geometry));
            }
            Op::ConvTranspose(window) => {
                let geometry = self.transposed(index, window);
                self.convolve(
                    index,
                    Kernel::ConvolveTransposed(self.convs[&index], geometry),
                );
            }
            Op::ReflectionPad(margin) => {
                let kernel = Kernel::ReflectionPad(sides(layer.inputs[0]), margin);
                self.step(kernel, from, Some(own));
            }
            Op::AveragePool => {
                let kernel = Kernel::Halve(sides(layer.inputs[0]));
                self.step(kernel, from, Some(own));
            }
            Op::Add => self.step(Kernel::Add, from, Some(own)),
            Op::Smooth => self.step(Kernel::Smooth(sides(index)), from, Some(own)),
            Op::Tanh => self.step(Kernel::Tanh, from, Some(own)),
            Op::Upsample => {
                let kernel = Kernel::Upsample(sides(layer.inputs[0]));
                self.step(kernel, from, Some(own));
            }
            Op::Concatenate => {
                let mut start = 0;
                for from in from {
                    let to = Part {
                        start,
                        length: from.length,
                        ..own
                    };
                    start += from.length;
                    self.step(Kernel::Copy, vec![from], Some(to));
                }
            }
            Op::Relu => self.step(Kernel::Activate(None, 0.0), from, Some(own)),
            Op::LeakyRelu(slope) => self.step(Kernel::Activate(None, slope), from, Some(own)),
            Op::Dropout(rate) => {
                let kernel = Kernel::Dropout(self.decisions[&index], rate);
                self.step(kernel, from, Some(own));
            }
            Op::BatchNorm { .. } | Op::InstanceNorm | Op::GroupNorm { .. } => {
                let norm = self.norms[&index];
                self.step(Kernel::Measure(norm), from.clone(), None);
                self.step(Kernel::Activate(Some(norm), 1.0), from, Some(own));
            }
            Op::Network(_) => {
                unreachable!("{} is no layer of a generator", layer.op.name())
            }
        }
        if let Some(last) = self.steps.last_mut() {
            last.completes = Some((index, own));
        }
        self.write(index, own);
    }

    /// The geometry of the convolution that a layer transposes.
    fn transposed(&self, index: usize, window: Window) -> Geometry {
        let layer = &self.graph.layers[index];
        let input = &self.graph.layers[layer.inputs[0]];
        let [channels, height, width] = layer.output;
        Geometry {
            batch: 1,
            in_channels: channels,
            out_channels: input.output[0],
            input: [height, width],
            kernel: window.kernel,
            stride: window.stride,
            padding: window.padding,
        }
    }

    fn convolve(&mut self, index: usize, kernel: Kernel) {
        let layer = &self.graph.layers[index];
        let from = self.source(self.inputs(index)[0]);
        let own = self.own[index];
        self.step(kernel, vec![from], own);
        if layer.has_bias() {
            self.step(Kernel::AddBias(self.convs[&index]), Vec::new(), own);
        }
    }

    /// The steps from a computed layer to what is read of it.
    fn write(&mut self, index: usize, own: Part) {
        let mut measured = None;
        for Write { chain, to } in std::mem::take(&mut self.writes[index]) {
            let norm = chain.norm.map(|index| self.norms[&index]);
            if let Some(norm) = norm.filter(|&norm| measured != Some(norm)) {
                self.step(Kernel::Measure(norm), vec![own], None);
                measured = Some(norm);
            }
            let activate = Kernel::Activate(norm, chain.slope);
            match chain.dropout {
                None => self.step(activate, vec![own], Some(to)),
                Some(dropout) => {
                    let Op::Dropout(rate) = self.graph.layers[dropout].op else {
                        unreachable!("a chain names its dropout layer")
                    };
                    let between = self.value(to.length);
                    self.step(activate, vec![own], Some(between));
                    let kernel = Kernel::Dropout(self.decisions[&dropout], rate);
                    self.step(kernel, vec![between], Some(to));
                }
            }
        }
    }
}
