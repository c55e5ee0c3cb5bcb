//! The tensors of a network in the order of its layers, as kernels take them.

use pix2pix_kernels as kernels;

use crate::error::{Error, Result};
use crate::network::{Layer, LayerGraph, Op};
use crate::plan::lower::Fusion;
use crate::weights::{Array, Weights};

/// The tensors of a network.
pub struct Parameters {
    /// Of each convolution and transposed convolution.
    pub convs: Vec<Conv>,
    /// Of each normalization.
    pub norms: Vec<Norm>,
}

/// The tensors of a convolution.
pub struct Conv {
    /// `[channels out, channels in, kernel, kernel]`; of a transposed convolution, and of a convolution that is fused
    /// with a resize, `[channels in, channels out, kernel, kernel]`.
    pub weight: Vec<f32>,
    /// One for each output channel, or empty.
    pub bias: Vec<f32>,
}

/// The tensors of a normalization.
pub struct Norm {
    /// Scale of each channel; empty if there is none.
    pub gamma: Vec<f32>,
    /// Shift of each channel; empty if there is none.
    pub beta: Vec<f32>,
    /// Running means, then running variances; empty if there are none.
    pub running: Vec<f32>,
}

impl Parameters {
    /// Takes the tensors of a network's layers.
    ///
    /// # Errors
    /// When a tensor is missing, left over, or has another shape.
    pub fn new(graph: &LayerGraph, mut weights: Weights, fusion: Fusion) -> Result<Self> {
        let mut parameters = Self {
            convs: Vec::new(),
            norms: Vec::new(),
        };
        for layer in &graph.layers {
            let channels = layer.output[0];
            let from = |&input: &usize| graph.layers[input].output[0];
            let inputs = layer.inputs.first().map_or(0, from);
            let mut take = |part: &str, shape: &[usize]| tensor(&mut weights, layer, part, shape);
            match layer.op {
                Op::Conv(window) => {
                    let side = window.kernel;
                    let mut weight = take("weight", &[channels, inputs, side, side])?;
                    if fusion == Fusion::Full && graph.layers[layer.inputs[0]].op == Op::Upsample {
                        weight = kernels::filled(inputs * channels * 16, |four| {
                            kernels::four_taps([inputs, channels], &weight, four)
                        });
                    }
                    let bias = bias(layer, &mut take)?;
                    parameters.convs.push(Conv { weight, bias });
                }
                Op::ConvTranspose(window) => {
                    let side = window.kernel;
                    let weight = take("weight", &[inputs, channels, side, side])?;
                    let bias = bias(layer, &mut take)?;
                    parameters.convs.push(Conv { weight, bias });
                }
                Op::BatchNorm { .. } => {
                    let mut running = take("running_mean", &[channels])?;
                    running.extend(take("running_var", &[channels])?);
                    parameters.norms.push(Norm {
                        gamma: take("gamma", &[channels])?,
                        beta: take("beta", &[channels])?,
                        running,
                    });
                }
                Op::GroupNorm { .. } => parameters.norms.push(Norm {
                    gamma: take("gamma", &[channels])?,
                    beta: take("beta", &[channels])?,
                    running: Vec::new(),
                }),
                Op::InstanceNorm => parameters.norms.push(Norm {
                    gamma: Vec::new(),
                    beta: Vec::new(),
                    running: Vec::new(),
                }),
                _ => {}
            }
        }
        match weights.keys().next() {
            None => Ok(parameters),
            Some(name) => Err(Error::Config(format!(
                "the tensor {name} does not belong to this network"
            ))),
        }
    }

    /// The running averages of each normalization; `None` if one keeps none, or there is no normalization.
    pub fn running_statistics(&self) -> Option<Vec<Vec<f32>>> {
        let known = self.norms.iter().map(|norm| norm.running.clone());
        let known: Vec<Vec<f32>> = known.collect();
        (!known.is_empty() && known.iter().all(|running| !running.is_empty())).then_some(known)
    }
}

fn bias(
    layer: &Layer,
    take: &mut impl FnMut(&str, &[usize]) -> Result<Vec<f32>>,
) -> Result<Vec<f32>> {
    match layer.trainable > layer.weights {
        true => take("bias", &[layer.output[0]]),
        false => Ok(Vec::new()),
    }
}

fn tensor(weights: &mut Weights, layer: &Layer, part: &str, shape: &[usize]) -> Result<Vec<f32>> {
    let name = format!("{}.{part}", layer.name);
    let Some(Array {
        shape: found,
        values,
    }) = weights.remove(&name)
    else {
        return Err(Error::Config(format!("the tensor {name} is missing")));
    };
    if found != shape {
        return Err(Error::Config(format!(
            "the tensor {name} has the shape {found:?} instead of {shape:?}"
        )));
    }
    Ok(values)
}
