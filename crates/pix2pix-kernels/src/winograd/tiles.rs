//! Factors of the matrix products: images mapped to points, tile by tile.

use std::marker::PhantomData;

use rayon::prelude::*;

use super::band::Planes;
use super::scheme::{self, Scheme, rows};
use super::tiling::{Tiling, odd_lines};
use crate::instruction_set::InstructionSet;
use crate::lanes::{LANES, Lanes};
use crate::scratch::Scratch;
use crate::shared::Shared;
use crate::simd::{COLUMNS, Simd, Task};

/// Words between the rows of a matrix, so that rows do not share a set of the cache.
const GAP: usize = LANES;

/// Memory order of the mapped values. `k` counts the channels of all phases of a group of sixteen channels, phase by
/// phase, then those of the next group.
#[derive(Clone, Copy)]
pub enum Order {
    /// `[point][tile][k]`; words hold neighboring channels. The left factor of a sum over channels.
    SumOverChannels,
    /// `[point][tile][k]`; words hold neighboring tiles. The left factor of a sum over tiles.
    SumOverTiles,
    /// `[point][32 channels][tile][channel]`; words hold neighboring tiles. The right factor of a sum over
    /// tiles.
    Panels,
}

/// Order and strides of the words of a mapped image.
#[derive(Clone, Copy)]
pub struct WordLayout {
    order: Order,
    /// Words from point to point.
    pub point: usize,
    /// Words from tile to tile, or from pair to pair.
    pub tile: usize,
    /// Words from 32 channels to the next; 0 unless the order is [`Order::Panels`].
    pub panel: usize,
    values: usize,
}

impl WordLayout {
    /// The layout of `channels` channels, all phases included.
    pub fn new(
        order: Order,
        instructions: InstructionSet,
        channels: usize,
        tiling: &Tiling,
    ) -> Self {
        let values = instructions.values_per_word();
        let tiles = tiling.tiles();
        let (tile, panel, point) = match order {
            Order::SumOverChannels => {
                let tile = channels / values + GAP;
                (tile, 0, odd_lines(tiles * tile))
            }
            Order::SumOverTiles => {
                let tile = channels + GAP;
                (tile, 0, odd_lines(tiles / values * tile))
            }
            Order::Panels => {
                let panel = tiles / values * COLUMNS;
                (
                    COLUMNS,
                    panel,
                    odd_lines(channels.div_ceil(COLUMNS) * panel),
                )
            }
        };
        Self {
            order,
            point,
            tile,
            panel,
            values,
        }
    }

    /// Index of the word that holds a point of a tile and channel.
    #[inline(always)]
    pub fn word(&self, point: usize, tile: usize, channel: usize) -> usize {
        let start = point * self.point;
        match self.order {
            Order::SumOverChannels => start + tile * self.tile + channel / self.values,
            Order::SumOverTiles => start + tile / self.values * self.tile + channel,
            Order::Panels => {
                let panel = channel / COLUMNS * self.panel;
                start + panel + tile / self.values * self.tile + channel % COLUMNS
            }
        }
    }
}

/// Images and their tiles.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// All images of the batch.
    pub images: &'a [f32],
    /// Sizes of each.
    pub planes: Planes,
    /// Their tiles.
    pub tiling: Tiling,
}

impl<'a> Source<'a> {
    /// The input of a convolution, `[batch, channels, side]`.
    pub fn input(images: &'a [f32], channels: usize, side: [usize; 2], tiling: &Tiling) -> Self {
        Self {
            images,
            planes: Planes {
                channels,
                height: side[0],
                width: side[1],
                before: tiling.before,
            },
            tiling: *tiling,
        }
    }

    /// The gradient of its output, `[batch, channels, side]`. Its tiles do not overlap.
    pub fn gradient(images: &'a [f32], channels: usize, side: [usize; 2], tiling: &Tiling) -> Self {
        Self {
            images,
            planes: Planes {
                channels,
                height: side[0],
                width: side[1],
                before: 0,
            },
            tiling: Tiling {
                phases: 1,
                step: 1,
                shift: 0,
                before: 0,
                ..*tiling
            },
        }
    }

    /// Number of channels of all phases, in whole groups.
    pub fn all_channels(&self) -> usize {
        self.planes.channels.div_ceil(LANES) * self.tiling.group()
    }

    /// Maps all tiles, of `N` x `N` pixels, to `P` x `P` points. Each row of tiles of a group of channels is a task.
    pub fn map<K: Map<N, P>, const N: usize, const P: usize>(
        &self,
        instructions: InstructionSet,
        layout: WordLayout,
        words: &mut [u32],
    ) {
        let words = Shared::new(words);
        let groups = self.planes.channels.div_ceil(LANES);
        let rows = self.tiling.all_rows();
        (0..groups * rows).into_par_iter().for_each(|index| {
            instructions.run(Row::<K, N, P> {
                source: self,
                layout,
                words,
                group: index / rows,
                row: index % rows,
                map: PhantomData,
            });
        });
    }
}

/// A map of tiles, applied along both axes.
pub trait Map<const N: usize, const P: usize>: Send + Sync {
    /// Maps a line of pixels to points.
    fn line<L: Lanes>(pixels: [L; N]) -> [L; P];
}

/// The map of an input: `data`.
pub struct Data<S, const R: usize, const T: usize>(PhantomData<S>);

impl<S: Scheme<R, P, T>, const R: usize, const P: usize, const T: usize> Map<P, P>
    for Data<S, R, T>
{
    #[inline(always)]
    fn line<L: Lanes>(pixels: [L; P]) -> [L; P] {
        S::data(pixels)
    }
}

/// The map of an output's gradient: the adjoint of `output`.
pub struct OutputAdjoint<S, const R: usize>(PhantomData<S>);

impl<S: Scheme<R, P, T>, const R: usize, const P: usize, const T: usize> Map<T, P>
    for OutputAdjoint<S, R>
{
    #[inline(always)]
    fn line<L: Lanes>(pixels: [L; T]) -> [L; P] {
        S::output_adjoint(pixels)
    }
}

/// A row of tiles of a group of channels.
struct Row<'a, K, const N: usize, const P: usize> {
    source: &'a Source<'a>,
    layout: WordLayout,
    words: Shared<'a, u32>,
    group: usize,
    row: usize,
    map: PhantomData<K>,
}

impl<K: Map<N, P>, const N: usize, const P: usize> Task for Row<'_, K, N, P> {
    #[inline(always)]
    fn run<M: Simd>(self, simd: M, scratch: &mut Scratch) {
        let Source {
            images,
            planes,
            tiling,
        } = *self.source;
        let (height, width) = (tiling.reach(1, N), tiling.reach(tiling.row_tiles, N));
        let width = width.max(planes.before + 1);
        let image = self.row / tiling.rows;
        let image = &images[image * planes.len()..][..planes.len()];
        let top = self.row % tiling.rows * tiling.tile * tiling.step;
        let pair = match self.layout.order {
            Order::SumOverChannels => 1,
            Order::SumOverTiles | Order::Panels => M::VALUES,
        };
        let (_, _, band) = scratch.take(0, 0, height * width);
        for (row, band) in band.chunks_exact_mut(width).enumerate() {
            planes.read_row(simd, image, self.group, top + row, band);
        }
        for (q, down, right) in tiling.each_phase() {
            let channel = self.group * tiling.group() + q * LANES;
            for column in (0..tiling.row_tiles).step_by(pair) {
                let tile = self.row * tiling.row_tiles + column;
                let phase = (down, right);
                let first = point_rows::<M, K, N, P>(simd, tiling, band, width, column, phase);
                let second = if pair == 2 {
                    point_rows::<M, K, N, P>(simd, tiling, band, width, column + 1, phase)
                } else {
                    first
                };
                let start = self.layout.word(0, tile, channel);
                for x in 0..P {
                    let first = scheme::column(
                        &first,
                        x,
                        #[inline(always)]
                        |line| K::line(line),
                    );
                    let second = if pair == 2 {
                        scheme::column(
                            &second,
                            x,
                            #[inline(always)]
                            |line| K::line(line),
                        )
                    } else {
                        first
                    };
                    for y in 0..P {
                        let at = start + (y * P + x) * self.layout.point;
                        self.write(simd, at, [first[y], second[y]]);
                    }
                }
            }
        }
    }
}

impl<K, const N: usize, const P: usize> Row<'_, K, N, P> {
    /// Writes the words of a point.
    #[inline(always)]
    fn write<M: Simd>(&self, simd: M, at: usize, [first, second]: [M::Lanes; 2]) {
        let count = match self.layout.order {
            Order::SumOverChannels => LANES / M::VALUES,
            _ => LANES,
        };
        // SAFETY: each task has its own channels and row of tiles, with both tiles of a pair.
        let to = unsafe { self.words.part(at..at + count) };
        // constant lengths, for the compiler
        match self.layout.order {
            Order::SumOverChannels if M::VALUES == 2 => {
                let words = simd.row_words(first);
                to.copy_from_slice(&words[..LANES / 2]);
            }
            Order::SumOverChannels => to.copy_from_slice(&simd.row_words(first)),
            _ => to.copy_from_slice(&simd.words(first, second)),
        }
    }
}

/// Maps the rows of one phase of a tile.
#[inline(always)]
fn point_rows<M: Simd, K: Map<N, P>, const N: usize, const P: usize>(
    simd: M,
    tiling: Tiling,
    band: &[[f32; LANES]],
    width: usize,
    column: usize,
    (down, right): (usize, usize),
) -> [[M::Lanes; P]; N] {
    let mut square = [[simd.zero(); N]; N];
    for y in 0..N {
        let row = &band[(y * tiling.step + down * tiling.shift) * width..][..width];
        let row = &row[tiling.tile * column * tiling.step + right * tiling.shift..];
        for x in 0..N {
            square[y][x] = simd.load(&row[x * tiling.step]);
        }
    }
    rows(
        square,
        #[inline(always)]
        |line| K::line(line),
    )
}
