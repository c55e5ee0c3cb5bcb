//! How a network is computed for one size and number of pictures: its steps, and the places of their values in one block of memory.
//! A plan is made once and runs for all pictures of that size. Each picture gets what it would get alone, bit for bit:
//! its own statistics and noise, and sums in the same order.

mod arena;
mod core;
mod lower;
mod parameters;

use std::ops::Range;

use pix2pix_kernels::{self as kernels, Arithmetic, Dropout, Geometry, InstructionSet};

use crate::moments;
use crate::network::LayerGraph;
use arena::Value;
use lower::{Kernel, Lowered, NormSpec, Part, Step, lower};

pub use self::core::Core;
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
    batch: usize,
    steps: Vec<Step>,
    /// Of each value: where the first picture's begins.
    starts: Vec<usize>,
    /// Of each value: floats of a picture.
    lengths: Vec<usize>,
    norms: Vec<NormSpec>,
    ends: [Part; 2],
    memory: usize,
}

/// A picture for a network.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The picture, `[channels, height, width]` in [-1, 1].
    pub source: &'a [f32],
    /// The dropout; `None` for none.
    pub noise: Option<Noise>,
}

/// Pictures on their way through a network.
pub struct Pass<'a> {
    /// The pictures.
    pub inputs: &'a [Input<'a>],
    /// The arithmetic of the convolutions.
    pub arithmetic: Arithmetic,
    /// The statistics of the first normalizations. Others measure their own.
    pub statistics: &'a Statistics,
}

/// The result of a pass.
enum Outcome {
    /// The outputs.
    Finished(Vec<Vec<f32>>),
    /// It stopped before a normalization whose statistics it measured, of so many values.
    Measured(Vec<f32>, f64),
}

/// Receives the position and the output of each layer, picture by picture, which it may change.
pub type LayerWatch<'a> = dyn FnMut(usize, &mut [f32]) + 'a;

impl Plan {
    /// The plan of a generator for a number of pictures.
    ///
    /// # Panics
    /// When the layers are not those of a [`GeneratorConfig`](crate::network::GeneratorConfig).
    pub fn new(graph: &LayerGraph, fusion: Fusion, batch: usize) -> Self {
        let Lowered {
            steps,
            values: lengths,
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
        let values: Vec<Value> = lengths
            .iter()
            .enumerate()
            .map(|(value, &length)| Value {
                length: batch * length,
                steps: needed(value),
            })
            .collect();
        let (starts, memory) = arena::place(&values);
        Self {
            batch,
            steps,
            starts,
            lengths,
            norms,
            ends,
            memory,
        }
    }

    /// Number of floats that a pass works on, besides weights.
    pub fn memory(&self) -> usize {
        self.memory
    }

    /// Runs the network in `memory`, which grows as needed and may be used again. Returns the output of each picture,
    /// `[channels, height, width]` in [-1, 1].
    ///
    /// # Panics
    /// When the pictures do not have the plan's number and size, or the parameters are another network's.
    pub fn run(
        &self,
        parameters: &Parameters,
        pass: &Pass,
        memory: &mut Vec<f32>,
    ) -> Vec<Vec<f32>> {
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
        watch: &mut LayerWatch,
    ) -> Vec<Vec<f32>> {
        match self.pass(parameters, pass, memory, None, watch) {
            Outcome::Finished(outputs) => outputs,
            Outcome::Measured(..) => unreachable!("nothing stops this pass"),
        }
    }

    /// Runs the network up to the first normalization whose statistics are not given, and measures those of a part of the
    /// first picture: means and biased variances, and the number of values in each, of which the part may cut some.
    ///
    /// # Panics
    /// As [`run`](Self::run), and when the statistics of all normalizations are given.
    pub fn measure(
        &self,
        parameters: &Parameters,
        pass: &Pass,
        core: &Core,
        memory: &mut Vec<f32>,
    ) -> (Vec<f32>, f64) {
        let stop = Some((pass.statistics.len(), core));
        match self.pass(parameters, pass, memory, stop, &mut |_, _| {}) {
            Outcome::Measured(statistics, count) => (statistics, count),
            Outcome::Finished(_) => unreachable!("the pass stops at the normalization"),
        }
    }

    /// Where a part is, of these pictures; of several only a whole value.
    fn place(&self, part: Part, pictures: &Range<usize>) -> Range<usize> {
        let of = |picture: usize| {
            let start = self.starts[part.value] + picture * self.lengths[part.value];
            start + part.start
        };
        of(pictures.start)..of(pictures.end - 1) + part.length
    }

    fn pass(
        &self,
        parameters: &Parameters,
        pass: &Pass,
        memory: &mut Vec<f32>,
        stop: Option<(usize, &Core)>,
        watch: &mut LayerWatch,
    ) -> Outcome {
        assert_eq!(
            pass.inputs.len(),
            self.batch,
            "the plan's number of pictures"
        );
        let needed = self.memory + arena::ALIGNMENT;
        if memory.len() < needed {
            *memory = vec![0.0; needed];
        }
        // places begin at cache lines if the block does
        let skipped = memory
            .as_ptr()
            .align_offset(arena::ALIGNMENT * size_of::<f32>());
        let memory = &mut memory[skipped..];
        for (picture, input) in pass.inputs.iter().enumerate() {
            let place = self.place(self.ends[0], &(picture..picture + 1));
            memory[place.clone()].copy_from_slice(input.source);
            watch(0, &mut memory[place]);
        }
        let instructions = InstructionSet::best(pass.arithmetic);
        // of each normalization and picture
        let mut lines: Vec<Vec<Vec<[f32; 2]>>> = vec![Vec::new(); self.norms.len()];
        for step in &self.steps {
            if let Kernel::Measure(norm) = step.kernel {
                let spec = self.norms[norm];
                for picture in 0..self.batch {
                    let place = self.place(step.from[0], &(picture..picture + 1));
                    if let Some((_, core)) = stop.filter(|(last, _)| *last == norm) {
                        let shares = core.shares(spec.size);
                        let (found, count) = moments::of_part(&memory[place], spec.groups, &shares);
                        return Outcome::Measured(found, count);
                    }
                    let statistics = match pass.statistics.get(norm) {
                        Some(given) => given.clone(),
                        None => spec.statistics(&memory[place]),
                    };
                    lines[norm].push(spec.lines(&statistics, &parameters.norms[norm]));
                }
                continue;
            }
            let at_once = match step.kernel {
                Kernel::Convolve(..) | Kernel::ConvolveTransposed(..) => self.batch,
                _ => 1,
            };
            for start in (0..self.batch).step_by(at_once) {
                let state = State {
                    parameters,
                    pass,
                    instructions,
                    lines: &lines,
                    pictures: start..start + at_once,
                };
                self.step(step, &state, memory);
            }
            if let Some((layer, whole)) = step.completes {
                for picture in 0..self.batch {
                    let place = self.place(whole, &(picture..picture + 1));
                    watch(layer, &mut memory[place]);
                }
            }
        }
        let output = |picture| memory[self.place(self.ends[1], &(picture..picture + 1))].to_vec();
        Outcome::Finished((0..self.batch).map(output).collect())
    }

    /// Computes a step for some pictures.
    fn step(&self, step: &Step, state: &State, memory: &mut [f32]) {
        let pictures = &state.pictures;
        let from = step.from.iter().map(|&part| self.place(part, pictures));
        let from: Vec<Range<usize>> = from.collect();
        let to = step.to.expect("only measurements write nothing");
        let to = self.place(to, pictures);
        let convs = &state.parameters.convs;
        match (&step.kernel, from.as_slice()) {
            (Kernel::AddBias(conv), []) => {
                kernels::add_bias_to(&convs[*conv].bias, &mut memory[to]);
            }
            (Kernel::Add, [first, second]) => {
                let parts = [first.clone(), second.clone(), to];
                let [first, second, to] = memory.get_disjoint_mut(parts).expect(APART);
                kernels::refilled(to, |to| kernels::sum([first, second], to));
            }
            (kernel, [from]) => {
                let [from, to] = memory.get_disjoint_mut([from.clone(), to]).expect(APART);
                let from = &*from;
                kernels::refilled(to, |to| match *kernel {
                    Kernel::Convolve(conv, geometry) => kernels::convolution::forward_each(
                        state.instructions,
                        &state.of_pictures(geometry),
                        from,
                        convs[conv].weight.as_weights(),
                        to,
                    ),
                    Kernel::ConvolveTransposed(conv, geometry) => {
                        kernels::convolution::input_gradient_each(
                            state.instructions,
                            &state.of_pictures(geometry),
                            from,
                            convs[conv].weight.as_weights(),
                            to,
                        )
                    }
                    Kernel::Activate(None, slope) => kernels::activation(slope as f32, from, to),
                    Kernel::Activate(Some(norm), slope) => {
                        let lines = &state.lines[norm][pictures.start];
                        kernels::scale_and_shift(lines, slope as f32, from, to)
                    }
                    Kernel::Dropout(first, rate) => match state.pass.inputs[pictures.start].noise {
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
                    Kernel::Halve(side) => kernels::halve(side, from, to),
                    Kernel::Smooth(side) => kernels::smooth(side, from, to),
                    Kernel::Copy => to.write_copy_of_slice(from),
                    Kernel::Tanh => kernels::tanh(from, to),
                    Kernel::AddBias(_) | Kernel::Measure(_) | Kernel::Add => {
                        unreachable!("{kernel:?} does not read one value")
                    }
                });
            }
            (kernel, _) => unreachable!("{kernel:?} reads another number of values"),
        }
    }
}

/// What the steps of a pass need.
struct State<'a> {
    parameters: &'a Parameters,
    pass: &'a Pass<'a>,
    instructions: InstructionSet,
    /// Scale and shift of each channel, of each normalization and picture that has been measured.
    lines: &'a [Vec<Vec<[f32; 2]>>],
    /// The pictures that are computed.
    pictures: Range<usize>,
}

impl State<'_> {
    fn of_pictures(&self, geometry: Geometry) -> Geometry {
        Geometry {
            batch: self.pictures.len(),
            ..geometry
        }
    }
}

impl NormSpec {
    /// The kernel's sizes for the measurement of groups.
    fn kernel(self) -> kernels::Norm {
        kernels::Norm {
            batch: 1,
            parts: 1,
            channels: self.groups,
            pixels: self.channels / self.groups * self.size[0] * self.size[1],
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
