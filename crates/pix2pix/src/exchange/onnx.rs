//! Exports a generator to an ONNX file, which gives the same pictures in other programs. As in the paper, dropout and
//! batch statistics are active at inference: dropout becomes random numbers, and batch normalization becomes
//! InstanceNormalization, which is the same for a batch of one.

mod builder;
mod image_io;
pub mod proto;
mod quantize;

use std::path::Path;

use pix2pix_runtime::checkpoint::KIND;
use pix2pix_runtime::network::norm::EPSILON;
use pix2pix_runtime::network::{Layer, LayerGraph, Op, Window, pool};
use pix2pix_runtime::picture::Size;
use prost::Message;

use crate::atomic_file;
use crate::choice::choices;
use crate::config::RunConfig;
use crate::data::picture::Picture;
use crate::error::{Error, Result, within};
use crate::model::checkpoint::Checkpoint;
use crate::network::weights::Weights;
use builder::{Builder, float, int, ints, text};
use proto::{Attribute, DataType, Model};
use quantize::LayerRanges;
pub use quantize::Loss;

/// Supported versions of ONNX's operators (opsets). The operators that we use are the same in all of them.
pub const OPSETS: std::ops::RangeInclusive<i64> = 16..=21;
/// Version of the format: the newest that runtimes from 2022 on can read.
const IR_VERSION: i64 = 8;
/// Names of the file's input and output.
const INPUT: &str = "input";
const OUTPUT: &str = "output";

/// Statistics with which the norms normalize a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnnxNorm {
    /// Those of the picture itself, as in this program. In a larger batch, each picture is normalized separately.
    Batch,
    /// The running averages of training. The results are those of other ports in evaluation mode.
    Frozen,
}

choices!(OnnxNorm, "statistics",
    Batch: "batch", "The picture's own, as in this program: gives the same pictures";
    Frozen: "frozen", "Running averages of training, as in other ports' evaluation mode: gives different pictures";
);

/// Options of an export.
#[derive(Clone, Debug)]
pub struct OnnxOptions {
    /// Whether dropout is active, with new random numbers at each run.
    pub dropout: bool,
    /// Statistics with which the norms normalize a picture.
    pub norm: OnnxNorm,
    /// Version of ONNX's operators.
    pub opset: i64,
    /// Size of the pictures.
    pub size: Size,
    /// Whether batch, height and width are dynamic dimensions.
    pub dynamic: bool,
    /// Whether weights and arithmetic are in 16 bits. Input and output stay in 32 bits.
    pub half: bool,
    /// Whether input and output are pictures, `[batch, height, width, channels]` with the domains' sample values,
    /// instead of `[batch, channels, height, width]` in \[-1, 1\].
    pub image_io: bool,
}

/// Result of an export.
pub struct Exported {
    /// The file's content.
    pub model: Model,
    /// For a network in 8 bits: how its output differs from that of 32 bits, without dropout, on the calibration pictures.
    pub loss: Option<Loss>,
}

impl Exported {
    /// Number of operations.
    pub fn operations(&self) -> usize {
        self.model
            .graph
            .as_ref()
            .map_or(0, |graph| graph.node.len())
    }
}

/// Makes the content of an ONNX file from a checkpoint's generator; `path` is for messages. With `pictures`, weights
/// and activations are quantized to 8 bits. The pictures calibrate the ranges of the activations; they must have the
/// source's channels, and no pixels without data ([`Domain::without_gaps`](crate::data::Domain::without_gaps)).
///
/// # Errors
/// When the checkpoint is damaged, the network does not accept the size, the opset is out of range, or `norm` is frozen
/// and the network has no running averages; when the network's values on the pictures are no finite numbers,
/// or `half` has no number for a weight.
pub fn export(
    checkpoint: Checkpoint,
    path: &Path,
    options: &OnnxOptions,
    pictures: Option<&[Picture]>,
) -> Result<Exported> {
    let config = checkpoint.config.clone();
    let weights = checkpoint.generator_tensors().clone();
    let [width, height] = options.size.sides();
    config.generator.check_size(height, width)?;
    let graph = config
        .generator
        .layers([config.source.planes(), height, width]);
    graph
        .check(&weights)
        .map_err(|reason| Error::file(path, reason, KIND.remedy))?;
    let Some(pictures) = pictures else {
        let model = model(&graph, &weights, &config, options, None)?;
        return Ok(Exported { model, loss: None });
    };
    let planes = pictures.iter().map(|picture| {
        let picture = config.source.resized(picture, options.size.0);
        config.source.source_planes(&picture)
    });
    let sources: Vec<_> = planes.collect();
    let ranges = quantize::calibrate(&graph, &weights, &sources, options.norm, options.dropout)?;
    let model = model(&graph, &weights, &config, options, Some(&ranges))?;
    let labels = config.target.labels.as_ref();
    let loss = quantize::loss(&graph, &weights, &ranges, &sources, options.norm, labels)?;
    Ok(Exported {
        model,
        loss: Some(loss),
    })
}

/// Makes the content of the file from a generator's layers and tensors; in 8 bits with `ranges`.
fn model(
    graph: &LayerGraph,
    weights: &Weights,
    config: &RunConfig,
    options: &OnnxOptions,
    ranges: Option<&LayerRanges>,
) -> Result<Model> {
    within("opset", options.opset, OPSETS)?;
    let mut writer = Writer {
        builder: Builder::new(if options.half {
            DataType::Float16
        } else {
            DataType::Float
        }),
        weights,
        options,
        eight_bits: ranges.is_some(),
    };
    let mut values: Vec<String> = Vec::with_capacity(graph.layers.len());
    for (index, layer) in graph.layers.iter().enumerate() {
        let inputs: Vec<&str> = layer.inputs.iter().map(|&at| values[at].as_str()).collect();
        let value = match layer.op {
            Op::Input => writer.begin(config),
            _ => writer.layer(layer, &inputs)?,
        };
        values.push(match ranges {
            Some(ranges) if quantize::is_quantized(graph, index) => {
                writer
                    .builder
                    .fake_quantized(&layer.name, &value, ranges[index])
            }
            _ => value,
        });
    }
    let last = values.pop().expect("a network has layers");
    writer.end(&last, config);
    if let Some(name) = writer.builder.too_large() {
        let reason = format!(
            "cannot hold the tensor {name}: its largest value is beyond 65504; export in 32 bits"
        );
        return Err(Error::field("half", reason));
    }
    let properties = [
        (
            "pix2pix.sides_are_multiples_of",
            (1_usize << config.generator.halvings()).to_string(),
        ),
        (
            "pix2pix.dropout",
            if options.dropout { "on" } else { "off" }.to_string(),
        ),
        ("pix2pix.source", config.source.to_string()),
        ("pix2pix.target", config.target.to_string()),
    ];
    Ok(writer
        .builder
        .finish(IR_VERSION, options.opset, &properties))
}

/// Writes the file atomically.
///
/// # Errors
/// When it cannot be written, or would be larger than the format allows (2 GiB).
pub fn write(model: &Model, path: &Path) -> Result<usize> {
    // the limit of protocol buffers
    if model.encoded_len() > i32::MAX as usize {
        return Err(Error::file(
            path,
            "an ONNX file of this network would be larger than 2 GiB, which the format does not allow",
            "export with `half`, or train with fewer `filters`",
        ));
    }
    let bytes = model.encode_to_vec();
    atomic_file::write(path, &bytes)?;
    Ok(bytes.len())
}

/// Translates layers into operations.
struct Writer<'a> {
    builder: Builder,
    weights: &'a Weights,
    options: &'a OnnxOptions,
    eight_bits: bool,
}

impl Writer<'_> {
    /// Declares the input, and converts it for the first layer.
    fn begin(&mut self, config: &RunConfig) -> String {
        let value = if self.options.image_io {
            let shape = self.shape(config.source.channels);
            image_io::begin(&mut self.builder, INPUT, &config.source, shape)
        } else {
            let shape = self.shape(config.source.planes());
            self.builder.input(INPUT, DataType::Float, &shape);
            INPUT.to_string()
        };
        self.builder.in_arithmetic("input.float", value)
    }

    /// Converts the value of the last layer, and declares the output.
    fn end(&mut self, last: &str, config: &RunConfig) {
        let last = self.builder.in_32_bits("output.float", last.to_string());
        if self.options.image_io {
            let shape = self.shape(config.target.channels);
            image_io::end(&mut self.builder, &last, OUTPUT, &config.target, shape);
        } else {
            let shape = self.shape(config.target.planes());
            self.builder.rename(&last, OUTPUT);
            self.builder.output(OUTPUT, DataType::Float, &shape);
        }
    }

    /// Shape of a picture: batch, channels, height and width.
    fn shape(&self, channels: usize) -> [proto::Side; 4] {
        let open = |name: &str| proto::Side::DimParam(name.to_string());
        let known = |length: usize| proto::Side::DimValue(length as i64);
        if self.options.dynamic {
            return [
                open("batch"),
                known(channels),
                open("height"),
                open("width"),
            ];
        }
        let [width, height] = self.options.size.sides();
        [known(1), known(channels), known(height), known(width)]
    }

    fn layer(&mut self, layer: &Layer, inputs: &[&str]) -> Result<String> {
        let name = &layer.name;
        let x = inputs[0];
        let builder = &mut self.builder;
        Ok(match layer.op {
            Op::Conv(window) => self.convolution("Conv", layer, x, window, 0),
            Op::ConvTranspose(window) => self.convolution("ConvTranspose", layer, x, window, 1),
            Op::Upsample => {
                let scales =
                    builder.floats_32(&format!("{name}.scales"), &[4], &[1.0, 1.0, 2.0, 2.0]);
                let attributes = vec![
                    text("mode", "nearest"),
                    text("coordinate_transformation_mode", "asymmetric"),
                    text("nearest_mode", "floor"),
                ];
                builder.node("Resize", name, &[x, "", &scales], attributes)
            }
            Op::ReflectionPad(margin) => {
                let margin = margin as i64;
                let pads = [0, 0, margin, margin, 0, 0, margin, margin];
                let pads = builder.integers(&format!("{name}.pads"), &pads);
                builder.node("Pad", name, &[x, &pads], vec![text("mode", "reflect")])
            }
            Op::Smooth => self.smooth(layer, x),
            Op::BatchNorm { epsilon } => self.batch_norm(layer, x, epsilon),
            Op::InstanceNorm | Op::GroupNorm { .. } if self.options.norm == OnnxNorm::Frozen => {
                let reason = format!(
                    "frozen: {} has no running averages of training, because it normalizes each picture by its own \
                     statistics; export with `norm` batch",
                    layer.op.name()
                );
                return Err(Error::field("norm", reason));
            }
            Op::InstanceNorm => builder.by_own_statistics(name, x, layer.output[0], EPSILON),
            Op::GroupNorm { groups } => self.group_norm(layer, x, groups),
            Op::Relu => builder.node("Relu", name, &[x], vec![]),
            Op::LeakyRelu(slope) => {
                builder.node("LeakyRelu", name, &[x], vec![float("alpha", slope as f32)])
            }
            Op::Dropout(rate) if self.options.dropout && rate > 0.0 => {
                builder.dropout(name, x, rate as f32)
            }
            Op::Dropout(_) => x.to_string(),
            Op::Tanh => builder.node("Tanh", name, &[x], vec![]),
            Op::Add => builder.node("Add", name, inputs, vec![]),
            Op::Concatenate => builder.node("Concat", name, inputs, vec![int("axis", 1)]),
            Op::AveragePool => {
                // the pixels of the padding are not counted
                let window = attributes(pool::MEANS);
                builder.node("AveragePool", name, &[x], window)
            }
            Op::Input | Op::Network(_) => {
                unreachable!("{} is not a layer of a generator", layer.op.name())
            }
        })
    }

    /// Adds a convolution or a transposed convolution; `axis` is the weight's axis of output channels.
    fn convolution(
        &mut self,
        op: &str,
        layer: &Layer,
        x: &str,
        window: Window,
        axis: usize,
    ) -> String {
        let name = &layer.name;
        let weight = format!("{name}.weight");
        let data = &self.weights[&weight];
        let weight = if self.eight_bits {
            self.builder
                .quantized_weight(&weight, &data.shape, &data.values, axis)
        } else {
            self.builder.floats(&weight, &data.shape, &data.values)
        };
        let mut inputs = vec![x.to_string(), weight];
        inputs.extend(self.vector(layer, "bias"));
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        self.builder.node(op, name, &inputs, attributes(window))
    }

    /// Adds the filter 1-2-1: a convolution of each channel by itself, after padding with border pixels.
    fn smooth(&mut self, layer: &Layer, x: &str) -> String {
        let name = &layer.name;
        let part = |part: &str| format!("{name}.{part}");
        let builder = &mut self.builder;
        let pads = builder.integers(&part("pads"), &[0, 0, 1, 1, 0, 0, 1, 1]);
        let padded = builder.node(
            "Pad",
            &part("padded"),
            &[x, &pads],
            vec![text("mode", "edge")],
        );
        let channels = layer.output[0];
        let filter = [1.0, 2.0, 1.0, 2.0, 4.0, 2.0, 1.0, 2.0, 1.0].map(|tap: f32| tap / 16.0);
        let filters = builder.floats(
            &part("filters"),
            &[channels, 1, 3, 3],
            &filter.repeat(channels),
        );
        let attributes = vec![ints("kernel_shape", &[3, 3]), int("group", channels as i64)];
        builder.node("Conv", name, &[&padded, &filters], attributes)
    }

    fn batch_norm(&mut self, layer: &Layer, x: &str, epsilon: f64) -> String {
        let parts: &[&str] = match self.options.norm {
            OnnxNorm::Batch => &["gamma", "beta"],
            OnnxNorm::Frozen => &["gamma", "beta", "running_mean", "running_var"],
        };
        let op = match self.options.norm {
            OnnxNorm::Batch => "InstanceNormalization",
            OnnxNorm::Frozen => "BatchNormalization",
        };
        let tensors = parts.iter().map(|part| self.vector(layer, part));
        let tensors: Vec<String> = tensors
            .map(|name| name.expect("a norm's tensors"))
            .collect();
        let inputs: Vec<&str> = [x]
            .into_iter()
            .chain(tensors.iter().map(String::as_str))
            .collect();
        self.builder.node(
            op,
            &layer.name,
            &inputs,
            vec![float("epsilon", epsilon as f32)],
        )
    }

    /// Adds a group norm: an instance norm with the groups as channels, then the scale and shift of each channel.
    fn group_norm(&mut self, layer: &Layer, x: &str, groups: usize) -> String {
        let name = &layer.name;
        let builder = &mut self.builder;
        let part = |part: &str| format!("{name}.{part}");
        let shape = builder.node("Shape", &part("shape"), &[x], vec![]);
        let grouped = builder.integers(&part("groups"), &[0, groups as i64, -1]);
        let y = builder.node("Reshape", &part("grouped"), &[x, &grouped], vec![]);
        let y = builder.by_own_statistics(&part("normal"), &y, groups, EPSILON);
        let y = builder.node("Reshape", &part("ungrouped"), &[&y, &shape], vec![]);
        let [gamma, beta] = ["gamma", "beta"].map(|part| {
            let data = &self.weights[&format!("{name}.{part}")];
            self.builder.floats(
                &format!("{name}.{part}"),
                &[data.values.len(), 1, 1],
                &data.values,
            )
        });
        let y = self
            .builder
            .node("Mul", &part("scaled"), &[&y, &gamma], vec![]);
        self.builder.node("Add", name, &[&y, &beta], vec![])
    }

    /// Adds a tensor with one value per channel, if the layer has it.
    fn vector(&mut self, layer: &Layer, part: &str) -> Option<String> {
        let name = format!("{}.{part}", layer.name);
        let data = self.weights.get(&name)?;
        Some(self.builder.floats(&name, &data.shape, &data.values))
    }
}

/// The attributes of a window.
fn attributes(window: Window) -> Vec<Attribute> {
    let [before, after] = window.padding.map(|side| side as i64);
    let (kernel, stride) = (window.kernel as i64, window.stride as i64);
    vec![
        ints("kernel_shape", &[kernel, kernel]),
        ints("strides", &[stride, stride]),
        ints("pads", &[before, before, after, after]),
    ]
}
