//! The gradient of the input: the transposed convolution.

// vectors are indexed: the compiler unrolls such loops and keeps the vectors in registers, which it does not with iterators
#![allow(clippy::needless_range_loop)]

use std::mem::MaybeUninit;
use std::ops::Range;

use rayon::prelude::*;

use crate::geometry::{Geometry, split};
use crate::im2col::patches;
use crate::instruction_set::{Arithmetic, InstructionSet};
use crate::lanes::{LANES, Lanes};
use crate::output::zeroed;
use crate::prefetch::prefetch;
use crate::scratch::Scratch;
use crate::shared::Shared;
use crate::simd::{COLUMNS, Simd, Task};
use crate::weight::Weight;

/// Taps of a task, those of some input channels: 2 KB of each output channel's weights.
const TAPS: usize = 16 * COLUMNS;
/// Output channels to read side by side: as many as the processor prefetches.
const STEPS: usize = 16;

/// Whether the weights of a task's channels are whole blocks.
pub fn suits(geometry: &Geometry) -> bool {
    let window = geometry.kernel * geometry.kernel;
    super::suits(geometry) && TAPS.is_multiple_of(window) && geometry.taps().is_multiple_of(COLUMNS)
}

/// Computes the gradient of the input; lengths are checked.
pub fn input_gradient<'a, W: Weight>(
    geometry: &Geometry,
    gradient: &[f32],
    weights: &[W],
    input: &'a mut [MaybeUninit<f32>],
) -> &'a mut [f32] {
    let (pixels, outputs) = (geometry.pixels(), geometry.out_channels);
    // [output channel][pixel of all images]
    let all = geometry.batch * pixels;
    let mut columns = vec![0.0; outputs * all];
    for (image, values) in gradient.chunks_exact(geometry.output_len()).enumerate() {
        for (channel, values) in values.chunks_exact(pixels).enumerate() {
            columns[channel * all + image * pixels..][..pixels].copy_from_slice(values);
        }
    }
    let channels = TAPS / (geometry.kernel * geometry.kernel);
    let shared = Shared::new(&mut *input);
    split(geometry.in_channels, channels)
        .into_par_iter()
        .for_each(|channels| {
            InstructionSet::best(Arithmetic::F32).run(Channels {
                geometry,
                gradient: &columns,
                weights,
                input: shared,
                channels,
            });
        });
    // SAFETY: the tasks' channels are all that the input has, and each task wrote all of its own.
    unsafe { input.assume_init_mut() }
}

/// Some input channels of all images.
struct Channels<'a, W> {
    geometry: &'a Geometry,
    gradient: &'a [f32],
    weights: &'a [W],
    input: Shared<'a, MaybeUninit<f32>>,
    channels: Range<usize>,
}

impl<W: Weight> Task for Channels<'_, W> {
    #[inline(always)]
    fn run<M: Simd>(self, simd: M, scratch: &mut Scratch) {
        let geometry = self.geometry;
        let window = geometry.kernel * geometry.kernel;
        let pixels = geometry.pixels();
        let all = geometry.batch * pixels;
        let taps = self.channels.len() * window;
        let (floats, _, _) = scratch.take(all * TAPS + taps * pixels, 0, 0);
        let (products, matrix) = floats.split_at_mut(all * TAPS);
        products.fill(0.0);
        for outputs in split(geometry.out_channels, STEPS) {
            // as many sums as fit the registers
            if M::ROWS >= 12 {
                self.add_all::<M, 8, 2>(simd, outputs, products);
            } else if M::ROWS >= 6 && all >= 12 {
                self.add_all::<M, 6, 1>(simd, outputs, products);
            } else {
                self.add_all::<M, 2, 2>(simd, outputs, products);
            }
        }
        let plane = geometry.input[0] * geometry.input[1];
        let rows = 0..geometry.output()[0];
        for image in 0..geometry.batch {
            for (tap, line) in matrix.chunks_exact_mut(pixels).enumerate() {
                for (pixel, value) in line.iter_mut().enumerate() {
                    *value = products[(image * pixels + pixel) * TAPS + tap];
                }
            }
            let start = image * geometry.input_len() + self.channels.start * plane;
            // SAFETY: each task has its own input channels.
            let planes = unsafe { self.input.part(start..start + self.channels.len() * plane) };
            let planes = zeroed(planes);
            patches::scatter_add(
                geometry,
                matrix,
                self.channels.clone(),
                rows.clone(),
                0..geometry.input[0],
                planes,
            );
        }
    }
}

impl<W: Weight> Channels<'_, W> {
    /// Adds the weights of some output channels, times the gradients of these, to the products `[pixel][tap]`: `V` vectors of taps
    /// and `P` pixels at a time.
    #[inline(always)]
    fn add_all<M: Simd, const P: usize, const V: usize>(
        &self,
        simd: M,
        outputs: Range<usize>,
        products: &mut [f32],
    ) {
        let geometry = self.geometry;
        let all = geometry.batch * geometry.pixels();
        let taps = self.channels.len() * geometry.kernel * geometry.kernel;
        for column in (0..taps).step_by(V * LANES) {
            let mut pixel = 0;
            while pixel + P <= all {
                self.add::<M, P, V>(simd, outputs.clone(), column, pixel, products);
                pixel += P;
            }
            while P >= 8 && pixel + 4 <= all {
                self.add::<M, 4, V>(simd, outputs.clone(), column, pixel, products);
                pixel += 4;
            }
            while pixel + 2 <= all {
                self.add::<M, 2, V>(simd, outputs.clone(), column, pixel, products);
                pixel += 2;
            }
            if pixel < all {
                self.add::<M, 1, V>(simd, outputs.clone(), column, pixel, products);
            }
        }
    }

    /// Adds the weights of some output channels in `V` vectors of taps, times the gradients of `P` pixels of these channels, to
    /// the products `[pixel][tap]`.
    #[inline(always)]
    fn add<M: Simd, const P: usize, const V: usize>(
        &self,
        simd: M,
        outputs: Range<usize>,
        column: usize,
        pixel: usize,
        products: &mut [f32],
    ) {
        let geometry = self.geometry;
        let all = geometry.batch * geometry.pixels();
        let window = geometry.kernel * geometry.kernel;
        let first = self.channels.start * window + column;
        let mut sums = [[simd.zero(); V]; P];
        for index in 0..P {
            let from = vectors::<_, V>(&products[(pixel + index) * TAPS + column..]);
            for v in 0..V {
                sums[index][v] = simd.load(&from[v]);
            }
        }
        for output in outputs {
            let from = vectors::<_, V>(&self.weights[output * geometry.taps() + first..]);
            let mut right = [simd.zero(); V];
            for v in 0..V {
                right[v] = W::load(simd, &from[v]);
            }
            if pixel == 0 {
                // the next outputs' weights, which would be waited for while nothing is computed
                let next = (output + STEPS) * geometry.taps() + first;
                for v in 0..V {
                    prefetch(self.weights, next + v * LANES);
                }
            }
            let left: &[f32; P] = self.gradient[output * all + pixel..]
                .first_chunk()
                .expect("gradients of all pixels");
            for (sums, left) in sums.iter_mut().zip(left) {
                let left = simd.splat(*left);
                for v in 0..V {
                    sums[v] = sums[v].multiply_add(left, right[v]);
                }
            }
        }
        for index in 0..P {
            let to = &mut products[(pixel + index) * TAPS + column..][..V * LANES];
            let (to, _) = to.as_chunks_mut();
            for v in 0..V {
                sums[index][v].store(&mut to[v]);
            }
        }
    }
}

/// The first `V` vectors of some values.
#[inline(always)]
fn vectors<T, const V: usize>(values: &[T]) -> &[[T; LANES]; V] {
    values.as_chunks().0.first_chunk().expect("whole vectors")
}
