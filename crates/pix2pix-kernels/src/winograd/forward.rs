//! The convolution.

use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ops::Range;

use rayon::prelude::*;

use super::band::Planes;
use super::scheme::{Scheme, both};
use super::tiles::{Data, Order, Source, WordLayout};
use super::tiling::{Tiling, odd_lines};
use super::weights::{TAPS, map_kernel, taps};
use crate::geometry::{Geometry, split, threads};
use crate::instruction_set::InstructionSet;
use crate::lanes::{LANES, Lanes};
use crate::prefetch::prefetch_run;
use crate::product::{Strides, product};
use crate::scratch::{Scratch, with_words};
use crate::shared::Shared;
use crate::simd::{COLUMNS, Simd, Task};
use crate::weight::Weight;

/// Steps of a sum to map weights for at once: the panel of one point fits the first-level cache, those of all points
/// the second.
const STEPS: usize = 128;
/// Products of a task, over all points: they fit the second-level cache.
const PRODUCTS: usize = 1 << 17;

/// Convolves; lengths are checked.
pub fn forward<
    'a,
    W: Weight,
    S: Scheme<R, P, T>,
    const R: usize,
    const P: usize,
    const T: usize,
>(
    instructions: InstructionSet,
    geometry: &Geometry,
    tiling: &Tiling,
    input: &[f32],
    weights: &[W],
    output: &'a mut [MaybeUninit<f32>],
) -> &'a mut [f32] {
    let source = Source::input(input, geometry.in_channels, geometry.input, tiling);
    let channels = source.all_channels();
    let layout = WordLayout::new(Order::SumOverChannels, instructions, channels, tiling);
    with_words([P * P * layout.point, 0], |[words, _]| {
        source.map::<Data<S, R, T>, P, P>(instructions, layout, words);
        let words = &*words;
        let panels = geometry.out_channels.div_ceil(COLUMNS);
        let limit = (PRODUCTS / (P * P * COLUMNS * tiling.row_tiles)).max(1);
        // enough tasks for all threads
        let parts = tiling.all_rows().div_ceil(limit);
        let parts = parts.max((2 * threads()).div_ceil(panels));
        let rows = split(tiling.all_rows(), tiling.all_rows().div_ceil(parts).max(1));
        let tasks: Vec<_> = (0..panels)
            .flat_map(|panel| rows.iter().map(move |rows| (panel, rows.clone())))
            .collect();
        let output = Shared::new(&mut *output);
        tasks.into_par_iter().for_each(|(panel, rows)| {
            instructions.run(Panel::<W, S, R, P, T> {
                geometry: *geometry,
                tiling: *tiling,
                layout,
                words,
                weights,
                output,
                panel,
                rows,
                scheme: PhantomData,
            });
        });
    });
    // SAFETY: the panels have all output channels and the rows of tiles all pixels, since `Tiling` divides the whole
    // output into tiles; each task wrote all of its own.
    unsafe { output.assume_init_mut() }
}

/// A panel (two groups of output channels) of some rows of tiles.
struct Panel<'a, W, S, const R: usize, const P: usize, const T: usize> {
    geometry: Geometry,
    tiling: Tiling,
    layout: WordLayout,
    words: &'a [u32],
    weights: &'a [W],
    output: Shared<'a, MaybeUninit<f32>>,
    panel: usize,
    rows: Range<usize>,
    scheme: PhantomData<S>,
}

impl<W: Weight, S: Scheme<R, P, T>, const R: usize, const P: usize, const T: usize> Task
    for Panel<'_, W, S, R, P, T>
{
    #[inline(always)]
    fn run<M: Simd>(self, simd: M, scratch: &mut Scratch) {
        let tiling = self.tiling;
        let tiles = self.rows.len() * tiling.row_tiles;
        let group_steps = tiling.group() / M::VALUES;
        let at_once = (STEPS / group_steps).max(1);
        let groups = split(self.geometry.in_channels.div_ceil(LANES), at_once);
        let most = at_once * group_steps;
        let width = T * tiling.row_tiles;
        let (products, kernels, band) = scratch.take(
            P * P * odd_lines(tiles * COLUMNS),
            P * P * odd_lines(most * COLUMNS),
            T * width,
        );
        for groups in groups {
            let steps = groups.len() * group_steps;
            self.map_weights(simd, groups.clone(), kernels);
            for p in 0..P * P {
                self.request_weights(groups.end, at_once, [p, P * P]);
                let first = self.rows.start * tiling.row_tiles;
                let left = self.layout.word(p, first, groups.start * tiling.group());
                let strides = Strides {
                    row: self.layout.tile,
                    step: 1,
                };
                product(
                    simd,
                    [tiles, steps],
                    (&self.words[left..], strides),
                    (&kernels[p * odd_lines(steps * COLUMNS)..], COLUMNS),
                    (&mut products[p * odd_lines(tiles * COLUMNS)..], COLUMNS),
                    groups.start > 0,
                );
            }
        }
        self.write(simd, products, tiles, band);
    }
}

impl<W: Weight, S: Scheme<R, P, T>, const R: usize, const P: usize, const T: usize>
    Panel<'_, W, S, R, P, T>
{
    /// Maps the weights of some groups of input channels: `[point][step][column]`.
    #[inline(always)]
    fn map_weights<M: Simd>(&self, simd: M, groups: Range<usize>, kernels: &mut [u32]) {
        let steps = groups.len() * self.tiling.group() / M::VALUES;
        let first = groups.start * LANES;
        for channel in (first..groups.end * LANES).step_by(M::VALUES) {
            for half in 0..2 {
                let one = self.windows(simd, channel, half);
                let two = if M::VALUES == 2 {
                    self.windows(simd, channel + 1, half)
                } else {
                    one
                };
                let group = (channel - first) / LANES * self.tiling.group();
                map_kernel::<M, S, R, P, T>(
                    simd,
                    self.tiling,
                    [one, two],
                    #[inline(always)]
                    |q, p, words| {
                        let step = (group + q * LANES + channel % LANES) / M::VALUES;
                        let start = p * odd_lines(steps * COLUMNS);
                        let at = start + step * COLUMNS + half * LANES;
                        kernels[at..at + LANES].copy_from_slice(&words);
                    },
                );
            }
        }
    }

    /// Asks for a part of the weights of the next groups, which would be waited for while nothing is computed.
    #[inline(always)]
    fn request_weights(&self, group: usize, groups: usize, [part, parts]: [usize; 2]) {
        let (inputs, outputs) = (self.geometry.in_channels, self.geometry.out_channels);
        let (first, channels) = (group * LANES, groups * LANES);
        for output in part * COLUMNS / parts..(part + 1) * COLUMNS / parts {
            let output = self.panel * COLUMNS + output;
            if output < outputs && first + channels <= inputs {
                let start = (output * inputs + first) * TAPS;
                prefetch_run(self.weights, start, channels * TAPS);
            }
        }
    }

    /// Reads the windows from an input channel to one half of the panel's output channels.
    #[inline(always)]
    fn windows<M: Simd>(&self, simd: M, channel: usize, half: usize) -> [M::Lanes; TAPS] {
        let (inputs, outputs) = (self.geometry.in_channels, self.geometry.out_channels);
        let first = self.panel * COLUMNS + half * LANES;
        taps(
            simd,
            self.weights,
            #[inline(always)]
            |lane| {
                let output = first + lane;
                (output < outputs && channel < inputs).then_some(output * inputs + channel)
            },
        )
    }

    /// Maps the products to output pixels.
    #[inline(always)]
    fn write<M: Simd>(&self, simd: M, products: &[f32], tiles: usize, band: &mut [[f32; LANES]]) {
        let [height, width] = self.geometry.output();
        let planes = Planes {
            channels: self.geometry.out_channels,
            height,
            width,
            before: 0,
        };
        let row_tiles = self.tiling.row_tiles;
        let line = T * row_tiles;
        for (part, row) in self.rows.clone().enumerate() {
            for half in 0..2 {
                for column in 0..row_tiles {
                    let tile = part * row_tiles + column;
                    let mut square = [[simd.zero(); P]; P];
                    for p in 0..P * P {
                        let start = p * odd_lines(tiles * COLUMNS);
                        let at = start + tile * COLUMNS + half * LANES;
                        let from = products[at..].first_chunk().expect("a whole vector");
                        square[p / P][p % P] = simd.load(from);
                    }
                    let pixels = both(
                        square,
                        #[inline(always)]
                        |line| S::output(line),
                    );
                    for y in 0..T {
                        for x in 0..T {
                            pixels[y][x].store(&mut band[y * line + T * column + x]);
                        }
                    }
                }
                let image = row / self.tiling.rows * planes.len();
                let top = row % self.tiling.rows * T;
                for (y, band) in band.chunks_exact(line).enumerate() {
                    // SAFETY: each task has its own output channels and rows of tiles.
                    unsafe {
                        planes.write_row(
                            simd,
                            (self.output, image),
                            2 * self.panel + half,
                            top + y,
                            band,
                        );
                    }
                }
            }
        }
    }
}
