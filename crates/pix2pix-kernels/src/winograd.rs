//! Fast convolutions with 4x4 windows (Winograd 1980; Lavin and Gray, CVPR 2016): two to four times
//! fewer products than the definition has.
//!
//! The output is cut into tiles of 3x3 pixels. Pixels, weights and outputs are mapped to points
//! (module `scheme`), where the convolution is a matrix product for each point: tiles x channels times
//! channels x channels. A window of stride 2 is four windows of 2x2 taps and stride 1, one for each
//! parity of row and column, whose sum is taken together with that over the channels. A window of
//! stride 1 is one of 4x4 taps, or, where 8 significant bits have to do, four of 2x2 taps: their maps
//! have only additions and magnify rounding far less.
//!
//! All three maps are linear, and the gradients are made of their adjoints: no map is written twice.
//!
//! | | from the input | from the weights | from the output |
//! |---|---|---|---|
//! | forward | `data` | `kernel` | `output` |
//! | gradient of the input | `data_adjoint` | `kernel` | `output_adjoint` |
//! | gradient of the weights | `data` | `kernel_adjoint` | `output_adjoint` |
//!
//! Vectors go along the channels: sixteen channels of a pixel side by side. Images keep channel planes,
//! so that they are transposed on their way in and out, 16x16 values in registers.

// squares of vectors are read and written by index: the compiler unrolls such loops, and keeps the
// vectors in registers, where it does not see through iterators
#![allow(clippy::needless_range_loop)]

mod band;
mod forward;
mod input_gradient;
mod scheme;
mod tiles;
mod tiling;
mod weight_gradient;
mod weights;

use crate::geometry::Geometry;
use crate::machine::{Arithmetic, Path};
use scheme::{FourTaps, TwoTaps};
use tiling::Tiling;

/// Fewest channels on either side: fewer leave most lanes empty.
const CHANNELS: usize = 32;
/// Fewest tiles: with fewer, mapping the weights costs more than it saves.
fn fewest_tiles(arithmetic: Arithmetic) -> usize {
    match arithmetic {
        Arithmetic::F32 => 16,
        Arithmetic::Bf16 => 9,
    }
}

/// Whether a convolution has a fast form that is faster.
pub fn suits(path: Path, geometry: &Geometry) -> bool {
    let [height, width] = geometry.output();
    let tiles = height.div_ceil(scheme::TILE) * width.div_ceil(scheme::TILE) * geometry.batch;
    possible(geometry)
        && geometry.in_channels.min(geometry.out_channels) >= CHANNELS
        && tiles >= fewest_tiles(path.arithmetic())
}

/// Whether a convolution has a fast form.
pub fn possible(geometry: &Geometry) -> bool {
    geometry.kernel == 4 && (1..=2).contains(&geometry.stride)
}

/// Whether a path takes a window of stride 1 as one of 4x4 taps.
fn four_taps(path: Path, geometry: &Geometry) -> bool {
    geometry.stride == 1 && path.arithmetic() == Arithmetic::F32
}

/// Convolves: see [`crate::forward`].
pub fn forward(path: Path, g: &Geometry, input: &[f32], weights: &[f32], output: &mut [f32]) {
    if four_taps(path, g) {
        let tiling = Tiling::whole_window(g);
        forward::forward::<FourTaps, 4, 6>(path, g, &tiling, input, weights, output);
    } else {
        let tiling = Tiling::quarters(g);
        forward::forward::<TwoTaps, 2, 4>(path, g, &tiling, input, weights, output);
    }
}

/// Takes a gradient back to the input: see [`crate::input_gradient`].
pub fn input_gradient(
    path: Path,
    g: &Geometry,
    gradient: &[f32],
    weights: &[f32],
    input: &mut [f32],
) {
    use input_gradient::input_gradient;
    if four_taps(path, g) {
        let tiling = Tiling::whole_window(g);
        input_gradient::<FourTaps, 4, 6>(path, g, &tiling, gradient, weights, input);
    } else {
        let tiling = Tiling::quarters(g);
        input_gradient::<TwoTaps, 2, 4>(path, g, &tiling, gradient, weights, input);
    }
}

/// Takes a gradient back to the weights: see [`crate::weight_gradient`].
pub fn weight_gradient(
    path: Path,
    g: &Geometry,
    input: &[f32],
    gradient: &[f32],
    weights: &mut [f32],
) {
    use weight_gradient::weight_gradient;
    if four_taps(path, g) {
        let tiling = Tiling::whole_window(g).even(path);
        weight_gradient::<FourTaps, 4, 6>(path, g, &tiling, input, gradient, weights);
    } else {
        let tiling = Tiling::quarters(g).even(path);
        weight_gradient::<TwoTaps, 2, 4>(path, g, &tiling, input, gradient, weights);
    }
}
