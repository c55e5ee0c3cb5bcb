//! Quantizes a network to 8 bits (static quantization: Jacob et al. 2018). Weights have a scale for each output
//! channel; activations have a scale for each layer, from the range of values on calibration pictures. ONNX's
//! QuantizeLinear and DequantizeLinear describe this, and runtimes fuse them with the convolutions between them.

use pix2pix_kernels::Arithmetic;
use pix2pix_runtime::network::{LayerGraph, Op};
use pix2pix_runtime::picture::Labels;
use pix2pix_runtime::plan::{Fusion, Input, LayerWatch, Noise, Parameters, Pass, Plan};
use pix2pix_runtime::weights::{Array, Weights};

use super::OnnxNorm;
use super::builder::{Builder, int};
use super::proto::DataType;
use crate::error::{Error, Result};

/// Smallest and largest output of each layer.
pub type LayerRanges = Vec<[f32; 2]>;

/// Largest quantized weight; the range is symmetric, -127 to 127.
const MOST: f32 = 127.0;

/// Whether a layer's output is quantized: outputs of convolutions, and inputs of convolutions and transposed
/// convolutions. Runtimes compute a convolution in 8 bits if both its input and its output are quantized.
pub fn is_quantized(graph: &LayerGraph, index: usize) -> bool {
    let convolves = |op: Op| matches!(op, Op::Conv(_) | Op::ConvTranspose(_));
    let read = || {
        graph
            .layers
            .iter()
            .filter(|layer| layer.inputs.contains(&index))
    };
    matches!(graph.layers[index].op, Op::Conv(_)) || read().any(|layer| convolves(layer.op))
}

/// A generator that runs layer by layer, so that every value in between can be seen.
struct LayerByLayer {
    plan: Plan,
    parameters: Parameters,
    /// The statistics of the norms; none, where each picture is normalized by its own.
    statistics: Vec<Vec<f32>>,
}

impl LayerByLayer {
    fn new(graph: &LayerGraph, weights: &Weights, norm: OnnxNorm) -> Result<Self> {
        let parameters = Parameters::new(graph, weights.clone(), Fusion::None, Arithmetic::F32)?;
        let statistics = match norm {
            OnnxNorm::Batch => None,
            OnnxNorm::Frozen => parameters.running_statistics(),
        };
        Ok(Self {
            plan: Plan::new(graph, Fusion::None, 1),
            parameters,
            statistics: statistics.unwrap_or_default(),
        })
    }

    fn run(&self, source: &[f32], noise: Option<Noise>, watch: &mut LayerWatch) -> Vec<f32> {
        let pass = Pass {
            inputs: &[Input { source, noise }],
            arithmetic: Arithmetic::F32,
            statistics: &self.statistics,
        };
        let mut outputs = self
            .plan
            .run_watched(&self.parameters, &pass, &mut Vec::new(), watch);
        outputs.remove(0)
    }
}

/// Measures the ranges of all layers on these sources, `[channels, height, width]` each, with the statistics of `norm`; with
/// active dropout if `dropout` is set.
///
/// # Errors
/// When the tensors are not the network's, or a value is no finite number.
pub fn calibrate(
    graph: &LayerGraph,
    weights: &Weights,
    sources: &[Vec<f32>],
    norm: OnnxNorm,
    dropout: bool,
) -> Result<LayerRanges> {
    let mut ranges = vec![[0.0_f32; 2]; graph.layers.len()]; // the range must contain 0, the value of padding
    let network = LayerByLayer::new(graph, weights, norm)?;
    let mut is_finite = true;
    for (stream, source) in (0..).zip(sources) {
        let noise = dropout.then_some(Noise { seed: 0, stream });
        network.run(source, noise, &mut |layer, values| {
            let [low, high] = &mut ranges[layer];
            for &value in values.iter() {
                (*low, *high) = (low.min(value), high.max(value));
                is_finite &= value.is_finite();
            }
        });
    }
    match is_finite {
        true => Ok(ranges),
        false => Err(not_finite()),
    }
}

/// How the outputs of an 8-bit network differ from those of the 32-bit network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Loss {
    /// Of pictures: the mean absolute difference, in units of \[-1, 1\].
    Values(f32),
    /// Of label maps: the share of the pixels that have another class.
    Classes(f32),
}

/// Measures the loss of accuracy on these sources, with the statistics of `norm` and without dropout; of label maps where the
/// outputs are those of the classes `labels`.
///
/// # Errors
/// As [`calibrate`].
pub fn loss(
    graph: &LayerGraph,
    weights: &Weights,
    ranges: &LayerRanges,
    sources: &[Vec<f32>],
    norm: OnnxNorm,
    labels: Option<&Labels>,
) -> Result<Loss> {
    let exact = LayerByLayer::new(graph, weights, norm)?;
    let rounded = LayerByLayer::new(graph, &rounded_weights(graph, weights), norm)?;
    let quantized: Vec<bool> = (0..graph.layers.len())
        .map(|layer| is_quantized(graph, layer))
        .collect();
    let (mut sum, mut is_finite) = (0.0_f64, true);
    for source in sources {
        let wanted = exact.run(source, None, &mut |_, _| {});
        let found = rounded.run(source, None, &mut |layer, values| {
            if quantized[layer] {
                let (scale, zero) = scale(ranges[layer]);
                let zero = f32::from(zero);
                for value in values {
                    let step = ((*value / scale).round() + zero).clamp(0.0, 255.0);
                    *value = (step - zero) * scale;
                }
            }
        });
        sum += match labels {
            // millions of values, whose sum has more digits than one of them
            None => {
                let differences = wanted.iter().zip(&found).map(|(a, b)| (a - b).abs());
                differences.map(f64::from).sum::<f64>() / wanted.len() as f64
            }
            Some(labels) => others(labels, [&wanted, &found]),
        };
        is_finite &= wanted.iter().chain(&found).all(|value| value.is_finite());
    }
    let loss = (sum / sources.len() as f64) as f32;
    match (is_finite, labels) {
        (false, _) => Err(not_finite()),
        (true, None) => Ok(Loss::Values(loss)),
        (true, Some(_)) => Ok(Loss::Classes(loss)),
    }
}

/// The share of the pixels that have other classes in one of two outputs.
fn others(labels: &Labels, outputs: [&[f32]; 2]) -> f64 {
    let pixels = outputs[0].len() / labels.classes.len();
    let [one, other] = outputs.map(|planes| labels.largest(planes, pixels));
    let differing = one.iter().zip(&other).filter(|(a, b)| a != b);
    differing.count() as f64 / pixels as f64
}

/// The error for pictures on which a network cannot be measured.
fn not_finite() -> Error {
    let reason =
        "the network's values on the calibration pictures are infinite or not a number (NaN)";
    Error::Data(format!(
        "{reason}; give pictures like the training pictures"
    ))
}

/// Scale and zero point that map a range to 0 to 255.
fn scale([low, high]: [f32; 2]) -> (f32, u8) {
    let scale = ((high - low) / 255.0).max(f32::MIN_POSITIVE);
    (scale, (-low / scale).round() as u8)
}

/// Scale of each output channel; `axis` is the axis of the output channels.
fn weight_scales(shape: &[usize], values: &[f32], axis: usize) -> Vec<f32> {
    let mut most = vec![f32::MIN_POSITIVE; shape[axis]];
    for (value, channel) in values.iter().zip(channels(shape, axis)) {
        most[channel] = most[channel].max(value.abs());
    }
    most.iter().map(|most| most / MOST).collect()
}

/// The output channel of each value.
fn channels(shape: &[usize], axis: usize) -> impl Iterator<Item = usize> {
    let below: usize = shape[axis + 1..].iter().product();
    let count = shape[axis];
    (0..shape.iter().product()).map(move |place| place / below % count)
}

fn rounded(shape: &[usize], values: &[f32], axis: usize) -> (Vec<i8>, Vec<f32>) {
    let scales = weight_scales(shape, values, axis);
    let steps = values.iter().zip(channels(shape, axis));
    let steps = steps.map(|(value, channel)| (value / scales[channel]).round() as i8);
    (steps.collect(), scales)
}

/// The weights after quantization and dequantization.
fn rounded_weights(graph: &LayerGraph, weights: &Weights) -> Weights {
    let mut all = weights.clone();
    for layer in &graph.layers {
        let axis = match layer.op {
            Op::Conv(_) => 0,
            Op::ConvTranspose(_) => 1,
            _ => continue,
        };
        let name = format!("{}.weight", layer.name);
        let data = &weights[&name];
        let (steps, scales) = rounded(&data.shape, &data.values, axis);
        let back = steps.iter().zip(channels(&data.shape, axis));
        let back: Vec<f32> = back
            .map(|(&step, channel)| f32::from(step) * scales[channel])
            .collect();
        all.insert(name, Array::new(&data.shape, back));
    }
    all
}

impl Builder {
    /// Adds the quantization of a value to 256 steps of `range`, and its dequantization.
    pub fn fake_quantized(&mut self, name: &str, value: &str, range: [f32; 2]) -> String {
        let (scale, zero) = scale(range);
        let part = |part: &str| format!("{name}.{part}");
        let scale = self.floats_32(&part("scale"), &[], &[scale]);
        let zero = self.constant(&part("zero"), &[], DataType::Uint8, vec![zero]);
        let steps = [value, &scale, &zero];
        let steps = self.node("QuantizeLinear", &part("quantized"), &steps, vec![]);
        self.node(
            "DequantizeLinear",
            &part("dequantized"),
            &[&steps, &scale, &zero],
            vec![],
        )
    }

    /// Adds a weight in 8 bits, with one scale for each output channel along `axis`, and its dequantization.
    pub fn quantized_weight(
        &mut self,
        name: &str,
        shape: &[usize],
        values: &[f32],
        axis: usize,
    ) -> String {
        let (steps, scales) = rounded(shape, values, axis);
        let part = |part: &str| format!("{name}.{part}");
        let bytes = steps.iter().map(|step| step.cast_unsigned()).collect();
        let steps = self.constant(&part("steps"), shape, DataType::Int8, bytes);
        let zeros = vec![0; scales.len()];
        let zeros = self.constant(&part("zeros"), &[scales.len()], DataType::Int8, zeros);
        let scales = self.floats_32(&part("scales"), &[scales.len()], &scales);
        let attributes = vec![int("axis", axis as i64)];
        self.node(
            "DequantizeLinear",
            name,
            &[&steps, &scales, &zeros],
            attributes,
        )
    }
}

#[cfg(test)]
mod tests {
    use pix2pix_runtime::picture::labels::{Class, Stored, color_of};

    use super::*;

    #[test]
    fn pixels_of_another_class_are_counted() {
        let class = |class| Class {
            name: String::new(),
            color: color_of(class),
        };
        let labels = Labels {
            stored: Stored::Ids,
            classes: (0..2).map(class).collect(),
        };
        // two planes of four pixels
        let wanted = [1.0, 1.0, -1.0, -1.0, 0.0, 0.0, 0.5, 0.5];
        let found = [0.9, -0.1, -1.0, -0.6, 0.0, 0.0, 0.1, 0.2];
        assert_eq!(others(&labels, [&wanted, &found]), 0.25);
        assert_eq!(others(&labels, [&wanted, &wanted]), 0.0);
    }
}
