//! Fast convolutions with 4x4 windows (Winograd 1980; Lavin and Gray, CVPR 2016), with two to five times fewer products
//! than the definition.
//!
//! The output is divided into tiles of 3x3 or 4x4 pixels. Linear maps (module `scheme`) take pixels, weights and
//! outputs to points; at each point the convolution is a matrix product, tiles x channels times channels x channels. A
//! window of stride 2 is the sum of four windows of 2x2 taps and stride 1, its phases, one for each parity of row and
//! column; the sum over phases joins that over channels. A window of stride 1 has one phase of 4x4 taps. In bfloat16 it
//! has four phases of 2x2 taps: their maps have few multiplications and magnify rounding far less.
//!
//! Gradients use the adjoints of the maps:
//!
//! | | from the input | from the weights | from the output |
//! |---|---|---|---|
//! | forward | `data` | `kernel` | `output` |
//! | gradient of the input | `data_adjoint` | `kernel` | `output_adjoint` |
//! | gradient of the weights | `data` | `kernel_adjoint` | `output_adjoint` |
//!
//! A vector holds sixteen channels of a pixel. Images hold channel planes, so they are transposed on the way in and
//! out, 16x16 values at a time.

// squares of vectors are indexed: the compiler unrolls such loops and keeps the vectors in registers, which it does not
// with iterators
#![allow(clippy::needless_range_loop)]

mod band;
mod forward;
mod input_gradient;
mod scheme;
mod tiles;
mod tiling;
mod weight_gradient;
mod weights;

use std::mem::MaybeUninit;

use crate::geometry::Geometry;
use crate::instruction_set::{Arithmetic, InstructionSet};
use crate::weight::{Weight, Weights, by_type};
use scheme::{FourTaps, TwoTaps, TwoTapsWide};
use tiling::Tiling;

/// Smallest number of input and of output channels: with fewer, many lanes are empty.
const CHANNELS: usize = 32;
/// Cost of mapping the weights, in products of a tile with them.
const MAPPING: usize = 9;

/// Whether windows of stride 1 have a fast form. Only discriminators have such windows, and in browsers none runs: there the
/// form would be a tenth of the module.
const STRIDE_1: bool = !cfg!(target_arch = "wasm32");

/// A fast form of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One phase of 4x4 taps, for stride 1, in tiles of 4x4 outputs.
    FourTaps,
    /// Four phases of 2x2 taps, in tiles of 3x3 outputs.
    TwoTaps,
    /// Four phases of 2x2 taps, in tiles of 4x4 outputs.
    TwoTapsWide,
}

/// A convolution or one of its gradients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// The convolution.
    Forward,
    /// The gradient of the input: the transposed convolution.
    InputGradient,
    /// The gradient of the weights.
    WeightGradient,
}

impl Form {
    /// The forms that compute a convolution. In bfloat16, only those that magnify rounding little.
    pub fn all(instructions: InstructionSet, geometry: &Geometry) -> &'static [Self] {
        if geometry.in_channels == 0 || geometry.pixels() == 0 {
            return &[];
        }
        match (geometry.kernel, geometry.stride, instructions.arithmetic()) {
            (4, 1, Arithmetic::F32) if STRIDE_1 => &[Self::FourTaps],
            (4, 2, Arithmetic::F32) => &[Self::TwoTaps, Self::TwoTapsWide],
            (4, 1 | 2, Arithmetic::Bf16) => &[Self::TwoTaps],
            _ => &[],
        }
    }

    /// The fastest form of a pass, or `None` if [`im2col`](crate::im2col) is faster. Compares numbers of products; mapping the
    /// weights counts as nine of them.
    pub fn best(instructions: InstructionSet, geometry: &Geometry, pass: Pass) -> Option<Self> {
        if geometry.in_channels.min(geometry.out_channels) < CHANNELS {
            return None;
        }
        let all = geometry.batch * geometry.pixels();
        let forms = Self::all(instructions, geometry).iter();
        let (cost, form) = forms
            .map(|&form| {
                let twelfths = form.twelfths(pass);
                (form.cost(instructions, geometry) * twelfths, form)
            })
            .min_by_key(|(cost, _)| *cost)?;
        // the definition's products, for the taps of a phase
        (cost < 12 * form.taps() * form.taps() * all).then_some(form)
    }

    /// The time of a product in a pass, compared with patch matrices and with the convolution: twelve are as many products. As
    /// measured where the two are close, at 8x8 outputs.
    fn twelfths(self, pass: Pass) -> usize {
        match (pass, self) {
            (Pass::InputGradient, Self::TwoTapsWide) => 9,
            (Pass::Forward | Pass::InputGradient, _) => 12,
            (Pass::WeightGradient, _) => 16,
        }
    }

    /// Number of products per pair of channels and phase.
    fn cost(self, instructions: InstructionSet, geometry: &Geometry) -> usize {
        let points = self.taps() + self.tile() - 1;
        let tiles = self.tiling(geometry).tiles();
        // bfloat16 words halve the products of the fast form alone
        points * points * (tiles.div_ceil(instructions.values_per_word()) + MAPPING)
    }

    fn tile(self) -> usize {
        match self {
            Self::TwoTaps => 3,
            Self::FourTaps | Self::TwoTapsWide => 4,
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

    /// Convolves: see [`crate::convolution::forward`].
    ///
    /// # Panics
    /// If a slice's length does not fit the geometry, if this form is not among [`Form::all`], or if this processor
    /// does not support the instructions.
    pub fn forward<'a>(
        self,
        instructions: InstructionSet,
        geometry: &Geometry,
        input: &[f32],
        weights: Weights,
        output: &'a mut [MaybeUninit<f32>],
    ) -> &'a mut [f32] {
        geometry.check(input.len(), output.len(), weights.len());
        let tiling = self.checked_tiling(instructions, geometry);
        by_type!(weights => self.forward_by(instructions, geometry, &tiling, input, weights, output))
    }

    fn forward_by<'a, W: Weight>(
        self,
        instructions: InstructionSet,
        geometry: &Geometry,
        tiling: &Tiling,
        input: &[f32],
        weights: &[W],
        output: &'a mut [MaybeUninit<f32>],
    ) -> &'a mut [f32] {
        use forward::forward;
        let forward = match self {
            Self::FourTaps if !STRIDE_1 => unreachable!("it is not among all"),
            Self::FourTaps => forward::<W, FourTaps, 4, 7, 4>,
            Self::TwoTaps => forward::<W, TwoTaps, 2, 4, 3>,
            Self::TwoTapsWide => forward::<W, TwoTapsWide, 2, 5, 4>,
        };
        forward(instructions, geometry, tiling, input, weights, output)
    }

    /// Computes the gradient of the input: see [`crate::convolution::input_gradient`].
    ///
    /// # Panics
    /// As [`forward`](Self::forward) does.
    pub fn input_gradient<'a>(
        self,
        instructions: InstructionSet,
        geometry: &Geometry,
        gradient: &[f32],
        weights: Weights,
        input: &'a mut [MaybeUninit<f32>],
    ) -> &'a mut [f32] {
        geometry.check(input.len(), gradient.len(), weights.len());
        let tiling = self.checked_tiling(instructions, geometry);
        by_type!(weights => self.input_gradient_by(instructions, geometry, &tiling, gradient, weights, input))
    }

    fn input_gradient_by<'a, W: Weight>(
        self,
        instructions: InstructionSet,
        geometry: &Geometry,
        tiling: &Tiling,
        gradient: &[f32],
        weights: &[W],
        input: &'a mut [MaybeUninit<f32>],
    ) -> &'a mut [f32] {
        use input_gradient::input_gradient;
        let input_gradient = match self {
            Self::FourTaps if !STRIDE_1 => unreachable!("it is not among all"),
            Self::FourTaps => input_gradient::<W, FourTaps, 4, 7, 4>,
            Self::TwoTaps => input_gradient::<W, TwoTaps, 2, 4, 3>,
            Self::TwoTapsWide => input_gradient::<W, TwoTapsWide, 2, 5, 4>,
        };
        input_gradient(instructions, geometry, tiling, gradient, weights, input)
    }

    /// Computes the gradient of the weights: see [`crate::convolution::weight_gradient`].
    ///
    /// # Panics
    /// As [`forward`](Self::forward) does.
    pub fn weight_gradient<'a>(
        self,
        instructions: InstructionSet,
        geometry: &Geometry,
        input: &[f32],
        gradient: &[f32],
        weights: &'a mut [MaybeUninit<f32>],
    ) -> &'a mut [f32] {
        use weight_gradient::weight_gradient;
        geometry.check(input.len(), gradient.len(), weights.len());
        let tiling = self
            .checked_tiling(instructions, geometry)
            .even(instructions);
        let weight_gradient = match self {
            Self::FourTaps => weight_gradient::<FourTaps, 4, 7, 4>,
            Self::TwoTaps => weight_gradient::<TwoTaps, 2, 4, 3>,
            Self::TwoTapsWide => weight_gradient::<TwoTapsWide, 2, 5, 4>,
        };
        weight_gradient(instructions, geometry, &tiling, input, gradient, weights)
    }

    /// The tiling, if this form computes the convolution: kernels rely on it to write their whole output.
    fn checked_tiling(self, instructions: InstructionSet, geometry: &Geometry) -> Tiling {
        let possible = Self::all(instructions, geometry).contains(&self);
        assert!(possible, "{self:?} computes {geometry:?}");
        self.tiling(geometry)
    }
}
