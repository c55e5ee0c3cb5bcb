//! The tensors of a network in the order of its layers, as kernels take them.

use pix2pix_kernels::{
    self as kernels, Arithmetic, Bf16, InstructionSet, Weights as KernelWeights,
};

use crate::error::Result;
use crate::network::{LayerGraph, Op};
use crate::plan::lower::Fusion;
use crate::pool::in_pool;
use crate::weights::Weights;

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
    pub weight: Weight,
    /// One for each output channel, or empty.
    pub bias: Vec<f32>,
}

/// The weights of a convolution.
pub enum Weight {
    /// In 32 bits.
    F32(Vec<f32>),
    /// In 16 bits: half as many bytes to read for each picture, and to keep.
    Bf16(Vec<Bf16>),
}

/// Channels from which a convolution with a 4x4 window is one of the large ones, whose factors are rounded.
const CHANNELS: usize = 32;

impl Weight {
    /// The weights for an arithmetic. Those of the large convolutions are rounded to bfloat16, and stored so where the processor
    /// computes with it.
    fn new(values: Vec<f32>, shape: [usize; 3], arithmetic: Arithmetic) -> Self {
        let [outputs, inputs, side] = shape;
        if arithmetic == Arithmetic::F32 || side != 4 || outputs.min(inputs) < CHANNELS {
            return Self::F32(values);
        }
        let rounded = values.into_iter().map(Bf16::of);
        match InstructionSet::best(arithmetic) {
            InstructionSet::Avx512Bf16 | InstructionSet::NeonBf16 => Self::Bf16(rounded.collect()),
            _ => Self::F32(rounded.map(f32::from).collect()),
        }
    }

    /// The weights, as kernels take them.
    pub(super) fn as_weights(&self) -> KernelWeights<'_> {
        match self {
            Self::F32(values) => KernelWeights::F32(values),
            Self::Bf16(values) => KernelWeights::Bf16(values),
        }
    }
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
    /// Takes the tensors of a network's layers, for plans of this fusion and passes of this arithmetic.
    ///
    /// # Errors
    /// When a tensor is missing, left over, or has another shape.
    pub fn new(
        graph: &LayerGraph,
        mut weights: Weights,
        fusion: Fusion,
        arithmetic: Arithmetic,
    ) -> Result<Self> {
        graph.check(&weights)?;
        let mut parameters = Self {
            convs: Vec::new(),
            norms: Vec::new(),
        };
        for layer in &graph.layers {
            let mut take = |part: &str| {
                let taken = weights.remove(&format!("{}.{part}", layer.name));
                taken.map(|array| array.values).unwrap_or_default()
            };
            match layer.op {
                Op::Conv(_) | Op::ConvTranspose(_) => {
                    let input = &graph.layers[layer.inputs[0]];
                    let mut weight = take("weight");
                    let (inputs, outputs) = (input.output[0], layer.output[0]);
                    let side = (weight.len() / (inputs * outputs)).isqrt();
                    let mut shape = [outputs, inputs, side];
                    if fusion == Fusion::Full && input.op == Op::Upsample {
                        let channels = [inputs, outputs];
                        shape[2] = 4;
                        weight = in_pool(|| {
                            kernels::filled(channels[0] * channels[1] * 16, |four| {
                                kernels::four_taps(channels, &weight, four)
                            })
                        });
                    }
                    parameters.convs.push(Conv {
                        weight: Weight::new(weight, shape, arithmetic),
                        bias: take("bias"),
                    });
                }
                Op::BatchNorm { .. } | Op::GroupNorm { .. } | Op::InstanceNorm => {
                    let mut running = take("running_mean");
                    running.extend(take("running_var"));
                    parameters.norms.push(Norm {
                        gamma: take("gamma"),
                        beta: take("beta"),
                        running,
                    });
                }
                _ => {}
            }
        }
        Ok(parameters)
    }

    /// The running averages of each normalization; `None` if one keeps none, or there is no normalization.
    pub fn running_statistics(&self) -> Option<Vec<Vec<f32>>> {
        let known = self.norms.iter().map(|norm| norm.running.clone());
        let known: Vec<Vec<f32>> = known.collect();
        (!known.is_empty() && known.iter().all(|running| !running.is_empty())).then_some(known)
    }
}
