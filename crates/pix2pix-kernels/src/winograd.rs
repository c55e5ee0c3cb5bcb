//! Fast convolutions with 4x4 windows (Winograd 1980; Lavin and Gray, CVPR 2016): two to four times
//! fewer products than the definition has.
//!
//! The output is cut into tiles of 3x3 or 4x4 pixels. Pixels, weights and outputs are mapped to points
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
use scheme::{FourTaps, TwoTaps, TwoTapsWide};
use tiling::Tiling;

/// Fewest channels on either side: fewer leave most lanes empty.
const CHANNELS: usize = 32;
/// What mapping the weights to a point costs, in products of a tile with them.
const MAPPING: usize = 9;

/// A fast form of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Of stride 1, all 4x4 taps at once, in tiles of 3x3 outputs.
    FourTaps,
    /// Phases of 2x2 taps, in tiles of 3x3 outputs.
    TwoTaps,
    /// Phases of 2x2 taps, in tiles of 4x4 outputs.
    TwoTapsWide,
}

impl Form {
    /// The forms that a convolution has, with an arithmetic whose rounding they do not magnify too
    /// much.
    pub fn all(path: Path, geometry: &Geometry) -> &'static [Self] {
        match (geometry.kernel, geometry.stride, path.arithmetic()) {
            (4, 1, Arithmetic::F32) => &[Self::FourTaps],
            (4, 2, Arithmetic::F32) => &[Self::TwoTaps, Self::TwoTapsWide],
            (4, 1 | 2, Arithmetic::Bf16) => &[Self::TwoTaps],
            _ => &[],
        }
    }

    /// The fastest form of a convolution, if that is faster than its definition: by the number of
    /// products, those that mapping the weights costs counted with them.
    pub fn best(path: Path, geometry: &Geometry) -> Option<Self> {
        if geometry.in_channels.min(geometry.out_channels) < CHANNELS {
            return None;
        }
        let all = geometry.batch * geometry.pixels();
        let forms = Self::all(path, geometry).iter();
        let (cost, form) = forms
            .map(|&form| (form.cost(path, geometry), form))
            .min_by_key(|(cost, _)| *cost)?;
        // the definition's products, for the taps that a form takes together
        (cost < form.taps() * form.taps() * all).then_some(form)
    }

    /// Products for each pair of channels and each phase.
    fn cost(self, path: Path, geometry: &Geometry) -> usize {
        let points = self.taps() + self.tile() - 1;
        let tiles = self.tiling(geometry).tiles();
        // bfloat16 halves the products of the fast form, and those alone
        points * points * (tiles.div_ceil(path.values_a_word()) + MAPPING)
    }

    fn tile(self) -> usize {
        match self {
            Self::FourTaps | Self::TwoTaps => 3,
            Self::TwoTapsWide => 4,
        }
    }

    fn taps(self) -> usize {
        match self {
            Self::FourTaps => 4,
            Self::TwoTaps | Self::TwoTapsWide => 2,
        }
    }

    fn tiling(self, geometry: &Geometry) -> Tiling {
        match self {
            Self::FourTaps => Tiling::whole_window(geometry, self.tile()),
            Self::TwoTaps | Self::TwoTapsWide => Tiling::quarters(geometry, self.tile()),
        }
    }

    /// Convolves: see [`crate::forward`].
    pub fn forward(
        self,
        path: Path,
        geometry: &Geometry,
        input: &[f32],
        weights: &[f32],
        output: &mut [f32],
    ) {
        use forward::forward;
        let tiling = self.tiling(geometry);
        let forward = match self {
            Self::FourTaps => forward::<FourTaps, 4, 6, 3>,
            Self::TwoTaps => forward::<TwoTaps, 2, 4, 3>,
            Self::TwoTapsWide => forward::<TwoTapsWide, 2, 5, 4>,
        };
        forward(path, geometry, &tiling, input, weights, output);
    }

    /// Takes a gradient back to the input: see [`crate::input_gradient`].
    pub fn input_gradient(
        self,
        path: Path,
        geometry: &Geometry,
        gradient: &[f32],
        weights: &[f32],
        input: &mut [f32],
    ) {
        use input_gradient::input_gradient;
        let tiling = self.tiling(geometry);
        let input_gradient = match self {
            Self::FourTaps => input_gradient::<FourTaps, 4, 6, 3>,
            Self::TwoTaps => input_gradient::<TwoTaps, 2, 4, 3>,
            Self::TwoTapsWide => input_gradient::<TwoTapsWide, 2, 5, 4>,
        };
        input_gradient(path, geometry, &tiling, gradient, weights, input);
    }

    /// Takes a gradient back to the weights: see [`crate::weight_gradient`].
    pub fn weight_gradient(
        self,
        path: Path,
        geometry: &Geometry,
        input: &[f32],
        gradient: &[f32],
        weights: &mut [f32],
    ) {
        use weight_gradient::weight_gradient;
        let tiling = self.tiling(geometry).even(path);
        let weight_gradient = match self {
            Self::FourTaps => weight_gradient::<FourTaps, 4, 6, 3>,
            Self::TwoTaps => weight_gradient::<TwoTaps, 2, 4, 3>,
            Self::TwoTapsWide => weight_gradient::<TwoTapsWide, 2, 5, 4>,
        };
        weight_gradient(path, geometry, &tiling, input, gradient, weights);
    }
}
