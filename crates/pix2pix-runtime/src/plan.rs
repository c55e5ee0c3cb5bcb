//! How a network is computed for one size of pictures: its steps, and the places of their values in one block of memory.
//! A plan is made once and runs for every picture of that size.

mod arena;
mod lower;
mod parameters;

use std::ops::Range;

use pix2pix_kernels::{self as kernels, Arithmetic, Dropout, InstructionSet};

use crate::network::LayerGraph;
use arena::Value;
use lower::{Kernel, Lowered, NormSpec, Part, Step, lower};

pub use lower::Fusion;
pub use parameters::Parameters;

/// The dropout of a picture: a seed, and the number of the picture in its sequence. Each number has masks of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noise {
    /// The seed.
    pub seed: u64,
    /// The number of the picture.
    pub stream: u64,
}

/// Means and biased variances for each normalization, `[2, channels or groups]`, in the order of the layers.
pub type Statistics = [Vec<f32>];

/// The reason why values that a step needs can be borrowed together.
const APART: &str = "values that are needed together do not overlap";

/// A plan.
pub struct Plan {
    steps: Vec<Step>,
    starts: Vec<usize>,
    norms: Vec<NormSpec>,
    ends: [Part; 2],
    memory: usize,
}

/// A picture on its way through a network.
pub struct Pass<'a> {
    /// The picture, `[channels, height, width]` in [-1, 1].
    pub source: &'a [f32],
    /// The arithmetic of the convolutions.
    pub arithmetic: Arithmetic,
    /// The dropout; `None` for none.
    pub noise: Option<Noise>,
    /// The statistics of the first normalizations. Others measure their own.
    pub statistics: &'a Statistics,
}

/// The result of a pass.
enum Outcome {
    /// The output.
    Finished(Vec<f32>),
    /// It stopped before a normalization whose statistics it measured.
    Measured(Vec<f32>),
}

/// Receives the position and the output of each layer, which it may change.
pub type Watch<'a> = dyn FnMut(usize, &mut [f32]) + 'a;

impl Plan {
    /// The plan of a generator.
    ///
    /// # Panics
    /// When the layers are not those of a [`GeneratorConfig`](crate::network::GeneratorConfig).
    pub fn new(graph: &LayerGraph, fusion: Fusion) -> Self {
        let Lowered {
            steps,
            values,
            norms,
            ends,
        } = lower(graph, fusion);
        let needed = |value: usize| {
            let reads = |step: &Step| step.from.iter().chain(&step.to).any(|p| p.value == value);
            let first = steps.iter().position(reads).unwrap_or(0);
            let last = steps.iter().rposition(reads).unwrap_or(0);
            // the input is there before the first step, the output after the last
            let first = if value == ends[0].value { 0 } else { first };
            let last = if value == ends[1].value {
                steps.len()
            } else {
                last
            };
            first..last + 1
        };
        let values: Vec<Value> = values
            .iter()
            .enumerate()
            .map(|(value, &length)| Value {
                length,
                steps: needed(value),
            })
            .collect();
        let (starts, memory) = arena::place(&values);
        Self {
            steps,
            starts,
            norms,
            ends,
            memory,
        }
    }

    /// Number of floats that a pass works on, besides weights.
    pub fn memory(&self) -> usize {
        self.memory
    }

    /// Runs the network in `memory`, which grows as needed and may be used again. Returns the output,
    /// `[channels, height, width]` in [-1, 1].
    ///
    /// # Panics
    /// When the picture does not have the plan's size, or the parameters are another network's.
    pub fn run(&self, parameters: &Parameters, pass: &Pass, memory: &mut Vec<f32>) -> Vec<f32> {
        self.run_watched(parameters, pass, memory, &mut |_, _| {})
    }

    /// As [`run`](Self::run); `watch` sees every layer's output if the plan fuses none, otherwise those of the layers that
    /// are computed by a kernel of their own.
    ///
    /// # Panics
    /// As [`run`](Self::run).
    pub fn run_watched(
        &self,
        parameters: &Parameters,
        pass: &Pass,
        memory: &mut Vec<f32>,
        watch: &mut Watch,
    ) -> Vec<f32> {
        match self.pass(parameters, pass, memory, None, watch) {
            Outcome::Finished(output) => output,
            Outcome::Measured(_) => unreachable!("nothing stops this pass"),
        }
    }

    /// Runs the network up to the first normalization whose statistics are not given, and measures them: means and biased
    /// variances, and the number of values in each.
    ///
    /// # Panics
    /// As [`run`](Self::run), and when the statistics of all normalizations are given.
    pub fn measure(
        &self,
        parameters: &Parameters,
        pass: &Pass,
        memory: &mut Vec<f32>,
    ) -> (Vec<f32>, usize) {
        let norm = pass.statistics.len();
        let spec = self.norms[norm];
        match self.pass(parameters, pass, memory, Some(norm), &mut |_, _| {}) {
            Outcome::Measured(statistics) => {
                (statistics, spec.channels / spec.groups * spec.pixels)
            }
            Outcome::Finished(_) => unreachable!("the pass stops at the normalization"),
        }
    }

    fn place(&self, part: Part) -> Range<usize> {
        let start = self.starts[part.value] + part.start;
        start..start + part.length
    }

    fn pass(
        &self,
        parameters: &Parameters,
        pass: &Pass,
        memory: &mut Vec<f32>,
        stop_at: Option<usize>,
        watch: &mut Watch,
    ) -> Outcome {
        let needed = self.memory + arena::ALIGNMENT;
        if memory.len() < needed {
            *memory = vec![0.0; needed];
        }
        // places begin at cache lines if the block does
        let skipped = memory
            .as_ptr()
            .align_offset(arena::ALIGNMENT * size_of::<f32>());
        let memory = &mut memory[skipped..];
        memory[self.place(self.ends[0])].copy_from_slice(pass.source);
        watch(0, &mut memory[self.place(self.ends[0])]);
        let instructions = InstructionSet::best(pass.arithmetic);
        let mut lines: Vec<Vec<[f32; 2]>> = vec![Vec::new(); self.norms.len()];
        for step in &self.steps {
            let from = step.from.iter().map(|&part| self.place(part));
            let from: Vec<Range<usize>> = from.collect();
            let to = step.to.map(|part| self.place(part));
            if let Kernel::Measure(norm) = step.kernel {
                let spec = self.norms[norm];
                let statistics = match pass.statistics.get(norm) {
                    Some(given) => given.clone(),
                    None => spec.statistics(&memory[from[0].clone()]),
                };
                if stop_at == Some(norm) {
                    return Outcome::Measured(statistics);
                }
                lines[norm] = spec.lines(&statistics, &parameters.norms[norm]);
                continue;
            }
            let to = to.expect("only measurements write nothing");
            match (&step.kernel, from.as_slice()) {
                (Kernel::AddBias(conv), []) => {
                    let bias = &parameters.convs[*conv].bias;
                    kernels::add_bias_to(bias, &mut memory[to.clone()]);
                }
                (Kernel::Add, [first, second]) => {
                    let parts = [first.clone(), second.clone(), to.clone()];
                    let [first, second, to] = memory.get_disjoint_mut(parts).expect(APART);
                    kernels::refilled(to, |to| kernels::sum([first, second], to));
                }
                (kernel, [from]) => {
                    let parts = [from.clone(), to.clone()];
                    let [from, to] = memory.get_disjoint_mut(parts).expect(APART);
                    let (from, convs) = (&*from, &parameters.convs);
                    kernels::refilled(to, |to| match *kernel {
                        Kernel::Convolve(conv, geometry) => kernels::convolution::forward(
                            instructions,
                            &geometry,
                            from,
                            &convs[conv].weight,
                            to,
                        ),
                        Kernel::ConvolveTransposed(conv, geometry) => {
                            kernels::convolution::input_gradient(
                                instructions,
                                &geometry,
                                from,
                                &convs[conv].weight,
                                to,
                            )
                        }
                        Kernel::Activate(None, slope) => {
                            kernels::activation(slope as f32, from, to)
                        }
                        Kernel::Activate(Some(norm), slope) => {
                            kernels::scale_and_shift(&lines[norm], slope as f32, from, to)
                        }
                        Kernel::Dropout(first, rate) => match pass.noise {
                            None => to.write_copy_of_slice(from),
                            Some(Noise { seed, stream }) => {
                                let dropout = Dropout::new(seed, stream, first, rate);
                                kernels::dropout(&dropout, from, to)
                            }
                        },
                        Kernel::ReflectionPad(side, margin) => {
                            kernels::reflection_pad(side, margin, from, to)
                        }
                        Kernel::Upsample(side) => kernels::upsample(side, from, to),
                        Kernel::Copy => to.write_copy_of_slice(from),
                        Kernel::Tanh => kernels::tanh(from, to),
                        Kernel::AddBias(_) | Kernel::Measure(_) | Kernel::Add => {
                            unreachable!("{kernel:?} does not read one value")
                        }
                    });
                }
                (kernel, _) => unreachable!("{kernel:?} reads another number of values"),
            }
            if let Some((layer, whole)) = step.completes {
                watch(layer, &mut memory[self.place(whole)]);
            }
        }
        Outcome::Finished(memory[self.place(self.ends[1])].to_vec())
    }
}

impl NormSpec {
    /// The kernel's sizes for the measurement of groups.
    fn kernel(self) -> kernels::Norm {
        kernels::Norm {
            batch: 1,
            parts: 1,
            channels: self.groups,
            pixels: self.channels / self.groups * self.pixels,
            epsilon: self.epsilon as f32,
            slope: 1.0,
        }
    }

    fn statistics(self, values: &[f32]) -> Vec<f32> {
        kernels::norm_statistics(&self.kernel(), values)
    }

    /// Scale and shift of each channel.
    fn lines(self, statistics: &[f32], parameters: &parameters::Norm) -> Vec<[f32; 2]> {
        let channel = |index: usize| {
            let group = index / (self.channels / self.groups);
            let (mean, variance) = (statistics[group], statistics[self.groups + group]);
            let gamma = parameters.gamma.get(index).copied().unwrap_or(1.0);
            let beta = parameters.beta.get(index).copied().unwrap_or(0.0);
            let inverse = 1.0 / (variance + self.epsilon as f32).sqrt();
            let scale = gamma * inverse;
            [scale, beta - scale * mean]
        };
        (0..self.channels).map(channel).collect()
    }
}
