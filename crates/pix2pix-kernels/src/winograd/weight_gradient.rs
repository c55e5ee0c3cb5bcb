//! The gradient of the weights.

use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ops::Range;

use rayon::prelude::*;

use super::scheme::Scheme;
use super::tiles::{Data, Order, OutputAdjoint, Source, WordLayout};
use super::tiling::{Tiling, odd_lines};
use super::weights::{TAPS, map_kernel_adjoint};
use crate::geometry::{Geometry, split};
use crate::instruction_set::InstructionSet;
use crate::lanes::{LANES, Lanes};
use crate::product::{Strides, product};
use crate::scratch::{Scratch, with_words};
use crate::shared::Shared;
use crate::simd::{COLUMNS, Simd, Task};

/// Rows of the products of a task: input channels of all phases.
const CHANNELS: usize = 64;

/// Computes the gradient of the weights, summed over the batch; lengths are checked.
pub fn weight_gradient<'a, S: Scheme<R, P, T>, const R: usize, const P: usize, const T: usize>(
    instructions: InstructionSet,
    geometry: &Geometry,
    tiling: &Tiling,
    input: &[f32],
    gradient: &[f32],
    weights: &'a mut [MaybeUninit<f32>],
) -> &'a mut [f32] {
    let data = Source::input(input, geometry.in_channels, geometry.input, tiling);
    let left = WordLayout::new(
        Order::SumOverTiles,
        instructions,
        data.all_channels(),
        tiling,
    );
    let outputs = Source::gradient(gradient, geometry.out_channels, geometry.output(), tiling);
    let right = WordLayout::new(Order::Panels, instructions, outputs.all_channels(), tiling);
    let lengths = [left.point, right.point].map(|point| P * P * point);
    with_words(lengths, |[data_words, output_words]| {
        data.map::<Data<S, R, T>, P, P>(instructions, left, data_words);
        outputs.map::<OutputAdjoint<S, R>, T, P>(instructions, right, output_words);
        let factors = [(&*data_words, left), (&*output_words, right)];
        let groups = split(
            geometry.in_channels.div_ceil(LANES),
            CHANNELS / tiling.group(),
        );
        let tasks: Vec<_> = (0..geometry.out_channels.div_ceil(COLUMNS))
            .flat_map(|panel| groups.iter().map(move |groups| (panel, groups.clone())))
            .collect();
        let weights = Shared::new(&mut *weights);
        tasks.into_par_iter().for_each(|(panel, groups)| {
            instructions.run(Block::<S, R, P, T> {
                geometry: *geometry,
                tiling: *tiling,
                factors,
                weights,
                panel,
                groups,
                scheme: PhantomData,
            });
        });
    });
    // SAFETY: the tasks have all pairs of input and output channels, and each wrote the whole windows of its own.
    unsafe { weights.assume_init_mut() }
}

/// The weights from some groups of input channels to a panel of output channels.
struct Block<'a, S, const R: usize, const P: usize, const T: usize> {
    geometry: Geometry,
    tiling: Tiling,
    factors: [(&'a [u32], WordLayout); 2],
    weights: Shared<'a, MaybeUninit<f32>>,
    panel: usize,
    groups: Range<usize>,
    scheme: PhantomData<S>,
}

impl<S: Scheme<R, P, T>, const R: usize, const P: usize, const T: usize> Task
    for Block<'_, S, R, P, T>
{
    #[inline(always)]
    fn run<M: Simd>(self, simd: M, scratch: &mut Scratch) {
        let tiling = self.tiling;
        let rows = self.groups.len() * tiling.group();
        let steps = tiling.tiles() / M::VALUES;
        let [(data, left), (outputs, right)] = self.factors;
        let (products, _, _) = scratch.take(P * P * odd_lines(rows * COLUMNS), 0, 0);
        for p in 0..P * P {
            let a = left.word(p, 0, self.groups.start * tiling.group());
            let b = right.word(p, 0, self.panel * COLUMNS);
            let strides = Strides {
                row: 1,
                step: left.tile,
            };
            product(
                simd,
                [rows, steps],
                (&data[a..], strides),
                (&outputs[b..], right.tile),
                (&mut products[p * odd_lines(rows * COLUMNS)..], COLUMNS),
                false,
            );
        }
        self.write(simd, products, rows);
    }
}

impl<S: Scheme<R, P, T>, const R: usize, const P: usize, const T: usize> Block<'_, S, R, P, T> {
    /// Maps the products to weights.
    #[inline(always)]
    fn write<M: Simd>(&self, simd: M, products: &[f32], rows: usize) {
        let (inputs, outputs) = (self.geometry.in_channels, self.geometry.out_channels);
        let first = self.groups.start * LANES;
        for channel in first..(self.groups.end * LANES).min(inputs) {
            let group = (channel - first) / LANES * self.tiling.group();
            for half in 0..2 {
                let windows = map_kernel_adjoint::<M, S, R, P, T>(
                    simd,
                    self.tiling,
                    #[inline(always)]
                    |q, p| {
                        let row = group + q * LANES + channel % LANES;
                        let start = p * odd_lines(rows * COLUMNS);
                        let at = start + row * COLUMNS + half * LANES;
                        simd.load(products[at..].first_chunk().expect("a whole vector"))
                    },
                );
                for (lane, window) in windows.into_iter().enumerate() {
                    let output = self.panel * COLUMNS + half * LANES + lane;
                    if output < outputs {
                        let at = (output * inputs + channel) * TAPS;
                        // SAFETY: each task has its own input and output channels.
                        let to = unsafe { self.weights.part(at..at + TAPS) };
                        window.write(to.first_chunk_mut().expect("a whole window"));
                    }
                }
            }
        }
    }
}
