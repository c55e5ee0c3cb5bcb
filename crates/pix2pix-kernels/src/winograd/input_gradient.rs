//! The gradient of the input: the transposed convolution.

use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ops::Range;

use rayon::prelude::*;

use super::band::Planes;
use super::scheme::{Scheme, both};
use super::tiles::{Order, OutputAdjoint, Source, WordLayout};
use super::tiling::{Tiling, odd_lines};
use super::weights::{TAPS, map_kernel, taps};
use crate::geometry::{Geometry, split, threads};
use crate::instruction_set::InstructionSet;
use crate::lanes::{LANES, Lanes};
use crate::output::zeroed;
use crate::product::{Strides, product};
use crate::scratch::{Scratch, with_words};
use crate::shared::Shared;
use crate::simd::{COLUMNS, Simd, Task};
use crate::weight::Weight;

/// Columns of the products of a task: input channels of all phases.
const CHANNELS: usize = 2 * COLUMNS;
/// Steps of a sum to map weights for at once.
const STEPS: usize = 64;
/// Products of a task, over all points: they fit the second-level cache.
const PRODUCTS: usize = 1 << 17;

/// Computes the gradient of the input; lengths are checked.
pub fn input_gradient<
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
    gradient: &[f32],
    weights: &[W],
    input: &'a mut [MaybeUninit<f32>],
) -> &'a mut [f32] {
    let [height, width] = geometry.input;
    if tiling.reach(tiling.rows, P) < tiling.before + height
        || tiling.reach(tiling.columns, P) < tiling.before + width
    {
        // no tile touches the last pixels
        zeroed(input);
    }
    let source = Source::gradient(gradient, geometry.out_channels, geometry.output(), tiling);
    let layout = WordLayout::new(
        Order::SumOverChannels,
        instructions,
        source.all_channels(),
        tiling,
    );
    with_words([P * P * layout.point, 0], |[words, _]| {
        source.map::<OutputAdjoint<S, R>, T, P>(instructions, layout, words);
        let words = &*words;
        let groups = split(
            geometry.in_channels.div_ceil(LANES),
            CHANNELS / tiling.group(),
        );
        // a task maps its weights once for all its images: as many as leave work for all threads
        let parts = (2 * threads()).div_ceil(groups.len());
        let images = split(geometry.batch, geometry.batch.div_ceil(parts).max(1));
        let tasks: Vec<_> = images
            .iter()
            .flat_map(|images| groups.iter().map(|groups| (images.clone(), groups.clone())))
            .collect();
        let input = Shared::new(&mut *input);
        tasks.into_par_iter().for_each(|(images, groups)| {
            instructions.run(Groups::<W, S, R, P, T> {
                geometry: *geometry,
                tiling: *tiling,
                layout,
                words,
                weights,
                input,
                images,
                groups,
                scheme: PhantomData,
            });
        });
    });
    // SAFETY: the tasks have all images and channels. Each wrote all pixels that its tiles touch; if these are not all
    // pixels, the image was set to zero before.
    unsafe { input.assume_init_mut() }
}

/// Some groups of input channels of some images.
struct Groups<'a, W, S, const R: usize, const P: usize, const T: usize> {
    geometry: Geometry,
    tiling: Tiling,
    layout: WordLayout,
    words: &'a [u32],
    weights: &'a [W],
    input: Shared<'a, MaybeUninit<f32>>,
    images: Range<usize>,
    groups: Range<usize>,
    scheme: PhantomData<S>,
}

impl<W: Weight, S: Scheme<R, P, T>, const R: usize, const P: usize, const T: usize> Task
    for Groups<'_, W, S, R, P, T>
{
    #[inline(always)]
    fn run<M: Simd>(self, simd: M, scratch: &mut Scratch) {
        let tiling = self.tiling;
        let columns = (self.groups.len() * tiling.group()).next_multiple_of(COLUMNS);
        let limit = (PRODUCTS / (P * P * columns * tiling.row_tiles)).max(1);
        let all_rows = self.images.len() * tiling.rows;
        // chunks of nearly equal numbers of rows
        let at_most = all_rows.div_ceil(all_rows.div_ceil(limit));
        let most_tiles = at_most * tiling.row_tiles;
        let at_once = STEPS * M::VALUES;
        let outputs = split(self.geometry.out_channels.next_multiple_of(LANES), at_once);
        let (height, width) = (tiling.reach(1, P), tiling.reach(tiling.row_tiles, P));
        let (products, kernels, band) = scratch.take(
            P * P * odd_lines(most_tiles * columns),
            P * P * odd_lines(STEPS * COLUMNS) * columns / COLUMNS,
            self.groups.len() * height * width,
        );
        band.fill([0.0; LANES]);
        for rows in split(all_rows, at_most) {
            let tiles = rows.len() * tiling.row_tiles;
            let first = (self.images.start * tiling.rows + rows.start) * tiling.row_tiles;
            for outputs in &outputs {
                let steps = outputs.len() / M::VALUES;
                self.map_weights(simd, outputs.clone(), kernels);
                // both panels of a point in turn, while its tiles are in a near cache
                for p in 0..P * P {
                    for panel in 0..columns / COLUMNS {
                        let left = self.layout.word(p, first, outputs.start);
                        let strides = Strides {
                            row: self.layout.tile,
                            step: 1,
                        };
                        product(
                            simd,
                            [tiles, steps],
                            (&self.words[left..], strides),
                            (
                                &kernels[(panel * P * P + p) * odd_lines(steps * COLUMNS)..],
                                COLUMNS,
                            ),
                            (
                                &mut products[p * odd_lines(tiles * columns) + panel * COLUMNS..],
                                columns,
                            ),
                            outputs.start > 0,
                        );
                    }
                }
            }
            self.write(simd, rows, products, columns, band);
        }
    }
}

impl<W: Weight, S: Scheme<R, P, T>, const R: usize, const P: usize, const T: usize>
    Groups<'_, W, S, R, P, T>
{
    /// Maps the weights of some output channels: `[panel][point][step][column]`.
    #[inline(always)]
    fn map_weights<M: Simd>(&self, simd: M, outputs: Range<usize>, kernels: &mut [u32]) {
        let steps = outputs.len() / M::VALUES;
        for (step, output) in outputs.step_by(M::VALUES).enumerate() {
            for (part, group) in self.groups.clone().enumerate() {
                let one = self.windows(simd, group, output);
                let two = if M::VALUES == 2 {
                    self.windows(simd, group, output + 1)
                } else {
                    one
                };
                map_kernel::<M, S, R, P, T>(
                    simd,
                    self.tiling,
                    [one, two],
                    #[inline(always)]
                    |q, p, words| {
                        let column = part * self.tiling.group() + q * LANES;
                        let panel = column / COLUMNS * P * P + p;
                        let start = panel * odd_lines(steps * COLUMNS);
                        let at = start + step * COLUMNS + column % COLUMNS;
                        kernels[at..at + LANES].copy_from_slice(&words);
                    },
                );
            }
        }
    }

    /// Reads the windows from a group of input channels to an output channel.
    #[inline(always)]
    fn windows<M: Simd>(&self, simd: M, group: usize, output: usize) -> [M::Lanes; TAPS] {
        let (inputs, outputs) = (self.geometry.in_channels, self.geometry.out_channels);
        taps(
            simd,
            self.weights,
            #[inline(always)]
            |lane| {
                let channel = group * LANES + lane;
                (output < outputs && channel < inputs).then_some(output * inputs + channel)
            },
        )
    }

    /// Maps the products of some rows of tiles, counted over all images, to pixels. Tiles overlap: rows of pixels that
    /// later tiles touch stay in `bands`, one for each group.
    #[inline(always)]
    fn write<M: Simd>(
        &self,
        simd: M,
        rows: Range<usize>,
        products: &[f32],
        columns: usize,
        bands: &mut [[f32; LANES]],
    ) {
        let tiling = self.tiling;
        let planes = Planes {
            channels: self.geometry.in_channels,
            height: self.geometry.input[0],
            width: self.geometry.input[1],
            before: tiling.before,
        };
        let tiles = rows.len() * tiling.row_tiles;
        let (height, width) = (tiling.reach(1, P), tiling.reach(tiling.row_tiles, P));
        for (part, row) in rows.enumerate() {
            let image = (self.images.start + row / tiling.rows) * planes.len();
            let row = row % tiling.rows;
            for ((index, group), band) in self
                .groups
                .clone()
                .enumerate()
                .zip(bands.chunks_exact_mut(height * width))
            {
                for (q, down, right) in tiling.each_phase() {
                    let channel = index * tiling.group() + q * LANES;
                    for column in 0..tiling.row_tiles {
                        let tile = part * tiling.row_tiles + column;
                        let mut square = [[simd.zero(); P]; P];
                        for p in 0..P * P {
                            let start = p * odd_lines(tiles * columns);
                            let at = start + tile * columns + channel;
                            let from = products[at..].first_chunk().expect("a whole vector");
                            square[p / P][p % P] = simd.load(from);
                        }
                        let pixels = both(
                            square,
                            #[inline(always)]
                            |line| S::data_adjoint(line),
                        );
                        for y in 0..P {
                            let line = (y * tiling.step + down * tiling.shift) * width;
                            let line = &mut band[line..][..width];
                            let left = T * column * tiling.step + right * tiling.shift;
                            for x in 0..P {
                                let pixel = &mut line[left + x * tiling.step];
                                simd.load(pixel).add(pixels[y][x]).store(pixel);
                            }
                        }
                    }
                }
                // rows of pixels that no later tile touches
                let done = if row + 1 == tiling.rows {
                    height
                } else {
                    T * tiling.step
                };
                let top = row * T * tiling.step;
                for (y, line) in band.chunks_exact(width).take(done).enumerate() {
                    // SAFETY: each task has its own images and input channels.
                    unsafe { planes.write_row(simd, (self.input, image), group, top + y, line) };
                }
                band.copy_within(done * width.., 0);
                band[(height - done) * width..].fill([0.0; LANES]);
            }
        }
    }
}
